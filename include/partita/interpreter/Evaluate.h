// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The meaning of every op of the graph dialect: one op, its operands' values, its results' values. Slow and obvious.
//
// Arithmetic: f64 in double; f32, bf16 and f16 in float, rounded to nearest even at the op's result; integers wrap,
// division truncates, remainder has the sign of the divisor. max and min propagate NaN. Float to integer truncates and
// saturates.
//
// Example: Context context;                              // normal precision, natural order
//          FailureOr<SmallVector<Tensor>> results = evaluate(op, {x, y}, context);
#ifndef PARTITA_INTERPRETER_EVALUATE_H
#define PARTITA_INTERPRETER_EVALUATE_H

#include "mlir/IR/Operation.h"
#include "partita/interpreter/Scope.h"
#include "partita/interpreter/Tensor.h"

namespace partita::interpreter {

/// How numbers are computed.
struct Arithmetic {
  /// All floats are evaluated and kept as f64: the reference.
  bool doublePrecision = false;
  /// Permutes the order of every reduction's and contraction's sum: the control of reassociation.
  std::optional<uint64_t> reductionSeed;
};

/// What an op's evaluation depends on besides its operands.
struct Context {
  Arithmetic arithmetic;
  Scope scope;
};

/// The results of `op`. In double precision float operands are f64 tensors and so are float results.
/// Diagnostics at the op: E-BAD-INPUT (an operand's shape is not that of its type), E-INDEX-RANGE (gather),
/// E-DIVIDE-BY-ZERO (integers), E-NO-EVALUATION (an op that has no meaning here), E-DIM-UNBOUND (a symbol has no
/// value).
llvm::FailureOr<llvm::SmallVector<Tensor>> evaluate(mlir::Operation *op, llvm::ArrayRef<Tensor> operands,
                                                    const Context &context);

/// Runs the ops of a block one after the other and gives what its terminator reads. The symbols in its types are those
/// of the scope.
llvm::FailureOr<llvm::SmallVector<Tensor>> evaluateBlock(mlir::Block &block, llvm::ArrayRef<Tensor> arguments,
                                                         const Context &context);

/// The element type in which values of type `element` are kept.
mlir::Type getKeptElement(mlir::Type element, const Arithmetic &arithmetic);

/// The order in which a sum of `count` terms is added: 0, 1, ... or, with a seed, a permutation drawn from it.
std::vector<int64_t> summationOrder(int64_t count, const Arithmetic &arithmetic);

/// Folds `terms` of partial values in this order: sum and the like as in the reduce op (one rounding at the end).
/// `terms` is not empty and all are of one shape and element type.
Tensor combine(llvm::ArrayRef<Tensor> terms, plan::PartialKind kind);

/// A tensor filled with the identity of `kind` (0, -infinity, +infinity, true, false).
Tensor makeIdentity(mlir::Type element, llvm::ArrayRef<int64_t> shape, plan::PartialKind kind);

} // namespace partita::interpreter

#endif
