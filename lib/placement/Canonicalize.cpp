// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Canonicalize.cpp - The unique smallest form of a placement ---------===//

#include "partita/placement/Placement.h"

#include <algorithm>

namespace partita::placement {

/// True if both units cut every one of the lengths at the same places.
static bool cutsAlike(const std::vector<int64_t> &lengths, int64_t left, int64_t right, int64_t parts) {
  for (int64_t length : lengths)
    for (int64_t part = 0; part < parts; ++part) {
      Interval interval = partOf(length, left, parts, part);
      if (interval != partOf(length, right, parts, part))
        return false;
      if (interval.end == length)
        break; // The other parts are empty in both: every cut covers its interval.
    }
  return true;
}

static std::vector<int64_t> divisorsUpTo(int64_t number, int64_t limit) {
  std::vector<int64_t> divisors;
  for (int64_t candidate = 1; candidate * candidate <= number; ++candidate)
    if (number % candidate == 0) {
      divisors.push_back(candidate);
      divisors.push_back(number / candidate);
    }
  std::sort(divisors.begin(), divisors.end());
  divisors.erase(std::upper_bound(divisors.begin(), divisors.end(), limit), divisors.end());
  return divisors;
}

/// The smallest unit with the boundaries of `unit`, which is below the largest length. An interval longer than the
/// unit has a first part of whole units, so every unit with the same boundaries divides that part.
static int64_t smallestUnit(const std::vector<int64_t> &lengths, int64_t unit, int64_t parts) {
  if (unit == 1)
    return 1;
  int64_t length = *std::upper_bound(lengths.begin(), lengths.end(), unit);
  int64_t first = partOf(length, unit, parts, 0).length();
  for (int64_t candidate : divisorsUpTo(first, unit))
    if (cutsAlike(lengths, candidate, unit, parts))
      return candidate;
  return unit;
}

DimSplit canonicalize(const DimSplit &splits, const Extent &extent, const Mesh &mesh) {
  if (extent.bound <= 0)
    return {};
  if (splits.window) {
    DimSplit steps = splits;
    steps.window.reset();
    DimSplit cut = canonicalize(steps, Extent(countSteps(*splits.window, extent.bound), extent.symbolic), mesh);
    // Not cut at all, the dim is kept whole.
    if (!cut.empty())
      cut.window = splits.window;
    return cut;
  }
  DimSplit kept;
  std::vector<int> concentrating;
  int64_t largest = extent.bound;
  for (Split split : splits) {
    int64_t parts = mesh.axes[split.axis].size;
    if (parts == 1)
      continue;
    if (split.unit >= largest) {
      concentrating.push_back(split.axis);
      continue;
    }
    // What concentrating splits outside leave empty does not matter: nothing is cut in the same places by every unit.
    if (!extent.symbolic && split.unit > 1)
      split.unit = smallestUnit(localExtents(extent.bound, kept, mesh), split.unit, parts);
    kept.push_back(split);
    largest = partOf(largest, split.unit, parts, 0).length();
  }
  std::sort(concentrating.begin(), concentrating.end());
  for (int axis : concentrating)
    kept.push_back({axis, largest});
  return kept;
}

Placement canonicalize(const Placement &placement, const Shape &shape, const Mesh &mesh) {
  Placement result;
  for (std::size_t dim = 0; dim < placement.dims.size(); ++dim)
    result.dims.push_back(canonicalize(placement.dims[dim], shape[dim], mesh));
  for (const auto &[axis, kind] : placement.partial)
    if (mesh.axes[axis].size > 1)
      result.partial.emplace(axis, kind);
  return result;
}

} // namespace partita::placement
