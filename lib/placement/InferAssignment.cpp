// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- InferAssignment.cpp - From placements to split loops ---------------===//

#include "partita/placement/Loops.h"

#include <algorithm>

namespace partita::placement {

namespace {

/// The walk along the loops of one dim, outermost first, handing each cut of the dim to a loop.
struct DimWalk {
  const DimExpression &dim;
  const std::vector<Loop> &loops;
  const Mesh &mesh;
  /// The cuts handed out so far, on the dim and on the loops.
  DimSplit done;
  std::map<int, DimSplit> given;
  std::size_t term = 0;
};

} // namespace

/// The loop unit whose cut of the current loop has the same boundaries in the dim as `split`; nothing if the
/// boundaries fall inside of iterations. Boundaries are compared at all local lengths of the dim.
static std::optional<int64_t> unitForLoop(const DimWalk &walk, const Split &split, const Extent &dimExtent) {
  int64_t coefficient = walk.dim.terms[walk.term].second;
  if (split.unit % coefficient == 0)
    return split.unit / coefficient;
  if (dimExtent.symbolic)
    return std::nullopt;
  DimSplit cut = walk.done;
  cut.push_back(split);
  DimSplit wanted = canonicalize(cut, dimExtent, walk.mesh);
  int64_t length = boundOfLocalExtent(dimExtent, walk.done, walk.mesh);
  // A first part is a number of whole units, or everything.
  int64_t first = partOf(length, split.unit, walk.mesh.axes[split.axis].size, 0).length();
  for (int64_t unit = 1; unit * coefficient <= first; ++unit) {
    if (first % (unit * coefficient) != 0)
      continue;
    cut.back().unit = unit * coefficient;
    if (canonicalize(cut, dimExtent, walk.mesh) == wanted)
      return unit;
  }
  return std::nullopt;
}

/// Hands one cut to the outermost loop that still has several local iterations.
static bool handOut(DimWalk &walk, const Split &split, const Extent &dimExtent) {
  for (; walk.term < walk.dim.terms.size(); ++walk.term) {
    int loop = walk.dim.terms[walk.term].first;
    bool last = walk.term + 1 == walk.dim.terms.size();
    auto given = walk.given.find(loop);
    const DimSplit &splits = given == walk.given.end() ? DimSplit{} : given->second;
    if (!last && boundOfLocalExtent(walk.loops[loop].extent, splits, walk.mesh) <= 1)
      continue;
    std::optional<int64_t> unit = unitForLoop(walk, split, dimExtent);
    if (!unit)
      return false;
    walk.given[loop].push_back({split.axis, *unit});
    walk.done.push_back(split);
    return true;
  }
  return false;
}

/// The loop cuts that one dim asks for; every loop of the dim is in the answer.
static std::optional<std::map<int, DimSplit>> inferDim(const DimExpression &dim, const std::vector<Loop> &loops,
                                                       const DimSplit &splits, const Mesh &mesh) {
  if (dim.terms.empty())
    return splits.empty() ? std::optional(std::map<int, DimSplit>()) : std::nullopt;
  DimWalk walk{dim, loops, mesh, {}, {}, 0};
  for (const auto &[loop, coefficient] : dim.terms) {
    if (loop < 0 || loop >= static_cast<int>(loops.size()) || coefficient < 1)
      return std::nullopt;
    walk.given[loop];
  }
  if (dim.window) {
    if (dim.terms.size() != 1 || dim.window->stride < 1)
      return std::nullopt;
    for (const Split &split : splits)
      walk.given[dim.terms[0].first].push_back({split.axis, std::max<int64_t>(split.unit / dim.window->stride, 1)});
    return walk.given;
  }
  Extent extent = extentOfDim(dim, loops);
  for (const Split &split : canonicalize(splits, extent, mesh))
    if (!handOut(walk, split, extent))
      return std::nullopt;
  return walk.given;
}

/// True if the assignment means the placement of the view.
static bool means(const PlacedView &view, const std::vector<Loop> &loops, const LoopAssignment &assignment,
                  const Mesh &mesh) {
  std::optional<Placement> meant = placementOfOperand(view.dims, loops, assignment, mesh);
  if (!meant)
    return false;
  for (std::size_t dim = 0; dim < view.dims.size(); ++dim) {
    if (view.dims[dim].window)
      continue;
    Extent extent = extentOfDim(view.dims[dim], loops);
    if (canonicalize(meant->dims[dim], extent, mesh) != canonicalize(view.placement.dims[dim], extent, mesh))
      return false;
  }
  return true;
}

std::optional<LoopAssignment> inferAssignment(const std::vector<Loop> &loops, const std::vector<PlacedView> &views,
                                              const Mesh &mesh) {
  LoopAssignment assignment(loops.size());
  std::vector<bool> known(loops.size());
  for (const PlacedView &view : views) {
    if (findError(view.placement, view.dims.size(), mesh))
      return std::nullopt;
    for (std::size_t dim = 0; dim < view.dims.size(); ++dim) {
      auto wanted = inferDim(view.dims[dim], loops, view.placement.dims[dim], mesh);
      if (!wanted)
        return std::nullopt;
      for (auto &[loop, splits] : *wanted) {
        DimSplit canonical = canonicalize(splits, loops[loop].extent, mesh);
        if (known[loop] && canonical != canonicalize(assignment[loop], loops[loop].extent, mesh))
          return std::nullopt;
        if (!known[loop])
          assignment[loop] = std::move(splits);
        known[loop] = true;
      }
    }
  }
  for (const PlacedView &view : views)
    if (!means(view, loops, assignment, mesh))
      return std::nullopt;
  return assignment;
}

} // namespace partita::placement
