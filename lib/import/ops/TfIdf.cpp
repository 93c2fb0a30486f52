// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- TfIdf.cpp - TfIdfVectorizer ---------------------------------------------===//
//
// Counts of given integer sequences (n-grams) in each row: for every n and every distance between their elements, all
// places are compared with all n-grams. Source: ONNX operator specification, TfIdfVectorizer-9.
//
//===----------------------------------------------------------------------===//
#include "OpTable.h"
#include "ops/Iterations.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

namespace {
/// The n-grams of one length, element after element.
struct Grams {
  int64_t length;
  std::vector<SmallVector<int64_t>> elements; ///< elements[k][g] is element k of n-gram g
};
} // namespace

/// n-grams by length; nullopt: reported.
static std::optional<std::vector<Grams>> readGrams(NodeContext &node) {
  SmallVector<int64_t> pool = node.getIntegers("pool_int64s"), starts = node.getIntegers("ngram_counts");
  std::vector<Grams> all;
  for (size_t n = 0; n < starts.size(); ++n) {
    auto length = static_cast<int64_t>(n) + 1;
    int64_t begin = starts[n], end = n + 1 < starts.size() ? starts[n + 1] : static_cast<int64_t>(pool.size());
    if (begin < 0 || end < begin || end > static_cast<int64_t>(pool.size()) || (end - begin) % length != 0) {
      node.failShape("ngram_counts do not fit the pool");
      return std::nullopt;
    }
    Grams grams{length, std::vector<SmallVector<int64_t>>(length)};
    for (int64_t i = begin; i < end; ++i)
      grams.elements[(i - begin) % length].push_back(pool[i]);
    all.push_back(std::move(grams));
  }
  return all;
}

/// How often each n-gram occurs in each row of x [rows, count] with `step` between its elements: [rows, n-grams]. There
/// is such a place.
static Value countGrams(NodeContext &node, Value x, const Grams &grams, int64_t step) {
  Sizes sizes = node.sizesOf(x);
  auto numGrams = static_cast<int64_t>(grams.elements[0].size());
  int64_t places = sizes[1].constant - (grams.length - 1) * step;
  Type f32 = Builder(x.getContext()).getF32Type();
  Sizes all{sizes[0], DimSize(places), DimSize(numGrams)};
  Value matches;
  for (int64_t k = 0; k < grams.length; ++k) {
    Value part = node.spread(node.cut(x, 1, k * step, DimSize(places)), all, {0, 1});
    Value wanted = node.spread(node.list(grams.elements[k], node.elementOf(x), "grams"), all, {2});
    Value equal = part && wanted ? node.elementwise(Kind::eq, {part, wanted}) : Value();
    matches = matches ? node.elementwise(Kind::logical_and, {matches, equal}) : equal;
  }
  return node.reduce(ReduceKind::sum, node.cast(matches, f32, "matches"), {1}, false);
}

/// All lengths and distances; [rows, n-grams] in the order of the pool.
static Value countAll(NodeContext &node, Value x, ArrayRef<Grams> pool) {
  int64_t shortest = node.getInteger("min_gram_length", 1), longest = node.getInteger("max_gram_length", 1);
  int64_t skips = std::max<int64_t>(0, node.getInteger("max_skip_count", 0)), columns = node.sizesOf(x)[1].constant;
  Type f32 = Builder(x.getContext()).getF32Type();
  Iterations iterations(node);
  SmallVector<Value> counts;
  for (const Grams &grams : pool) {
    if (grams.elements[0].empty())
      continue;
    // At the widest distance an n-gram is as long as a row.
    int64_t gaps = grams.length - 1, last = 0;
    if (grams.length >= shortest && grams.length <= longest && grams.length <= columns)
      last = gaps == 0 ? 1 : std::min((columns - 1) / gaps - 1, skips) + 1;
    Value total;
    for (int64_t step = 1; step <= last; ++step) {
      if (!iterations.mayRun(step - 1))
        return Value();
      Value count = countGrams(node, x, grams, step);
      total = total ? node.elementwise(Kind::add, {total, count}) : count;
    }
    Sizes none{node.sizesOf(x)[0], DimSize(static_cast<int64_t>(grams.elements[0].size()))};
    if (!total)
      total = node.spread(node.constant(0, f32), none, {});
    counts.push_back(total);
  }
  return counts.empty() ? Value() : node.concat(counts, 1);
}

static Value weigh(NodeContext &node, Value counts, llvm::StringRef mode) {
  const onnx::Attribute *weights = node.getAttribute("weights");
  if (mode == "TF" || !counts)
    return counts;
  Type f32 = node.elementOf(counts);
  DimSize numGrams = node.sizesOf(counts)[1];
  Value weight;
  if (weights && DimSize(weights->floats_size()) == numGrams) {
    auto type = RankedTensorType::get({weights->floats_size()}, f32);
    std::vector<float> values(weights->floats().begin(), weights->floats().end());
    weight = node.getSession().makeConstant(node.getLocation(), DenseElementsAttr::get(type, ArrayRef<float>(values)),
                                            node.partName("weights"));
  } else if (weights) {
    return node.failShape("weights do not fit the n-grams"), Value();
  } else {
    weight = node.spread(node.constant(1, f32), {numGrams}, {});
  }
  if (mode == "TFIDF")
    return node.elementwise(Kind::mul, {counts, weight});
  Value occurs = node.withNumber(Kind::gt, counts, 0);
  return node.elementwise(Kind::mul, {node.cast(occurs, f32, "occurs"), weight});
}

static void importTfIdf(NodeContext &node) {
  Value x = node.input(0);
  std::string mode = node.getText("mode", "TF");
  std::optional<std::vector<Grams>> pool = readGrams(node);
  SmallVector<int64_t> indexes = node.getIntegers("ngram_indexes");
  if (node.hasAttribute("pool_strings"))
    return node.failOp("n-grams of text are not supported");
  if (!x || !pool)
    return;
  Sizes sizes = node.sizesOf(x);
  bool isRow = sizes.size() == 1, isInteger = isa<IntegerType>(node.elementOf(x));
  if ((!isRow && sizes.size() != 2) || !sizes.back().isStatic() || !isInteger || indexes.size() > 128 ||
      (mode != "TF" && mode != "IDF" && mode != "TFIDF"))
    return node.failOp("mode='" + mode + "' with " + llvm::Twine(indexes.size()) + " n-grams on shape " +
                       toText(sizes) + " is not supported");
  if (isRow)
    x = node.reshape(x, {DimSize(1), sizes[0]});
  Value counts = x ? weigh(node, countAll(node, x, *pool), mode) : Value();
  int64_t largest = -1;
  for (int64_t index : indexes)
    largest = index < 0 ? largestSize : std::max(largest, index);
  if (!counts || !(node.sizesOf(counts)[1] == DimSize(static_cast<int64_t>(indexes.size()))) || largest >= (1 << 24))
    return node.hasFailed() ? void() : node.failShape("ngram_indexes do not fit the n-grams");
  Value places = node.list(indexes, node.indexType(), "indexes");
  Value vector = node.scatterAlong(ScatterKind::add, places, counts, Value(), 1, {1}, DimSize(largest + 1));
  node.setResult(0, isRow ? node.reshape(vector, {DimSize(largest + 1)}) : vector);
}

void partita::import::addTextOps(OpTable &table) { table.insert({{"TfIdfVectorizer", importTfIdf}}); }
