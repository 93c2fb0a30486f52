// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Sequence.cpp - The order in which decisions are made ------------------------===//
#include "Sequence.h"

#include "llvm/ADT/STLExtras.h"

namespace partita::planner {

/// Inner steps are walked recursively: no deeper than this.
constexpr int kMostDepth = 40;

std::vector<int> listTree(const Sequence &sequence, int step) {
  std::vector<int> stack{step}, steps;
  while (!stack.empty()) {
    int next = stack.back();
    stack.pop_back();
    steps.push_back(next);
    for (int maker : sequence.makers[next])
      if (maker >= 0)
        stack.push_back(maker);
  }
  return {steps.rbegin(), steps.rend()};
}

namespace {

class SequenceBuilder {
public:
  SequenceBuilder(const PlanningProblem &problem, const std::vector<int> &stageOf, bool tracksArguments)
      : problem(problem), stageOf(stageOf), isReturned(problem.values.size()), lastReader(problem.values.size(), -1),
        maker(problem.values.size(), -1) {
    sequence.tracksArguments = tracksArguments;
  }

  Sequence build() {
    findReaders();
    addArguments();
    for (size_t op = 0; op < problem.ops.size(); ++op) {
      addCompute(op);
      bool endsStage = op + 1 == problem.ops.size() || stageOf[op + 1] != stageOf[op];
      if (endsStage)
        addTransfers(stageOf[op]);
    }
    findLifetimes();
    chooseRoots();
    findLive();
    chooseRepresentatives();
    findFolds();
    return std::move(sequence);
  }

private:
  const ValueInfo &infoOf(int staged) const { return problem.values[sequence.values[staged].value]; }

  void findReaders() {
    for (int value : problem.returned)
      isReturned[value] = true;
    for (auto [number, op] : llvm::enumerate(problem.ops)) {
      for (int result : op.results)
        maker[result] = number;
      for (int operand : op.operands)
        lastReader[operand] = number;
    }
  }

  int addValue(int value, int stage, int source = -1) {
    sequence.values.push_back({value, stage, source});
    return staged[{value, stage}] = sequence.values.size() - 1;
  }

  /// Each stage loads what it needs of the arguments itself. They come first, so that numbers rise with the steps.
  void addArguments() {
    for (auto [number, op] : llvm::enumerate(problem.ops))
      for (int operand : op.operands)
        if (operand < problem.numArguments && !staged.count({operand, stageOf[number]}))
          addValue(operand, stageOf[number]);
    for (int value : problem.returned)
      if (value < problem.numArguments && lastReader[value] < 0 && !staged.count({value, 0})) {
        addValue(value, 0);
        settle(value, 0);
      }
  }

  void settle(int value, int stage) {
    if (!problem.values[value].isScalar)
      sequence.steps.push_back({StepKind::settle, -1, stage, {staged[{value, stage}]}, {}});
  }

  int homeStage(int value) const {
    return maker[value] >= 0 ? stageOf[maker[value]] : lastReader[value] >= 0 ? stageOf[lastReader[value]] : 0;
  }

  void addCompute(int number) {
    const OpInfo &op = problem.ops[number];
    int stage = stageOf[number];
    Step step{StepKind::compute, number, stage, {}, {}};
    for (int operand : op.operands)
      step.operands.push_back(staged[{operand, stage}]);
    for (int result : op.results)
      step.results.push_back(addValue(result, stage));
    sequence.steps.push_back(std::move(step));
    // Returned values leave as soon as nobody of their own stage reads them any more.
    std::set<int> candidates(op.operands.begin(), op.operands.end());
    candidates.insert(op.results.begin(), op.results.end());
    for (int value : candidates)
      if (isReturned[value] && homeStage(value) == stage && lastReaderInStage(value, stage) <= number &&
          settled.insert(value).second)
        settle(value, stage);
  }

  int lastReaderInStage(int value, int stage) const {
    if (lastReader[value] < 0 || stageOf[lastReader[value]] == stage)
      return lastReader[value];
    int last = -1;
    for (auto [number, op] : llvm::enumerate(problem.ops))
      if (stageOf[number] == stage && llvm::is_contained(op.operands, value))
        last = number;
    return last;
  }

  /// What the stage made and later stages read, in order of stage and value.
  void addTransfers(int stage) {
    std::set<std::pair<int, int>> wanted;
    for (auto [number, op] : llvm::enumerate(problem.ops))
      for (int operand : op.operands)
        if (stageOf[number] > stage && maker[operand] >= 0 && stageOf[maker[operand]] == stage)
          wanted.insert({stageOf[number], operand});
    for (auto [target, value] : wanted) {
      int source = staged[{value, stage}];
      int received = addValue(value, target, source);
      if (!problem.values[value].isScalar)
        sequence.steps.push_back({StepKind::transfer, -1, stage, {source}, {received}});
    }
  }

  bool isTracked(int value) const {
    if (infoOf(value).isScalar)
      return false;
    return infoOf(value).kind == ValueKind::made || (sequence.tracksArguments && sequence.readCount[value] > 1);
  }

  void findLifetimes() {
    size_t count = sequence.values.size();
    sequence.madeAt.assign(count, -1);
    sequence.lastReadAt.assign(count, -1);
    sequence.readCount.assign(count, 0);
    for (auto [number, step] : llvm::enumerate(sequence.steps)) {
      for (int operand : step.operands) {
        if (sequence.madeAt[operand] < 0)
          sequence.madeAt[operand] = number;
        sequence.lastReadAt[operand] = number;
        ++sequence.readCount[operand];
      }
      for (int result : step.results)
        sequence.madeAt[result] = number;
    }
  }

  /// The layer and the copy of it that an op belongs to: decisions inside of it may be put off to its end, not further.
  std::vector<std::pair<int, size_t>> findCells() const {
    std::vector<std::pair<int, size_t>> cells(problem.ops.size(), {-1, 0});
    for (auto [number, segment] : llvm::enumerate(problem.segments))
      for (size_t op = segment.first; op < segment.end(); ++op)
        cells[op] = {static_cast<int>(number), (op - segment.first) / segment.period};
    return cells;
  }

  void chooseRoots() {
    std::vector<std::pair<int, size_t>> cells = findCells();
    std::vector<int> depth(sequence.steps.size(), 1);
    isInner.assign(sequence.steps.size(), false);
    auto canPutOff = [&](int value, const Step &reader) {
      const StagedValue &made = sequence.values[value];
      int maker = sequence.madeAt[value];
      if (infoOf(value).isScalar || infoOf(value).kind != ValueKind::made || made.source >= 0 ||
          sequence.readCount[value] != 1)
        return false;
      const Step &step = sequence.steps[maker];
      return step.kind == StepKind::compute && step.results.size() == 1 && cells[step.op] == cells[reader.op] &&
             depth[maker] < kMostDepth;
    };
    for (auto [number, step] : llvm::enumerate(sequence.steps)) {
      std::vector<int> &makers = sequence.makers.emplace_back(step.operands.size(), -1);
      for (size_t i = 0; i < step.operands.size() && step.kind == StepKind::compute; ++i)
        if (canPutOff(step.operands[i], step)) {
          makers[i] = sequence.madeAt[step.operands[i]];
          isInner[makers[i]] = true;
          depth[number] = std::max(depth[number], depth[makers[i]] + 1);
        }
    }
    for (size_t step = 0; step < sequence.steps.size(); ++step)
      if (!isInner[step])
        sequence.roots.push_back(step);
  }

  void findLive() {
    std::vector<int> lastRoot(sequence.values.size(), -1);
    std::vector<std::vector<int>> touched;
    for (auto [number, root] : llvm::enumerate(sequence.roots)) {
      std::set<int> values(sequence.steps[root].results.begin(), sequence.steps[root].results.end());
      for (int step : listTree(sequence, root))
        for (auto [position, value] : llvm::enumerate(sequence.steps[step].operands))
          if (sequence.makers[step][position] < 0)
            values.insert(value);
      for (int value : values)
        if (sequence.lastReadAt[value] >= 0)
          lastRoot[value] = number;
      touched.emplace_back(values.begin(), values.end());
    }
    std::set<int> live;
    for (size_t number = 0; number < sequence.roots.size(); ++number) {
      for (int value : touched[number])
        if (isTracked(value))
          live.insert(value);
      for (int value : touched[number])
        if (lastRoot[value] <= static_cast<int>(number))
          live.erase(value);
      sequence.liveAfter.push_back({live.begin(), live.end()});
      rootOf[sequence.roots[number]] = number;
    }
  }

  bool shareOptions(int a, int b) const {
    const OpInfo &left = problem.ops[a], &right = problem.ops[b];
    if (left.pins != right.pins || left.units != right.units || left.isBatch != right.isBatch ||
        left.isToken != right.isToken)
      return false;
    for (auto [x, y] : llvm::zip(left.operands, right.operands))
      if (problem.values[x].kind != problem.values[y].kind)
        return false;
    return true;
  }

  /// Ops of the third and later copies take the options of the second: the first may read other things.
  void chooseRepresentatives() {
    for (size_t op = 0; op < problem.ops.size(); ++op)
      sequence.representatives.push_back(op);
    for (const RepeatedSegment &segment : problem.segments)
      for (size_t op = segment.first + 2 * segment.period; op < segment.end(); ++op) {
        int second = segment.first + segment.period + (op - segment.first) % segment.period;
        if (stageOf[op] == stageOf[second] && shareOptions(op, second))
          sequence.representatives[op] = second;
      }
  }

  size_t stepOf(size_t op) const { return stepOfOp[op]; }

  void findFolds() {
    for (auto [number, step] : llvm::enumerate(sequence.steps))
      if (step.kind == StepKind::compute)
        stepOfOp.push_back(number);
    for (const RepeatedSegment &segment : problem.segments) {
      // Copies whose steps look alike and that end alike form a fold; another may follow.
      for (size_t copy = 1; copy + 2 < segment.count;) {
        size_t first = stepOf(segment.first + copy * segment.period);
        size_t period = stepOf(segment.first + (copy + 1) * segment.period) - first;
        size_t count = 1;
        while (copy + count < segment.count &&
               stepOf(segment.first + (copy + count) * segment.period) == first + count * period &&
               areAlike(first + (count - 1) * period, period))
          ++count;
        if (count >= 3)
          sequence.folds.push_back({first, period, count, countRoots(first, period)});
        copy += count;
      }
    }
  }

  size_t countRoots(size_t first, size_t period) const {
    return period - std::count(isInner.begin() + first, isInner.begin() + first + period, true);
  }

  /// Whether the steps [first, first + period) and those one period later decide the same.
  bool areAlike(size_t first, size_t period) const {
    if (first + 2 * period > sequence.steps.size())
      return false;
    for (size_t position = first; position < first + period; ++position) {
      const Step &a = sequence.steps[position], &b = sequence.steps[position + period];
      if (a.kind != b.kind || a.stage != b.stage)
        return false;
      if (a.kind == StepKind::compute && sequence.representatives[a.op] != sequence.representatives[b.op])
        return false;
      if (a.kind == StepKind::settle && !correspond(a.operands[0], b.operands[0], first, period))
        return false;
      if (!areTakenAlike(position, first, period))
        return false;
    }
    return !isInner[first + period - 1];
  }

  /// Whether a step and that one period later are both inner or both roots, with the same inner steps and live values.
  bool areTakenAlike(size_t position, size_t first, size_t period) const {
    if (isInner[position] != isInner[position + period])
      return false;
    for (auto [x, y] : llvm::zip(sequence.makers[position], sequence.makers[position + period]))
      if (x < 0 ? y >= 0 : y != x + static_cast<int>(period))
        return false;
    if (isInner[position])
      return true;
    const std::vector<int> &liveA = sequence.liveAfter[rootOf.at(position)],
                           &liveB = sequence.liveAfter[rootOf.at(position + period)];
    return liveA.size() == liveB.size() && llvm::all_of(llvm::zip(liveA, liveB), [&](const auto &pair) {
             return correspond(std::get<0>(pair), std::get<1>(pair), first, period);
           });
  }

  bool correspond(int a, int b, size_t first, size_t period) const {
    if (a == b)
      return sequence.madeAt[a] < static_cast<int>(first) || infoOf(a).kind != ValueKind::made;
    return infoOf(a).kind == infoOf(b).kind && sequence.madeAt[b] == sequence.madeAt[a] + static_cast<int>(period);
  }

  const PlanningProblem &problem;
  const std::vector<int> &stageOf;
  std::vector<bool> isReturned;
  std::vector<int> lastReader, maker;
  std::map<std::pair<int, int>, int> staged;
  std::set<int> settled;
  std::vector<size_t> stepOfOp;
  std::vector<bool> isInner;
  /// The position of a root among the roots.
  std::map<size_t, size_t> rootOf;
  Sequence sequence;
};

} // namespace

Sequence buildSequence(const PlanningProblem &problem, const std::vector<int> &stageOf, bool tracksArguments) {
  return SequenceBuilder(problem, stageOf, tracksArguments).build();
}

} // namespace partita::planner
