// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// experts spelled in small ops: count-then-exchange dispatch. In each block of tokens those of each expert are counted
// and put in rows [expert, row], in which there is room for all of them; the rows go to their experts, through them,
// and back. A row behind the last token of an expert holds nothing that is read.
#include "partita/dialects/graph/Experts.h"
#include "partita/dialects/graph/SmallOps.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;

namespace {

/// Letters: s set, g block, m token of a block, k choice, e expert, h input, o output.
class Dispatch {
public:
  Dispatch(OpBuilder &builder, ExpertsOp op) : small(builder, op), op(op), tokens(tensorType(op.getTokens())) {
    s = *getDimSize(tokens, 0);
    g = DimSize(countTokenBlocks(tokens));
    m = DimSize(tokens.getDimSize(1) / g.constant);
    k = DimSize(tensorType(op.getPlaces()).getDimSize(2));
    e = DimSize(tensorType(op.getGate()).getDimSize(1));
    h = DimSize(tokens.getDimSize(2));
    o = DimSize(tensorType(op.getDown()).getDimSize(2));
    index = builder.getIntegerType(64, /*isSigned=*/true);
    flag = builder.getI1Type();
  }

  SmallVector<Value> write() {
    countChosen();
    return small.finish(combine(exchangeBack(runExperts())), tokens.getElementType());
  }

private:
  RankedTensorType typeOf(ArrayRef<DimSize> sizes, Type element) { return getTensorType(sizes, element); }
  Value iota(StringRef suffix, ArrayRef<DimSize> sizes, int64_t dim) {
    return IotaOp::create(small.builder, small.location, typeOf(sizes, index), small.part(suffix),
                          small.builder.getI64IntegerAttr(dim));
  }
  Value compare(StringRef suffix, ElementwiseKind kind, Value a, Value b) {
    return ElementwiseOp::create(small.builder, small.location, cast<RankedTensorType>(tensorType(a).clone(flag)),
                                 small.part(suffix), kind, ValueRange{a, b});
  }
  Value select(StringRef suffix, Value condition, Value yes, Value no) {
    return ElementwiseOp::create(small.builder, small.location, yes.getType(), small.part(suffix),
                                 ElementwiseKind::select, ValueRange{condition, yes, no});
  }
  Value transpose(StringRef suffix, Value x, ArrayRef<DimSize> sizes, ArrayRef<int64_t> permutation) {
    return TransposeOp::create(small.builder, small.location, typeOf(sizes, tensorType(x).getElementType()),
                               small.part(suffix), x, permutation);
  }
  /// Rows of x along `axis`, picked in each of the dims before it.
  Value pick(StringRef suffix, Value x, Value places, ArrayRef<DimSize> sizes, int64_t axis) {
    SmallVector<int64_t> dims;
    for (int64_t dim = 0; dim <= axis; ++dim)
      dims.push_back(dim);
    return GatherAlongOp::create(small.builder, small.location, typeOf(sizes, tensorType(x).getElementType()),
                                 small.part(suffix), x, places, axis, dims);
  }
  /// Rows of which those of tokens are there. Each token has k of the e experts, if they are chosen equally often.
  Value count(StringRef suffix, Value rows, Value counts) {
    double share = std::min(1.0, static_cast<double>(k.constant) / static_cast<double>(e.constant));
    return CountedOp::create(small.builder, small.location, rows.getType(), small.part(suffix), rows, counts,
                             llvm::APFloat(share));
  }
  DimSize product(const DimSize &a, const DimSize &b) { return a * b.constant; }

  void countChosen();
  Value sendRows();
  Value runExperts();
  Value exchangeBack(Value out);
  Value combine(Value rows);

  SmallOps small;
  ExpertsOp op;
  RankedTensorType tokens;
  DimSize s, g, m, k, e, h, o;
  Type index, flag;
  /// places [s, g, m, k]; whether a token chose an expert, and which row is its own there, [s, g, m, e]; counts [s, g,
  /// e].
  Value places, chosen, slot, counts;
  /// The counts where the rows go, [e, s, g].
  Value arrivedCounts;
};

} // namespace

void Dispatch::countChosen() {
  places = small.cast("places/wide", small.reshape("places", op.getPlaces(), {s, g, m, k}), index);
  SmallVector<DimSize> all{s, g, m, k, e};
  Value wanted = small.broadcast("places/broadcast", places, typeOf(all, index), {0, 1, 2, 3});
  Value hits = compare("hits", ElementwiseKind::eq, wanted, iota("experts", all, 4));
  chosen = small.reduce("chosen", ReduceKind::logical_or, hits, {3});
  Value ones = small.cast("ones", chosen, index);
  slot = CumulativeOp::create(small.builder, small.location, tensorType(ones), small.part("slot"), ReduceKind::sum,
                              ones, 2, /*exclusive=*/true, /*reverse=*/false);
  counts = small.reduce("counts", ReduceKind::sum, ones, {2});
}

/// The tokens of each expert in rows [s, g, e, m, h].
Value Dispatch::sendRows() {
  DimSize bin = m + DimSize(1);
  Value nowhere = small.number("nowhere", m.constant, tensorType(slot));
  Value target = transpose("target", select("target_slot", chosen, slot, nowhere), {s, g, e, m}, {0, 1, 3, 2});
  Value order = ScatterAlongOp::create(
      small.builder, small.location, typeOf({s, g, e, bin}, index), small.part("order_and_rest"), ScatterKind::update,
      target, iota("tokens_of_block", {s, g, e, m}, 3), Value(), 3, ArrayRef<int64_t>{0, 1, 2, 3});
  order = small.slice("order", order, {0, 0, 0, 0}, {s, g, e, m});
  Value flat = small.reshape("order/flat", order, {s, g, product(e, m)});
  Value blocks = small.reshape("tokens", op.getTokens(), {s, g, m, h});
  Value rows = pick("rows/flat", blocks, flat, {s, g, product(e, m), h}, 2);
  return count("rows/counted", small.reshape("rows", rows, {s, g, e, m, h}), counts);
}

/// Every expert with the rows of all blocks: [e, s * g * m, o].
Value Dispatch::runExperts() {
  DimSize all = s * (g.constant * m.constant), one(1);
  Value arrived = small.crossing(transpose("arrived", sendRows(), {e, s, g, m, h}, {2, 0, 1, 3, 4}));
  arrivedCounts = small.crossing(transpose("arrived_counts", counts, {e, s, g}, {2, 0, 1}));
  SmallVector<DimSize> rows{e, s, g, m};
  Value limit = small.broadcast("limit", arrivedCounts, typeOf(rows, index), {0, 1, 2});
  Value isThere = compare("is_there", ElementwiseKind::lt, iota("row", rows, 3), limit);
  Value place = select("row_place", isThere, small.number("own", 0, typeOf(rows, index)),
                       small.number("none", -1, typeOf(rows, index)));
  auto ownSet = [&](StringRef suffix, Value weight) -> Value {
    if (!weight)
      return weight;
    auto type = tensorType(weight);
    SmallVector<DimSize> sizes{e, one};
    for (int64_t dim = 2; dim < type.getRank(); ++dim)
      sizes.push_back(DimSize(type.getDimSize(dim)));
    return small.reshape(suffix, weight, sizes);
  };
  Value out = ExpertsOp::create(
      small.builder, small.location, typeOf({e, all, o}, tokens.getElementType()), small.part("out"), op.getFunction(),
      small.reshape("arrived/flat", arrived, {e, all, h}), small.reshape("row_place/flat", place, {e, all, one}),
      Value(), ownSet("gate", op.getGate()), ownSet("gate_bias", op.getGateBias()), ownSet("up", op.getUp()),
      ownSet("up_bias", op.getUpBias()), ownSet("down", op.getDown()));
  return count("out/counted", small.reshape("out/rows", out, {e, s, g, m, o}), arrivedCounts);
}

Value Dispatch::exchangeBack(Value out) {
  Value returned = small.crossing(transpose("returned", out, {s, g, e, m, o}, {1, 2, 0, 3, 4}));
  return small.reshape("returned/flat", returned, {s, g, product(e, m), o});
}

/// What comes back for each choice, times its share.
Value Dispatch::combine(Value rows) {
  SmallVector<DimSize> perChoice{s, g, m, k}, wide{s, g, m, k, o};
  auto type = typeOf(perChoice, index);
  Value last = small.number("last", e.constant - 1, type), first = small.number("first", 0, type);
  Value safe = small.binary("place/low", ElementwiseKind::max, places, first);
  safe = small.binary("place", ElementwiseKind::min, safe, last);
  Value isExpert = compare("is_expert", ElementwiseKind::eq, safe, places);
  Value start = small.binary("start", ElementwiseKind::mul, safe, small.number("room", m.constant, type));
  Value row = small.binary("own_row", ElementwiseKind::add, start, pick("own_slot", slot, safe, perChoice, 3));
  Value flat = small.reshape("own_row/flat", row, {s, g, product(m, k)});
  Value picked = small.reshape("picked", pick("picked/flat", rows, flat, {s, g, product(m, k), o}, 2), wide);
  picked = small.widen("picked/wide", picked);
  auto pickedType = tensorType(picked);
  Value isRead = small.broadcast("is_expert/broadcast", isExpert, typeOf(wide, flag), {0, 1, 2, 3});
  picked = select("term", isRead, picked, small.splat("no_term", 0, pickedType));
  Value sum;
  if (op.getShares()) {
    Value shares = small.widen("shares/wide", small.reshape("shares", op.getShares(), perChoice));
    sum = ContractionOp::create(small.builder, small.location, typeOf({s, g, m, o}, pickedType.getElementType()),
                                small.part("sum"), picked, shares, small.builder.getStringAttr("sgmko,sgmk->sgmo"));
  } else {
    sum = small.reduce("sum", ReduceKind::sum, picked, {3});
  }
  return small.reshape("tokens_out", small.cast("narrow", sum, tokens.getElementType()), {s, product(g, m), o});
}

SmallVector<Value> ExpertsOp::decompose(OpBuilder &builder) {
  auto tokens = tensorType(getTokens()), gate = tensorType(getGate());
  // What has weights of its own for each set is dispatched already.
  if (tokens.isDynamicDim(1) || gate.getDimSize(0) != 1 || tokens.getDimSize(1) == 0)
    return {getResult()};
  return Dispatch(builder, *this).write();
}
