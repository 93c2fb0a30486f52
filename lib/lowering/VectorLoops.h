// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// linalg.generic on buffers -> loops on vectors, along the loop in which most memory is contiguous.
//
// Example: if (!writeVectorLoops(rewriter, generic, {512, 8})) ...   // nothing was written: loops on scalars are left
#ifndef PARTITA_LIB_LOWERING_VECTORLOOPS_H
#define PARTITA_LIB_LOWERING_VECTORLOOPS_H

#include "NextTile.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace partita::lowering {

/// What the processor's vectors can do.
struct VectorShape {
  int64_t bits = 128;
  int64_t narrowestMasked = 0; ///< Bits of the narrowest elements that are read and written under a mask; 0: none are.
};

/// Replaces `op` by vector loops if that is possible. `start`: what a reduction begins with, if not with what its
/// result's memory holds. `next`: what is fetched meanwhile.
bool writeVectorLoops(mlir::IRRewriter &rewriter, mlir::linalg::GenericOp op, VectorShape shape, mlir::Value start = {},
                      llvm::ArrayRef<NextTile> next = {});

/// The op that combines the accumulator of a reduction with the next term, if terms may come in any order.
mlir::Operation *findCombiner(mlir::linalg::GenericOp op);
/// What leaves the other operand of a combiner unchanged.
mlir::TypedAttr makeNeutral(mlir::Operation *combiner, mlir::Type type);
/// All lanes combined into one.
mlir::Value combineLanes(mlir::OpBuilder &builder, mlir::Operation *combiner, mlir::Value vector);

} // namespace partita::lowering

#endif
