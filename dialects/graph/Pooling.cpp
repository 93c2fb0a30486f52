// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// window_argmax.
#include "partita/dialects/graph/Support.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;

LogicalResult WindowArgmaxOp::verify() {
  auto input = tensorType(getInput()), result = tensorType(getResult());
  int64_t spatial = getWindow().size();
  if (input.getRank() != spatial + 2 || result.getRank() != input.getRank() ||
      static_cast<int64_t>(getStrides().size()) != spatial || static_cast<int64_t>(getDilations().size()) != spatial ||
      static_cast<int64_t>(getPadding().size()) != 2 * spatial)
    return emitOpError() << "GRAPH-3: window, strides, dilations (one per spatial dim) and padding (two) do not fit "
                         << input;
  if (!result.getElementType().isSignedInteger(64))
    return emitOpError() << "GRAPH-2: places are si64, not " << result.getElementType();
  for (int64_t dim = 0; dim < 2; ++dim)
    if (!mayBeEqual(input, dim, result, dim))
      return emitOpError() << "GRAPH-1: dim " << dim << " of the result differs from the operand";
  for (int64_t i = 0; i < spatial; ++i) {
    int64_t window = getWindow()[i], stride = getStrides()[i], dilation = getDilations()[i];
    if (window < 1 || stride < 1 || dilation < 1 || getPadding()[2 * i] < 0 || getPadding()[2 * i + 1] < 0)
      return emitOpError("GRAPH-8: windows, strides and dilations are positive, padding is not negative");
    if (input.isDynamicDim(i + 2))
      return emitOpError("GRAPH-1: spatial dims are static");
    int64_t padded = input.getDimSize(i + 2) + getPadding()[2 * i] + getPadding()[2 * i + 1];
    int64_t reach = (window - 1) * dilation + 1;
    if (padded < reach || failed(verifyExtent(*this, result, i + 2, (padded - reach) / stride + 1)))
      return emitOpError() << "GRAPH-1: spatial dim " << i << " does not fit its window";
  }
  return success();
}

LoopNest WindowArgmaxOp::getLoopNest() {
  auto input = tensorType(getInput()), result = tensorType(getResult());
  LoopNest nest = dimwiseLoopNest(
      result, [&](int64_t dim) { return dim < 2 ? "" : "places are counted over the whole of this dim"; });
  SmallVector<int> loops(input.getRank(), -1);
  loops[0] = 0;
  loops[1] = 1;
  nest.operands = {indexByLoops(loops)};
  for (int64_t dim = 2; dim < result.getRank(); ++dim)
    loops[dim] = dim;
  nest.results = {indexByLoops(loops)};
  for (int64_t extent : getWindow())
    nest.loops.push_back(Loop::whole(extent, "window", "the window is searched in one place"));
  return nest;
}

Work WindowArgmaxOp::getWork(ArrayRef<int64_t> extents) { return {2 * product(extents), WorkKind::vector}; }
