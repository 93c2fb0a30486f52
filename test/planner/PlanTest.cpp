// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Plans of small functions: what is written, pins, presets, errors, repeated layers.
#include "TestProblem.h"

#include "partita/cost/AnalyticCost.h"
#include "partita/cost/MachinePrice.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::planner;

namespace {

TEST(PlanTest, writesAllDecisions) {
  TestProblem test(kMlp, 4);
  FailureOr<PlanResult> plan = test.plan();
  ASSERT_TRUE(succeeded(plan));
  EXPECT_EQ(plan->devicesUsed, 4);
  EXPECT_TRUE(plan->search.exact);
  EXPECT_GE(plan->predicted.stepSeconds, plan->predicted.lowerBoundSeconds);
  EXPECT_TRUE(succeeded(test.module->verify()));
  for (Operation &op : test.function().getBody().front().without_terminator()) {
    EXPECT_TRUE(op.hasAttr(plan::kStageAttr));
    EXPECT_TRUE(op.hasAttr(plan::kLoopsAttr));
    EXPECT_TRUE(op.hasAttr(plan::kReshardsAttr));
    EXPECT_TRUE(op.hasAttr(plan::kOriginAttr));
  }
  EXPECT_TRUE(test.function().getArgAttr(1, plan::kStorageAttr));
}

TEST(PlanTest, aPlanIsTheSameTextEveryTime) {
  std::string first;
  for (int run = 0; run < 10; ++run) {
    TestProblem test(makeLayers(6), 4);
    ASSERT_TRUE(succeeded(test.plan()));
    std::string text = test.print();
    // Planning again changes nothing.
    ASSERT_TRUE(succeeded(test.plan()));
    EXPECT_EQ(test.print(), text);
    first = first.empty() ? text : first;
    EXPECT_EQ(text, first);
  }
}

TEST(PlanTest, repeatedLayersCostWhatTheyCostOneByOne) {
  for (int layers : {3, 5, 8}) {
    TestProblem folded(makeLayers(layers), 4), whole(makeLayers(layers), 4);
    FailureOr<PlanningProblem> a = folded.build(), b = whole.build();
    ASSERT_TRUE(succeeded(a) && succeeded(b));
    ASSERT_EQ(a->segments.size(), 1u);
    b->segments.clear();
    FailureOr<Solution> x = solveProblem(*a), y = solveProblem(*b);
    ASSERT_TRUE(succeeded(x) && succeeded(y));
    EXPECT_EQ(x->step, y->step) << layers;
    EXPECT_TRUE(succeeded(verifySolution(*a, *x)));
  }
}

TEST(PlanTest, manyLayersTakeNoMoreLabels) {
  TestProblem few(makeLayers(12), 4), many(makeLayers(96), 4);
  FailureOr<PlanResult> a = few.plan(), b = many.plan();
  ASSERT_TRUE(succeeded(a) && succeeded(b));
  EXPECT_EQ(a->search.labels, b->search.labels);
  EXPECT_EQ(a->search.options, b->search.options);
}

TEST(PlanTest, presetsAreRestrictions) {
  double free = 0;
  for (const char *preset : {"", "single", "data", "tensor", "megatron:tensor=2,data=2"}) {
    TestProblem test(makeLayers(4), 4);
    test.options.preset = preset;
    FailureOr<PlanResult> plan = test.plan();
    ASSERT_TRUE(succeeded(plan)) << preset;
    if (!*preset)
      free = plan->predicted.stepSeconds;
    EXPECT_GE(plan->predicted.stepSeconds, free) << preset;
    EXPECT_GE(plan->predicted.stepSeconds, plan->predicted.lowerBoundSeconds);
  }
}

TEST(PlanTest, tensorIsMegatron) {
  TestProblem test(makeLayers(5), 4);
  test.options.preset = "tensor";
  // Traffic is dear, so that only the one reduction of each layer is left.
  for (auto &[kind, price] : test.cost.collectives)
    price = {1e-6, 1e-9};
  FailureOr<PlanResult> plan = test.plan();
  ASSERT_TRUE(succeeded(plan));
  EXPECT_EQ(plan->predicted.communication["all_reduce"].count, 5);
  EXPECT_EQ(plan->predicted.communication.size(), 1u);
}

TEST(PlanTest, stagesAndMicroBatches) {
  TestProblem test(makeLayers(4), 4);
  test.options.preset = "megatron:tensor=2,pipeline=2";
  test.options.microBatches = 4;
  FailureOr<PlanResult> plan = test.plan();
  ASSERT_TRUE(succeeded(plan));
  EXPECT_EQ(plan->meshes.size(), 2u);
  EXPECT_EQ(plan->predicted.communication["send"].count, 4);
  EXPECT_GT(plan->predicted.bubbleSeconds, 0);
  std::string text = test.print();
  EXPECT_NE(text.find("@stage1"), std::string::npos);
  EXPECT_NE(text.find("\"micro\"=4 time"), std::string::npos);
  EXPECT_NE(text.find("arrival"), std::string::npos);
}

TEST(PlanTest, pinsHold) {
  TestProblem test(kMlp, 4);
  test.options.preset = "tensor";
  test.options.pins = {"fc1:n=tensor", "fc2:m=none,n=none"};
  ASSERT_TRUE(succeeded(test.plan()));
  Operation &first = test.function().getBody().front().front();
  EXPECT_EQ(cast<StringAttr>(first.getAttr(plan::kOriginAttr)).getValue(), "pin");
  auto loops = cast<plan::LoopsAttr>(first.getAttr(plan::kLoopsAttr)).getLoops();
  EXPECT_TRUE(loops[0].getSplits().empty());
  ASSERT_EQ(loops[1].getSplits().size(), 1u);
  EXPECT_TRUE(loops[2].getSplits().empty());
}

TEST(PlanTest, decodingSplitsTheKeys) {
  TestProblem test(kDecode, 4);
  FailureOr<PlanResult> plan = test.plan();
  ASSERT_TRUE(succeeded(plan));
  Operation &attention = test.function().getBody().front().front();
  auto loops = cast<plan::LoopsAttr>(attention.getAttr(plan::kLoopsAttr)).getLoops();
  EXPECT_EQ(loops[5].getSplits().size(), 1u);
  // Of one row: the maximum, the sum, the product with the values.
  EXPECT_EQ(plan->predicted.communication["all_reduce"].count, 3);
  EXPECT_EQ(plan->predicted.communication.size(), 1u);
  // Each rank reads its own keys and values, and keeps one row of scores beside them.
  EXPECT_EQ(plan->predicted.memory["inputs"], 4 * (8 + 2 * 16 * 8));
  EXPECT_GE(plan->predicted.memory["activations"], 4 * 16);
}

TEST(PlanTest, expansionsArePricedAsTheyRun) {
  TestProblem test(kDecode, 4);
  test.options.pins = {"attention:key=x"};
  FailureOr<PlanningProblem> problem = test.build();
  ASSERT_TRUE(succeeded(problem));
  FailureOr<Solution> solution = solveProblem(*problem);
  ASSERT_TRUE(succeeded(solution));
  const StageFigures &stage = solution->evaluation.stages[0];
  // A nanosecond each: 2 * 8 * 16 operations of each product; of 16 scores the scale, maximum, difference, exponential
  // (10), sum and quotient; kernels: both products, up to the maximum, up to the sum, the quotient.
  double operations = 2 * 2 * 8 * 16 + 15 * 16;
  // A picosecond each: what the products read and write (query, keys, scores; weights, values, result); the scores and
  // their factor read, the scaled ones and the maximum written; these read, the exponentials and the sum written; these
  // read, the weights written.
  double bytes = 4 * ((8 + 8 * 16 + 16) + (16 + 8 * 16 + 8) + (16 + 1 + 16 + 1) + (16 + 1 + 16 + 1) + (16 + 1 + 16));
  EXPECT_NEAR(static_cast<double>(stage.compute), (operations + 5) * 1000 + bytes, 5);
  // Three all-reduces: of one number, one number, and eight; each of the four ranks reduces one number at least.
  EXPECT_NEAR(static_cast<double>(stage.communication), 3 * 7000 + (4 + 4 + 8) * 4 * 100, 1);
}

TEST(PlanTest, presetsLeaveExpandLoopsWhole) {
  for (const char *preset : {"tensor", "data", "megatron:tensor=2,data=2"}) {
    TestProblem test(kNormalised, 4);
    test.options.preset = preset;
    ASSERT_TRUE(succeeded(test.plan())) << preset;
    for (Operation &op : test.function().getBody().front().without_terminator())
      if (isa<DecomposableOpInterface>(op))
        EXPECT_TRUE(cast<plan::LoopsAttr>(op.getAttr(plan::kLoopsAttr)).getLoops()[1].getSplits().empty()) << preset;
  }
  TestProblem pinned(kNormalised, 4);
  pinned.options.preset = "tensor";
  pinned.options.pins = {"softmax:d1=tensor"};
  EXPECT_EQ(pinned.planError().find("E-INFEASIBLE-PIN"), 0u);
}

/// Of a batch of one image, rows are given out: halos are less than channels.
/// For each op the loops that are split, in the order of the program.
static std::vector<std::vector<int>> listSplitLoops(TestProblem &test) {
  std::vector<std::vector<int>> split;
  for (Operation &op : test.function().getBody().front().without_terminator()) {
    split.emplace_back();
    for (auto [number, loop] : llvm::enumerate(cast<plan::LoopsAttr>(op.getAttr(plan::kLoopsAttr)).getLoops()))
      if (!loop.getSplits().empty())
        split.back().push_back(number);
  }
  return split;
}

TEST(PlanTest, presetsAreNoDemands) {
  // Channels of a group alone cannot be split, and groups of an input are not the model's.
  for (int devices : {3, 4}) {
    TestProblem test(kGroups, devices);
    test.options.preset = "tensor";
    ASSERT_TRUE(succeeded(test.plan())) << devices;
    EXPECT_EQ(listSplitLoops(test), (std::vector<std::vector<int>>{{}, {2}, {1}})) << devices;
  }
  // The other axis is kept.
  TestProblem both(kGroups, 4);
  both.options.preset = "megatron:data=2,tensor=2";
  ASSERT_TRUE(succeeded(both.plan()));
  EXPECT_EQ(listSplitLoops(both), (std::vector<std::vector<int>>{{0}, {0, 2}, {0, 1}}));
  TestProblem batches(kGroups, 4);
  batches.options.preset = "megatron:pipeline=2,tensor=2";
  batches.options.microBatches = 2;
  EXPECT_TRUE(succeeded(batches.plan()));
  // What the user fixes comes first.
  TestProblem pinned(kMlp, 4);
  pinned.options.preset = "tensor";
  pinned.options.pins = {"fc1:m=none,n=none,k=none"};
  ASSERT_TRUE(succeeded(pinned.plan()));
  EXPECT_TRUE(listSplitLoops(pinned)[0].empty());
}

TEST(PlanTest, imagesAreSplitByPosition) {
  TestProblem test(kImage, 4);
  FailureOr<PlanResult> plan = test.plan();
  ASSERT_TRUE(succeeded(plan));
  EXPECT_EQ(plan->devicesUsed, 4);
  for (Operation &op : test.function().getBody().front())
    if (auto convolution = dyn_cast<graph::ConvolutionOp>(op)) {
      auto loops = cast<plan::LoopsAttr>(op.getAttr(plan::kLoopsAttr)).getLoops();
      EXPECT_EQ(loops[3].getSplits().size() + loops[4].getSplits().size(), plan->meshes[0] == "x=4" ? 1u : 2u);
    }
  // Rows of 24 elements of 4 channels, of which an inner rank sends two.
  EXPECT_EQ(plan->predicted.communication["exchange"].count, 1);
  EXPECT_LE(plan->predicted.communication["exchange"].bytes, 2 * 24 * 4 * 4);
  EXPECT_FALSE(plan->predicted.communication.count("all_gather"));
}

TEST(PlanTest, pinsApplyToOpsThatHaveTheLoop) {
  TestProblem test(kImage, 4);
  test.options.pins = {"*:position1=x,position0=none"};
  ASSERT_TRUE(succeeded(test.plan()));
  for (Operation &op : test.function().getBody().front())
    if (isa<graph::ConvolutionOp>(op)) {
      auto loops = cast<plan::LoopsAttr>(op.getAttr(plan::kLoopsAttr)).getLoops();
      EXPECT_TRUE(loops[3].getSplits().empty());
      EXPECT_EQ(loops[4].getSplits().size(), 1u);
    }
}

TEST(PlanTest, mistakesAreExplained) {
  struct Case {
    const char *preset, *pin;
    int64_t memory;
    const char *expected;
  };
  for (const Case &mistake :
       {Case{"tensors", "", 0, "E-PRESET"}, Case{"megatron:tensor=16", "", 0, "E-PRESET"},
        Case{"megatron:turbo=1", "", 0, "E-PRESET"}, Case{"", "fc1", 0, "E-PIN"},
        Case{"", "nothing*:m=x", 0, "E-INFEASIBLE-PIN"}, Case{"", "fc1:z=x", 0, "E-INFEASIBLE-PIN"},
        Case{"single", "fc1:m=x", 0, "E-INFEASIBLE-PIN"}, Case{"", "", 10, "E-INFEASIBLE-MEM"},
        Case{"", "", 2000, "E-INFEASIBLE-MEM"}}) {
    TestProblem test(kMlp, 4);
    test.options.preset = mistake.preset;
    if (*mistake.pin)
      test.options.pins = {mistake.pin};
    if (mistake.memory)
      test.options.memoryLimit = Bytes{mistake.memory};
    std::string error = test.planError();
    EXPECT_EQ(error.find(mistake.expected), 0u) << mistake.preset << mistake.pin << ": " << error;
    EXPECT_EQ(test.print().find("partita_plan"), std::string::npos);
  }
}

TEST(PlanTest, memoryIsAHardLimit) {
  for (const std::string &text : {std::string(kMlp), makeLayers(6)}) {
    TestProblem free(text, 4);
    FailureOr<PlanResult> plan = free.plan();
    ASSERT_TRUE(succeeded(plan));
    TestProblem limited(text, 4);
    limited.options.memoryLimit = Bytes{plan->predicted.memoryBytes() * 3 / 4};
    FailureOr<PlanResult> smaller = limited.plan();
    ASSERT_TRUE(succeeded(smaller));
    EXPECT_LE(smaller->predicted.memoryBytes(), limited.options.memoryLimit->value);
    EXPECT_GE(smaller->predicted.stepSeconds, plan->predicted.stepSeconds);
  }
}

TEST(PlanTest, aWrongPlanIsFound) {
  TestProblem test(kShared, 2);
  FailureOr<PlanningProblem> problem = test.build();
  ASSERT_TRUE(succeeded(problem));
  FailureOr<Solution> solution = solveProblem(*problem);
  ASSERT_TRUE(succeeded(solution));
  ScopedDiagnosticHandler silence(&test.context, [](Diagnostic &) { return success(); });
  EXPECT_TRUE(succeeded(verifySolution(*problem, *solution)));
  Solution faster = *solution;
  faster.step -= 1;
  EXPECT_TRUE(failed(verifySolution(*problem, faster)));
  Solution unbound = *solution;
  unbound.lowerBound = unbound.step + 1;
  EXPECT_TRUE(failed(verifySolution(*problem, unbound)));
  Solution lost = *solution;
  lost.plan.ops[1].operands[0].path.clear();
  EXPECT_TRUE(failed(verifySolution(*problem, lost)));
  Solution kept = *solution;
  kept.plan.storage.clear();
  EXPECT_TRUE(failed(verifySolution(*problem, kept)));
}

TEST(PlanTest, theLowerBoundIsThatOfPerfectSplits) {
  TestProblem test(kMlp, 4);
  FailureOr<PlanningProblem> problem = test.build();
  ASSERT_TRUE(succeeded(problem));
  FailureOr<std::vector<MeshCandidate>> candidates = findCandidates(*problem);
  // 2*8*16*32 operations twice and 8*32 once, a nanosecond each, over four; three launches; the bytes of all values.
  double operations = (2 * 2 * 8 * 16 * 32 + 8 * 32) / 4.0;
  double bytes = 4.0 * (8 * 16 + 16 * 32 + 8 * 32 + 8 * 32 + 8 * 32 + 8 * 32 + 32 * 16 + 8 * 16) / 4.0;
  Picoseconds bound = computeLowerBound(*problem, candidates->front(), {0, 0, 0});
  EXPECT_NEAR(static_cast<double>(bound), (operations + 3) * 1000 + bytes, 3);
}

} // namespace
