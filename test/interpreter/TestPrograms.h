// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Helpers of the interpreter's tests: programs written as text, tensors as lists of numbers.
//
// Example: Program program("%0 = ...", "(%x: tensor<2xf32>) -> tensor<2xf32>"); runs with program.run({{"argument 0",
// x}})
#ifndef PARTITA_TEST_INTERPRETER_TESTPROGRAMS_H
#define PARTITA_TEST_INTERPRETER_TESTPROGRAMS_H

#include "mlir/Parser/Parser.h"
#include "partita/dialects/collective/Collective.h"
#include "partita/dialects/graph/Graph.h"
#include "partita/interpreter/Run.h"
#include "partita/interpreter/Verify.h"
#include "gtest/gtest.h"

namespace partita::interpreter {

/// A context with all dialects; diagnostics are collected instead of printed.
class Programs : public ::testing::Test {
protected:
  Programs() {
    context.loadDialect<PartitaDialect, graph::GraphDialect, plan::PlanDialect, collective::CollectiveDialect,
                        mlir::func::FuncDialect>();
    context.getDiagEngine().registerHandler([this](mlir::Diagnostic &diagnostic) {
      diagnostics += diagnostic.str() + "\n";
      for (mlir::Diagnostic &note : diagnostic.getNotes())
        diagnostics += note.str() + "\n";
      return mlir::success();
    });
  }

  mlir::OwningOpRef<mlir::ModuleOp> parse(llvm::StringRef text) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module) << diagnostics << text.str();
    return module;
  }

  /// Runs `func.func @main` whose text is `signature { body }`; arguments in order.
  Tensor runMain(llvm::StringRef text, std::vector<Tensor> arguments, Arithmetic arithmetic = {}) {
    auto module = parse(text);
    if (!module)
      return {};
    mlir::func::FuncOp function = findGraphFunction(*module);
    NamedTensors named;
    for (auto [index, argument] : llvm::enumerate(arguments))
      named[getArgumentName(function, index)] = argument;
    RunOptions options;
    options.arithmetic = arithmetic;
    auto results = interpretGraph(function, named, options);
    return llvm::succeeded(results) ? results->begin()->second : Tensor();
  }

  Tensor numbers(mlir::Type element, Shape shape, std::vector<double> values) {
    return Tensor::fromDoubles(element, shape, values);
  }
  Tensor floats(Shape shape, std::vector<double> values) { return numbers(f32(), shape, values); }

  /// Numbers in [-1, 1) by a formula that shares nothing with the library's generator.
  Tensor varied(mlir::Type element, Shape shape, unsigned salt = 1) {
    std::vector<double> values;
    uint32_t state = 2463534242u + salt * 7919u;
    for (int64_t i = 0; i < countElements(shape); ++i) {
      // Marsaglia's xorshift.
      state ^= state << 13;
      state ^= state >> 17;
      state ^= state << 5;
      values.push_back(static_cast<double>(state) / 2147483648.0 - 1.0);
    }
    return Tensor::fromDoubles(element, shape, values);
  }

  mlir::Type f32() { return mlir::Float32Type::get(&context); }
  mlir::Type f64() { return mlir::Float64Type::get(&context); }
  mlir::Type bf16() { return mlir::BFloat16Type::get(&context); }
  mlir::Type f16() { return mlir::Float16Type::get(&context); }
  mlir::Type boolean() { return mlir::IntegerType::get(&context, 1); }
  mlir::Type si(unsigned bits) { return mlir::IntegerType::get(&context, bits, mlir::IntegerType::Signed); }
  mlir::Type ui(unsigned bits) { return mlir::IntegerType::get(&context, bits, mlir::IntegerType::Unsigned); }

  mlir::MLIRContext context;
  std::string diagnostics;
};

} // namespace partita::interpreter

#endif
