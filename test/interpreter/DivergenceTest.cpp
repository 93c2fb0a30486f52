// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The first divergence of a program that the partitioner wrote and whose layers share one function.
#include "TestPrograms.h"
#include "mlir/IR/Verifier.h"
#include "partita/partition/Partition.h"

using namespace mlir;
using namespace partita;
using namespace partita::interpreter;

class DivergenceTest : public Programs {
protected:
  static constexpr int kLayers = 4;

  /// Layers of a split product, a reduction by the next product, and two functions, on one or two stages.
  std::string layeredGraph(bool planned, bool twoStages) {
    std::string text;
    if (planned)
      text += "partita_plan.stage @a on <[\"t\"=2, \"micro\"=3 time], devices = [0, 1]>\n";
    if (planned && twoStages)
      text += "partita_plan.stage @b on <[\"t\"=2, \"micro\"=3 time], devices = [2, 3]>\n";
    text += "func.func @main(%v0: tensor<6x4xf32> {partita.name = \"x\", partita.role = \"input\"}";
    for (int i = 0; i < kLayers; ++i)
      text += ", %u" + std::to_string(i) + ": tensor<4x8xf32> {partita.name = \"u" + std::to_string(i) + "\"}, %w" +
              std::to_string(i) + ": tensor<8x4xf32> {partita.name = \"w" + std::to_string(i) + "\"}";
    text += ") -> (tensor<6x4xf32> {partita.name = \"y\"}) {\n";
    for (int i = 0; i < kLayers; ++i) {
      std::string n = std::to_string(i), stage = twoStages && i >= kLayers / 2 ? "b" : "a";
      auto plan = [&](const std::string &loops) {
        return planned
                   ? " {partita_plan.stage = @" + stage + ", partita_plan.loops = #partita_plan.loops<" + loops + ">}"
                   : std::string();
      };
      text += "%a" + n + " = partita_graph.contraction \"l" + n + "/up\" (%v" + n + ", %u" + n + ") \"mk,kn->mn\"" +
              plan("[[\"micro\"], [\"t\"], []]") + " : (tensor<6x4xf32>, tensor<4x8xf32>) -> tensor<6x8xf32>\n";
      text += "%b" + n + " = partita_graph.elementwise \"l" + n + "/act\" gelu(%a" + n + ")" +
              plan("[[\"micro\"], [\"t\"]]") + " : (tensor<6x8xf32>) -> tensor<6x8xf32>\n";
      text += "%c" + n + " = partita_graph.contraction \"l" + n + "/down\" (%b" + n + ", %w" + n + ") \"mk,kn->mn\"" +
              plan("[[\"micro\"], [], [\"t\"]]") + " : (tensor<6x8xf32>, tensor<8x4xf32>) -> tensor<6x4xf32>\n";
      text += "%v" + std::to_string(i + 1) + " = partita_graph.elementwise \"l" + n + "/out\" sin(%c" + n + ")" +
              plan("[[\"micro\"], []]") + " : (tensor<6x4xf32>) -> tensor<6x4xf32>\n";
    }
    return text + "return %v" + std::to_string(kLayers) + " : tensor<6x4xf32>\n}\n";
  }

  OwningOpRef<ModuleOp> makeProgram(bool twoStages) {
    auto module = parse(layeredGraph(/*planned=*/true, twoStages));
    if (!module)
      return {};
    EXPECT_TRUE(succeeded(partition::completePlan(findGraphFunction(*module))) &&
                succeeded(partition::partitionModule(*module)) && succeeded(partition::outlineSegments(*module)))
        << diagnostics;
    return module;
  }

  /// Calls of shared functions, in the order of the text.
  static std::vector<func::CallOp> listSharedCalls(ModuleOp program) {
    std::map<std::string, std::vector<func::CallOp>> calls;
    program.walk([&](func::CallOp call) { calls[call.getCallee().str()].push_back(call); });
    std::vector<func::CallOp> shared;
    program.walk([&](func::CallOp call) {
      if (calls[call.getCallee().str()].size() > 1)
        shared.push_back(call);
    });
    return shared;
  }

  /// Gives one call a function of its own in which `kind` replaces an elementwise function.
  static bool breakCall(ModuleOp program, func::CallOp call, graph::ElementwiseKind from, graph::ElementwiseKind to) {
    auto callee = program.lookupSymbol<func::FuncOp>(call.getCallee());
    func::FuncOp copy = callee.clone();
    copy.setSymName("broken");
    program.push_back(copy);
    call.setCallee("broken");
    bool changed = false;
    copy.walk([&](graph::ElementwiseOp op) {
      if (op.getKind() == from) {
        op.setKind(to);
        changed = true;
      }
    });
    return changed;
  }
};

TEST_F(DivergenceTest, ThePartitionedProgramPasses) {
  for (bool twoStages : {false, true}) {
    auto graph = parse(layeredGraph(false, false)), program = makeProgram(twoStages);
    ASSERT_TRUE(graph && program);
    EXPECT_GE(listSharedCalls(*program).size(), static_cast<size_t>(kLayers) - 1);
    auto report = verifyProgram(*graph, *program, {}, {});
    ASSERT_TRUE(succeeded(report)) << diagnostics;
    EXPECT_TRUE(report->passed);
  }
}

TEST_F(DivergenceTest, TheBrokenLayerIsNamed) {
  for (bool twoStages : {false, true}) {
    auto sound = makeProgram(twoStages);
    ASSERT_TRUE(sound);
    size_t count = listSharedCalls(*sound).size();
    std::set<std::string> found;
    for (size_t index = 0; index < count; ++index) {
      auto graph = parse(layeredGraph(false, false)), program = makeProgram(twoStages);
      ASSERT_TRUE(graph && program);
      if (!breakCall(*program, listSharedCalls(*program)[index], graph::ElementwiseKind::sin,
                     graph::ElementwiseKind::cos))
        continue;
      ASSERT_TRUE(succeeded(verify(*program))) << diagnostics;
      auto report = verifyProgram(*graph, *program, {}, {});
      ASSERT_TRUE(succeeded(report)) << diagnostics;
      EXPECT_FALSE(report->passed);
      ASSERT_TRUE(report->divergence);
      found.insert(report->divergence->op);
    }
    // Each layer with a shared function was broken once and named once.
    EXPECT_GE(found.size(), static_cast<size_t>(kLayers) - 1);
    for (const std::string &name : found)
      EXPECT_EQ(name.substr(2), "/out") << name;
  }
}
