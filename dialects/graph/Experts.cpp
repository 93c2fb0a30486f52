// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// experts, counted: verifiers, loops, work. The spelling of experts in small ops is in ExpertsDecomposition.cpp.
#include "partita/dialects/graph/Experts.h"
#include "partita/dialects/graph/Support.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;

namespace {
/// One operand's dims, each like a dim of another value; -1: the set of experts, which may be one for all.
struct Likeness {
  Value value;
  StringRef what;
  SmallVector<std::pair<Value, int64_t>> dims;
};
} // namespace

static LogicalResult verifyLikeness(ExpertsOp op, const Likeness &likeness) {
  if (!likeness.value)
    return success();
  auto type = tensorType(likeness.value);
  if (type.getRank() != static_cast<int64_t>(likeness.dims.size()))
    return op.emitOpError() << "GRAPH-1: " << likeness.what << " has rank " << type.getRank() << ", expected "
                            << likeness.dims.size();
  for (auto [dim, like] : llvm::enumerate(likeness.dims)) {
    auto other = tensorType(like.first);
    bool isShared =
        dim == 0 && like.first == op.getTokens() && type.getDimSize(0) == 1 && likeness.value != op.getResult();
    if (!isShared && !mayBeEqual(type, dim, other, like.second))
      return op.emitOpError() << "GRAPH-1: dim " << dim << " of " << type << " differs from dim " << like.second
                              << " of " << other;
  }
  return success();
}

LogicalResult ExpertsOp::verify() {
  if (tensorType(getTokens()).getRank() != 3 || tensorType(getPlaces()).getRank() != 3 ||
      tensorType(getGate()).getRank() != 4 || tensorType(getDown()).getRank() != 4)
    return emitOpError("GRAPH-1: tokens are [set, token, input], places [set, token, choice], weights [set, expert, "
                       "unit, input] and [set, expert, output, unit]");
  Value x = getTokens(), places = getPlaces(), gate = getGate(), down = getDown();
  for (const Likeness &likeness : {Likeness{places, "places", {{x, 0}, {x, 1}, {places, 2}}},
                                   Likeness{getShares(), "shares", {{places, 0}, {places, 1}, {places, 2}}},
                                   Likeness{gate, "gate", {{x, 0}, {gate, 1}, {gate, 2}, {x, 2}}},
                                   Likeness{getGateBias(), "gate_bias", {{gate, 0}, {gate, 1}, {gate, 2}}},
                                   Likeness{getUp(), "up", {{gate, 0}, {gate, 1}, {gate, 2}, {gate, 3}}},
                                   Likeness{getUpBias(), "up_bias", {{gate, 0}, {gate, 1}, {gate, 2}}},
                                   Likeness{down, "down", {{gate, 0}, {gate, 1}, {down, 2}, {gate, 2}}},
                                   Likeness{getResult(), "the result", {{x, 0}, {x, 1}, {down, 2}}}})
    if (failed(verifyLikeness(*this, likeness)))
      return failure();
  if (getUpBias() && !getUp())
    return emitOpError("GRAPH-8: up_bias belongs to up");
  SmallVector<Value> alike{getShares(), gate, getGateBias(), getUp(), getUpBias(), down, getResult()};
  for (Value operand : alike)
    if (operand && failed(verifySameElement(*this, tensorType(x), tensorType(operand))))
      return failure();
  return success();
}

int64_t graph::countTokenBlocks(RankedTensorType tokens) {
  constexpr int64_t kMost = 64, kFew = 8;
  if (tokens.isDynamicDim(1))
    return 1;
  int64_t extent = tokens.getDimSize(1);
  for (int64_t count = kMost; count >= kFew; count /= 2)
    if (extent > 0 && extent % count == 0)
      return count;
  for (int64_t count = std::min(kMost, extent); count > 1; --count)
    if (extent % count == 0 && (count >= kFew || count == extent))
      return count;
  return 1;
}

// Loops: set, block of tokens, token, choice, expert, unit, input, output.
LoopNest ExpertsOp::getLoopNest() {
  auto tokens = tensorType(getTokens()), places = tensorType(getPlaces()), gate = tensorType(getGate()),
       down = tensorType(getDown());
  int64_t blocks = countTokenBlocks(tokens), extent = getDimBound(tokens, 1);
  auto sum = [](RankedTensorType type, int64_t dim, const char *label) {
    return Loop::reduce(getDimBound(type, dim), label, ReductionKind::sum, type.isDynamicDim(dim));
  };
  LoopNest nest;
  nest.loops = {Loop::parallel(getDimBound(tokens, 0), "set", tokens.isDynamicDim(0)),
                Loop::parallel(blocks, "token_block"),
                Loop::parallel(extent / blocks, "token", tokens.isDynamicDim(1)),
                sum(places, 2, "choice"),
                sum(gate, 1, "expert"),
                sum(gate, 2, "unit"),
                Loop::whole(getDimBound(tokens, 2), "input", "each unit's function is of a sum over the whole token"),
                Loop::parallel(getDimBound(down, 2), "output")};
  DimExpression token{DimTerm{1, extent / blocks}, DimTerm{2, 1}};
  auto walkTokens = [&](int last) {
    ValueIndexing indexing = indexByLoops({0, -1, last});
    indexing[1] = token;
    return indexing;
  };
  bool isShared = gate.getDimSize(0) == 1;
  int set = isShared ? -1 : 0;
  nest.operands = {walkTokens(6), walkTokens(3)};
  if (getShares()) {
    nest.linearOperands.push_back({static_cast<unsigned>(nest.operands.size())});
    nest.operands.push_back(walkTokens(3));
  }
  nest.operands.push_back(indexByLoops({set, 4, 5, 6}));
  if (getGateBias())
    nest.operands.push_back(indexByLoops({set, 4, 5}));
  if (getUp())
    nest.operands.push_back(indexByLoops({set, 4, 5, 6}));
  if (getUpBias())
    nest.operands.push_back(indexByLoops({set, 4, 5}));
  nest.linearOperands.push_back({static_cast<unsigned>(nest.operands.size())});
  nest.operands.push_back(indexByLoops({set, 4, 7, 5}));
  nest.results = {walkTokens(7)};
  bool canBeDispatched = isShared && !tokens.isDynamicDim(1) && extent > 0;
  for (unsigned loop : {0u, 1u})
    if (canBeDispatched && (nest.loops[loop].extent > 1 || nest.loops[loop].symbolic))
      nest.jointLoops.push_back({loop, 4});
  return nest;
}

/// As many tokens for each expert as if all were chosen equally often.
Work ExpertsOp::getWork(ArrayRef<int64_t> extents) {
  double experts = static_cast<double>(std::max<int64_t>(1, getDimBound(tensorType(getGate()), 1)));
  double chosen = product({extents[0], extents[1], extents[2], extents[3], extents[4]}) / experts;
  double products = static_cast<double>(extents[6]) * (getUp() ? 2 : 1) + static_cast<double>(extents[7]);
  return {chosen * static_cast<double>(extents[5]) * (2 * products + 8), WorkKind::matrix};
}

//===-- counted ---------------------------------------------------------------------------------------------------===//

LogicalResult CountedOp::verify() {
  auto input = tensorType(getInput()), counts = tensorType(getCounts());
  if (failed(verifySameShape(*this, input, tensorType(getResult()), "the operand")) ||
      failed(verifySameElement(*this, input, tensorType(getResult()))))
    return failure();
  if (counts.getRank() >= input.getRank())
    return emitOpError("GRAPH-1: counts have fewer dims than the input, whose next dim is that of the rows");
  for (int64_t dim = 0; dim < counts.getRank(); ++dim)
    if (!mayBeEqual(counts, dim, input, dim))
      return emitOpError() << "GRAPH-1: dim " << dim << " of the counts differs from that of " << input;
  if (!counts.getElementType().isSignedInteger(64))
    return emitOpError("GRAPH-2: counts are si64");
  double share = getShare().convertToDouble();
  if (!(share > 0.0 && share <= 1.0))
    return emitOpError("GRAPH-8: share is more than 0 and at most 1");
  return success();
}

LoopNest CountedOp::getLoopNest() {
  LoopNest nest = elementwiseLoopNest(tensorType(getResult()), 1, 1);
  SmallVector<int> leading;
  for (int64_t dim = 0; dim < tensorType(getCounts()).getRank(); ++dim)
    leading.push_back(static_cast<int>(dim));
  nest.operands.push_back(indexByLoops(leading));
  nest.linearOperands = {{0}};
  return nest;
}

Work CountedOp::getWork(ArrayRef<int64_t> extents) { return {product(extents), WorkKind::movement}; }

Value CountedOp::getRowCounts() { return getCounts(); }
double CountedOp::getExpectedShare() { return getShare().convertToDouble(); }
