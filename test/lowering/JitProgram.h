// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs a lowered program inside the test, on thread ranks, without linking a file.
//
// Example: OwningOpRef<ModuleOp> module = makeSingleStage(*parse(context, text));
//          std::optional<NamedTensors> outputs = runProgram(*module, {{"x", tensor}});
#ifndef PARTITA_TEST_LOWERING_JITPROGRAM_H
#define PARTITA_TEST_LOWERING_JITPROGRAM_H

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "partita/interpreter/Run.h"
#include "partita/runtime/Program.h"
#include <optional>

namespace partita::lowering::test {

/// A context with everything that lowering needs.
std::unique_ptr<mlir::MLIRContext> makeContext();

mlir::OwningOpRef<mlir::ModuleOp> parse(mlir::MLIRContext &context, llvm::StringRef text);

/// The graph function of a module as a program of one device, every value replicated. Arguments become inputs.
mlir::OwningOpRef<mlir::ModuleOp> makeSingleStage(mlir::ModuleOp graph);

/// Lowers `module` (which is consumed) and runs one step; no result after a failure, which the test reports.
std::optional<interpreter::NamedTensors> runProgram(mlir::ModuleOp module, const interpreter::NamedTensors &inputs,
                                                    llvm::StringRef cpu = "native");

/// The same, of an image and an object that are at hand.
std::optional<interpreter::NamedTensors> runObject(const runtime::Image &image, const std::string &object,
                                                   mlir::MLIRContext &context, const interpreter::NamedTensors &inputs);

/// Whether both hold the same numbers: floats within `relative` of the largest magnitude, others exactly.
void expectClose(const interpreter::Tensor &actual, const interpreter::Tensor &expected, double relative,
                 const std::string &what);

} // namespace partita::lowering::test

#endif
