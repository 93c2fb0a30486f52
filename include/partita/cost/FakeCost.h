// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- FakeCost.h - A table of numbers instead of a machine -----------------------===//
//
// For tests of planners and simulators: every price is a number that the test chose, independent of the
// machine, so that the best plan can be worked out by hand. Example:
//
//   FakeCost cost;
//   cost.perOperation[Unit::Matrix] = 1;                     // one second an operation
//   cost.collectives[Collective::AllReduce] = {10, 0.5};     // ten seconds, and half a second a byte
//   cost.collectiveSeconds({Collective::AllReduce, Bytes{4}}, group, machine);   // 12 s, and 0 for one device
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_COST_FAKECOST_H
#define PARTITA_COST_FAKECOST_H

#include "partita/cost/CostModel.h"

#include <map>

namespace partita::cost {

/// Seconds for each operation of a kind, and for each byte of it.
struct FakePrice {
  double perUse = 0;
  double perByte = 0;

  bool operator==(const FakePrice &) const = default;
};

/// What is not in a table is free.
class FakeCost : public CostModel {
public:
  std::map<Unit, double> perOperation;
  /// Seconds for each byte read or written.
  double perMemoryByte = 0;
  double perKernel = 0;
  std::map<Collective, FakePrice> collectives;

  Seconds computeSeconds(const Computation &computation, const machine::DeviceType &device) const override;
  Seconds collectiveSeconds(const Communication &communication, const machine::GroupShape &group,
                            const machine::Machine &machine) const override;
  std::string hash() const override;
};

} // namespace partita::cost

#endif // PARTITA_COST_FAKECOST_H
