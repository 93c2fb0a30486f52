// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Search.cpp - The best decisions along a sequence ----------------------------===//
#include "Search.h"

#include "StepExpansion.h"

#include "llvm/ADT/STLExtras.h"

namespace partita::planner {

SearchSpace::SearchSpace(const PlanningProblem &problem, const MeshCandidate &candidate, const Sequence &sequence,
                         ReshardPrices &reshards)
    : problem(problem), candidate(candidate) {
  for (size_t stage = 0; stage < candidate.stages.size(); ++stage) {
    spaces.push_back(std::make_unique<SpaceTable>(candidate.stages[stage], reshards));
    options.push_back(std::make_unique<OptionTable>(problem, candidate, stage, *spaces.back()));
    options.back()->setRepresentatives(sequence.representatives);
  }
}

PlacementSpace &SearchSpace::spaceOf(const StagedValue &value) {
  const ValueInfo &info = problem.values[value.value];
  return spaces[value.stage]->find(info.shape, info.elementBytes);
}

Picoseconds SearchSpace::priceTransfer(const StagedValue &from, int toStage, PlacementId placement) {
  const placement::Mesh &source = candidate.stages[from.stage], &target = candidate.stages[toStage];
  Bytes bytes{spaceOf(from).bytes(placement)};
  std::set<machine::GroupShape> shapes;
  for (auto [a, b] : llvm::zip(source.devices, target.devices))
    shapes.insert(problem.machine->findGroupShape(
        {machine::DeviceId{static_cast<int32_t>(a)}, machine::DeviceId{static_cast<int32_t>(b)}}));
  Seconds slowest;
  for (const machine::GroupShape &shape : shapes)
    slowest = std::max(
        slowest, problem.cost->collectiveSeconds({cost::Collective::PointToPoint, bytes}, shape, *problem.machine));
  return multiplySaturated(toPicoseconds(slowest.value), placement::timeCount(source));
}

namespace {

class SequenceSearch {
public:
  SequenceSearch(const Sequence &sequence, SearchSpace &space, Objective objective, const SearchLimits &limits)
      : sequence(sequence), space(space), objective(objective), limits(limits),
        tables(sequence, space, objective, limits) {}

  std::optional<SearchResult> run(int &stuckOp) {
    stuckOp = -1;
    if (objective == Objective::frontier)
      findRemainingStorage();
    Layer start;
    start.states.push_back({{}, {Label()}});
    layers.push_back({std::move(start), 0});
    for (size_t root = 0; root < sequence.roots.size();) {
      if (!takeStep(root, stuckOp))
        return std::nullopt;
      ++root;
      root += skipRepeated(root);
    }
    return trace();
  }

private:
  /// A layer, and by how much the steps of its trails are to be shifted: they name those of an equal root.
  struct Reached {
    Layer layer;
    int offset = 0;
  };

  /// Roots that were taken for all others of a fold: the `period` roots before repeat `times` more, `steps` later each.
  struct Jump {
    size_t period = 0;
    size_t times = 0;
    size_t steps = 0;
  };

  void findRemainingStorage() {
    remainingStorage.assign(sequence.roots.size() + 1, 0);
    std::map<int, int64_t> byOp;
    for (size_t root = sequence.roots.size(); root-- > 0;) {
      remainingStorage[root] = remainingStorage[root + 1];
      for (int step : listTree(sequence, sequence.roots[root])) {
        int op = sequence.steps[step].op;
        auto [entry, isNew] = byOp.try_emplace(op < 0 ? -1 : sequence.representatives[op], 0);
        if (isNew && op >= 0)
          entry->second = findLeastStorage(sequence, step, space);
        remainingStorage[root] += entry->second;
      }
    }
  }

  /// The root whose expansion serves for this one too: that of the second copy of a fold.
  size_t findEqualRoot(size_t root) const {
    size_t step = sequence.roots[root];
    for (const Fold &fold : sequence.folds)
      if (step >= fold.first + 2 * fold.period && step < fold.first + fold.period * fold.count)
        return root - ((step - fold.first) / fold.period - 1) * fold.roots;
    return root;
  }

  bool takeStep(size_t root, int &stuckOp) {
    size_t equal = findEqualRoot(root);
    std::unique_ptr<StepExpansion> &expansion = expansions[equal];
    if (!expansion)
      expansion = std::make_unique<StepExpansion>(tables, equal);
    if (!expansion->hasOptions(stuckOp))
      return false;
    LayerBuilder builder(objective, limits, tables.copies);
    int number = 0;
    for (const State &state : layers.back().layer.states) {
      expansion->expand(state, number, builder);
      number += state.labels.size();
      if (tables.isTooMuch()) {
        stuckOp = -2;
        return false;
      }
    }
    Layer layer = builder.finish(expansion->valuesAfter());
    if (objective == Objective::frontier)
      dropTooLarge(layer, root);
    exact &= builder.isExact();
    numLabels += layer.countLabels();
    layers.push_back({std::move(layer), sequence.roots[root] - sequence.roots[equal]});
    return !layers.back().layer.states.empty();
  }

  void dropTooLarge(Layer &layer, size_t root) {
    for (State &state : layer.states)
      llvm::erase_if(state.labels, [&](const Label &label) {
        return label.storage + remainingStorage[root + 1] + label.peak > limits.memory;
      });
    llvm::erase_if(layer.states, [](const State &state) { return state.labels.empty(); });
  }

  /// After the last root of a copy: when the layer is that of the copy before plus a constant, all further copies would
  /// repeat it, for the search depends on differences only. Returns the number of roots skipped.
  size_t skipRepeated(size_t nextRoot) {
    size_t nextStep = sequence.roots[nextRoot - 1] + 1;
    for (const Fold &fold : sequence.folds) {
      if (nextStep <= fold.first + fold.period || nextStep > fold.first + fold.period * (fold.count - 1) ||
          (nextStep - fold.first) % fold.period != 0)
        continue;
      const Layer &before = layers[layers.size() - 1 - fold.roots].layer;
      if (objective == Objective::frontier || !isShifted(before, layers.back().layer))
        return 0;
      size_t times = fold.count - (nextStep - fold.first) / fold.period;
      addShift(before, layers.back().layer, times);
      jumps[layers.size() - 1] = {fold.roots, times, fold.period};
      return times * fold.roots;
    }
    return 0;
  }

  bool isShifted(const Layer &before, const Layer &after) const {
    if (before.states.size() != after.states.size())
      return false;
    const Label &first = before.states.front().labels.front(), &last = after.states.front().labels.front();
    for (auto [a, b] : llvm::zip(before.states, after.states)) {
      const Label &x = a.labels.front(), &y = b.labels.front();
      if (a.key != b.key || y.time - x.time != last.time - first.time)
        return false;
      if (objective == Objective::weighted && y.storage - x.storage != last.storage - first.storage)
        return false;
    }
    return true;
  }

  void addShift(const Layer &before, Layer &after, size_t times) const {
    for (auto [a, b] : llvm::zip(before.states, after.states)) {
      const Label &x = a.labels.front();
      Label &y = b.labels.front();
      y.time += (y.time - x.time) * static_cast<int64_t>(times);
      y.storage += (y.storage - x.storage) * static_cast<int64_t>(times);
    }
  }

  const Label &labelAt(const Layer &layer, int number) const {
    for (const State &state : layer.states) {
      if (number < static_cast<int>(state.labels.size()))
        return state.labels[number];
      number -= state.labels.size();
    }
    return layer.states.front().labels.front();
  }

  int findBest() const {
    const Layer &last = layers.back().layer;
    int best = -1, number = 0;
    auto rank = [&](const Label &label) {
      Picoseconds cost = objective == Objective::weighted ? costOf(objective, limits, label.time, label.storage) : 0;
      return std::make_tuple(cost, label.time, label.storage + label.peak);
    };
    for (const State &state : last.states)
      for (const Label &label : state.labels) {
        bool fits = objective != Objective::frontier || label.storage + label.peak <= limits.memory;
        if (fits && (best < 0 || rank(label) < rank(labelAt(last, best))))
          best = number;
        ++number;
      }
    return best;
  }

  std::optional<SearchResult> trace() {
    SearchResult result;
    int number = findBest();
    if (number < 0)
      return std::nullopt;
    const Label &last = labelAt(layers.back().layer, number);
    result.time = last.time;
    result.storage = last.storage;
    result.peak = last.peak;
    result.labels = numLabels;
    result.exact = exact && tables.exact;
    result.decisions.resize(sequence.steps.size());
    for (size_t layer = layers.size() - 1; layer > 0;) {
      if (auto jump = jumps.find(layer); jump != jumps.end()) {
        // The skipped copies, last one first: each walks back over the same layers, and layers one period apart number
        // their labels alike.
        for (size_t copy = jump->second.times; copy > 0; --copy)
          for (size_t back = 0; back < jump->second.period; ++back)
            number = record(layer - back, number, copy * jump->second.steps, result);
        jumps.erase(jump);
        continue;
      }
      number = record(layer, number, 0, result);
      --layer;
    }
    return result;
  }

  /// Writes the decisions that led to a label, for the steps `offset` later; returns the label before.
  int record(size_t layer, int number, size_t offset, SearchResult &result) const {
    const Label &label = labelAt(layers[layer].layer, number);
    std::vector<int> stack{label.trail};
    while (!stack.empty()) {
      const Trail &trail = tables.trails[stack.back()];
      stack.pop_back();
      stack.insert(stack.end(), trail.below.begin(), trail.below.end());
      result.decisions[trail.step + layers[layer].offset + offset] = {trail.option,
                                                                      {trail.sources.begin(), trail.sources.end()}};
    }
    return label.previous;
  }

  const Sequence &sequence;
  SearchSpace &space;
  Objective objective;
  const SearchLimits &limits;
  SearchTables tables;
  std::map<size_t, std::unique_ptr<StepExpansion>> expansions;
  std::vector<Reached> layers;
  std::map<size_t, Jump> jumps;
  std::vector<int64_t> remainingStorage;
  bool exact = true;
  int64_t numLabels = 0;
};

} // namespace

std::optional<SearchResult> solveSequence(const Sequence &sequence, SearchSpace &space, Objective objective,
                                          const SearchLimits &limits, int &stuckOp) {
  return SequenceSearch(sequence, space, objective, limits).run(stuckOp);
}

} // namespace partita::planner
