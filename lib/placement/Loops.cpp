// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Loops.cpp - From split loops to placements -------------------------===//

#include "partita/placement/Loops.h"

#include <algorithm>
#include <set>

namespace partita::placement {

Extent extentOfDim(const DimExpression &dim, const std::vector<Loop> &loops) {
  if (dim.window)
    return dim.extent;
  Extent extent(dim.terms.empty() ? 0 : 1);
  for (const auto &[loop, coefficient] : dim.terms) {
    extent.bound *= loops[loop].extent.bound;
    extent.symbolic |= loops[loop].extent.symbolic;
  }
  return extent;
}

/// True if all loops exist and a loop's coefficient is the product of the extents inside it. Only the outermost loop
/// (besides loops of one iteration) may be symbolic: a coefficient is a number.
static bool isMixedRadix(const DimExpression &dim, const std::vector<Loop> &loops) {
  int64_t product = 1;
  bool symbolic = false;
  for (auto term = dim.terms.rbegin(); term != dim.terms.rend(); ++term) {
    if (term->first < 0 || term->first >= static_cast<int>(loops.size()))
      return false;
    const Extent &extent = loops[term->first].extent;
    if (extent.bound == 1 && !extent.symbolic)
      continue; // Its index is always 0: any coefficient is right.
    if (symbolic || term->second != product)
      return false;
    symbolic = extent.symbolic;
    if (__builtin_mul_overflow(product, extent.bound, &product))
      return false;
  }
  return true;
}

/// True if there is one entry per loop and every cut names an axis of the mesh.
static bool fits(const LoopAssignment &assignment, const std::vector<Loop> &loops, const Mesh &mesh) {
  for (const DimSplit &splits : assignment)
    for (const Split &split : splits)
      if (split.axis < 0 || split.axis >= static_cast<int>(mesh.axes.size()) || split.unit < 1)
        return false;
  return assignment.size() == loops.size();
}

/// A windowed dim: the cuts of the loop of its steps. Without overlap, and if the last step leaves nothing over that
/// would count as further units, they are plain cuts of the dim.
static std::optional<DimSplit> placementOfWindow(const DimExpression &dim, const std::vector<Loop> &loops,
                                                 const LoopAssignment &assignment) {
  if (dim.terms.size() != 1 || dim.terms[0].first < 0 || dim.terms[0].first >= static_cast<int>(loops.size()) ||
      dim.window->stride < 1 || dim.window->reach < 1)
    return std::nullopt;
  const Window &window = *dim.window;
  DimSplit result = assignment[dim.terms[0].first];
  if (result.empty())
    return result;
  const Extent &steps = loops[dim.terms[0].first].extent;
  bool tiles = window.low == 0 && window.reach <= window.stride && !steps.symbolic &&
               dim.extent.bound > (steps.bound - 1) * window.stride && dim.extent.bound <= steps.bound * window.stride;
  if (!tiles) {
    result.window = window;
    return result;
  }
  for (Split &split : result)
    split.unit = std::min(split.unit, std::max<int64_t>(steps.bound, 1)) * window.stride;
  return result;
}

std::optional<DimSplit> placementOfDim(const DimExpression &dim, const std::vector<Loop> &loops,
                                       const LoopAssignment &assignment, const Mesh &mesh) {
  if (!fits(assignment, loops, mesh))
    return std::nullopt;
  if (dim.window)
    return placementOfWindow(dim, loops, assignment);
  if (!isMixedRadix(dim, loops))
    return std::nullopt;
  DimSplit result;
  bool single = true;
  for (const auto &[loop, coefficient] : dim.terms) {
    const DimSplit &splits = assignment[loop];
    // With several outer iterations on one rank, part of an inner loop is a strided set of indices.
    if (!splits.empty() && !single)
      return std::nullopt;
    const Extent &extent = loops[loop].extent;
    bool unused = extent.bound == 1 && !extent.symbolic;
    for (const Split &split : splits)
      // The unit of a loop of one iteration means all of what is inside; its coefficient may be anything.
      result.push_back({split.axis, unused ? std::max<int64_t>(extentOfDim(dim, loops).bound, 1)
                                           : std::min(split.unit, std::max<int64_t>(extent.bound, 1)) * coefficient});
    single &= boundOfLocalExtent(extent, splits, mesh) <= 1;
  }
  return result;
}

/// P3 and L7, which a loop assignment can break although each dim is sound.
static std::optional<Placement> checked(Placement placement, const Mesh &mesh) {
  if (findError(placement, placement.dims.size(), mesh))
    return std::nullopt;
  return placement;
}

std::optional<Placement> placementOfOperand(const std::vector<DimExpression> &dims, const std::vector<Loop> &loops,
                                            const LoopAssignment &assignment, const Mesh &mesh) {
  Placement placement;
  for (const DimExpression &dim : dims) {
    std::optional<DimSplit> splits = placementOfDim(dim, loops, assignment, mesh);
    if (!splits)
      return std::nullopt;
    placement.dims.push_back(std::move(*splits));
  }
  return checked(std::move(placement), mesh);
}

std::optional<Placement> placementOfResult(const std::vector<DimExpression> &dims, const std::vector<Loop> &loops,
                                           const LoopAssignment &assignment, const Mesh &mesh) {
  if (!fits(assignment, loops, mesh))
    return std::nullopt;
  std::optional<Placement> placement = placementOfOperand(dims, loops, assignment, mesh);
  if (!placement)
    return std::nullopt;
  std::set<int> walking;
  for (const DimExpression &dim : dims)
    for (const auto &[loop, coefficient] : dim.terms)
      walking.insert(loop);
  for (std::size_t loop = 0; loop < loops.size(); ++loop) {
    if (walking.count(static_cast<int>(loop)) || loops[loop].isCompleted)
      continue;
    const std::optional<PartialKind> &reduction = loops[loop].reduction;
    for (const Split &split : assignment[loop]) {
      if (mesh.axes[split.axis].size == 1)
        continue;
      if (!reduction || !placement->partial.emplace(split.axis, *reduction).second)
        return std::nullopt;
    }
  }
  return checked(std::move(*placement), mesh);
}

} // namespace partita::placement
