// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/dialects/graph/Support.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;

LogicalResult ConvolutionOp::verify() {
  auto input = tensorType(getInput()), filter = tensorType(getFilter()), result = tensorType(getResult());
  int64_t spatial = getStrides().size(), groups = getGroups();
  if (input.getRank() != spatial + 2 || filter.getRank() != spatial + 2 || result.getRank() != spatial + 2 ||
      static_cast<int64_t>(getDilations().size()) != spatial ||
      static_cast<int64_t>(getPadding().size()) != 2 * spatial)
    return emitOpError() << "GRAPH-3: strides, dilations (one per spatial dim) and padding (two) do not fit " << input
                         << " and " << filter;
  if (groups < 1)
    return emitOpError("GRAPH-8: groups is positive");
  if (!mayBeEqual(input, 0, result, 0) || !mayBeEqual(filter, 0, result, 1))
    return emitOpError("GRAPH-1: the result is [batch of the input, channels of the filter, spatial...]");
  // `groups` counts those of the whole op; a part (any encoding but a symbolic shape) may hold some of them.
  if (isWhole(input) && !filter.isDynamicDim(1) && failed(verifyExtent(*this, input, 1, filter.getDimSize(1) * groups)))
    return failure();
  if (isWhole(input) && !filter.isDynamicDim(0) && filter.getDimSize(0) % groups != 0)
    return emitOpError("GRAPH-8: groups divides the output channels");
  for (int64_t i = 0; i < spatial; ++i) {
    if (getStrides()[i] < 1 || getDilations()[i] < 1 || getPadding()[2 * i] < 0 || getPadding()[2 * i + 1] < 0)
      return emitOpError("GRAPH-8: strides and dilations are positive, padding is not negative");
    if (!isWhole(input) || input.isDynamicDim(i + 2) || filter.isDynamicDim(i + 2))
      continue;
    int64_t padded = input.getDimSize(i + 2) + getPadding()[2 * i] + getPadding()[2 * i + 1];
    int64_t reach = (filter.getDimSize(i + 2) - 1) * getDilations()[i] + 1;
    if (padded < reach || failed(verifyExtent(*this, result, i + 2, (padded - reach) / getStrides()[i] + 1)))
      return emitOpError() << "GRAPH-1: spatial dim " << i << " does not fit the filter";
  }
  if (failed(verifySameElement(*this, input, filter)))
    return failure();
  return verifySameElement(*this, input, result);
}

// Loops: n, group, output channel of the group, output positions..., input channel of the group, kernel positions...
LoopNest ConvolutionOp::getLoopNest() {
  auto input = tensorType(getInput()), filter = tensorType(getFilter()), result = tensorType(getResult());
  int64_t spatial = getStrides().size(), groups = getGroups();
  int64_t outputs = getDimBound(filter, 0) / groups, inputs = getDimBound(filter, 1);
  LoopNest nest;
  nest.loops = {Loop::parallel(getDimBound(input, 0), "batch", input.isDynamicDim(0)), Loop::parallel(groups, "group"),
                Loop::parallel(outputs, "output_channel")};
  ValueIndexing inputDims(spatial + 2), filterDims(spatial + 2), resultDims(spatial + 2);
  for (int64_t i = 0; i < spatial; ++i) {
    resultDims[i + 2] = {DimTerm{static_cast<unsigned>(nest.loops.size()), 1}};
    int64_t reach = (getDimBound(filter, i + 2) - 1) * getDilations()[i] + 1;
    inputDims[i + 2] = addWindowLoop(nest, {input, result, i + 2, getStrides()[i], getPadding()[2 * i],
                                            getPadding()[2 * i + 1], reach, "position" + std::to_string(i)});
  }
  unsigned inputLoop = nest.loops.size();
  nest.loops.push_back(Loop::reduce(inputs, "input_channel", ReductionKind::sum));
  for (int64_t i = 0; i < spatial; ++i)
    nest.loops.push_back(
        Loop::whole(getDimBound(filter, i + 2), "kernel" + std::to_string(i), "the kernel is reduced in one place"));

  auto grouped = [&](unsigned inner, int64_t innerExtent) {
    DimExpression expression;
    expression.push_back({1, innerExtent});
    expression.push_back({inner, 1});
    return expression;
  };
  inputDims[0] = resultDims[0] = {DimTerm{0, 1}};
  inputDims[1] = grouped(inputLoop, inputs);
  filterDims[0] = resultDims[1] = grouped(2, outputs);
  filterDims[1] = {DimTerm{inputLoop, 1}};
  nest.operands = {inputDims, filterDims};
  nest.results = {resultDims};
  nest.linearOperands = {{0}, {1}};
  return nest;
}

Work ConvolutionOp::getWork(ArrayRef<int64_t> extents) { return {2 * product(extents), WorkKind::matrix}; }
