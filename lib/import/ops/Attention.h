// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Attention.h - What the attention operators share ------------------------===//
//
// Operators differ in how heads lie in their inputs, in what they hide and in what they keep; all end in attend().
// Example: a prompt without a cache is attend(node, {query, key, value, {}, 0.125, /*isCausal=*/true}).mixed.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_OPS_ATTENTION_H
#define PARTITA_LIB_IMPORT_OPS_ATTENTION_H

#include "NodeContext.h"

namespace partita::import {

/// [batch, seq, heads * depth] as [batch, heads, seq, depth]; null: reported.
mlir::Value splitHeads(NodeContext &node, mlir::Value value, int64_t heads, llvm::StringRef part);
/// [batch, heads, seq, depth] as [batch, seq, heads * depth].
mlir::Value mergeHeads(NodeContext &node, mlir::Value value);

/// Which of attention's intermediate tensors a result is: the numbers of ONNX's qk_matmul_output_mode.
enum class ScoresKind { scaled, capped, masked, probabilities };

struct Attention {
  /// [batch, heads, seq, depth]; there may be fewer key and value heads, each for a group of query heads.
  mlir::Value query, key, value;
  /// Floats to add to the scores, four dims of which each has the scores' extent or 1; null: none.
  mlir::Value mask;
  /// 0: 1 / sqrt(depth).
  double scale = 0.0;
  /// Key j is visible to query i where j <= i + keys - queries.
  bool isCausal = false;
  /// A query that sees no key gives 0.
  bool isGuarded = false;
  /// Scores become cap * tanh(scores / cap); 0: they stay.
  double softcap = 0.0;
  /// A score of each query head, [heads], of a key that has no value; null: none.
  mlir::Value sink;
  /// The intermediate tensor that is wanted, too.
  std::optional<ScoresKind> wanted;
};

struct Attended {
  /// [batch, heads, queries, value depth]; null: reported.
  mlir::Value mixed;
  mlir::Value scores;
};

Attended attend(NodeContext &node, const Attention &attention);

/// Bools as floats to add: 0 where true, `hidden` elsewhere.
mlir::Value hideWhereFalse(NodeContext &node, mlir::Value visible, double hidden, mlir::Type element);
/// The sum of two masks, each of which may be null.
mlir::Value addMasks(NodeContext &node, mlir::Value a, mlir::Value b);

/// Bools of four dims, whether key j is at most at place i + `offset` and, for a window of more than 0 keys, more than
/// `window` behind that. `offset` is an integer, or a tensor [batch, 1, 1, 1].
mlir::Value findVisible(NodeContext &node, const DimSize &queries, const DimSize &keys, mlir::Value offset,
                        int64_t window = 0);

/// Rotates the first elements of each head by tables [seq, rotated / 2] or [batch, seq, rotated / 2] and keeps the
/// others. `rotated` 0: all of them.
mlir::Value rotate(NodeContext &node, mlir::Value heads, mlir::Value cosine, mlir::Value sine, int64_t rotated,
                   bool isInterleaved);
/// The rows of a table at `positions` [batch, seq]; without the batch where every batch element has the same ones.
mlir::Value readRows(NodeContext &node, mlir::Value table, mlir::Value positions);
/// A tensor [batch, ...] that is the same for every batch element, without its batch dim; null where it may differ.
mlir::Value dropBatch(NodeContext &node, mlir::Value table);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_OPS_ATTENTION_H
