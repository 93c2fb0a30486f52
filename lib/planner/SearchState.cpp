// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- SearchState.cpp - States and labels of the search ---------------------------===//
#include "SearchState.h"

#include "llvm/ADT/STLExtras.h"

namespace partita::planner {

/// A state is compared with so many of the best ones: more find little that is dominated.
constexpr size_t kMostRivals = 24;

int64_t Layer::countLabels() const {
  int64_t count = 0;
  for (const State &state : states)
    count += state.labels.size();
  return count;
}

std::vector<Copies> readKey(const StateKey &key) {
  std::vector<Copies> copies;
  for (size_t at = 0; at < key.size(); at += key[at] + 1)
    copies.emplace_back(key.begin() + at + 1, key.begin() + at + 1 + key[at]);
  return copies;
}

void appendCopies(StateKey &key, const Copies &copies) {
  key.push_back(copies.size());
  key.append(copies.begin(), copies.end());
}

bool insertCopy(Copies &copies, PlacementId copy) {
  auto *position = llvm::lower_bound(copies, copy);
  if (position != copies.end() && *position == copy)
    return false;
  copies.insert(position, copy);
  return true;
}

Picoseconds LayerBuilder::costOf(const Label &label) const {
  if (objective == Objective::storage)
    return label.storage;
  if (objective == Objective::weighted)
    return label.time + static_cast<Picoseconds>(static_cast<__int128>(label.storage) * limits.weight >> 20);
  return label.time;
}

bool LayerBuilder::isBetter(const Label &a, const Label &b) const {
  return std::make_tuple(costOf(a), a.time, a.storage) < std::make_tuple(costOf(b), b.time, b.storage);
}

void LayerBuilder::addToFrontier(std::vector<Label> &labels, Label label) {
  auto dominates = [](const Label &a, const Label &b) {
    return a.time <= b.time && a.storage <= b.storage && a.peak <= b.peak;
  };
  if (llvm::any_of(labels, [&](const Label &other) { return dominates(other, label); }))
    return;
  llvm::erase_if(labels, [&](const Label &other) { return dominates(label, other); });
  labels.push_back(std::move(label));
}

void LayerBuilder::add(const StateKey &key, Label label) {
  auto [entry, isNew] = numbers.try_emplace(key, states.size());
  if (isNew)
    states.push_back({key, {}});
  std::vector<Label> &labels = states[entry->second].labels;
  if (objective == Objective::frontier)
    addToFrontier(labels, std::move(label));
  else if (labels.empty())
    labels.push_back(std::move(label));
  else if (isBetter(label, labels[0]))
    labels[0] = std::move(label);
}

/// Exact for time: from a rival that is fast enough to pay for the copies it lacks, all that can follow a state can
/// follow the rival for no more.
void LayerBuilder::dropDominated(std::vector<State> &states, const std::vector<StagedValue> &values,
                                 SearchSpace &space) {
  std::vector<PlacementSpace *> spaces;
  for (const StagedValue &value : values)
    spaces.push_back(&space.spaceOf(value));
  std::vector<State> kept;
  std::vector<std::vector<Copies>> rivals;
  for (State &state : states) {
    std::vector<Copies> copies = readKey(state.key);
    auto isDominatedBy = [&](size_t rival) {
      Picoseconds left = costOf(state.labels[0]) - costOf(kept[rival].labels[0]);
      for (size_t value = 0; value < copies.size() && left >= 0; ++value)
        for (PlacementId wanted : copies[value]) {
          Picoseconds cheapest = kNever;
          for (PlacementId from : rivals[rival][value])
            if (from == wanted)
              cheapest = 0;
          bool isMade = space.problem.values[values[value].value].kind == ValueKind::made;
          for (size_t i = 0; isMade && cheapest > 0 && i < rivals[rival][value].size(); ++i)
            cheapest = std::min(cheapest, spaces[value]->move(rivals[rival][value][i], wanted).price);
          left -= cheapest;
          if (left < 0)
            break;
        }
      return left >= 0;
    };
    bool dominated = false;
    for (size_t rival = 0; rival < std::min(kept.size(), kMostRivals) && !dominated; ++rival)
      dominated = isDominatedBy(rival);
    if (dominated)
      continue;
    if (rivals.size() < kMostRivals)
      rivals.push_back(std::move(copies));
    kept.push_back(std::move(state));
  }
  states = std::move(kept);
}

Layer LayerBuilder::finish(const std::vector<StagedValue> &values, SearchSpace &space) {
  for (State &state : states) {
    llvm::sort(state.labels, [](const Label &a, const Label &b) {
      return std::tie(a.time, a.storage, a.peak) < std::tie(b.time, b.storage, b.peak);
    });
    if (static_cast<int64_t>(state.labels.size()) <= limits.mostLabels)
      continue;
    // Both ends of the frontier stay, and as many between them as are allowed.
    exact = false;
    std::vector<Label> thinned;
    for (int64_t i = 0; i < limits.mostLabels; ++i)
      thinned.push_back(state.labels[i * (state.labels.size() - 1) / std::max<int64_t>(1, limits.mostLabels - 1)]);
    state.labels = std::move(thinned);
  }
  llvm::sort(states, [&](const State &a, const State &b) {
    if (isBetter(a.labels[0], b.labels[0]) || isBetter(b.labels[0], a.labels[0]))
      return isBetter(a.labels[0], b.labels[0]);
    return a.key < b.key;
  });
  if (objective == Objective::time || objective == Objective::weighted)
    dropDominated(states, values, space);
  if (static_cast<int64_t>(states.size()) > limits.mostStates) {
    exact = false;
    states.resize(limits.mostStates);
  }
  return {std::move(states)};
}

} // namespace partita::planner
