// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- FusedAttention.cpp - Attention operators of optimised models ------------===//
//
// Attention, MultiHeadAttention and RotaryEmbedding of the domain com.microsoft, which onnxruntime's optimiser writes.
// Source of their meaning: onnxruntime, docs/ContribOperators.md.
//
//===----------------------------------------------------------------------===//
#include "OpTable.h"
#include "ops/Attention.h"

#include <limits>

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

static RankedTensorType typeOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()); }

namespace {

/// What both attentions have: heads, a bias of all three projections, a mask of padded keys, a cache.
class FusedAttention {
public:
  explicit FusedAttention(NodeContext &node)
      : node(node), heads(node.getInteger("num_heads", 0)), hidden(node.getFloat("mask_filter_value", -10000.0)) {
    parts.scale = node.getFloat("scale", 0.0);
    parts.isCausal = node.getInteger("unidirectional", 0) != 0;
  }

  void importAttention();
  void importMultiHead();

private:
  /// The parts of [batch, seq, width] of these widths.
  std::optional<SmallVector<Value>> partAlong(Value value, int64_t dim, ArrayRef<int64_t> widths, StringRef part);
  bool readWidths(const Sizes &weights, SmallVector<int64_t> &widths);
  bool readPacked(SmallVector<Value> &inputs);
  bool addBias(SmallVector<Value> &inputs);
  Value asHeads(Value value, StringRef part);
  bool appendCache(Value pastKey, Value pastValue);
  Value readPadding(int index);
  Value compareWithLengths(Value lengths);
  void finish(int bias);

  NodeContext &node;
  Attention parts;
  int64_t heads;
  double hidden;
  DimSize past;
};

} // namespace

std::optional<SmallVector<Value>> FusedAttention::partAlong(Value value, int64_t dim, ArrayRef<int64_t> widths,
                                                            StringRef part) {
  SmallVector<Value> found;
  int64_t start = 0;
  for (int64_t width : widths) {
    found.push_back(node.cut(value, dim, start, DimSize(width), 1, part));
    start += width;
    if (!found.back())
      return std::nullopt;
  }
  return found;
}

Value FusedAttention::asHeads(Value value, StringRef part) {
  return value && node.sizesOf(value).size() == 3 ? splitHeads(node, value, heads, part) : value;
}

/// qkv_hidden_sizes, or three equal parts of the weights' columns.
bool FusedAttention::readWidths(const Sizes &weights, SmallVector<int64_t> &widths) {
  widths = node.getIntegers("qkv_hidden_sizes");
  bool fits = weights.size() == 2 && weights[1].isStatic() && heads > 0;
  if (fits && widths.empty())
    widths.assign(3, weights[1].constant / 3);
  fits = fits && widths.size() == 3 && widths[0] > 0 && widths[0] == widths[1] && widths[2] > 0 &&
         2 * widths[0] < largestSize && widths[2] < largestSize && 2 * widths[0] + widths[2] == weights[1].constant;
  if (!fits)
    node.failShape("weights of shape " + toText(weights) + " do not fit " + llvm::Twine(heads) +
                   " heads and qkv_hidden_sizes");
  return fits;
}

/// One of the lengths [batch], lengths and starts [2 * batch], or lengths and more [3 * batch + 2].
Value FusedAttention::compareWithLengths(Value lengths) {
  DimSize batch = node.sizesOf(parts.query)[0], count = node.sizesOf(lengths)[0];
  Sizes column = {batch, DimSize(1), DimSize(1), DimSize(1)};
  bool hasStarts = count == batch * 2 && !(batch == count);
  if (!(count == batch) && !hasStarts && !(count == batch * 3 + DimSize(2))) {
    node.failShape("a mask of " + toText(count) + " lengths does not fit a batch of " + toText(batch));
    return Value();
  }
  if (!(count == batch) && !batch.isStatic()) {
    node.failShape("a mask of lengths and starts needs a known batch");
    return Value();
  }
  Value places = makePositions(node, node.sizesOf(parts.key)[2], 3, 4, typeOf(lengths).getElementType());
  Value ends = node.reshape(node.cut(lengths, 0, 0, batch), column, "ends");
  Value visible = node.elementwise(Kind::lt, {places, ends}, "visible");
  if (!hasStarts)
    return visible;
  Value starts = node.reshape(node.cut(lengths, 0, batch.constant, batch), column, "starts");
  return node.elementwise(Kind::logical_and, {visible, node.elementwise(Kind::ge, {places, starts})}, "visible");
}

/// The mask of padded keys as floats to add; null where there is none, or after a report.
Value FusedAttention::readPadding(int index) {
  Value mask = node.hasInput(index) ? node.input(index) : Value();
  if (!mask)
    return Value();
  Sizes sizes = node.sizesOf(mask);
  Type element = typeOf(parts.query).getElementType();
  DimSize queries = node.sizesOf(parts.query)[2];
  if (!isa<IntegerType>(typeOf(mask).getElementType()) || sizes.empty() || sizes.size() > 4) {
    node.failShape("a mask of shape " + toText(sizes) + " is not supported");
    return Value();
  }
  if (sizes.size() == 1)
    return hideWhereFalse(node, compareWithLengths(mask), hidden, element);
  if (sizes.size() == 4) { // [batch, 1, longest, longest]
    if (!past.isStatic()) {
      node.failShape("a square mask with a cache of symbolic length is not supported");
      return Value();
    }
    mask = node.cut(node.cut(mask, 2, past.constant, queries), 3, 0, node.sizesOf(parts.key)[2]);
  } else {
    sizes.insert(sizes.begin() + 1, 4 - sizes.size(), DimSize(1));
    mask = node.reshape(mask, sizes, "mask/reshape");
  }
  bool isBool = mask && typeOf(mask).getElementType().isInteger(1);
  return hideWhereFalse(node, isBool ? mask : node.withNumber(Kind::gt, mask, 0.0), hidden, element);
}

/// New keys and values are put behind those of the cache.
bool FusedAttention::appendCache(Value pastKey, Value pastValue) {
  if (!pastKey || !pastValue || node.sizesOf(pastKey).size() != 4)
    return false;
  past = node.sizesOf(pastKey)[2];
  parts.key = node.concat({pastKey, parts.key}, 2, "keys");
  parts.value = node.concat({pastValue, parts.value}, 2, "values");
  return parts.key && parts.value;
}

/// The rest of both: the bias of the scores (input `bias`), the triangle, the result.
void FusedAttention::finish(int bias) {
  if (node.hasInput(bias)) {
    Value added = node.input(bias);
    if (added && node.sizesOf(added).size() != 4)
      return node.failShape("attention_bias has shape " + toText(node.sizesOf(added)));
    parts.mask = addMasks(node, parts.mask, added);
  }
  if (parts.isCausal && !(addChecked(node.sizesOf(parts.query)[2], past) == node.sizesOf(parts.key)[2]))
    return node.failOp("unidirectional=1 with fewer or more keys than queries is not supported");
  if (!node.hasFailed())
    node.setResult(0, mergeHeads(node, attend(node, parts).mixed));
}

//===-- Attention -------------------------------------------------------------------------------------------------===//

void FusedAttention::importAttention() {
  Value x = node.input(0), weights = node.input(1);
  node.ignore({"rotary_embedding_dim"});
  if (node.getInteger("do_rotary", 0) != 0 || node.getInteger("past_present_share_buffer", 0) != 0 || node.hasInput(6))
    return node.failOp("do_rotary and past_present_share_buffer are not supported");
  SmallVector<int64_t> widths;
  if (!x || !weights || !readWidths(node.sizesOf(weights), widths))
    return;
  if (node.sizesOf(x).size() != 3)
    return node.failShape("its input has shape " + toText(node.sizesOf(x)));
  Value product = makeMatMul(node, x, weights);
  if (node.hasInput(2))
    product = node.elementwise(Kind::add, {product, node.input(2)}, "bias");
  std::optional<SmallVector<Value>> all = product ? partAlong(product, 2, widths, "projection") : std::nullopt;
  if (!all)
    return;
  parts.query = asHeads((*all)[0], "query");
  parts.key = asHeads((*all)[1], "key");
  parts.value = asHeads((*all)[2], "value");
  if (!parts.query || !parts.key || !parts.value)
    return;
  if (node.hasInput(4)) {
    Value cache = node.input(4);
    if (!cache || node.sizesOf(cache).size() != 5 || !(node.sizesOf(cache)[0] == DimSize(2)))
      return cache ? node.failShape("past has shape " + toText(node.sizesOf(cache))) : void();
    Sizes one = node.sizesOf(cache);
    one.erase(one.begin());
    if (!appendCache(node.reshape(node.cut(cache, 0, 0, DimSize(1)), one),
                     node.reshape(node.cut(cache, 0, 1, DimSize(1)), one)))
      return;
  }
  if (node.hasResult(1)) {
    Sizes one = node.sizesOf(parts.key);
    one.insert(one.begin(), DimSize(1));
    node.setResult(1, node.concat({node.reshape(parts.key, one), node.reshape(parts.value, one)}, 0, "present"));
  }
  parts.mask = readPadding(3);
  finish(5);
}

//===-- MultiHeadAttention ----------------------------------------------------------------------------------------===//

/// Query, key and value as three inputs: they may lie in one tensor [batch, seq, heads, 3, depth], key and value in one
/// with 2 in place of 3.
bool FusedAttention::readPacked(SmallVector<Value> &inputs) {
  bool hasKey = node.hasInput(1), hasValue = node.hasInput(2);
  Value packed = node.input(hasKey ? 1 : 0);
  if (!packed)
    return false;
  if (!hasKey || !hasValue) {
    Sizes sizes = node.sizesOf(packed);
    int64_t count = hasKey ? 2 : 3;
    std::optional<DimSize> width = sizes.size() == 5 ? multiplyChecked(sizes[2], sizes[4]) : std::nullopt;
    if (!width || !(sizes[3] == DimSize(count))) {
      node.failShape("a packed input has shape " + toText(sizes));
      return false;
    }
    if (hasKey)
      inputs.push_back(node.input(0));
    for (int64_t i = 0; i < count; ++i)
      inputs.push_back(node.reshape(node.cut(packed, 3, i, DimSize(1)), {sizes[0], sizes[1], *width}, "unpacked"));
  } else {
    for (int i = 0; i < 3; ++i)
      inputs.push_back(node.input(i));
  }
  for (auto [index, input] : llvm::enumerate(inputs))
    if (!input || (node.sizesOf(input).size() != 3 && (index == 0 || node.sizesOf(input).size() != 4))) {
      node.failShape("query, key or value is not of three dims (key and value of a cache: of four)");
      return false;
    }
  return true;
}

/// One bias of query, key and value, one after the other. Keys and values that come with heads have theirs already.
bool FusedAttention::addBias(SmallVector<Value> &inputs) {
  Value bias = node.hasInput(3) ? node.input(3) : Value();
  if (!bias)
    return !node.hasFailed();
  int64_t start = 0;
  for (Value &input : inputs) {
    if (node.sizesOf(input).size() != 3)
      continue;
    DimSize width = node.sizesOf(input)[2];
    if (!width.isStatic() || node.sizesOf(bias).size() != 1 || !node.sizesOf(bias)[0].isStatic() ||
        node.sizesOf(bias)[0].constant < start + width.constant) {
      node.failShape("the bias has shape " + toText(node.sizesOf(bias)));
      return false;
    }
    input = node.elementwise(Kind::add, {input, node.cut(bias, 0, start, width, 1, "bias/part")}, "bias");
    start += width.constant;
  }
  return !node.hasFailed();
}

void FusedAttention::importMultiHead() {
  if (node.hasInput(8) || node.hasInput(9) || node.hasResult(3))
    return node.failOp("past_sequence_length, cache_indirection and the result qk are not supported");
  SmallVector<Value> inputs;
  if (!readPacked(inputs) || !addBias(inputs))
    return;
  parts.query = asHeads(inputs[0], "query");
  parts.key = asHeads(inputs[1], "key");
  parts.value = asHeads(inputs[2], "value");
  if (!parts.query || !parts.key || !parts.value)
    return;
  if (node.hasInput(6) && node.hasInput(7) && !appendCache(node.input(6), node.input(7)))
    return;
  node.setResult(1, parts.key);
  node.setResult(2, parts.value);
  parts.mask = readPadding(4);
  finish(5);
}

//===-- RotaryEmbedding -------------------------------------------------------------------------------------------===//

static void importFusedRotary(NodeContext &node) {
  Value x = node.input(0), positions = node.input(1), cosine = node.input(2), sine = node.input(3);
  int64_t heads = node.getInteger("num_heads", 0), rotated = node.getInteger("rotary_embedding_dim", 0);
  bool isInterleaved = node.getInteger("interleaved", 0) != 0;
  node.ignore({"is_packed_batching"});
  if (node.getFloat("scale", 1.0) != 1.0)
    return node.failOp("scale is not supported");
  if (!x || !positions || !cosine || !sine)
    return;
  Sizes sizes = node.sizesOf(x), table = node.sizesOf(cosine), places = node.sizesOf(positions);
  if ((sizes.size() != 3 && sizes.size() != 4) || table.size() != 2 || !table[1].isStatic() || places.size() > 2)
    return node.failShape("inputs of shape " + toText(sizes) + ", " + toText(places) + " and " + toText(table) +
                          " do not fit together");
  // Without a number of heads a head is as wide as the table says.
  std::optional<DimSize> count =
      sizes.size() == 3 && table[1].constant > 0 ? divideExactly(sizes[2], table[1] * 2) : std::nullopt;
  if (heads == 0 && rotated == 0 && count && count->isStatic())
    heads = count->constant;
  Value split = sizes.size() == 3 ? splitHeads(node, x, heads, "input") : x;
  if (!split)
    return;
  if (places.size() < 2) // one number: where the sequence begins
    positions = node.elementwise(
        Kind::add,
        {node.iota(node.sizesOf(split)[2], typeOf(positions).getElementType()), node.reshape(positions, {DimSize(1)})},
        "positions");
  auto rows = [&](Value from) {
    return places.size() < 2 ? node.gather(from, positions, 0) : readRows(node, from, positions);
  };
  Value result = rotate(node, split, rows(cosine), rows(sine), rotated, isInterleaved);
  node.setResult(0, sizes.size() == 3 ? mergeHeads(node, result) : result);
}

void partita::import::addFusedAttentionOps(OpTable &table) {
  table.insert({{"com.microsoft.Attention", [](NodeContext &node) { FusedAttention(node).importAttention(); }},
                {"com.microsoft.MultiHeadAttention", [](NodeContext &node) { FusedAttention(node).importMultiHead(); }},
                {"com.microsoft.RotaryEmbedding", importFusedRotary}});
}
