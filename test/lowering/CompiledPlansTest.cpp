// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Plans drawn at random, partitioned and compiled: machine code on several ranks against the interpreted whole graph.
#include "../equivalence/RandomPlan.h"
#include "JitProgram.h"
#include "StoredWeights.h"
#include "mlir/IR/Verifier.h"
#include "partita/dialects/plan/Plan.h"
#include "partita/partition/Partition.h"
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <sstream>

using namespace mlir;
using namespace partita;
using namespace partita::lowering::test;
using interpreter::NamedTensors;

namespace {

const std::vector<std::vector<placement::Axis>> kMeshes = {{{"a", 2}}, {{"a", 3}},           {{"a", 4}},
                                                           {{"a", 5}}, {{"a", 2}, {"b", 2}}, {{"a", 2}, {"b", 3}}};

class CompiledPlans : public testing::Test {
protected:
  OwningOpRef<ModuleOp> read(const std::string &graph) {
    std::ifstream file(std::string(PARTITA_GRAPHS) + "/" + graph + ".mlir");
    std::stringstream text;
    text << file.rdbuf();
    return parse(*context, text.str());
  }

  /// Parameters come from the caller like inputs.
  static void makeInputs(func::FuncOp function) {
    for (unsigned index = 0; index < function.getNumArguments(); ++index)
      function.setArgAttr(index, kRoleAttr, StringAttr::get(function.getContext(), kRoleInput));
  }

  static LogicalResult partition(ModuleOp module) {
    return success(succeeded(partition::completePlan(interpreter::findGraphFunction(module))) &&
                   succeeded(partition::partitionModule(module)) && succeeded(partition::outlineSegments(module)) &&
                   succeeded(verify(module)) && succeeded(partition::verifyPlacements(module)));
  }

  /// How many of the values of the program are read with halos.
  static int countHalos(ModuleOp program) {
    int halos = 0;
    program.walk([&](Operation *op) {
      for (Type type : op->getOperandTypes())
        if (plan::PartAttr part = plan::getPart(type))
          halos += llvm::any_of(part.getPlacement().getDims(),
                                [](plan::DimSplitAttr dim) { return static_cast<bool>(dim.getWindow()); });
    });
    return halos;
  }

  int check(ModuleOp graph, uint64_t seed, const interpreter::SymbolValues &symbols = {}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    std::set<std::string> parameters = findParameters(interpreter::findGraphFunction(graph));
    makeInputs(interpreter::findGraphFunction(graph));
    OwningOpRef<ModuleOp> whole = graph.clone();
    test::planAtRandom(graph, {placement::makeMesh(kMeshes[seed % kMeshes.size()])}, random);
    // Prepared at init and read in place, or passed like inputs.
    if (seed % 2 == 0)
      parameters.clear();
    return compare(*whole, graph, seed, symbols, parameters);
  }

  /// Runs `graph`, which is `whole` with a plan; returns how many values it reads with halos.
  int compare(ModuleOp whole, ModuleOp graph, uint64_t seed, const interpreter::SymbolValues &symbols = {},
              const std::set<std::string> &stored = {}) {
    func::FuncOp function = interpreter::findGraphFunction(whole);
    NamedTensors inputs = interpreter::makeRandomInputs(function, {}, symbols, seed);
    FailureOr<NamedTensors> expected = interpreter::interpretGraph(function, inputs, {});
    EXPECT_TRUE(succeeded(expected));
    StoredWeights weights(interpreter::findGraphFunction(graph), stored, inputs);
    bool partitioned = succeeded(partition(graph));
    EXPECT_TRUE(partitioned);
    if (failed(expected) || !partitioned)
      return 0;
    int halos = countHalos(graph);
    std::string text;
    llvm::raw_string_ostream(text) << graph;
    SCOPED_TRACE(text);
    std::optional<NamedTensors> actual = runProgram(graph, weights.leaveInputs(inputs));
    EXPECT_TRUE(actual);
    for (auto &[name, tensor] : *expected)
      if (actual)
        expectClose((*actual)[name], tensor, 1e-4, name);
    return halos;
  }

  std::unique_ptr<MLIRContext> context = makeContext();
};

TEST_F(CompiledPlans, Halos) {
  int halos = 0;
  for (uint64_t seed = 0; seed < 18; ++seed)
    halos += check(*read("halos"), seed);
  EXPECT_GT(halos, 10);
}

TEST_F(CompiledPlans, ConvolutionsAndPooling) {
  for (uint64_t seed = 0; seed < 18; ++seed)
    check(*read("convnet"), seed);
}

TEST_F(CompiledPlans, WithoutWindows) {
  for (const char *graph : {"mlp", "block", "rotary", "indexing", "experts", "custom"})
    for (uint64_t seed = 0; seed < 6; ++seed)
      check(*read(graph), seed);
}

/// Where a rank's channels begin says nothing about where they lie in a padded copy: those of the operand are split by
/// another loop (a partial sum), or there are more channels of the result than of the operand (a group has two).
TEST_F(CompiledPlans, SplitChannelsOfPaddedConvolutions) {
  std::string text =
      "module attributes {partita.phase = \"plan\"} {\n"
      "partita_plan.stage @s on <[\"a\"=3], devices = [0 to 2]>\n"
      "partita_plan.record {schema = \"partita.plan/1\", preset = \"hand\"}\n"
      "func.func @main(%x: tensor<1x3x4x4xf32> {partita.name = \"x\"}, %f: tensor<2x3x3x3xf32> {partita.name = \"f\"},"
      " %g: tensor<6x1x3x3xf32> {partita.name = \"g\"})"
      " -> (tensor<1x2x4x4xf32> {partita.name = \"y\"}, tensor<1x6x4x4xf32> {partita.name = \"z\"}) {\n"
      "%0 = partita_graph.convolution \"sum\" (%x, %f) strides [1, 1] padding [1, 1, 1, 1] dilations [1, 1] groups 1"
      " {partita_plan.stage = @s, partita_plan.loops = #partita_plan.loops<[[], [], [], [], [], [\"a\"], [], []]>}"
      " : (tensor<1x3x4x4xf32>, tensor<2x3x3x3xf32>) -> tensor<1x2x4x4xf32>\n"
      "%1 = partita_graph.convolution \"groups\" (%x, %g) strides [1, 1] padding [1, 1, 1, 1] dilations [1, 1] groups 3"
      " {partita_plan.stage = @s, partita_plan.loops = #partita_plan.loops<[[], [\"a\"], [], [], [], [], [], []]>}"
      " : (tensor<1x3x4x4xf32>, tensor<6x1x3x3xf32>) -> tensor<1x6x4x4xf32>\n"
      "return %0, %1 : tensor<1x2x4x4xf32>, tensor<1x6x4x4xf32>\n}\n}\n";
  OwningOpRef<ModuleOp> graph = parse(*context, text);
  makeInputs(interpreter::findGraphFunction(*graph));
  OwningOpRef<ModuleOp> whole = graph->clone();
  compare(*whole, *graph, 1);
}

/// Batch and width are known at run time only.
TEST_F(CompiledPlans, HalosOfSymbolicDims) {
  auto shape = [](const std::string &dims, const std::string &sizes) {
    return "tensor<" + dims + "xf32, #partita.shape<[<\"batch\", 1, 4>, <\"width\", 3, 11>], ()[s0, s1] -> (" + sizes +
           ")>>";
  };
  std::string x = shape("?x2x7x?", "s0, 2, 7, s1"), c = shape("?x3x4x?", "s0, 3, 4, s1 + 1"),
              y = shape("?x3x4x?", "s0, 3, 4, s1 - 1");
  std::string text =
      "func.func @main(%x: " + x +
      " {partita.name = \"x\"}, %f: tensor<3x2x3x2xf32> {partita.name = \"f\"})"
      " -> (" +
      y +
      " {partita.name = \"y\"}) {\n"
      "%0 = partita_graph.convolution \"conv\" (%x, %f) strides [2, 1] padding [1, 1, 1, 1] dilations [1, 1]"
      " groups 1 : (" +
      x + ", tensor<3x2x3x2xf32>) -> " + c +
      "\n"
      "%1 = partita_graph.elementwise \"relu\" relu(%0) : (" +
      c + ") -> " + c +
      "\n"
      "%2 = partita_graph.window_reduce \"pool\" max(%1) window [3, 3] strides [1, 1] padding [1, 1, 0, 0]"
      " dilations [1, 1] : (" +
      c + ") -> " + y + "\nreturn %2 : " + y + "\n}\n";
  int halos = 0;
  for (uint64_t seed = 0; seed < 12; ++seed)
    for (long width : {3L, 4L, 11L})
      halos += check(*parse(*context, text), seed, {{"batch", 1 + static_cast<long>(seed) % 3}, {"width", width}});
  EXPECT_GT(halos, 10);
}

} // namespace
