// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- LocalExtent.cpp - Which part of a dim is where ---------------------===//

#include "partita/placement/Placement.h"

#include <algorithm>

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

Interval localInterval(int64_t extent, const DimSplit &splits, const Mesh &mesh, const Coordinates &coordinates) {
  Interval interval{0, extent};
  for (const Split &split : splits) {
    Interval part = partOf(interval.length(), split.unit, mesh.axes[split.axis].size, coordinates[split.axis]);
    interval = {interval.begin + part.begin, interval.begin + part.end};
  }
  return interval;
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
  // Laws L2 and L3: coordinate 0 holds a largest part, at the largest extent.
  int64_t length = extent.bound;
  for (const Split &split : splits)
    length = partOf(length, split.unit, mesh.axes[split.axis].size, 0).length();
  return length;
}

int64_t boundOfLocalElements(const Shape &shape, const Placement &placement, const Mesh &mesh) {
  int64_t count = 1;
  for (std::size_t dim = 0; dim < shape.size(); ++dim)
    count *= boundOfLocalExtent(shape[dim], placement.dims[dim], mesh);
  return count;
}

std::vector<int64_t> localExtents(int64_t extent, const DimSplit &splits, const Mesh &mesh) {
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
