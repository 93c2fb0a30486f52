// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- AttentionMask.h - What hides scores of attention ------------------------===//
//
// Masks are added to scores, or chosen between scores and a number far below them.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_RECOGNIZE_ATTENTIONMASK_H
#define PARTITA_LIB_IMPORT_RECOGNIZE_ATTENTIONMASK_H

#include "Patterns.h"

namespace partita::import {

/// Takes a mask off `value`, the operand of a softmax along dim `keyPlace`, and returns the scores below; `mask`, of
/// the type of the scores, is what is to be added to them. Where the mask was a choice it is made anew before `root`.
/// Null where there is none.
mlir::Value takeMask(mlir::Value value, int64_t keyPlace, mlir::Value &mask, mlir::Operation *root, Rewriter &rewriter);

/// What a mask shows that depends on nothing but positions.
enum class Visibility { all, causal, other };

/// Of a mask whose dims run along dims `targets` of [batch, heads, queries, keys].
Visibility findVisibility(mlir::Value mask, llvm::ArrayRef<int64_t> targets, DimSize queries, DimSize keys);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_RECOGNIZE_ATTENTIONMASK_H
