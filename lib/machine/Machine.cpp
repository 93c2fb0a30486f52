// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Machine.cpp - The value and its questions ------------------------------------===//
#include "partita/machine/Machine.h"

#include "partita/support/Hash.h"

#include <algorithm>
#include <set>

using namespace partita;
using namespace partita::machine;

llvm::StringRef machine::toString(Target target) { return target == Target::Cpu ? "cpu" : "cuda"; }
llvm::StringRef machine::toString(Topology topology) { return topology == Topology::Ring ? "ring" : "switch"; }

double DeviceType::peakFor(llvm::StringRef elementType) const {
  // A unit that lacks a type computes it in the next wider one. TF32 is used only where it is asked for by
  // name: it is not what a program means by f32.
  static const std::map<std::string, std::string, std::less<>> wider = {
      {"f4", "f8"}, {"f8", "f16"}, {"i8", "f16"}, {"f16", "f32"}, {"bf16", "f32"}, {"tf32", "f32"}, {"f32", "f64"}};
  std::string name = elementType.str();
  if (elementType.starts_with("f8") || elementType.starts_with("f4"))
    name = elementType.take_front(2).str();
  else if (elementType == "si8" || elementType == "ui8" || elementType.ends_with("i4"))
    name = "i8";
  while (true) {
    if (auto rate = peakFlops.find(name); rate != peakFlops.end())
      return rate->second;
    auto next = wider.find(name);
    if (next == wider.end())
      return vectorFlops;
    name = next->second;
  }
}

int32_t LinkLevel::groupCount() const {
  return groupOf.empty() ? 0 : *std::max_element(groupOf.begin(), groupOf.end()) + 1;
}

std::string Machine::hash() const { return hashText(toJson().str()); }

std::vector<DeviceId> Machine::devicesOf(Target target) const {
  std::vector<DeviceId> found;
  for (int32_t i = 0; i < deviceCount(); ++i)
    if (typeOf(DeviceId{i}).target == target)
      found.push_back(DeviceId{i});
  return found;
}

LevelId Machine::findLevel(DeviceId a, DeviceId b) const {
  if (a == b)
    return LevelId();
  for (size_t i = 0; i < data->levels.size(); ++i)
    if (data->levels[i].groupOf[a.value] == data->levels[i].groupOf[b.value])
      return LevelId{int32_t(i)};
  return LevelId{int32_t(data->levels.size()) - 1}; // not reached: H7, the outermost level connects all
}

LevelId Machine::findLevel(llvm::ArrayRef<DeviceId> devices) const {
  LevelId outermost;
  // Levels nest, so the level that connects the first device with every other connects all of them.
  for (DeviceId device : devices)
    outermost = std::max(outermost, findLevel(devices.front(), device));
  return outermost;
}

GroupShape Machine::findGroupShape(llvm::ArrayRef<DeviceId> devices) const {
  // (group at this level, part of the level below) of every device that stands for its part.
  std::set<DeviceId> representatives(devices.begin(), devices.end());
  GroupShape shape{int64_t(representatives.size()), {}};
  for (size_t i = 0; i < data->levels.size() && representatives.size() > 1; ++i) {
    const std::vector<int32_t> &groupOf = data->levels[i].groupOf;
    std::map<int32_t, std::pair<DeviceId, int64_t>> parts; // group: its first device, number of parts
    for (DeviceId device : representatives)
      ++parts.try_emplace(groupOf[device.value], device, 0).first->second.second;
    GroupLevel level{LevelId{int32_t(i)}, shape.deviceCount, 1};
    std::set<DeviceId> next;
    for (const auto &[group, part] : parts) {
      level.mostParts = std::max(level.mostParts, part.second);
      level.leastParts = std::min(level.leastParts, part.second);
      next.insert(part.first);
    }
    if (level.mostParts > 1)
      shape.levels.push_back(level);
    representatives = std::move(next);
  }
  return shape;
}

double Machine::bandwidthUpTo(LevelId level) const {
  double slowest = std::numeric_limits<double>::infinity();
  for (int32_t i = 0; i <= level.value; ++i)
    slowest = std::min(slowest, data->levels[i].bandwidth);
  return slowest;
}
