// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gathering and scattering by indices. A part of a table answers for the rows that it holds.
#include "Families.h"
#include "Numbers.h"

using namespace mlir;

namespace partita::interpreter {

namespace {
/// Row numbers within this rank's part of a table; -1 for a row that another rank holds.
FailureOr<std::vector<int64_t>> findRows(Operation *op, RankedTensorType table, int64_t axis, const Tensor &indices,
                                         const Call &call) {
  std::optional<Box> box = call.context.scope.findBox(table);
  std::optional<Shape> whole = call.context.scope.findGlobalShape(table);
  if (!box || !whole)
    return op->emitOpError("E-DIM-UNBOUND: the extents of the table are not known here");
  bool isUnsigned = indices.getElementType().isUnsignedInteger();
  std::vector<int64_t> rows = unpack<int64_t>(indices);
  for (int64_t &row : rows) {
    int64_t index = row, extent = (*whole)[axis];
    if (index < 0 && !isUnsigned)
      index += extent;
    if (index < 0 || index >= extent)
      return op->emitOpError() << "E-INDEX-RANGE: index " << row << " is outside a table of " << extent << " rows";
    row = index - box->offset[axis];
    if (row < 0 || row >= box->extent[axis])
      row = -1;
  }
  return rows;
}

/// Whether `extents` are those of `like` in all dims but the axis.
bool isAlikeBut(ArrayRef<int64_t> extents, ArrayRef<int64_t> like, int64_t axis) {
  Shape changed(extents);
  if (changed.size() != like.size())
    return false;
  changed[axis] = like[axis];
  return ArrayRef<int64_t>(changed) == like;
}

/// Position in the indices of the entry that rules the element at `index`.
int64_t findEntry(ArrayRef<int64_t> index, ArrayRef<int64_t> dims, ArrayRef<int64_t> strides) {
  int64_t entry = 0;
  for (auto [stride, dim] : llvm::zip(strides, dims))
    entry += index[dim] * stride;
  return entry;
}

/// Whether dim j of the indices has the extent of dim `dims[j]` of `spread`.
bool areIndicesOf(const Tensor &indices, ArrayRef<int64_t> dims, ArrayRef<int64_t> spread) {
  for (auto [extent, dim] : llvm::zip(indices.getShape(), dims))
    if (extent != spread[dim])
      return false;
  return true;
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
  FailureOr<std::vector<int64_t>> rows =
      findRows(op, cast<RankedTensorType>(op.getInput().getType()), axis, call.operands[1], call);
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

Outcome evaluateGatherAlong(graph::GatherAlongOp op, const Call &call) {
  const Tensor &input = call.operands[0], &indices = call.operands[1];
  int64_t axis = op.getAxis();
  if (!isAlikeBut(input.getShape(), call.result.extent, axis) ||
      !areIndicesOf(indices, op.getDims(), call.result.extent))
    return failShape(op, "input, indices and result do not fit together");
  FailureOr<std::vector<int64_t>> rows =
      findRows(op, cast<RankedTensorType>(op.getInput().getType()), axis, indices, call);
  if (failed(rows))
    return failure();
  Shape inputStrides = stridesOf(input.getShape()), indexStrides = stridesOf(indices.getShape());
  return moveElements(input, call.result.extent, [&](ArrayRef<int64_t> index) -> int64_t {
    int64_t row = (*rows)[findEntry(index, op.getDims(), indexStrides)], position = 0;
    if (row < 0)
      return -1;
    for (size_t dim = 0; dim < index.size(); ++dim)
      position += (static_cast<int64_t>(dim) == axis ? row : index[dim]) * inputStrides[dim];
    return position;
  });
}

/// The reduction that a kind of scattering is; none replaces.
static std::optional<graph::ReduceKind> reduceKindOf(graph::ScatterKind kind) {
  switch (kind) {
  case graph::ScatterKind::update:
    return std::nullopt;
  case graph::ScatterKind::add:
    return graph::ReduceKind::sum;
  case graph::ScatterKind::mul:
    return graph::ReduceKind::prod;
  case graph::ScatterKind::max:
    return graph::ReduceKind::max;
  case graph::ScatterKind::min:
    return graph::ReduceKind::min;
  }
  return std::nullopt;
}

Outcome evaluateScatterAlong(graph::ScatterAlongOp op, const Call &call) {
  const Tensor &indices = call.operands[0], &updates = call.operands[1];
  ArrayRef<int64_t> extent = call.result.extent;
  int64_t axis = op.getAxis();
  if (!isAlikeBut(updates.getShape(), extent, axis) || !areIndicesOf(indices, op.getDims(), updates.getShape()) ||
      (call.operands.size() > 2 && call.operands[2].getShape() != extent))
    return failShape(op, "indices, updates, input and result do not fit together");
  FailureOr<std::vector<int64_t>> rows =
      findRows(op, cast<RankedTensorType>(op.getResult().getType()), axis, indices, call);
  if (failed(rows))
    return failure();
  std::optional<graph::ReduceKind> kind = reduceKindOf(op.getKind());
  Shape steps = stridesOf(extent), indexStrides = stridesOf(indices.getShape()), index(updates.getRank(), 0);
  Shape updateStrides = stridesOf(updates.getShape());
  // Sums may be added in another order; the order of updates of one place is a fact.
  bool mayReorder = kind == graph::ReduceKind::sum || kind == graph::ReduceKind::prod;
  std::vector<int64_t> order =
      summationOrder(updates.getNumElements(), mayReorder ? call.context.arithmetic : Arithmetic());
  return withArithmetic(call.element, [&]<typename T>() -> Outcome {
    T rest = kind ? identityOf<T>(*kind, call.element) : T(0);
    std::vector<T> values =
        call.operands.size() > 2 ? unpack<T>(call.operands[2]) : std::vector<T>(countElements(extent), rest);
    std::vector<T> terms = unpack<T>(updates);
    for (int64_t term : order) {
      int64_t left = term, position = 0;
      for (size_t dim = 0; dim < index.size(); left %= updateStrides[dim++])
        index[dim] = left / updateStrides[dim];
      int64_t row = (*rows)[findEntry(index, op.getDims(), indexStrides)];
      if (row < 0)
        continue;
      for (size_t dim = 0; dim < index.size(); ++dim)
        position += (static_cast<int64_t>(dim) == axis ? row : index[dim]) * steps[dim];
      values[position] = kind ? foldTwo(*kind, values[position], terms[term]) : terms[term];
    }
    return pack<T>(call.element, extent, values);
  });
}

} // namespace partita::interpreter
