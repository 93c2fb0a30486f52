// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that order or accumulate along one dim: top_k, cumulative. Along that dim they are split in blocks, whose number
// does not depend on the ranks: each block is worked on by itself, and what is left of all blocks is gathered.
#include "partita/dialects/graph/SmallOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;

namespace {
/// A dim as blocks of `size` elements.
struct Blocks {
  int64_t count, size;
};
} // namespace

/// The blocks that a dim is cut in, of at least `least` elements each: a power of two of them if it can be, so that
/// they can be dealt out evenly, and not so many that what is gathered is much. Nothing where there are no two.
static std::optional<Blocks> findBlocks(RankedTensorType type, int64_t dim, int64_t least) {
  constexpr int64_t kMost = 64, kFew = 8;
  if (type.isDynamicDim(dim) || least < 1)
    return std::nullopt;
  int64_t extent = type.getDimSize(dim), most = std::min(kMost, extent / least);
  for (int64_t count = kMost; count >= kFew; count /= 2)
    if (count <= most && extent % count == 0)
      return Blocks{count, extent / count};
  for (int64_t count = most; count >= 2; --count)
    if (extent % count == 0)
      return Blocks{count, extent / count};
  return std::nullopt;
}

/// All loops, of which those along `dim` are a block of it, cut by the expansion, and a place in the block. Without
/// blocks neither operand nor result may split the dim, for `reason`.
static LoopNest alongLoopNest(RankedTensorType input, int64_t dim, std::optional<Blocks> blocks,
                              const std::string &reason) {
  LoopNest nest = dimwiseLoopNest(input, [&](int64_t other) { return other == dim ? reason : std::string(); });
  SmallVector<int> loops;
  for (int64_t other = 0; other < input.getRank(); ++other)
    loops.push_back(other == dim ? -1 : other);
  nest.operands = {indexByLoops(loops)};
  nest.results = {indexByLoops(loops)};
  if (!blocks)
    return nest;
  auto place = static_cast<unsigned>(nest.loops.size());
  nest.loops[dim] = Loop::expand(blocks->count, nest.loops[dim].label + "_block");
  nest.loops.push_back(Loop::whole(blocks->size, "place", "the elements of a block are worked on together"));
  nest.operands[0][dim] = {DimTerm{static_cast<unsigned>(dim), blocks->size}, DimTerm{place, 1}};
  return nest;
}

/// Why a dim has no blocks.
static std::string explainNoBlocks(RankedTensorType type, int64_t dim, const std::string &need) {
  if (type.isDynamicDim(dim))
    return need + ", and how long the dim is, is known only when the program runs";
  return need + ", and " + std::to_string(type.getDimSize(dim)) + " elements make no blocks of equal size";
}

/// The sizes of `type` with dim `dim` replaced by `sizes`.
static SmallVector<DimSize> replaceDim(RankedTensorType type, int64_t dim, ArrayRef<int64_t> sizes) {
  SmallVector<DimSize> dims;
  for (int64_t other = 0; other < type.getRank(); ++other)
    if (other != dim)
      dims.push_back(getDimSize(type, other).value_or(DimSize(0)));
    else
      for (int64_t size : sizes)
        dims.push_back(DimSize(size));
  return dims;
}

static SmallVector<int64_t> listDims(int64_t rank, int64_t except = -1) {
  SmallVector<int64_t> dims;
  for (int64_t dim = 0; dim < rank; ++dim)
    if (dim != except)
      dims.push_back(dim);
  return dims;
}

//===-- top_k -----------------------------------------------------------------------------------------------------===//

LogicalResult TopKOp::verify() {
  auto input = tensorType(getInput()), result = tensorType(getResult());
  if (failed(verifyDim(*this, getDim(), input.getRank())) ||
      failed(verifyAlikeBut(*this, result, input, getDim(), "the result")))
    return failure();
  std::optional<DimSize> whole = getDimSize(input, getDim()), part = getDimSize(result, getDim());
  if (!whole || !part || *whole == *part)
    return success();
  std::optional<int64_t> least = whole->minimum(), most = part->maximum();
  if (!least || !most || *most > *least)
    return emitOpError() << "GRAPH-8: more elements are wanted than dim " << getDim() << " of " << input << " has";
  return success();
}

/// Twice as many elements in a block as are looked for: else most of all elements would be gathered.
static std::optional<Blocks> findTopKBlocks(TopKOp op) {
  auto result = tensorType(op.getResult());
  if (result.isDynamicDim(op.getDim()))
    return std::nullopt;
  return findBlocks(tensorType(op.getInput()), op.getDim(), 2 * result.getDimSize(op.getDim()));
}

LoopNest TopKOp::getLoopNest() {
  auto input = tensorType(getInput()), result = tensorType(getResult());
  std::string reason = "all elements are ordered against each other along this dim";
  if (getDimSize(input, getDim()) != getDimSize(result, getDim()))
    reason = explainNoBlocks(input, getDim(), "blocks would need twice as many elements as are looked for");
  LoopNest nest = alongLoopNest(input, getDim(), findTopKBlocks(*this), reason);
  nest.results[0][getDim()] = {};
  return nest;
}

/// The best of each block, and the best of those. Of equal elements the one of the earlier block comes first, as it
/// does in a block.
SmallVector<Value> TopKOp::decompose(OpBuilder &builder) {
  auto input = tensorType(getInput()), result = tensorType(getResult());
  int64_t dim = getDim();
  std::optional<Blocks> blocks = findTopKBlocks(*this);
  if (!blocks)
    return {getResult()};
  SmallOps small(builder, *this);
  int64_t wanted = result.getDimSize(dim);
  auto typeOf = [&](ArrayRef<int64_t> sizes, Type element) {
    return getTensorType(replaceDim(input, dim, sizes), element);
  };
  Type value = input.getElementType(), index = result.getElementType();
  auto topK = [&](StringRef suffix, RankedTensorType type, Value x, int64_t along) -> Value {
    return TopKOp::create(builder, small.location, type, small.part(suffix), x, along, getLargest());
  };
  auto pick = [&](StringRef suffix, RankedTensorType type, Value x, Value places, int64_t along) -> Value {
    return GatherAlongOp::create(builder, small.location, type, small.part(suffix), x, places, along,
                                 listDims(type.getRank()));
  };
  Value blocked = small.reshape("blocks", getInput(), replaceDim(input, dim, {blocks->count, blocks->size}));
  auto bestType = typeOf({blocks->count, wanted}, index);
  Value best = topK("best", bestType, blocked, dim + 1);
  Value values = pick("values", typeOf({blocks->count, wanted}, value), blocked, best, dim + 1);
  Value block = IotaOp::create(builder, small.location, bestType, small.part("block"), builder.getI64IntegerAttr(dim));
  Value start = small.binary("start", ElementwiseKind::mul, block, small.number("size", blocks->size, bestType));
  Value places = small.binary("places", ElementwiseKind::add, best, start);
  SmallVector<DimSize> flat = replaceDim(input, dim, {blocks->count * wanted});
  Value order = small.crossing(topK("order", result, small.reshape("candidates", values, flat), dim));
  Value picked = small.crossing(pick("picked", result, small.reshape("candidate_places", places, flat), order, dim));
  return small.finish(picked, index);
}

/// Each element is compared with the worst kept so far, and with about log2(k) more when it is kept.
Work TopKOp::getWork(ArrayRef<int64_t> extents) {
  int64_t kept = std::max<int64_t>(2, getDimBound(tensorType(getResult()), getDim()));
  return {product(extents) * llvm::Log2_64_Ceil(kept), WorkKind::vector};
}

//===-- cumulative ------------------------------------------------------------------------------------------------===//

LogicalResult CumulativeOp::verify() {
  auto input = tensorType(getInput()), result = tensorType(getResult());
  if (failed(verifyDim(*this, getDim(), input.getRank())) ||
      failed(verifySameShape(*this, input, result, "the operand")) || failed(verifyComputes(*this, input)))
    return failure();
  bool isLogical = getKind() == ReduceKind::logical_and || getKind() == ReduceKind::logical_or;
  if (isLogical != input.getElementType().isInteger(1))
    return emitOpError() << "GRAPH-7: " << stringifyReduceKind(getKind()) << " is not defined for "
                         << input.getElementType();
  return verifySameElement(*this, input, result);
}

LoopNest CumulativeOp::getLoopNest() {
  auto input = tensorType(getInput());
  LoopNest nest = alongLoopNest(input, getDim(), findBlocks(input, getDim(), 2),
                                explainNoBlocks(input, getDim(), "each element needs all before it along this dim"));
  nest.results = {nest.operands[0]};
  if (getKind() == ReduceKind::sum)
    nest.linearOperands = {{0}};
  return nest;
}

/// The function of two elements that a reduction repeats.
static ElementwiseKind combinationOf(ReduceKind kind) {
  switch (kind) {
  case ReduceKind::sum:
    return ElementwiseKind::add;
  case ReduceKind::max:
    return ElementwiseKind::max;
  case ReduceKind::min:
    return ElementwiseKind::min;
  case ReduceKind::prod:
    return ElementwiseKind::mul;
  case ReduceKind::logical_and:
    return ElementwiseKind::logical_and;
  case ReduceKind::logical_or:
    return ElementwiseKind::logical_or;
  }
  return ElementwiseKind::add;
}

/// Running totals in each block, and those of the blocks before it.
SmallVector<Value> CumulativeOp::decompose(OpBuilder &builder) {
  auto type = tensorType(getInput());
  int64_t dim = getDim();
  std::optional<Blocks> blocks = findBlocks(type, dim, 2);
  if (!blocks)
    return {getResult()};
  SmallOps small(builder, *this);
  auto run = [&](StringRef suffix, Value x, int64_t along, bool exclusive) -> Value {
    return CumulativeOp::create(builder, small.location, tensorType(x), small.part(suffix), getKind(), x, along,
                                exclusive, getReverse());
  };
  // Of another type only in blocks: that is how its loops go.
  Value blocked = small.reshape("blocks", getInput(), replaceDim(type, dim, {blocks->count, blocks->size}));
  if (!type.getElementType().isInteger())
    blocked = small.widen("wide", blocked);
  auto blockedType = tensorType(blocked);
  Value own = run("own", blocked, dim + 1, getExclusive());
  Value totals = small.reduce("totals", getKind(), blocked, {dim + 1});
  Value before = small.crossing(run("before", totals, dim, /*exclusive=*/true));
  Value spread = small.crossing(
      small.broadcast("before/broadcast", before, blockedType, listDims(blockedType.getRank(), dim + 1)));
  Value sum = small.binary("sum", combinationOf(getKind()), spread, own);
  sum = small.cast("narrow", sum, type.getElementType());
  Value result = small.reshape("flat", sum, replaceDim(type, dim, {type.getDimSize(dim)}));
  return small.finish(result, type.getElementType());
}

Work CumulativeOp::getWork(ArrayRef<int64_t> extents) { return {product(extents), WorkKind::vector}; }
