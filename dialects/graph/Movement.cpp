// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that move elements: broadcast, transpose, slice, concat, pad. Reshape has a file of its own.
#include "mlir/IR/Matchers.h"
#include "partita/dialects/graph/Support.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;

//===-- broadcast -------------------------------------------------------------------------------------------------===//

LogicalResult BroadcastOp::verify() {
  auto input = tensorType(getInput()), result = tensorType(getResult());
  if (static_cast<int64_t>(getDims().size()) != input.getRank())
    return emitOpError() << "GRAPH-3: lists " << getDims().size() << " dims for an operand of rank " << input.getRank();
  for (auto [dim, target] : llvm::enumerate(getDims())) {
    if (failed(verifyDim(*this, target, result.getRank())))
      return failure();
    if (dim > 0 && getDims()[dim - 1] >= target)
      return emitOpError("GRAPH-3: dims are strictly increasing (transpose first)");
    if (!mayBeEqual(input, dim, result, target))
      return emitOpError() << "GRAPH-1: operand dim " << dim << " and result dim " << target << " differ in extent";
  }
  return verifySameElement(*this, input, result);
}

LoopNest BroadcastOp::getLoopNest() {
  LoopNest nest = elementwiseLoopNest(tensorType(getResult()), 0, 1);
  nest.operands = {indexByLoops(SmallVector<int>(getDims()))};
  nest.linearOperands = {{0}};
  nest.movesElements = true;
  return nest;
}

Work BroadcastOp::getWork(ArrayRef<int64_t> extents) { return {product(extents), WorkKind::movement}; }

//===-- transpose -------------------------------------------------------------------------------------------------===//

LogicalResult TransposeOp::verify() {
  auto input = tensorType(getInput()), result = tensorType(getResult());
  SmallVector<int64_t> sorted(getPermutation());
  llvm::sort(sorted);
  if (result.getRank() != input.getRank() || static_cast<int64_t>(sorted.size()) != input.getRank())
    return emitOpError() << "GRAPH-3: the permutation has " << sorted.size() << " entries, operand and result ranks "
                         << input.getRank() << " and " << result.getRank();
  for (auto [index, dim] : llvm::enumerate(sorted))
    if (dim != static_cast<int64_t>(index))
      return emitOpError("GRAPH-3: not a permutation");
  for (auto [dim, from] : llvm::enumerate(getPermutation()))
    if (!mayBeEqual(input, from, result, dim))
      return emitOpError() << "GRAPH-1: result dim " << dim << " differs from operand dim " << from;
  return verifySameElement(*this, input, result);
}

LoopNest TransposeOp::getLoopNest() {
  LoopNest nest = elementwiseLoopNest(tensorType(getResult()), 0, 1);
  SmallVector<int> loops(getPermutation().size());
  for (auto [dim, from] : llvm::enumerate(getPermutation()))
    loops[from] = dim;
  nest.operands = {indexByLoops(loops)};
  nest.linearOperands = {{0}};
  nest.movesElements = true;
  return nest;
}

Work TransposeOp::getWork(ArrayRef<int64_t> extents) { return {product(extents), WorkKind::movement}; }

//===-- slice -----------------------------------------------------------------------------------------------------===//

static bool isWholeDim(SliceOp op, int64_t dim) {
  return op.getStarts()[dim] == 0 && op.getStrides()[dim] == 1 &&
         mayBeEqual(tensorType(op.getInput()), dim, tensorType(op.getResult()), dim);
}

LogicalResult SliceOp::verify() {
  auto input = tensorType(getInput()), result = tensorType(getResult());
  int64_t rank = input.getRank();
  if (result.getRank() != rank || static_cast<int64_t>(getStarts().size()) != rank ||
      static_cast<int64_t>(getStrides().size()) != rank)
    return emitOpError() << "GRAPH-3: starts, strides and result have the operand's rank " << rank;
  for (int64_t dim = 0; dim < rank; ++dim) {
    int64_t start = getStarts()[dim], stride = getStrides()[dim];
    if (stride == 0)
      return emitOpError() << "GRAPH-8: stride 0 in dim " << dim;
    // What a part reads begins at its own first element.
    if (!isWhole(input))
      continue;
    if (input.isDynamicDim(dim) || result.isDynamicDim(dim)) {
      // A symbolic dim can be cut only where every extent has the cut: at a static length.
      std::optional<DimSize> whole = getDimSize(input, dim), part = getDimSize(result, dim);
      std::optional<int64_t> smallest = whole ? whole->minimum() : std::nullopt;
      bool cut = part && part->isStatic() && smallest && start >= 0 && stride > 0 &&
                 start + (part->constant - 1) * stride < *smallest;
      if (!isWholeDim(*this, dim) && whole && !cut)
        return emitOpError() << "GRAPH-8: dim " << dim << " is symbolic and cannot be cut by this slice";
      continue;
    }
    int64_t last = start + (result.getDimSize(dim) - 1) * stride;
    if (result.getDimSize(dim) > 0 &&
        (start < 0 || start >= input.getDimSize(dim) || last < 0 || last >= input.getDimSize(dim)))
      return emitOpError() << "GRAPH-8: dim " << dim << " reads from " << start << " to " << last << ", outside extent "
                           << input.getDimSize(dim);
  }
  return verifySameElement(*this, input, result);
}

LoopNest SliceOp::getLoopNest() {
  auto input = tensorType(getInput()), result = tensorType(getResult());
  LoopNest nest;
  ValueIndexing inputDims, resultDims;
  for (int64_t dim = 0; dim < result.getRank(); ++dim) {
    unsigned loop = nest.loops.size();
    int64_t start = getStarts()[dim], stride = getStrides()[dim], positions = getDimBound(result, dim);
    std::string label = "d" + std::to_string(dim);
    if (isWholeDim(*this, dim)) {
      nest.loops.push_back(Loop::parallel(positions, label, result.isDynamicDim(dim)));
      inputDims.push_back({DimTerm{loop, 1}});
    } else if (stride < 0 || input.isDynamicDim(dim) || positions == 0) {
      nest.loops.push_back(Loop::whole(positions, label,
                                       stride < 0 ? "the slice reverses this dim, so that parts lie crosswise"
                                                  : "the slice cuts a dim that is symbolic or empty"));
      inputDims.push_back({});
    } else {
      // Behind the last position read, what is left over is cut off.
      int64_t high = start + (positions - 1) * stride + 1 - input.getDimSize(dim);
      inputDims.push_back(addWindowLoop(nest, {input, result, dim, stride, -start, high, 1, label}));
    }
    resultDims.push_back({DimTerm{loop, 1}});
  }
  nest.operands = {inputDims};
  nest.results = {resultDims};
  nest.linearOperands = {{0}};
  nest.movesElements = true;
  return nest;
}

Work SliceOp::getWork(ArrayRef<int64_t> extents) { return {product(extents), WorkKind::movement}; }

//===-- concat ----------------------------------------------------------------------------------------------------===//

LogicalResult ConcatOp::verify() {
  auto result = tensorType(getResult());
  if (getInputs().empty())
    return emitOpError("GRAPH-3: needs an operand");
  if (failed(verifyDim(*this, getDim(), result.getRank())))
    return failure();
  std::optional<DimSize> total = DimSize(0);
  for (Value input : getInputs()) {
    auto type = tensorType(input);
    if (type.getRank() != result.getRank())
      return emitOpError() << "GRAPH-1: operands have the result's rank " << result.getRank();
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      if (dim != static_cast<int64_t>(getDim()) && !mayBeEqual(type, dim, result, dim))
        return emitOpError() << "GRAPH-1: " << type << " differs from " << result << " in dim " << dim;
    if (failed(verifySameElement(*this, type, result)))
      return failure();
    std::optional<DimSize> size = getDimSize(type, getDim());
    total = total && size ? std::optional<DimSize>(*total + *size) : std::nullopt;
  }
  std::optional<DimSize> expected = getDimSize(result, getDim());
  if (total && expected && !(*total == *expected))
    return emitOpError() << "GRAPH-1: the operands' extents along dim " << getDim() << " do not add up to " << result;
  return success();
}

LoopNest ConcatOp::getLoopNest() {
  auto result = tensorType(getResult());
  LoopNest nest = dimwiseLoopNest(result, [&](int64_t dim) {
    return dim != static_cast<int64_t>(getDim())
               ? ""
               : "operands lie one after the other along this dim, so their parts do not line up with the result's";
  });
  SmallVector<int> loops;
  for (int64_t dim = 0; dim < result.getRank(); ++dim)
    loops.push_back(dim != static_cast<int64_t>(getDim()) ? dim : -1);
  nest.operands.assign(getInputs().size(), indexByLoops(loops));
  nest.results = {indexByLoops(loops)};
  SmallVector<unsigned, 2> all;
  for (unsigned index = 0; index < getInputs().size(); ++index)
    all.push_back(index);
  nest.linearOperands = {all};
  nest.movesElements = true;
  return nest;
}

Work ConcatOp::getWork(ArrayRef<int64_t> extents) { return {product(extents), WorkKind::movement}; }

//===-- pad -------------------------------------------------------------------------------------------------------===//

LogicalResult PadOp::verify() {
  auto input = tensorType(getInput()), result = tensorType(getResult());
  int64_t rank = input.getRank();
  if (result.getRank() != rank || static_cast<int64_t>(getLow().size()) != rank ||
      static_cast<int64_t>(getHigh().size()) != rank)
    return emitOpError() << "GRAPH-3: low, high and result have the operand's rank " << rank;
  if (tensorType(getValue()).getRank() != 0)
    return emitOpError("GRAPH-3: the padding value is a scalar");
  for (int64_t dim = 0; dim < rank; ++dim) {
    if (getLow()[dim] < 0 || getHigh()[dim] < 0)
      return emitOpError("GRAPH-8: padding is not negative (slice instead)");
    std::optional<DimSize> before = getDimSize(input, dim), after = getDimSize(result, dim);
    if (isWhole(input) && before && after && !(*before + DimSize(getLow()[dim] + getHigh()[dim]) == *after))
      return emitOpError() << "GRAPH-1: dim " << dim << " of the result does not fit the padding";
  }
  if (failed(verifySameElement(*this, tensorType(getValue()), input)))
    return failure();
  return verifySameElement(*this, input, result);
}

LoopNest PadOp::getLoopNest() {
  auto input = tensorType(getInput()), result = tensorType(getResult());
  LoopNest nest;
  ValueIndexing inputDims, resultDims;
  for (int64_t dim = 0; dim < result.getRank(); ++dim) {
    resultDims.push_back({DimTerm{static_cast<unsigned>(nest.loops.size()), 1}});
    int64_t low = getLow()[dim], high = getHigh()[dim];
    std::string label = "d" + std::to_string(dim);
    if (low != 0 || high != 0) {
      inputDims.push_back(addWindowLoop(nest, {input, result, dim, 1, low, high, 1, label}));
    } else {
      inputDims.push_back(resultDims.back());
      nest.loops.push_back(Loop::parallel(getDimBound(result, dim), label, result.isDynamicDim(dim)));
    }
  }
  nest.operands = {inputDims, {}};
  nest.results = {resultDims};
  if (matchPattern(getValue(), m_AnyZeroFloat()) || matchPattern(getValue(), m_Zero()))
    nest.linearOperands = {{0}};
  return nest;
}

Work PadOp::getWork(ArrayRef<int64_t> extents) { return {product(extents), WorkKind::movement}; }
