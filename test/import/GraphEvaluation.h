// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- GraphEvaluation.h - Runs an imported module in the interpreter ----------===//
//
// Parameters are loaded from their files, inputs are given by name. Example:
//
//   std::optional<std::vector<Tensor>> outputs = evaluateModule(*module, {{"x", Tensor::fromDoubles(f32, {4}, ...)}});
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_TEST_IMPORT_GRAPHEVALUATION_H
#define PARTITA_TEST_IMPORT_GRAPHEVALUATION_H

#include "mlir/IR/BuiltinOps.h"
#include "partita/interpreter/Tensor.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace partita::import {

/// The results of `main`; nullopt where an op cannot be evaluated or an input is missing.
std::optional<std::vector<interpreter::Tensor>>
evaluateModule(mlir::ModuleOp module, const std::map<std::string, interpreter::Tensor> &inputs);

/// Numbers 0.1, -0.2, 0.3 ... of this shape, f32.
interpreter::Tensor makeRamp(mlir::MLIRContext &context, llvm::ArrayRef<int64_t> shape);

/// Largest |a - b| / (1 + |b|); infinite where shapes differ.
double compare(const interpreter::Tensor &a, const interpreter::Tensor &b);

} // namespace partita::import

#endif // PARTITA_TEST_IMPORT_GRAPHEVALUATION_H
