// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Zero points of one operand of a 32-bit product, taken out of it:
//   sum (x - z) w = sum x w - z sum w
// The product reads x as it is stored, and the sums over w alone are prepared where w is a weight.
//
// Example: x: ui8 less one zero point, w: si8. The new product is one of bytes by bytes.
#ifndef PARTITA_LIB_LOWERING_ZEROPOINTS_H
#define PARTITA_LIB_LOWERING_ZEROPOINTS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <optional>

namespace partita::lowering {

/// An operand of a product as x - zero + offset, or x + offset where there is no zero point.
struct CentredOperand {
  unsigned operand = 0;    ///< 0 or 1.
  mlir::Value x;           ///< Of the operand's shape, 32 bits.
  mlir::Value zero;        ///< 32 bits; null without one.
  mlir::AffineMap zeroMap; ///< Dims of the operand to those of `zero`.
  int64_t offset = 0;      ///< What x gets added, so that it is unsigned, and the zero point with it.
};

/// The operand as a difference, if it is one whose zero point does not depend on the product's reduced loops; else as
/// it is. Nothing where loops of the product are no dims of its operands.
std::optional<CentredOperand> matchCentred(mlir::linalg::GenericOp product, unsigned operand);

/// Writes the product of x + offset and what is taken off it again in place of `product`, which is erased.
mlir::linalg::GenericOp splitZeroPoint(mlir::linalg::GenericOp product, const CentredOperand &centred);

} // namespace partita::lowering

#endif
