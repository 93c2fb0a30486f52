// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- GroupedAttention.cpp - GroupQueryAttention of optimised models ----------===//
//
// com.microsoft.GroupQueryAttention: causal attention with grouped heads, positions and a cache. Each batch element has
// a length of its own (seqlens_k + 1); its new keys lie behind its own part of the cache. Source of its meaning:
// onnxruntime, docs/ContribOperators.md.
//
//===----------------------------------------------------------------------===//
#include "OpTable.h"
#include "ops/Attention.h"
#include "ops/Iterations.h"

#include <limits>

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

static RankedTensorType typeOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()); }

namespace {

class GroupedAttention {
public:
  explicit GroupedAttention(NodeContext &node)
      : node(node), heads(node.getInteger("num_heads", 0)), groups(node.getInteger("kv_num_heads", 0)),
        window(node.getInteger("local_window_size", -1)) {}
  void import();

private:
  bool checkSupported();
  bool readProjections();
  bool readCache();
  bool turn();
  bool appendCache();
  void hide();
  Value sizeValue(const DimSize &size, StringRef part);
  /// How many keys of the cache each batch element has: [batch].
  Value countPast();
  bool hasEvenLengths();

  NodeContext &node;
  Attention parts;
  int64_t heads, groups, window;
  Value pastKey, pastValue;
  DimSize past;
  /// Lengths differ, or are data: null where all batch elements fill the cache.
  Value pastLengths;
};

} // namespace

bool GroupedAttention::checkSupported() {
  node.ignore({"kv_cache_bit_width", "qk_norm_epsilon", "q_norm_epsilon", "k_norm_epsilon"});
  bool isQuantized = node.getText("k_quant_type", "NONE") != "NONE" || node.getText("v_quant_type", "NONE") != "NONE";
  if (isQuantized || node.hasInput(12) || node.hasInput(13))
    node.failOp("a quantized cache is not supported");
  if (node.hasInput(14) || node.hasInput(15) || node.hasInput(16))
    node.failOp("norms of query and key, and lengths of queries, are not supported");
  if (node.getInteger("causal", 1) == 0 || node.getInteger("sliding_window_cache", 0) != 0)
    node.failOp("causal=0 and sliding_window_cache=1 are not supported");
  if (node.hasResult(3) || node.getInteger("qk_output", 0) != 0)
    node.failOp("the result output_qk is not supported");
  if (node.hasInput(3) != node.hasInput(4))
    node.fail("E-BAD-FILE", "past_key and past_value must be given together");
  return !node.hasFailed();
}

/// Query, key and value lie in three inputs, or one after the other in the first.
bool GroupedAttention::readProjections() {
  Value query = node.input(0), key, value;
  if (!query || heads <= 0 || groups <= 0 || heads > (1 << 20) || groups > heads || node.sizesOf(query).size() != 3) {
    if (query)
      node.failShape("a query of shape " + toText(node.sizesOf(query)) + " with " + llvm::Twine(heads) + " and " +
                     llvm::Twine(groups) + " heads");
    return false;
  }
  if (node.hasInput(1) != node.hasInput(2)) {
    node.fail("E-BAD-FILE", "key and value must be given together");
    return false;
  }
  if (node.hasInput(1)) {
    key = node.input(1);
    value = node.input(2);
  } else {
    std::optional<DimSize> depth = divideExactly(node.sizesOf(query)[2], DimSize(heads + 2 * groups));
    if (!depth || !depth->isStatic()) {
      node.failShape("a packed query of shape " + toText(node.sizesOf(query)));
      return false;
    }
    Value packed = query;
    int64_t width = depth->constant;
    query = node.cut(packed, 2, 0, DimSize(heads * width), 1, "query");
    key = node.cut(packed, 2, heads * width, DimSize(groups * width), 1, "key");
    value = node.cut(packed, 2, (heads + groups) * width, DimSize(groups * width), 1, "value");
  }
  for (Value input : {query, key, value})
    if (!input || node.sizesOf(input).size() != 3) {
      node.failShape("query, key and value are not of three dims");
      return false;
    }
  parts.query = splitHeads(node, query, heads, "query");
  parts.key = parts.query ? splitHeads(node, key, groups, "key") : Value();
  parts.value = parts.key ? splitHeads(node, value, groups, "value") : Value();
  return parts.value != nullptr;
}

Value GroupedAttention::sizeValue(const DimSize &size, StringRef part) {
  ImportedValue number;
  number.known = std::make_shared<Known>(Known::scalar(size, node.indexType()));
  return materialize(node, number, part);
}

Value GroupedAttention::countPast() {
  Value lengths = node.cast(node.input(5), node.indexType(), "lengths");
  Value queries = sizeValue(node.sizesOf(parts.query)[2] + DimSize(-1), "queries");
  if (!lengths || !queries)
    return Value();
  // seqlens_k is one less than the length.
  return node.reshape(node.elementwise(Kind::sub, {lengths, queries}, "past"), {node.sizesOf(parts.query)[0]});
}

/// Whether all lengths are known to be that of the cache and the new keys together.
bool GroupedAttention::hasEvenLengths() {
  const Known *lengths = node.known(5);
  std::optional<DimSize> total = addChecked(past, node.sizesOf(parts.query)[2] + DimSize(-1));
  return lengths && total && llvm::all_of(lengths->elements, [&](const DimSize &size) { return size == *total; });
}

bool GroupedAttention::readCache() {
  if (!node.hasInput(3))
    return true;
  pastKey = node.input(3);
  pastValue = node.input(4);
  if (!pastKey || !pastValue)
    return false;
  if (node.sizesOf(pastKey).size() != 4 || node.sizesOf(pastValue).size() != 4) {
    node.failShape("past_key has shape " + toText(node.sizesOf(pastKey)));
    return false;
  }
  past = node.sizesOf(pastKey)[2];
  if (past == DimSize(0))
    pastKey = pastValue = Value();
  else if (!hasEvenLengths())
    pastLengths = countPast();
  return !node.hasFailed();
}

/// Rotary positions count from each batch element's own cache.
bool GroupedAttention::turn() {
  bool isInterleaved = node.getInteger("rotary_interleaved", 0) != 0;
  if (node.getInteger("do_rotary", 0) == 0)
    return true;
  Value cosine = node.input(7), sine = node.input(8);
  if (!cosine || !sine)
    return false;
  Sizes table = node.sizesOf(cosine);
  if (table.size() != 2 || !table[1].isStatic()) {
    node.failShape("cos_cache has shape " + toText(table));
    return false;
  }
  DimSize queries = node.sizesOf(parts.query)[2];
  Value positions;
  if (node.hasInput(9)) {
    positions = node.input(9);
    if (positions && node.sizesOf(positions).size() != 2) {
      node.failShape("position_ids is not [batch, seq]");
      return false;
    }
  } else {
    positions = node.iota(queries, node.indexType(), "positions");
    if (pastLengths)
      positions = node.elementwise(
          Kind::add, {node.reshape(pastLengths, {node.sizesOf(parts.query)[0], DimSize(1)}), positions}, "positions");
    else if (pastKey)
      positions = node.elementwise(Kind::add, {positions, sizeValue(past, "past")}, "positions");
  }
  auto rows = [&](Value from) {
    bool isShared = positions && node.sizesOf(positions).size() == 1;
    return isShared ? node.gather(from, positions, 0) : readRows(node, from, positions);
  };
  Value cosines = positions ? rows(cosine) : Value(), sines = positions ? rows(sine) : Value();
  int64_t rotated = table[1].constant * 2;
  parts.query = rotate(node, parts.query, cosines, sines, rotated, isInterleaved);
  parts.key = rotate(node, parts.key, cosines, sines, rotated, isInterleaved);
  return parts.query && parts.key;
}

/// New keys lie behind each batch element's own part of the cache: element j of the result is element j of the cache,
/// or counted from the end of cache and new keys together, which has the new ones last.
bool GroupedAttention::appendCache() {
  if (pastKey) {
    parts.key = node.concat({pastKey, parts.key}, 2, "keys");
    parts.value = node.concat({pastValue, parts.value}, 2, "values");
    if (!parts.key || !parts.value)
      return false;
    DimSize total = node.sizesOf(parts.key)[2], batch = node.sizesOf(parts.key)[0];
    const Known *stated = node.known(6);
    bool isSure = stated && stated->elements == Sizes{total};
    // A cache that is longer than it is full would be another program.
    Value fits = isSure ? Value()
                        : node.elementwise(Kind::eq, {node.reshape(node.cast(node.input(6), node.indexType()), {}),
                                                      sizeValue(total, "total")});
    if (!isSure) {
      parts.key = failUnless(node, fits, parts.key);
      parts.value = failUnless(node, fits, parts.value);
    }
    if (pastLengths) {
      Value places = makePositions(node, total, 1, 2, node.indexType());
      Value filled = node.reshape(pastLengths, {batch, DimSize(1)});
      Value lengths = node.elementwise(Kind::add, {filled, sizeValue(node.sizesOf(parts.query)[2], "queries")}, "ends");
      Value index = node.elementwise(
          Kind::select,
          {node.elementwise(Kind::lt, {places, filled}), places, node.elementwise(Kind::sub, {places, lengths})},
          "sources");
      parts.key = node.gatherAlong(parts.key, index, 2, {0, 2}, "keys/placed");
      parts.value = node.gatherAlong(parts.value, index, 2, {0, 2}, "values/placed");
    }
  }
  node.setResult(1, parts.key);
  node.setResult(2, parts.value);
  return parts.key && parts.value;
}

void GroupedAttention::hide() {
  DimSize queries = node.sizesOf(parts.query)[2], keys = node.sizesOf(parts.key)[2];
  Type element = typeOf(parts.query).getElementType();
  if (node.hasInput(10)) {
    parts.mask = node.input(10);
    if (parts.mask && node.sizesOf(parts.mask).size() != 4)
      return node.failShape("attention_bias has shape " + toText(node.sizesOf(parts.mask)));
  }
  if (!pastLengths && window <= 0) {
    parts.isCausal = true;
    return;
  }
  Value offset = pastLengths
                     ? node.reshape(pastLengths, {node.sizesOf(parts.query)[0], DimSize(1), DimSize(1), DimSize(1)})
                     : sizeValue(past, "past");
  Value visible = findVisible(node, queries, keys, offset, window);
  parts.mask =
      addMasks(node, parts.mask, hideWhereFalse(node, visible, -std::numeric_limits<double>::infinity(), element));
}

void GroupedAttention::import() {
  parts.scale = node.getFloat("scale", 0.0);
  parts.softcap = node.getFloat("softcap", 0.0);
  bool isSmooth = node.getInteger("smooth_softmax", -1) > 0;
  if (!checkSupported() || !readProjections() || !readCache() || !turn() || !appendCache())
    return;
  hide();
  if (node.hasInput(11))
    parts.sink = node.input(11);
  else if (isSmooth)
    parts.sink = node.broadcast(node.constant(0.0, typeOf(parts.query).getElementType()), {DimSize(heads)}, "sink");
  if (parts.sink && node.sizesOf(parts.sink) != Sizes{DimSize(heads)})
    return node.failShape("head_sink has shape " + toText(node.sizesOf(parts.sink)));
  if (!node.hasFailed())
    node.setResult(0, mergeHeads(node, attend(node, parts).mixed));
}

void partita::import::addGroupedAttentionOps(OpTable &table) {
  table.insert({{"com.microsoft.GroupQueryAttention", [](NodeContext &node) { GroupedAttention(node).import(); }}});
}
