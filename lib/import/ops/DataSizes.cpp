// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- DataSizes.cpp - Operators whose number of results depends on data -------===//
//
// NonZero, Unique and NonMaxSuppression are computed while importing, from short operands that are known then; sizes
// are part of a program, so that they are refused otherwise. Formulas: ONNX operator specification.
//
//===----------------------------------------------------------------------===//
#include "OpTable.h"

#include <algorithm>
#include <numeric>

using namespace mlir;
using namespace partita;
using namespace partita::import;

namespace {
/// A known operand.
struct Numbers {
  SmallVector<int64_t> shape;
  std::vector<double> values;
};
} // namespace

/// nullopt: reported.
static std::optional<Numbers> readNumbers(NodeContext &node, int index) {
  Value value = node.input(index);
  if (!value)
    return std::nullopt;
  std::optional<std::vector<double>> values = node.getSession().getNumbers(node.getInputName(index));
  if (!values) {
    node.failNeedsValue(index, "a short tensor (the number of results depends on its values)");
    return std::nullopt;
  }
  Numbers numbers{{}, *values};
  for (const DimSize &size : node.sizesOf(value))
    numbers.shape.push_back(size.constant);
  return numbers;
}

static Value makeTable(NodeContext &node, ArrayRef<int64_t> numbers, const Sizes &shape, llvm::StringRef part) {
  if (numbers.size() > mostKnownElements)
    return node.failShape("more than " + llvm::Twine(mostKnownElements) + " results"), Value();
  return node.reshape(node.list(numbers, node.indexType(), part), shape);
}

/// The places of all elements that are not zero, as columns.
static void importNonZero(NodeContext &node) {
  std::optional<Numbers> x = readNumbers(node, 0);
  if (!x)
    return;
  auto rank = static_cast<int64_t>(x->shape.size());
  SmallVector<int64_t> found, table;
  for (auto [place, value] : llvm::enumerate(x->values))
    if (value != 0)
      found.push_back(static_cast<int64_t>(place));
  // A scalar counts as a list of one.
  SmallVector<int64_t> shape(x->shape);
  if (rank == 0)
    shape.push_back(1);
  for (size_t dim = 0; dim < shape.size(); ++dim) {
    int64_t stride = 1;
    for (size_t inner = dim + 1; inner < shape.size(); ++inner)
      stride *= shape[inner];
    for (int64_t place : found)
      table.push_back(place / stride % shape[dim]);
  }
  node.setResult(0,
                 makeTable(node, table,
                           {DimSize(static_cast<int64_t>(shape.size())), DimSize(static_cast<int64_t>(found.size()))},
                           "places"));
}

/// Slices along the middle dim of [outer, count, inner], compared element by element.
static bool isLess(const Numbers &x, int64_t count, int64_t inner, int64_t a, int64_t b) {
  auto outer = static_cast<int64_t>(x.values.size()) / std::max<int64_t>(1, count * inner);
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      double left = x.values[(o * count + a) * inner + i], right = x.values[(o * count + b) * inner + i];
      if (left != right)
        return left < right;
    }
  return false;
}

static void importUnique(NodeContext &node) {
  std::optional<Numbers> x = readNumbers(node, 0);
  bool isSorted = node.getInteger("sorted", 1) != 0, isFlat = !node.hasAttribute("axis");
  if (!x)
    return;
  auto rank = static_cast<int64_t>(x->shape.size());
  std::optional<int64_t> axis = isFlat ? 0 : node.normalizeAxis(node.getInteger("axis", 0), rank);
  if (!axis)
    return;
  int64_t count = isFlat ? static_cast<int64_t>(x->values.size()) : x->shape[*axis], inner = 1;
  for (int64_t dim = *axis + 1; dim < rank && !isFlat; ++dim)
    inner *= x->shape[dim];
  std::vector<int64_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return isLess(*x, count, inner, a, b) || (!isLess(*x, count, inner, b, a) && a < b);
  });
  // Equal slices are neighbours now, the first one of each group first.
  SmallVector<int64_t> groupOf(count), first, size;
  for (auto [place, slice] : llvm::enumerate(order)) {
    if (place == 0 || isLess(*x, count, inner, order[place - 1], slice)) {
      first.push_back(slice);
      size.push_back(0);
    }
    groupOf[slice] = static_cast<int64_t>(first.size()) - 1;
    ++size.back();
  }
  std::vector<int64_t> rankOf(first.size()), groups(first.size());
  std::iota(groups.begin(), groups.end(), 0);
  if (!isSorted)
    std::sort(groups.begin(), groups.end(), [&](int64_t a, int64_t b) { return first[a] < first[b]; });
  SmallVector<int64_t> indices, inverse, counts;
  for (auto [place, group] : llvm::enumerate(groups)) {
    rankOf[group] = static_cast<int64_t>(place);
    indices.push_back(first[group]);
    counts.push_back(size[group]);
  }
  for (int64_t slice = 0; slice < count; ++slice)
    inverse.push_back(rankOf[groupOf[slice]]);
  DimSize numGroups(static_cast<int64_t>(groups.size()));
  Value places = makeTable(node, indices, {numGroups}, "indices");
  Value data = isFlat ? node.reshape(node.input(0), {DimSize(count)}) : node.input(0);
  node.setResult(0, node.gather(data, places, *axis));
  if (node.hasResult(1))
    node.setResult(1, places);
  if (node.hasResult(2))
    node.setResult(2, makeTable(node, inverse, {DimSize(count)}, "inverse"));
  if (node.hasResult(3))
    node.setResult(3, makeTable(node, counts, {numGroups}, "counts"));
}

//===-- NonMaxSuppression -----------------------------------------------------------------------------------------===//

namespace {
struct Box {
  double top, left, bottom, right;
};
} // namespace

static Box readBox(const double *corner, bool isCentre) {
  if (isCentre)
    return {corner[1] - corner[3] / 2, corner[0] - corner[2] / 2, corner[1] + corner[3] / 2, corner[0] + corner[2] / 2};
  return {std::min(corner[0], corner[2]), std::min(corner[1], corner[3]), std::max(corner[0], corner[2]),
          std::max(corner[1], corner[3])};
}

/// Intersection over union.
static double findOverlap(const Box &a, const Box &b) {
  auto area = [](const Box &box) { return (box.bottom - box.top) * (box.right - box.left); };
  double height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  double width = std::min(a.right, b.right) - std::max(a.left, b.left);
  double common = height > 0 && width > 0 ? height * width : 0, whole = area(a) + area(b) - common;
  return whole > 0 ? common / whole : 0;
}

/// The boxes of one class that no better box covers, best first.
static SmallVector<int64_t> suppress(ArrayRef<Box> boxes, const double *scores, int64_t most, double overlap,
                                     std::optional<double> least) {
  std::vector<int64_t> order;
  for (int64_t box = 0; box < static_cast<int64_t>(boxes.size()); ++box)
    if (!least || scores[box] > *least)
      order.push_back(box);
  std::sort(order.begin(), order.end(),
            [&](int64_t a, int64_t b) { return scores[a] > scores[b] || (scores[a] == scores[b] && a < b); });
  SmallVector<int64_t> kept;
  for (int64_t box : order) {
    bool isCovered = llvm::any_of(kept, [&](int64_t other) { return findOverlap(boxes[box], boxes[other]) > overlap; });
    if (!isCovered && static_cast<int64_t>(kept.size()) < most)
      kept.push_back(box);
  }
  return kept;
}

static void importNonMaxSuppression(NodeContext &node) {
  std::optional<Numbers> boxes = readNumbers(node, 0), scores = readNumbers(node, 1);
  auto option = [&](int index) -> std::optional<double> {
    std::optional<Numbers> numbers = node.hasInput(index) ? readNumbers(node, index) : std::nullopt;
    return numbers && numbers->values.size() == 1 ? std::optional(numbers->values[0]) : std::nullopt;
  };
  double most = option(2).value_or(0), overlap = option(3).value_or(0);
  std::optional<double> least = option(4);
  bool isCentre = node.getInteger("center_point_box", 0) != 0;
  if (!boxes || !scores || node.hasFailed())
    return;
  bool fits = boxes->shape.size() == 3 && scores->shape.size() == 3 && boxes->shape[2] == 4 &&
              boxes->shape[0] == scores->shape[0] && boxes->shape[1] == scores->shape[2];
  if (!fits)
    return node.failShape("boxes and scores do not fit together");
  int64_t numBoxes = boxes->shape[1], numClasses = scores->shape[1];
  SmallVector<int64_t> table;
  for (int64_t batch = 0; batch < boxes->shape[0]; ++batch) {
    std::vector<Box> own;
    for (int64_t box = 0; box < numBoxes; ++box)
      own.push_back(readBox(&boxes->values[(batch * numBoxes + box) * 4], isCentre));
    for (int64_t kind = 0; kind < numClasses; ++kind)
      for (int64_t box : suppress(own, &scores->values[(batch * numClasses + kind) * numBoxes],
                                  static_cast<int64_t>(std::clamp(most, 0.0, 1e9)), overlap, least))
        table.append({batch, kind, box});
  }
  DimSize count(static_cast<int64_t>(table.size()) / 3);
  node.setResult(0, makeTable(node, table, {count, DimSize(3)}, "boxes"));
}

void partita::import::addDataSizeOps(OpTable &table) {
  table.insert({{"NonZero", importNonZero}, {"Unique", importUnique}, {"NonMaxSuppression", importNonMaxSuppression}});
}
