// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "LocalPrograms.h"
#include "TestPrograms.h"
#include <cmath>

using namespace partita;
using namespace partita::interpreter;

class VerifyTest : public Programs {
protected:
  VerifyReport check(const std::string &from = "", const std::string &to = "", VerifyOptions options = {}) {
    std::string text = kTwoStages;
    if (!from.empty()) {
      size_t at = text.find(from);
      EXPECT_NE(at, std::string::npos) << from;
      text.replace(at, from.size(), to);
    }
    auto graph = parse(kGraph), program = parse(text);
    if (!graph || !program)
      return {};
    auto report = verifyProgram(*graph, *program, {}, options);
    EXPECT_TRUE(llvm::succeeded(report)) << diagnostics;
    return llvm::succeeded(report) ? *report : VerifyReport();
  }
};

TEST_F(VerifyTest, ACorrectProgramPasses) {
  VerifyReport report = check();
  EXPECT_TRUE(report.passed);
  ASSERT_EQ(report.outputs.size(), 1u);
  EXPECT_EQ(report.outputs[0].name, "z");
  EXPECT_GT(report.outputs[0].comparison.tolerance, 0);
  EXPECT_LT(report.outputs[0].comparison.tolerance, 1e-5);
  EXPECT_FALSE(report.divergence);
  EXPECT_GT(report.estimatedSeconds, 0);
}

TEST_F(VerifyTest, TheFirstWrongOpIsNamed) {
  VerifyReport report = check("relu(%0)", "abs(%0)");
  EXPECT_FALSE(report.passed);
  ASSERT_TRUE(report.divergence);
  EXPECT_EQ(report.divergence->op, "act");
  EXPECT_EQ(report.divergence->kind, "partita_graph.elementwise");
}

TEST_F(VerifyTest, AMissingReductionIsFoundBehindItsOp) {
  // Half of the sum is lost: each rank keeps its own part instead of adding up.
  VerifyReport report = check("\"mk,kn->mn\" : (tensor<2x3xf32, #h>, tensor<3x4xf32, #w2>) -> tensor<2x4xf32, #p>\n"
                              "  %3 = partita_collective.all_reduce \"fc2\" %2 over [\"t\"] : tensor<2x4xf32, #p> to "
                              "tensor<2x4xf32, #x>\n  return %3",
                              "\"mk,kn->mn\" : (tensor<2x3xf32, #h>, tensor<3x4xf32, #w2>) -> tensor<2x4xf32, #x>\n"
                              "  return %2");
  EXPECT_FALSE(report.passed);
  EXPECT_NE(diagnostics.find("E-REPLICA-MISMATCH"), std::string::npos) << diagnostics;
  ASSERT_TRUE(report.divergence);
  EXPECT_EQ(report.divergence->op, "fc2");
}

/// Three layers that share one function; `third` is what the third layer calls.
static std::string sharedLayers(const std::string &third) {
  std::string text = R"mlir(
#v = #partita_plan.part<tensor<4xf32>, <[["t"]]>>
partita_plan.stage @s on <["t"=2], devices = [0, 1]>
func.func @s_forward(%x: tensor<2xf32, #v> {partita.name = "x"}) -> (tensor<2xf32, #v> {partita.name = "y"})
    attributes {partita_collective.stage = @s, partita_collective.event = "forward"} {
  %0 = func.call @layer(%x) : (tensor<2xf32, #v>) -> tensor<2xf32, #v>
  %1 = func.call @layer(%0) : (tensor<2xf32, #v>) -> tensor<2xf32, #v>
  %2 = func.call @THIRD(%1) : (tensor<2xf32, #v>) -> tensor<2xf32, #v>
  return %2 : tensor<2xf32, #v>
}
func.func private @layer(%x: tensor<2xf32, #v>) -> tensor<2xf32, #v> attributes {partita_collective.stage = @s} {
  %0 = partita_graph.elementwise "l0/sin" sin(%x) : (tensor<2xf32, #v>) -> tensor<2xf32, #v>
  return %0 : tensor<2xf32, #v>
}
func.func private @wrong(%x: tensor<2xf32, #v>) -> tensor<2xf32, #v> attributes {partita_collective.stage = @s} {
  %0 = partita_graph.elementwise "l0/sin" cos(%x) : (tensor<2xf32, #v>) -> tensor<2xf32, #v>
  return %0 : tensor<2xf32, #v>
}
partita_collective.program @main role "worker" phase "step" stages [@s] events [
  #partita_collective.events<devices = [0, 1], [<forward @s, 0>]>]
)mlir";
  return text.replace(text.find("THIRD"), 5, third);
}

TEST_F(VerifyTest, LayersThatShareAFunctionAreToldApartByPosition) {
  auto graph = parse(R"mlir(
func.func @main(%x: tensor<4xf32> {partita.name = "x"}) -> (tensor<4xf32> {partita.name = "y"}) {
  %0 = partita_graph.elementwise "l0/sin" sin(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %1 = partita_graph.elementwise "l1/sin" sin(%0) : (tensor<4xf32>) -> tensor<4xf32>
  %2 = partita_graph.elementwise "l2/sin" sin(%1) : (tensor<4xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
})mlir");
  auto right = parse(sharedLayers("layer")), wrong = parse(sharedLayers("wrong"));
  auto good = verifyProgram(*graph, *right, {}, {}), bad = verifyProgram(*graph, *wrong, {}, {});
  ASSERT_TRUE(llvm::succeeded(good) && llvm::succeeded(bad)) << diagnostics;
  EXPECT_TRUE(good->passed);
  EXPECT_FALSE(bad->passed);
  ASSERT_TRUE(bad->divergence);
  EXPECT_EQ(bad->divergence->op, "l2/sin");
}

TEST_F(VerifyTest, OnlySomeOps) {
  VerifyOptions options;
  options.only = "fc1";
  EXPECT_TRUE(check("relu(%0)", "abs(%0)", options).passed);
  options.only = "act";
  EXPECT_FALSE(check("relu(%0)", "abs(%0)", options).passed);
}

TEST_F(VerifyTest, SmallErrorsBeyondTheControlFail) {
  auto graph = parse(kGraph);
  auto function = findGraphFunction(*graph);
  NamedTensors inputs = makeRandomInputs(function, {}, {}, 3);
  auto control = runControl(function, inputs, false);
  auto results = interpretGraph(function, inputs, {});
  ASSERT_TRUE(llvm::succeeded(control) && llvm::succeeded(results));
  ControlValue &value = control->results["z"];
  EXPECT_TRUE(compare((*results)["z"], value).passed);
  std::vector<double> numbers = (*results)["z"].toDoubles();
  numbers[5] += 1e-5;
  EXPECT_FALSE(compare(floats({6, 4}, numbers), value).passed);
}

TEST_F(VerifyTest, ErrorsOfInfinitiesShapesAndIntegers) {
  Tensor a = floats({3}, {HUGE_VAL, NAN, 1}), b = floats({3}, {HUGE_VAL, NAN, 1.5});
  EXPECT_EQ(findLargestError(a, b), 0.5);
  EXPECT_EQ(findLargestError(a, floats({3}, {-HUGE_VAL, NAN, 1})), HUGE_VAL);
  EXPECT_EQ(findLargestError(a, floats({3}, {HUGE_VAL, 0, 1})), HUGE_VAL);
  EXPECT_EQ(findLargestError(a, floats({1, 3}, {0, 0, 0})), HUGE_VAL);
  ControlValue integers{numbers(si(32), {1}, {7}), 0, si(32)};
  EXPECT_TRUE(compare(numbers(si(32), {1}, {7}), integers).passed);
  EXPECT_FALSE(compare(numbers(si(32), {1}, {8}), integers).passed);
  // Exact in every order of the control: one unit in the last place is allowed.
  ControlValue exact{numbers(f64(), {1}, {1}), 0, f32()};
  EXPECT_TRUE(compare(floats({1}, {1 + 0x1p-23}), exact).passed);
  EXPECT_FALSE(compare(floats({1}, {1 + 0x1p-22}), exact).passed);
}

TEST_F(VerifyTest, RandomInputsDependOnSeedAndNameAndKeepBounds) {
  auto module = parse(R"mlir(
    func.func @main(%a: tensor<100xsi64> {partita.name = "a", partita.maximum = 4 : i64},
                    %b: tensor<100xf32> {partita.name = "b"}, %c: tensor<100xf32> {partita.name = "c"},
                    %v: tensor<8xf32> {partita.name = "v", partita.role = "parameter"}) -> tensor<100xf32> {
      return %b : tensor<100xf32>
    })mlir");
  auto function = findGraphFunction(*module);
  NamedTensors first = makeRandomInputs(function, {}, {}, 1), again = makeRandomInputs(function, {}, {}, 1),
               other = makeRandomInputs(function, {}, {}, 2);
  std::set<double> indices;
  for (double index : first["a"].toDoubles())
    indices.insert(index);
  EXPECT_EQ(indices, (std::set<double>{0, 1, 2, 3, 4}));
  for (double number : first["v"].toDoubles())
    EXPECT_TRUE(number >= 0.5 && number < 1.5);
  EXPECT_TRUE(first["b"].isIdenticalTo(again["b"]));
  EXPECT_FALSE(first["b"].isIdenticalTo(first["c"]));
  EXPECT_FALSE(first["b"].isIdenticalTo(other["b"]));
  Tensor given = floats({100}, std::vector<double>(100, 2));
  EXPECT_TRUE(makeRandomInputs(function, {{"b", given}}, {}, 1)["b"].isIdenticalTo(given));
}
