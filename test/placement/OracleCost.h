// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- OracleCost.h - The cheapest reshard by exhaustion --------*- C++ -*-===//
//
// Lists every placement of the space that Reshard.h describes, every pair of them that is one step, prices these
// from the boxes of all ranks, and relaxes all of them until nothing improves (Bellman-Ford).
//
// Example: ExhaustiveSearch search(world, 4, price); search.find(from, to)->path is the only right answer.
//
//===----------------------------------------------------------------------===//

#ifndef PARTITA_TEST_PLACEMENT_ORACLECOST_H
#define PARTITA_TEST_PLACEMENT_ORACLECOST_H

#include "Oracle.h"

#include <memory>

namespace partita::placement::oracle {

struct CheapestPath {
  int64_t picoseconds = 0;
  /// Canonical placements.
  std::vector<Placement> path;
};

/// The kind of the step between two placements as they are written (equivalent ones are not looked for).
std::optional<Step> literalStep(const Mesh &mesh, const Placement &from, const Placement &to);

/// What the step moves, from the boxes at all coordinates.
StepDescription describeByBoxes(World &world, const Step &step, int64_t elementBytes, const Placement &from,
                                const Placement &to);

/// Elements the busiest rank sends or receives; nothing if some element is nowhere when it is needed.
std::optional<int64_t> exchangeByElements(World &world, const Placement &from, const Placement &to);

class ExhaustiveSearch {
public:
  ExhaustiveSearch(World &world, int64_t elementBytes, const CommunicationPrice &price);
  ~ExhaustiveSearch();
  /// Both canonical.
  std::optional<CheapestPath> find(const Placement &from, const Placement &to);
  /// The structured step between the placements or equivalent ones in their space.
  std::optional<Step> structuredStep(const Placement &from, const Placement &to);

private:
  struct Space;
  Space &spaceFor(const Placement &from, const Placement &to);

  World &world;
  int64_t elementBytes;
  const CommunicationPrice &price;
  std::map<std::pair<std::vector<std::set<Split>>, std::set<std::pair<int, PartialKind>>>, std::unique_ptr<Space>>
      spaces;
};

} // namespace partita::placement::oracle

#endif // PARTITA_TEST_PLACEMENT_ORACLECOST_H
