// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every split by expansion of every op equals the whole op: along one loop, along two (one of them possibly parallel or
// both the same loop), in uneven and empty parts, under masks that hide whole rows.
#include "partita/placement/Expansion.h"
#include "../dialects/interfaces/OpCases.h"
#include "Harness.h"
#include "partita/dialects/collective/Collective.h"
#include "partita/partition/Partition.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::test;
using placement::AxisKind;
using placement::LoopAssignment;
using placement::Mesh;

namespace {

class ExpansionTest : public testing::Test {
protected:
  static Operation *firstOp(ModuleOp module) {
    return &interpreter::findGraphFunction(module).getBody().front().front();
  }

  /// The graph whose op `name` has these loops on this mesh.
  OwningOpRef<ModuleOp> plan(const std::string &text, StringRef name, const LoopAssignment &loops, const Mesh &mesh) {
    OwningOpRef<ModuleOp> module = harness.parse(text);
    EXPECT_TRUE(module) << harness.takeDiagnostics();
    OpBuilder builder = OpBuilder::atBlockBegin(module->getBody());
    MLIRContext *context = module->getContext();
    plan::StageOp::create(builder, module->getLoc(), builder.getStringAttr("s"), placement::toAttribute(context, mesh));
    interpreter::findGraphFunction(*module).setResultAttr(0, "partita.name", builder.getStringAttr("y"));
    module->walk([&](Operation *op) {
      if (isa<SplitOpInterface>(op) && getModelName(op) == name)
        op->setAttr(plan::kLoopsAttr, placement::toAttribute(context, loops, mesh));
    });
    return module;
  }

  static bool isPlaced(Operation *op, const LoopNest &nest, const LoopAssignment &loops, const Mesh &mesh) {
    return placement::placePlannedOp(op, nest, loops, mesh, {}).has_value();
  }

  /// Partitions, runs and compares; the composite must be gone, and something must have crossed ranks.
  void check(const OpCase &entry, const LoopAssignment &loops, const Mesh &mesh) {
    interpreter::SymbolValues symbols;
    for (auto [name, value] : entry.symbols)
      symbols[name] = value;
    OwningOpRef<ModuleOp> module = plan(entry.text(), "op", loops, mesh);
    StringRef kind = firstOp(*module)->getName().getStringRef();
    Expectation expectation = harness.expect(*module, 5, symbols);
    ASSERT_EQ(harness.partition(*module), "");
    bool isLeft = false;
    module->walk([&](Operation *op) { isLeft |= op->getName().getStringRef() == kind && getModelName(op) == "op"; });
    EXPECT_FALSE(isLeft);
    int64_t collectives = 0;
    for (auto &[name, traffic] : partition::countCommunication(*module))
      collectives += traffic.count;
    EXPECT_GE(collectives, 1);
    EXPECT_EQ(harness.run(*module, expectation), "");
    ++checked[kind.str()];
  }

  Harness harness;
  std::map<std::string, int> checked;
};

TEST_F(ExpansionTest, OneLoop) {
  for (const OpCase &entry : listOpCases()) {
    SCOPED_TRACE(entry.text());
    OwningOpRef<ModuleOp> module = harness.parse(entry.text());
    Operation *op = firstOp(*module);
    LoopNest nest = cast<SplitOpInterface>(op).getLoopNest();
    for (auto [loop, info] : llvm::enumerate(nest.loops)) {
      if (info.kind != LoopKind::expand)
        continue;
      for (int64_t parts : {2, 3, 5, 9})
        for (int64_t unit : {1, 2}) {
          SCOPED_TRACE(info.label + " over " + std::to_string(parts) + " in units of " + std::to_string(unit));
          Mesh mesh = placement::makeMesh({{"a", parts}});
          LoopAssignment loops(nest.loops.size());
          loops[loop] = {{0, unit}};
          // An expand loop by itself can always be cut.
          ASSERT_TRUE(isPlaced(op, nest, loops, mesh));
          check(entry, loops, mesh);
        }
    }
  }
  EXPECT_EQ(checked.size(), 7u) << "softmax, layer_norm, rms_norm, attention, top_k, cumulative, recurrent";
  for (auto &[name, count] : checked)
    EXPECT_GE(count, 8) << name;
}

TEST_F(ExpansionTest, TwoLoops) {
  int placed = 0;
  for (const OpCase &entry : listOpCases()) {
    SCOPED_TRACE(entry.text());
    OwningOpRef<ModuleOp> module = harness.parse(entry.text());
    Operation *op = firstOp(*module);
    LoopNest nest = cast<SplitOpInterface>(op).getLoopNest();
    size_t count = nest.loops.size();
    for (size_t first = 0; first < count; ++first)
      for (size_t second = 0; second < count; ++second) {
        if (nest.loops[first].kind != LoopKind::expand && nest.loops[second].kind != LoopKind::expand)
          continue;
        for (auto [p, q] : {std::pair<int64_t, int64_t>{2, 2}, {3, 2}}) {
          SCOPED_TRACE("loops " + nest.loops[first].label + ", " + nest.loops[second].label);
          Mesh mesh = placement::makeMesh({{"a", p}, {"b", q}});
          LoopAssignment loops(count);
          loops[first].push_back({0, 1});
          loops[second].push_back({1, 1});
          if (!isPlaced(op, nest, loops, mesh))
            continue;
          check(entry, loops, mesh);
          ++placed;
        }
      }
  }
  // Each loop of the attention but its depth goes together with its keys, wherever it has more than one iteration.
  EXPECT_GE(checked["partita_graph.attention"], 60);
  EXPECT_GE(placed, 120);
}

/// Tokens and experts over one axis: count-then-exchange dispatch.
TEST_F(ExpansionTest, JointLoops) {
  int placed = 0;
  for (const OpCase &entry : listOpCases()) {
    SCOPED_TRACE(entry.text());
    OwningOpRef<ModuleOp> module = harness.parse(entry.text());
    Operation *op = firstOp(*module);
    LoopNest nest = cast<SplitOpInterface>(op).getLoopNest();
    for (auto [parallel, reduced] : nest.jointLoops)
      for (int64_t parts : {2, 3, 5}) {
        SCOPED_TRACE(nest.loops[parallel].label + ", " + nest.loops[reduced].label + " over " + std::to_string(parts));
        // Alone, beside each other loop, and with the other loop over a second axis too.
        for (size_t other = 0; other <= nest.loops.size(); ++other) {
          Mesh mesh = placement::makeMesh({{"a", parts}, {"b", 2}});
          LoopAssignment loops(nest.loops.size());
          loops[parallel] = loops[reduced] = {{0, 1}};
          if (other < nest.loops.size())
            loops[other].push_back({1, 1});
          bool mustWork = other == nest.loops.size();
          ASSERT_TRUE(!mustWork || isPlaced(op, nest, loops, mesh));
          if (!isPlaced(op, nest, loops, mesh))
            continue;
          check(entry, loops, mesh);
          ++placed;
        }
      }
  }
  EXPECT_GE(placed, 20);
}

TEST_F(ExpansionTest, RowsWithoutAnyVisibleKey) {
  // The mask hides all keys of the first query, and the last three of the second.
  const std::string text = R"(
    func.func @main(%q: tensor<1x2x3x4xf32> {partita.name = "q", partita.role = "input"},
                    %k: tensor<1x2x5x4xf32> {partita.name = "k", partita.role = "input"},
                    %v: tensor<1x2x5x4xf32> {partita.name = "v", partita.role = "input"})
        -> (tensor<1x2x3x4xf32> {partita.name = "y"}) {
      %m = partita_graph.constant "m" dense<[[[[0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000, 0xFF800000],
        [0.0, 0.5, 0xFF800000, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0.0]]]]> : tensor<1x1x3x5xf32>
        : tensor<1x1x3x5xf32>
      %0 = partita_graph.attention "op" (%q, %k, %v, %m) scale 0.5 causal CAUSAL : (tensor<1x2x3x4xf32>,
        tensor<1x2x5x4xf32>, tensor<1x2x5x4xf32>, tensor<1x1x3x5xf32>) -> tensor<1x2x3x4xf32>
      return %0 : tensor<1x2x3x4xf32>
    })";
  for (const char *causal : {"true", "false"})
    for (int64_t parts : {2, 3, 5, 7}) {
      SCOPED_TRACE(std::to_string(parts) + " parts, causal " + causal);
      std::string own = text;
      own.replace(own.find("CAUSAL"), 6, causal);
      Mesh mesh = placement::makeMesh({{"a", parts}});
      LoopAssignment loops(7);
      loops[5] = {{0, 1}};
      OwningOpRef<ModuleOp> module = plan(own, "op", loops, mesh);
      Expectation expectation = harness.expect(*module, 3);
      std::vector<double> whole = expectation.control.results.at("y").reference.toDoubles();
      EXPECT_TRUE(std::isnan(whole[0]));
      EXPECT_FALSE(std::isnan(whole[4]));
      ASSERT_EQ(harness.partition(*module), "");
      EXPECT_EQ(harness.run(*module, expectation), "");
    }
}

TEST_F(ExpansionTest, SymbolicLeadOfKeysOverQueries) {
  // Three queries after `past` older keys: which keys are visible is known only at run time.
  const std::string text = R"(
    #keys = #partita.shape<[<"past", 0, 6>], ()[s0] -> (1, 2, s0 + 3, 4)>
    func.func @main(%q: tensor<1x2x3x4xf32> {partita.name = "q", partita.role = "input"},
                    %k: tensor<1x2x?x4xf32, #keys> {partita.name = "k", partita.role = "input"},
                    %v: tensor<1x2x?x4xf32, #keys> {partita.name = "v", partita.role = "input"})
        -> (tensor<1x2x3x4xf32> {partita.name = "y"}) {
      %0 = partita_graph.attention "op" (%q, %k, %v) scale 0.5 causal true : (tensor<1x2x3x4xf32>,
        tensor<1x2x?x4xf32, #keys>, tensor<1x2x?x4xf32, #keys>) -> tensor<1x2x3x4xf32>
      return %0 : tensor<1x2x3x4xf32>
    })";
  for (int64_t past : {0, 1, 4, 6})
    for (int64_t parts : {2, 4}) {
      SCOPED_TRACE(std::to_string(past) + " older keys in " + std::to_string(parts) + " parts");
      LoopAssignment loops(7);
      loops[5] = {{0, 1}};
      OwningOpRef<ModuleOp> module = plan(text, "op", loops, placement::makeMesh({{"a", parts}}));
      EXPECT_EQ(harness.compare(*module, 8, {{"past", past}}), "");
    }
}

TEST_F(ExpansionTest, WhatCannotBeExpandedIsRefused) {
  OpCase entry{R"(softmax "op" (%a0) dim 1)", {"tensor<5x7xf32>"}, "tensor<5x7xf32>"};
  auto refuse = [&](const LoopAssignment &loops, const Mesh &mesh, const std::string &expected) {
    OwningOpRef<ModuleOp> module = plan(entry.text(), "op", loops, mesh);
    std::string problem = harness.partition(*module);
    EXPECT_NE(problem.find("E-SPMD-TYPE: " + expected), std::string::npos) << problem;
  };
  // Later micro-batches cannot be waited for.
  refuse({{}, {{0, 1}}}, placement::makeMesh({{"micro", 2, AxisKind::time}}), "SPMD-8");
  refuse({{{0, 1}}, {{0, 1}}}, placement::makeMesh({{"a", 2}}), "SPMD-1");
}

TEST_F(ExpansionTest, ASplitCompositeInALocalProgramIsCaught) {
  OwningOpRef<ModuleOp> program = harness.parse(R"(
    partita_plan.stage @s on <["a"=2], devices = [0, 1]>
    #p = #partita_plan.part<tensor<5x8xf32>, <[[], ["a"]]>>
    func.func @s_forward(%x: tensor<5x4xf32, #p>) -> tensor<5x4xf32, #p> attributes {partita_collective.stage = @s} {
      %0 = partita_graph.softmax "op" (%x) dim 1 {partita_plan.loops = #partita_plan.loops<[[], ["a"]]>} :
        (tensor<5x4xf32, #p>) -> tensor<5x4xf32, #p>
      return %0 : tensor<5x4xf32, #p>
    })");
  ASSERT_TRUE(program) << harness.takeDiagnostics();
  EXPECT_TRUE(failed(partition::verifyPlacements(*program)));
  EXPECT_NE(harness.takeDiagnostics().find("SPMD-7"), std::string::npos);
}

} // namespace
