// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- MachinePrice.h - Prices of reshard steps on a machine ----------------------===//
//
// Answers the placement algebra's question, what one step between two placements costs, with a cost model and
// the devices of the step's mesh. All groups of ranks run the step at once; the slowest decides. Example:
//
//   MachinePrice price(machine, cost);
//   placement::findReshard(..., price);    // any function that takes a CommunicationPrice
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_COST_MACHINEPRICE_H
#define PARTITA_COST_MACHINEPRICE_H

#include "partita/cost/CostModel.h"
#include "partita/placement/CommunicationPrice.h"

#include <map>
#include <mutex>

namespace partita::cost {

/// May be asked from several threads. Machine and cost must outlive it.
class MachinePrice : public placement::CommunicationPrice {
public:
  MachinePrice(const machine::Machine &machine, const CostModel &cost) : machine(machine), cost(cost) {}

  /// Steps that stay on a rank (slice, partialize, steps over time axes) are priced as copies in its memory.
  /// Infinity for a mesh with a device that the machine does not have.
  double seconds(const placement::StepDescription &step) const override;

  /// The different shapes of the groups of ranks that differ in these axes only, in order. Empty for a mesh
  /// with a device that the machine does not have.
  std::vector<machine::GroupShape> findGroupShapes(const placement::Mesh &mesh, const std::vector<int> &axes) const;

private:
  double copySeconds(const placement::StepDescription &step) const;

  const machine::Machine &machine;
  const CostModel &cost;
  mutable std::mutex mutex;
  mutable std::map<std::pair<placement::Mesh, std::vector<int>>, std::vector<machine::GroupShape>> shapes;
};

} // namespace partita::cost

#endif // PARTITA_COST_MACHINEPRICE_H
