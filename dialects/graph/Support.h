// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shared by the op files of this folder: shape checks that hold for whole and for local types alike.
#ifndef PARTITA_DIALECTS_GRAPH_SUPPORT_H
#define PARTITA_DIALECTS_GRAPH_SUPPORT_H

#include "partita/dialects/graph/Graph.h"

namespace partita::graph {

/// False only when both extents are known and differ (a `?` of a local type is checked against its part elsewhere).
bool mayBeEqual(mlir::RankedTensorType a, int64_t dimOfA, mlir::RankedTensorType b, int64_t dimOfB);

/// Rule GRAPH-1: `type` has the rank of `like` and extents that may be equal; a mismatch is reported at `op`.
mlir::LogicalResult verifySameShape(mlir::Operation *op, mlir::RankedTensorType type, mlir::RankedTensorType like,
                                    llvm::StringRef what);

/// Rule GRAPH-1: equal in rank, and in extents but along `axis`.
mlir::LogicalResult verifyAlikeBut(mlir::Operation *op, mlir::RankedTensorType type, mlir::RankedTensorType like,
                                   int64_t axis, llvm::StringRef what);

/// Rule GRAPH-2: element types are the same.
mlir::LogicalResult verifySameElement(mlir::Operation *op, mlir::RankedTensorType a, mlir::RankedTensorType b);

/// Rule GRAPH-3: `dim` lies in [0, rank).
mlir::LogicalResult verifyDim(mlir::Operation *op, int64_t dim, int64_t rank);

/// Rule GRAPH-4: an extent equals `expected` where it is static.
mlir::LogicalResult verifyExtent(mlir::Operation *op, mlir::RankedTensorType type, int64_t dim, int64_t expected);

/// The loops of a value whose dims are parallel except those for which `reasonFor(dim)` is not empty.
LoopNest dimwiseLoopNest(mlir::RankedTensorType type, llvm::function_ref<std::string(int64_t)> reasonFor);

/// Adds to `nest` the loop over the positions of a window that reads dim `dim` of `input`, `positions` of them (those
/// of result dim `dim`), and ties the operand's dim to it. A symbolic dim is cut by windows of stride 1 only: else the
/// loop is whole.
struct WindowRead {
  mlir::RankedTensorType input, result;
  int64_t dim, stride, low, high, reach;
  std::string label;
};
DimExpression addWindowLoop(LoopNest &nest, const WindowRead &read);

/// False for a type of a per-device program: the part of an operand may have a halo, and padding applies at the ends of
/// the whole value only, so extents do not fit as the op alone says.
bool isWhole(mlir::RankedTensorType type);

/// Product of extents as a double (no overflow).
double product(llvm::ArrayRef<int64_t> extents);

/// Whether the element type is only stored: 8-bit floats and 4-bit integers.
inline bool isStoredOnly(mlir::Type element) {
  return element.isSignedInteger(4) || element.isUnsignedInteger(4) ||
         (llvm::isa<mlir::FloatType>(element) && element.getIntOrFloatBitWidth() == 8);
}

/// Rule GRAPH-9: the op computes with its elements, so they are not of a type that is only stored.
mlir::LogicalResult verifyComputes(mlir::Operation *op, mlir::RankedTensorType type);

/// 4-bit integers have no sum: loops that a sum of parts would serve are walked in one place.
void keepSumsWhole(LoopNest &nest, mlir::RankedTensorType type);

inline mlir::RankedTensorType tensorType(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType());
}

} // namespace partita::graph

#endif
