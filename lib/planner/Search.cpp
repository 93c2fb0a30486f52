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
      : sequence(sequence), space(space), objective(objective), limits(limits) {}

  std::optional<SearchResult> run(int &stuckOp) {
    stuckOp = -1;
    if (objective == Objective::frontier)
      findRemainingStorage();
    Layer start;
    start.states.push_back({{}, {Label()}});
    layers.push_back(std::move(start));
    for (size_t step = 0; step < sequence.steps.size();) {
      if (!takeStep(step)) {
        stuckOp = failedForOptions ? sequence.steps[step].op : -1;
        return std::nullopt;
      }
      ++step;
      step += skipRepeated(step);
    }
    return trace();
  }

private:
  /// Steps that were taken for all others of a fold: the steps [from, to) repeat those one period before, so often.
  struct Jump {
    size_t period = 0;
    size_t times = 0;
  };

  std::vector<StagedValue> liveValues(size_t step) const {
    std::vector<StagedValue> values;
    for (int value : sequence.liveAfter[step])
      values.push_back(sequence.values[value]);
    return values;
  }

  void findRemainingStorage() {
    remainingStorage.assign(sequence.steps.size() + 1, 0);
    std::vector<int64_t> own;
    std::map<int, int64_t> byOp;
    for (size_t step = 0; step < sequence.steps.size(); ++step) {
      int op = sequence.steps[step].op;
      int key = op < 0 ? -1 : sequence.representatives[op];
      auto [entry, isNew] = byOp.try_emplace(key, 0);
      if (isNew && key >= 0)
        entry->second = findLeastStorage(sequence, step, space);
      own.push_back(key < 0 ? 0 : entry->second);
    }
    for (size_t step = sequence.steps.size(); step-- > 0;)
      remainingStorage[step] = remainingStorage[step + 1] + own[step];
  }

  bool takeStep(size_t step) {
    LayerBuilder builder(objective, limits);
    StepExpansion expansion(sequence, step, space, objective, builder);
    int number = 0;
    bool hasOptions = true;
    for (const State &state : layers.back().states) {
      std::vector<Copies> copies = readKey(state.key);
      for (const Label &label : state.labels)
        hasOptions &= expansion.expand(label, number++, copies);
    }
    Layer layer = builder.finish(liveValues(step), space);
    if (objective == Objective::frontier)
      dropTooLarge(layer, step);
    exact &= builder.isExact();
    numLabels += layer.countLabels();
    failedForOptions = !hasOptions;
    layers.push_back(std::move(layer));
    stepOfLayer.push_back(step);
    return !layers.back().states.empty();
  }

  void dropTooLarge(Layer &layer, size_t step) {
    for (State &state : layer.states)
      llvm::erase_if(state.labels, [&](const Label &label) {
        return label.storage + remainingStorage[step + 1] + label.peak > limits.memory;
      });
    llvm::erase_if(layer.states, [](const State &state) { return state.labels.empty(); });
  }

  /// After the last step of a copy: when the layer is that of the copy before plus a constant, all further copies would
  /// repeat it, for the search depends on differences only. Returns the number of steps skipped.
  size_t skipRepeated(size_t nextStep) {
    for (const Fold &fold : sequence.folds) {
      if (nextStep <= fold.first + fold.period || nextStep > fold.first + fold.period * (fold.count - 1) ||
          (nextStep - fold.first) % fold.period != 0)
        continue;
      const Layer &before = layers[layers.size() - 1 - fold.period];
      Label shift;
      if (!isShifted(before, layers.back(), shift))
        return 0;
      size_t times = fold.count - (nextStep - fold.first) / fold.period;
      addShift(before, layers.back(), times);
      jumps[layers.size() - 1] = {fold.period, times};
      return times * fold.period;
    }
    return 0;
  }

  bool isShifted(const Layer &before, const Layer &after, Label &shift) const {
    if (before.states.size() != after.states.size())
      return false;
    bool isFirst = true;
    for (auto [a, b] : llvm::zip(before.states, after.states)) {
      if (a.key != b.key || a.labels.size() != b.labels.size())
        return false;
      for (auto [x, y] : llvm::zip(a.labels, b.labels)) {
        Label change;
        change.time = y.time - x.time;
        change.storage = y.storage - x.storage;
        if (isFirst)
          shift = change;
        isFirst = false;
        if (objective != Objective::storage && change.time != shift.time)
          return false;
        if (objective != Objective::time && change.storage != shift.storage)
          return false;
        // The peak decides nothing but which labels of a frontier are kept.
        if (objective == Objective::frontier && x.peak != y.peak)
          return false;
      }
    }
    return true;
  }

  void addShift(const Layer &before, Layer &after, size_t times) const {
    for (auto [a, b] : llvm::zip(before.states, after.states))
      for (auto [x, y] : llvm::zip(a.labels, b.labels)) {
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
    int best = -1, number = 0;
    auto rank = [&](const Label &label) {
      return objective == Objective::storage ? std::make_tuple(label.storage + label.peak, label.time)
                                             : std::make_tuple(label.time, label.storage + label.peak);
    };
    for (const State &state : layers.back().states)
      for (const Label &label : state.labels) {
        bool fits = objective != Objective::frontier || label.storage + label.peak <= limits.memory;
        if (fits && (best < 0 || rank(label) < rank(labelAt(layers.back(), best))))
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
    const Label &last = labelAt(layers.back(), number);
    result.time = last.time;
    result.storage = last.storage;
    result.peak = last.peak;
    result.labels = numLabels;
    result.exact = exact;
    result.decisions.resize(sequence.steps.size());
    for (size_t layer = layers.size() - 1; layer > 0;) {
      if (auto jump = jumps.find(layer); jump != jumps.end()) {
        // The skipped copies, last one first: each walks back over the same layers, and layers one period apart number
        // their labels alike.
        for (size_t copy = jump->second.times; copy > 0; --copy)
          for (size_t back = 0; back < jump->second.period; ++back)
            number = record(layer - back, number, copy * jump->second.period, result);
        jumps.erase(jump);
        continue;
      }
      number = record(layer, number, 0, result);
      --layer;
    }
    return result;
  }

  /// Writes the decision that led to a label for the step `offset` steps later; returns the label before.
  int record(size_t layer, int number, size_t offset, SearchResult &result) const {
    const Label &label = labelAt(layers[layer], number);
    result.decisions[stepOfLayer[layer - 1] + offset] = {label.option, {label.sources.begin(), label.sources.end()}};
    return label.previous;
  }

  const Sequence &sequence;
  SearchSpace &space;
  Objective objective;
  const SearchLimits &limits;
  std::vector<Layer> layers;
  std::vector<size_t> stepOfLayer;
  std::map<size_t, Jump> jumps;
  std::vector<int64_t> remainingStorage;
  bool failedForOptions = false;
  bool exact = true;
  int64_t numLabels = 0;
};

} // namespace

std::optional<SearchResult> solveSequence(const Sequence &sequence, SearchSpace &space, Objective objective,
                                          const SearchLimits &limits, int &stuckOp) {
  return SequenceSearch(sequence, space, objective, limits).run(stuckOp);
}

} // namespace partita::planner
