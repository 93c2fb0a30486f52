// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which role each loop of a multiply-add op plays, by where it occurs and by the strides it has there.
//
// Example: lhs [m,k], rhs [k,n], result [m,n], all dense: rows {m}, columns {n}, reduced {k}, B = rhs, read in place.
#ifndef PARTITA_LIB_LOWERING_CONTRACTION_H
#define PARTITA_LIB_LOWERING_CONTRACTION_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include <array>

namespace partita::lowering {

/// Columns of a packed panel of B, for every element type and processor.
inline constexpr int64_t kPanel = 32;

/// On a product whose weight lies in panels of units: the elements of one.
inline constexpr llvm::StringLiteral kUnitsAttr = "partita_collective.units";

/// How a stored element becomes an element of the products.
enum class Widening { none, extendFloat, extendSigned, extendUnsigned };

/// A buffer of the op: where it begins and how far apart its neighbours along each loop are, in elements.
struct ContractionBuffer {
  mlir::Value buffer;
  mlir::Type element;
  Widening widening = Widening::none;
  llvm::SmallVector<mlir::OpFoldResult> strides; ///< Per loop; 0 where the loop does not occur.
};

/// C[row, column] += A[row, k] * B[k, column] for each of the outer loops. Loops of a group are outermost first, and
/// rows and columns of C lie in that order at one distance, so that a group counts as one loop there.
struct Contraction {
  ContractionBuffer a, b, c;
  llvm::SmallVector<unsigned> outer, rows, columns, reduced;
  llvm::SmallVector<mlir::OpFoldResult> extents; ///< Per loop.
  /// B is read where it lies: columns are contiguous, in one run or in panels, and k has one stride.
  bool readsInPlace = false;
  /// In panels: elements from one panel to the next; null where columns are one run.
  mlir::OpFoldResult panelStride;
  /// In panels: neighbours along k that lie behind each other for each column; the last of the reduced loops is theirs.
  int64_t group = 1;

  mlir::Type getElement() const { return c.element; }
  /// The product of the extents of a group; nothing where one is not static.
  std::optional<int64_t> count(llvm::ArrayRef<unsigned> loops) const;
};

/// How the operands of a multiply-add op with two inputs are widened; nothing where it is none, or where vectors cannot
/// hold its elements.
std::optional<std::array<Widening, 2>> matchWidening(mlir::linalg::GenericOp op);

/// Nothing where the op is no multiply-add on buffers or where no assignment of roles would make it fast.
/// `builder` stands before the op; ops for strides that are known at run time only are made there.
std::optional<Contraction> matchContraction(mlir::OpBuilder &builder, mlir::linalg::GenericOp op);

} // namespace partita::lowering

#endif
