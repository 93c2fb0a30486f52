// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel region: ops of one block that share outer parallel loops and are computed together, tile by tile.
//
// Example, softmax over rows of x: tensor<64x1000xf32>. The region has one axis (the 64 rows); its members are the row
// maximum (loops: axis, full), the exponential (axis, full), the row sum (axis, full) and the quotient (axis, full).
// For a tile of 8 rows everything between x and the quotient is at most 8 x 1000 elements large.
//
// A tie says how a loop of an op, or a dim of a value, goes with an axis: [scale * begin, scale * end) of it belongs to
// the tile [begin, end) of the axis. Whatever is tied to no axis is whole in every tile.
#ifndef PARTITA_LIB_LOWERING_KERNELREGION_H
#define PARTITA_LIB_LOWERING_KERNELREGION_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"

namespace partita::lowering {

struct Tie {
  int64_t axis = -1;
  int64_t scale = 1;
  bool isTied() const { return axis >= 0; }
  bool operator==(const Tie &) const = default;
};
using Ties = llvm::SmallVector<Tie>;

/// Where an axis occurs in the region's matrix product, if it has one.
enum class AxisRole { row, column, batch };

struct RegionAxis {
  mlir::OpFoldResult extent;
  int64_t bound = 0; ///< The largest extent.
  int64_t tile = 0;  ///< Elements of a tile; 0 while it is not chosen, `bound` or more: not cut.
  AxisRole role = AxisRole::row;
  bool isActive = true;
};

/// Multiply-adds over two operands under reductions: a contraction or a convolution, by structure. Where the second
/// operand has no loops of its own but shares some with the first (single channels), it is an op over rows like others.
bool isProduct(mlir::Operation *op);

/// A linalg op or a change of shape, which can be a member.
bool isMemberKind(mlir::Operation *op);
bool isReshape(mlir::Operation *op);

/// The largest extents of a value's dims; those of unknown bound count as `unknownBound`.
llvm::SmallVector<int64_t> boundsOf(mlir::Value value);
/// The largest extents of an op's loops.
llvm::SmallVector<int64_t> boundsOfLoops(mlir::linalg::LinalgOp op);
inline constexpr int64_t unknownBound = 1024;

/// The extents of a value, in terms of values that do not depend on `value` itself where that can be known.
llvm::SmallVector<mlir::OpFoldResult> sizesOf(mlir::OpBuilder &builder, mlir::Value value);

class KernelRegion {
public:
  /// The region of one op: its parallel loops are the axes.
  explicit KernelRegion(mlir::linalg::LinalgOp root);

  mlir::Block *getBlock() const { return block; }
  llvm::ArrayRef<RegionAxis> getAxes() const { return axes; }
  RegionAxis &getAxis(int64_t axis) { return axes[axis]; }
  /// Members in the order of the block. Ties are those of loops, or of the result's dims of a change of shape.
  const llvm::MapVector<mlir::Operation *, Ties> &getMembers() const { return members; }
  bool contains(mlir::Operation *op) const { return members.contains(op); }
  bool contains(mlir::Value value) const { return value.getDefiningOp() && contains(value.getDefiningOp()); }

  /// The ties of a member's result.
  Ties tiesOf(mlir::Value result) const;

  /// Ties that a producer of the region's operands would have; nullopt where its readers want different parts.
  std::optional<Ties> tiesOfProducer(mlir::Operation *producer) const;
  /// Ties of a reader of members' results that reads exactly what a tile holds; nullopt where none does. Axes are
  /// counted in larger steps, or dropped, where a change of shape needs that (this is then another region).
  std::optional<Ties> tiesOfReader(mlir::Operation *reader);

  void add(mlir::Operation *op, Ties ties);
  void remove(mlir::Operation *op) { members.erase(op); }
  /// The axis is no longer cut.
  void dropAxis(int64_t axis);
  /// The axes that none of the ties names.
  llvm::SmallVector<int64_t> missingAxes(llvm::ArrayRef<Tie> ties) const;

  /// Ops between the first and the last member that depend on members; nullopt where a member depends on them, or where
  /// they must stay where they are.
  std::optional<llvm::SmallVector<mlir::Operation *>> findLaterOps() const;

  /// Whether other ops read the value, or a change of its shape.
  bool isReadOutside(mlir::Value value) const;
  /// Members' results that are read outside, but for changes of shape, which are made again there.
  llvm::SmallVector<mlir::Value> findResults() const;

private:
  std::optional<Ties> requiredTies(mlir::OpOperand &use) const;
  bool stepAxis(int64_t axis, int64_t steps);
  std::optional<Ties> tiesOfReshapeReader(mlir::Operation *reader);
  std::optional<Ties> tiesOfLinalgReader(mlir::linalg::LinalgOp reader) const;

  mlir::Block *block;
  llvm::SmallVector<RegionAxis> axes;
  llvm::MapVector<mlir::Operation *, Ties> members;
};

/// Replaces the members by one parallel loop over the tiles.
void writeRegion(mlir::RewriterBase &rewriter, const KernelRegion &region);

} // namespace partita::lowering

#endif
