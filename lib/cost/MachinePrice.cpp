// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- MachinePrice.cpp - Prices of reshard steps on a machine ---------------------------===//
#include "partita/cost/MachinePrice.h"

#include <algorithm>
#include <set>

using namespace partita;
using namespace partita::cost;
using machine::DeviceId;
using machine::GroupShape;
using placement::AxisKind;
using placement::Mesh;
using placement::StepDescription;
using placement::StepKind;

namespace {
/// Whether the mesh has as many devices as ranks and the machine has them all.
bool fitsMachine(const Mesh &mesh, const machine::Machine &machine) {
  if (placement::findError(mesh))
    return false;
  return std::all_of(mesh.devices.begin(), mesh.devices.end(),
                     [&](int64_t device) { return device >= 0 && device < machine.deviceCount(); });
}

/// The ranks of the group of rank 0, when groups differ in `axes`; and the first rank of every group.
struct RankGroups {
  std::vector<int64_t> members = {0};
  std::vector<int64_t> firsts = {0};
};

RankGroups findRankGroups(const Mesh &mesh, const std::vector<int> &axes) {
  RankGroups groups;
  int64_t stride = placement::rankCount(mesh);
  for (size_t axis = 0; axis < mesh.axes.size(); ++axis) {
    if (mesh.axes[axis].kind == AxisKind::time)
      continue;
    stride /= mesh.axes[axis].size;
    bool varies = std::find(axes.begin(), axes.end(), int(axis)) != axes.end();
    std::vector<int64_t> &ranks = varies ? groups.members : groups.firsts;
    std::vector<int64_t> extended;
    for (int64_t rank : ranks)
      for (int64_t coordinate = 0; coordinate < mesh.axes[axis].size; ++coordinate)
        extended.push_back(rank + coordinate * stride);
    ranks = std::move(extended);
  }
  return groups;
}

Communication describeCommunication(const StepDescription &step) {
  double p = double(step.groupSize);
  // The busiest rank's bytes are given; formulas count the whole of what is gathered, scattered or reduced.
  double whole = double(step.busiestBytes) * p / (p - 1);
  switch (step.kind) {
  case StepKind::allReduce:
    return {Collective::AllReduce, {int64_t(whole / 2)}};
  case StepKind::reduceScatter:
    return {Collective::ReduceScatter, {int64_t(whole)}};
  case StepKind::allGather:
    return {Collective::AllGather, {int64_t(whole)}};
  case StepKind::allToAll:
    return {Collective::AllToAll, {int64_t(whole)}};
  default:
    return {Collective::Exchange, {step.busiestBytes}};
  }
}
} // namespace

std::vector<GroupShape> MachinePrice::findGroupShapes(const Mesh &mesh, const std::vector<int> &axes) const {
  std::lock_guard<std::mutex> lock(mutex);
  auto [position, isNew] = shapes.try_emplace({mesh, axes});
  if (!isNew || !fitsMachine(mesh, machine))
    return position->second;
  RankGroups groups = findRankGroups(mesh, axes);
  std::set<GroupShape> different;
  std::vector<DeviceId> devices(groups.members.size());
  for (int64_t first : groups.firsts) {
    for (size_t i = 0; i < groups.members.size(); ++i)
      devices[i] = DeviceId{int32_t(mesh.devices[first + groups.members[i]])};
    different.insert(machine.findGroupShape(devices));
  }
  position->second.assign(different.begin(), different.end());
  return position->second;
}

double MachinePrice::copySeconds(const StepDescription &step) const {
  // Read and written once, on the type with the slowest memory.
  int64_t bytes = addSaturated(std::min(step.sourceBytes, step.resultBytes), step.resultBytes);
  Seconds slowest;
  for (const machine::DeviceType &type : machine.types())
    slowest = std::max(slowest, Seconds::perRate({bytes}, type.memoryBandwidth));
  return slowest.value;
}

double MachinePrice::seconds(const StepDescription &step) const {
  bool isOverTime = std::any_of(step.axes.begin(), step.axes.end(), [&](int axis) {
    return axis >= 0 && size_t(axis) < step.mesh.axes.size() && step.mesh.axes[axis].kind == AxisKind::time;
  });
  if (placement::isLocal(step.kind) || isOverTime)
    return copySeconds(step);
  if (step.groupSize <= 1)
    return 0;
  std::vector<GroupShape> groups = findGroupShapes(step.mesh, step.axes);
  if (groups.empty())
    return Seconds::infinity().value;
  Communication communication = describeCommunication(step);
  Seconds slowest;
  for (const GroupShape &group : groups)
    slowest = std::max(slowest, cost.collectiveSeconds(communication, group, machine));
  return slowest.value;
}
