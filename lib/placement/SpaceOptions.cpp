// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- SpaceOptions.cpp - Which placements a search looks at --------------===//

#include "SearchSpace.h"

#include <algorithm>
#include <bit>
#include <set>

namespace partita::placement {

/// Up to so many axes move freely, and up to so many between their two places (see Reshard.h).
constexpr int freeAxes = 3;
constexpr int directAxes = 6;

namespace {

/// A canonical placement with its concentrating cuts set apart. Their unit is written as the whole extent, so
/// that they stay concentrating when the cuts outside them change.
struct Separated {
  std::vector<DimSplit> dims;
  std::vector<AxisMask> concentrating;
};

} // namespace

static Separated separate(const Placement &placement, const Shape &shape, const Mesh &mesh) {
  Separated result;
  for (std::size_t dim = 0; dim < shape.size(); ++dim) {
    DimSplit splits = placement.dims[dim];
    AxisMask concentrating = 0;
    int64_t largest = shape[dim].bound;
    for (Split &split : splits) {
      int64_t first = partOf(largest, split.unit, mesh.axes[split.axis].size, 0).length();
      if (split.unit >= largest) {
        concentrating |= AxisMask(1) << split.axis;
        split.unit = shape[dim].bound;
      }
      largest = first;
    }
    result.dims.push_back(std::move(splits));
    result.concentrating.push_back(concentrating);
  }
  return result;
}

static AxisMask liveAxesOf(const Mesh &mesh) {
  AxisMask live = 0;
  for (std::size_t axis = 0; axis < mesh.axes.size(); ++axis)
    if (mesh.axes[axis].size > 1)
      live |= AxisMask(1) << axis;
  return live;
}

static AxisMask namedAxes(const Placement &placement) {
  AxisMask named = maskOf(placement.partial);
  for (const DimSplit &splits : placement.dims)
    named |= maskOf(splits);
  return named;
}

/// The axes that change their role; a cut that concentrates the same dim in both does not.
static AxisMask changingAxes(const Placement &from, const Placement &to, const Separated &source,
                             const Separated &result) {
  AxisMask moving = 0;
  for (std::size_t dim = 0; dim < from.dims.size(); ++dim)
    moving |= movingAxes(source.dims[dim], result.dims[dim]) & ~(source.concentrating[dim] & result.concentrating[dim]);
  for (const auto &[axis, kind] : from.partial)
    if (auto same = to.partial.find(axis); same == to.partial.end() || same->second != kind)
      moving |= AxisMask(1) << axis;
  return moving | (maskOf(to.partial) & ~maskOf(from.partial));
}

static AxisMask chooseMovable(const Mesh &mesh, const Placement &from, const Placement &to, AxisMask changing) {
  AxisMask live = liveAxesOf(mesh);
  if (std::popcount(live) <= freeAxes)
    return live;
  // Replicated axes can help: reducing a slice on each of their coordinates and gathering it is less work than
  // reducing all of it everywhere.
  AxisMask movable = changing, named = namedAxes(from) | namedAxes(to);
  for (int axis : axesOf(live & ~named))
    if (std::popcount(movable) < freeAxes && mesh.axes[axis].kind == AxisKind::space)
      movable |= AxisMask(1) << axis;
  return movable;
}

static std::vector<Split> listChoices(const Mesh &mesh, AxisMask movable, const DimSplit &from, const DimSplit &to) {
  std::set<Split> choices;
  for (int axis : axesOf(movable))
    if (mesh.axes[axis].kind == AxisKind::space)
      choices.insert({axis, 1});
  for (const DimSplit *splits : {&from, &to})
    for (const Split &split : *splits)
      if (movable >> split.axis & 1)
        choices.insert(split);
  return {choices.begin(), choices.end()};
}

static DimSplit restrictTo(const DimSplit &splits, AxisMask mask) {
  DimSplit result;
  for (const Split &split : splits)
    if (mask >> split.axis & 1)
      result.push_back(split);
  return result;
}

/// First part of the cuts of `from`, then some of the cuts of `to`, in their order.
static std::vector<DimSplit> listDirectSequences(const DimSplit &from, const DimSplit &to) {
  std::set<DimSplit> sequences;
  for (std::size_t kept = 0; kept <= from.size(); ++kept)
    for (unsigned subset = 0; subset < 1u << to.size(); ++subset) {
      DimSplit sequence(from.begin(), from.begin() + kept);
      AxisMask used = maskOf(sequence);
      bool disjoint = true;
      for (std::size_t i = 0; i < to.size(); ++i)
        if (subset >> i & 1) {
          disjoint &= !(used >> to[i].axis & 1);
          sequence.push_back(to[i]);
        }
      if (disjoint)
        sequences.insert(std::move(sequence));
    }
  return {sequences.begin(), sequences.end()};
}

/// Many axes move: all of a dim at once, all partial axes at once.
static SpaceOptions chooseCoarse(const Mesh &mesh, const Placement &from, const Placement &to, const Separated &source,
                                 const Separated &result) {
  SpaceOptions options;
  for (std::size_t dim = 0; dim < from.dims.size(); ++dim) {
    std::set<DimSplit> both{source.dims[dim], result.dims[dim]};
    options.dims.push_back({{}, {}, {}, {both.begin(), both.end()}});
  }
  std::set<std::map<int, PartialKind>> sets{{}};
  for (const Placement *placement : {&from, &to}) {
    std::map<int, PartialKind> space, time;
    for (const auto &[axis, kind] : placement->partial)
      (mesh.axes[axis].kind == AxisKind::space ? space : time).emplace(axis, kind);
    sets.insert({space, time, placement->partial});
  }
  options.partialSets.assign(sets.begin(), sets.end());
  return options;
}

/// Takes out the dims that are read through a window, as if they were whole, and notes them.
static Placement withoutWindows(Placement placement, std::vector<std::set<DimSplit>> &windowed) {
  for (std::size_t dim = 0; dim < placement.dims.size(); ++dim)
    if (placement.dims[dim].window) {
      windowed[dim].insert(placement.dims[dim]);
      placement.dims[dim] = {};
    }
  return placement;
}

static SpaceOptions choosePlain(const Shape &shape, const Mesh &mesh, const Placement &from, const Placement &to) {
  Separated source = separate(from, shape, mesh), result = separate(to, shape, mesh);
  AxisMask movable = chooseMovable(mesh, from, to, changingAxes(from, to, source, result));
  int count = std::popcount(movable);
  if (count > directAxes)
    return chooseCoarse(mesh, from, to, source, result);
  SpaceOptions options;
  for (std::size_t dim = 0; dim < shape.size(); ++dim) {
    DimOptions &dimOptions = options.dims.emplace_back();
    AxisMask concentrating = source.concentrating[dim] & result.concentrating[dim] & ~movable;
    dimOptions.outer = restrictTo(source.dims[dim], ~movable & ~concentrating);
    dimOptions.concentrating = axesOf(concentrating);
    if (count <= freeAxes)
      dimOptions.choices = listChoices(mesh, movable, source.dims[dim], result.dims[dim]);
    else
      dimOptions.sequences =
          listDirectSequences(restrictTo(source.dims[dim], movable), restrictTo(result.dims[dim], movable));
  }
  std::set<std::pair<int, PartialKind>> choices;
  for (const Placement *placement : {&from, &to})
    for (const auto &[axis, kind] : placement->partial)
      if (movable >> axis & 1)
        choices.insert({axis, kind});
      else
        options.partial.emplace(axis, kind);
  options.partialChoices.assign(choices.begin(), choices.end());
  return options;
}

SpaceOptions chooseOptions(const Shape &shape, const Mesh &mesh, const Placement &from, const Placement &to) {
  std::vector<std::set<DimSplit>> windowed(shape.size());
  Placement source = withoutWindows(from, windowed), result = withoutWindows(to, windowed);
  SpaceOptions options = choosePlain(shape, mesh, source, result);
  for (std::size_t dim = 0; dim < shape.size(); ++dim)
    options.dims[dim].windowed.assign(windowed[dim].begin(), windowed[dim].end());
  return options;
}

std::vector<DimSplit> listSequences(const DimOptions &options, const Extent &extent) {
  std::vector<DimSplit> middles = options.sequences;
  if (middles.empty()) {
    middles.push_back({});
    // Grows while it is walked: every sequence is extended by every choice whose axis it does not use.
    for (std::size_t i = 0; i < middles.size(); ++i)
      for (const Split &choice : options.choices)
        if (!(maskOf(middles[i]) >> choice.axis & 1)) {
          DimSplit longer = middles[i];
          longer.push_back(choice);
          middles.push_back(std::move(longer));
        }
  }
  for (DimSplit &middle : middles) {
    middle.insert(middle.begin(), options.outer.begin(), options.outer.end());
    for (int axis : options.concentrating)
      middle.push_back({axis, std::max<int64_t>(extent.bound, 1)});
  }
  return middles;
}

std::vector<std::map<int, PartialKind>> listPartials(const SpaceOptions &options) {
  if (!options.partialSets.empty())
    return options.partialSets;
  std::vector<std::map<int, PartialKind>> sets{options.partial};
  for (const auto &[axis, kind] : options.partialChoices)
    for (std::size_t i = 0, count = sets.size(); i < count; ++i)
      // One kind for all partial axes (law L7); an axis may be listed with two kinds.
      if (!sets[i].count(axis) && (sets[i].empty() || sets[i].begin()->second == kind)) {
        std::map<int, PartialKind> larger = sets[i];
        larger.emplace(axis, kind);
        sets.push_back(std::move(larger));
      }
  return sets;
}

} // namespace partita::placement
