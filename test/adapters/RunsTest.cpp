// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Programs of upstream ops by running: planned or planned by hand, partitioned, lowered and run on 1 to 5 thread ranks,
// against the same mathematics in plain loops. The interpreter does not know linalg, and is not asked.
#include "InProcess.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "partita/Register.h"
#include "partita/dialects/interfaces/Partita.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using interpreter::NamedTensors;
using interpreter::Tensor;

namespace {

class LinalgRuns : public testing::Test {
protected:
  LinalgRuns() {
    DialectRegistry registry;
    registerAll(registry);
    context.appendDialectRegistry(registry);
    static bool arePassesRegistered = (registerAllPasses(), true);
    (void)arePassesRegistered;
  }

  Tensor draw(ArrayRef<int64_t> shape, double step) {
    std::vector<double> values;
    for (int64_t i = 0; i < interpreter::countElements(shape); ++i)
      values.push_back(static_cast<double>(static_cast<float>(std::sin(step * static_cast<double>(i + 1)))));
    return Tensor::fromDoubles(Float32Type::get(&context), shape, values);
  }

  /// The model of a lit test beside this file, taken through `passes`, which plan and partition it, and run.
  std::optional<NamedTensors> run(const std::string &file, const std::string &passes, const NamedTensors &inputs) {
    OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(PARTITA_TEST_FOLDER "/" + file, &context);
    if (!module)
      return std::nullopt;
    nameEverything(*module);
    PassManager manager(&context);
    if (failed(parsePassPipeline(passes, manager)) || failed(manager.run(*module)))
      return std::nullopt;
    auto program = lowering::test::compileInProcess(*module, {});
    llvm::Expected<NamedTensors> outputs = program ? program->run(inputs, context) : program.takeError();
    if (outputs)
      return *outputs;
    ADD_FAILURE() << llvm::toString(outputs.takeError());
    return std::nullopt;
  }

  void expectNear(const Tensor &actual, const std::vector<double> &expected, const std::string &what) {
    std::vector<double> values = actual.toDoubles();
    ASSERT_EQ(values.size(), expected.size()) << what;
    for (size_t i = 0; i < values.size(); ++i)
      ASSERT_NEAR(values[i], expected[i], 1e-5) << what << "[" << i << "]";
  }

private:
  /// Arguments are inputs, results are r0, r1 ...
  void nameEverything(ModuleOp module) {
    Builder builder(&context);
    for (func::FuncOp function : module.getOps<func::FuncOp>()) {
      for (unsigned i = 0; i < function.getNumArguments(); ++i)
        function.setArgAttr(i, kRoleAttr, builder.getStringAttr(kRoleInput));
      for (unsigned i = 0; i < function.getNumResults(); ++i)
        function.setResultAttr(i, kNameAttr, builder.getStringAttr("r" + std::to_string(i)));
    }
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
};

/// rows x columns: the sums over `inner` of a * b.
std::vector<double> multiply(const Tensor &a, const Tensor &b, int64_t rows, int64_t inner, int64_t columns) {
  std::vector<double> left = a.toDoubles(), right = b.toDoubles(), product(static_cast<size_t>(rows * columns));
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t k = 0; k < inner; ++k)
        product[i * columns + j] += left[i * inner + k] * right[k * columns + j];
  return product;
}

const char *const partitionPasses = "partita-partition,partita-verify-placements,partita-outline-segments,"
                                    "partita-verify-placements";

TEST_F(LinalgRuns, PerceptronPlannedForAnyNumberOfRanks) {
  NamedTensors inputs = {
      {"x", draw({8, 16}, 0.7)}, {"w1", draw({16, 32}, 1.3)}, {"b1", draw({32}, 0.4)}, {"w2", draw({32, 8}, 0.9)}};
  std::vector<double> hidden = multiply(inputs["x"], inputs["w1"], 8, 16, 32), bias = inputs["b1"].toDoubles();
  for (size_t i = 0; i < hidden.size(); ++i)
    hidden[i] = std::max(hidden[i] + bias[i % 32], 0.0);
  Tensor activation = Tensor::fromDoubles(inputs["x"].getElementType(), {8, 32}, hidden);
  std::vector<double> expected = multiply(activation, inputs["w2"], 8, 32, 8);
  for (const char *preset : {"tensor", "data", ""})
    for (const char *machine : {"cpu:1", "cpu:2", "cpu:3", "cpu:4", "cpu:5"}) {
      std::string what = std::string(preset) + " on " + machine;
      std::string plan = std::string("partita-plan{machine=") + machine + (*preset ? " preset=" : "") + preset + "},";
      std::optional<NamedTensors> outputs = run("linalg-mlp-planned.mlir", plan + partitionPasses, inputs);
      ASSERT_TRUE(outputs) << what;
      expectNear((*outputs)["r0"], expected, what);
    }
}

TEST_F(LinalgRuns, PerceptronPlannedByHand) {
  NamedTensors inputs = {
      {"x", draw({8, 16}, 0.3)}, {"w1", draw({16, 32}, 1.1)}, {"b1", draw({32}, 0.2)}, {"w2", draw({32, 8}, 0.5)}};
  std::vector<double> hidden = multiply(inputs["x"], inputs["w1"], 8, 16, 32), bias = inputs["b1"].toDoubles();
  for (size_t i = 0; i < hidden.size(); ++i)
    hidden[i] = std::max(hidden[i] + bias[i % 32], 0.0);
  Tensor activation = Tensor::fromDoubles(inputs["x"].getElementType(), {8, 32}, hidden);
  std::optional<NamedTensors> outputs =
      run("linalg-mlp.mlir", std::string("partita-complete-plan,") + partitionPasses, inputs);
  ASSERT_TRUE(outputs);
  expectNear((*outputs)["r0"], multiply(activation, inputs["w2"], 8, 32, 8), "by hand");
}

// Seven rows on four ranks, reshapes, slices, and a maximum that starts from an argument.
TEST_F(LinalgRuns, UnevenPartsWithSlices) {
  NamedTensors inputs = {{"x", draw({7, 16}, 0.3)}, {"w", draw({16, 12}, 1.1)}, {"start", draw({7}, 2.0)}};
  std::vector<double> sums = multiply(inputs["x"], inputs["w"], 7, 16, 12), largest = inputs["start"].toDoubles();
  for (double &sum : sums)
    sum += 1.5;
  // Of each four numbers the first two are put in the place of the second and third.
  for (size_t i = 0; i < 7; ++i)
    for (size_t group = 0; group < 3; ++group)
      for (size_t from : {0, 0, 1, 3})
        largest[i] = std::max(largest[i], sums[i * 12 + group * 4 + from]);
  std::optional<NamedTensors> outputs =
      run("uneven-with-slices.mlir", std::string("partita-complete-plan,") + partitionPasses, inputs);
  ASSERT_TRUE(outputs);
  expectNear((*outputs)["r0"], largest, "maximum");
  expectNear((*outputs)["r1"], sums, "sums");
}

} // namespace
