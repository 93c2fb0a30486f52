// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The search against all combinations of decisions of small functions, each evaluated on its own.
#include "TestProblem.h"

#include "partita/cost/MachinePrice.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::planner;

namespace {

struct Outcome {
  Picoseconds time;
  int64_t memory;
};

/// Walks over all options of all steps and over all sources of all reshards; knows neither labels nor dominance.
class Enumeration {
public:
  Enumeration(const PlanningProblem &problem, const MeshCandidate &candidate, bool keepsSmaller)
      : problem(problem), price(*problem.machine, *problem.cost), prices(price), stageOf(problem.ops.size(), 0),
        sequence(buildSequence(problem, stageOf, true)), space(problem, candidate, sequence, prices),
        keepsSmaller(keepsSmaller) {}

  std::vector<Outcome> run() {
    result.decisions.resize(sequence.steps.size());
    copies.resize(sequence.values.size());
    step(0);
    return outcomes;
  }

private:
  void step(size_t number) {
    if (number == sequence.steps.size())
      return finish();
    const Step &current = sequence.steps[number];
    if (current.kind == StepKind::settle)
      return settle(number);
    const std::vector<OpOption> &options = space.options[0]->find(current.op);
    for (size_t option = 0; option < options.size(); ++option) {
      result.decisions[number] = {static_cast<int>(option), {}};
      operand(number, 0);
    }
  }

  void operand(size_t number, size_t position) {
    const Step &current = sequence.steps[number];
    const OpOption &option = space.options[0]->find(current.op)[result.decisions[number].option];
    if (position == current.operands.size()) {
      for (size_t i = 0; i < current.results.size(); ++i)
        copies[current.results[i]] = {option.results[i]};
      return step(number + 1);
    }
    int value = current.operands[position];
    PlacementSpace &values = space.spaceOf(sequence.values[value]);
    PlacementId wanted = option.operands[position];
    std::set<PlacementId> before = copies[value], sources = before;
    if (problem.values[sequence.values[value].value].kind != ValueKind::made) {
      sources = {values.withoutPartial(wanted)};
      bool isParameter = problem.values[sequence.values[value].value].kind == ValueKind::parameter;
      if (keepsSmaller && isParameter && sequence.readCount[value] == 1)
        for (const OpOption &other : space.options[0]->find(current.op))
          if (PlacementId kept = values.withoutPartial(other.operands[position]);
              values.storedBytes(kept) < values.storedBytes(*sources.begin()))
            sources.insert(kept);
    } else if (before.count(wanted)) {
      sources = {wanted};
    }
    for (PlacementId source : sources) {
      if (source != wanted && values.move(source, wanted).price >= kNever)
        continue;
      result.decisions[number].sources.push_back(source);
      if (source != wanted)
        for (PlacementId copy : values.move(source, wanted).path)
          copies[value].insert(copy);
      operand(number, position + 1);
      copies[value] = before;
      result.decisions[number].sources.pop_back();
    }
  }

  void settle(size_t number) {
    int value = sequence.steps[number].operands[0];
    PlacementSpace &values = space.spaceOf(sequence.values[value]);
    std::set<PlacementId> targets;
    for (PlacementId copy : copies[value])
      targets.insert(values.withoutPartial(copy));
    for (PlacementId target : targets)
      for (PlacementId source : std::set<PlacementId>(copies[value])) {
        result.decisions[number] = {target, {source}};
        step(number + 1);
      }
  }

  void finish() {
    SearchResult copy = result;
    Plan plan = extractPlan(sequence, space, copy, stageOf);
    FailureOr<Evaluation> evaluation = evaluatePlan(problem, plan, price);
    ASSERT_TRUE(succeeded(evaluation));
    outcomes.push_back({evaluation->timeOfAllStages(), evaluation->stages[0].memory()});
  }

  const PlanningProblem &problem;
  cost::MachinePrice price;
  ReshardPrices prices;
  std::vector<int> stageOf;
  Sequence sequence;
  SearchSpace space;
  bool keepsSmaller;
  std::vector<std::set<PlacementId>> copies;
  SearchResult result;
  std::vector<Outcome> outcomes;
};

std::optional<Evaluation> search(const PlanningProblem &problem, const MeshCandidate &candidate, Objective objective,
                                 int64_t memory) {
  cost::MachinePrice price(*problem.machine, *problem.cost);
  ReshardPrices prices(price);
  std::vector<int> stageOf(problem.ops.size(), 0);
  Sequence sequence = buildSequence(problem, stageOf, objective != Objective::time);
  SearchSpace space(problem, candidate, sequence, prices);
  SearchLimits limits{1000000, 1000000, memory};
  int stuckOp;
  std::optional<SearchResult> result = solveSequence(sequence, space, objective, limits, stuckOp);
  if (!result)
    return std::nullopt;
  EXPECT_TRUE(result->exact);
  FailureOr<Evaluation> evaluation = evaluatePlan(problem, extractPlan(sequence, space, *result, stageOf), price);
  EXPECT_TRUE(succeeded(evaluation));
  EXPECT_EQ(evaluation->timeOfAllStages(), result->time);
  if (objective == Objective::frontier) {
    EXPECT_EQ(evaluation->stages[0].memory(), result->storage + result->peak);
  }
  return *evaluation;
}

class ExhaustiveTest : public ::testing::TestWithParam<std::tuple<const char *, int, double>> {};

TEST_P(ExhaustiveTest, searchFindsTheFastest) {
  auto [text, devices, perByte] = GetParam();
  TestProblem test(text, devices);
  ASSERT_TRUE(test.module);
  for (auto &[kind, price] : test.cost.collectives)
    price.perByte = perByte;
  FailureOr<PlanningProblem> problem = test.build();
  ASSERT_TRUE(succeeded(problem));
  FailureOr<std::vector<MeshCandidate>> candidates = findCandidates(*problem);
  ASSERT_TRUE(succeeded(candidates));
  const MeshCandidate &candidate = candidates->front();
  std::vector<Outcome> outcomes = Enumeration(*problem, candidate, false).run();
  ASSERT_GT(outcomes.size(), 40u);
  Picoseconds best = kNever;
  for (const Outcome &outcome : outcomes)
    best = std::min(best, outcome.time);
  std::optional<Evaluation> found = search(*problem, candidate, Objective::time, kNever);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->timeOfAllStages(), best) << outcomes.size() << " combinations";
}

TEST_P(ExhaustiveTest, searchFindsTheFastestThatFits) {
  auto [text, devices, perByte] = GetParam();
  TestProblem test(text, devices);
  ASSERT_TRUE(test.module);
  for (auto &[kind, price] : test.cost.collectives)
    price.perByte = perByte;
  FailureOr<PlanningProblem> problem = test.build();
  ASSERT_TRUE(succeeded(problem));
  FailureOr<std::vector<MeshCandidate>> candidates = findCandidates(*problem);
  ASSERT_TRUE(succeeded(candidates));
  const MeshCandidate &candidate = candidates->front();
  std::vector<Outcome> outcomes = Enumeration(*problem, candidate, true).run();
  int64_t least = kNever, most = 0;
  for (const Outcome &outcome : outcomes) {
    least = std::min(least, outcome.memory);
    most = std::max(most, outcome.memory);
  }
  EXPECT_FALSE(search(*problem, candidate, Objective::frontier, least - 1));
  for (int64_t part = 0; part <= 4; ++part) {
    int64_t limit = least + (most - least) * part / 4;
    Picoseconds best = kNever;
    for (const Outcome &outcome : outcomes)
      if (outcome.memory <= limit)
        best = std::min(best, outcome.time);
    std::optional<Evaluation> found = search(*problem, candidate, Objective::frontier, limit);
    ASSERT_TRUE(found) << limit;
    EXPECT_LE(found->stages[0].memory(), limit);
    EXPECT_EQ(found->timeOfAllStages(), best) << limit;
  }
}

INSTANTIATE_TEST_SUITE_P(Small, ExhaustiveTest,
                         ::testing::Combine(::testing::Values(kMlp, kShared, kNormalised), ::testing::Values(2, 3),
                                            ::testing::Values(0.0, 1e-10, 1e-8)));

} // namespace
