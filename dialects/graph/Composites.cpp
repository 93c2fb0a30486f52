// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers, loops and work of the composites. Their spelling in small ops is in Decompositions.cpp.
#include "partita/dialects/graph/Support.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;

/// Dims of which a part needs statistics of the whole are split by expansion.
static LoopNest normalisedLoopNest(RankedTensorType type, llvm::function_ref<bool(int64_t)> isNormalised) {
  LoopNest nest = elementwiseLoopNest(type, 0, 0);
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (isNormalised(dim))
      nest.loops[dim].kind = LoopKind::expand;
  return nest;
}

//===-- softmax ---------------------------------------------------------------------------------------------------===//

LogicalResult SoftmaxOp::verify() {
  auto input = tensorType(getInput()), result = tensorType(getResult());
  if (failed(verifyDim(*this, getDim(), input.getRank())) ||
      failed(verifySameShape(*this, input, result, "the operand")))
    return failure();
  return verifySameElement(*this, input, result);
}

LoopNest SoftmaxOp::getLoopNest() {
  auto result = tensorType(getResult());
  LoopNest nest = normalisedLoopNest(result, [&](int64_t dim) { return dim == static_cast<int64_t>(getDim()); });
  SmallVector<int> loops;
  for (int64_t dim = 0; dim < result.getRank(); ++dim)
    loops.push_back(dim);
  nest.operands = {indexByLoops(loops)};
  nest.results = {indexByLoops(loops)};
  return nest;
}

Work SoftmaxOp::getWork(ArrayRef<int64_t> extents) { return {14 * product(extents), WorkKind::vector}; }

//===-- layer_norm, rms_norm --------------------------------------------------------------------------------------===//

static LogicalResult verifyNorm(Operation *op, Value input, Value result, ValueRange statistics, int64_t axis) {
  auto type = tensorType(input);
  if (failed(verifyDim(op, axis, type.getRank())) ||
      failed(verifySameShape(op, type, tensorType(result), "the operand")) ||
      failed(verifySameElement(op, type, tensorType(result))))
    return failure();
  for (Value value : statistics) {
    if (!value)
      continue;
    auto vector = tensorType(value);
    if (vector.getRank() != type.getRank() - axis)
      return op->emitOpError() << "GRAPH-1: scale and bias have rank " << type.getRank() - axis;
    for (int64_t dim = 0; dim < vector.getRank(); ++dim)
      if (!mayBeEqual(vector, dim, type, axis + dim))
        return op->emitOpError() << "GRAPH-1: scale and bias have the shape of the normalised dims";
    if (failed(verifySameElement(op, type, vector)))
      return failure();
  }
  return success();
}

static LoopNest normLoopNest(RankedTensorType result, int64_t axis, unsigned numStatistics) {
  bool isCounted =
      llvm::none_of(llvm::seq(axis, result.getRank()), [&](int64_t dim) { return result.isDynamicDim(dim); });
  LoopNest nest = normalisedLoopNest(result, [&](int64_t dim) { return dim >= axis && isCounted; });
  for (int64_t dim = axis; dim < result.getRank() && !isCounted; ++dim) {
    nest.loops[dim].kind = LoopKind::whole;
    nest.loops[dim].reason = "how many elements are normalised together is known only at run time";
  }
  SmallVector<int> loops, inner;
  for (int64_t dim = 0; dim < result.getRank(); ++dim) {
    loops.push_back(dim);
    if (dim >= axis)
      inner.push_back(dim);
  }
  nest.operands = {indexByLoops(loops)};
  for (unsigned i = 0; i < numStatistics; ++i)
    nest.operands.push_back(indexByLoops(inner));
  nest.results = {indexByLoops(loops)};
  return nest;
}

LogicalResult LayerNormOp::verify() {
  return verifyNorm(*this, getInput(), getResult(), {getScale(), getBias() ? getBias() : getScale()}, getAxis());
}

LoopNest LayerNormOp::getLoopNest() { return normLoopNest(tensorType(getResult()), getAxis(), getBias() ? 2 : 1); }

Work LayerNormOp::getWork(ArrayRef<int64_t> extents) { return {8 * product(extents), WorkKind::vector}; }

LogicalResult RmsNormOp::verify() { return verifyNorm(*this, getInput(), getResult(), {getScale()}, getAxis()); }

LoopNest RmsNormOp::getLoopNest() { return normLoopNest(tensorType(getResult()), getAxis(), 1); }

Work RmsNormOp::getWork(ArrayRef<int64_t> extents) { return {5 * product(extents), WorkKind::vector}; }

//===-- batch_norm ------------------------------------------------------------------------------------------------===//

LogicalResult BatchNormOp::verify() {
  auto input = tensorType(getInput());
  if (input.getRank() < 2)
    return emitOpError("GRAPH-1: the operand is [batch, channels, ...]");
  if (failed(verifySameShape(*this, input, tensorType(getResult()), "the operand")))
    return failure();
  for (Value value : getOperands().drop_front()) {
    if (tensorType(value).getRank() != 1 || !mayBeEqual(tensorType(value), 0, input, 1))
      return emitOpError("GRAPH-1: scale, bias, mean and variance have one element per channel");
    if (failed(verifySameElement(*this, input, tensorType(value))))
      return failure();
  }
  return verifySameElement(*this, input, tensorType(getResult()));
}

LoopNest BatchNormOp::getLoopNest() {
  LoopNest nest = elementwiseLoopNest(tensorType(getResult()), 1, 1);
  for (int i = 0; i < 4; ++i)
    nest.operands.push_back(indexByLoops({1}));
  return nest;
}

Work BatchNormOp::getWork(ArrayRef<int64_t> extents) { return {4 * product(extents), WorkKind::vector}; }

//===-- attention -------------------------------------------------------------------------------------------------===//

LogicalResult AttentionOp::verify() {
  auto query = tensorType(getQuery()), key = tensorType(getKey()), value = tensorType(getValue()),
       result = tensorType(getResult());
  for (RankedTensorType type : {query, key, value, result})
    if (type.getRank() != 4 || failed(verifySameElement(*this, type, query)))
      return emitOpError("GRAPH-1: query, key, value and result are [batch, heads, sequence, depth]");
  bool fits = mayBeEqual(query, 0, key, 0) && mayBeEqual(query, 0, value, 0) && mayBeEqual(query, 0, result, 0) &&
              mayBeEqual(query, 1, result, 1) && mayBeEqual(key, 1, value, 1) && mayBeEqual(query, 2, result, 2) &&
              mayBeEqual(key, 2, value, 2) && mayBeEqual(query, 3, key, 3) && mayBeEqual(value, 3, result, 3);
  if (!fits)
    return emitOpError() << "GRAPH-1: extents of " << query << ", " << key << ", " << value << " and " << result
                         << " do not fit";
  if (!query.isDynamicDim(1) && !key.isDynamicDim(1) &&
      (key.getDimSize(1) == 0 ? query.getDimSize(1) != 0 : query.getDimSize(1) % key.getDimSize(1) != 0))
    return emitOpError() << "GRAPH-8: " << query.getDimSize(1) << " query heads are not a multiple of "
                         << key.getDimSize(1) << " key heads";
  if (!getMask())
    return success();
  auto mask = tensorType(getMask());
  if (mask.getRank() != 4 || !mayBeEqual(mask, 2, query, 2) || !mayBeEqual(mask, 3, key, 2))
    return emitOpError() << "GRAPH-1: the mask " << mask << " is not [batch or 1, heads or 1, queries, keys]";
  for (int64_t dim = 0; dim < 2; ++dim)
    if (mask.getShape()[dim] != 1 && !mayBeEqual(mask, dim, query, dim))
      return emitOpError() << "GRAPH-1: mask dim " << dim << " is neither 1 nor that of the query";
  return verifySameElement(*this, mask, query);
}

// Loops: batch, key head, query head of the group, query, value depth, key, depth.
LoopNest AttentionOp::getLoopNest() {
  auto query = tensorType(getQuery()), key = tensorType(getKey()), value = tensorType(getValue());
  int64_t heads = getDimBound(query, 1), groups = getDimBound(key, 1);
  int64_t perGroup = groups > 0 ? heads / groups : 1;
  LoopNest nest;
  nest.loops = {Loop::parallel(getDimBound(query, 0), "batch", query.isDynamicDim(0)),
                Loop::parallel(groups, "key_head"),
                Loop::parallel(perGroup, "query_head"),
                Loop::parallel(getDimBound(query, 2), "query", query.isDynamicDim(2)),
                Loop::parallel(getDimBound(value, 3), "value_depth"),
                Loop::expand(getDimBound(key, 2), "key", key.isDynamicDim(2)),
                Loop::whole(getDimBound(query, 3), "depth", "scores need the whole depth before the softmax")};
  DimExpression head;
  head.push_back({1, perGroup});
  head.push_back({2, 1});
  auto at = [](unsigned loop) { return DimExpression{DimTerm{loop, 1}}; };
  nest.operands = {{at(0), head, at(3), at(6)}, {at(0), at(1), at(5), at(6)}, {at(0), at(1), at(5), at(4)}};
  if (getMask()) {
    auto mask = tensorType(getMask());
    // A mask dim of extent 1 is shared by all; it is tied to no loop.
    bool oneBatch = mask.getShape()[0] == 1, oneHead = mask.getShape()[1] == 1;
    nest.operands.push_back({oneBatch ? DimExpression() : at(0), oneHead ? DimExpression() : head, at(3), at(5)});
  }
  nest.results = {{at(0), head, at(3), at(4)}};
  nest.linearOperands = {{2}};
  return nest;
}

Work AttentionOp::getWork(ArrayRef<int64_t> extents) {
  double scores = product(extents.take_front(4)) * static_cast<double>(extents[5]);
  double depth = static_cast<double>(extents[6]) + static_cast<double>(extents[4]);
  // Causal attention needs half of the scores.
  return {(2 * depth + 14) * scores * (getCausal() ? 0.5 : 1.0), WorkKind::attention};
}

//===-- rotary ----------------------------------------------------------------------------------------------------===//

LogicalResult RotaryOp::verify() {
  auto input = tensorType(getInput());
  if (input.getRank() != 4 || failed(verifySameShape(*this, input, tensorType(getResult()), "the operand")))
    return emitOpError("GRAPH-1: the operand is [batch, heads, sequence, depth]");
  if (!input.isDynamicDim(3) && input.getDimSize(3) % 2 != 0)
    return emitOpError("GRAPH-8: the depth is even");
  for (Value value : {getCosine(), getSine()}) {
    auto table = tensorType(value);
    int64_t rank = table.getRank();
    if ((rank != 2 && rank != 3) || !mayBeEqual(table, rank - 2, input, 2) ||
        (rank == 3 && !mayBeEqual(table, 0, input, 0)))
      return emitOpError("GRAPH-1: cosine and sine are [sequence, depth/2] or [batch, sequence, depth/2]");
    if (!input.isDynamicDim(3) && failed(verifyExtent(*this, table, rank - 1, input.getDimSize(3) / 2)))
      return failure();
    if (failed(verifySameElement(*this, input, table)))
      return failure();
  }
  return verifySameElement(*this, input, tensorType(getResult()));
}

LoopNest RotaryOp::getLoopNest() {
  auto input = tensorType(getInput());
  LoopNest nest =
      dimwiseLoopNest(input, [](int64_t dim) { return dim == 3 ? "a rotation mixes two elements of the depth" : ""; });
  nest.operands = {indexByLoops({0, 1, 2, 3})};
  for (Value table : {getCosine(), getSine()})
    nest.operands.push_back(tensorType(table).getRank() == 3 ? indexByLoops({0, 2, -1}) : indexByLoops({2, -1}));
  nest.results = {indexByLoops({0, 1, 2, 3})};
  nest.linearOperands = {{0}};
  return nest;
}

Work RotaryOp::getWork(ArrayRef<int64_t> extents) { return {3 * product(extents), WorkKind::vector}; }
