// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- SearchState.cpp - States and labels of the search ---------------------------===//
#include "SearchState.h"

#include "Dominance.h"

#include "llvm/ADT/STLExtras.h"

namespace partita::planner {

/// States of a layer that one of the layer before leads to, by and large.
constexpr size_t kFanOut = 16;

int64_t Layer::countLabels() const {
  int64_t count = 0;
  for (const State &state : states)
    count += state.labels.size();
  return count;
}

Picoseconds costOf(Objective objective, const SearchLimits &limits, Picoseconds time, int64_t storage) {
  if (objective == Objective::time)
    return time;
  return time + static_cast<Picoseconds>(static_cast<__int128>(storage) * limits.weight >> kWeightShift);
}

bool LayerBuilder::isBetter(const Label &a, const Label &b) const {
  return std::make_tuple(costOf(a), a.time, a.storage) < std::make_tuple(costOf(b), b.time, b.storage);
}

void LayerBuilder::addToFrontier(std::vector<Label> &labels, const Label &label) {
  auto dominates = [&](const Label &a, const Label &b) {
    return a.time <= b.time && a.storage <= b.storage && (isNarrow() || a.peak <= b.peak);
  };
  if (llvm::any_of(labels, [&](const Label &other) { return dominates(other, label); }))
    return;
  llvm::erase_if(labels, [&](const Label &other) { return dominates(label, other); });
  labels.push_back(label);
}

void LayerBuilder::add(const Context &key, const Label &label) {
  auto [entry, isNew] = numbers.try_emplace(key, states.size());
  if (isNew)
    states.push_back({key, {}});
  std::vector<Label> &labels = states[entry->second].labels;
  if (objective == Objective::frontier)
    addToFrontier(labels, label);
  else if (labels.empty())
    labels.push_back(label);
  else if (isBetter(label, labels[0]))
    labels[0] = label;
}

/// Exact for what a single number measures: see canAfford. Where not all could be compared, no more stay than the next
/// layer can compare.
void LayerBuilder::dropDominated(std::vector<State> &states, llvm::ArrayRef<TrackedValue> values) {
  size_t width = std::max<size_t>(1, values.size());
  bool isThorough = dropBeaten(states, width, [&](const State &state, const State &rival) {
    return canAfford(copies, values, rival.key, state.key, costOf(state.labels[0]) - costOf(rival.labels[0]));
  });
  if (!isThorough)
    cutTo(states, std::max<int64_t>(1, kMostLooks / static_cast<int64_t>(kMostRivals * kFanOut * width)));
}

void LayerBuilder::cutTo(std::vector<State> &states, int64_t most) {
  if (static_cast<int64_t>(states.size()) <= most)
    return;
  exact = false;
  states.resize(most);
}

/// On a narrow frontier: what a rival can follow for no more time and bytes, or for a weighted cost that is less by
/// more than `slack`, leads to no plan that is wanted. Labels are in order of time, so that of fitting ones the last is
/// the smallest.
void LayerBuilder::dropDominatedLabels(std::vector<State> &states, llvm::ArrayRef<TrackedValue> values) {
  std::vector<Picoseconds> least;
  for (const State &state : states) {
    least.push_back(kNever);
    for (const Label &label : state.labels)
      least.back() = std::min(least.back(), costOf(label));
  }
  std::vector<std::vector<Label>> kept(states.size());
  for (auto [number, state] : llvm::enumerate(states)) {
    kept[number] = state.labels;
    for (size_t rival = 0; rival < states.size() && !kept[number].empty(); ++rival) {
      std::optional<Picoseconds> price = priceToFollow(copies, values, states[rival].key, state.key);
      if (!price)
        continue;
      const std::vector<Label> &labels = rival < number ? kept[rival] : states[rival].labels;
      llvm::erase_if(kept[number], [&](const Label &label) {
        if (costOf(label) - least[rival] - *price > limits.slack)
          return true;
        auto end = llvm::upper_bound(labels, label.time - *price,
                                     [](Picoseconds time, const Label &other) { return time < other.time; });
        // Of two that can follow each other the first stays.
        return rival < number && end != labels.begin() && std::prev(end)->storage <= label.storage;
      });
    }
  }
  for (auto [state, labels] : llvm::zip(states, kept))
    state.labels = std::move(labels);
  llvm::erase_if(states, [](const State &state) { return state.labels.empty(); });
}

/// Both ends of the frontier stay, and as many between them as are allowed.
void LayerBuilder::thinOut(State &state) {
  if (static_cast<int64_t>(state.labels.size()) <= limits.mostLabels)
    return;
  exact = false;
  std::vector<Label> thinned;
  for (int64_t i = 0; i < limits.mostLabels; ++i)
    thinned.push_back(state.labels[i * (state.labels.size() - 1) / std::max<int64_t>(1, limits.mostLabels - 1)]);
  state.labels = std::move(thinned);
}

Layer LayerBuilder::finish(llvm::ArrayRef<TrackedValue> values) {
  for (State &state : states) {
    llvm::sort(state.labels, [](const Label &a, const Label &b) {
      return std::tie(a.time, a.storage, a.peak) < std::tie(b.time, b.storage, b.peak);
    });
  }
  llvm::sort(states, [&](const State &a, const State &b) {
    if (isBetter(a.labels[0], b.labels[0]) || isBetter(b.labels[0], a.labels[0]))
      return isBetter(a.labels[0], b.labels[0]);
    return a.key < b.key;
  });
  if (isNarrow())
    dropDominatedLabels(states, values);
  else if (objective != Objective::frontier)
    dropDominated(states, values);
  for (State &state : states)
    thinOut(state);
  cutTo(states, limits.mostStates);
  return {std::move(states)};
}

} // namespace partita::planner
