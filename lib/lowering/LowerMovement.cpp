// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that move elements.
#include "OpLowerings.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "partita/dialects/interfaces/SymbolicShape.h"

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

/// Whether a dim of one local type and one of another have the same part of the same whole.
static bool isSameDim(RankedTensorType a, int64_t dimOfA, RankedTensorType b, int64_t dimOfB) {
  plan::PartAttr partOfA = plan::getPart(a), partOfB = plan::getPart(b);
  std::optional<DimSize> sizeOfA = getDimSize(partOfA.getGlobal(), dimOfA),
                         sizeOfB = getDimSize(partOfB.getGlobal(), dimOfB);
  return sizeOfA && sizeOfB && *sizeOfA == *sizeOfB &&
         partOfA.getPlacement().getDims()[dimOfA] == partOfB.getPlacement().getDims()[dimOfB];
}

Value lowering::lowerReshape(TensorBuilder &tensors, graph::ReshapeOp op, ValueRange operands) {
  RankedTensorType from = typeOf(op.getInput()), to = typeOf(op.getResult());
  int64_t shared = std::min(from.getRank(), to.getRank()) - 1, leading = 0, trailing = 0;
  while (leading < shared && isSameDim(from, leading, to, leading))
    ++leading;
  while (leading + trailing < shared && isSameDim(from, from.getRank() - trailing - 1, to, to.getRank() - trailing - 1))
    ++trailing;
  return tensors.reshape(operands[0], tensors.sizesOf(to), std::max<int64_t>(leading, 0), trailing);
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
  SmallVector<Value> starts;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    WindowedDim read{op.getStrides()[dim], -op.getStarts()[dim], 0, 1};
    starts.push_back(tensors.toValue(firstRead(tensors, typeOf(op.getInput()), type, dim, read)));
  }
  return tensors.map({}, {}, tensors.sizesOf(type), type.getElementType(), [&](Scalars &at, ValueRange) {
    SmallVector<Value> position;
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      Value index = linalg::IndexOp::create(at.builder, at.location, dim);
      Value stride = arith::ConstantIndexOp::create(at.builder, at.location, op.getStrides()[dim]);
      Value start = starts[dim];
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
  RankedTensorType type = typeOf(op.getResult());
  // An empty slice may begin at the operand's end, where a view may not.
  if (llvm::is_contained(type.getShape(), 0))
    return tensors.empty(tensors.sizesOf(type), type.getElementType());
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    WindowedDim read{op.getStrides()[dim], -op.getStarts()[dim], 0, 1};
    starts.push_back(firstRead(tensors, typeOf(op.getInput()), type, dim, read));
    strides.push_back(tensors.builder.getIndexAttr(op.getStrides()[dim]));
  }
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

static ArrayRef<plan::SplitAttr> splitsOf(RankedTensorType local, int64_t dim) {
  return plan::getPart(local).getPlacement().getDims()[dim].getSplits();
}

OpFoldResult lowering::firstRead(TensorBuilder &tensors, RankedTensorType input, RankedTensorType result, int64_t dim,
                                 const WindowedDim &read) {
  OpBuilder &builder = tensors.builder;
  if (splitsOf(input, dim).empty() && splitsOf(result, dim).empty())
    return builder.getIndexAttr(-read.low);
  Value position = tensors.offsetOf(result, dim);
  Value first = arith::MulIOp::create(builder, tensors.getLocation(), position, tensors.index(read.stride));
  Value part =
      arith::AddIOp::create(builder, tensors.getLocation(), tensors.offsetOf(input, dim), tensors.index(read.low));
  return arith::SubIOp::create(builder, tensors.getLocation(), first, part).getResult();
}

/// All that the result's part reads along a dim, padding included.
static OpFoldResult countReads(TensorBuilder &tensors, RankedTensorType input, RankedTensorType result, int64_t dim,
                               const WindowedDim &read) {
  OpBuilder &builder = tensors.builder;
  Location location = tensors.getLocation();
  // Without halos the part of the operand is all but the padding; elements behind the last position are kept.
  if (!plan::getPart(input).getPlacement().getDims()[dim].getWindow())
    return tensors.add(tensors.sizeOf(input, dim), builder.getIndexAttr(read.low + read.high));
  Value steps = tensors.toValue(tensors.sizeOf(result, dim));
  Value before = arith::MulIOp::create(builder, location, steps, tensors.index(read.stride));
  Value reads = arith::AddIOp::create(builder, location, before, tensors.index(read.reach - read.stride));
  return arith::MaxSIOp::create(builder, location, reads, tensors.index(0)).getResult();
}

Value lowering::padForReads(TensorBuilder &tensors, Value input, Value value, RankedTensorType inputType,
                            RankedTensorType resultType, ArrayRef<WindowedDim> reads) {
  OpBuilder &builder = tensors.builder;
  Location location = tensors.getLocation();
  Sizes offsets, sizes, strides(reads.size(), builder.getIndexAttr(1));
  for (auto [dim, read] : llvm::enumerate(reads)) {
    // Not read through a window: the whole part, wherever it begins. The channels of an operand and of a result, say,
    // are split by different loops.
    if (read.isWhole()) {
      offsets.push_back(builder.getIndexAttr(0));
      sizes.push_back(tensors.sizeOf(inputType, dim));
      continue;
    }
    sizes.push_back(countReads(tensors, inputType, resultType, dim, read));
    OpFoldResult first = firstRead(tensors, inputType, resultType, dim, read);
    if (std::optional<int64_t> known = getConstantIntValue(first)) {
      offsets.push_back(builder.getIndexAttr(-*known));
      continue;
    }
    // A part that reads nothing but padding is empty and may lie anywhere.
    Value offset = arith::SubIOp::create(builder, location, tensors.index(0), tensors.toValue(first));
    offsets.push_back(arith::MaxSIOp::create(builder, location, offset, tensors.index(0)).getResult());
  }
  Value filled = tensors.fill(value, sizes);
  return tensor::InsertSliceOp::create(builder, location, input, filled, offsets, tensors.sizesOf(inputType), strides);
}

Value lowering::lowerPad(TensorBuilder &tensors, graph::PadOp op, ValueRange operands) {
  Value value = tensor::ExtractOp::create(tensors.builder, op.getLoc(), operands[1], ValueRange{});
  SmallVector<WindowedDim> reads;
  for (auto [low, high] : llvm::zip(op.getLow(), op.getHigh()))
    reads.push_back({1, low, high, 1});
  return padForReads(tensors, operands[0], value, typeOf(op.getInput()), typeOf(op.getResult()), reads);
}
