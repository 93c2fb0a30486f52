// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Placement.cpp - Placements as checked, printed values --------------===//

#include "partita/placement/Placement.h"

#include "Hashing.h"

#include <set>

namespace partita::placement {

Placement replicated(std::size_t rank) { return {std::vector<DimSplit>(rank), {}}; }

Placement withoutPartial(Placement placement) {
  placement.partial.clear();
  return placement;
}

/// P2 and P3 for one mention of an axis.
static std::optional<std::string> findAxisError(int axis, const Mesh &mesh, std::set<int> &seen) {
  if (axis < 0 || axis >= static_cast<int>(mesh.axes.size()))
    return "axis number " + std::to_string(axis) + " does not exist: the mesh has " + std::to_string(mesh.axes.size()) +
           " axes";
  if (!seen.insert(axis).second)
    return "axis '" + mesh.axes[axis].name + "' is used twice in one placement";
  return std::nullopt;
}

std::optional<std::string> findError(const Placement &placement, std::size_t rank, const Mesh &mesh) {
  if (placement.dims.size() != rank)
    return "a placement of " + std::to_string(placement.dims.size()) + " dims for a value of rank " +
           std::to_string(rank);
  std::set<int> seen;
  for (const DimSplit &splits : placement.dims) {
    if (splits.window && (splits.empty() || splits.window->stride < 1 || splits.window->reach < 1))
      return "a dim is read through a window without cuts, or with a stride or reach below 1";
    for (const Split &split : splits) {
      if (std::optional<std::string> error = findAxisError(split.axis, mesh, seen))
        return error;
      if (split.unit < 1)
        return "axis '" + mesh.axes[split.axis].name + "' cuts in units of " + std::to_string(split.unit) +
               ", expected at least 1";
    }
  }
  for (const auto &[axis, kind] : placement.partial) {
    if (std::optional<std::string> error = findAxisError(axis, mesh, seen))
      return error;
    if (kind != placement.partial.begin()->second)
      return "a value cannot be partial by " + toString(placement.partial.begin()->second) + " and by " +
             toString(kind) + " at once";
  }
  return std::nullopt;
}

std::string toString(PartialKind kind) {
  switch (kind) {
  case PartialKind::sum:
    return "sum";
  case PartialKind::max:
    return "max";
  case PartialKind::min:
    return "min";
  case PartialKind::logicalAnd:
    return "and";
  case PartialKind::logicalOr:
    return "or";
  }
  return "unknown";
}

std::optional<PartialKind> parsePartialKind(const std::string &text) {
  for (PartialKind kind :
       {PartialKind::sum, PartialKind::max, PartialKind::min, PartialKind::logicalAnd, PartialKind::logicalOr})
    if (toString(kind) == text)
      return kind;
  return std::nullopt;
}

static std::string axisName(const Mesh &mesh, int axis) {
  // Printing must work for what findError refuses: that is when it is read most.
  return axis >= 0 && axis < static_cast<int>(mesh.axes.size()) ? mesh.axes[axis].name : "#" + std::to_string(axis);
}

std::string toString(const Placement &placement, const Mesh &mesh) {
  std::string text = "[";
  for (std::size_t dim = 0; dim < placement.dims.size(); ++dim) {
    text += dim ? ", " : "";
    const DimSplit &splits = placement.dims[dim];
    text += splits.empty() ? "_" : "";
    for (std::size_t i = 0; i < splits.size(); ++i) {
      text += (i ? " " : "") + axisName(mesh, splits[i].axis);
      if (splits[i].unit != 1)
        text += "@" + std::to_string(splits[i].unit);
    }
    if (const std::optional<Window> &window = splits.window)
      text += " (" + std::to_string(window->reach) + " by " + std::to_string(window->stride) + " pad " +
              std::to_string(window->low) + ", " + std::to_string(window->high) + ")";
  }
  text += "]";
  // One group per kind, although a sound placement has at most one.
  std::map<PartialKind, std::string> names;
  for (const auto &[axis, kind] : placement.partial) {
    std::string &list = names[kind];
    list += (list.empty() ? "" : ", ") + axisName(mesh, axis);
  }
  for (const auto &[kind, list] : names)
    text += " " + toString(kind) + "(" + list + ")";
  return text;
}

std::size_t hashOf(const Placement &placement) {
  std::size_t seed = placement.dims.size();
  for (const DimSplit &splits : placement.dims) {
    combineHash(seed, splits.size());
    for (const Split &split : splits) {
      combineHash(seed, static_cast<uint64_t>(split.axis));
      combineHash(seed, static_cast<uint64_t>(split.unit));
    }
    if (const std::optional<Window> &window = splits.window)
      for (int64_t number : {window->stride, window->low, window->high, window->reach})
        combineHash(seed, static_cast<uint64_t>(number));
  }
  for (const auto &[axis, kind] : placement.partial)
    combineHash(seed, static_cast<uint64_t>(axis) * 8 + static_cast<uint64_t>(kind));
  return seed;
}

} // namespace partita::placement
