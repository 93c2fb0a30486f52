// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Attention.cpp - Attention and RotaryEmbedding ---------------------------===//
#include "OpTable.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

static RankedTensorType typeOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()); }

/// [batch, seq, heads * depth] as [batch, heads, seq, depth]; null: reported.
static Value splitHeads(NodeContext &node, Value value, int64_t heads, llvm::StringRef part) {
  Sizes sizes = node.sizesOf(value);
  std::optional<DimSize> depth = heads > 0 ? divideExactly(sizes[2], DimSize(heads)) : std::nullopt;
  if (!depth) {
    node.failShape("an input of shape " + toText(sizes) + " does not have " + llvm::Twine(heads) + " heads");
    return Value();
  }
  Value split = node.reshape(value, {sizes[0], sizes[1], DimSize(heads), *depth}, (part + "/heads").str());
  return node.transpose(split, {0, 2, 1, 3}, (part + "/transpose").str());
}

static Value mergeHeads(NodeContext &node, Value value) {
  if (!value)
    return Value();
  Sizes sizes = node.sizesOf(value);
  std::optional<DimSize> width = multiplyChecked(sizes[1], sizes[3]);
  if (!width)
    return Value();
  Value turned = node.transpose(value, {0, 2, 1, 3}, "result/transpose");
  return node.reshape(turned, {sizes[0], sizes[2], *width}, "result");
}

/// The mask as floats to add, [batch or 1, heads or 1, queries, keys].
static Value makeMask(NodeContext &node, const Sizes &query, const Sizes &key, Type element) {
  Value mask = node.input(3);
  if (!mask)
    return Value();
  if (typeOf(mask).getElementType().isInteger(1)) {
    Value zero = node.constant(0.0, element);
    Value hidden = node.constant(-std::numeric_limits<double>::infinity(), element);
    mask = node.elementwise(ElementwiseKind::select, {mask, zero, hidden}, "mask");
  }
  mask = node.cast(mask, element);
  if (!mask)
    return Value();
  Sizes sizes = node.sizesOf(mask);
  if (sizes.size() > 4) {
    node.failShape("the mask has shape " + toText(sizes));
    return Value();
  }
  sizes.insert(sizes.begin(), 4 - sizes.size(), DimSize(1));
  mask = node.reshape(mask, sizes, "mask/reshape");
  Sizes wide = {sizes[0], sizes[1], query[2], key[2]};
  Sizes full = {query[0], query[1], query[2], key[2]};
  std::optional<Sizes> common = node.broadcastSizes({full, sizes});
  if (!common || *common != full) {
    node.failShape("the mask " + toText(sizes) + " does not fit scores of shape " + toText(full));
    return Value();
  }
  return node.broadcast(mask, wide, "mask/broadcast");
}

/// What this importer does not do of the operator; reports each.
static void checkAttention(NodeContext &node) {
  if (node.hasInput(4) || node.hasInput(5) || node.hasInput(6) || node.hasResult(1) || node.hasResult(2))
    node.failOp("a key-value cache (past_key, past_value) is not supported");
  if (node.hasResult(3) || node.getInteger("qk_matmul_output_mode", 0) != 0)
    node.failOp("the result qk_matmul_output is not supported");
  if (node.getFloat("softcap", 0.0) != 0.0)
    node.failOp("softcap is not supported");
  node.ignore({"softmax_precision"});
}

static void importAttention(NodeContext &node) {
  checkAttention(node);
  Value query = node.input(0), key = node.input(1), value = node.input(2);
  bool isCausal = node.getInteger("is_causal", 0) != 0;
  int64_t heads = node.getInteger("q_num_heads", 0), groups = node.getInteger("kv_num_heads", 0);
  double scale = node.getFloat("scale", 0.0);
  if (node.hasFailed())
    return;
  size_t rank = node.sizesOf(query).size();
  for (Value input : {query, key, value})
    if (node.sizesOf(input).size() != rank || (rank != 3 && rank != 4) ||
        typeOf(input).getElementType() != typeOf(query).getElementType() ||
        !isa<FloatType>(typeOf(input).getElementType()))
      return node.failShape("query, key and value have shapes " + toText(node.sizesOf(query)) + ", " +
                            toText(node.sizesOf(key)) + " and " + toText(node.sizesOf(value)));
  if (rank == 3) {
    query = splitHeads(node, query, heads, "query");
    key = query ? splitHeads(node, key, groups, "key") : Value();
    value = key ? splitHeads(node, value, groups, "value") : Value();
    if (!value)
      return;
  }
  Sizes q = node.sizesOf(query), k = node.sizesOf(key), v = node.sizesOf(value);
  bool fits = q[0] == k[0] && q[0] == v[0] && k[1] == v[1] && q[1].isStatic() && k[1].isStatic() && k[1].constant > 0 &&
              q[1].constant % k[1].constant == 0 && q[3] == k[3] && k[2] == v[2] && q[3].isStatic();
  if (!fits)
    return node.failShape("query " + toText(q) + ", key " + toText(k) + " and value " + toText(v) +
                          " do not fit together");
  // The operator aligns its triangle at the first key, the graph dialect at the last.
  if (isCausal && !(q[2] == k[2]))
    return node.failOp("is_causal=1 with " + toText(q[2]) + " queries and " + toText(k[2]) + " keys is not supported");
  Value mask = node.hasInput(3) ? makeMask(node, q, k, typeOf(query).getElementType()) : Value();
  if (node.hasFailed() || (node.hasInput(3) && !mask))
    return;
  if (scale == 0.0)
    scale = 1.0 / std::sqrt(static_cast<double>(q[3].constant));
  RankedTensorType type = node.makeType({q[0], q[1], q[2], v[3]}, typeOf(query).getElementType());
  if (!type)
    return;
  Value mixed = node.finish(AttentionOp::create(node.getSession().getBuilder(), node.getLocation(), type,
                                                node.partName("attention"), query, key, value, mask,
                                                llvm::APFloat(scale), isCausal));
  node.setResult(0, rank == 3 ? mergeHeads(node, mixed) : mixed);
}

/// Whether the elements are the same for each index of dim 0.
static bool hasEqualRows(graph::ConstantOp constant) {
  auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
  if (!elements || elements.isSplat())
    return static_cast<bool>(elements);
  ArrayRef<char> bytes = elements.getRawData();
  size_t row = bytes.size() / static_cast<size_t>(elements.getType().getDimSize(0));
  for (size_t start = row; start < bytes.size(); start += row)
    if (bytes.slice(start, row) != bytes.take_front(row))
      return false;
  return true;
}

/// A table [batch, ...] that is the same for every batch element, without its batch dim; null where it may differ.
static Value dropBatch(NodeContext &node, Value table) {
  if (!table)
    return Value();
  Sizes sizes = node.sizesOf(table);
  Sizes inner(sizes.begin() + 1, sizes.end());
  if (sizes[0] == DimSize(1))
    return node.reshape(table, inner);
  if (auto constant = table.getDefiningOp<graph::ConstantOp>(); constant && hasEqualRows(constant)) {
    Sizes first = sizes;
    first[0] = DimSize(1);
    SmallVector<int64_t> starts(sizes.size(), 0), strides(sizes.size(), 1);
    return node.reshape(node.slice(table, starts, strides, first), inner);
  }
  auto repeat = table.getDefiningOp<BroadcastOp>();
  if (!repeat || llvm::is_contained(repeat.getDims(), 0))
    return Value();
  SmallVector<int64_t> dims;
  for (int64_t dim : repeat.getDims())
    dims.push_back(dim - 1);
  if (dims.size() == inner.size())
    return repeat.getInput();
  RankedTensorType type = node.makeType(inner, typeOf(table).getElementType());
  return type ? node.finish(BroadcastOp::create(node.getSession().getBuilder(), node.getLocation(), type,
                                                node.partName("broadcast"), repeat.getInput(), dims))
              : Value();
}

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
  Value positions = hasPositions ? node.input(3) : Value();
  if (hasPositions && (!positions || node.sizesOf(positions).size() != 2)) {
    node.failShape("position_ids is not [batch, seq]");
    return Value();
  }
  Value perBatch = hasPositions ? positions : table, shared = dropBatch(node, perBatch);
  Value used = shared ? shared : perBatch;
  return hasPositions ? node.gather(table, used, 0) : used;
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
  if (!split)
    return;
  Sizes sizes = node.sizesOf(split);
  if (rotated != 0 && !(sizes[3] == DimSize(rotated)))
    return node.failOp("rotating only a part of each head is not supported");
  std::optional<DimSize> half = divideExactly(sizes[3], DimSize(2));
  auto fits = [&](Value table) {
    Sizes found = node.sizesOf(table);
    return found == Sizes{sizes[2], *half} || found == Sizes{sizes[0], sizes[2], *half};
  };
  if (!half || !fits(cosine) || !fits(sine))
    return node.failShape("tables of shape " + toText(node.sizesOf(cosine)) + " do not fit heads of shape " +
                          toText(sizes));
  Type element = typeOf(split).getElementType();
  Value result = node.finish(RotaryOp::create(node.getSession().getBuilder(), node.getLocation(), split.getType(),
                                              node.partName("rotary"), split, node.cast(cosine, element),
                                              node.cast(sine, element), interleaved));
  node.setResult(0, rank == 3 ? mergeHeads(node, result) : result);
}

void partita::import::addAttentionOps(OpTable &table) {
  table.insert({{"Attention", importAttention}, {"RotaryEmbedding", importRotary}});
}
