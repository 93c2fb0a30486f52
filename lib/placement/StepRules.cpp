// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- StepRules.cpp - When a step is possible ----------------------------===//

#include "StepRules.h"

#include <algorithm>

namespace partita::placement {

AxisMask maskOf(const DimSplit &splits) {
  AxisMask mask = 0;
  for (const Split &split : splits)
    mask |= AxisMask(1) << split.axis;
  return mask;
}

AxisMask maskOf(const std::map<int, PartialKind> &partial) {
  AxisMask mask = 0;
  for (const auto &[axis, kind] : partial)
    mask |= AxisMask(1) << axis;
  return mask;
}

std::vector<int> axesOf(AxisMask mask) {
  std::vector<int> axes;
  for (int axis = 0; mask != 0; ++axis, mask >>= 1)
    if (mask & 1)
      axes.push_back(axis);
  return axes;
}

bool hasOneKind(AxisMask mask, const Mesh &mesh) {
  bool space = false, time = false;
  for (int axis : axesOf(mask))
    (mesh.axes[axis].kind == AxisKind::space ? space : time) = true;
  return !(space && time);
}

int64_t groupSizeOf(AxisMask mask, const Mesh &mesh) {
  int64_t size = 1;
  for (int axis : axesOf(mask))
    if (mesh.axes[axis].kind == AxisKind::space)
      size *= mesh.axes[axis].size;
  return size;
}

bool extends(const DimSplit &small, const DimSplit &large, const Extent &extent, const Mesh &mesh) {
  // A part with its halo lies inside of the whole dim, but in general of no part of it.
  if (small.window || large.window)
    return !small.window && small.empty() && !large.empty();
  AxisMask had = maskOf(small);
  if (small.size() >= large.size() || (had & ~maskOf(large)) != 0)
    return false;
  DimSplit extended = small;
  for (const Split &split : large)
    if (!(had >> split.axis & 1))
      extended.push_back(split);
  return canonicalize(extended, extent, mesh) == large;
}

AxisMask movingAxes(const DimSplit &from, const DimSplit &to) {
  if (from.window != to.window)
    return maskOf(from) | maskOf(to);
  auto [left, right] = std::mismatch(from.begin(), from.end(), to.begin(), to.end());
  return maskOf(DimSplit(left, from.end())) | maskOf(DimSplit(right, to.end()));
}

int64_t busiestElements(StepKind kind, int64_t groupSize, int64_t source, int64_t result, int64_t message) {
  int64_t others = groupSize - 1;
  switch (kind) {
  case StepKind::allGather:
    return others * source;
  case StepKind::reduceScatter:
    return others * result;
  case StepKind::allToAll:
    return others * message;
  case StepKind::allReduce:
    return 2 * others * ((source + groupSize - 1) / groupSize);
  case StepKind::slice:
  case StepKind::partialize:
  case StepKind::exchange:
    break;
  }
  return 0;
}

std::vector<int64_t> boundsOf(const Shape &shape) {
  std::vector<int64_t> bounds;
  for (const Extent &extent : shape)
    bounds.push_back(extent.bound);
  return bounds;
}

} // namespace partita::placement
