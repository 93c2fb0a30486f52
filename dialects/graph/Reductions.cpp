// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// reduce and window_reduce.
#include "partita/dialects/graph/Support.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;

//===-- reduce ----------------------------------------------------------------------------------------------------===//

LogicalResult ReduceOp::verify() {
  auto input = tensorType(getInput()), result = tensorType(getResult());
  if (failed(verifyComputes(*this, input)))
    return failure();
  SmallVector<int64_t> kept;
  for (int64_t dim = 0; dim < input.getRank(); ++dim)
    if (!llvm::is_contained(getDims(), dim))
      kept.push_back(dim);
  for (auto [index, dim] : llvm::enumerate(getDims())) {
    if (failed(verifyDim(*this, dim, input.getRank())))
      return failure();
    if (index > 0 && getDims()[index - 1] >= dim)
      return emitOpError("GRAPH-3: dims are strictly increasing");
  }
  if (result.getRank() != static_cast<int64_t>(kept.size()))
    return emitOpError() << "GRAPH-1: the result has rank " << result.getRank() << ", expected " << kept.size();
  for (auto [index, dim] : llvm::enumerate(kept))
    if (!mayBeEqual(input, dim, result, index))
      return emitOpError() << "GRAPH-1: result dim " << index << " differs from operand dim " << dim;
  bool isLogical = getKind() == ReduceKind::logical_and || getKind() == ReduceKind::logical_or;
  if (isLogical != input.getElementType().isInteger(1))
    return emitOpError() << "GRAPH-7: " << stringifyReduceKind(getKind()) << " is not defined for "
                         << input.getElementType();
  return verifySameElement(*this, input, result);
}

static std::optional<ReductionKind> partialKindOf(ReduceKind kind) {
  switch (kind) {
  case ReduceKind::sum:
    return ReductionKind::sum;
  case ReduceKind::max:
    return ReductionKind::max;
  case ReduceKind::min:
    return ReductionKind::min;
  case ReduceKind::logical_and:
    return ReductionKind::logicalAnd;
  case ReduceKind::logical_or:
    return ReductionKind::logicalOr;
  case ReduceKind::prod:
    return std::nullopt;
  }
  return std::nullopt;
}

LoopNest ReduceOp::getLoopNest() {
  auto input = tensorType(getInput());
  std::optional<ReductionKind> kind = partialKindOf(getKind());
  LoopNest nest = elementwiseLoopNest(input, 1, 0);
  SmallVector<int> resultLoops;
  for (int64_t dim = 0; dim < input.getRank(); ++dim) {
    if (!llvm::is_contained(getDims(), dim)) {
      resultLoops.push_back(dim);
      continue;
    }
    nest.loops[dim].kind = kind ? LoopKind::reduction : LoopKind::whole;
    nest.loops[dim].reduction = kind.value_or(ReductionKind::sum);
    if (!kind)
      nest.loops[dim].reason = "products of parts cannot be combined by a collective";
  }
  nest.results = {indexByLoops(resultLoops)};
  if (getKind() == ReduceKind::sum)
    nest.linearOperands = {{0}};
  return nest;
}

Work ReduceOp::getWork(ArrayRef<int64_t> extents) { return {product(extents), WorkKind::vector}; }

//===-- window_reduce ---------------------------------------------------------------------------------------------===//

LogicalResult WindowReduceOp::verify() {
  auto input = tensorType(getInput()), result = tensorType(getResult());
  int64_t spatial = getWindow().size();
  if (input.getRank() != spatial + 2 || result.getRank() != input.getRank() ||
      static_cast<int64_t>(getStrides().size()) != spatial || static_cast<int64_t>(getDilations().size()) != spatial ||
      static_cast<int64_t>(getPadding().size()) != 2 * spatial)
    return emitOpError() << "GRAPH-3: window, strides, dilations (one per spatial dim) and padding (two) do not fit "
                         << input;
  if (getKind() != ReduceKind::sum && getKind() != ReduceKind::max)
    return emitOpError("GRAPH-7: windows reduce by sum or max");
  for (int64_t dim = 0; dim < 2; ++dim)
    if (!mayBeEqual(input, dim, result, dim))
      return emitOpError() << "GRAPH-1: dim " << dim << " of the result differs from the operand";
  for (int64_t i = 0; i < spatial; ++i) {
    int64_t window = getWindow()[i], stride = getStrides()[i], dilation = getDilations()[i];
    if (window < 1 || stride < 1 || dilation < 1 || getPadding()[2 * i] < 0 || getPadding()[2 * i + 1] < 0)
      return emitOpError("GRAPH-8: windows, strides and dilations are positive, padding is not negative");
    if (!isWhole(input) || input.isDynamicDim(i + 2))
      continue;
    int64_t padded = input.getDimSize(i + 2) + getPadding()[2 * i] + getPadding()[2 * i + 1];
    int64_t reach = (window - 1) * dilation + 1;
    if (padded < reach || failed(verifyExtent(*this, result, i + 2, (padded - reach) / stride + 1)))
      return emitOpError() << "GRAPH-1: spatial dim " << i << " does not fit its window";
  }
  return verifySameElement(*this, input, result);
}

// Loops: n, channel, output positions..., window positions...
LoopNest WindowReduceOp::getLoopNest() {
  auto input = tensorType(getInput()), result = tensorType(getResult());
  LoopNest nest;
  nest.loops = {Loop::parallel(getDimBound(input, 0), "batch", input.isDynamicDim(0)),
                Loop::parallel(getDimBound(input, 1), "channel", input.isDynamicDim(1))};
  ValueIndexing inputDims = indexByLoops({0, 1}), resultDims = inputDims;
  for (int64_t i = 0; i < static_cast<int64_t>(getWindow().size()); ++i) {
    resultDims.push_back({DimTerm{static_cast<unsigned>(nest.loops.size()), 1}});
    int64_t reach = (getWindow()[i] - 1) * getDilations()[i] + 1;
    inputDims.push_back(addWindowLoop(nest, {input, result, i + 2, getStrides()[i], getPadding()[2 * i],
                                             getPadding()[2 * i + 1], reach, "position" + std::to_string(i)}));
  }
  nest.operands = {inputDims};
  nest.results = {resultDims};
  for (auto [i, extent] : llvm::enumerate(getWindow()))
    nest.loops.push_back(Loop::whole(extent, "window" + std::to_string(i), "the window is reduced in one place"));
  if (getKind() == ReduceKind::sum)
    nest.linearOperands = {{0}};
  return nest;
}

Work WindowReduceOp::getWork(ArrayRef<int64_t> extents) { return {product(extents), WorkKind::vector}; }
