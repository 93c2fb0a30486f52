// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- SearchState.h - States and labels of the search -----------------------------===//
//
// A layer holds what is known after one step. A key is a flat list: for each live value the number of its copies and
// their placements, ascending.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_PLANNER_SEARCHSTATE_H
#define PARTITA_LIB_PLANNER_SEARCHSTATE_H

#include "Search.h"

#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/SmallVector.h"

#include <unordered_map>

namespace partita::planner {

using StateKey = llvm::SmallVector<PlacementId, 12>;
/// Placements in which a value exists, ascending.
using Copies = llvm::SmallVector<PlacementId, 4>;

struct Label {
  Picoseconds time = 0;
  int64_t storage = 0;
  int64_t peak = 0;
  /// Number of the label in the layer before.
  int previous = -1;
  int option = -1;
  llvm::SmallVector<PlacementId, 4> sources;
};

struct State {
  StateKey key;
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
  LayerBuilder(Objective objective, const SearchLimits &limits) : objective(objective), limits(limits) {}

  void add(const StateKey &key, Label label);
  /// `values` are the live values of the layer, for the dominance between states.
  Layer finish(const std::vector<StagedValue> &values, SearchSpace &space);
  bool isExact() const { return exact; }

private:
  bool isBetter(const Label &a, const Label &b) const;
  /// What the objective adds up.
  Picoseconds costOf(const Label &label) const;
  void addToFrontier(std::vector<Label> &labels, Label label);
  void dropDominated(std::vector<State> &states, const std::vector<StagedValue> &values, SearchSpace &space);

  struct Hash {
    size_t operator()(const StateKey &key) const { return llvm::hash_combine_range(key.begin(), key.end()); }
  };
  Objective objective;
  const SearchLimits &limits;
  std::unordered_map<StateKey, size_t, Hash> numbers;
  std::vector<State> states;
  bool exact = true;
};

/// The copies of each value a key lists.
std::vector<Copies> readKey(const StateKey &key);
void appendCopies(StateKey &key, const Copies &copies);
/// Adds a copy, in order; false if it was there.
bool insertCopy(Copies &copies, PlacementId copy);

} // namespace partita::planner

#endif // PARTITA_LIB_PLANNER_SEARCHSTATE_H
