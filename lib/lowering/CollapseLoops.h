// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loops that walk over memory one behind the other become one long loop.
//
// Example: an addition of memref<8x3x5xf32> becomes one of memref<120xf32>.
#ifndef PARTITA_LIB_LOWERING_COLLAPSELOOPS_H
#define PARTITA_LIB_LOWERING_COLLAPSELOOPS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace partita::lowering {

/// The op on fewer loops, or `op` itself. Operands are buffers or scalars.
mlir::linalg::GenericOp collapseLoops(mlir::IRRewriter &rewriter, mlir::linalg::GenericOp op);

} // namespace partita::lowering

#endif
