// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Padding.cpp - Pad -------------------------------------------------------===//
//
// Constant padding is the pad op. The other modes repeat elements of the input: what lies before and after it is put
// together from slices (forwards, backwards, or one element repeated).
//
//===----------------------------------------------------------------------===//
#include "OpTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

/// Numbers of an attribute in old sets, of an input in new ones.
static std::optional<SmallVector<int64_t>> readList(NodeContext &node, llvm::StringRef attribute, int input) {
  if (node.hasInput(input))
    return node.integers(input);
  return node.getIntegers(attribute);
}

/// The element of a dim of `extent` that stands at `place`, which may be outside.
static int64_t sourceOf(llvm::StringRef mode, int64_t place, int64_t extent) {
  auto modulo = [](int64_t a, int64_t b) { return ((a % b) + b) % b; };
  if (mode == "edge")
    return std::clamp<int64_t>(place, 0, extent - 1);
  if (mode == "wrap")
    return modulo(place, extent);
  if (extent == 1)
    return 0;
  int64_t phase = modulo(place, 2 * (extent - 1));
  return phase < extent ? phase : 2 * (extent - 1) - phase;
}

/// The elements at places [from, to) of a dim of static extent, as few slices as possible.
static void addPieces(NodeContext &node, Value x, int64_t dim, llvm::StringRef mode, int64_t from, int64_t to,
                      SmallVector<Value> &pieces) {
  int64_t extent = node.sizesOf(x)[dim].constant;
  auto at = [&](int64_t place) { return sourceOf(mode, place, extent); };
  while (from < to) {
    int64_t step = from + 1 < to ? at(from + 1) - at(from) : 1, count = 1;
    if (step < -1 || step > 1)
      step = 1;
    while (from + count < to && at(from + count) == at(from) + step * count)
      ++count;
    Value piece = node.cut(x, dim, at(from), DimSize(step == 0 ? 1 : count), step == 0 ? 1 : step);
    if (step == 0 && piece) {
      Sizes one = node.sizesOf(piece), many = one;
      one.erase(one.begin() + dim);
      many[dim] = DimSize(count);
      SmallVector<int64_t> dims;
      for (int64_t i = 0; i < static_cast<int64_t>(many.size()); ++i)
        if (i != dim)
          dims.push_back(i);
      piece = node.spread(node.reshape(piece, one), many, dims, "edge");
    }
    pieces.push_back(piece);
    from += count;
  }
}

static Value repeatBorder(NodeContext &node, Value x, llvm::StringRef mode, ArrayRef<int64_t> low,
                          ArrayRef<int64_t> high) {
  for (int64_t dim = 0; dim < static_cast<int64_t>(low.size()) && x; ++dim) {
    int64_t before = std::max<int64_t>(0, low[dim]), after = std::max<int64_t>(0, high[dim]);
    if (before + after == 0)
      continue;
    DimSize size = node.sizesOf(x)[dim];
    if (!size.isStatic() || size.constant < 1 || before + after > (1 << 20))
      return node.failShape("mode='" + mode + "' pads a dimension of extent " + toText(size)), Value();
    SmallVector<Value> pieces;
    addPieces(node, x, dim, mode, -before, 0, pieces);
    pieces.push_back(x);
    addPieces(node, x, dim, mode, size.constant, size.constant + after, pieces);
    x = node.concat(pieces, dim);
  }
  return x;
}

static void importPad(NodeContext &node) {
  std::string mode = node.getText("mode", "constant");
  Value x = node.input(0);
  std::optional<SmallVector<int64_t>> pads = readList(node, "pads", 1), axes = readList(node, "axes", 3);
  if (!x || !pads || !axes)
    return;
  if (mode != "constant" && mode != "edge" && mode != "reflect" && mode != "wrap")
    return node.failOp("mode='" + mode + "' is not supported");
  auto rank = static_cast<int64_t>(node.sizesOf(x).size());
  if (axes->empty())
    for (int64_t dim = 0; dim < rank; ++dim)
      axes->push_back(dim);
  SmallVector<int64_t> low(rank, 0), high(rank, 0);
  if (pads->size() != 2 * axes->size())
    return node.failShape("pads has " + llvm::Twine(pads->size()) + " entries for " + llvm::Twine(axes->size()) +
                          " dims");
  for (size_t i = 0; i < axes->size(); ++i) {
    std::optional<int64_t> dim = node.normalizeAxis((*axes)[i], rank);
    if (!dim)
      return;
    low[*dim] = (*pads)[i];
    high[*dim] = (*pads)[axes->size() + i];
    if (std::abs(low[*dim]) > largestSize || std::abs(high[*dim]) > largestSize)
      return node.failShape("huge padding");
  }
  Value fill = node.hasInput(2) ? node.reshape(node.input(2), {})
                                : node.constant(node.getFloat("value", 0.0), node.elementOf(x));
  if (!fill)
    return;
  if (mode == "constant")
    return node.setResult(0, node.padOrCut(x, low, high, fill));
  SmallVector<int64_t> cutLow, cutHigh;
  for (auto [before, after] : llvm::zip(low, high)) {
    cutLow.push_back(std::min<int64_t>(0, before));
    cutHigh.push_back(std::min<int64_t>(0, after));
  }
  node.setResult(0, repeatBorder(node, node.padOrCut(x, cutLow, cutHigh, fill), mode, low, high));
}

void partita::import::addPaddingOps(OpTable &table) { table.insert({{"Pad", importPad}}); }
