// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Bounds.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "partita/dialects/collective/Collective.h"
#include "partita/dialects/interfaces/SymbolicShape.h"
#include "partita/placement/Attributes.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

static std::optional<int64_t> boundOfPart(Operation *op, RankedTensorType local, int64_t dim) {
  plan::PartAttr part = plan::getPart(local);
  plan::StageOp stage = collective::getStage(op);
  if (!part || !stage)
    return std::nullopt;
  placement::Mesh mesh = placement::toMesh(stage.getMesh());
  std::optional<placement::Placement> placement = placement::toPlacement(part.getPlacement(), mesh);
  if (!placement)
    return std::nullopt;
  return placement::boundOfLocalExtent(placement::toShape(part.getGlobal())[dim], placement->dims[dim], mesh);
}

static std::optional<int64_t> boundOfDim(Value buffer, std::optional<int64_t> dim);

/// The largest value of an expression of values that are not negative; a term that is subtracted counts as 0.
static std::optional<int64_t> boundOfExpression(AffineExpr expression, ArrayRef<std::optional<int64_t>> operands,
                                                unsigned numDims) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expression))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expression))
    return operands[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expression))
    return operands[numDims + symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expression);
  std::optional<int64_t> left = boundOfExpression(binary.getLHS(), operands, numDims);
  std::optional<int64_t> right = boundOfExpression(binary.getRHS(), operands, numDims);
  auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (binary.getKind() == AffineExprKind::Mul && constant && constant.getValue() <= 0)
    return 0;
  if (!left || !right)
    return std::nullopt;
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return *left + *right;
  case AffineExprKind::Mul:
    return *left * *right;
  case AffineExprKind::Mod:
    return constant && constant.getValue() > 0 ? std::min(*left, constant.getValue() - 1) : *left;
  default: // A quotient.
    return constant && constant.getValue() > 0 ? llvm::divideCeil(*left, constant.getValue()) : *left;
  }
}

static std::optional<int64_t> boundOfMap(AffineMap map, ValueRange operands) {
  SmallVector<std::optional<int64_t>> bounds;
  for (Value operand : operands)
    bounds.push_back(findUpperBound(operand));
  std::optional<int64_t> least;
  for (AffineExpr expression : map.getResults())
    if (std::optional<int64_t> bound = boundOfExpression(expression, bounds, map.getNumDims()))
      least = std::min(least.value_or(*bound), *bound);
  return least;
}

/// Extents are not negative, so bounds of operands bound sums, products and quotients; this is asked of sizes only.
std::optional<int64_t> lowering::findUpperBound(Value value) {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return constant;
  Operation *op = value.getDefiningOp();
  if (!op)
    return std::nullopt;
  if (auto extent = dyn_cast<collective::ExtentOp>(op))
    return boundOfPart(op, cast<RankedTensorType>(extent.getType()), extent.getDim());
  if (auto dim = dyn_cast<memref::DimOp>(op))
    return boundOfDim(dim.getSource(), dim.getConstantIndex());
  if (auto dim = dyn_cast<tensor::DimOp>(op))
    return boundOfDim(dim.getSource(), dim.getConstantIndex());
  if (auto least = dyn_cast<affine::AffineMinOp>(op))
    return boundOfMap(least.getMap(), least.getOperands());
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op))
    return boundOfMap(apply.getMap(), apply.getOperands());
  if (!isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::DivSIOp, arith::DivUIOp, arith::MaxSIOp, arith::MinSIOp>(
          op))
    return std::nullopt;
  std::optional<int64_t> left = findUpperBound(op->getOperand(0)), right = findUpperBound(op->getOperand(1));
  // A divisor counts as 1, a subtrahend as 0, unless it is constant.
  if (isa<arith::DivSIOp, arith::DivUIOp>(op)) {
    std::optional<int64_t> divisor = getConstantIntValue(op->getOperand(1));
    return left ? std::optional(divisor.value_or(1) > 0 ? *left / divisor.value_or(1) : *left) : left;
  }
  if (isa<arith::SubIOp>(op))
    return left ? std::optional(*left - getConstantIntValue(op->getOperand(1)).value_or(0)) : left;
  if (!left || !right)
    return std::nullopt;
  if (isa<arith::AddIOp>(op))
    return *left + *right;
  if (isa<arith::MulIOp>(op))
    return *left * *right;
  return isa<arith::MaxSIOp>(op) ? std::max(*left, *right) : std::min(*left, *right);
}

/// What a loop begins with for a value that it carries: bufferization asks that it stays in one buffer.
static Value findCarried(Value value) {
  OpOperand *first = nullptr;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    if (auto loop = dyn_cast<LoopLikeOpInterface>(argument.getOwner()->getParentOp()))
      first = loop.getTiedLoopInit(argument);
  } else if (auto loop = value.getDefiningOp<LoopLikeOpInterface>()) {
    first = loop.getTiedLoopInit(cast<OpResult>(value));
  }
  return first ? first->get() : Value();
}

/// A value that has the same extents, nearer to where they are known, or null.
static Value findSameShape(Value value) {
  if (Value carried = findCarried(value))
    return carried;
  Operation *op = value.getDefiningOp();
  if (auto tensor = dyn_cast_or_null<bufferization::ToTensorOp>(op))
    return tensor.getBuffer();
  if (auto cast = dyn_cast_or_null<tensor::CastOp>(op))
    return cast.getSource();
  if (auto styled = dyn_cast_or_null<DestinationStyleOpInterface>(op))
    return styled.getTiedOpOperand(cast<OpResult>(value))->get();
  return {};
}

static std::optional<int64_t> boundOf(OpFoldResult size) {
  if (!size)
    return std::nullopt;
  auto value = dyn_cast<Value>(size);
  return value ? findUpperBound(value) : getConstantIntValue(size);
}

/// The size of dim `dim` of a slice that lacks some dims.
static OpFoldResult sizeOfKept(ArrayRef<OpFoldResult> sizes, const llvm::SmallBitVector &dropped, int64_t dim) {
  for (auto [place, size] : llvm::enumerate(sizes))
    if (!dropped.test(place) && dim-- == 0)
      return size;
  return {};
}

static std::optional<int64_t> boundOfProduct(Value source, ArrayRef<int64_t> dims) {
  int64_t product = 1;
  for (int64_t dim : dims) {
    std::optional<int64_t> bound = boundOfDim(source, dim);
    if (!bound || llvm::MulOverflow(product, *bound, product))
      return std::nullopt;
  }
  return product;
}

static std::optional<int64_t> boundOfDim(Value buffer, std::optional<int64_t> dim) {
  if (!dim)
    return std::nullopt;
  auto type = dyn_cast<ShapedType>(buffer.getType());
  if (!type || !type.hasRank())
    return std::nullopt;
  if (!type.isDynamicDim(*dim))
    return type.getDimSize(*dim);
  if (Value same = findSameShape(buffer))
    return boundOfDim(same, dim);
  Operation *source = buffer.getDefiningOp();
  ValueRange sizes;
  if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(source))
    sizes = empty.getDynamicSizes();
  else if (auto allocation = dyn_cast_or_null<memref::AllocOp>(source))
    sizes = allocation.getDynamicSizes();
  else if (auto view = dyn_cast_or_null<memref::ViewOp>(source))
    sizes = view.getSizes();
  else if (auto part = dyn_cast_or_null<memref::SubViewOp>(source))
    return boundOf(sizeOfKept(part.getMixedSizes(), part.getDroppedDims(), *dim));
  else if (auto part = dyn_cast_or_null<tensor::ExtractSliceOp>(source))
    return boundOf(sizeOfKept(part.getMixedSizes(), part.getDroppedDims(), *dim));
  else if (auto expand = dyn_cast_or_null<memref::ExpandShapeOp>(source))
    return boundOf(expand.getMixedOutputShape()[*dim]);
  else if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(source))
    return boundOf(expand.getMixedOutputShape()[*dim]);
  else if (auto collapse = dyn_cast_or_null<memref::CollapseShapeOp>(source))
    return boundOfProduct(collapse.getSrc(), collapse.getReassociationIndices()[*dim]);
  else if (auto collapse = dyn_cast_or_null<tensor::CollapseShapeOp>(source))
    return boundOfProduct(collapse.getSrc(), collapse.getReassociationIndices()[*dim]);
  else
    return std::nullopt;
  return findUpperBound(sizes[type.getDynamicDimIndex(*dim)]);
}

std::optional<int64_t> lowering::findDimBound(Value value, int64_t dim) { return boundOfDim(value, dim); }

FailureOr<int64_t> lowering::getBoundBytes(memref::AllocOp allocation) {
  MemRefType type = allocation.getType();
  int64_t bytes = getElementBits(type.getElementType()) / 8, index = 0;
  for (int64_t extent : type.getShape()) {
    if (ShapedType::isDynamic(extent)) {
      std::optional<int64_t> bound = findUpperBound(allocation.getDynamicSizes()[index++]);
      if (!bound)
        return allocation.emitError("E-DIM-UNBOUND: the size of an internal buffer has no bound");
      extent = *bound;
    }
    if (llvm::MulOverflow(bytes, extent, bytes))
      return allocation.emitError("E-TOO-LARGE: an internal buffer exceeds the address space");
  }
  return bytes;
}

FailureOr<int64_t> lowering::getBoundBytes(Operation *op, Type local) {
  auto type = dyn_cast<RankedTensorType>(local);
  if (!type || !plan::getPart(type))
    return op->emitError() << "E-SPMD-TYPE: " << local << " carries no part";
  int64_t bytes = getElementBits(type.getElementType()) / 8;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    std::optional<int64_t> bound = boundOfPart(op, type, dim);
    if (!bound)
      return op->emitError() << "E-SPMD-TYPE: " << local << " names an axis that the mesh lacks";
    if (llvm::MulOverflow(bytes, *bound, bytes))
      return op->emitError() << "E-TOO-LARGE: " << local << " exceeds the address space";
  }
  return bytes;
}
