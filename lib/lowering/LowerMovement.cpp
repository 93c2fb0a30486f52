// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that move elements.
#include "OpLowerings.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// The body of an op that copies elements.
static Value copyElement(Scalars &, ValueRange elements) { return elements[0]; }

Value lowering::lowerBroadcast(TensorBuilder &tensors, graph::BroadcastOp op, ValueRange operands) {
  RankedTensorType type = typeOf(op.getResult());
  SmallVector<AffineExpr> dims;
  for (int64_t dim : op.getDims())
    dims.push_back(getAffineDimExpr(dim, op.getContext()));
  AffineMap map = AffineMap::get(type.getRank(), 0, dims, op.getContext());
  return tensors.map({operands[0]}, {map}, tensors.sizesOf(type), type.getElementType(), copyElement);
}

Value lowering::lowerReshape(TensorBuilder &tensors, graph::ReshapeOp op, ValueRange operands) {
  return tensors.reshape(operands[0], tensors.sizesOf(typeOf(op.getResult())));
}

Value lowering::lowerTranspose(TensorBuilder &tensors, graph::TransposeOp op, ValueRange operands) {
  RankedTensorType type = typeOf(op.getResult());
  SmallVector<AffineExpr> dims(type.getRank());
  for (auto [dim, from] : llvm::enumerate(op.getPermutation()))
    dims[from] = getAffineDimExpr(dim, op.getContext());
  AffineMap map = AffineMap::get(type.getRank(), 0, dims, op.getContext());
  return tensors.map({operands[0]}, {map}, tensors.sizesOf(type), type.getElementType(), copyElement);
}

/// Elements at computed positions: for reversals, which no strided view describes.
static Value pickElements(TensorBuilder &tensors, graph::SliceOp op, Value input) {
  RankedTensorType type = typeOf(op.getResult());
  return tensors.map({}, {}, tensors.sizesOf(type), type.getElementType(), [&](Scalars &at, ValueRange) {
    SmallVector<Value> position;
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      Value index = linalg::IndexOp::create(at.builder, at.location, dim);
      Value stride = arith::ConstantIndexOp::create(at.builder, at.location, op.getStrides()[dim]);
      Value start = arith::ConstantIndexOp::create(at.builder, at.location, op.getStarts()[dim]);
      Value step = arith::MulIOp::create(at.builder, at.location, index, stride);
      position.push_back(arith::AddIOp::create(at.builder, at.location, start, step));
    }
    return at.widen(tensor::ExtractOp::create(at.builder, at.location, input, position));
  });
}

Value lowering::lowerSlice(TensorBuilder &tensors, graph::SliceOp op, ValueRange operands) {
  if (llvm::any_of(op.getStrides(), [](int64_t stride) { return stride < 0; }))
    return pickElements(tensors, op, operands[0]);
  Sizes starts, strides;
  for (auto [start, stride] : llvm::zip(op.getStarts(), op.getStrides())) {
    starts.push_back(tensors.builder.getIndexAttr(start));
    strides.push_back(tensors.builder.getIndexAttr(stride));
  }
  RankedTensorType type = typeOf(op.getResult());
  return tensor::ExtractSliceOp::create(tensors.builder, op.getLoc(), getPlainType(type), operands[0], starts,
                                        tensors.sizesOf(type), strides);
}

Value lowering::lowerConcat(TensorBuilder &tensors, graph::ConcatOp op, ValueRange operands) {
  RankedTensorType type = typeOf(op.getResult());
  OpBuilder &builder = tensors.builder;
  Value result = tensors.empty(tensors.sizesOf(type), type.getElementType());
  Sizes strides(type.getRank(), builder.getIndexAttr(1)), offsets(type.getRank(), builder.getIndexAttr(0));
  int64_t dim = op.getDim();
  for (auto [operand, input] : llvm::zip(operands, op.getInputs())) {
    Sizes sizes = tensors.sizesOf(typeOf(input));
    result = tensor::InsertSliceOp::create(builder, op.getLoc(), operand, result, offsets, sizes, strides);
    offsets[dim] = tensors.add(offsets[dim], sizes[dim]);
  }
  return result;
}

Value lowering::pad(TensorBuilder &tensors, Value input, Value value, ArrayRef<int64_t> low, const Sizes &inputSizes,
                    const Sizes &sizes) {
  OpBuilder &builder = tensors.builder;
  Value filled = tensors.fill(value, sizes);
  Sizes offsets, strides(sizes.size(), builder.getIndexAttr(1));
  for (int64_t count : low)
    offsets.push_back(builder.getIndexAttr(count));
  return tensor::InsertSliceOp::create(builder, tensors.getLocation(), input, filled, offsets, inputSizes, strides);
}

Value lowering::lowerPad(TensorBuilder &tensors, graph::PadOp op, ValueRange operands) {
  Value value = tensor::ExtractOp::create(tensors.builder, op.getLoc(), operands[1], ValueRange{});
  return pad(tensors, operands[0], value, op.getLow(), tensors.sizesOf(typeOf(op.getInput())),
             tensors.sizesOf(typeOf(op.getResult())));
}

namespace {
/// One picked row: the position in this rank's part, and whether the part holds it.
struct Row {
  Value local, isHere;
};
} // namespace

/// Checks an index against the whole extent; negative ones count from the end.
static Row findRow(Scalars &at, Value index, bool isUnsigned, Value whole, Value offset, Value extent) {
  OpBuilder &builder = at.builder;
  auto compare = [&](arith::CmpIPredicate predicate, Value a, Value b) -> Value {
    return arith::CmpIOp::create(builder, at.location, predicate, a, b);
  };
  Value zero = arith::ConstantIndexOp::create(builder, at.location, 0);
  Value position = isUnsigned
                       ? arith::IndexCastUIOp::create(builder, at.location, builder.getIndexType(), index).getResult()
                       : arith::IndexCastOp::create(builder, at.location, builder.getIndexType(), index).getResult();
  Value fromEnd = arith::AddIOp::create(builder, at.location, position, whole);
  position = arith::SelectOp::create(builder, at.location, compare(arith::CmpIPredicate::slt, position, zero), fromEnd,
                                     position);
  cf::AssertOp::create(builder, at.location, compare(arith::CmpIPredicate::ult, position, whole),
                       "an index is outside of the gathered dimension");
  Value local = arith::SubIOp::create(builder, at.location, position, offset);
  return {local, compare(arith::CmpIPredicate::ult, local, extent)};
}

Value lowering::lowerGather(TensorBuilder &tensors, graph::GatherOp op, ValueRange operands) {
  RankedTensorType input = typeOf(op.getInput()), indices = typeOf(op.getIndices()), type = typeOf(op.getResult());
  int64_t axis = op.getAxis(), numIndices = indices.getRank();
  Value whole = tensors.globalSizeOf(input, axis), offset = tensors.offsetOf(input, axis);
  Value extent = tensors.toValue(tensors.sizeOf(input, axis));
  SmallVector<AffineExpr> dims;
  for (int64_t dim = 0; dim < numIndices; ++dim)
    dims.push_back(getAffineDimExpr(axis + dim, op.getContext()));
  AffineMap map = AffineMap::get(type.getRank(), 0, dims, op.getContext());
  bool isUnsigned = indices.getElementType().isUnsignedInteger();
  Type stored = getStoredType(type.getElementType());
  return tensors.map(
      {operands[1]}, {map}, tensors.sizesOf(type), type.getElementType(), [&](Scalars &at, ValueRange elements) {
        Row row = findRow(at, elements[0], isUnsigned, whole, offset, extent);
        SmallVector<Value> position;
        for (int64_t dim = 0; dim < input.getRank(); ++dim) {
          int64_t loop = dim < axis ? dim : dim - 1 + numIndices;
          position.push_back(dim == axis ? row.local
                                         : linalg::IndexOp::create(at.builder, at.location, loop).getResult());
        }
        auto read = scf::IfOp::create(at.builder, at.location, TypeRange{stored}, row.isHere, true);
        OpBuilder here = read.getThenBodyBuilder(), elsewhere = read.getElseBodyBuilder();
        Value element = tensor::ExtractOp::create(here, at.location, operands[0], position);
        scf::YieldOp::create(here, at.location, element);
        Value zero = arith::ConstantOp::create(elsewhere, at.location, at.builder.getZeroAttr(stored));
        scf::YieldOp::create(elsewhere, at.location, zero);
        return at.widen(read.getResult(0));
      });
}
