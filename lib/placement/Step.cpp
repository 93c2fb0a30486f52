// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Step.cpp - Naming and describing one reshard step ------------------===//

#include "partita/placement/Reshard.h"

#include "StepRules.h"

#include <algorithm>

namespace partita::placement {

std::string toString(StepKind kind) {
  switch (kind) {
  case StepKind::slice:
    return "slice";
  case StepKind::partialize:
    return "partialize";
  case StepKind::allReduce:
    return "all-reduce";
  case StepKind::reduceScatter:
    return "reduce-scatter";
  case StepKind::allGather:
    return "all-gather";
  case StepKind::allToAll:
    return "all-to-all";
  case StepKind::exchange:
    return "exchange";
  }
  return "unknown";
}

bool isLocal(StepKind kind) { return kind == StepKind::slice || kind == StepKind::partialize; }

double BytesPrice::seconds(const StepDescription &step) const {
  if (isLocal(step.kind) || step.groupSize == 1)
    return 0;
  // An exchange is many messages without the ring or tree of a collective; where bytes are equal, collectives win.
  double steps = step.kind == StepKind::exchange ? 3 : 1;
  return static_cast<double>(step.busiestBytes) * secondsPerByte + steps * secondsPerStep;
}

namespace {

/// How two canonical placements differ.
struct Difference {
  /// Dims of `from` that lose, and that gain, innermost cuts; -1 where there is none.
  int gathered = -1;
  int cut = -1;
  /// The axes these dims lose and gain, and those that stop and start to be partial.
  AxisMask lost = 0, gained = 0, reduced = 0, spread = 0;
  /// False if a dim changes otherwise, or two dims change in the same way.
  bool structured = true;
};

} // namespace

static void noteDim(Difference &difference, int dim, const DimSplit &from, const DimSplit &to, const Extent &extent,
                    const Mesh &mesh) {
  if (from == to)
    return;
  if (difference.cut < 0 && extends(from, to, extent, mesh)) {
    difference.cut = dim;
    difference.gained = maskOf(to) & ~maskOf(from);
  } else if (difference.gathered < 0 && !from.window && extends(to, from, extent, mesh)) {
    difference.gathered = dim;
    difference.lost = maskOf(from) & ~maskOf(to);
  } else {
    difference.structured = false;
  }
}

static Difference compare(const Shape &shape, const Mesh &mesh, const Placement &from, const Placement &to) {
  Difference difference;
  for (std::size_t dim = 0; dim < shape.size(); ++dim)
    noteDim(difference, static_cast<int>(dim), from.dims[dim], to.dims[dim], shape[dim], mesh);
  for (const auto &[axis, kind] : from.partial)
    if (auto same = to.partial.find(axis); same == to.partial.end() || same->second != kind)
      difference.reduced |= AxisMask(1) << axis;
  for (const auto &[axis, kind] : to.partial)
    if (auto same = from.partial.find(axis); same == from.partial.end() || same->second != kind)
      difference.spread |= AxisMask(1) << axis;
  return difference;
}

static std::optional<Step> classifyStructured(const Difference &difference, const Mesh &mesh) {
  const auto &[gathered, cut, lost, gained, reduced, spread, structured] = difference;
  // In every step the moved axes are one set: they leave one role, all together, for one other.
  if (!structured || !hasOneKind(lost | gained | reduced | spread, mesh))
    return std::nullopt;
  if (gained && !lost && !reduced && !spread)
    return Step{StepKind::slice, axesOf(gained), cut, -1};
  if (spread && !lost && !gained && !reduced)
    return Step{StepKind::partialize, axesOf(spread), -1, -1};
  if (reduced && !lost && !gained && !spread)
    return Step{StepKind::allReduce, axesOf(reduced), -1, -1};
  if (reduced && gained == reduced && !lost && !spread)
    return Step{StepKind::reduceScatter, axesOf(reduced), cut, -1};
  if (lost && !gained && !reduced && !spread)
    return Step{StepKind::allGather, axesOf(lost), gathered, -1};
  if (lost && lost == gained && !reduced && !spread)
    return Step{StepKind::allToAll, axesOf(lost), gathered, cut};
  return std::nullopt;
}

std::optional<Step> classifyStep(const Shape &shape, const Mesh &mesh, const Placement &from, const Placement &to) {
  Placement source = canonicalize(from, shape, mesh), result = canonicalize(to, shape, mesh);
  if (source == result)
    return std::nullopt;
  if (std::optional<Step> step = classifyStructured(compare(shape, mesh, source, result), mesh))
    return step;
  if (!source.partial.empty() || !result.partial.empty() || !exchangeElements(boundsOf(shape), mesh, source, result))
    return std::nullopt;
  AxisMask moving = 0;
  for (std::size_t dim = 0; dim < shape.size(); ++dim)
    moving |= movingAxes(source.dims[dim], result.dims[dim]);
  Step step{StepKind::exchange, {}, -1, -1};
  for (int axis : axesOf(moving))
    if (mesh.axes[axis].kind == AxisKind::space)
      step.axes.push_back(axis);
  return step;
}

StepDescription describeStep(const Step &step, const Shape &shape, int64_t elementBytes, const Mesh &mesh,
                             const Placement &from, const Placement &to) {
  AxisMask mask = 0;
  for (int axis : step.axes)
    mask |= AxisMask(1) << axis;
  int64_t source = 1, result = 1, message = 1;
  for (std::size_t dim = 0; dim < shape.size(); ++dim) {
    int64_t before = boundOfLocalExtent(shape[dim], from.dims[dim], mesh);
    int64_t after = boundOfLocalExtent(shape[dim], to.dims[dim], mesh);
    source *= before;
    result *= after;
    message *= std::min(before, after);
  }
  int64_t group = groupSizeOf(mask, mesh);
  int64_t busiest = busiestElements(step.kind, group, source, result, message);
  if (step.kind == StepKind::exchange)
    busiest = exchangeElements(boundsOf(shape), mesh, canonicalize(from, shape, mesh), canonicalize(to, shape, mesh))
                  .value_or(0);
  return {step.kind, mesh, step.axes, group, source * elementBytes, result * elementBytes, busiest * elementBytes};
}

} // namespace partita::placement
