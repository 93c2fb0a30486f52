// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Import.h - Model files into the graph dialect ---------------------------===//
//
// One ONNX file becomes one module with one function `main` of the graph dialect: the model's inputs, then its
// weights in the order of their first use, as arguments (`partita.role`, `partita.name`, `partita.source`: weights
// stay in their files); results carry the names of the outputs. Example:
//
//   ImportOptions options;
//   options.dims = {{"batch", 1, 8}, {"seq", 16, 16}};       // --dim batch=1..8 --dim seq=16
//   mlir::OwningOpRef<mlir::ModuleOp> module = importOnnx(context, "gpt.onnx", options);
//
// The order of ops is a post-order walk from the outputs along the operands, so that a file with shuffled nodes or
// renamed tensors gives the same module up to names.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_IMPORT_IMPORT_H
#define PARTITA_IMPORT_IMPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "partita/import/Rules.h"
#include "partita/interpreter/Tensor.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace partita::import {

/// The extent of a symbolic dim, or its bounds: `minimum` < `maximum` keeps the dim symbolic in the module.
struct DimBinding {
  /// The name of the dim in the file, or INPUT[axis]; `batch` is also the number that all inputs begin with. A number
  /// in the file becomes another one where the model treats the dim's elements apart (see Rebatch.h).
  std::string target;
  int64_t minimum = 1, maximum = 1;
};

/// "batch=8", "seq=1..2048", "x[0]=4" (split at the last `=`). Extents are 1 to 2^40, or exactly 0. E-DIM-SYNTAX for
/// anything else.
llvm::Expected<DimBinding> parseDimBinding(llvm::StringRef text);

/// An input that is fixed while importing: no longer an input of the program, but a constant in it. Shapes, axes and
/// counts that a model takes as inputs must be fixed so, because sizes are part of a program. At most 1 KiB each.
struct InputValue {
  std::string name;
  interpreter::Tensor value;
};

struct ImportOptions {
  std::vector<DimBinding> dims;
  std::vector<InputValue> values;
  /// Of custom ops; see Rules.h.
  std::vector<OpRule> rules;
  /// Ops of which nothing says what they compute are taken where their types are known, to be planned only.
  bool allowMissingBodies = false;
};

/// Imports the ONNX file `path`. On failure every problem of the file has been reported as a diagnostic at a location
/// that names the node, and the result is null:
///   E-BAD-FILE      the file is damaged or contradicts itself (missing tensors, cycles, mistyped attributes)
///   E-IMPORT-OP     an operator, attribute value or element type that is not supported
///   E-IMPORT-SHAPE  shapes that do not fit, or that depend on data or on products of symbolic dims
///   E-DIM-UNBOUND   a symbolic dim of an input without a binding; names the flag to add
///   E-DIM-NAME      a binding that names no dim
///   E-DIM-FIXED     a binding of a dim that is a number in the file, where an op does not treat the dim's elements
///   apart E-NEEDS-VALUE   an operator needs numbers (a shape, axes, a count) that are not known while importing; where
///   they
///                   come from inputs, names the --input-value to add
///   E-RULE-SHAPE, E-RULE-BODY, E-CUSTOM-BODY   see rules
///   E-INPUT-VALUE   a fixed input that the model does not have, or whose value has another type or is too large
mlir::OwningOpRef<mlir::ModuleOp> importOnnx(mlir::MLIRContext &context, llvm::StringRef path,
                                             const ImportOptions &options = {});

/// Operators that the importer knows, by name, for documentation and messages.
std::vector<std::string> listImportedOperators();

} // namespace partita::import

#endif // PARTITA_IMPORT_IMPORT_H
