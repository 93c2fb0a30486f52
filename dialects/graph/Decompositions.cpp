// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Composites spelled in small ops. These are also how a composite is split along its expand loops: the values that
// cross ranks are then partial sums and maxima. Between the small ops 16-bit floats are kept in f32, as in a composite.
#include "partita/dialects/graph/SmallOps.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;

namespace {

SmallVector<int64_t> dimsFrom(int64_t first, int64_t rank) {
  SmallVector<int64_t> dims;
  for (int64_t dim = first; dim < rank; ++dim)
    dims.push_back(dim);
  return dims;
}

SmallVector<int64_t> dimsBefore(int64_t end) {
  SmallVector<int64_t> dims;
  for (int64_t dim = 0; dim < end; ++dim)
    dims.push_back(dim);
  return dims;
}

} // namespace

static Value softmax(SmallOps &small, Value x, int64_t dim) {
  auto type = tensorType(x);
  SmallVector<int64_t> kept = dimsBefore(dim);
  llvm::append_range(kept, dimsFrom(dim + 1, type.getRank()));
  Value maximum = small.reduce("max", ReduceKind::max, x, {dim});
  Value shifted = small.binary("sub", ElementwiseKind::sub, x, small.broadcast("max/broadcast", maximum, type, kept));
  Value exponential = small.unary("exp", ElementwiseKind::exp, shifted);
  Value sum = small.reduce("sum", ReduceKind::sum, exponential, {dim});
  return small.binary("div", ElementwiseKind::div, exponential, small.broadcast("sum/broadcast", sum, type, kept));
}

SmallVector<Value> SoftmaxOp::decompose(OpBuilder &builder) {
  SmallOps small(builder, *this);
  return small.finish(softmax(small, small.widen("input", getInput()), getDim()),
                      tensorType(getResult()).getElementType());
}

/// x * rsqrt(mean(x^2) + epsilon), over the dims from axis on. The count is that of the global value.
static Value normalise(SmallOps &small, Value x, int64_t axis, double epsilon) {
  auto type = tensorType(x);
  SmallVector<int64_t> inner = dimsFrom(axis, type.getRank()), outer = dimsBefore(axis);
  double count = 1;
  for (int64_t dim : inner)
    count *= static_cast<double>(type.getDimSize(dim));
  Value squared = small.binary("square", ElementwiseKind::mul, x, x);
  Value sum = small.reduce("square_sum", ReduceKind::sum, squared, inner);
  auto rowType = tensorType(sum);
  Value mean = small.binary("square_mean", ElementwiseKind::div, sum, small.splat("count", count, rowType));
  Value shifted = small.binary("shift", ElementwiseKind::add, mean, small.splat("epsilon", epsilon, rowType));
  Value factor = small.unary("rsqrt", ElementwiseKind::rsqrt, shifted);
  return small.binary("normalise", ElementwiseKind::mul, x, small.broadcast("rsqrt/broadcast", factor, type, outer));
}

SmallVector<Value> LayerNormOp::decompose(OpBuilder &builder) {
  SmallOps small(builder, *this);
  Value input = small.widen("input", getInput()), scale = small.widen("scale/wide", getScale());
  auto type = tensorType(input);
  int64_t axis = getAxis();
  SmallVector<int64_t> inner = dimsFrom(axis, type.getRank()), outer = dimsBefore(axis);
  double count = 1;
  for (int64_t dim : inner)
    count *= static_cast<double>(type.getDimSize(dim));
  Value sum = small.reduce("sum", ReduceKind::sum, input, inner);
  Value mean = small.binary("mean", ElementwiseKind::div, sum, small.splat("mean_count", count, tensorType(sum)));
  Value centred =
      small.binary("centre", ElementwiseKind::sub, input, small.broadcast("mean/broadcast", mean, type, outer));
  Value result =
      small.binary("scale", ElementwiseKind::mul, normalise(small, centred, axis, getEpsilon().convertToDouble()),
                   small.broadcast("scale/broadcast", scale, type, inner));
  if (getBias())
    result = small.binary("bias", ElementwiseKind::add, result,
                          small.broadcast("bias/broadcast", small.widen("bias/wide", getBias()), type, inner));
  return small.finish(result, tensorType(getResult()).getElementType());
}

SmallVector<Value> RmsNormOp::decompose(OpBuilder &builder) {
  SmallOps small(builder, *this);
  Value input = small.widen("input", getInput()), scale = small.widen("scale/wide", getScale());
  auto type = tensorType(input);
  Value normalised = normalise(small, input, getAxis(), getEpsilon().convertToDouble());
  Value scaled = small.binary("scale", ElementwiseKind::mul, normalised,
                              small.broadcast("scale/broadcast", scale, type, dimsFrom(getAxis(), type.getRank())));
  return small.finish(scaled, tensorType(getResult()).getElementType());
}

SmallVector<Value> BatchNormOp::decompose(OpBuilder &builder) {
  SmallOps small(builder, *this);
  Value input = small.widen("input", getInput()), scale = small.widen("scale/wide", getScale());
  Value variance = small.widen("variance/wide", getVariance());
  auto type = tensorType(input);
  auto row = tensorType(variance);
  Value shifted = small.binary("shift", ElementwiseKind::add, variance,
                               small.splat("epsilon", getEpsilon().convertToDouble(), row));
  Value factor =
      small.binary("factor", ElementwiseKind::mul, small.unary("rsqrt", ElementwiseKind::rsqrt, shifted), scale);
  auto perChannel = [&](StringRef suffix, Value x) {
    return small.broadcast((suffix + "/broadcast").str(), x, type, {1});
  };
  Value centred =
      small.binary("centre", ElementwiseKind::sub, input, perChannel("mean", small.widen("mean/wide", getMean())));
  Value scaled = small.binary("scale", ElementwiseKind::mul, centred, perChannel("factor", factor));
  Value result =
      small.binary("bias", ElementwiseKind::add, scaled, perChannel("bias", small.widen("bias/wide", getBias())));
  return small.finish(result, tensorType(getResult()).getElementType());
}

/// How many more keys than queries there are: of a symbolic difference what the last positions tell.
static Value causalLead(SmallOps &small, const DimSize &queries, const DimSize &keys) {
  OpBuilder &builder = small.builder;
  Type si64 = builder.getIntegerType(64, /*isSigned=*/true);
  DimSize lead = keys + queries * -1;
  if (lead.isStatic()) {
    auto scalar = RankedTensorType::get({}, si64);
    APInt value(64, static_cast<uint64_t>(lead.constant), /*isSigned=*/true);
    return ConstantOp::create(builder, small.location, scalar, small.part("lead"),
                              cast<ElementsAttr>(DenseElementsAttr::get(scalar, value)));
  }
  auto last = [&](const std::string &what, const DimSize &size) {
    Value positions = IotaOp::create(builder, small.location, getTensorType({size}, si64), small.part(what + "s"),
                                     builder.getI64IntegerAttr(0));
    return small.reduce("last_" + what, ReduceKind::max, positions, {0});
  };
  return small.binary("lead", ElementwiseKind::sub, last("key", keys), last("query", queries));
}

/// Causal visibility as a float mask [SQ, SK]: 0 where j <= i + SK - SQ, minus infinity elsewhere.
static Value causalMask(SmallOps &small, const DimSize &queries, const DimSize &keys, Type element) {
  OpBuilder &builder = small.builder;
  auto index = getTensorType({queries, keys}, builder.getIntegerType(64, /*isSigned=*/true));
  auto flags = getTensorType({queries, keys}, builder.getI1Type());
  auto mask = getTensorType({queries, keys}, element);
  Value i = IotaOp::create(builder, small.location, index, small.part("query_position"), builder.getI64IntegerAttr(0));
  Value j = IotaOp::create(builder, small.location, index, small.part("key_position"), builder.getI64IntegerAttr(1));
  if (!(keys == queries))
    i = small.binary("query_limit", ElementwiseKind::add, i,
                     small.broadcast("lead/broadcast", causalLead(small, queries, keys), index, {}));
  Value visible = ElementwiseOp::create(builder, small.location, flags, small.part("visible"), ElementwiseKind::le,
                                        ValueRange{j, i});
  Value zero = small.splat("zero", 0.0, mask);
  Value hidden = small.splat("hidden", -std::numeric_limits<double>::infinity(), mask);
  return ElementwiseOp::create(builder, small.location, mask, small.part("causal"), ElementwiseKind::select,
                               ValueRange{visible, zero, hidden});
}

/// The mask repeated over the dims of the scores that share it.
static Value spreadMask(SmallOps &small, Value mask, RankedTensorType scores) {
  auto type = tensorType(mask);
  SmallVector<DimSize> dims;
  SmallVector<int64_t> targets;
  for (int64_t dim = 0; dim < 5; ++dim) {
    bool isShared = dim == 0 ? type.getShape()[0] == 1 : dim < 3 && type.getShape()[1] == 1;
    if (isShared)
      continue;
    dims.push_back(getDimSize(scores, dim).value_or(DimSize(0)));
    targets.push_back(dim);
  }
  Value heads = ReshapeOp::create(small.builder, small.location, getTensorType(dims, type.getElementType()),
                                  small.part("mask/heads"), mask);
  return small.broadcast("mask/broadcast", heads, scores, targets);
}

/// What is not a number becomes 0.
static Value guard(SmallOps &small, Value x) {
  auto type = tensorType(x);
  SmallVector<DimSize> sizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    sizes.push_back(getDimSize(type, dim).value_or(DimSize(0)));
  auto test = getTensorType(sizes, IntegerType::get(type.getContext(), 1));
  Value isNan = ElementwiseOp::create(small.builder, small.location, test, small.part("guard/test"),
                                      ElementwiseKind::ne, ValueRange{x, x});
  return ElementwiseOp::create(small.builder, small.location, type, small.part("guard"), ElementwiseKind::select,
                               ValueRange{isNan, small.splat("guard/zero", 0.0, type), x});
}

/// Heads are kept as [B, G, R, SQ, ...], so that every loop of the attention is a dim. The weights are divided by their
/// sum before the values are read, so that without any key the result is 0 as it is of the composite.
SmallVector<Value> AttentionOp::decompose(OpBuilder &builder) {
  SmallOps small(builder, *this);
  auto query = tensorType(getQuery()), key = tensorType(getKey()), value = tensorType(getValue());
  Type element = query.getElementType(), computed = SmallOps::computedElement(element);
  auto size = [](RankedTensorType type, int64_t dim) { return getDimSize(type, dim).value_or(DimSize(0)); };
  DimSize batch = size(query, 0), groups = size(key, 1), queries = size(query, 2), keys = size(key, 2);
  DimSize perGroup(groups.constant > 0 ? size(query, 1).constant / groups.constant : 1);
  auto contraction = [&](StringRef suffix, Value a, Value b, StringRef spec, ArrayRef<DimSize> dims) -> Value {
    return ContractionOp::create(builder, small.location, getTensorType(dims, computed), small.part(suffix), a, b,
                                 builder.getStringAttr(spec));
  };
  Value grouped = ReshapeOp::create(builder, small.location,
                                    getTensorType({batch, groups, perGroup, queries, size(query, 3)}, element),
                                    small.part("query"), getQuery());
  Value scores =
      contraction("scores", grouped, getKey(), "bgrqd,bgkd->bgrqk", {batch, groups, perGroup, queries, keys});
  auto scoreType = tensorType(scores);
  scores = small.binary("scale", ElementwiseKind::mul, scores,
                        small.splat("scale/factor", getScale().convertToDouble(), scoreType));
  if (getMask())
    scores = small.binary("mask", ElementwiseKind::add, scores,
                          spreadMask(small, small.widen("mask/wide", getMask()), scoreType));
  // A single query is the last position, which sees all keys.
  if (getCausal() && !(queries == DimSize(1)))
    scores = small.binary(
        "visible_scores", ElementwiseKind::add, scores,
        small.broadcast("causal/broadcast", causalMask(small, queries, keys, computed), scoreType, {3, 4}));
  Value weights = softmax(small, scores, 4);
  if (getGuarded())
    weights = guard(small, weights);
  Value heads = contraction("context", weights, getValue(), "bgrqk,bgkv->bgrqv",
                            {batch, groups, perGroup, queries, size(value, 3)});
  Value result = ReshapeOp::create(builder, small.location,
                                   getTensorType({batch, size(query, 1), queries, size(value, 3)}, computed),
                                   small.part("heads"), heads);
  return small.finish(result, element);
}

SmallVector<Value> RotaryOp::decompose(OpBuilder &builder) {
  SmallOps small(builder, *this);
  auto type = tensorType(getInput());
  int64_t depth = type.getDimSize(3);
  SmallVector<DimSize> half;
  for (int64_t dim = 0; dim < 3; ++dim)
    half.push_back(getDimSize(type, dim).value_or(DimSize(0)));
  half.push_back(DimSize(depth / 2));
  auto halfType = getTensorType(half, type.getElementType());
  auto slice = [&](StringRef suffix, int64_t start, int64_t stride) -> Value {
    return SliceOp::create(builder, small.location, halfType, small.part(suffix), getInput(),
                           ArrayRef<int64_t>{0, 0, 0, start}, ArrayRef<int64_t>{1, 1, 1, stride});
  };
  Value first = slice("first", 0, getInterleaved() ? 2 : 1);
  Value second = slice("second", getInterleaved() ? 1 : depth / 2, getInterleaved() ? 2 : 1);
  auto spread = [&](StringRef suffix, Value table) {
    return small.broadcast(suffix, table, halfType,
                           tensorType(table).getRank() == 3 ? ArrayRef<int64_t>{0, 2, 3} : ArrayRef<int64_t>{2, 3});
  };
  Value cosine = spread("cosine", getCosine()), sine = spread("sine", getSine());
  auto mul = [&](StringRef suffix, Value a, Value b) { return small.binary(suffix, ElementwiseKind::mul, a, b); };
  Value low =
      small.binary("low", ElementwiseKind::sub, mul("first_cosine", first, cosine), mul("second_sine", second, sine));
  Value high =
      small.binary("high", ElementwiseKind::add, mul("first_sine", first, sine), mul("second_cosine", second, cosine));
  if (!getInterleaved())
    return small.finish(ConcatOp::create(builder, small.location, type, small.part("joined"), ValueRange{low, high}, 3),
                        type.getElementType());
  // Interleave through a trailing dim of two.
  SmallVector<DimSize> pair = half;
  pair.push_back(DimSize(1));
  auto column = getTensorType(pair, type.getElementType());
  pair.back() = DimSize(2);
  auto pairs = getTensorType(pair, type.getElementType());
  Value lows = ReshapeOp::create(builder, small.location, column, small.part("low_column"), low);
  Value highs = ReshapeOp::create(builder, small.location, column, small.part("high_column"), high);
  Value joined = ConcatOp::create(builder, small.location, pairs, small.part("pairs"), ValueRange{lows, highs}, 4);
  return small.finish(ReshapeOp::create(builder, small.location, type, small.part("joined"), joined),
                      type.getElementType());
}
