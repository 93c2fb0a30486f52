// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops along one dim by position: gather, gather_along, scatter_along. Those that order or accumulate: Ordering.cpp.
#include "partita/dialects/graph/Support.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;

/// Rule GRAPH-9: the indices' dims are dims of `spread`, increasing, the axis among them.
static LogicalResult verifyIndexDims(Operation *op, RankedTensorType indices, ArrayRef<int64_t> dims, int64_t axis,
                                     RankedTensorType spread) {
  if (static_cast<int64_t>(dims.size()) != indices.getRank() || !llvm::is_contained(dims, axis))
    return op->emitOpError() << "GRAPH-9: dims names one dim for each of the indices' " << indices.getRank()
                             << " dims, and the axis among them";
  for (auto [index, dim] : llvm::enumerate(dims)) {
    if (failed(verifyDim(op, dim, spread.getRank())))
      return failure();
    if (index > 0 && dims[index - 1] >= dim)
      return op->emitOpError("GRAPH-3: dims are strictly increasing (transpose first)");
    if (!mayBeEqual(indices, index, spread, dim))
      return op->emitOpError() << "GRAPH-1: dim " << index << " of the indices differs from dim " << dim << " of "
                               << spread;
  }
  return success();
}

static ReductionKind rowKindOf(RankedTensorType type) {
  return type.getElementType().isInteger(1) ? ReductionKind::logicalOr : ReductionKind::sum;
}

//===-- gather ----------------------------------------------------------------------------------------------------===//

LogicalResult GatherOp::verify() {
  auto input = tensorType(getInput()), indices = tensorType(getIndices()), result = tensorType(getResult());
  int64_t axis = getAxis();
  if (failed(verifyDim(*this, axis, input.getRank())))
    return failure();
  if (result.getRank() != input.getRank() - 1 + indices.getRank())
    return emitOpError() << "GRAPH-1: the result has rank " << result.getRank() << ", expected "
                         << input.getRank() - 1 + indices.getRank();
  for (int64_t dim = 0; dim < result.getRank(); ++dim) {
    bool ofIndices = dim >= axis && dim < axis + indices.getRank();
    auto source = ofIndices ? indices : input;
    int64_t from = ofIndices ? dim - axis : dim < axis ? dim : dim - indices.getRank() + 1;
    if (!mayBeEqual(source, from, result, dim))
      return emitOpError() << "GRAPH-1: dim " << dim << " of the result differs from dim " << from << " of " << source;
  }
  return verifySameElement(*this, input, result);
}

LoopNest GatherOp::getLoopNest() {
  auto input = tensorType(getInput()), indices = tensorType(getIndices()), result = tensorType(getResult());
  int64_t axis = getAxis();
  LoopNest nest = elementwiseLoopNest(result, 0, 1);
  int picked = nest.loops.size();
  nest.loops.push_back(Loop::reduce(getDimBound(input, axis), "row", rowKindOf(input), input.isDynamicDim(axis)));
  SmallVector<int> inputLoops, indexLoops;
  for (int64_t dim = 0; dim < input.getRank(); ++dim)
    inputLoops.push_back(dim < axis ? dim : dim == axis ? picked : dim - 1 + indices.getRank());
  for (int64_t dim = 0; dim < indices.getRank(); ++dim)
    indexLoops.push_back(axis + dim);
  nest.operands = {indexByLoops(inputLoops), indexByLoops(indexLoops)};
  if (!input.getElementType().isInteger(1))
    nest.linearOperands = {{0}};
  keepSumsWhole(nest, input);
  return nest;
}

/// The row loop is looked up, not walked: work counts result elements only.
Work GatherOp::getWork(ArrayRef<int64_t> extents) { return {product(extents.drop_back()), WorkKind::movement}; }

//===-- gather_along ----------------------------------------------------------------------------------------------===//

LogicalResult GatherAlongOp::verify() {
  auto input = tensorType(getInput()), result = tensorType(getResult());
  if (failed(verifyDim(*this, getAxis(), input.getRank())) ||
      failed(verifyAlikeBut(*this, result, input, getAxis(), "the result")) ||
      failed(verifyIndexDims(*this, tensorType(getIndices()), getDims(), getAxis(), result)))
    return failure();
  return verifySameElement(*this, input, result);
}

LoopNest GatherAlongOp::getLoopNest() {
  auto input = tensorType(getInput());
  int64_t axis = getAxis();
  LoopNest nest = elementwiseLoopNest(tensorType(getResult()), 0, 1);
  SmallVector<int> inputLoops;
  for (int64_t dim = 0; dim < input.getRank(); ++dim)
    inputLoops.push_back(dim == axis ? nest.loops.size() : dim);
  nest.loops.push_back(Loop::reduce(getDimBound(input, axis), "row", rowKindOf(input), input.isDynamicDim(axis)));
  nest.operands = {indexByLoops(inputLoops), indexByLoops(SmallVector<int>(getDims()))};
  if (!input.getElementType().isInteger(1))
    nest.linearOperands = {{0}};
  keepSumsWhole(nest, input);
  return nest;
}

Work GatherAlongOp::getWork(ArrayRef<int64_t> extents) { return {product(extents.drop_back()), WorkKind::movement}; }

//===-- scatter_along ---------------------------------------------------------------------------------------------===//

LogicalResult ScatterAlongOp::verify() {
  auto updates = tensorType(getUpdates()), result = tensorType(getResult());
  if (failed(verifyDim(*this, getAxis(), result.getRank())) ||
      failed(verifyAlikeBut(*this, updates, result, getAxis(), "the updates")) ||
      failed(verifyIndexDims(*this, tensorType(getIndices()), getDims(), getAxis(), updates)) ||
      failed(verifySameElement(*this, updates, result)))
    return failure();
  if (getKind() != ScatterKind::update && failed(verifyComputes(*this, result)))
    return failure();
  if (getKind() != ScatterKind::update && result.getElementType().isInteger(1))
    return emitOpError() << "GRAPH-7: " << stringifyScatterKind(getKind()) << " is not defined for bool";
  if (!getInput())
    return success();
  if (failed(verifySameShape(*this, tensorType(getInput()), result, "the input")))
    return failure();
  return verifySameElement(*this, tensorType(getInput()), result);
}

/// How parts of the updates combine where nothing but updates is in the result.
static std::optional<ReductionKind> partialKindOf(ScatterKind kind) {
  switch (kind) {
  case ScatterKind::add:
    return ReductionKind::sum;
  case ScatterKind::max:
    return ReductionKind::max;
  case ScatterKind::min:
    return ReductionKind::min;
  default:
    return std::nullopt;
  }
}

LoopNest ScatterAlongOp::getLoopNest() {
  auto updates = tensorType(getUpdates()), result = tensorType(getResult());
  int64_t axis = getAxis();
  LoopNest nest = elementwiseLoopNest(result, 0, 1);
  nest.loops[axis].label = "row";
  int update = nest.loops.size();
  int64_t extent = getDimBound(updates, axis);
  bool isSymbolic = updates.isDynamicDim(axis);
  std::optional<ReductionKind> kind = getInput() ? std::nullopt : partialKindOf(getKind());
  if (kind)
    nest.loops.push_back(Loop::reduce(extent, "update", *kind, isSymbolic));
  else
    nest.loops.push_back(Loop::whole(extent, "update",
                                     getInput() ? "the input would be counted once for each part of the updates"
                                                : "the order of updates of one place matters",
                                     isSymbolic));
  SmallVector<int> indexLoops, updateLoops;
  for (int64_t dim : getDims())
    indexLoops.push_back(dim == axis ? update : dim);
  for (int64_t dim = 0; dim < updates.getRank(); ++dim)
    updateLoops.push_back(dim == axis ? update : dim);
  nest.operands = {indexByLoops(indexLoops), indexByLoops(updateLoops)};
  bool isLinear = getKind() == ScatterKind::add || getKind() == ScatterKind::update;
  if (isLinear && !result.getElementType().isInteger(1))
    nest.linearOperands = {{1}};
  if (getInput()) {
    nest.operands.push_back(nest.results[0]);
    for (auto &set : nest.linearOperands)
      set.push_back(2);
  }
  return nest;
}

/// Every update is looked at, every element of the result written: the axis counts as the longer of the two.
Work ScatterAlongOp::getWork(ArrayRef<int64_t> extents) {
  double others = 1;
  for (size_t loop = 0; loop + 1 < extents.size(); ++loop)
    others *= static_cast<int64_t>(loop) == static_cast<int64_t>(getAxis()) ? 1.0 : static_cast<double>(extents[loop]);
  return {others * static_cast<double>(extents[getAxis()] + extents.back()), WorkKind::movement};
}
