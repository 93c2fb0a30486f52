// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The split rule and the boxes that follow from it.
#include "partita/runtime/Box.h"

#include <algorithm>

namespace partita::runtime {

Interval splitInterval(Interval interval, int64_t unit, int64_t parts, int64_t index) {
  int64_t length = interval.length();
  int64_t units = length / unit + (length % unit != 0);
  int64_t base = units / parts, longer = units % parts;
  int64_t first = index * base + std::min(index, longer);
  int64_t last = first + base + (index < longer);
  // The last unit may be short, so both ends are cut to the interval.
  return {interval.begin + std::min(first * unit, length), interval.begin + std::min(last * unit, length)};
}

int64_t windowSteps(const Window &window, int64_t extent) {
  int64_t room = extent + window.low + window.high - window.reach;
  return room < 0 ? 0 : room / window.stride + 1;
}

Interval windowInterval(const Window &window, Interval steps, int64_t extent) {
  int64_t begin = std::clamp<int64_t>(steps.begin * window.stride - window.low, 0, extent);
  int64_t end = std::clamp<int64_t>((steps.end - 1) * window.stride - window.low + window.reach, 0, extent);
  return {begin, steps.length() > 0 ? std::max(begin, end) : begin};
}

int64_t evaluateExtent(const Extent &extent, const int64_t *symbols) {
  int64_t value = extent.constant;
  for (size_t i = 0; i < extent.coefficients.size(); ++i)
    if (extent.coefficients[i] != 0)
      value += extent.coefficients[i] * symbols[i];
  return value;
}

Box globalBox(const Layout &layout, const int64_t *symbols) {
  Box box;
  box.reserve(layout.dimensions.size());
  for (const Dimension &dimension : layout.dimensions)
    box.push_back({0, evaluateExtent(dimension.extent, symbols)});
  return box;
}

Box localBox(const Layout &layout, const std::vector<Axis> &axes, const int64_t *coordinates, const int64_t *symbols) {
  Box box = globalBox(layout, symbols);
  for (size_t d = 0; d < box.size(); ++d) {
    const Dimension &dimension = layout.dimensions[d];
    int64_t extent = box[d].length();
    bool isRead = dimension.window.stride > 0;
    if (isRead)
      box[d] = {0, windowSteps(dimension.window, extent)};
    for (const Split &split : dimension.splits)
      box[d] = splitInterval(box[d], split.unit, axes[split.axis].size, coordinates[split.axis]);
    if (isRead)
      box[d] = windowInterval(dimension.window, box[d], extent);
  }
  return box;
}

int64_t boxElements(const Box &box) {
  int64_t elements = 1;
  for (const Interval &interval : box)
    elements *= interval.length();
  return elements;
}

bool intersectBoxes(const Box &a, const Box &b, Box &common) {
  common.resize(a.size());
  for (size_t d = 0; d < a.size(); ++d) {
    common[d] = {std::max(a[d].begin, b[d].begin), std::min(a[d].end, b[d].end)};
    if (common[d].length() <= 0)
      return false;
  }
  return true;
}

} // namespace partita::runtime
