// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading and writing tensor types with bounded symbolic dims (encoding `#partita.shape`).
//
// Example: for tensor<?x16xf32, #partita.shape<[<"batch", 1, 8>], ()[s0] -> (s0 * 2, 16)>>
//   getDimBound(type, 0) == 16, getDimSize(type, 0) == {constant 0, {"batch": 2}}.
#ifndef PARTITA_DIALECTS_INTERFACES_SYMBOLICSHAPE_H
#define PARTITA_DIALECTS_INTERFACES_SYMBOLICSHAPE_H

#include "mlir/IR/BuiltinTypes.h"
#include "partita/dialects/interfaces/Partita.h"
#include <map>
#include <optional>

namespace partita {

/// An extent in elements: constant + sum of coefficient * symbol, symbols by name.
struct DimSize {
  int64_t constant = 0;
  std::map<SymbolAttr, int64_t, bool (*)(SymbolAttr, SymbolAttr)> coefficients{
      [](SymbolAttr a, SymbolAttr b) { return a.getName() < b.getName(); }};

  DimSize() = default;
  explicit DimSize(int64_t constant) : constant(constant) {}
  static DimSize symbol(SymbolAttr symbol, int64_t coefficient = 1);

  bool isStatic() const { return coefficients.empty(); }
  /// Largest and smallest value over the symbols' bounds; nullopt when it overflows 63 bits.
  std::optional<int64_t> maximum() const;
  std::optional<int64_t> minimum() const;
  bool operator==(const DimSize &other) const;
  DimSize operator+(const DimSize &other) const;
  DimSize operator*(int64_t factor) const;
};

/// Product of two extents; nullopt when both are symbolic (not linear).
std::optional<DimSize> multiply(const DimSize &a, const DimSize &b);

/// The extent of a dim. A `?` dim without a `#partita.shape` encoding has none.
std::optional<DimSize> getDimSize(mlir::RankedTensorType type, int64_t dim);

/// The largest extent of a dim; ShapedType::kDynamic when it is unbounded.
int64_t getDimBound(mlir::RankedTensorType type, int64_t dim);

/// Shape of bounds, in elements.
llvm::SmallVector<int64_t> getBoundShape(mlir::RankedTensorType type);

/// A tensor type with these extents: static dims plain, symbolic ones `?` with a `#partita.shape` encoding.
mlir::RankedTensorType getTensorType(llvm::ArrayRef<DimSize> dims, mlir::Type elementType);

/// Elements of a type at its bounds; nullopt on overflow or an unbounded dim.
std::optional<int64_t> getBoundElements(mlir::RankedTensorType type);

/// Storage bits of an element type (bool is 8, index 64).
int64_t getElementBits(mlir::Type elementType);

/// Bytes of a dense tensor at its bounds.
int64_t getBoundBytes(mlir::RankedTensorType type);

} // namespace partita

#endif
