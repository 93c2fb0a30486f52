// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Search.h - The best decisions along a sequence ------------------------------===//
//
// Dynamic programming over the root steps (Sequence.h). A state says in which placements copies of each live value
// exist; a label is a way to get there: its time and memory. From each label each way to take the next step and what is
// below it leads on. Layers that repeat are walked until walking one more changes nothing but adds a constant; the rest
// are then added at once. A frontier grows with every layer and is walked to the end. Example, one op left to decide:
//
//   state {x: [rows]}, label 3 us  --option "columns", all-to-all x from [rows] 1 us, 2 us of work-->
//   state {x: [rows] [columns], y: [columns]}, label 6 us
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_PLANNER_SEARCH_H
#define PARTITA_LIB_PLANNER_SEARCH_H

#include "Options.h"
#include "Sequence.h"

namespace partita::planner {

/// What makes one label better than another of the same state.
enum class Objective {
  time,     ///< less time; memory is not looked at
  weighted, ///< less time plus weight times stored bytes (a Lagrangian relaxation of the memory limit)
  frontier  ///< neither slower nor larger: all that may still fit the limit are kept
};

/// Weights are picoseconds for each GiB stored. The heaviest: memory first, time where memory is equal.
constexpr int64_t kWeightShift = 30;
constexpr int64_t kHeaviest = int64_t(1) << 46;

struct SearchLimits {
  int64_t mostStates = 2000;
  int64_t mostLabels = 64;
  int64_t memory = std::numeric_limits<int64_t>::max();
  int64_t weight = 0;
  /// Of a frontier: only plans whose weighted cost is at most so much above the least are wanted, and `memory` limits
  /// stored bytes alone. Negative: all plans are, and it limits stored bytes and the peak of the others.
  Picoseconds slack = -1;
  /// Alternatives that may be looked at; the search gives up beyond.
  int64_t mostWork = std::numeric_limits<int64_t>::max();
};

/// What an objective adds up.
Picoseconds costOf(Objective objective, const SearchLimits &limits, Picoseconds time, int64_t storage);

/// What was chosen at one step: the option's number, and for each operand the copy that its reshard starts from (for
/// an argument: the placement in which it is kept). A transfer or settling has one source and one target.
struct Decision {
  int option = -1;
  std::vector<PlacementId> sources;
};

struct SearchResult {
  std::vector<Decision> decisions;
  Picoseconds time = 0;
  /// Bound of bytes, by the search's own account.
  int64_t storage = 0, peak = 0;
  int64_t labels = 0;
  bool exact = true;
};

/// One mesh candidate, ready to be searched: spaces and options of each stage.
struct SearchSpace {
  SearchSpace(const PlanningProblem &problem, const MeshCandidate &candidate, const Sequence &sequence,
              ReshardPrices &reshards);

  PlacementSpace &spaceOf(const StagedValue &value);
  /// Time to send a value of this placement from one stage to another, all micro-batches.
  Picoseconds priceTransfer(const StagedValue &from, int toStage, PlacementId placement);

  const PlanningProblem &problem;
  const MeshCandidate &candidate;
  std::vector<std::unique_ptr<SpaceTable>> spaces;
  std::vector<std::unique_ptr<OptionTable>> options;
};

/// Objective: see `objective`; the sum of compute, reshard and transfer times of all steps, or of these and weighted
/// bytes. Optimal among all combinations of options and sources, unless `exact` is false: then more states or labels
/// than `limits` allow were met, and the best ones kept. Nothing when no decision is possible: pins exclude each other
/// (`stuckOp` is the op without an option), nothing fits `limits.memory`, or `limits.mostWork` is used up (`stuckOp` is
/// -1 or -2).
std::optional<SearchResult> solveSequence(const Sequence &sequence, SearchSpace &space, Objective objective,
                                          const SearchLimits &limits, int &stuckOp);

} // namespace partita::planner

#endif // PARTITA_LIB_PLANNER_SEARCH_H
