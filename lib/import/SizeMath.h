// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- SizeMath.h - Checked arithmetic on extents ------------------------------===//
//
// Extents come from files: every sum and product is checked before it is made. Example:
//   multiplyChecked(DimSize(1 << 20), batch)   // 1048576 * batch, or nullopt if its bound leaves 62 bits
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_SIZEMATH_H
#define PARTITA_LIB_IMPORT_SIZEMATH_H

#include "partita/dialects/interfaces/SymbolicShape.h"

#include "llvm/ADT/ArrayRef.h"

#include <optional>
#include <string>

namespace partita::import {

/// No extent, and no element of a shape that is computed with, exceeds this: bits of a tensor still fit 63 bits.
inline constexpr int64_t largestSize = int64_t(1) << 56;

/// Neither bound, nor any coefficient, is beyond `largestSize`.
bool isInRange(const DimSize &size);

/// nullopt: out of range, or not linear (a product of two symbols), or not an integer for every value of the symbols.
std::optional<DimSize> addChecked(const DimSize &a, const DimSize &b);
std::optional<DimSize> multiplyChecked(const DimSize &a, const DimSize &b);
std::optional<DimSize> divideExactly(const DimSize &a, const DimSize &b);

/// The product of `factors` divided by that of `divisors`, where equal symbolic extents cancel:
/// (batch, seq, 768) / (batch, 12, 64) is seq. nullopt where the quotient is not a linear extent.
std::optional<DimSize> divideProducts(llvm::ArrayRef<DimSize> factors, llvm::ArrayRef<DimSize> divisors);

/// "batch", "2*batch+1", "16".
std::string toText(const DimSize &size);
/// "[batch, 16, 768]".
std::string toText(llvm::ArrayRef<DimSize> sizes);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_SIZEMATH_H
