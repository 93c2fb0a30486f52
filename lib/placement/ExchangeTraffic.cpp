// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ExchangeTraffic.cpp - Bytes of an exchange, exactly and fast -------===//
//
// Counts what computeRegions would list, without listing it: axes whose role both placements share are left out, and
// each dim is intersected once instead of once per rank.
//
//===----------------------------------------------------------------------===//

#include "StepRules.h"

#include "partita/placement/Regions.h"

#include <algorithm>

namespace partita::placement {

namespace {

/// A part of one dim. `offset` is the share of the owner's number (over the moving axes) that the cuts of this dim fix.
struct Part {
  Interval interval;
  int64_t offset = 0;
};

struct Overlap {
  int64_t offset;
  int64_t length;
};

/// One dim: who owns what of each part that a reader may want.
struct DimTable {
  DimSplit readerSplits;
  std::vector<std::vector<Overlap>> byReaderPart;
};

/// The ranks that differ along the moving axes only, numbered row-major.
struct Group {
  const Mesh &mesh;
  std::vector<int> axes;
  std::vector<int64_t> strideOfAxis;
  int64_t size = 1;

  Group(const Mesh &mesh, AxisMask moving) : mesh(mesh), axes(axesOf(moving)), strideOfAxis(mesh.axes.size()) {
    for (std::size_t i = axes.size(); i-- > 0;) {
      strideOfAxis[axes[i]] = size;
      size *= mesh.axes[axes[i]].size;
    }
  }
  int64_t coordinate(int64_t rank, int axis) const { return rank / strideOfAxis[axis] % mesh.axes[axis].size; }
};

} // namespace

/// The parts in nested order, which is ascending order.
static std::vector<Part> enumerateParts(int64_t length, const DimSplit &splits, const Group &group) {
  std::vector<Part> parts{{{0, splits.window ? countSteps(*splits.window, length) : length}, 0}};
  for (const Split &split : splits) {
    int64_t count = group.mesh.axes[split.axis].size;
    std::vector<Part> next;
    next.reserve(parts.size() * count);
    for (const Part &part : parts)
      for (int64_t i = 0; i < count; ++i) {
        Interval inner = partOf(part.interval.length(), split.unit, count, i);
        next.push_back({{part.interval.begin + inner.begin, part.interval.begin + inner.end},
                        part.offset + i * group.strideOfAxis[split.axis]});
      }
    parts = std::move(next);
  }
  if (splits.window)
    for (Part &part : parts)
      part.interval = readBySteps(*splits.window, part.interval, length);
  return parts;
}

static DimTable buildDimTable(int64_t length, const DimSplit &from, const DimSplit &to, const Group &group) {
  DimTable table{to, {}};
  std::vector<Part> owned = enumerateParts(length, from, group);
  for (const Part &wanted : enumerateParts(length, to, group)) {
    std::vector<Overlap> &overlaps = table.byReaderPart.emplace_back();
    auto first = std::partition_point(owned.begin(), owned.end(),
                                      [&](const Part &part) { return part.interval.end <= wanted.interval.begin; });
    for (; first != owned.end() && first->interval.begin < wanted.interval.end; ++first) {
      int64_t begin = std::max(first->interval.begin, wanted.interval.begin);
      int64_t end = std::min(first->interval.end, wanted.interval.end);
      if (begin < end)
        overlaps.push_back({first->offset, end - begin});
    }
  }
  return table;
}

/// Adds up what every rank of one group sends and receives; the answer is the largest sum.
static int64_t countGroup(const std::vector<DimTable> &tables, const Group &group, const std::vector<int> &uncut) {
  std::vector<int64_t> sent(group.size), received(group.size);
  std::vector<Overlap> pieces, next;
  for (int64_t reader = 0; reader < group.size; ++reader) {
    // A reader asks the rank that shares its coordinates on the axes the source does not cut.
    int64_t base = 0;
    for (int axis : uncut)
      base += group.coordinate(reader, axis) * group.strideOfAxis[axis];
    pieces.assign(1, {base, 1});
    for (const DimTable &table : tables) {
      int64_t part = 0;
      for (const Split &split : table.readerSplits)
        part = part * group.mesh.axes[split.axis].size + group.coordinate(reader, split.axis);
      next.clear();
      for (const Overlap &piece : pieces)
        for (const Overlap &overlap : table.byReaderPart[part])
          next.push_back({piece.offset + overlap.offset, piece.length * overlap.length});
      std::swap(pieces, next);
    }
    for (const Overlap &piece : pieces)
      if (piece.offset != reader) {
        sent[piece.offset] += piece.length;
        received[reader] += piece.length;
      }
  }
  return std::max(*std::max_element(sent.begin(), sent.end()), *std::max_element(received.begin(), received.end()));
}

/// The general case, one time coordinate after the other.
static std::optional<int64_t> countOverTime(const std::vector<int64_t> &extents, const Mesh &mesh,
                                            const Placement &from, const Placement &to) {
  int64_t busiest = 0;
  for (int64_t time = 0; time < timeCount(mesh); ++time) {
    std::optional<std::vector<Region>> regions = computeRegions(extents, {mesh, from, time}, {mesh, to, time});
    if (!regions)
      return std::nullopt;
    std::vector<int64_t> sent(rankCount(mesh)), received(rankCount(mesh));
    for (const Region &region : *regions)
      if (region.source != region.target) {
        sent[region.source] += elementCount(region.box);
        received[region.target] += elementCount(region.box);
      }
    busiest = std::max(
        {busiest, *std::max_element(sent.begin(), sent.end()), *std::max_element(received.begin(), received.end())});
  }
  return busiest;
}

std::optional<int64_t> exchangeElements(const std::vector<int64_t> &extents, const Mesh &mesh, const Placement &from,
                                        const Placement &to) {
  AxisMask moving = 0, cutByFrom = 0;
  for (std::size_t dim = 0; dim < extents.size(); ++dim) {
    if (from.dims[dim].window)
      return std::nullopt;
    moving |= movingAxes(from.dims[dim], to.dims[dim]);
    cutByFrom |= maskOf(from.dims[dim]);
  }
  for (int axis : axesOf(moving))
    if (mesh.axes[axis].kind == AxisKind::time)
      return countOverTime(extents, mesh, from, to);
  Group group(mesh, moving);
  std::vector<int> uncut = axesOf(moving & ~cutByFrom);

  // Behind the common outer cuts a dim has one of a few lengths; every combination of them occurs at some coordinates.
  std::vector<std::vector<DimTable>> choices;
  for (std::size_t dim = 0; dim < extents.size(); ++dim) {
    const DimSplit &source = from.dims[dim], &result = to.dims[dim];
    // Halos reach over the bounds of outer parts.
    auto common = result.window ? 0
                                : std::mismatch(source.begin(), source.end(), result.begin(), result.end()).first -
                                      source.begin();
    DimSplit wanted(result.begin() + common, result.end());
    wanted.window = result.window;
    std::vector<DimTable> &tables = choices.emplace_back();
    for (int64_t length : localExtents(extents[dim], DimSplit(source.begin(), source.begin() + common), mesh))
      tables.push_back(buildDimTable(length, DimSplit(source.begin() + common, source.end()), wanted, group));
  }
  int64_t busiest = 0;
  std::vector<std::size_t> chosen(extents.size());
  for (bool more = true; more;) {
    std::vector<DimTable> tables;
    for (std::size_t dim = 0; dim < extents.size(); ++dim)
      tables.push_back(choices[dim][chosen[dim]]);
    busiest = std::max(busiest, countGroup(tables, group, uncut));
    more = false;
    for (std::size_t dim = 0; dim < extents.size() && !more; ++dim) {
      chosen[dim] = (chosen[dim] + 1) % choices[dim].size();
      more = chosen[dim] != 0;
    }
  }
  return busiest;
}

} // namespace partita::placement
