// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Patterns.h - Composites that exporters spell in small ops ---------------===//
//
// Every function here looks at one op, the last of a pattern, and replaces it where the whole pattern is there; the new
// op takes its name. What only the pattern used is left without uses. Returns whether it did. Example: at the `add` of
//   mul(div(x - mean(x), sqrt(mean((x - mean(x))^2) + e)), w) + b
// the function of layer norms leaves layer_norm(x, w, b).
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_RECOGNIZE_PATTERNS_H
#define PARTITA_LIB_IMPORT_RECOGNIZE_PATTERNS_H

#include "Views.h"

namespace partita::import {

/// What a pattern may use to build.
struct Rewriter {
  mlir::OpBuilder &builder;
  NameTable &names;

  /// The new op takes the place and the name of `root`, which is erased.
  void replace(mlir::Operation *root, mlir::Value value);
};

using Pattern = bool (*)(mlir::Operation *op, Rewriter &rewriter);

bool recognizeIdentity(mlir::Operation *op, Rewriter &rewriter);
bool recognizeChoice(mlir::Operation *op, Rewriter &rewriter);
bool recognizeIndex(mlir::Operation *op, Rewriter &rewriter);
bool recognizeNarrow(mlir::Operation *op, Rewriter &rewriter);
bool recognizeNormFactors(mlir::Operation *op, Rewriter &rewriter);
bool recognizeNormalized(mlir::Operation *op, Rewriter &rewriter);
bool recognizeNormScale(mlir::Operation *op, Rewriter &rewriter);
bool recognizeNormBias(mlir::Operation *op, Rewriter &rewriter);
bool recognizeNormByFactor(mlir::Operation *op, Rewriter &rewriter);
bool recognizeGelu(mlir::Operation *op, Rewriter &rewriter);
bool recognizeSilu(mlir::Operation *op, Rewriter &rewriter);
bool recognizeSoftmax(mlir::Operation *op, Rewriter &rewriter);
bool recognizeAttention(mlir::Operation *op, Rewriter &rewriter);
bool recognizeRotary(mlir::Operation *op, Rewriter &rewriter);
bool recognizeChain(mlir::Operation *op, Rewriter &rewriter);
bool recognizeJoin(mlir::Operation *op, Rewriter &rewriter);
bool recognizeExperts(mlir::Operation *op, Rewriter &rewriter);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_RECOGNIZE_PATTERNS_H
