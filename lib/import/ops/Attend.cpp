// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Attend.cpp - Heads, masks and the attention itself ----------------------===//
#include "OpTable.h"
#include "ops/Attention.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

static RankedTensorType typeOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()); }

Value partita::import::splitHeads(NodeContext &node, Value value, int64_t heads, llvm::StringRef part) {
  Sizes sizes = node.sizesOf(value);
  std::optional<DimSize> depth = heads > 0 ? divideExactly(sizes[2], DimSize(heads)) : std::nullopt;
  if (!depth) {
    node.failShape("an input of shape " + toText(sizes) + " does not have " + llvm::Twine(heads) + " heads");
    return Value();
  }
  Value split = node.reshape(value, {sizes[0], sizes[1], DimSize(heads), *depth}, (part + "/heads").str());
  return node.transpose(split, {0, 2, 1, 3}, (part + "/transpose").str());
}

Value partita::import::mergeHeads(NodeContext &node, Value value) {
  if (!value)
    return Value();
  Sizes sizes = node.sizesOf(value);
  std::optional<DimSize> width = multiplyChecked(sizes[1], sizes[3]);
  if (!width)
    return Value();
  Value turned = node.transpose(value, {0, 2, 1, 3}, "result/transpose");
  return node.reshape(turned, {sizes[0], sizes[2], *width}, "result");
}

//===-- Masks -----------------------------------------------------------------------------------------------------===//

Value partita::import::hideWhereFalse(NodeContext &node, Value visible, double hidden, Type element) {
  if (!visible)
    return Value();
  return node.elementwise(Kind::select, {visible, node.constant(0.0, element), node.constant(hidden, element)}, "mask");
}

Value partita::import::addMasks(NodeContext &node, Value a, Value b) {
  return !a ? b : !b ? a : node.elementwise(Kind::add, {a, b}, "masks");
}

Value partita::import::findVisible(NodeContext &node, const DimSize &queries, const DimSize &keys, Value offset,
                                   int64_t window) {
  if (!offset)
    return Value();
  Type index = typeOf(offset).getElementType();
  Value place = node.elementwise(Kind::add, {makePositions(node, queries, 2, 4, index), offset}, "places");
  Value key = makePositions(node, keys, 3, 4, index);
  Value visible = node.elementwise(Kind::le, {key, place}, "visible");
  if (window <= 0)
    return visible;
  Value first = node.withNumber(Kind::sub, place, static_cast<double>(window), "window");
  return node.elementwise(Kind::logical_and, {visible, node.elementwise(Kind::gt, {key, first})}, "visible");
}

//===-- Attention -------------------------------------------------------------------------------------------------===//

/// Reports what does not fit together.
static bool checkShapes(NodeContext &node, const Attention &from) {
  if (!from.query || !from.key || !from.value)
    return false;
  Sizes q = node.sizesOf(from.query), k = node.sizesOf(from.key), v = node.sizesOf(from.value);
  Type element = typeOf(from.query).getElementType();
  bool fits = q.size() == 4 && k.size() == 4 && v.size() == 4 && q[0] == k[0] && q[0] == v[0] && k[1] == v[1] &&
              q[1].isStatic() && k[1].isStatic() && k[1].constant > 0 && q[1].constant % k[1].constant == 0 &&
              q[3] == k[3] && k[2] == v[2] && q[3].isStatic() && q[3].constant > 0 && isa<FloatType>(element) &&
              typeOf(from.key).getElementType() == element && typeOf(from.value).getElementType() == element;
  if (!fits)
    node.failShape("query " + toText(q) + ", key " + toText(k) + " and value " + toText(v) + " do not fit together");
  return fits;
}

/// The mask with all queries and keys; null where there is none, or after a report.
static Value fitMask(NodeContext &node, const Attention &from) {
  if (!from.mask)
    return Value();
  Sizes q = node.sizesOf(from.query), full = {q[0], q[1], q[2], node.sizesOf(from.key)[2]};
  Sizes sizes = node.sizesOf(from.mask);
  std::optional<Sizes> common = sizes.size() == 4 ? node.broadcastSizes({full, sizes}) : std::nullopt;
  if (!common || *common != full) {
    node.failShape("the mask " + toText(sizes) + " does not fit scores of shape " + toText(full));
    return Value();
  }
  return node.broadcast(node.cast(from.mask, typeOf(from.query).getElementType()),
                        {sizes[0], sizes[1], full[2], full[3]}, "mask/broadcast");
}

namespace {

/// Attention as the small ops that it is made of, where something between them is asked for.
class SmallOps {
public:
  SmallOps(NodeContext &node, const Attention &from, double scale, Value mask)
      : node(node), from(from), scale(scale), mask(mask), query(node.sizesOf(from.query)), key(node.sizesOf(from.key)),
        groups(key[1]), repeats(query[1].constant / key[1].constant) {}

  Attended build() {
    Value scores = node.contract(grouped(from.query), from.key, "bgrsd,bgtd->bgrst", "scores");
    scores = node.reshape(scores, {query[0], query[1], query[2], key[2]}, "scores/heads");
    Value scaled = node.withNumber(Kind::mul, scores, scale, "scaled");
    Value capped = from.softcap == 0.0 ? scaled : cap(scaled);
    Value masked = addMasks(node, capped, mask);
    if (from.isCausal)
      masked = addMasks(node, masked, makeTriangle());
    Value probabilities = guard(softmax(masked));
    Value mixed = node.contract(grouped(probabilities), from.value, "bgrst,bgtd->bgrsd", "mixed");
    const Value kinds[] = {scaled, capped, masked, probabilities};
    return {node.reshape(mixed, {query[0], query[1], query[2], node.sizesOf(from.value)[3]}, "mixed/heads"),
            from.wanted ? kinds[static_cast<size_t>(*from.wanted)] : Value()};
  }

private:
  /// [batch, groups, repeats, ...]
  Value grouped(Value value) {
    if (!value)
      return Value();
    Sizes sizes = node.sizesOf(value);
    return node.reshape(value, {sizes[0], groups, DimSize(repeats), sizes[2], sizes[3]}, "groups");
  }
  Value cap(Value scaled) {
    Value bent = node.elementwise(Kind::tanh, {node.withNumber(Kind::div, scaled, from.softcap)});
    return node.withNumber(Kind::mul, bent, from.softcap, "capped");
  }
  Value makeTriangle() {
    Type index = node.indexType(), element = typeOf(from.query).getElementType();
    DimSize offset = key[2] + query[2] * -1;
    if (!offset.isStatic()) {
      node.failShape("is causal with " + toText(query[2]) + " queries and " + toText(key[2]) + " keys");
      return Value();
    }
    Value shift = node.constant(static_cast<double>(offset.constant), index);
    return hideWhereFalse(node, findVisible(node, query[2], key[2], shift), -std::numeric_limits<double>::infinity(),
                          element);
  }
  Value softmax(Value masked) {
    if (!masked)
      return Value();
    if (from.sink)
      masked = node.concat({masked, node.spread(node.cast(from.sink, typeOf(masked).getElementType()),
                                                {query[0], query[1], query[2], DimSize(1)}, {1}, "sink")},
                           3);
    Value result = masked ? node.finish(SoftmaxOp::create(node.getSession().getBuilder(), node.getLocation(),
                                                          masked.getType(), node.partName("softmax"), masked, 3))
                          : Value();
    return from.sink ? node.cut(result, 3, 0, key[2]) : result;
  }
  Value guard(Value probabilities) {
    if (!probabilities || !from.isGuarded)
      return probabilities;
    Value isNan = node.elementwise(Kind::ne, {probabilities, probabilities});
    Value zero = node.constant(0.0, typeOf(probabilities).getElementType());
    return node.elementwise(Kind::select, {isNan, zero, probabilities}, "guarded");
  }

  NodeContext &node;
  const Attention &from;
  double scale;
  Value mask;
  Sizes query, key;
  DimSize groups;
  int64_t repeats;
};

} // namespace

Attended partita::import::attend(NodeContext &node, const Attention &from) {
  if (node.hasFailed() || !checkShapes(node, from))
    return {};
  Sizes q = node.sizesOf(from.query);
  double scale = from.scale == 0.0 ? 1.0 / std::sqrt(static_cast<double>(q[3].constant)) : from.scale;
  Value mask = fitMask(node, from);
  if (node.hasFailed())
    return {};
  if (from.softcap != 0.0 || from.sink || from.wanted)
    return SmallOps(node, from, scale, mask).build();
  RankedTensorType type =
      node.makeType({q[0], q[1], q[2], node.sizesOf(from.value)[3]}, typeOf(from.query).getElementType());
  if (!type)
    return {};
  return {node.finish(AttentionOp::create(node.getSession().getBuilder(), node.getLocation(), type,
                                          node.partName("attention"), from.query, from.key, from.value, mask,
                                          llvm::APFloat(scale), from.isCausal, from.isGuarded)),
          Value()};
}

//===-- Rotary embeddings -----------------------------------------------------------------------------------------===//

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

Value partita::import::dropBatch(NodeContext &node, Value table) {
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

Value partita::import::readRows(NodeContext &node, Value table, Value positions) {
  Value shared = dropBatch(node, positions);
  return node.gather(table, shared ? shared : positions, 0);
}

Value partita::import::rotate(NodeContext &node, Value heads, Value cosine, Value sine, int64_t rotated,
                              bool isInterleaved) {
  if (!heads || !cosine || !sine)
    return Value();
  Sizes sizes = node.sizesOf(heads);
  DimSize depth = rotated == 0 ? sizes[3] : DimSize(rotated);
  std::optional<DimSize> half = divideExactly(depth, DimSize(2)), rest = addChecked(sizes[3], depth * -1);
  auto fits = [&](Value table) {
    Sizes found = node.sizesOf(table);
    return found == Sizes{sizes[2], *half} || found == Sizes{sizes[0], sizes[2], *half};
  };
  if (!half || !rest || rest->minimum().value_or(-1) < 0 || !fits(cosine) || !fits(sine)) {
    node.failShape("tables of shape " + toText(node.sizesOf(cosine)) + " do not fit heads of shape " + toText(sizes));
    return Value();
  }
  Type element = typeOf(heads).getElementType();
  Value turned = node.cut(heads, 3, 0, depth, 1, "rotated");
  if (!turned)
    return Value();
  Value result = node.finish(RotaryOp::create(node.getSession().getBuilder(), node.getLocation(), turned.getType(),
                                              node.partName("rotary"), turned, node.cast(cosine, element),
                                              node.cast(sine, element), isInterleaved));
  if (*rest == DimSize(0))
    return result;
  return node.concat({result, node.cut(heads, 3, depth.constant, *rest, 1, "kept")}, 3, "whole");
}
