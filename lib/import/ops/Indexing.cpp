// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Indexing.cpp - Gathering and scattering by index tensors ----------------===//
#include "OpTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

static SmallVector<int64_t> countUp(int64_t count) {
  SmallVector<int64_t> numbers;
  for (int64_t i = 0; i < count; ++i)
    numbers.push_back(i);
  return numbers;
}

static std::optional<int64_t> readAxis(NodeContext &node, int64_t rank, int64_t defaultAxis = 0) {
  return node.normalizeAxis(node.getInteger("axis", defaultAxis), rank);
}

//===-- GatherElements, ScatterElements ---------------------------------------------------------------------------===//

/// Checks that dims of `indices` other than the axis fit into those of the data. False: reported.
static bool fitsInto(NodeContext &node, const Sizes &indices, const Sizes &data, int64_t axis) {
  bool fits = indices.size() == data.size();
  for (size_t dim = 0; fits && dim < data.size(); ++dim)
    fits = static_cast<int64_t>(dim) == axis || indices[dim] == data[dim] ||
           (indices[dim].isStatic() && indices[dim].constant <= data[dim].minimum().value_or(-1));
  if (!fits)
    node.failShape("indices of shape " + toText(indices) + " do not fit data of shape " + toText(data));
  return fits;
}

static void importGatherElements(NodeContext &node) {
  Value data = node.input(0), indices = node.input(1);
  if (!data || !indices)
    return;
  Sizes from = node.sizesOf(data), of = node.sizesOf(indices);
  std::optional<int64_t> axis = readAxis(node, static_cast<int64_t>(from.size()));
  if (!axis || !fitsInto(node, of, from, *axis))
    return;
  for (size_t dim = 0; dim < from.size(); ++dim)
    if (static_cast<int64_t>(dim) != *axis)
      data = node.cut(data, static_cast<int64_t>(dim), 0, of[dim]);
  node.setResult(0, node.gatherAlong(data, indices, *axis, countUp(static_cast<int64_t>(from.size()))));
}

/// nullopt: reported.
static std::optional<ScatterKind> readKind(NodeContext &node) {
  std::string reduction = node.getText("reduction", "none");
  if (reduction == "none")
    return ScatterKind::update;
  if (std::optional<ScatterKind> kind = symbolizeScatterKind(reduction); kind && reduction != "update")
    return kind;
  node.failOp("reduction='" + reduction + "' is not supported");
  return std::nullopt;
}

static ElementwiseKind combinationOf(ScatterKind kind) {
  return kind == ScatterKind::add   ? ElementwiseKind::add
         : kind == ScatterKind::max ? ElementwiseKind::max
                                    : ElementwiseKind::min;
}

/// Scatters into `data`. What parts of the updates may be reduced by ranks is scattered apart and then combined.
static Value scatterInto(NodeContext &node, ScatterKind kind, Value data, Value indices, Value updates, int64_t axis,
                         ArrayRef<int64_t> dims) {
  if (!data)
    return Value();
  DimSize extent = node.sizesOf(data)[axis];
  if (kind == ScatterKind::update || kind == ScatterKind::mul)
    return node.scatterAlong(kind, indices, updates, data, axis, dims, extent);
  Value scattered = node.scatterAlong(kind, indices, updates, Value(), axis, dims, extent);
  return scattered ? node.elementwise(combinationOf(kind), {data, scattered}) : Value();
}

/// The same where the indices cover the first part of some dims only: the rest stays as it is.
static Value scatterBox(NodeContext &node, ScatterKind kind, Value data, Value indices, Value updates, int64_t axis,
                        int64_t dim) {
  if (!data)
    return Value();
  Sizes sizes = node.sizesOf(data), covered = node.sizesOf(indices);
  auto rank = static_cast<int64_t>(sizes.size());
  while (dim < rank && (dim == axis || sizes[dim] == covered[dim]))
    ++dim;
  if (dim == rank)
    return scatterInto(node, kind, data, indices, updates, axis, countUp(rank));
  std::optional<DimSize> left = addChecked(sizes[dim], covered[dim] * -1);
  Value inner = scatterBox(node, kind, node.cut(data, dim, 0, covered[dim]), indices, updates, axis, dim + 1);
  if (!left || !left->isStatic() || !covered[dim].isStatic())
    return node.failShape("indices that cover a part of a symbolic dimension are not supported"), Value();
  return node.concat({inner, node.cut(data, dim, covered[dim].constant, *left)}, dim);
}

static void importScatterElements(NodeContext &node) {
  Value data = node.input(0), indices = node.input(1), updates = node.input(2);
  std::optional<ScatterKind> kind = readKind(node);
  if (!data || !indices || !updates || !kind)
    return;
  Sizes sizes = node.sizesOf(data), of = node.sizesOf(indices);
  std::optional<int64_t> axis = readAxis(node, static_cast<int64_t>(sizes.size()));
  if (!axis || !fitsInto(node, of, sizes, *axis))
    return;
  if (node.sizesOf(updates) != of)
    return node.failShape("updates of shape " + toText(node.sizesOf(updates)) + " for indices of shape " + toText(of));
  node.setResult(0, scatterBox(node, *kind, data, indices, updates, *axis, 0));
}

//===-- GatherND, ScatterND ---------------------------------------------------------------------------------------===//

namespace {
/// Indices into the first dims of a tensor, as row numbers of the tensor with these dims merged.
struct Rows {
  Value table;  ///< [batch..., rows, rest...]
  Value places; ///< [batch..., number of places], or any shape without batch dims
  Sizes batch, middle, rest;
  DimSize count; ///< rows
};
} // namespace

/// Counted from the start; negative ones and those outside give `extent`, which is outside of every table.
static Value makeInside(NodeContext &node, Value index, int64_t extent) {
  Type element = node.elementOf(index);
  Value wrapped = index;
  if (element.isSignedInteger()) {
    Value isNegative = node.withNumber(ElementwiseKind::lt, index, 0, "negative");
    wrapped = node.elementwise(
        ElementwiseKind::select,
        {isNegative, node.withNumber(ElementwiseKind::add, index, static_cast<double>(extent)), index}, "wrapped");
  }
  return wrapped;
}

/// One row number for each vector of the last dim; nullopt: reported.
static Value mergeIndices(NodeContext &node, Value indices, ArrayRef<int64_t> extents) {
  Sizes sizes = node.sizesOf(indices), one(sizes.begin(), sizes.end() - 1);
  auto last = static_cast<int64_t>(sizes.size()) - 1;
  int64_t total = 1;
  for (int64_t extent : extents)
    total *= extent;
  indices = node.cast(indices, node.indexType(), "indices");
  Value row, isOutside;
  int64_t stride = 1;
  for (int64_t k = static_cast<int64_t>(extents.size()) - 1; k >= 0; --k) {
    Value index = node.reshape(node.cut(indices, last, k, DimSize(1)), one);
    if (extents.size() == 1)
      return index;
    index = makeInside(node, index, extents[k]);
    Value low = node.withNumber(ElementwiseKind::lt, index, 0),
          high = node.withNumber(ElementwiseKind::ge, index, static_cast<double>(extents[k]));
    Value outside = node.elementwise(ElementwiseKind::logical_or, {low, high});
    Value term = node.withNumber(ElementwiseKind::mul, index, static_cast<double>(stride));
    row = row ? node.elementwise(ElementwiseKind::add, {row, term}) : term;
    isOutside = isOutside ? node.elementwise(ElementwiseKind::logical_or, {isOutside, outside}) : outside;
    stride *= extents[k];
  }
  // A wrong component must not become another row.
  Value nowhere = row ? node.constant(static_cast<double>(total), node.indexType()) : Value();
  return row ? node.elementwise(ElementwiseKind::select, {isOutside, nowhere, row}, "row") : Value();
}

static std::optional<Rows> findRows(NodeContext &node, Value data, Value indices, int64_t batch) {
  Sizes from = node.sizesOf(data), of = node.sizesOf(indices);
  auto rank = static_cast<int64_t>(from.size());
  int64_t depth = !of.empty() && of.back().isStatic() ? of.back().constant : -1;
  bool fits = batch >= 0 && batch < static_cast<int64_t>(of.size()) && depth >= 1 && depth <= rank - batch;
  for (int64_t dim = 0; fits && dim < batch; ++dim)
    fits = from[dim] == of[dim];
  if (!fits) {
    node.failShape("indices of shape " + toText(of) + " do not fit data of shape " + toText(from));
    return std::nullopt;
  }
  Rows rows{{},
            {},
            Sizes(from.begin(), from.begin() + batch),
            Sizes(of.begin() + batch, of.end() - 1),
            Sizes(from.begin() + batch + depth, from.end()),
            DimSize(1)};
  SmallVector<int64_t> extents;
  for (int64_t dim = batch; dim < batch + depth; ++dim) {
    if (!from[dim].isStatic() && depth > 1) {
      node.failShape("indices into a symbolic dimension together with others are not supported");
      return std::nullopt;
    }
    extents.push_back(from[dim].constant);
    std::optional<DimSize> product = multiplyChecked(rows.count, from[dim]);
    rows.count = product.value_or(DimSize(0));
  }
  Sizes merged = rows.batch;
  merged.push_back(rows.count);
  merged.insert(merged.end(), rows.rest.begin(), rows.rest.end());
  rows.table = node.reshape(data, merged, "rows");
  rows.places = mergeIndices(node, indices, extents);
  return rows.table && rows.places ? std::optional<Rows>(rows) : std::nullopt;
}

static Sizes joined(std::initializer_list<Sizes> parts) {
  Sizes all;
  for (const Sizes &part : parts)
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

static void importGatherND(NodeContext &node) {
  Value data = node.input(0), indices = node.input(1);
  int64_t batch = node.getInteger("batch_dims", 0);
  if (!data || !indices)
    return;
  std::optional<Rows> rows = findRows(node, data, indices, batch);
  if (!rows)
    return;
  if (batch == 0)
    return node.setResult(0, node.gather(rows->table, rows->places, 0));
  std::optional<DimSize> count = divideProducts(rows->middle, {});
  if (!count)
    return node.failShape("the number of indices is not linear in the symbolic dimensions");
  Value places = node.reshape(rows->places, joined({rows->batch, {*count}}));
  Value picked = node.gatherAlong(rows->table, places, batch, countUp(batch + 1));
  node.setResult(0, node.reshape(picked, joined({rows->batch, rows->middle, rows->rest})));
}

static void importScatterND(NodeContext &node) {
  Value data = node.input(0), indices = node.input(1), updates = node.input(2);
  std::optional<ScatterKind> kind = readKind(node);
  if (!data || !indices || !updates || !kind)
    return;
  std::optional<Rows> rows = findRows(node, data, indices, 0);
  if (!rows)
    return;
  std::optional<DimSize> count = divideProducts(rows->middle, {});
  if (!count || node.sizesOf(updates) != joined({rows->middle, rows->rest}))
    return node.failShape("updates of shape " + toText(node.sizesOf(updates)) + " do not fit the indices");
  Value places = node.reshape(rows->places, {*count}), flat = node.reshape(updates, joined({{*count}, rows->rest}));
  Value scattered = places && flat ? scatterInto(node, *kind, rows->table, places, flat, 0, {0}) : Value();
  node.setResult(0, node.reshape(scattered, node.sizesOf(data)));
}

//===-- OneHot, TopK, CumSum, ReverseSequence ---------------------------------------------------------------------===//

/// The only number of an input, integer or float; nullopt: reported.
static std::optional<int64_t> readCount(NodeContext &node, int index, const char *what) {
  const Known *known = node.known(index);
  if (known && known->elements.size() == 1 && known->elements[0].isStatic())
    return known->elements[0].constant;
  if (std::optional<double> number = node.scalar(index))
    return static_cast<int64_t>(*number);
  node.failNeedsValue(index, what);
  return std::nullopt;
}

static void importOneHot(NodeContext &node) {
  Value indices = node.input(0), values = node.input(2);
  std::optional<int64_t> depth = readCount(node, 1, "the number of classes");
  if (!indices || !values || !depth)
    return;
  Sizes sizes = node.sizesOf(indices), to = sizes;
  auto rank = static_cast<int64_t>(sizes.size());
  std::optional<int64_t> axis = readAxis(node, rank + 1, -1);
  if (!axis || node.sizesOf(values) != Sizes{DimSize(2)})
    return axis ? node.failShape("values are not a pair (off, on)") : void();
  to.insert(to.begin() + *axis, DimSize(*depth));
  SmallVector<int64_t> dims;
  for (int64_t dim = 0; dim < rank; ++dim)
    dims.push_back(dim + (dim >= *axis ? 1 : 0));
  Value places = makeInside(node, node.cast(indices, node.indexType(), "indices"), *depth);
  Value classes = node.iota(DimSize(*depth), node.indexType());
  Value isHot = node.elementwise(ElementwiseKind::eq,
                                 {node.spread(places, to, dims), node.spread(classes, to, {*axis}, "classes")});
  Value off = node.reshape(node.cut(values, 0, 0, DimSize(1), 1, "off"), {});
  Value on = node.reshape(node.cut(values, 0, 1, DimSize(1), 1, "on"), {});
  node.setResult(0, isHot && on && off ? node.elementwise(ElementwiseKind::select, {isHot, on, off}) : Value());
}

static void importTopK(NodeContext &node) {
  Value x = node.input(0);
  std::optional<int64_t> count;
  if (node.getOpset() >= 10)
    count = readCount(node, 1, "the number of elements");
  else
    count = node.getInteger("k", 1);
  bool largest = node.getInteger("largest", 1) != 0;
  // Sorted results are a valid answer where any order is allowed.
  node.ignore({"sorted"});
  if (!x || !count)
    return;
  Sizes sizes = node.sizesOf(x);
  std::optional<int64_t> axis = readAxis(node, static_cast<int64_t>(sizes.size()), -1);
  if (!axis)
    return;
  if (*count < 0 || *count > sizes[*axis].minimum().value_or(0))
    return node.failShape(llvm::Twine(*count) + " elements of a dimension of extent " + toText(sizes[*axis]));
  Value places = node.topK(x, *axis, DimSize(*count), largest);
  node.setResult(0, node.gatherAlong(x, places, *axis, countUp(static_cast<int64_t>(sizes.size())), "values"));
  node.setResult(1, places);
}

template <ReduceKind kind> static void importCumulative(NodeContext &node) {
  Value x = node.input(0);
  std::optional<int64_t> written = readCount(node, 1, "an axis");
  bool exclusive = node.getInteger("exclusive", 0) != 0, reverse = node.getInteger("reverse", 0) != 0;
  if (!x || !written)
    return;
  std::optional<int64_t> axis = node.normalizeAxis(*written, static_cast<int64_t>(node.sizesOf(x).size()));
  if (axis)
    node.setResult(0, node.cumulative(kind, x, *axis, exclusive, reverse));
}

/// The first lengths[b] elements along the time axis in reversed order, the others as they are.
static void importReverseSequence(NodeContext &node) {
  Value x = node.input(0), lengths = node.input(1);
  int64_t batchAxis = node.getInteger("batch_axis", 1), timeAxis = node.getInteger("time_axis", 0);
  if (!x || !lengths)
    return;
  Sizes sizes = node.sizesOf(x);
  bool areFirst = (batchAxis == 0 && timeAxis == 1) || (batchAxis == 1 && timeAxis == 0);
  if (sizes.size() < 2 || !areFirst || node.sizesOf(lengths) != Sizes{sizes[batchAxis]})
    return node.failShape("sequences of shape " + toText(sizes) + " with lengths of shape " +
                          toText(node.sizesOf(lengths)));
  Sizes both{sizes[0], sizes[1]};
  Value time = node.spread(node.iota(sizes[timeAxis], node.indexType()), both, {timeAxis}, "time");
  Value length = node.spread(node.cast(lengths, node.indexType(), "lengths"), both, {batchAxis}, "length");
  Value isReversed = node.elementwise(ElementwiseKind::lt, {time, length});
  Value mirrored = node.elementwise(ElementwiseKind::sub, {node.withNumber(ElementwiseKind::sub, length, 1), time});
  Value places =
      isReversed && mirrored ? node.elementwise(ElementwiseKind::select, {isReversed, mirrored, time}) : Value();
  node.setResult(0, node.gatherAlong(x, places, timeAxis, {0, 1}));
}

//===-- Trilu, Compress -------------------------------------------------------------------------------------------===//

static void importTrilu(NodeContext &node) {
  Value x = node.input(0);
  bool upper = node.getInteger("upper", 1) != 0;
  std::optional<int64_t> diagonal = 0;
  if (node.hasInput(1))
    diagonal = readCount(node, 1, "a diagonal");
  if (!x || !diagonal)
    return;
  Sizes sizes = node.sizesOf(x);
  if (sizes.size() < 2)
    return node.failShape("a tensor of rank " + llvm::Twine(sizes.size()) + " has no triangle");
  Sizes both(sizes.end() - 2, sizes.end());
  Value row = node.spread(node.iota(both[0], node.indexType()), both, {0}, "row");
  Value column = node.spread(node.iota(both[1], node.indexType()), both, {1}, "column");
  Value shifted =
      node.withNumber(ElementwiseKind::add, row, static_cast<double>(std::clamp(*diagonal, -largestSize, largestSize)));
  Value keeps = column && shifted
                    ? node.elementwise(upper ? ElementwiseKind::ge : ElementwiseKind::le, {column, shifted}, "keeps")
                    : Value();
  Value zero = node.constant(0, node.elementOf(x));
  node.setResult(0, keeps ? node.elementwise(ElementwiseKind::select, {keeps, x, zero}) : Value());
}

static void importCompress(NodeContext &node) {
  Value x = node.input(0);
  const Known *condition = node.known(1);
  if (!x)
    return;
  if (!condition || !condition->isStatic())
    return node.failNeedsValue(1, "a list of bools (the number of results depends on it)");
  Sizes sizes = node.sizesOf(x);
  int64_t axis = 0;
  if (node.hasAttribute("axis")) {
    std::optional<int64_t> given = readAxis(node, static_cast<int64_t>(sizes.size()));
    if (!given)
      return;
    axis = *given;
  } else {
    std::optional<DimSize> count = divideProducts(sizes, {});
    if (!count)
      return node.failShape("flattening " + toText(sizes) + " gives an extent that is not linear");
    x = node.reshape(x, {*count});
  }
  SmallVector<int64_t> kept;
  for (auto [index, element] : llvm::enumerate(condition->elements))
    if (element.constant != 0)
      kept.push_back(static_cast<int64_t>(index));
  if (!kept.empty() && x && kept.back() >= node.sizesOf(x)[axis].minimum().value_or(0))
    return node.failShape("the condition is longer than the dimension");
  node.setResult(0, node.gather(x, node.list(kept, node.indexType()), axis));
}

void partita::import::addIndexingOps(OpTable &table) {
  table.insert({{"GatherElements", importGatherElements},
                {"ScatterElements", importScatterElements},
                {"Scatter", importScatterElements},
                {"GatherND", importGatherND},
                {"ScatterND", importScatterND},
                {"OneHot", importOneHot},
                {"TopK", importTopK},
                {"CumSum", importCumulative<ReduceKind::sum>},
                {"CumProd", importCumulative<ReduceKind::prod>},
                {"ReverseSequence", importReverseSequence},
                {"Trilu", importTrilu},
                {"Compress", importCompress}});
}
