// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Attention.cpp - Attention and RotaryEmbedding of the default set --------===//
#include "ops/Attention.h"
#include "OpTable.h"

#include <limits>

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

static constexpr double infinite = std::numeric_limits<double>::infinity();

static RankedTensorType typeOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()); }

/// The mask as floats to add, of four dims; shorter than the keys, it hides the last ones.
static Value makeMask(NodeContext &node, const DimSize &keys, Type element) {
  Value mask = node.input(3);
  if (!mask)
    return Value();
  Sizes sizes = node.sizesOf(mask);
  if (sizes.empty() || sizes.size() > 4) {
    node.failShape("the mask has shape " + toText(sizes));
    return Value();
  }
  sizes.insert(sizes.begin(), 4 - sizes.size(), DimSize(1));
  mask = node.reshape(mask, sizes, "mask/reshape");
  bool isBool = mask && typeOf(mask).getElementType().isInteger(1);
  std::optional<DimSize> missing = addChecked(keys, sizes[3] * -1);
  if (missing && missing->isStatic() && missing->constant > 0 && !(sizes[3] == DimSize(1)))
    mask = node.padOrCut(mask, {0, 0, 0, 0}, {0, 0, 0, missing->constant},
                         isBool ? Value() : node.constant(-infinite, typeOf(mask).getElementType()));
  return isBool ? hideWhereFalse(node, mask, -infinite, element) : node.cast(mask, element);
}

namespace {

/// One Attention node.
class AttentionNode {
public:
  explicit AttentionNode(NodeContext &node) : node(node) {}
  void import();

private:
  bool readInputs();
  bool readCache();
  bool readMasks();

  NodeContext &node;
  Attention parts;
  size_t rank = 0;
  DimSize past;
};

} // namespace

bool AttentionNode::readInputs() {
  Value query = node.input(0), key = node.input(1), value = node.input(2);
  int64_t heads = node.getInteger("q_num_heads", 0), groups = node.getInteger("kv_num_heads", 0);
  if (node.hasFailed())
    return false;
  rank = node.sizesOf(query).size();
  for (Value input : {query, key, value})
    if (node.sizesOf(input).size() != rank || (rank != 3 && rank != 4)) {
      node.failShape("query, key and value have shapes " + toText(node.sizesOf(query)) + ", " +
                     toText(node.sizesOf(key)) + " and " + toText(node.sizesOf(value)));
      return false;
    }
  if (rank == 3) {
    query = splitHeads(node, query, heads, "query");
    key = query ? splitHeads(node, key, groups, "key") : Value();
    value = key ? splitHeads(node, value, groups, "value") : Value();
  }
  parts.query = query;
  parts.key = key;
  parts.value = value;
  return value != nullptr;
}

/// New keys and values are put behind those of the cache.
bool AttentionNode::readCache() {
  if (node.hasInput(4) != node.hasInput(5)) {
    node.fail("E-BAD-FILE", "past_key and past_value must be given together");
    return false;
  }
  if (node.hasInput(4)) {
    Value pastKey = node.input(4), pastValue = node.input(5);
    if (!pastKey || !pastValue || node.sizesOf(pastKey).size() != 4) {
      if (pastKey && pastValue)
        node.failShape("past_key has shape " + toText(node.sizesOf(pastKey)));
      return false;
    }
    past = node.sizesOf(pastKey)[2];
    parts.key = node.concat({pastKey, parts.key}, 2, "keys");
    parts.value = node.concat({pastValue, parts.value}, 2, "values");
  }
  node.setResult(1, parts.key);
  node.setResult(2, parts.value);
  return parts.key && parts.value;
}

/// What hides keys. The triangle begins behind the cache, or (with lengths of an outer cache) ends at the lengths.
bool AttentionNode::readMasks() {
  Type element = typeOf(parts.query).getElementType(), index = node.indexType();
  DimSize queries = node.sizesOf(parts.query)[2], keys = node.sizesOf(parts.key)[2];
  bool isCausal = node.getInteger("is_causal", 0) != 0;
  if (node.hasInput(3))
    parts.mask = makeMask(node, keys, element);
  parts.isGuarded = node.hasInput(3);
  if (node.hasInput(6)) {
    Sizes column = {node.sizesOf(parts.query)[0], DimSize(1), DimSize(1), DimSize(1)};
    Value lengths = node.reshape(node.cast(node.input(6), index), column, "lengths");
    Value visible = node.elementwise(Kind::lt, {makePositions(node, keys, 3, 4, index), lengths}, "filled");
    if (isCausal && queries.isStatic())
      visible = findVisible(node, queries, keys,
                            node.withNumber(Kind::sub, lengths, static_cast<double>(queries.constant), "offset"));
    else if (isCausal)
      node.failShape("is_causal with the lengths of a cache needs a known number of queries");
    parts.mask = addMasks(node, parts.mask, hideWhereFalse(node, visible, -infinite, element));
    parts.isGuarded = true;
  } else if (isCausal) {
    parts.isCausal = addChecked(queries, past) == keys;
    if (!parts.isCausal && !past.isStatic())
      node.failShape("is_causal with a symbolic cache needs as many new keys as queries");
    else if (!parts.isCausal)
      parts.mask =
          addMasks(node, parts.mask,
                   hideWhereFalse(
                       node, findVisible(node, queries, keys, node.constant(static_cast<double>(past.constant), index)),
                       -infinite, element));
  }
  return !node.hasFailed();
}

void AttentionNode::import() {
  node.ignore({"softmax_precision"});
  parts.scale = node.getFloat("scale", 0.0);
  parts.softcap = node.getFloat("softcap", 0.0);
  int64_t mode = node.getInteger("qk_matmul_output_mode", 0);
  if (mode < 0 || mode > 3 || parts.softcap < 0.0)
    return node.fail("E-BAD-FILE", "qk_matmul_output_mode is not 0 to 3, or softcap is negative");
  if (node.hasResult(3))
    parts.wanted = static_cast<ScoresKind>(mode);
  if (!readInputs() || !readCache() || !readMasks())
    return;
  Attended attended = attend(node, parts);
  node.setResult(0, rank == 3 ? mergeHeads(node, attended.mixed) : attended.mixed);
  if (parts.wanted)
    node.setResult(3, attended.scores);
}

static void importAttention(NodeContext &node) { AttentionNode(node).import(); }

//===-- RotaryEmbedding -------------------------------------------------------------------------------------------===//

/// cosine or sine, [seq, depth / 2], or [batch, seq, depth / 2] where batch elements may differ; null: reported.
static Value readTable(NodeContext &node, int index) {
  Value table = node.input(index);
  if (!table)
    return Value();
  bool hasPositions = node.hasInput(3);
  if (node.sizesOf(table).size() != (hasPositions ? 2u : 3u)) {
    node.failShape("input " + llvm::Twine(index) + " has shape " + toText(node.sizesOf(table)));
    return Value();
  }
  if (!hasPositions) {
    Value shared = dropBatch(node, table);
    return shared ? shared : table;
  }
  Value positions = node.input(3);
  if (!positions || node.sizesOf(positions).size() != 2) {
    node.failShape("position_ids is not [batch, seq]");
    return Value();
  }
  return readRows(node, table, positions);
}

static void importRotary(NodeContext &node) {
  Value x = node.input(0), cosine = readTable(node, 1), sine = readTable(node, 2);
  bool interleaved = node.getInteger("interleaved", 0) != 0;
  int64_t heads = node.getInteger("num_heads", 0), rotated = node.getInteger("rotary_embedding_dim", 0);
  if (node.hasFailed() || !cosine || !sine)
    return;
  size_t rank = node.sizesOf(x).size();
  if (rank != 3 && rank != 4)
    return node.failShape("its input has shape " + toText(node.sizesOf(x)));
  Value split = rank == 3 ? splitHeads(node, x, heads, "input") : x;
  Value result = rotate(node, split, cosine, sine, rotated, interleaved);
  node.setResult(0, rank == 3 ? mergeHeads(node, result) : result);
}

void partita::import::addAttentionOps(OpTable &table) {
  table.insert({{"Attention", importAttention}, {"RotaryEmbedding", importRotary}});
}
