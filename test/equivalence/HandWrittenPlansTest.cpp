// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Plans a person writes: the Megatron layout from one annotated loop, micro-batches over stages of unequal size, uneven
// heads, a vocabulary split, symbolic batch.
#include "Harness.h"
#include "mlir/AsmParser/AsmParser.h"
#include "partita/dialects/collective/Collective.h"
#include "partita/partition/Partition.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::test;

namespace {
class HandWrittenPlans : public testing::Test {
protected:
  /// The graph file with stages put before it and loops given to the named ops.
  OwningOpRef<ModuleOp> plan(StringRef graph, StringRef stages,
                             const std::map<std::string, std::pair<std::string, std::string>> &decisions) {
    OwningOpRef<ModuleOp> module = harness.parseFile((PARTITA_GRAPHS "/" + graph + ".mlir").str());
    OwningOpRef<ModuleOp> head = harness.parse(stages);
    if (!module || !head)
      return {};
    module->getBody()->getOperations().splice(module->getBody()->begin(), head->getBody()->getOperations());
    module->walk([&](Operation *op) {
      auto found = decisions.find(getModelName(op).str());
      if (found == decisions.end())
        return;
      auto &[stage, loops] = found->second;
      op->setAttr(plan::kStageAttr, FlatSymbolRefAttr::get(&harness.getContext(), stage));
      op->setAttr(plan::kLoopsAttr, parseAttribute("#partita_plan.loops<" + loops + ">", &harness.getContext()));
    });
    return module;
  }
  Harness harness;
};
} // namespace

TEST_F(HandWrittenPlans, MegatronLayoutFromOneLoop) {
  auto module =
      plan("mlp", "partita_plan.stage @s on <[\"t\"=3], devices = [0, 1, 2]>", {{"fc1", {"s", R"([[], ["t"], []])"}}});
  ASSERT_TRUE(module);
  EXPECT_EQ(harness.compare(*module, 1), "");
  auto traffic = partition::countCommunication(*module);
  EXPECT_EQ(traffic.size(), 1u);
  EXPECT_EQ(traffic["all_reduce"].count, 1);
}

TEST_F(HandWrittenPlans, TwoStagesOfThreeAndOneRanksWithThreeMicroBatches) {
  auto module = plan("mlp",
                     "partita_plan.stage @a on <[\"t\"=3, \"micro\"=3 time], devices = [0, 1, 2]>\n"
                     "partita_plan.stage @b on <[\"micro\"=3 time], devices = [3]>",
                     {{"fc1", {"a", R"([["micro"], ["t"], []])"}},
                      {"bias1", {"a", R"([["micro"], ["t"]])"}},
                      {"fc2", {"b", R"([["micro"], [], []])"}}});
  ASSERT_TRUE(module);
  EXPECT_EQ(harness.compare(*module, 2), "");
  EXPECT_EQ(partition::countCommunication(*module)["send"].count, 3);
}

TEST_F(HandWrittenPlans, UnevenHeadsAndVocabulary) {
  // Three heads over two ranks (2 and 1), eleven rows of the embedding over two ranks (6 and 5).
  auto module = plan("block", "partita_plan.stage @s on <[\"t\"=2], devices = [0, 1]>",
                     {{"embed", {"s", R"([[], [], [], ["t"]])"}},
                      {"q", {"s", R"([[], [], ["t":4], []])"}},
                      {"k", {"s", R"([[], [], ["t":4], []])"}},
                      {"v", {"s", R"([[], [], ["t":4], []])"}},
                      {"fc1", {"s", R"([[], [], ["t"], []])"}},
                      {"logits", {"s", R"([[], [], ["t"], []])"}}});
  ASSERT_TRUE(module);
  EXPECT_EQ(harness.compare(*module, 3), "");
  auto traffic = partition::countCommunication(*module);
  // The embedding, the attention and the perceptron each end in one sum; logits leave the program split.
  EXPECT_EQ(traffic["all_reduce"].count, 3);
  EXPECT_EQ(traffic.size(), 1u);
}

TEST_F(HandWrittenPlans, PartialResultOfTheProgramIsReduced) {
  auto module =
      plan("mlp", "partita_plan.stage @s on <[\"t\"=2], devices = [0, 1]>", {{"fc2", {"s", R"([[], [], ["t"]])"}}});
  ASSERT_TRUE(module);
  EXPECT_EQ(harness.compare(*module, 4), "");
}

TEST_F(HandWrittenPlans, SymbolicBatch) {
  auto module = harness.parse(R"(
    #in = #partita.shape<[<"batch", 1, 8>], ()[s0] -> (s0, 6)>
    #out = #partita.shape<[<"batch", 1, 8>], ()[s0] -> (s0, 9)>
    partita_plan.stage @s on <["d"=3], devices = [0, 1, 2]>
    func.func @main(%x: tensor<?x6xf32, #in> {partita.name = "x", partita.role = "input"},
                    %w: tensor<6x9xf32> {partita.name = "w", partita.role = "parameter"})
        -> (tensor<?x9xf32, #out> {partita.name = "y"}) {
      %0 = partita_graph.contraction "fc" (%x, %w) "mk,kn->mn" {
        partita_plan.loops = #partita_plan.loops<[["d"], [], []]>} : (tensor<?x6xf32, #in>, tensor<6x9xf32>) -> tensor<?x9xf32, #out>
      return %0 : tensor<?x9xf32, #out>
    })");
  ASSERT_TRUE(module) << harness.takeDiagnostics();
  OwningOpRef<ModuleOp> program = module->clone();
  ASSERT_EQ(harness.partition(*program), "");
  for (int64_t batch : {1, 2, 5, 8})
    EXPECT_EQ(harness.run(*program, harness.expect(*module, batch, {{"batch", batch}})), "") << "batch " << batch;
}

TEST_F(HandWrittenPlans, ABatchNeededWholeIsRefusedWithMicroBatches) {
  auto module = plan("mlp", "partita_plan.stage @s on <[\"micro\"=3 time], devices = [0]>",
                     {{"fc1", {"s", R"([["micro"], [], []])"}}, {"fc2", {"s", R"([[], [], []])"}}});
  ASSERT_TRUE(module);
  EXPECT_NE(harness.partition(*module).find("E-PLAN"), std::string::npos);
}
