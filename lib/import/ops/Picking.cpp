// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Picking.cpp - Slice and Gather ------------------------------------------===//
#include "OpTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

namespace {
/// One dim of a slice: result[i] = input[start + i * stride] for i below `extent`; a negative start counts from the end
/// of a symbolic dim.
struct Cut {
  int64_t start = 0, stride = 1;
  DimSize extent;
};
} // namespace

/// "To the end" is written as the largest number of 32 or 64 bits.
static DimSize clampBound(const DimSize &size) {
  return size.isStatic() ? DimSize(std::clamp(size.constant, -largestSize / 4, largestSize / 4)) : size;
}

static Cut cutStatic(int64_t start, int64_t end, int64_t stride, int64_t extent) {
  start += start < 0 ? extent : 0;
  end += end < 0 ? extent : 0;
  start = stride > 0 ? std::clamp<int64_t>(start, 0, extent) : std::clamp<int64_t>(start, 0, extent - 1);
  end = stride > 0 ? std::clamp<int64_t>(end, 0, extent) : std::clamp<int64_t>(end, -1, extent - 1);
  int64_t length = stride > 0 ? end - start : start - end;
  int64_t step = stride > 0 ? stride : -stride;
  // Nothing is cut out: no place of the tensor need be named, which an empty one does not have.
  if (length <= 0)
    start = 0;
  return {start, stride, DimSize(length <= 0 ? 0 : (length + step - 1) / step)};
}

/// The same where the extent or the end is symbolic: bounds must compare equally for every value of the symbols.
static std::optional<Cut> cutSymbolic(int64_t start, DimSize end, int64_t stride, const DimSize &extent) {
  if (start < 0 || stride != 1)
    return std::nullopt;
  if (end.isStatic() && end.constant < 0)
    end = extent + end;
  std::optional<int64_t> endMost = end.maximum(), endLeast = end.minimum();
  std::optional<int64_t> most = extent.maximum(), least = extent.minimum();
  if (!endMost || !endLeast || !most || !least)
    return std::nullopt;
  if (end == extent || *endLeast >= *most)
    end = extent;
  else if (*endMost > *least && !(end + extent * -1).isStatic())
    return std::nullopt;
  DimSize length = end + DimSize(-start);
  return length.minimum().value_or(-1) >= 0 ? std::optional<Cut>({start, 1, length}) : std::nullopt;
}

/// The last elements of a symbolic dim, or all of them backwards: places counted from the end, which every extent has.
static std::optional<Cut> cutFromEnd(int64_t start, int64_t end, int64_t stride, const DimSize &extent) {
  std::optional<int64_t> most = extent.maximum(), least = extent.minimum();
  if (!most || !least || -start > *least)
    return std::nullopt;
  if (stride == -1 && end < -*most)
    return Cut{start, stride, extent + DimSize(start + 1)};
  if (stride > 0 && end >= *most)
    end = 0;
  else if (end >= 0 || -end > *least)
    return std::nullopt;
  int64_t length = stride > 0 ? end - start : start - end, step = stride > 0 ? stride : -stride;
  return Cut{start, stride, DimSize(length <= 0 ? 0 : (length + step - 1) / step)};
}

/// Lists of starts, ends, axes, steps: inputs, or attributes before set 10. nullopt: reported.
static std::optional<Sizes> readBounds(NodeContext &node, int input, llvm::StringRef attribute, bool isRequired) {
  if (node.getOpset() >= 10)
    return !isRequired && !node.hasInput(input) ? Sizes() : node.sizes(input);
  SmallVector<int64_t> list = node.getIntegers(attribute);
  return Sizes(list.begin(), list.end());
}

/// The cut of each dim; nullopt: reported.
static std::optional<std::vector<Cut>> readCuts(NodeContext &node, const Sizes &sizes) {
  std::optional<Sizes> starts = readBounds(node, 1, "starts", true), ends = readBounds(node, 2, "ends", true);
  std::optional<Sizes> axes = readBounds(node, 3, "axes", false), steps = readBounds(node, 4, "steps", false);
  if (!starts || !ends || !axes || !steps)
    return std::nullopt;
  auto rank = static_cast<int64_t>(sizes.size());
  std::vector<Cut> cuts;
  for (const DimSize &size : sizes)
    cuts.push_back({0, 1, size});
  if (ends->size() != starts->size() || (!axes->empty() && axes->size() != starts->size()) ||
      (!steps->empty() && steps->size() != starts->size()) || static_cast<int64_t>(starts->size()) > rank) {
    node.failShape("starts, ends, axes and steps have different lengths");
    return std::nullopt;
  }
  for (size_t i = 0; i < starts->size(); ++i) {
    std::optional<int64_t> dim =
        node.normalizeAxis(axes->empty() ? static_cast<int64_t>(i) : (*axes)[i].constant, rank);
    DimSize start = clampBound((*starts)[i]), end = clampBound((*ends)[i]);
    DimSize stride = steps->empty() ? DimSize(1) : clampBound((*steps)[i]);
    if (!dim)
      return std::nullopt;
    const DimSize &extent = sizes[*dim];
    std::optional<Cut> cut;
    bool isKnown = start.isStatic() && stride.isStatic() && stride.constant != 0;
    if (isKnown && end.isStatic() && extent.isStatic() && extent.constant > 0)
      cut = cutStatic(start.constant, end.constant, stride.constant, extent.constant);
    else if (isKnown && start.constant < 0 && end.isStatic())
      cut = cutFromEnd(start.constant, end.constant, stride.constant, extent);
    else if (isKnown)
      cut = cutSymbolic(start.constant, end, stride.constant, extent);
    if (!cut) {
      node.failShape("elements " + toText(start) + " to " + toText(end) + " of a dimension of extent " +
                     toText(extent) + " cannot be cut out for every extent: tighten the bounds of --dim");
      return std::nullopt;
    }
    cuts[*dim] = *cut;
  }
  return cuts;
}

/// Whether every reader of the input slices it: then each slice may become a projection of its own.
static void importSlice(NodeContext &node) {
  Value x = node.input(0);
  if (!x)
    return;
  Sizes sizes = node.sizesOf(x);
  std::optional<std::vector<Cut>> cuts = readCuts(node, sizes);
  if (!cuts)
    return;
  // A symbolic part of a dim is picked by its indices; the slice op cuts at numbers only.
  for (size_t dim = 0; dim < sizes.size(); ++dim) {
    Cut &cut = (*cuts)[dim];
    if (cut.start >= 0 && (cut.extent.isStatic() || cut.extent == sizes[dim]))
      continue;
    Value places = node.iota(cut.extent, node.indexType());
    if (cut.stride != 1)
      places = node.withNumber(ElementwiseKind::mul, places, static_cast<double>(cut.stride));
    if (cut.start != 0)
      places = node.withNumber(ElementwiseKind::add, places, static_cast<double>(cut.start));
    x = node.gather(x, places, static_cast<int64_t>(dim));
    cut.start = 0;
    cut.stride = 1;
  }
  SmallVector<int64_t> starts, strides;
  Sizes to;
  for (size_t dim = 0; dim < sizes.size(); ++dim) {
    starts.push_back((*cuts)[dim].start);
    strides.push_back((*cuts)[dim].stride);
    to.push_back((*cuts)[dim].extent);
  }
  node.setResult(0, node.slice(x, starts, strides, to));
}

static void importGather(NodeContext &node) {
  Value x = node.input(0);
  if (!x)
    return;
  Sizes sizes = node.sizesOf(x);
  std::optional<int64_t> axis = node.normalizeAxis(node.getInteger("axis", 0), static_cast<int64_t>(sizes.size()));
  if (!axis)
    return;
  const Known *known = node.known(1);
  // One element at a known place is a slice, which needs no table of indices.
  if (known && known->shape.empty() && known->isStatic()) {
    int64_t place = known->elements[0].constant, least = sizes[*axis].minimum().value_or(0);
    if (place < 0 && sizes[*axis].isStatic())
      place += least;
    if (place < -least || place >= least)
      return node.failShape("index " + llvm::Twine(place) + " is outside a dimension of extent " +
                            toText(sizes[*axis]));
    SmallVector<int64_t> starts(sizes.size(), 0), strides(sizes.size(), 1);
    if (place >= 0) {
      starts[*axis] = place;
      Sizes one = sizes, removed = sizes;
      one[*axis] = DimSize(1);
      removed.erase(removed.begin() + *axis);
      return node.setResult(0, node.reshape(node.slice(x, starts, strides, one), removed));
    }
  }
  node.setResult(0, node.gather(x, node.input(1), *axis));
}

void partita::import::addPickingOps(OpTable &table) {
  table.insert({{"Slice", importSlice}, {"Gather", importGather}});
}
