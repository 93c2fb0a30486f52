// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions, machines and prices for tests of the planner.
//
// Example: TestProblem test(kMlp, 2); test.build() is the problem of planning kMlp on two devices.
#ifndef PARTITA_TEST_PLANNER_TESTPROBLEM_H
#define PARTITA_TEST_PLANNER_TESTPROBLEM_H

#include "Solve.h"

#include "partita/cost/FakeCost.h"
#include "partita/dialects/graph/Graph.h"
#include "partita/dialects/plan/Plan.h"

#include "mlir/Parser/Parser.h"

namespace partita::planner {

struct TestProblem {
  TestProblem(const std::string &body, int64_t devices)
      : machine(*machine::Machine::parse("cpu:" + std::to_string(devices))) {
    context.loadDialect<mlir::func::FuncDialect, PartitaDialect, graph::GraphDialect, plan::PlanDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(body, &context);
    // A second an operation would need long sums: a nanosecond each, so that prices are small whole picoseconds.
    cost.perOperation = {{cost::Unit::Matrix, 1e-9}, {cost::Unit::Vector, 1e-9}, {cost::Unit::Attention, 1e-9}};
    cost.perKernel = 1e-9;
    cost.perMemoryByte = 1e-12;
    for (cost::Collective kind :
         {cost::Collective::AllReduce, cost::Collective::AllGather, cost::Collective::ReduceScatter,
          cost::Collective::AllToAll, cost::Collective::PointToPoint, cost::Collective::Exchange})
      cost.collectives[kind] = {7e-9, 1e-10};
  }

  mlir::func::FuncOp function() { return *module->getOps<mlir::func::FuncOp>().begin(); }

  mlir::FailureOr<PlanningProblem> build() { return buildProblem(function(), machine, cost, options); }

  mlir::FailureOr<PlanResult> plan() { return planFunction(function(), machine, cost, options); }

  std::string print() {
    std::string text;
    llvm::raw_string_ostream os(text);
    module->print(os);
    return text;
  }

  /// The first diagnostic of planning.
  std::string planError() {
    std::string text;
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
      if (text.empty())
        text = diagnostic.str();
      return mlir::success();
    });
    return mlir::succeeded(plan()) ? "planned" : text;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  machine::Machine machine;
  cost::FakeCost cost;
  PlanOptions options;
};

/// Two products with an activation: x [8,16] * w1 [16,32], relu, * w2 [32,16].
inline const char *const kMlp = R"(
func.func @main(%x: tensor<8x16xf32> {partita.role = "input"}, %w1: tensor<16x32xf32> {partita.role = "parameter"},
                %w2: tensor<32x16xf32> {partita.role = "parameter"}) -> tensor<8x16xf32> {
  %0 = partita_graph.contraction "fc1"(%x, %w1) "mk,kn->mn" : (tensor<8x16xf32>, tensor<16x32xf32>) -> tensor<8x32xf32>
  %1 = partita_graph.elementwise "act" relu(%0) : (tensor<8x32xf32>) -> tensor<8x32xf32>
  %2 = partita_graph.contraction "fc2"(%1, %w2) "mk,kn->mn" : (tensor<8x32xf32>, tensor<32x16xf32>) -> tensor<8x16xf32>
  return %2 : tensor<8x16xf32>
}
)";

/// One image, two convolutions and their mean; the image is handed out too.
inline const char *const kImage = R"(
func.func @main(%x: tensor<1x4x32x24xf32> {partita.role = "input"}, %f: tensor<4x4x3x3xf32> {partita.role = "parameter"},
                %g: tensor<4x4x3x3xf32> {partita.role = "parameter"}) -> (tensor<1x4xf32>, tensor<1x4x32x24xf32>) {
  %0 = partita_graph.convolution "conv1" (%x, %f) strides [1, 1] padding [1, 1, 1, 1] dilations [1, 1] groups 1
         : (tensor<1x4x32x24xf32>, tensor<4x4x3x3xf32>) -> tensor<1x4x32x24xf32>
  %1 = partita_graph.elementwise "act" relu(%0) : (tensor<1x4x32x24xf32>) -> tensor<1x4x32x24xf32>
  %2 = partita_graph.convolution "conv2" (%1, %g) strides [1, 1] padding [1, 1, 1, 1] dilations [1, 1] groups 1
         : (tensor<1x4x32x24xf32>, tensor<4x4x3x3xf32>) -> tensor<1x4x32x24xf32>
  %3 = partita_graph.reduce "mean" sum(%2) dims [2, 3] : (tensor<1x4x32x24xf32>) -> tensor<1x4xf32>
  return %3, %x : tensor<1x4xf32>, tensor<1x4x32x24xf32>
}
)";

/// Convolutions of 4 groups on an input and on channels that a model makes, a plain one in between.
inline const char *const kGroups = R"(
func.func @main(%x: tensor<4x8x6xf32> {partita.role = "input"}, %f: tensor<8x2x1xf32> {partita.role = "parameter"},
                %g: tensor<12x8x1xf32> {partita.role = "parameter"}, %h: tensor<8x3x1xf32> {partita.role = "parameter"})
    -> tensor<4x8x6xf32> {
  %0 = partita_graph.convolution "on_input" (%x, %f) strides [1] padding [0, 0] dilations [1] groups 4
         : (tensor<4x8x6xf32>, tensor<8x2x1xf32>) -> tensor<4x8x6xf32>
  %1 = partita_graph.convolution "plain" (%0, %g) strides [1] padding [0, 0] dilations [1] groups 1
         : (tensor<4x8x6xf32>, tensor<12x8x1xf32>) -> tensor<4x12x6xf32>
  %2 = partita_graph.convolution "inside" (%1, %h) strides [1] padding [0, 0] dilations [1] groups 4
         : (tensor<4x12x6xf32>, tensor<8x3x1xf32>) -> tensor<4x8x6xf32>
  return %2 : tensor<4x8x6xf32>
}
)";

/// A value with three readers, a residual sum and two results: copies are worth sharing.
inline const char *const kShared = R"(
func.func @main(%x: tensor<6x4xf32> {partita.role = "input"}, %w: tensor<4x4xf32> {partita.role = "parameter"})
    -> (tensor<6x4xf32>, tensor<6xf32>) {
  %0 = partita_graph.contraction "a"(%x, %w) "mk,kn->mn" : (tensor<6x4xf32>, tensor<4x4xf32>) -> tensor<6x4xf32>
  %1 = partita_graph.contraction "b"(%0, %w) "mk,kn->mn" : (tensor<6x4xf32>, tensor<4x4xf32>) -> tensor<6x4xf32>
  %2 = partita_graph.elementwise "sum" add(%0, %1) : (tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<6x4xf32>
  %3 = partita_graph.reduce "rows" sum(%0) dims [1] : (tensor<6x4xf32>) -> tensor<6xf32>
  return %2, %3 : tensor<6x4xf32>, tensor<6xf32>
}
)";

/// Rows that are normalised twice, between products: both can be split along the dim that they normalise.
inline const char *const kNormalised = R"(
func.func @main(%x: tensor<3x4xf32> {partita.role = "input"}, %w: tensor<4x6xf32> {partita.role = "parameter"},
                %s: tensor<6xf32> {partita.role = "parameter"}) -> tensor<3x6xf32> {
  %0 = partita_graph.contraction "fc"(%x, %w) "mk,kn->mn" : (tensor<3x4xf32>, tensor<4x6xf32>) -> tensor<3x6xf32>
  %1 = partita_graph.rms_norm "norm" (%0, %s) axis 1 epsilon 1.0e-05 : (tensor<3x6xf32>, tensor<6xf32>) -> tensor<3x6xf32>
  %2 = partita_graph.softmax "softmax" (%1) dim 1 : (tensor<3x6xf32>) -> tensor<3x6xf32>
  %3 = partita_graph.elementwise "exp" exp(%2) : (tensor<3x6xf32>) -> tensor<3x6xf32>
  return %3 : tensor<3x6xf32>
}
)";

/// Decoding: one query of one head and one image reads many keys.
inline const char *const kDecode = R"(
func.func @main(%q: tensor<1x1x1x8xf32> {partita.role = "input"}, %k: tensor<1x1x64x8xf32> {partita.role = "input"},
                %v: tensor<1x1x64x8xf32> {partita.role = "input"}) -> tensor<1x1x1x8xf32> {
  %0 = partita_graph.attention "attention" (%q, %k, %v) scale 0.5 causal true : (tensor<1x1x1x8xf32>,
    tensor<1x1x64x8xf32>, tensor<1x1x64x8xf32>) -> tensor<1x1x1x8xf32>
  return %0 : tensor<1x1x1x8xf32>
}
)";

/// `count` residual layers: x + w2 relu(w1 x).
inline std::string makeLayers(int count) {
  std::string arguments = "%x0: tensor<8x16xf32> {partita.role = \"input\"}", body;
  for (int i = 0; i < count; ++i) {
    std::string n = std::to_string(i), m = std::to_string(i + 1);
    arguments += ", %a" + n + ": tensor<16x32xf32> {partita.role = \"parameter\"}, %b" + n +
                 ": tensor<32x16xf32> {partita.role = \"parameter\"}";
    body += "%p" + n + " = partita_graph.contraction \"l" + n + ".fc1\"(%x" + n + ", %a" + n +
            ") \"mk,kn->mn\" : (tensor<8x16xf32>, tensor<16x32xf32>) -> tensor<8x32xf32>\n" + "%q" + n +
            " = partita_graph.elementwise \"l" + n + ".act\" relu(%p" + n +
            ") : (tensor<8x32xf32>) -> tensor<8x32xf32>\n" + "%r" + n + " = partita_graph.contraction \"l" + n +
            ".fc2\"(%q" + n + ", %b" + n +
            ") \"mk,kn->mn\" : (tensor<8x32xf32>, tensor<32x16xf32>) -> tensor<8x16xf32>\n" + "%x" + m +
            " = partita_graph.elementwise \"l" + n + ".add\" add(%x" + n + ", %r" + n +
            ") : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>\n";
  }
  return "func.func @main(" + arguments + ") -> tensor<8x16xf32> {\n" + body + "return %x" + std::to_string(count) +
         " : tensor<8x16xf32>\n}\n";
}

} // namespace partita::planner

#endif
