// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- StepExpansion.h - All ways to take one step ---------------------------------===//
#ifndef PARTITA_LIB_PLANNER_STEPEXPANSION_H
#define PARTITA_LIB_PLANNER_STEPEXPANSION_H

#include "SearchState.h"

namespace partita::planner {

/// Takes one step from every label of a layer.
class StepExpansion {
public:
  StepExpansion(const Sequence &sequence, size_t step, SearchSpace &space, Objective objective, LayerBuilder &builder);

  /// `number` of the label in its layer; `copies` those of its state. False when the step has no option at all.
  bool expand(const Label &label, int number, const std::vector<Copies> &copies);

private:
  void expandCompute(const OpOption &option, size_t operand);
  void readArgument(const OpOption &option, size_t operand);
  void readMade(const OpOption &option, size_t operand);
  void expandTransfer();
  void expandSettle();
  void settleArgument(int value);
  /// Goes on with `source` for the operand, after `price` more.
  template <typename Next> void withSource(PlacementId source, Picoseconds price, Next next);
  void emit(llvm::ArrayRef<PlacementId> results);
  std::vector<PlacementId> findTargets(int value, PlacementSpace &space);
  PlacementSpace &spaceOf(int value) { return *spaces.at(value); }
  bool countsMemory() const { return objective != Objective::time; }

  const Sequence &sequence;
  const Step &step;
  SearchSpace &space;
  Objective objective;
  LayerBuilder &builder;
  const std::vector<OpOption> *options = nullptr;
  /// Values whose copies are at hand during the step: alive before it, and arguments that appear.
  std::vector<int> working;
  std::map<int, size_t> slotOf;
  std::map<int, PlacementSpace *> spaces;
  /// Of the values alive afterwards: the slot, or -1 - position of a result.
  std::vector<int> survivors;

  // The way being followed.
  std::vector<Copies> current;
  Label label;
  int64_t transient = 0;
};

/// The smallest number of bytes in which an argument may be kept for a step, summed over its untracked arguments.
int64_t findLeastStorage(const Sequence &sequence, size_t step, SearchSpace &space);

} // namespace partita::planner

#endif // PARTITA_LIB_PLANNER_STEPEXPANSION_H
