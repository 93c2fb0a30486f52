// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- SearchState.h - States and labels of the search -----------------------------===//
//
// A layer holds what is known after one root step: for each state, the copies of each live value, the labels that are
// worth keeping.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_PLANNER_SEARCHSTATE_H
#define PARTITA_LIB_PLANNER_SEARCHSTATE_H

#include "Copies.h"
#include "Search.h"

#include <unordered_map>

namespace partita::planner {

struct Label {
  Picoseconds time = 0;
  int64_t storage = 0;
  int64_t peak = 0;
  /// Number of the label in the layer before.
  int previous = -1;
  /// The decisions of the step and its inner steps; see TrailTable.
  int trail = -1;
};

struct State {
  Context key;
  std::vector<Label> labels;
};

/// States in order of their best label, then of their key; labels are numbered through.
struct Layer {
  std::vector<State> states;

  int64_t countLabels() const;
};

/// Collects the labels of one layer and keeps the good ones.
class LayerBuilder {
public:
  LayerBuilder(Objective objective, const SearchLimits &limits, CopyTable &copies)
      : objective(objective), limits(limits), copies(copies) {}

  void add(const Context &key, const Label &label);
  /// `values` are the live values of the layer, for the dominance between states.
  Layer finish(llvm::ArrayRef<TrackedValue> values);
  bool isExact() const { return exact; }

private:
  bool isBetter(const Label &a, const Label &b) const;
  Picoseconds costOf(const Label &label) const { return planner::costOf(objective, limits, label.time, label.storage); }
  void addToFrontier(std::vector<Label> &labels, const Label &label);
  bool isNarrow() const { return objective == Objective::frontier && limits.slack >= 0; }
  void dropDominated(std::vector<State> &states, llvm::ArrayRef<TrackedValue> values);
  void dropDominatedLabels(std::vector<State> &states, llvm::ArrayRef<TrackedValue> values);
  void thinOut(State &state);
  /// The best ones stay.
  void cutTo(std::vector<State> &states, int64_t most);

  Objective objective;
  const SearchLimits &limits;
  CopyTable &copies;
  std::unordered_map<Context, size_t, ContextHash> numbers;
  std::vector<State> states;
  bool exact = true;
};

} // namespace partita::planner

#endif // PARTITA_LIB_PLANNER_SEARCHSTATE_H
