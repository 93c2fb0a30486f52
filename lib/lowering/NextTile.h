// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a parallel loop's next iteration reads and writes, so that it can be fetched while this one computes. Passes
// over a tile wait for memory in the first one and compute in another; the processor sees too few instructions ahead to
// do both at once, and its own prefetching ends where the tile does.
//
// Example: softmax in tiles of 4 rows of 1024. The pass with the exponential is the longest that has `x` and the one
// that has `y`; with each vector it asks for the lines 4096 elements further in both.
#ifndef PARTITA_LIB_LOWERING_NEXTTILE_H
#define PARTITA_LIB_LOWERING_NEXTTILE_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace partita::lowering {

/// How far behind an operand's elements those of the next iteration lie, in elements.
struct NextTile {
  unsigned operand;
  int64_t distance;
};

/// For ops in a parallel loop: the operands for which no other op of the loop is better suited.
using NextTiles = llvm::DenseMap<mlir::Operation *, llvm::SmallVector<NextTile, 2>>;

NextTiles findNextTiles(mlir::Operation *function);

} // namespace partita::lowering

#endif
