// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- CommunicationPrice.h - What a reshard step costs ---------*- C++ -*-===//
//
// The question the placement algebra asks of a cost model: how long does this one step take on this mesh. The algebra
// says what is moved; the implementation (lib/cost on a real machine) knows links and algorithms.
//
// Example: an all-gather over axis "tensor" (8 devices) of shards of 1 MiB is described as
//   {StepKind::allGather, mesh, {1}, 8, 1 MiB, 8 MiB, 7 MiB}
// and BytesPrice(1e-9, 1e-6) answers 7 MiB * 1e-9 + 1e-6 seconds.
//
//===----------------------------------------------------------------------===//

#ifndef PARTITA_PLACEMENT_COMMUNICATIONPRICE_H
#define PARTITA_PLACEMENT_COMMUNICATIONPRICE_H

#include "partita/placement/Placement.h"

namespace partita::placement {

/// The kinds of step between two placements on one mesh (see Reshard.h for their meaning).
enum class StepKind { slice, partialize, allReduce, reduceScatter, allGather, allToAll, exchange };

/// "all-gather" and so on.
std::string toString(StepKind kind);

/// True for the steps that need no other rank: slice and partialize.
bool isLocal(StepKind kind);

/// What one execution of a step moves. Bytes are bounds: of the rank with the largest part, at the bounds of symbolic
/// dims. A step over time axes (accumulating or concatenating micro-batches) moves nothing between ranks: groupSize is
/// 1 and busiestBytes 0.
struct StepDescription {
  StepKind kind;
  const Mesh &mesh;
  /// The axes whose coordinates vary inside one group of ranks, ascending; all of one AxisKind (for an exchange: the
  /// space axes that are not in the common outer part of both placements).
  std::vector<int> axes;
  /// Ranks per group: the product of the sizes of `axes` that are space axes.
  int64_t groupSize = 1;
  /// Local bytes before and after.
  int64_t sourceBytes = 0;
  int64_t resultBytes = 0;
  /// Bytes the busiest rank must send (or receive, if that is more) when every message goes straight to its reader.
  /// With p = groupSize: all-gather (p-1) x source; reduce-scatter (p-1) x result; all-to-all (p-1) x the largest piece
  /// that one rank has of another's result; all-reduce 2 (p-1) x ceil(elements / p); exchange: exact.
  int64_t busiestBytes = 0;
};

class CommunicationPrice {
public:
  virtual ~CommunicationPrice() = default;
  /// Seconds of one execution, >= 0; infinity forbids the step. Must depend on the description only, and must not fall
  /// when busiestBytes grows and nothing else changes. Sums are made in whole picoseconds.
  virtual double seconds(const StepDescription &step) const = 0;
};

/// Bytes of the busiest rank times a constant, plus a constant for each step that communicates (three times for an
/// exchange). Used for hand-written plans, where no machine is known, and in tests.
class BytesPrice : public CommunicationPrice {
public:
  explicit BytesPrice(double secondsPerByte = 1e-9, double secondsPerStep = 1e-6)
      : secondsPerByte(secondsPerByte), secondsPerStep(secondsPerStep) {}
  double seconds(const StepDescription &step) const override;

private:
  double secondsPerByte;
  double secondsPerStep;
};

} // namespace partita::placement

#endif // PARTITA_PLACEMENT_COMMUNICATIONPRICE_H
