// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Movement.cpp - Operators that move elements -----------------------------===//
#include "OpTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

static void importTranspose(NodeContext &node) {
  Value x = node.input(0);
  if (!x)
    return;
  auto rank = static_cast<int64_t>(node.sizesOf(x).size());
  SmallVector<int64_t> reversed;
  for (int64_t dim = rank - 1; dim >= 0; --dim)
    reversed.push_back(dim);
  SmallVector<int64_t> permutation = node.getIntegers("perm", reversed), sorted(permutation);
  llvm::sort(sorted);
  llvm::sort(reversed);
  if (sorted != reversed)
    return node.failShape("perm is not a permutation of " + llvm::Twine(rank) + " dims");
  node.setResult(0, node.transpose(x, permutation));
}

static void importConcat(NodeContext &node) {
  SmallVector<Value> inputs;
  for (int i = 0; i < node.countInputs(); ++i)
    inputs.push_back(node.input(i));
  if (inputs.empty() || llvm::is_contained(inputs, Value()))
    return node.hasFailed() ? void() : node.fail("E-BAD-FILE", "has no inputs");
  auto rank = static_cast<int64_t>(node.sizesOf(inputs[0]).size());
  if (std::optional<int64_t> axis = node.normalizeAxis(node.getInteger("axis", 0), rank))
    node.setResult(0, node.concat(inputs, *axis));
}

/// The lengths of the parts: given, or equal (the last one smaller, from set 18 on). nullopt: reported.
static std::optional<SmallVector<int64_t>> readParts(NodeContext &node, int64_t extent) {
  SmallVector<int64_t> parts = node.getIntegers("split");
  if (node.hasInput(1)) {
    std::optional<SmallVector<int64_t>> list = node.integers(1);
    if (!list)
      return std::nullopt;
    parts = *list;
  }
  int64_t count = node.countResults();
  if (node.getInteger("num_outputs", count) != count)
    node.failShape("num_outputs differs from its number of results");
  if (parts.empty() && count > 0) {
    int64_t chunk = (extent + count - 1) / count;
    for (int64_t left = extent, i = 0; i < count; ++i, left -= chunk)
      parts.push_back(std::max<int64_t>(0, std::min(left, chunk)));
  }
  int64_t total = 0;
  for (int64_t part : parts)
    total = part < 0 || part > extent ? -1 : total < 0 ? -1 : total + part;
  if (total == extent && static_cast<int64_t>(parts.size()) == count && !node.hasFailed())
    return parts;
  node.failShape("its parts do not add up to the extent " + llvm::Twine(extent));
  return std::nullopt;
}

static void importSplit(NodeContext &node) {
  Value x = node.input(0);
  if (!x)
    return;
  Sizes sizes = node.sizesOf(x);
  std::optional<int64_t> axis = node.normalizeAxis(node.getInteger("axis", 0), static_cast<int64_t>(sizes.size()));
  if (!axis)
    return;
  if (!sizes[*axis].isStatic())
    return node.failShape("splitting a symbolic dimension is not supported");
  std::optional<SmallVector<int64_t>> parts = readParts(node, sizes[*axis].constant);
  if (!parts)
    return;
  SmallVector<int64_t> starts(sizes.size(), 0), strides(sizes.size(), 1), begins;
  for (int64_t begin = 0; int64_t part : *parts) {
    begins.push_back(begin);
    begin += part;
  }
  for (size_t i = 0; i < parts->size(); ++i) {
    starts[*axis] = begins[i];
    sizes[*axis] = DimSize((*parts)[i]);
    node.setResult(static_cast<int>(i), node.slice(x, starts, strides, sizes, "slice" + std::to_string(i)));
  }
}

static void importExpand(NodeContext &node) {
  Value x = node.input(0);
  std::optional<Sizes> target = node.sizes(1);
  if (!x || !target)
    return;
  std::optional<Sizes> common = node.broadcastSizes({node.sizesOf(x), *target});
  if (common)
    node.setResult(0, node.broadcast(x, *common));
}

static void importTile(NodeContext &node) {
  Value x = node.input(0);
  std::optional<Sizes> repeats = node.sizes(1);
  if (!x || !repeats)
    return;
  Sizes from = node.sizesOf(x), wide, merged;
  SmallVector<int64_t> dims;
  if (repeats->size() != from.size())
    return node.failShape("repeats has " + llvm::Twine(repeats->size()) + " entries for shape " + toText(from));
  for (size_t dim = 0; dim < from.size(); ++dim) {
    std::optional<DimSize> product = multiplyChecked(from[dim], (*repeats)[dim]);
    if (!product)
      return node.failShape("a repeated extent is too large or not linear");
    // A dim that is not repeated stays one dim.
    if (!((*repeats)[dim] == DimSize(1)))
      wide.push_back((*repeats)[dim]);
    dims.push_back(static_cast<int64_t>(wide.size()));
    wide.push_back(from[dim]);
    merged.push_back(*product);
  }
  RankedTensorType type = node.makeType(wide, cast<RankedTensorType>(x.getType()).getElementType());
  if (!type)
    return;
  Value spread = node.finish(BroadcastOp::create(node.getSession().getBuilder(), node.getLocation(), type,
                                                 node.partName("broadcast"), x, dims));
  node.setResult(0, node.reshape(spread, merged));
}

void partita::import::addMovementOps(OpTable &table) {
  table.insert({{"Transpose", importTranspose},
                {"Concat", importConcat},
                {"Split", importSplit},
                {"Expand", importExpand},
                {"Tile", importTile}});
}
