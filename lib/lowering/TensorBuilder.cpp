// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "TensorBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "partita/dialects/collective/Collective.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

RankedTensorType lowering::getPlainType(Type local) {
  auto type = cast<RankedTensorType>(local);
  return RankedTensorType::get(type.getShape(), getStoredType(type.getElementType()));
}

AffineMap lowering::mapOf(MLIRContext *context, StringRef order, StringRef term) {
  SmallVector<AffineExpr> results;
  for (char letter : term)
    results.push_back(getAffineDimExpr(order.find(letter), context));
  return AffineMap::get(order.size(), 0, results, context);
}

//===-- Sizes -----------------------------------------------------------------------------------------------------===//

Value TensorBuilder::sizeInBody(RankedTensorType local, int64_t dim) {
  plan::PartAttr part = plan::getPart(local);
  std::optional<DimSize> size = part && !symbols.empty() ? getDimSize(part.getGlobal(), dim) : std::nullopt;
  if (!size || size->isStatic())
    return Value();
  Value sum = index(size->constant);
  for (auto [symbol, factor] : size->coefficients) {
    Value extent = findSymbol(symbol.getName());
    if (!extent)
      return Value();
    sum =
        arith::AddIOp::create(builder, location, sum, arith::MulIOp::create(builder, location, extent, index(factor)));
  }
  return sum;
}

Value TensorBuilder::indexOfPart(RankedTensorType local, int64_t dim, bool isOffset) {
  if (Value size = isOffset ? Value() : sizeInBody(local, dim))
    return size;
  Value &value = known[{local.getAsOpaquePointer(), dim, isOffset}];
  if (value)
    return value;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&kernel.getBody().front());
  if (isOffset)
    value = collective::OffsetOp::create(builder, location, builder.getIndexType(), local, dim);
  else
    value = collective::ExtentOp::create(builder, location, builder.getIndexType(), local, dim);
  return value;
}

OpFoldResult TensorBuilder::sizeOf(RankedTensorType local, int64_t dim) {
  if (!local.isDynamicDim(dim))
    return builder.getIndexAttr(local.getDimSize(dim));
  return indexOfPart(local, dim, /*isOffset=*/false);
}

Sizes TensorBuilder::sizesOf(RankedTensorType local) {
  Sizes sizes;
  for (int64_t dim = 0; dim < local.getRank(); ++dim)
    sizes.push_back(sizeOf(local, dim));
  return sizes;
}

Value TensorBuilder::globalSizeOf(RankedTensorType local, int64_t dim) {
  RankedTensorType global = plan::getPart(local).getGlobal();
  if (!global.isDynamicDim(dim))
    return index(global.getDimSize(dim));
  auto whole =
      plan::PartAttr::get(getContext(), global, plan::PlacementAttr::getReplicated(getContext(), global.getRank()));
  return indexOfPart(RankedTensorType::get(global.getShape(), global.getElementType(), whole), dim, false);
}

Value TensorBuilder::offsetOf(RankedTensorType local, int64_t dim) {
  if (plan::getPart(local).getPlacement().getDims()[dim].getSplits().empty())
    return index(0);
  return indexOfPart(local, dim, /*isOffset=*/true);
}

Value TensorBuilder::index(int64_t value) { return arith::ConstantIndexOp::create(builder, location, value); }

Value TensorBuilder::toValue(OpFoldResult size) { return getValueOrCreateConstantIndexOp(builder, location, size); }

OpFoldResult TensorBuilder::add(OpFoldResult a, OpFoldResult b) {
  std::optional<int64_t> left = getConstantIntValue(a), right = getConstantIntValue(b);
  if (left && right)
    return builder.getIndexAttr(*left + *right);
  return arith::AddIOp::create(builder, location, toValue(a), toValue(b)).getResult();
}

//===-- Tensors ---------------------------------------------------------------------------------------------------===//

Value TensorBuilder::empty(const Sizes &sizes, Type element) {
  return tensor::EmptyOp::create(builder, location, sizes, getStoredType(element));
}

Value TensorBuilder::fill(Value scalar, const Sizes &sizes) {
  Value target = empty(sizes, scalar.getType());
  return linalg::FillOp::create(builder, location, scalar, target).getResult(0);
}

Value TensorBuilder::map(ArrayRef<Value> inputs, Maps maps, const Sizes &sizes, Type element, Body body) {
  Value target = empty(sizes, element);
  SmallVector<AffineMap> allMaps(maps);
  allMaps.push_back(AffineMap::getMultiDimIdentityMap(sizes.size(), getContext()));
  SmallVector<utils::IteratorType> loops(sizes.size(), utils::IteratorType::parallel);
  auto generic =
      linalg::GenericOp::create(builder, location, TypeRange{target.getType()}, inputs, ValueRange{target}, allMaps,
                                loops, [&](OpBuilder &inner, Location at, ValueRange stored) {
                                  Scalars scalars{inner, at};
                                  SmallVector<Value> elements;
                                  for (Value value : stored.drop_back())
                                    elements.push_back(scalars.widen(value));
                                  linalg::YieldOp::create(inner, at, scalars.narrow(body(scalars, elements), element));
                                });
  return generic.getResult(0);
}

Value TensorBuilder::mapSame(ArrayRef<Value> inputs, const Sizes &sizes, Type element, Body body) {
  AffineMap identity = AffineMap::getMultiDimIdentityMap(sizes.size(), getContext());
  return map(inputs, SmallVector<AffineMap>(inputs.size(), identity), sizes, element, body);
}

Value TensorBuilder::reduce(ArrayRef<Value> inputs, Maps maps, AffineMap resultMap, const Sizes &sizes,
                            graph::ReduceKind kind, Type element, Body body) {
  Scalars scalars{builder, location};
  Value target = fill(scalars.identity(kind, element), sizes);
  SmallVector<AffineMap> allMaps(maps);
  allMaps.push_back(resultMap);
  SmallVector<utils::IteratorType> loops(resultMap.getNumDims(), utils::IteratorType::reduction);
  for (AffineExpr dim : resultMap.getResults())
    loops[cast<AffineDimExpr>(dim).getPosition()] = utils::IteratorType::parallel;
  auto generic = linalg::GenericOp::create(builder, location, TypeRange{target.getType()}, inputs, ValueRange{target},
                                           allMaps, loops, [&](OpBuilder &inner, Location at, ValueRange stored) {
                                             Scalars local{inner, at};
                                             SmallVector<Value> elements;
                                             for (Value value : stored.drop_back())
                                               elements.push_back(local.widen(value));
                                             elements.push_back(stored.back());
                                             linalg::YieldOp::create(inner, at, body(local, elements));
                                           });
  return generic.getResult(0);
}

Value TensorBuilder::loop(const Sizes &sizes, Value start, LoopBody body) {
  OpBuilder::InsertionGuard guard(builder);
  Value zero = index(0), one = index(1), current = start;
  SmallVector<Value> ends, indices;
  SmallVector<scf::ForOp> nest;
  for (OpFoldResult size : sizes)
    ends.push_back(toValue(size));
  for (Value end : ends) {
    nest.push_back(scf::ForOp::create(builder, location, zero, end, one, current));
    builder.setInsertionPointToStart(nest.back().getBody());
    indices.push_back(nest.back().getInductionVar());
    current = nest.back().getRegionIterArgs()[0];
  }
  Scalars scalars{builder, location};
  Value result = body(scalars, indices, current);
  for (scf::ForOp loop : llvm::reverse(nest)) {
    builder.setInsertionPointToEnd(loop.getBody());
    scf::YieldOp::create(builder, location, result);
    result = loop.getResult(0);
  }
  return result;
}

Value TensorBuilder::round(Value computed, const Sizes &sizes, Type element) {
  if (getComputedType(element) == getStoredType(element))
    return computed;
  return mapSame({computed}, sizes, element, [](Scalars &, ValueRange elements) { return elements[0]; });
}

/// The dims of a tensor of this rank, those between `leading` and `trailing` ones in one group.
static SmallVector<ReassociationIndices> groupMiddle(int64_t rank, int64_t leading, int64_t trailing) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim = 0; dim < rank; ++dim) {
    if (dim <= leading || dim >= rank - trailing)
      groups.emplace_back();
    groups.back().push_back(dim);
  }
  return groups;
}

Value TensorBuilder::reshape(Value tensor, const Sizes &sizes, int64_t leading, int64_t trailing) {
  auto type = cast<RankedTensorType>(tensor.getType());
  int64_t rank = type.getRank(), resultRank = sizes.size();
  Type element = type.getElementType();
  // Through one dim: neither side's grouping of the dims in the middle matters then.
  Value flat = tensor;
  if (rank == leading + trailing)
    flat = tensor::ExpandShapeOp::create(builder, location, RankedTensorType::get({1}, element), tensor,
                                         ArrayRef<ReassociationIndices>{}, Sizes{builder.getIndexAttr(1)});
  else if (rank > leading + trailing + 1)
    flat = tensor::CollapseShapeOp::create(builder, location, tensor, groupMiddle(rank, leading, trailing));
  SmallVector<int64_t> shape;
  for (OpFoldResult size : sizes)
    shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  auto result = RankedTensorType::get(shape, element);
  if (sizes.empty())
    return tensor::CollapseShapeOp::create(builder, location, result, flat, ArrayRef<ReassociationIndices>{});
  ArrayRef<int64_t> middle = ArrayRef(shape).slice(leading, resultRank - leading - trailing);
  int64_t total = 1;
  for (int64_t extent : middle)
    total = ShapedType::isDynamic(extent) || ShapedType::isDynamic(total) ? ShapedType::kDynamic : total * extent;
  SmallVector<int64_t> flatShape(shape.begin(), shape.begin() + leading);
  flatShape.push_back(total);
  flatShape.append(shape.end() - trailing, shape.end());
  auto flatType = RankedTensorType::get(flatShape, element);
  if (flat.getType() != flatType)
    flat = tensor::CastOp::create(builder, location, flatType, flat);
  if (middle.size() == 1)
    return flat;
  // A dim can be taken apart into one unknown extent only.
  if (llvm::count(middle, ShapedType::kDynamic) > 1)
    return pickMiddle(flat, sizes, leading, trailing);
  return tensor::ExpandShapeOp::create(builder, location, result, flat, groupMiddle(resultRank, leading, trailing),
                                       sizes);
}

Value TensorBuilder::pickMiddle(Value flat, const Sizes &sizes, int64_t leading, int64_t trailing) {
  int64_t rank = sizes.size();
  SmallVector<Value> extents;
  for (OpFoldResult size : sizes)
    extents.push_back(toValue(size));
  auto stored = cast<RankedTensorType>(flat.getType()).getElementType();
  Value target = tensor::EmptyOp::create(builder, location, sizes, stored);
  SmallVector<AffineMap> maps{AffineMap::getMultiDimIdentityMap(rank, getContext())};
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  auto body = [&](OpBuilder &inner, Location at, ValueRange) {
    SmallVector<Value> position;
    for (int64_t dim = 0; dim < rank; ++dim) {
      Value index = linalg::IndexOp::create(inner, at, dim);
      if (dim <= leading || dim >= rank - trailing) {
        position.push_back(index);
        continue;
      }
      Value before = arith::MulIOp::create(inner, at, position.back(), extents[dim]);
      position.back() = arith::AddIOp::create(inner, at, before, index);
    }
    linalg::YieldOp::create(inner, at, tensor::ExtractOp::create(inner, at, flat, position).getResult());
  };
  return linalg::GenericOp::create(builder, location, TypeRange{target.getType()}, ValueRange{}, ValueRange{target},
                                   maps, loops, body)
      .getResult(0);
}
