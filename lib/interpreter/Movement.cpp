// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that move elements without looking at them, so bytes are copied whatever the type.
#include "Families.h"

using namespace mlir;

namespace partita::interpreter {

Outcome evaluateBroadcast(graph::BroadcastOp op, const Call &call) {
  const Tensor &input = call.operands[0];
  Shape strides = stridesOf(input.getShape());
  for (auto [dim, target] : llvm::enumerate(op.getDims()))
    if (input.getShape()[dim] != call.result.extent[target])
      return failShape(op, "operand dim " + Twine(dim) + " has not the extent of result dim " + Twine(target));
  return moveElements(input, call.result.extent, [&](ArrayRef<int64_t> index) {
    int64_t position = 0;
    for (auto [dim, target] : llvm::enumerate(op.getDims()))
      position += index[target] * strides[dim];
    return position;
  });
}

Outcome evaluateReshape(graph::ReshapeOp op, const Call &call) {
  if (call.operands[0].getNumElements() != countElements(call.result.extent))
    return failShape(op, "operand and result have different numbers of elements");
  return call.operands[0].withShape(call.result.extent);
}

Outcome evaluateTranspose(graph::TransposeOp op, const Call &call) {
  const Tensor &input = call.operands[0];
  Shape strides = stridesOf(input.getShape()), steps;
  for (auto [dim, from] : llvm::enumerate(op.getPermutation())) {
    steps.push_back(strides[from]);
    if (input.getShape()[from] != call.result.extent[dim])
      return failShape(op, "result dim " + Twine(dim) + " has not the extent of operand dim " + Twine(from));
  }
  return moveElements(input, call.result.extent, [&](ArrayRef<int64_t> index) {
    int64_t position = 0;
    for (size_t dim = 0; dim < index.size(); ++dim)
      position += index[dim] * steps[dim];
    return position;
  });
}

Outcome evaluateSlice(graph::SliceOp op, const Call &call) {
  const Tensor &input = call.operands[0];
  ArrayRef<int64_t> shape = input.getShape();
  Shape strides = stridesOf(shape);
  SmallVector<WindowedDim> reads;
  for (auto [start, stride] : llvm::zip(op.getStarts(), op.getStrides()))
    reads.push_back({stride, -start, 1});
  FailureOr<Shape> first = findFirstReads(op, call, 0, reads);
  if (failed(first))
    return failure();
  bool isEmpty = countElements(call.result.extent) == 0;
  for (size_t dim = 0; dim < shape.size() && !isEmpty; ++dim) {
    int64_t begin = (*first)[dim], last = begin + (call.result.extent[dim] - 1) * op.getStrides()[dim];
    if (std::min(begin, last) < 0 || std::max(begin, last) >= shape[dim])
      return failShape(op, "dim " + Twine(dim) + " reads from " + Twine(begin) + " to " + Twine(last) +
                               " outside extent " + Twine(shape[dim]));
  }
  return moveElements(input, call.result.extent, [&](ArrayRef<int64_t> index) {
    int64_t position = 0;
    for (size_t dim = 0; dim < index.size(); ++dim)
      position += ((*first)[dim] + index[dim] * op.getStrides()[dim]) * strides[dim];
    return position;
  });
}

Outcome evaluateConcat(graph::ConcatOp op, const Call &call) {
  Tensor result(call.element, call.result.extent);
  Shape start(result.getRank(), 0);
  int64_t axis = op.getDim();
  for (const Tensor &operand : call.operands) {
    for (int64_t dim = 0; dim < result.getRank(); ++dim)
      if (start[dim] + operand.getShape()[dim] > result.getShape()[dim] ||
          (dim != axis && operand.getShape()[dim] != result.getShape()[dim]))
        return failShape(op, "operand " + describe(operand) + " does not fit the result");
    copyBox(operand, Shape(result.getRank(), 0), operand.getShape(), result, start);
    start[axis] += operand.getShape()[axis];
  }
  if (start[axis] != result.getShape()[axis])
    return failShape(op, "the operands' extents do not add up to the result's");
  return result;
}

Outcome evaluatePad(graph::PadOp op, const Call &call) {
  const Tensor &input = call.operands[0];
  SmallVector<WindowedDim> reads;
  for (int64_t low : op.getLow())
    reads.push_back({1, low, 1});
  FailureOr<Shape> first = findFirstReads(op, call, 0, reads);
  if (failed(first))
    return failure();
  Tensor result = moveElements(call.operands[1], call.result.extent, [](ArrayRef<int64_t>) { return 0; });
  if (input.getNumElements() == 0 || result.getNumElements() == 0)
    return result;
  Shape start;
  for (auto [dim, extent] : llvm::enumerate(input.getShape())) {
    start.push_back(-(*first)[dim]);
    if (start.back() < 0 || start.back() + extent > call.result.extent[dim])
      return failShape(op, "dim " + Twine(dim) + " of the operand does not fit into the padded result");
  }
  copyBox(input, Shape(input.getRank(), 0), input.getShape(), result, start);
  return result;
}

} // namespace partita::interpreter
