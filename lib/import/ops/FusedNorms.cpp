// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- FusedNorms.cpp - Norms and gelus of optimised models --------------------===//
//
// Operators of the domain com.microsoft that put a sum before a norm or a gelu. Source of their meaning: onnxruntime,
// docs/ContribOperators.md.
//
//===----------------------------------------------------------------------===//
#include "OpTable.h"
#include "ops/Normalization.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

static RankedTensorType typeOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()); }

/// The sum with an input that may be missing.
static Value addInput(NodeContext &node, Value x, int index, StringRef part) {
  return node.hasInput(index) ? node.elementwise(Kind::add, {x, node.input(index)}, part) : x;
}

/// norm(input + skip + bias); the bias is input 4 with a beta before it, 3 without.
template <NormKind kind> static void importSkipNorm(NodeContext &node) {
  constexpr bool isCentred = kind == NormKind::centred;
  Value x = node.input(0), scale = node.input(2);
  double epsilon = node.getFloat("epsilon", 1e-12);
  if (!x || !scale)
    return;
  Sizes sizes = node.sizesOf(x);
  Value sum = addInput(node, addInput(node, x, 1, "skip"), isCentred ? 4 : 3, "bias");
  Value shift = isCentred && node.hasInput(3) ? node.input(3) : Value();
  if (!sum || node.hasFailed())
    return;
  if (sizes.empty() || node.sizesOf(sum) != sizes || !isa<FloatType>(typeOf(sum).getElementType()))
    return node.failShape("skip does not fit an input of shape " + toText(sizes));
  auto axis = static_cast<int64_t>(sizes.size()) - 1;
  node.setResult(0, normalize(node, sum, axis, epsilon, kind, scale, shift));
  setStatistics(node, sum, axis, epsilon, kind, isCentred ? 1 : -1, 2);
  node.setResult(3, sum);
}

/// Rows of the three tables, added and normalised; result 1 counts the ones of each row of the mask.
static void importEmbedNorm(NodeContext &node) {
  Value tokens = node.input(0), words = node.input(2), places = node.input(3), scale = node.input(5),
        shift = node.input(6);
  double epsilon = node.getFloat("epsilon", 1e-12);
  node.ignore({"mask_index_type"});
  if (!tokens || !words || !places || !scale || !shift)
    return;
  Sizes of = node.sizesOf(tokens);
  if (of.size() != 2 || node.sizesOf(words).size() != 2 || node.sizesOf(places).size() != 2)
    return node.failShape("token ids of shape " + toText(of) + ", and tables of shapes " + toText(node.sizesOf(words)) +
                          " and " + toText(node.sizesOf(places)));
  Value sum = node.gather(words, tokens, 0, "words");
  Value positions =
      node.hasInput(8) ? node.gather(places, node.input(8), 0, "places") : node.cut(places, 0, 0, of[1], 1, "places");
  sum = node.elementwise(Kind::add, {sum, positions}, "sum");
  if (node.hasInput(1) && node.hasInput(4)) {
    Value table = node.input(4), segments = node.input(1);
    sum = node.elementwise(Kind::add, {sum, node.gather(table, segments, 0, "segments")}, "sum");
  }
  if (!sum || node.hasFailed())
    return;
  node.setResult(0, normalize(node, sum, 2, epsilon, NormKind::centred, scale, shift));
  node.setResult(2, sum);
  if (!node.hasResult(1))
    return;
  Type count = IntegerType::get(sum.getContext(), 32, IntegerType::Signed);
  Value ones = node.hasInput(7) ? node.cast(node.withNumber(Kind::eq, node.input(7), 1.0), count)
                                : node.broadcast(node.constant(0.0, count), of, "zeros");
  node.setResult(1, node.reduce(ReduceKind::sum, ones, {1}, /*keepDims=*/false, "count"));
}

/// The order of dims that brings the channels from the end to dim 1, and back.
static SmallVector<int64_t> channelsFirst(size_t rank) {
  SmallVector<int64_t> order{0, static_cast<int64_t>(rank) - 1};
  for (size_t dim = 1; dim + 1 < rank; ++dim)
    order.push_back(static_cast<int64_t>(dim));
  return order;
}

static SmallVector<int64_t> channelsLast(size_t rank) {
  SmallVector<int64_t> order{0};
  for (size_t dim = 2; dim < rank; ++dim)
    order.push_back(static_cast<int64_t>(dim));
  order.push_back(1);
  return order;
}

/// What is added in SkipGroupNorm: of the shape of x, or [batch, channels] with ones for the other dims or without
/// them.
static Value addSkip(NodeContext &node, Value x) {
  Value skip = node.input(3);
  if (!skip)
    return Value();
  Sizes sizes = node.sizesOf(x), column = sizes;
  if (node.sizesOf(skip).size() == 2) {
    for (size_t dim = 1; dim + 1 < column.size(); ++dim)
      column[dim] = DimSize(1);
    skip = node.reshape(skip, column);
  }
  return addInput(node, node.elementwise(Kind::add, {x, skip}, "skip"), 4, "bias");
}

template <bool hasSkip> static void importGroupedNorm(NodeContext &node) {
  Value x = node.input(0), scale = node.input(1), shift = node.input(2);
  int64_t groups = node.getInteger("groups", 0), activation = node.getInteger("activation", 0);
  bool isLast = node.getInteger("channels_last", 1) != 0;
  double epsilon = node.getFloat("epsilon", 1e-5);
  if (!x || !scale || !shift)
    return;
  size_t rank = node.sizesOf(x).size();
  if (rank < 3 || (hasSkip && !isLast))
    return node.failShape("its input has shape " + toText(node.sizesOf(x)) + ", channels_last=" + (isLast ? "1" : "0"));
  if (hasSkip) {
    x = addSkip(node, x);
    node.setResult(1, x);
  }
  Value image = isLast ? node.transpose(x, channelsFirst(rank), "image") : x;
  Value normal = image ? normalizeGroups(node, image, groups, epsilon) : Value();
  if (!normal)
    return;
  Value result = scaleChannels(node, node.reshape(normal, node.sizesOf(image), "merge"), scale, shift);
  if (activation != 0)
    result = node.elementwise(Kind::silu, {result});
  node.setResult(0, isLast ? node.transpose(result, channelsLast(rank), "result") : result);
}

//===-- Gelus and sums --------------------------------------------------------------------------------------------===//

/// gelu(x + bias), the bias input 1 where there is one.
template <Kind kind> static void importBiasGelu(NodeContext &node) {
  Value x = node.input(0);
  node.setResult(0, node.elementwise(kind, {addInput(node, x, 1, "bias")}));
}

/// x sigmoid(alpha x).
static void importQuickGelu(NodeContext &node) {
  Value x = node.input(0);
  Value gate = node.elementwise(Kind::sigmoid, {node.withNumber(Kind::mul, x, node.getFloat("alpha", 1.702))});
  node.setResult(0, node.elementwise(Kind::mul, {x, gate}));
}

/// The first half of the last dim of x + bias times the gelu of the second.
static void importBiasSplitGelu(NodeContext &node) {
  Value x = node.input(0);
  Value sum = addInput(node, x, 1, "bias");
  if (!sum)
    return;
  Sizes sizes = node.sizesOf(sum);
  std::optional<DimSize> half = sizes.empty() ? std::nullopt : divideExactly(sizes.back(), DimSize(2));
  if (!half || !half->isStatic())
    return node.failShape("its input has shape " + toText(sizes));
  auto dim = static_cast<int64_t>(sizes.size()) - 1;
  Value left = node.cut(sum, dim, 0, *half), right = node.cut(sum, dim, half->constant, *half);
  node.setResult(0, node.elementwise(Kind::mul, {left, node.elementwise(Kind::gelu, {right})}));
}

static void importBiasAdd(NodeContext &node) {
  Value x = node.input(0);
  node.setResult(0, addInput(node, addInput(node, x, 1, "bias"), 2, "skip"));
}

void partita::import::addFusedNormOps(OpTable &table) {
  table.insert({{"com.microsoft.SkipLayerNormalization", importSkipNorm<NormKind::centred>},
                {"com.microsoft.SkipSimplifiedLayerNormalization", importSkipNorm<NormKind::rootMeanSquare>},
                {"com.microsoft.EmbedLayerNormalization", importEmbedNorm},
                {"com.microsoft.GroupNorm", importGroupedNorm<false>},
                {"com.microsoft.SkipGroupNorm", importGroupedNorm<true>},
                {"com.microsoft.Gelu", importBiasGelu<Kind::gelu>},
                {"com.microsoft.BiasGelu", importBiasGelu<Kind::gelu>},
                {"com.microsoft.FastGelu", importBiasGelu<Kind::gelu_tanh>},
                {"com.microsoft.QuickGelu", importQuickGelu},
                {"com.microsoft.BiasSplitGelu", importBiasSplitGelu},
                {"com.microsoft.BiasAdd", importBiasAdd}});
}
