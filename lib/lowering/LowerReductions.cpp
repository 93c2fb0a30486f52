// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reductions over dims and windows, softmax and the norms. Sums of 16-bit floats are kept in f32 until the result.
#include "OpLowerings.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;
using graph::ElementwiseKind;
using graph::ReduceKind;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// The map that keeps the dims for which `keep` holds.
static AffineMap keepDims(MLIRContext *context, int64_t rank, llvm::function_ref<bool(int64_t)> keep) {
  SmallVector<AffineExpr> dims;
  for (int64_t dim = 0; dim < rank; ++dim)
    if (keep(dim))
      dims.push_back(getAffineDimExpr(dim, context));
  return AffineMap::get(rank, 0, dims, context);
}

static Sizes selectSizes(const Sizes &sizes, AffineMap map) {
  Sizes selected;
  for (AffineExpr dim : map.getResults())
    selected.push_back(sizes[cast<AffineDimExpr>(dim).getPosition()]);
  return selected;
}

static AffineMap identityOf(const Sizes &sizes, MLIRContext *context) {
  return AffineMap::getMultiDimIdentityMap(sizes.size(), context);
}

/// f32 where the element is shorter.
static Type computedElement(Type element) { return isa<FloatType>(element) ? getComputedType(element) : element; }

Value lowering::lowerReduce(TensorBuilder &tensors, graph::ReduceOp op, ValueRange operands) {
  RankedTensorType input = typeOf(op.getInput()), type = typeOf(op.getResult());
  Type element = type.getElementType();
  Sizes sizes = tensors.sizesOf(type);
  AffineMap identity = AffineMap::getMultiDimIdentityMap(input.getRank(), op.getContext());
  AffineMap result =
      keepDims(op.getContext(), input.getRank(), [&](int64_t dim) { return !llvm::is_contained(op.getDims(), dim); });
  Value reduced = tensors.reduce(
      {operands[0]}, {identity}, result, sizes, op.getKind(), element,
      [&](Scalars &at, ValueRange elements) { return at.combine(op.getKind(), element, elements[1], elements[0]); });
  return tensors.round(reduced, sizes, element);
}

Value lowering::lowerWindowReduce(TensorBuilder &tensors, graph::WindowReduceOp op, ValueRange operands) {
  RankedTensorType input = typeOf(op.getInput()), type = typeOf(op.getResult());
  MLIRContext *context = op.getContext();
  Type element = type.getElementType();
  Sizes sizes = tensors.sizesOf(type);
  unsigned rank = type.getRank(), spatial = op.getWindow().size();
  SmallVector<int64_t> window(op.getWindow());
  SmallVector<WindowedDim> reads(2);
  SmallVector<AffineExpr> dims{getAffineDimExpr(0, context), getAffineDimExpr(1, context)}, windowDims;
  for (unsigned i = 0; i < spatial; ++i) {
    reads.push_back({op.getStrides()[i], op.getPadding()[2 * i], op.getPadding()[2 * i + 1],
                     (window[i] - 1) * op.getDilations()[i] + 1});
    AffineExpr inWindow = getAffineDimExpr(rank + i, context);
    windowDims.push_back(inWindow);
    dims.push_back(getAffineDimExpr(i + 2, context) * op.getStrides()[i] + inWindow * op.getDilations()[i]);
  }
  Value source = operands[0];
  Scalars here{tensors.builder, op.getLoc()};
  if (llvm::any_of(op.getPadding(), [](int64_t count) { return count != 0; }))
    source =
        padForReads(tensors, source, here.narrow(here.identity(op.getKind(), element), element), input, type, reads);
  // The window has no data; an empty tensor gives its loops their extents.
  Value shape = tensor::EmptyOp::create(tensors.builder, op.getLoc(), window, getStoredType(element));
  unsigned numLoops = rank + spatial;
  AffineMap inputMap = AffineMap::get(numLoops, 0, dims, context);
  AffineMap windowMap = AffineMap::get(numLoops, 0, windowDims, context);
  AffineMap resultMap = AffineMap::getMultiDimIdentityMap(numLoops, context).getMajorSubMap(rank);
  Value reduced = tensors.reduce(
      {source, shape}, {inputMap, windowMap}, resultMap, sizes, op.getKind(), element,
      [&](Scalars &at, ValueRange elements) { return at.combine(op.getKind(), element, elements[2], elements[0]); });
  return tensors.round(reduced, sizes, element);
}

//===-- softmax ---------------------------------------------------------------------------------------------------===//

Value lowering::softmax(TensorBuilder &tensors, Value input, int64_t dim, const Sizes &sizes, Type element) {
  MLIRContext *context = tensors.getContext();
  Type computed = computedElement(element);
  AffineMap identity = identityOf(sizes, context);
  AffineMap rows = keepDims(context, sizes.size(), [&](int64_t other) { return other != dim; });
  Sizes rowSizes = selectSizes(sizes, rows);
  Value maximum = tensors.reduce(
      {input}, {identity}, rows, rowSizes, ReduceKind::max, element,
      [&](Scalars &at, ValueRange elements) { return at.combine(ReduceKind::max, element, elements[1], elements[0]); });
  Value exponential =
      tensors.map({input, maximum}, {identity, rows}, sizes, computed, [&](Scalars &at, ValueRange elements) {
        Value shifted = at.emit(ElementwiseKind::sub, computed, elements);
        return at.emit(ElementwiseKind::exp, computed, {shifted});
      });
  Value sum = tensors.reduce({exponential}, {identity}, rows, rowSizes, ReduceKind::sum, computed,
                             [&](Scalars &at, ValueRange elements) {
                               return at.combine(ReduceKind::sum, computed, elements[1], elements[0]);
                             });
  return tensors.map({exponential, sum}, {identity, rows}, sizes, element, [&](Scalars &at, ValueRange elements) {
    // One division for each row.
    Value factor = at.emit(ElementwiseKind::reciprocal, computed, {elements[1]});
    return at.emit(ElementwiseKind::mul, computed, {elements[0], factor});
  });
}

Value lowering::lowerSoftmax(TensorBuilder &tensors, graph::SoftmaxOp op, ValueRange operands) {
  RankedTensorType type = typeOf(op.getResult());
  return softmax(tensors, operands[0], op.getDim(), tensors.sizesOf(type), type.getElementType());
}

//===-- norms -----------------------------------------------------------------------------------------------------===//

namespace {

/// What layer_norm and rms_norm share: rows are the dims before the axis, the dims from it on are normalised.
struct Norm {
  TensorBuilder &tensors;
  RankedTensorType type;
  int64_t axis;
  Sizes sizes = tensors.sizesOf(type);
  Type element = type.getElementType();
  Type computed = computedElement(element);
  AffineMap identity = identityOf(sizes, tensors.getContext());
  AffineMap rows = keepDims(tensors.getContext(), type.getRank(), [&](int64_t dim) { return dim < axis; });
  AffineMap inner = keepDims(tensors.getContext(), type.getRank(), [&](int64_t dim) { return dim >= axis; });
  Sizes rowSizes = selectSizes(sizes, rows);

  /// Elements that are normalised together, of the whole value, as a float.
  Value count(Scalars &at) {
    Value total = tensors.index(1);
    for (int64_t dim = axis; dim < type.getRank(); ++dim)
      total = arith::MulIOp::create(at.builder, at.location, total, tensors.globalSizeOf(type, dim));
    Value number = arith::IndexCastOp::create(at.builder, at.location, at.builder.getI64Type(), total);
    return arith::SIToFPOp::create(at.builder, at.location, computed, number);
  }

  /// Sum over a row of body(element, row values...).
  Value sumRows(ArrayRef<Value> inputs, Body body) {
    SmallVector<AffineMap> maps(inputs.size(), rows);
    maps[0] = identity;
    return tensors.reduce(inputs, maps, rows, rowSizes, ReduceKind::sum, computed,
                          [&](Scalars &at, ValueRange elements) {
                            Value term = body(at, elements.drop_back());
                            return at.combine(ReduceKind::sum, computed, elements.back(), term);
                          });
  }

  /// sum / count, then 1 / sqrt(. + epsilon) if wanted.
  Value finishRows(Value sum, std::optional<double> epsilon) {
    Scalars here{tensors.builder, tensors.getLocation()};
    Value total = count(here);
    return tensors.mapSame({sum}, rowSizes, computed, [&](Scalars &at, ValueRange elements) {
      Value mean = at.emit(ElementwiseKind::div, computed, {elements[0], total});
      if (!epsilon)
        return mean;
      Value shifted = at.emit(ElementwiseKind::add, computed, {mean, at.number(*epsilon, computed)});
      return at.emit(ElementwiseKind::rsqrt, computed, {shifted});
    });
  }
};

} // namespace

Value lowering::lowerLayerNorm(TensorBuilder &tensors, graph::LayerNormOp op, ValueRange operands) {
  Norm norm{tensors, typeOf(op.getResult()), static_cast<int64_t>(op.getAxis())};
  Type computed = norm.computed;
  Value mean = norm.finishRows(norm.sumRows({operands[0]}, [](Scalars &, ValueRange elements) { return elements[0]; }),
                               std::nullopt);
  Value squares = norm.sumRows({operands[0], mean}, [&](Scalars &at, ValueRange elements) {
    Value centred = at.emit(ElementwiseKind::sub, computed, elements);
    return at.emit(ElementwiseKind::mul, computed, {centred, centred});
  });
  Value factor = norm.finishRows(squares, op.getEpsilon().convertToDouble());
  SmallVector<Value> inputs{operands[0], mean, factor, operands[1]};
  SmallVector<AffineMap> maps{norm.identity, norm.rows, norm.rows, norm.inner};
  if (op.getBias()) {
    inputs.push_back(operands[2]);
    maps.push_back(norm.inner);
  }
  return tensors.map(inputs, maps, norm.sizes, norm.element, [&](Scalars &at, ValueRange elements) {
    Value centred = at.emit(ElementwiseKind::sub, computed, {elements[0], elements[1]});
    Value scaled = at.emit(ElementwiseKind::mul, computed,
                           {at.emit(ElementwiseKind::mul, computed, {centred, elements[2]}), elements[3]});
    return elements.size() > 4 ? at.emit(ElementwiseKind::add, computed, {scaled, elements[4]}) : scaled;
  });
}

Value lowering::lowerRmsNorm(TensorBuilder &tensors, graph::RmsNormOp op, ValueRange operands) {
  Norm norm{tensors, typeOf(op.getResult()), static_cast<int64_t>(op.getAxis())};
  Type computed = norm.computed;
  Value squares = norm.sumRows({operands[0]}, [&](Scalars &at, ValueRange elements) {
    return at.emit(ElementwiseKind::mul, computed, {elements[0], elements[0]});
  });
  Value factor = norm.finishRows(squares, op.getEpsilon().convertToDouble());
  return tensors.map({operands[0], factor, operands[1]}, {norm.identity, norm.rows, norm.inner}, norm.sizes,
                     norm.element, [&](Scalars &at, ValueRange elements) {
                       Value scaled = at.emit(ElementwiseKind::mul, computed, {elements[0], elements[1]});
                       return at.emit(ElementwiseKind::mul, computed, {scaled, elements[2]});
                     });
}

Value lowering::lowerBatchNorm(TensorBuilder &tensors, graph::BatchNormOp op, ValueRange operands) {
  RankedTensorType type = typeOf(op.getResult());
  Type computed = computedElement(type.getElementType());
  AffineMap channel = keepDims(op.getContext(), type.getRank(), [](int64_t dim) { return dim == 1; });
  Sizes sizes = tensors.sizesOf(type);
  double epsilon = op.getEpsilon().convertToDouble();
  Value factor =
      tensors.mapSame({operands[4], operands[1]}, {sizes[1]}, computed, [&](Scalars &at, ValueRange elements) {
        Value shifted = at.emit(ElementwiseKind::add, computed, {elements[0], at.number(epsilon, computed)});
        Value root = at.emit(ElementwiseKind::rsqrt, computed, {shifted});
        return at.emit(ElementwiseKind::mul, computed, {root, elements[1]});
      });
  return tensors.map({operands[0], operands[3], factor, operands[2]},
                     {identityOf(sizes, op.getContext()), channel, channel, channel}, sizes, type.getElementType(),
                     [&](Scalars &at, ValueRange elements) {
                       Value centred = at.emit(ElementwiseKind::sub, computed, {elements[0], elements[1]});
                       Value scaled = at.emit(ElementwiseKind::mul, computed, {centred, elements[2]});
                       return at.emit(ElementwiseKind::add, computed, {scaled, elements[3]});
                     });
}
