// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where values lie: what a tensor type means for one rank once the symbols have numbers. This is the interpreter's own
// box arithmetic, written from the definition and shared with nothing that it checks.
//
// Definition: along one dim a value occupies [0, n). Each split (axis of size p, unit), outermost first, cuts the
// current interval of m elements into u = ceil(m / unit) units; the first u mod p parts get floor(u/p) + 1 units, the
// others floor(u/p); the last unit may be short. The rank's coordinate on the axis picks the part. Of a dim read
// through a window the positions of the window are cut so, and a part is what its positions read of [0, n).
//
// Example: 7 rows over an axis of 3 give the boxes [0,3), [3,5), [5,7); with unit 2: [0,4), [4,6), [6,7).
#ifndef PARTITA_INTERPRETER_SCOPE_H
#define PARTITA_INTERPRETER_SCOPE_H

#include "partita/dialects/plan/Plan.h"
#include "partita/interpreter/Tensor.h"
#include <map>
#include <optional>
#include <string>

namespace partita::interpreter {

/// An interval [offset, offset + extent).
struct Interval {
  int64_t offset = 0;
  int64_t extent = 0;
  bool operator==(const Interval &) const = default;
};

/// Part `part` of `parts` of an interval, balanced in units of `unit` elements. parts and unit are positive.
Interval cutInterval(Interval whole, int64_t parts, int64_t unit, int64_t part);

/// How often a window fits into a dim, and which of its elements the positions of an interval read.
int64_t countPositions(plan::WindowAttr window, int64_t extent);
Interval readPositions(plan::WindowAttr window, Interval positions, int64_t extent);

/// One rank's box of a whole value.
struct Box {
  Shape offset, extent;
  bool operator==(const Box &) const = default;
};

/// The common part of two boxes of one value; nullopt when it is empty.
std::optional<Box> intersect(const Box &a, const Box &b);

/// Extents of symbolic dims, by the symbol's name.
using SymbolValues = std::map<std::string, int64_t>;

/// Coordinates on the axes of a mesh, in the mesh's order; time axes count micro-batches.
using Coordinates = llvm::SmallVector<int64_t, 4>;

/// The coordinates of rank `rank` (row-major over the space axes) in micro-batch `microBatch` (row-major over the time
/// axes).
Coordinates coordinatesOf(plan::MeshAttr mesh, int64_t rank, int64_t microBatch);

/// Product of the time axes: the number of micro-batches.
int64_t countMicroBatches(plan::MeshAttr mesh);

/// What types mean for one rank. Without a mesh only whole types can be asked for.
class Scope {
public:
  Scope() = default;
  explicit Scope(const SymbolValues &symbols) : symbols(symbols) {}
  Scope(const SymbolValues &symbols, plan::MeshAttr mesh, Coordinates coordinates)
      : symbols(symbols), mesh(mesh), coordinates(std::move(coordinates)) {}

  /// The whole value's extents; nullopt when a dim's symbol has no value.
  std::optional<Shape> findGlobalShape(mlir::RankedTensorType type) const;

  /// The box of this rank: for a type with a part, the part's; else all of it. nullopt when a symbol has no value or
  /// the part names an axis that the mesh lacks.
  std::optional<Box> findBox(mlir::RankedTensorType type) const;

  /// The coordinate on an axis; nullopt when the mesh lacks it.
  std::optional<int64_t> findCoordinate(llvm::StringRef axis) const;

  const SymbolValues &getSymbols() const { return symbols; }
  plan::MeshAttr getMesh() const { return mesh; }

private:
  SymbolValues symbols;
  plan::MeshAttr mesh;
  Coordinates coordinates;
};

/// Learns symbols from the actual shape of a value of this (whole) type. Returns an empty string, or what does not fit:
/// a static dim of another extent, a symbol outside its bounds, or one with two values.
std::string bindSymbols(mlir::RankedTensorType type, llvm::ArrayRef<int64_t> shape, SymbolValues &symbols);

} // namespace partita::interpreter

#endif
