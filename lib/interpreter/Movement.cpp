// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that move elements without looking at them, so bytes are copied whatever the type.
#include "Families.h"
#include <cstring>

using namespace mlir;

namespace partita::interpreter {

/// result[index] = source[positionOf(index)] for every index of `shape`; a negative position leaves a zero.
template <typename PositionOf>
static Tensor moveElements(const Tensor &source, ArrayRef<int64_t> shape, PositionOf positionOf) {
  Tensor result(source.getElementType(), shape);
  if (result.getNumElements() == 0)
    return result;
  int64_t size = source.getElementBytes(), next = 0;
  Shape index(shape.size(), 0);
  do {
    if (int64_t position = positionOf(index); position >= 0)
      std::memcpy(result.getMutableBytes() + next * size, source.getBytes() + position * size, size);
    ++next;
  } while (nextIndex(index, shape));
  return result;
}

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
  bool isEmpty = countElements(call.result.extent) == 0;
  for (size_t dim = 0; dim < shape.size() && !isEmpty; ++dim) {
    int64_t first = op.getStarts()[dim], last = first + (call.result.extent[dim] - 1) * op.getStrides()[dim];
    if (std::min(first, last) < 0 || std::max(first, last) >= shape[dim])
      return failShape(op, "dim " + Twine(dim) + " reads from " + Twine(first) + " to " + Twine(last) +
                               " outside extent " + Twine(shape[dim]));
  }
  return moveElements(input, call.result.extent, [&](ArrayRef<int64_t> index) {
    int64_t position = 0;
    for (size_t dim = 0; dim < index.size(); ++dim)
      position += (op.getStarts()[dim] + index[dim] * op.getStrides()[dim]) * strides[dim];
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
  for (auto [dim, extent] : llvm::enumerate(input.getShape()))
    if (extent + op.getLow()[dim] + op.getHigh()[dim] != call.result.extent[dim])
      return failShape(op, "dim " + Twine(dim) + " of the result does not fit the padding");
  Tensor result = moveElements(call.operands[1], call.result.extent, [](ArrayRef<int64_t>) { return 0; });
  copyBox(input, Shape(input.getRank(), 0), input.getShape(), result, op.getLow());
  return result;
}

namespace {
/// Row numbers of a gather, within this rank's part of the table; -1 for a row that another rank holds.
FailureOr<std::vector<int64_t>> findRows(graph::GatherOp op, const Call &call) {
  auto table = cast<RankedTensorType>(op.getInput().getType());
  int64_t axis = op.getAxis();
  std::optional<Box> box = call.context.scope.findBox(table);
  std::optional<Shape> whole = call.context.scope.findGlobalShape(table);
  if (!box || !whole)
    return op.emitOpError("E-DIM-UNBOUND: the extents of the table are not known here");
  bool isUnsigned = call.operands[1].getElementType().isUnsignedInteger();
  std::vector<int64_t> rows = unpack<int64_t>(call.operands[1]);
  for (int64_t &row : rows) {
    int64_t index = row, extent = (*whole)[axis];
    if (index < 0 && !isUnsigned)
      index += extent;
    if (index < 0 || index >= extent)
      return op.emitOpError() << "E-INDEX-RANGE: index " << row << " is outside a table of " << extent << " rows";
    row = index - box->offset[axis];
    if (row < 0 || row >= box->extent[axis])
      row = -1;
  }
  return rows;
}
} // namespace

Outcome evaluateGather(graph::GatherOp op, const Call &call) {
  ArrayRef<int64_t> table = call.operands[0].getShape(), indices = call.operands[1].getShape();
  int64_t axis = op.getAxis();
  Shape expected(table.take_front(axis));
  llvm::append_range(expected, indices);
  llvm::append_range(expected, table.drop_front(axis + 1));
  if (expected != call.result.extent)
    return failShape(op, "table, indices and result do not fit together");
  FailureOr<std::vector<int64_t>> rows = findRows(op, call);
  if (failed(rows))
    return failure();
  Shape tableStrides = stridesOf(table), indexStrides = stridesOf(indices);
  int64_t numIndexDims = indices.size();
  return moveElements(call.operands[0], call.result.extent, [&](ArrayRef<int64_t> index) -> int64_t {
    int64_t picked = 0, position = 0;
    for (int64_t dim = 0; dim < numIndexDims; ++dim)
      picked += index[axis + dim] * indexStrides[dim];
    int64_t row = (*rows)[picked];
    if (row < 0)
      return -1;
    for (size_t dim = 0; dim < table.size(); ++dim) {
      auto at = static_cast<int64_t>(dim);
      position += (at < axis ? index[at] : at == axis ? row : index[at - 1 + numIndexDims]) * tableStrides[dim];
    }
    return position;
  });
}

} // namespace partita::interpreter
