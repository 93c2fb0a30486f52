// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Reshape.cpp - Reshape, Flatten, Squeeze, Unsqueeze ----------------------===//
#include "OpTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::import;

static void importReshape(NodeContext &node) {
  Value x = node.input(0);
  std::optional<Sizes> target = node.sizes(1);
  bool keepsZero = node.getInteger("allowzero", 0) != 0;
  if (!x || !target)
    return;
  Sizes from = node.sizesOf(x), others;
  std::optional<size_t> open;
  for (size_t i = 0; i < target->size(); ++i) {
    DimSize &size = (*target)[i];
    if (size == DimSize(-1)) {
      if (open)
        return node.failShape("the new shape has two extents of -1");
      open = i;
      continue;
    }
    if (size == DimSize(0) && !keepsZero) {
      if (i >= from.size())
        return node.failShape("the new shape copies dim " + llvm::Twine(i) + " of " + toText(from));
      size = from[i];
    }
    others.push_back(size);
  }
  if (open) {
    std::optional<DimSize> rest = divideProducts(from, others);
    if (!rest)
      return node.failShape("the extent -1 of the new shape cannot be found from " + toText(from) + " and " +
                            toText(others) + ": it is not a multiple, or a product of two symbolic dimensions");
    (*target)[*open] = *rest;
  }
  node.setResult(0, node.reshape(x, *target));
}

static void importFlatten(NodeContext &node) {
  Value x = node.input(0);
  int64_t axis = node.getInteger("axis", 1);
  if (!x)
    return;
  Sizes from = node.sizesOf(x);
  auto rank = static_cast<int64_t>(from.size());
  if (axis < -rank || axis > rank)
    return node.failShape("axis " + llvm::Twine(axis) + " is outside a tensor of rank " + llvm::Twine(rank));
  axis += axis < 0 ? rank : 0;
  std::optional<DimSize> outer = divideProducts(ArrayRef<DimSize>(from).take_front(axis), {});
  std::optional<DimSize> inner = divideProducts(ArrayRef<DimSize>(from).drop_front(axis), {});
  if (!outer || !inner)
    return node.failShape("flattening " + toText(from) + " gives an extent that is not linear");
  node.setResult(0, node.reshape(x, {*outer, *inner}));
}

/// Axes of Squeeze and Unsqueeze: an attribute before set 13, then an input. nullopt: reported.
static std::optional<SmallVector<int64_t>> readAxes(NodeContext &node, int64_t rank) {
  SmallVector<int64_t> written = node.getIntegers("axes"), axes;
  if (node.hasInput(1)) {
    std::optional<SmallVector<int64_t>> list = node.integers(1);
    if (!list)
      return std::nullopt;
    written = *list;
  }
  for (int64_t axis : written) {
    std::optional<int64_t> dim = node.normalizeAxis(axis, rank);
    if (!dim)
      return std::nullopt;
    axes.push_back(*dim);
  }
  return axes;
}

static void importSqueeze(NodeContext &node) {
  Value x = node.input(0);
  if (!x)
    return;
  Sizes from = node.sizesOf(x), to;
  bool dropsAll = !node.hasAttribute("axes") && !node.hasInput(1);
  std::optional<SmallVector<int64_t>> axes = readAxes(node, static_cast<int64_t>(from.size()));
  if (!axes)
    return;
  for (size_t dim = 0; dim < from.size(); ++dim) {
    bool isNamed = llvm::is_contained(*axes, static_cast<int64_t>(dim));
    bool isOne = from[dim] == DimSize(1);
    if (isNamed && !isOne)
      return node.failShape("dim " + llvm::Twine(dim) + " of " + toText(from) + " is not 1");
    if (!isNamed && !(dropsAll && isOne))
      to.push_back(from[dim]);
  }
  node.setResult(0, node.reshape(x, to));
}

static void importUnsqueeze(NodeContext &node) {
  Value x = node.input(0);
  if (!x)
    return;
  Sizes from = node.sizesOf(x), to;
  const Known *list = node.known(1);
  size_t added = node.hasInput(1) ? (list ? list->elements.size() : 0) : node.getIntegers("axes").size();
  std::optional<SmallVector<int64_t>> axes = readAxes(node, static_cast<int64_t>(from.size() + added));
  if (!axes)
    return;
  for (size_t dim = 0, next = 0; dim < from.size() + added; ++dim) {
    bool isNew = llvm::is_contained(*axes, static_cast<int64_t>(dim));
    if (!isNew && next >= from.size())
      return node.failShape("an axis is listed twice");
    to.push_back(isNew ? DimSize(1) : from[next++]);
  }
  node.setResult(0, node.reshape(x, to));
}

void partita::import::addReshapeOps(OpTable &table) {
  table.insert({{"Reshape", importReshape},
                {"Flatten", importFlatten},
                {"Squeeze", importSqueeze},
                {"Unsqueeze", importUnsqueeze}});
}
