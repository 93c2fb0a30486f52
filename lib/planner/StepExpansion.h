// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- StepExpansion.h - All ways to take one root step ----------------------------===//
//
// The inner steps below a root form a tree. For each node, and for each situation of the values that it reads, all ways
// to take it are found once: a reader asks for what it wants of an inner result, not for every way to make it. Example:
// attention(q, k, v) has an option "heads"; what matters of q is the cheapest way to have it by heads.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_PLANNER_STEPEXPANSION_H
#define PARTITA_LIB_PLANNER_STEPEXPANSION_H

#include "SearchState.h"
#include "Ways.h"

namespace partita::planner {

/// Takes one root step from the states of a layer; what it has found it keeps for equal steps of other layers.
class StepExpansion {
public:
  StepExpansion(SearchTables &tables, size_t root);

  /// False when a step has no option at all; `stuckOp` is then its op.
  bool hasOptions(int &stuckOp) const;
  /// Adds what the labels of a state, numbered from `firstNumber`, lead to.
  void expand(const State &state, int firstNumber, LayerBuilder &builder);
  /// Those that states list afterwards.
  const std::vector<TrackedValue> &valuesAfter() const { return after; }

private:
  /// A step of the tree. Slots are positions in `working`.
  struct Node {
    int step = -1;
    const std::vector<OpOption> *options = nullptr;
    /// For each operand the node that makes it, or -1.
    std::vector<int> makers;
    /// Operands in the order in which they are decided: inner results come first.
    std::vector<size_t> order;
    /// What it and its inner steps read, ascending; for each whether nobody reads it after this step.
    std::vector<size_t> slots;
    std::vector<bool> isLast;
    std::vector<TrackedValue> values;
    /// The only result.
    TrackedValue result;
    std::unordered_map<Context, std::vector<Way>, ContextHash> found, arrivals;
  };

  /// A placement in which an untracked argument may be kept for a reader.
  struct Kept {
    PlacementId source;
    Picoseconds time;
    int64_t storage, gathered;
  };

  void findWorking(size_t root);
  void addNode(int step);
  void findSlots(Node &node);
  void markLastReaders();
  const Step &stepOf(const Node &node) const { return tables.sequence.steps[node.step]; }
  const ValueInfo &infoOf(int value) const { return tables.space.problem.values[tables.sequence.values[value].value]; }
  PlacementSpace &spaceOf(int value) { return tables.space.spaceOf(tables.sequence.values[value]); }

  const std::vector<Way> &findWays(size_t number, const Context &copies);
  const std::vector<Way> &findArrivals(size_t number, const Context &copies, PlacementId wanted);
  void decide(Node &node, int option, const Context &copies, WaySet &found);
  void extend(Node &node, const OpOption &option, size_t operand, const Way &way, WaySet &next);
  void readInner(Node &node, PlacementId wanted, size_t operand, const Way &way, WaySet &next);
  void readMade(Node &node, PlacementId wanted, size_t operand, const Way &way, WaySet &next);
  void readArgument(Node &node, PlacementId wanted, size_t operand, const Way &way, WaySet &next);
  std::vector<Kept> listKept(const Node &node, PlacementId wanted, size_t operand);
  void finish(Node &node, const OpOption &option, Way way, WaySet &found);
  void addPeaks(std::vector<Way> &ways);
  void recordTrails(std::vector<Way> &ways, int step);
  int64_t bytesOf(const Node &node, const Context &copies, const Node *except) const;

  std::vector<Way> findTransfers(const Context &copies);
  std::vector<Way> findSettlings(const Context &copies);
  std::vector<PlacementId> findTargets(int value, CopiesId copies);

  SearchTables &tables;
  const Step &step;
  std::vector<Node> nodes;
  /// Values whose copies are at hand during the step: alive before it, and arguments that appear.
  std::vector<int> working;
  std::vector<TrackedValue> workingValues, after;
  std::map<int, size_t> slotOf;
  /// Of the values alive afterwards: the slot, or -1 - position of a result.
  std::vector<int> survivors;
  std::map<std::tuple<int, size_t, PlacementId>, std::vector<Kept>> kept;
};

/// The smallest number of bytes in which an argument may be kept for a step, summed over its untracked arguments.
int64_t findLeastStorage(const Sequence &sequence, size_t step, SearchSpace &space);

} // namespace partita::planner

#endif // PARTITA_LIB_PLANNER_STEPEXPANSION_H
