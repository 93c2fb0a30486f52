// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that move elements.
#include "OpLowerings.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
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
  // An empty slice may begin at the operand's end, where a view may not.
  if (llvm::is_contained(type.getShape(), 0))
    return tensors.empty(tensors.sizesOf(type), type.getElementType());
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
