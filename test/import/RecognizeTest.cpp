// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the passes of the import phase leave computes the same: every function of their lit tests, before and after,
// with a tolerance from the control.
#include "partita/dialects/graph/Graph.h"
#include "partita/import/Passes.h"
#include "partita/interpreter/Verify.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace partita;
using namespace partita::interpreter;

namespace {

OwningOpRef<ModuleOp> parseFile(MLIRContext &context, const std::string &name) {
  context.loadDialect<PartitaDialect, graph::GraphDialect, func::FuncDialect>();
  return parseSourceFile<ModuleOp>(std::string(PARTITA_TEST_FOLDER "/") + name, &context);
}

/// The boxes of a weight, by the names that the pass gives them: NAME/dim:start+size.
void addBoxes(func::FuncOp after, NamedTensors &inputs) {
  for (unsigned i = 0; i < after.getNumArguments(); ++i) {
    std::string name = getArgumentName(after, i);
    auto source = after.getArgAttrOfType<SourceAttr>(i, kSourceAttr);
    if (inputs.count(name) || !source)
      continue;
    auto type = cast<RankedTensorType>(after.getArgument(i).getType());
    const Tensor &whole = inputs.at(name.substr(0, name.find('/')));
    inputs[name] = cutBox(whole, source.getStart().asArrayRef(), type.getShape());
  }
}

/// The largest error of a result over the control's, both against the double-precision run of the function as written.
void compareFunctions(func::FuncOp before, func::FuncOp after, uint64_t seed) {
  NamedTensors inputs = makeRandomInputs(before, {}, {}, seed);
  FailureOr<Control> control = runControl(before, inputs, false);
  NamedTensors boxes = inputs;
  addBoxes(after, boxes);
  FailureOr<NamedTensors> results = interpretGraph(after, boxes, {});
  ASSERT_TRUE(succeeded(control) && succeeded(results)) << before.getName().str();
  ASSERT_EQ(results->size(), control->results.size());
  for (auto &[name, value] : *results) {
    Comparison comparison = compare(value, control->results.at(name));
    EXPECT_TRUE(comparison.passed) << before.getName().str() << ' ' << name << ": error " << comparison.error
                                   << ", allowed " << comparison.tolerance;
  }
}

void compareFile(const std::string &file, std::unique_ptr<Pass> pass) {
  MLIRContext context;
  OwningOpRef<ModuleOp> before = parseFile(context, file);
  ASSERT_TRUE(before);
  OwningOpRef<ModuleOp> after = before->clone();
  PassManager passes(&context);
  passes.addNestedPass<func::FuncOp>(std::move(pass));
  ASSERT_TRUE(succeeded(passes.run(*after)));
  for (auto function : before->getOps<func::FuncOp>())
    for (uint64_t seed : {1, 2, 3})
      compareFunctions(function, after->lookupSymbol<func::FuncOp>(function.getName()), seed);
}

} // namespace

TEST(Recognize, CompositesComputeTheSame) {
  compareFile("recognize-composites.mlir", import::createRecognizeCompositesPass());
}

TEST(Recognize, SplitProjectionsComputeTheSame) {
  compareFile("split-projections.mlir", import::createSplitProjectionsPass());
}

TEST(Recognize, SimplifiedMovementComputesTheSame) {
  compareFile("simplify-movement.mlir", import::createSimplifyMovementPass());
}

TEST(Recognize, AttentionComputesTheSame) {
  compareFile("recognize-attention.mlir", import::createRecognizeCompositesPass());
}

TEST(Recognize, SpellingsOfAttentionComputeTheSame) {
  compareFile("recognize-attention-spellings.mlir", import::createRecognizeCompositesPass());
}

TEST(Recognize, NormsComputeTheSame) { compareFile("recognize-norms.mlir", import::createRecognizeCompositesPass()); }

TEST(Recognize, ChoicesComputeTheSame) {
  compareFile("recognize-choices.mlir", import::createRecognizeCompositesPass());
}

TEST(Recognize, CellsComputeTheSame) {
  compareFile("recognize-cells.mlir", import::createRecognizeCompositesPass());
  compareFile("recognize-cells-refused.mlir", import::createRecognizeCompositesPass());
}

TEST(Recognize, ExpertsComputeTheSame) {
  compareFile("recognize-experts.mlir", import::createRecognizeCompositesPass());
}

TEST(Recognize, RaisedReshapesComputeTheSame) { compareFile("raise-reshapes.mlir", import::createRaiseReshapesPass()); }
