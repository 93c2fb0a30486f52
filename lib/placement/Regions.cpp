// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Regions.cpp - Intersecting the boxes of two placements -------------===//

#include "partita/placement/Regions.h"

#include <algorithm>
#include <map>

namespace partita::placement {

namespace {

/// A part of one dim of the source and the coordinates, along the space axes that cut the dim, of those who hold it.
struct Part {
  Interval interval;
  std::vector<std::pair<int, int64_t>> coordinates;
};

/// What computeRegions prepares once for all target ranks.
struct Source {
  const Side &side;
  std::vector<std::vector<Part>> parts;
  /// Space axes that cut no dim: along them the source is replicated.
  std::vector<int> uncut;
  int64_t copies = 1;
  std::map<int64_t, int64_t> rankOfDevice;
  /// How many readers took each holder in turn, by the rank of a box's first holder.
  std::map<int64_t, int64_t> turns;
  Coordinates atTime;
};

} // namespace

static std::vector<Part> enumerateParts(int64_t extent, const DimSplit &splits, const Mesh &mesh,
                                        const Coordinates &atTime) {
  std::vector<Part> parts{{{0, extent}, {}}};
  for (const Split &split : splits) {
    const Axis &axis = mesh.axes[split.axis];
    bool space = axis.kind == AxisKind::space;
    std::vector<Part> next;
    for (const Part &part : parts)
      for (int64_t i = space ? 0 : atTime[split.axis]; i < (space ? axis.size : atTime[split.axis] + 1); ++i) {
        Interval inner = partOf(part.interval.length(), split.unit, axis.size, i);
        Part &added = next.emplace_back(part);
        added.interval = {part.interval.begin + inner.begin, part.interval.begin + inner.end};
        if (space)
          added.coordinates.push_back({split.axis, i});
      }
    parts = std::move(next);
  }
  return parts;
}

static Source prepare(const std::vector<int64_t> &extents, const Side &side) {
  Source source{side, {}, {}, 1, {}, {}, coordinatesOf(side.mesh, 0, side.time)};
  std::vector<bool> cut(side.mesh.axes.size());
  for (std::size_t dim = 0; dim < extents.size(); ++dim) {
    source.parts.push_back(enumerateParts(extents[dim], side.placement.dims[dim], side.mesh, source.atTime));
    for (const Split &split : side.placement.dims[dim])
      cut[split.axis] = true;
  }
  for (std::size_t axis = 0; axis < cut.size(); ++axis)
    if (!cut[axis] && side.mesh.axes[axis].kind == AxisKind::space) {
      source.uncut.push_back(static_cast<int>(axis));
      source.copies *= side.mesh.axes[axis].size;
    }
  for (std::size_t rank = 0; rank < side.mesh.devices.size(); ++rank)
    source.rankOfDevice[side.mesh.devices[rank]] = static_cast<int64_t>(rank);
  return source;
}

/// Which holder of a box sends it. `holder` has the coordinates of the box and zeros on the uncut axes.
static int64_t chooseHolder(Source &source, Coordinates holder, const Coordinates &reader, int64_t device,
                            bool oneMesh) {
  const Mesh &mesh = source.side.mesh;
  if (oneMesh) {
    for (int axis : source.uncut)
      holder[axis] = reader[axis];
    return rankOf(mesh, holder);
  }
  if (auto same = source.rankOfDevice.find(device); same != source.rankOfDevice.end()) {
    Coordinates own = coordinatesOf(mesh, same->second, source.side.time);
    Coordinates wanted = holder;
    for (int axis : source.uncut)
      wanted[axis] = own[axis];
    if (wanted == own)
      return same->second;
  }
  int64_t turn = source.turns[rankOf(mesh, holder)]++ % source.copies;
  for (std::size_t i = source.uncut.size(); i-- > 0;) {
    int64_t size = mesh.axes[source.uncut[i]].size;
    holder[source.uncut[i]] = turn % size;
    turn /= size;
  }
  return rankOf(mesh, holder);
}

/// The pieces of a box, each with the coordinates of its holders, in ascending order of boxes.
static std::vector<std::pair<Box, Coordinates>> cutBox(const Source &source, const Box &box) {
  std::vector<std::pair<Box, Coordinates>> pieces{{{}, source.atTime}};
  for (std::size_t dim = 0; dim < box.size(); ++dim) {
    std::vector<std::pair<Box, Coordinates>> next;
    for (const auto &[done, holder] : pieces)
      for (const Part &part : source.parts[dim]) {
        Interval common = intersect({part.interval}, {box[dim]})[0];
        if (common.length() == 0)
          continue;
        auto &[extended, coordinates] = next.emplace_back(done, holder);
        extended.push_back(common);
        for (const auto &[axis, coordinate] : part.coordinates)
          coordinates[axis] = coordinate;
      }
    pieces = std::move(next);
  }
  return pieces;
}

static std::optional<std::string> findSideError(const std::vector<int64_t> &extents, const Side &side) {
  if (std::optional<std::string> error = findError(side.mesh))
    return error;
  if (side.time < 0 || side.time >= timeCount(side.mesh))
    return "time coordinate " + std::to_string(side.time) + " is outside of the mesh";
  for (int64_t extent : extents)
    if (extent < 0)
      return "an extent is negative: " + std::to_string(extent);
  return findError(side.placement, extents.size(), side.mesh);
}

std::optional<std::vector<Region>> computeRegions(const std::vector<int64_t> &extents, const Side &source,
                                                  const Side &target, std::string *error) {
  auto fail = [&](std::string message) -> std::optional<std::vector<Region>> {
    if (error)
      *error = std::move(message);
    return std::nullopt;
  };
  for (const Side *side : {&source, &target})
    if (std::optional<std::string> problem = findSideError(extents, *side))
      return fail(*problem);
  if (!source.placement.partial.empty())
    return fail("the source is partial: " + toString(source.placement, source.mesh) + "; reshard it first");
  if (!target.placement.partial.empty())
    return fail("the target is partial: " + toString(target.placement, target.mesh) + "; reshard it afterwards");

  for (const DimSplit &splits : source.placement.dims)
    if (splits.window)
      return fail("the source holds halos: " + toString(source.placement, source.mesh) + "; take the value without");

  Source prepared = prepare(extents, source);
  bool oneMesh = source.mesh == target.mesh;
  std::vector<Region> regions;
  for (int64_t rank = 0; rank < rankCount(target.mesh); ++rank) {
    Coordinates reader = coordinatesOf(target.mesh, rank, target.time);
    Box box = localBox(extents, target.placement, target.mesh, reader);
    int64_t missing = elementCount(box);
    if (missing == 0)
      continue;
    for (auto &[piece, holder] : cutBox(prepared, box)) {
      int64_t owner = chooseHolder(prepared, holder, reader, target.mesh.devices[rank], oneMesh);
      missing -= elementCount(piece);
      regions.push_back({owner, rank, std::move(piece)});
    }
    if (missing != 0)
      return fail("at this time the ranks of the source do not hold all that rank " + std::to_string(rank) +
                  " of the target needs");
  }
  return regions;
}

} // namespace partita::placement
