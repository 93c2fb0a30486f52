// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Convolutions with the channels last, so that the innermost loop runs along contiguous memory of filter and result:
//   input [n, h, w, c], filter [kh, kw, c, o]  loops n, h, w, kh, kw, c, o
// Groups are a dim before the channels, of the filter the first one; with one channel in and out they are the innermost
// loop. The transposes to and from the model's order are marked, so that between convolutions they cancel.
#include "LayoutWriter.h"
#include "OpLowerings.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include <numeric>

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Dim i of the result is dim order[i] of the tensor.
static Value transpose(TensorBuilder &tensors, Value tensor, ArrayRef<int64_t> order) {
  return transposeDims(tensors.builder, tensors.getLocation(), tensor, order);
}

static Value changeLayout(TensorBuilder &tensors, Value tensor, ArrayRef<int64_t> order, bool isRestored) {
  Value result = transpose(tensors, tensor, order);
  result.getDefiningOp()->setAttr(kLayoutAttr, tensors.builder.getBoolAttr(isRestored));
  return result;
}

/// Groups of this rank: all channels of its part, in groups of the filter's size.
static OpFoldResult countLocalGroups(TensorBuilder &tensors, graph::ConvolutionOp op) {
  if (op.getGroups() == 1)
    return tensors.builder.getIndexAttr(1);
  OpFoldResult channels = tensors.sizeOf(typeOf(op.getInput()), 1), inner = tensors.sizeOf(typeOf(op.getFilter()), 1);
  std::optional<int64_t> whole = getConstantIntValue(channels), each = getConstantIntValue(inner);
  if (whole && each && *each > 0)
    return tensors.builder.getIndexAttr(*whole / *each);
  return arith::DivSIOp::create(tensors.builder, op.getLoc(), tensors.toValue(channels), tensors.toValue(inner))
      .getResult();
}

namespace {

/// The channels of a convolution: dims of extent 1 that groups make needless are left out.
struct Channels {
  OpFoldResult groups, inner, outer;
  bool hasGroups, hasInner, hasOuter;
};

/// Loops n, positions..., (group), kernel..., (channel in), (channel out); without a channel out the group is last.
struct ConvolutionLoops {
  AffineMap input, filter, result;
};

} // namespace

static Channels findChannels(TensorBuilder &tensors, graph::ConvolutionOp op) {
  RankedTensorType filter = typeOf(op.getFilter());
  Channels channels{countLocalGroups(tensors, op),
                    tensors.sizeOf(filter, 1),
                    tensors.sizeOf(typeOf(op.getResult()), 1),
                    true,
                    true,
                    true};
  if (getConstantIntValue(channels.groups) != 1) {
    std::optional<int64_t> whole = getConstantIntValue(channels.outer), count = getConstantIntValue(channels.groups);
    int64_t perGroup = getDimBound(plan::getPart(filter).getGlobal(), 0) / static_cast<int64_t>(op.getGroups());
    channels.outer = tensors.builder.getIndexAttr(whole && count && *count > 0 ? *whole / *count : perGroup);
  }
  channels.hasGroups = op.getGroups() != 1;
  channels.hasInner = !channels.hasGroups || getConstantIntValue(channels.inner) != 1;
  channels.hasOuter = !channels.hasGroups || getConstantIntValue(channels.outer) != 1;
  return channels;
}

static ConvolutionLoops makeLoops(graph::ConvolutionOp op, const Channels &channels) {
  MLIRContext *context = op.getContext();
  unsigned spatial = op.getStrides().size(), next = 0;
  auto take = [&] { return getAffineDimExpr(next++, context); };
  SmallVector<AffineExpr> positions, kernel, input, filter, result;
  AffineExpr batch = take(), group, inner, outer;
  for (unsigned i = 0; i < spatial; ++i)
    positions.push_back(take());
  bool isGroupLast = channels.hasGroups && !channels.hasOuter;
  if (channels.hasGroups && !isGroupLast)
    group = take();
  for (unsigned i = 0; i < spatial; ++i)
    kernel.push_back(take());
  if (channels.hasInner)
    inner = take();
  if (channels.hasOuter)
    outer = take();
  if (isGroupLast)
    group = take();
  input.push_back(batch);
  result.push_back(batch);
  for (unsigned i = 0; i < spatial; ++i) {
    input.push_back(positions[i] * op.getStrides()[i] + kernel[i] * op.getDilations()[i]);
    result.push_back(positions[i]);
  }
  if (group && !isGroupLast)
    filter.push_back(group);
  llvm::append_range(filter, kernel);
  for (auto [has, dim] :
       {std::pair(channels.hasInner, inner), std::pair(isGroupLast, group), std::pair(channels.hasOuter, outer)})
    if (has)
      filter.push_back(dim);
  for (AffineExpr dim : {group, inner})
    if (dim)
      input.push_back(dim);
  for (AffineExpr dim : {group, outer})
    if (dim)
      result.push_back(dim);
  auto make = [&](ArrayRef<AffineExpr> dims) { return AffineMap::get(next, 0, dims, context); };
  return {make(input), make(filter), make(result)};
}

/// [batch, channel, position...] as [batch, position..., (group), (channel)].
static Value prepareInput(TensorBuilder &tensors, Value source, const Channels &channels) {
  int64_t rank = typeOf(source).getRank();
  SmallVector<int64_t> order{0};
  for (int64_t dim = 2; dim < rank; ++dim)
    order.push_back(dim);
  order.push_back(1);
  Value input = rank > 2 ? changeLayout(tensors, source, order, /*isRestored=*/false) : source;
  if (!channels.hasGroups || !channels.hasInner)
    return input;
  Sizes sizes = tensor::getMixedSizes(tensors.builder, tensors.getLocation(), input);
  sizes.back() = channels.groups;
  sizes.push_back(channels.inner);
  return tensors.reshape(input, sizes, rank - 1, 0);
}

/// [group * out, in, kernel...] as [(group), kernel..., (in), (out)], or [kernel..., (in), group].
static Value prepareFilter(TensorBuilder &tensors, Value filter, const Channels &channels) {
  int64_t spatial = typeOf(filter).getRank() - 2;
  Sizes sizes = tensor::getMixedSizes(tensors.builder, tensors.getLocation(), filter);
  if (channels.hasGroups) {
    Sizes split{channels.groups};
    if (channels.hasOuter)
      split.push_back(channels.outer);
    if (channels.hasInner)
      split.push_back(sizes[1]);
    split.append(sizes.begin() + 2, sizes.end());
    filter = tensors.reshape(filter, split, 0, spatial);
  }
  int64_t next = 0, group = channels.hasGroups ? next++ : -1, outer = channels.hasOuter ? next++ : -1,
          inner = channels.hasInner ? next++ : -1;
  SmallVector<int64_t> order;
  if (group >= 0 && channels.hasOuter)
    order.push_back(group);
  for (int64_t dim = 0; dim < spatial; ++dim)
    order.push_back(next + dim);
  for (int64_t dim : {inner, channels.hasOuter ? int64_t(-1) : group, outer})
    if (dim >= 0)
      order.push_back(dim);
  return transpose(tensors, filter, order);
}

/// [batch, position..., (group), (channel)] in the model's order.
static Value restoreResult(TensorBuilder &tensors, Value sum, const Sizes &sizes, const Channels &channels) {
  int64_t rank = sizes.size();
  if (channels.hasGroups && channels.hasOuter) {
    Sizes merged{sizes[0]};
    merged.append(sizes.begin() + 2, sizes.end());
    merged.push_back(sizes[1]);
    sum = tensors.reshape(sum, merged, rank - 1, 0);
  }
  if (rank == 2)
    return sum;
  SmallVector<int64_t> order{0, rank - 1};
  for (int64_t dim = 1; dim + 1 < rank; ++dim)
    order.push_back(dim);
  return changeLayout(tensors, sum, order, /*isRestored=*/true);
}

Value lowering::lowerConvolution(TensorBuilder &tensors, graph::ConvolutionOp op, ValueRange operands) {
  RankedTensorType input = typeOf(op.getInput()), filter = typeOf(op.getFilter()), type = typeOf(op.getResult());
  Type element = type.getElementType();
  Sizes sizes = tensors.sizesOf(type);
  SmallVector<WindowedDim> reads(2);
  for (unsigned i = 0; i < op.getStrides().size(); ++i)
    reads.push_back({op.getStrides()[i], op.getPadding()[2 * i], op.getPadding()[2 * i + 1],
                     (getDimBound(filter, i + 2) - 1) * op.getDilations()[i] + 1});
  Value source = operands[0];
  if (llvm::any_of(op.getPadding(), [](int64_t count) { return count != 0; })) {
    Value zero =
        arith::ConstantOp::create(tensors.builder, op.getLoc(), tensors.builder.getZeroAttr(getStoredType(element)));
    source = padForReads(tensors, source, zero, input, type, reads);
  }
  Channels channels = findChannels(tensors, op);
  source = prepareInput(tensors, source, channels);
  Value weights = prepareFilter(tensors, operands[1], channels);
  Sizes inside{sizes[0]};
  inside.append(sizes.begin() + 2, sizes.end());
  if (channels.hasGroups)
    inside.push_back(channels.groups);
  if (channels.hasOuter)
    inside.push_back(channels.outer);
  ConvolutionLoops loops = makeLoops(op, channels);
  Value sum = tensors.reduce({source, weights}, {loops.input, loops.filter}, loops.result, inside,
                             graph::ReduceKind::sum, element, multiplyAndAdd);
  return tensors.round(restoreResult(tensors, sum, sizes, channels), sizes, element);
}
