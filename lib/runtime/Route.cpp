// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who takes what from whom, from two layouts.
#include "partita/runtime/Route.h"

#include <algorithm>

namespace partita::runtime {

namespace {

enum class AxisRole { fixed, split, reduced };

bool isPartialOver(const Layout &layout, int64_t axis) {
  return std::any_of(layout.partial.begin(), layout.partial.end(),
                     [axis](const PartialAxis &partial) { return partial.axis == axis; });
}

// Splits that both layouts have as the first ones of the same dimension move nothing: every rank finds its part along
// their axes on its own coordinate. Parts with halos overlap, so without this it would read those of others as well.
void fixSharedSplits(const Layout &from, const Layout &to, std::vector<AxisRole> &roles) {
  for (size_t d = 0; d < from.dimensions.size(); ++d) {
    const std::vector<Split> &before = from.dimensions[d].splits, &after = to.dimensions[d].splits;
    if (from.dimensions[d].window != to.dimensions[d].window)
      continue;
    for (size_t s = 0; s < std::min(before.size(), after.size()); ++s) {
      if (before[s].axis != after[s].axis || before[s].unit != after[s].unit)
        break;
      roles[before[s].axis] = AxisRole::fixed;
    }
  }
}

// What each axis of the source stage is to a receiver. Time axes are fixed: an event has one micro-batch.
std::vector<AxisRole> axisRoles(const Stage &stage, const Layout &from, const Layout &to, bool sameStage) {
  std::vector<AxisRole> roles(stage.axes.size(), AxisRole::fixed);
  for (const Dimension &dimension : from.dimensions)
    for (const Split &split : dimension.splits)
      roles[split.axis] = AxisRole::split;
  for (const PartialAxis &partial : from.partial)
    if (!sameStage || !isPartialOver(to, partial.axis))
      roles[partial.axis] = AxisRole::reduced;
  if (sameStage)
    fixSharedSplits(from, to, roles);
  for (size_t a = 0; a < roles.size(); ++a)
    if (stage.axes[a].kind == AxisKind::time)
      roles[a] = AxisRole::fixed;
  return roles;
}

int64_t memberAt(const Stage &stage, const std::vector<int64_t> &coordinates) {
  int64_t member = 0;
  for (size_t a = 0; a < stage.axes.size(); ++a)
    if (stage.axes[a].kind == AxisKind::space)
      member = member * stage.axes[a].size + coordinates[a];
  return member;
}

// Steps the coordinates of the axes with the given role, row-major; false after the last.
bool advance(const Stage &stage, const std::vector<AxisRole> &roles, AxisRole role, std::vector<int64_t> &coordinates) {
  for (size_t a = roles.size(); a-- > 0;) {
    if (roles[a] != role)
      continue;
    if (++coordinates[a] < stage.axes[a].size)
      return true;
    coordinates[a] = 0;
  }
  return false;
}

// The coordinates at which a receiver of another stage reads along the axes it may choose.
std::vector<int64_t> chooseReplica(const RouteEnd &source, const RouteEnd &destination, int64_t member,
                                   const std::vector<AxisRole> &roles) {
  const Stage &stage = source.stage;
  const std::vector<int64_t> &devices = stage.devices;
  auto own = std::find(devices.begin(), devices.end(), destination.stage.devices[member]);
  if (own != devices.end())
    return memberCoordinates(stage, own - devices.begin(), source.microBatch);
  std::vector<int64_t> coordinates = memberCoordinates(stage, 0, source.microBatch);
  for (size_t a = roles.size(); a-- > 0;)
    if (roles[a] == AxisRole::fixed && stage.axes[a].kind == AxisKind::space) {
      coordinates[a] = member % stage.axes[a].size;
      member /= stage.axes[a].size;
    }
  return coordinates;
}

} // namespace

std::vector<int64_t> memberCoordinates(const Stage &stage, int64_t member, int64_t microBatch) {
  std::vector<int64_t> coordinates(stage.axes.size(), 0);
  for (size_t a = stage.axes.size(); a-- > 0;) {
    int64_t &rest = stage.axes[a].kind == AxisKind::space ? member : microBatch;
    coordinates[a] = rest % stage.axes[a].size;
    rest /= stage.axes[a].size;
  }
  return coordinates;
}

int64_t microBatchCount(const Stage &stage) {
  int64_t count = 1;
  for (const Axis &axis : stage.axes)
    count *= axis.kind == AxisKind::time ? axis.size : 1;
  return count;
}

Route planRoute(const RouteEnd &source, const RouteEnd &destination, int64_t member, const int64_t *symbols) {
  const Stage &stage = source.stage;
  bool sameStage = &stage == &destination.stage;
  Route route;
  route.elementType = source.layout.elementType;
  if (!source.layout.partial.empty())
    route.reduction = source.layout.partial[0].kind;
  route.destinationBox = localBox(destination.layout, destination.stage.axes,
                                  memberCoordinates(destination.stage, member, destination.microBatch).data(), symbols);
  std::vector<AxisRole> roles = axisRoles(stage, source.layout, destination.layout, sameStage);
  std::vector<int64_t> coordinates = sameStage ? memberCoordinates(stage, member, source.microBatch)
                                               : chooseReplica(source, destination, member, roles);
  for (size_t a = 0; a < roles.size(); ++a)
    if (roles[a] != AxisRole::fixed)
      coordinates[a] = 0;
  do {
    RoutePart part;
    part.sourceBox = localBox(source.layout, stage.axes, coordinates.data(), symbols);
    if (!intersectBoxes(part.sourceBox, route.destinationBox, part.region))
      continue;
    do
      part.members.push_back(memberAt(stage, coordinates));
    while (advance(stage, roles, AxisRole::reduced, coordinates));
    route.members.insert(route.members.end(), part.members.begin(), part.members.end());
    route.parts.push_back(std::move(part));
  } while (advance(stage, roles, AxisRole::split, coordinates));
  std::sort(route.members.begin(), route.members.end());
  route.members.erase(std::unique(route.members.begin(), route.members.end()), route.members.end());
  return route;
}

std::vector<int64_t> collectiveGroup(const Stage &stage, const Layout &from, const Layout &to, int64_t member) {
  std::vector<AxisRole> roles = axisRoles(stage, from, to, true);
  for (AxisRole &role : roles)
    if (role != AxisRole::fixed)
      role = AxisRole::split;
  std::vector<int64_t> coordinates = memberCoordinates(stage, member, 0);
  for (size_t a = 0; a < roles.size(); ++a)
    if (roles[a] == AxisRole::split)
      coordinates[a] = 0;
  std::vector<int64_t> group;
  do
    group.push_back(memberAt(stage, coordinates));
  while (advance(stage, roles, AxisRole::split, coordinates));
  return group;
}

bool isOwner(const Stage &stage, const Layout &layout, const std::vector<int64_t> &coordinates) {
  std::vector<bool> used(stage.axes.size(), false);
  for (const Dimension &dimension : layout.dimensions)
    for (const Split &split : dimension.splits)
      used[split.axis] = true;
  for (size_t a = 0; a < used.size(); ++a)
    if (!used[a] && coordinates[a] != 0)
      return false;
  return true;
}

} // namespace partita::runtime
