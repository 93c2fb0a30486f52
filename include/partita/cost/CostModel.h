// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- CostModel.h - How long computing and communicating takes -------------------===//
//
// The one interface for all predictions of time. Who asks says what is computed or sent, a model answers in
// seconds: the analytic one (AnalyticCost.h), tables of numbers in tests (FakeCost.h), measured tables later.
// Example:
//
//   AnalyticCost cost;
//   Computation product{2.0 * 4096 * 4096 * 4096, Bytes{64 << 20}, Bytes{32 << 20}, "bf16", Unit::Matrix};
//   cost.computeSeconds(product, machine.typeOf(device));                  // 0.2 ms on an H100
//   GroupShape node = machine.findGroupShape(devices);
//   cost.collectiveSeconds({Collective::AllReduce, Bytes{64 << 20}}, node, machine);
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_COST_COSTMODEL_H
#define PARTITA_COST_COSTMODEL_H

#include "partita/machine/Machine.h"
#include "partita/support/Units.h"

#include <string>

namespace partita::cost {

/// Which unit of a device executes the arithmetic. Movement computes nothing (copies, transposes).
enum class Unit { Matrix, Attention, Vector, Movement };

/// Extents of a (batched) matrix product m x k times k x n. Zero where not known.
struct MatrixShape {
  int64_t batch = 1;
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;

  bool isKnown() const { return m > 0 && n > 0 && k > 0; }
  bool operator==(const MatrixShape &) const = default;
};

/// What one kernel does on one device: local extents, not those of the whole value.
struct Computation {
  /// Floating-point or integer operations; a fused multiply-add counts two.
  double operations = 0;
  /// Traffic with the device's memory.
  Bytes read;
  Bytes written;
  /// Element type of the arithmetic: "f32", "bf16", "f8E4M3FN" ...
  std::string elementType = "f32";
  Unit unit = Unit::Vector;
  /// Of matrix work, where known: small or narrow products do not fill a device.
  MatrixShape shape;

  bool operator==(const Computation &) const = default;
};

/// Operations that all devices of a group take part in. PointToPoint is one message between two devices.
/// Exchange is any pattern of direct messages (a change of placement that is no other operation).
enum class Collective { AllReduce, AllGather, ReduceScatter, AllToAll, Broadcast, PointToPoint, Exchange };
llvm::StringRef toString(Collective kind);

/// One collective operation and its size, per device of the group:
///   AllReduce, Broadcast   the buffer          AllToAll       the local buffer, of which 1/n stays
///   AllGather              the whole result    PointToPoint   the message
///   ReduceScatter          the whole source    Exchange       what the busiest device sends or receives
struct Communication {
  Collective kind = Collective::AllReduce;
  Bytes bytes;

  auto operator<=>(const Communication &) const = default;
};

class CostModel {
public:
  virtual ~CostModel() = default;

  /// Time of one kernel, its launch included. Finite, at least 0, and no less for more work.
  virtual Seconds computeSeconds(const Computation &computation, const machine::DeviceType &device) const = 0;

  /// Time of one operation with nothing else on the links. 0 for a group of one device. The levels of `group`
  /// are those of `machine`.
  virtual Seconds collectiveSeconds(const Communication &communication, const machine::GroupShape &group,
                                    const machine::Machine &machine) const = 0;

  /// 16 hexadecimal digits of all figures that answers depend on beside the machine; plans record it.
  virtual std::string hash() const = 0;
};

} // namespace partita::cost

#endif // PARTITA_COST_COSTMODEL_H
