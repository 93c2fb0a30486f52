// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- LocalExtent.cpp - Which part of a dim is where ---------------------===//

#include "partita/placement/Placement.h"

#include <algorithm>
#include <set>

namespace partita::placement {

Interval partOf(int64_t length, int64_t unit, int64_t parts, int64_t part) {
  if (length <= 0)
    return {0, 0};
  unit = std::min(unit, length);
  int64_t units = (length + unit - 1) / unit;
  int64_t share = units / parts;
  int64_t larger = units % parts;
  auto boundary = [&](int64_t index) { return std::min((index * share + std::min(index, larger)) * unit, length); };
  return {boundary(part), boundary(part + 1)};
}

int64_t countSteps(const Window &window, int64_t extent) {
  int64_t room = extent + window.low + window.high - window.reach;
  return room < 0 ? 0 : room / window.stride + 1;
}

Interval readBySteps(const Window &window, const Interval &steps, int64_t extent) {
  auto clip = [&](int64_t index) { return std::clamp<int64_t>(index, 0, std::max<int64_t>(extent, 0)); };
  int64_t begin = clip(steps.begin * window.stride - window.low);
  if (steps.length() <= 0)
    return {begin, begin};
  return {begin, clip((steps.end - 1) * window.stride - window.low + window.reach)};
}

/// What the cuts deal out: the elements of the dim, or the steps of its window.
static int64_t dealtExtent(int64_t extent, const DimSplit &splits) {
  return splits.window ? countSteps(*splits.window, extent) : extent;
}

Interval localInterval(int64_t extent, const DimSplit &splits, const Mesh &mesh, const Coordinates &coordinates) {
  Interval interval{0, dealtExtent(extent, splits)};
  for (const Split &split : splits) {
    Interval part = partOf(interval.length(), split.unit, mesh.axes[split.axis].size, coordinates[split.axis]);
    interval = {interval.begin + part.begin, interval.begin + part.end};
  }
  return splits.window ? readBySteps(*splits.window, interval, extent) : interval;
}

Box localBox(const std::vector<int64_t> &extents, const Placement &placement, const Mesh &mesh,
             const Coordinates &coordinates) {
  Box box;
  box.reserve(extents.size());
  for (std::size_t dim = 0; dim < extents.size(); ++dim)
    box.push_back(localInterval(extents[dim], placement.dims[dim], mesh, coordinates));
  return box;
}

int64_t elementCount(const Box &box) {
  int64_t count = 1;
  for (const Interval &interval : box)
    count *= interval.length();
  return count;
}

Box intersect(const Box &left, const Box &right) {
  Box common(left.size());
  for (std::size_t dim = 0; dim < left.size(); ++dim) {
    int64_t begin = std::max(left[dim].begin, right[dim].begin);
    common[dim] = {begin, std::max(begin, std::min(left[dim].end, right[dim].end))};
  }
  return common;
}

int64_t boundOfLocalExtent(const Extent &extent, const DimSplit &splits, const Mesh &mesh) {
  if (splits.window && !extent.symbolic)
    return localExtents(extent.bound, splits, mesh).back();
  // Laws L2 and L3: coordinate 0 holds a largest part, at the largest extent.
  int64_t length = dealtExtent(extent.bound, splits);
  for (const Split &split : splits)
    length = partOf(length, split.unit, mesh.axes[split.axis].size, 0).length();
  if (!splits.window || length == 0)
    return length;
  // Whatever the extent, a part has at most so many steps, and its ends may both lie inside.
  return std::min(extent.bound, (length - 1) * splits.window->stride + splits.window->reach);
}

int64_t boundOfLocalElements(const Shape &shape, const Placement &placement, const Mesh &mesh) {
  int64_t count = 1;
  for (std::size_t dim = 0; dim < shape.size(); ++dim)
    count *= boundOfLocalExtent(shape[dim], placement.dims[dim], mesh);
  return count;
}

/// All different local extents where the parts are images of a window's steps: every part is looked at, as its length
/// depends on where it lies.
static std::vector<int64_t> windowedExtents(int64_t extent, const DimSplit &splits, const Mesh &mesh) {
  std::vector<Interval> parts{{0, countSteps(*splits.window, extent)}};
  for (const Split &split : splits) {
    std::vector<Interval> next;
    for (const Interval &part : parts)
      for (int64_t i = 0; i < mesh.axes[split.axis].size; ++i) {
        Interval inner = partOf(part.length(), split.unit, mesh.axes[split.axis].size, i);
        next.push_back({part.begin + inner.begin, part.begin + inner.end});
      }
    parts = std::move(next);
  }
  std::set<int64_t> lengths;
  for (const Interval &part : parts)
    lengths.insert(readBySteps(*splits.window, part, extent).length());
  return {lengths.begin(), lengths.end()};
}

std::vector<int64_t> localExtents(int64_t extent, const DimSplit &splits, const Mesh &mesh) {
  if (splits.window)
    return windowedExtents(extent, splits, mesh);
  std::vector<int64_t> lengths{extent};
  for (const Split &split : splits) {
    int64_t parts = mesh.axes[split.axis].size;
    std::vector<int64_t> next;
    for (int64_t length : lengths) {
      // A cut has at most three lengths: one unit more, the plain share, and the last part with its short unit. The
      // plain share, if there are two parts of it, is also that of the part before the last.
      for (int64_t part : {int64_t(0), std::max<int64_t>(parts - 2, 0), parts - 1})
        next.push_back(partOf(length, split.unit, parts, part).length());
      int64_t unit = std::max<int64_t>(1, std::min(split.unit, length));
      int64_t units = (length + unit - 1) / unit;
      // With fewer units than parts, the short last unit is alone in the part before the first empty one.
      if (units > 0 && units < parts)
        next.push_back(partOf(length, split.unit, parts, units - 1).length());
    }
    std::sort(next.begin(), next.end());
    next.erase(std::unique(next.begin(), next.end()), next.end());
    lengths = std::move(next);
  }
  return lengths;
}

bool isEven(const Extent &extent, const DimSplit &splits, const Mesh &mesh) {
  if (splits.window)
    return !extent.symbolic && localExtents(extent.bound, splits, mesh).size() == 1;
  // An uneven cut cannot be evened out by cuts inside it (equal parts of unequal lengths are unequal), so every
  // level must be even. At each level it is enough to look at the first part and the last, which is a smallest one.
  int64_t length = extent.bound;
  for (const Split &split : splits) {
    int64_t parts = mesh.axes[split.axis].size;
    if (parts == 1)
      continue;
    if (extent.symbolic)
      return false;
    int64_t first = partOf(length, split.unit, parts, 0).length();
    if (first != partOf(length, split.unit, parts, parts - 1).length())
      return false;
    length = first;
  }
  return true;
}

} // namespace partita::placement
