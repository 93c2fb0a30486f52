// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "KernelRegion.h"
#include "Bounds.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "partita/dialects/collective/Collective.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

//===-- Ops and extents -------------------------------------------------------------------------------------------===//

/// The value without conversions between types of numbers.
static Value skipCasts(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<arith::ExtFOp, arith::TruncFOp, arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

/// Each operand has loops of its own, or there are none that both have: otherwise every element of the second operand
/// meets but one of the first at a time, as in a convolution of single channels, and there is nothing to block.
static bool hasRowsOrColumns(linalg::LinalgOp op) {
  AffineMap left = op.getMatchingIndexingMap(op.getDpsInputOperand(0)),
            right = op.getMatchingIndexingMap(op.getDpsInputOperand(1));
  bool hasColumns = false, isShared = false;
  for (auto [loop, kind] : llvm::enumerate(op.getIteratorTypesArray())) {
    if (kind != utils::IteratorType::parallel)
      continue;
    hasColumns |= !left.isFunctionOfDim(loop);
    isShared |= left.isFunctionOfDim(loop) && right.isFunctionOfDim(loop);
  }
  return hasColumns || !isShared;
}

bool lowering::isProduct(Operation *op) {
  auto generic = dyn_cast_or_null<linalg::LinalgOp>(op);
  if (!generic || generic.getNumReductionLoops() == 0 || generic.getNumDpsInputs() != 2 ||
      generic.getNumDpsInits() != 1 || !hasRowsOrColumns(generic))
    return false;
  Block *body = generic.getBlock();
  Operation *sum = skipCasts(body->getTerminator()->getOperand(0)).getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp, arith::AddIOp>(sum))
    return false;
  bool first = skipCasts(sum->getOperand(0)) == body->getArgument(2);
  if (!first && skipCasts(sum->getOperand(1)) != body->getArgument(2))
    return false;
  Operation *term = skipCasts(sum->getOperand(first ? 1 : 0)).getDefiningOp();
  if (!isa_and_nonnull<arith::MulFOp, arith::MulIOp>(term))
    return false;
  Value left = skipCasts(term->getOperand(0)), right = skipCasts(term->getOperand(1));
  return (left == body->getArgument(0) && right == body->getArgument(1)) ||
         (left == body->getArgument(1) && right == body->getArgument(0));
}

bool lowering::isReshape(Operation *op) { return isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op); }

bool lowering::isMemberKind(Operation *op) {
  if (isReshape(op))
    return true;
  auto generic = dyn_cast<linalg::LinalgOp>(op);
  // A copy is there for the place that it writes, such as a value carried by a loop; a region would choose another.
  if (!generic || isa<linalg::FillOp, linalg::CopyOp>(op) ||
      op->getNumResults() != static_cast<unsigned>(generic.getNumDpsInits()))
    return false;
  return llvm::all_of(generic.getDpsInitsMutable(),
                      [&](OpOperand &init) { return generic.getMatchingIndexingMap(&init).isProjectedPermutation(); });
}

SmallVector<int64_t> lowering::boundsOf(Value value) {
  SmallVector<int64_t> bounds;
  auto type = cast<ShapedType>(value.getType());
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    bounds.push_back(findDimBound(value, dim).value_or(unknownBound));
  return bounds;
}

SmallVector<int64_t> lowering::boundsOfLoops(linalg::LinalgOp op) {
  SmallVector<int64_t> bounds(op.getNumLoops(), unknownBound);
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<ShapedType>(operand.get().getType()))
      continue;
    for (auto [expression, bound] :
         llvm::zip(op.getMatchingIndexingMap(&operand).getResults(), boundsOf(operand.get())))
      if (auto dim = dyn_cast<AffineDimExpr>(expression))
        bounds[dim.getPosition()] = bound;
  }
  return bounds;
}

SmallVector<OpFoldResult> lowering::sizesOf(OpBuilder &builder, Value value) {
  Operation *op = value.getDefiningOp();
  if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(op))
    return empty.getMixedSizes();
  if (auto styled = dyn_cast_or_null<DestinationStyleOpInterface>(op))
    return sizesOf(builder, styled.getTiedOpOperand(cast<OpResult>(value))->get());
  if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(op))
    return expand.getMixedOutputShape();
  auto collapse = dyn_cast_or_null<tensor::CollapseShapeOp>(op);
  if (!collapse)
    return tensor::getMixedSizes(builder, value.getLoc(), value);
  SmallVector<OpFoldResult> inner = sizesOf(builder, collapse.getSrc()), sizes;
  for (const ReassociationIndices &group : collapse.getReassociationIndices()) {
    AffineExpr product = builder.getAffineConstantExpr(1);
    SmallVector<OpFoldResult> factors;
    for (int64_t dim : group) {
      product = product * builder.getAffineSymbolExpr(factors.size());
      factors.push_back(inner[dim]);
    }
    sizes.push_back(affine::makeComposedFoldedAffineApply(builder, value.getLoc(), product, factors));
  }
  return sizes;
}

//===-- Changes of shape ------------------------------------------------------------------------------------------===//

namespace {

/// A change of shape without its direction: `inner` is the side with more dims.
struct Reshape {
  ArrayRef<int64_t> innerShape;
  SmallVector<ReassociationIndices> groups;
  bool expands;

  explicit Reshape(Operation *op) {
    if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
      innerShape = expand.getResultType().getShape();
      groups = expand.getReassociationIndices();
      expands = true;
    } else {
      auto collapse = cast<tensor::CollapseShapeOp>(op);
      innerShape = collapse.getSrcType().getShape();
      groups = collapse.getReassociationIndices();
      expands = false;
    }
  }

  /// The product of the extents of these dims, if it is known.
  std::optional<int64_t> count(ArrayRef<int64_t> dims) const {
    int64_t product = 1;
    for (int64_t dim : dims) {
      if (ShapedType::isDynamic(innerShape[dim]))
        return std::nullopt;
      product *= innerShape[dim];
    }
    return product;
  }

  /// A group is cut if its first dim of more than one element is.
  std::optional<Ties> collapse(ArrayRef<Tie> inner) const {
    Ties outer;
    for (const ReassociationIndices &group : groups) {
      outer.emplace_back();
      for (auto [position, dim] : llvm::enumerate(group)) {
        if (!inner[dim].isTied())
          continue;
        ArrayRef<int64_t> dims(group);
        std::optional<int64_t> after = count(dims.drop_front(position + 1));
        if (outer.back().isTied() || count(dims.take_front(position)) != 1 || !after)
          return std::nullopt;
        outer.back() = {inner[dim].axis, inner[dim].scale * *after};
      }
    }
    return outer;
  }

  /// Where it needs that, `coarser` gets the axis and by how much larger its steps must be.
  std::optional<Ties> expand(ArrayRef<Tie> outer, std::pair<int64_t, int64_t> *coarser = nullptr) const {
    Ties inner(innerShape.size());
    for (auto [group, tie] : llvm::zip(groups, outer)) {
      if (!tie.isTied())
        continue;
      ArrayRef<int64_t> dims(group);
      while (dims.size() > 1 && innerShape[dims.front()] == 1)
        dims = dims.drop_front();
      std::optional<int64_t> after = count(dims.drop_front());
      if (!after || *after == 0)
        return std::nullopt;
      if (tie.scale % *after != 0) {
        if (coarser && *after % tie.scale == 0)
          *coarser = {tie.axis, *after / tie.scale};
        return std::nullopt;
      }
      inner[dims.front()] = {tie.axis, tie.scale / *after};
    }
    return inner;
  }
};

} // namespace

//===-- Regions ---------------------------------------------------------------------------------------------------===//

KernelRegion::KernelRegion(linalg::LinalgOp root) : block(root->getBlock()) {
  SmallVector<int64_t> bounds = boundsOfLoops(root);
  Ties ties(root.getNumLoops());
  for (auto [loop, kind] : llvm::enumerate(root.getIteratorTypesArray())) {
    if (kind != utils::IteratorType::parallel)
      continue;
    ties[loop].axis = axes.size();
    RegionAxis axis;
    axis.bound = bounds[loop];
    auto isIn = [&](int64_t operand) {
      return root.getMatchingIndexingMap(&root->getOpOperand(operand)).isFunctionOfDim(loop);
    };
    if (isProduct(root))
      axis.role = !isIn(1) ? AxisRole::row : !isIn(0) ? AxisRole::column : AxisRole::batch;
    axes.push_back(axis);
  }
  members.insert({root, ties});
  // Extents are read off the first result, which all parallel loops of a member are dims of, or of another.
  OpBuilder builder(root);
  for (OpOperand &init : root.getDpsInitsMutable())
    for (auto [expression, size] :
         llvm::zip(root.getMatchingIndexingMap(&init).getResults(), sizesOf(builder, init.get())))
      axes[ties[cast<AffineDimExpr>(expression).getPosition()].axis].extent = size;
  for (auto [number, axis] : llvm::enumerate(axes))
    if (!axis.extent)
      dropAxis(number);
}

Ties KernelRegion::tiesOf(Value result) const {
  const Ties &ties = members.find(result.getDefiningOp())->second;
  auto op = dyn_cast<linalg::LinalgOp>(result.getDefiningOp());
  if (!op)
    return ties;
  Ties dims;
  OpOperand *init = op.getDpsInitOperand(cast<OpResult>(result).getResultNumber());
  for (AffineExpr expression : op.getMatchingIndexingMap(init).getResults())
    dims.push_back(ties[cast<AffineDimExpr>(expression).getPosition()]);
  return dims;
}

/// What a member reads of an operand; nullopt where the tile's part is no plain interval of what an axis cuts.
std::optional<Ties> KernelRegion::requiredTies(OpOperand &use) const {
  const Ties &ties = members.find(use.getOwner())->second;
  auto op = dyn_cast<linalg::LinalgOp>(use.getOwner());
  if (!op) {
    Reshape reshape(use.getOwner());
    return reshape.expands ? reshape.collapse(ties) : reshape.expand(ties);
  }
  Ties required;
  AffineMap map = op.getMatchingIndexingMap(&use);
  for (AffineExpr expression : map.getResults()) {
    if (auto dim = dyn_cast<AffineDimExpr>(expression)) {
      required.push_back(ties[dim.getPosition()]);
      continue;
    }
    for (unsigned loop = 0; loop < map.getNumDims(); ++loop)
      if (ties[loop].isTied() && expression.isFunctionOfDim(loop))
        return std::nullopt;
    required.emplace_back();
  }
  return required;
}

std::optional<Ties> KernelRegion::tiesOfProducer(Operation *producer) const {
  auto op = dyn_cast<linalg::LinalgOp>(producer);
  std::optional<Ties> result;
  for (OpOperand &use : producer->getUses()) {
    if (!contains(use.getOwner())) {
      // Read at computed places by the body of a member.
      if (Operation *ancestor = block->findAncestorOpInBlock(*use.getOwner()); ancestor && contains(ancestor))
        return std::nullopt;
      continue;
    }
    std::optional<Ties> required = requiredTies(use);
    if (!required)
      return std::nullopt;
    Ties ties = *required;
    if (op) {
      ties.assign(op.getNumLoops(), Tie());
      OpOperand *init = op.getDpsInitOperand(cast<OpResult>(use.get()).getResultNumber());
      for (auto [expression, tie] : llvm::zip(op.getMatchingIndexingMap(init).getResults(), *required))
        ties[cast<AffineDimExpr>(expression).getPosition()] = tie;
    }
    if (result && *result != ties)
      return std::nullopt;
    result = ties;
  }
  return result;
}

/// Whether an op reads members' results only as operands, not at computed places.
static bool readsByOperandsOnly(Operation *op, const KernelRegion &region) {
  WalkResult result = op->walk([&](Operation *inner) {
    bool isBad = inner != op && llvm::any_of(inner->getOperands(), [&](Value value) { return region.contains(value); });
    return isBad ? WalkResult::interrupt() : WalkResult::advance();
  });
  return !result.wasInterrupted();
}

std::optional<Ties> KernelRegion::tiesOfReader(Operation *reader) {
  if (isReshape(reader))
    return tiesOfReshapeReader(reader);
  auto op = dyn_cast<linalg::LinalgOp>(reader);
  return op && readsByOperandsOnly(reader, *this) ? tiesOfLinalgReader(op) : std::nullopt;
}

std::optional<Ties> KernelRegion::tiesOfReshapeReader(Operation *reader) {
  Reshape reshape(reader);
  for (;;) {
    Ties source = tiesOf(reader->getOperand(0));
    if (!reshape.expands) {
      if (std::optional<Ties> ties = reshape.collapse(source))
        return ties;
      // Two axes in one dim: the inner one is no longer cut.
      int64_t inner = -1, count = 0;
      for (const ReassociationIndices &group : reshape.groups) {
        int64_t inGroup = 0;
        for (int64_t dim : group)
          if (source[dim].isTied() && ++inGroup > 1)
            inner = source[dim].axis, ++count;
      }
      if (count == 0)
        return std::nullopt;
      dropAxis(inner);
      continue;
    }
    std::pair<int64_t, int64_t> coarser{-1, 1};
    if (std::optional<Ties> ties = reshape.expand(source, &coarser))
      return ties;
    if (coarser.first < 0 || !stepAxis(coarser.first, coarser.second))
      return std::nullopt;
  }
}

std::optional<Ties> KernelRegion::tiesOfLinalgReader(linalg::LinalgOp reader) const {
  Ties ties(reader.getNumLoops());
  SmallVector<bool> isCovered(reader.getNumLoops());
  for (OpOperand &use : reader->getOpOperands()) {
    if (!contains(use.get()))
      continue;
    for (auto [expression, tie] : llvm::zip(reader.getMatchingIndexingMap(&use).getResults(), tiesOf(use.get()))) {
      auto dim = dyn_cast<AffineDimExpr>(expression);
      if (!dim)
        return std::nullopt;
      Tie &loop = ties[dim.getPosition()];
      if (isCovered[dim.getPosition()] && loop != tie)
        return std::nullopt;
      isCovered[dim.getPosition()] = true;
      loop = tie;
    }
  }
  SmallVector<int64_t> bounds = boundsOfLoops(reader);
  for (auto [covered, bound] : llvm::zip(isCovered, bounds))
    if (!covered && bound != 1)
      return std::nullopt;
  return ties;
}

void KernelRegion::add(Operation *op, Ties ties) { members.insert({op, std::move(ties)}); }

void KernelRegion::dropAxis(int64_t axis) {
  axes[axis].isActive = false;
  for (auto &[op, ties] : members)
    for (Tie &tie : ties)
      if (tie.axis == axis)
        tie = Tie();
}

/// Counts the axis in steps of so many elements, which every tile then holds a whole number of.
bool KernelRegion::stepAxis(int64_t axis, int64_t steps) {
  std::optional<int64_t> extent = getConstantIntValue(axes[axis].extent);
  if (!extent || *extent % steps != 0)
    return false;
  axes[axis].bound = *extent / steps;
  axes[axis].extent = IntegerAttr::get(IndexType::get(block->getParentOp()->getContext()), axes[axis].bound);
  for (auto &[op, ties] : members)
    for (Tie &tie : ties)
      if (tie.axis == axis)
        tie.scale *= steps;
  return true;
}

SmallVector<int64_t> KernelRegion::missingAxes(ArrayRef<Tie> ties) const {
  SmallVector<int64_t> missing;
  for (auto [number, axis] : llvm::enumerate(axes))
    if (axis.isActive && llvm::none_of(ties, [&](Tie tie) { return tie.axis == static_cast<int64_t>(number); }))
      missing.push_back(number);
  return missing;
}

std::optional<SmallVector<Operation *>> KernelRegion::findLaterOps() const {
  Operation *first = members.front().first, *last = first;
  for (auto &[op, ties] : members) {
    first = op->isBeforeInBlock(first) ? op : first;
    last = last->isBeforeInBlock(op) ? op : last;
  }
  DenseSet<Operation *> later;
  SmallVector<Operation *> ordered;
  auto dependsOn = [&](Operation *op, auto isMeant) {
    WalkResult result = op->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (Operation *source = operand.getDefiningOp(); source && isMeant(source))
          return WalkResult::interrupt();
      return WalkResult::advance();
    });
    return result.wasInterrupted();
  };
  for (Operation *op = first;; op = op->getNextNode()) {
    bool dependsOnLater = dependsOn(op, [&](Operation *source) { return later.contains(source); });
    if (contains(op)) {
      if (dependsOnLater)
        return std::nullopt;
    } else if (dependsOnLater || dependsOn(op, [&](Operation *source) { return contains(source); })) {
      // Communication keeps its place among the rest.
      if (isa<collective::StartOp, collective::WaitOp>(op))
        return std::nullopt;
      later.insert(op);
      ordered.push_back(op);
    }
    if (op == last)
      return ordered;
  }
}

bool KernelRegion::isReadOutside(Value value) const {
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    return !contains(user) || (isReshape(user) && isReadOutside(user->getResult(0)));
  });
}

SmallVector<Value> KernelRegion::findResults() const {
  SmallVector<Value> results;
  for (auto &[op, ties] : members) {
    if (isReshape(op))
      continue;
    for (Value result : op->getResults())
      if (isReadOutside(result))
        results.push_back(result);
  }
  return results;
}
