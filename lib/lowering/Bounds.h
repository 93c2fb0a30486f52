// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The largest value that an extent can have on any rank, for any value of the symbols.
//
// Example: for `extent 0 of tensor<?x8xf32, part<tensor<7x8xf32>, rows split over 2>>` the bound is 4.
#ifndef PARTITA_LIB_LOWERING_BOUNDS_H
#define PARTITA_LIB_LOWERING_BOUNDS_H

#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace partita::lowering {

/// Bytes of an allocation at the bounds of its extents. A diagnostic where an extent has no known bound.
mlir::FailureOr<int64_t> getBoundBytes(mlir::memref::AllocOp allocation);

/// The largest value of an index; nullopt when it is not known.
std::optional<int64_t> findUpperBound(mlir::Value value);

/// The largest extent of a dim of a buffer or tensor; nullopt when it is not known.
std::optional<int64_t> findDimBound(mlir::Value value, int64_t dim);

/// Bytes of a local type, at its bounds on its stage's mesh. A diagnostic at `op` where the type has no part.
mlir::FailureOr<int64_t> getBoundBytes(mlir::Operation *op, mlir::Type local);

} // namespace partita::lowering

#endif
