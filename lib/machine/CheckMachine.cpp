// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- CheckMachine.cpp - Rules H1 to H7 of a machine ----------------------------------===//
//
// docs/machine.md states the rules under the same numbers.
//
//===----------------------------------------------------------------------===//
#include "partita/machine/Machine.h"

#include "partita/support/Error.h"

#include <cmath>
#include <set>

using namespace partita;
using namespace partita::machine;

namespace {
llvm::Error makeRuleError(llvm::StringRef rule, const llvm::Twine &message) {
  return makeError("E-BAD-MACHINE", message + " (rule " + rule + ")");
}

bool isRate(double value) { return std::isfinite(value) && value > 0; }
bool isDelay(Seconds value) { return std::isfinite(value.value) && value.value >= 0; }

llvm::Error checkType(const DeviceType &type) {
  auto refuse = [&](const llvm::Twine &message) {
    return makeRuleError("H3", "device type '" + type.name + "': " + message);
  };
  if (type.peakFlops.empty())
    return refuse("expected at least one peak rate, got none");
  for (const auto &[elementType, rate] : type.peakFlops)
    if (!isRate(rate))
      return refuse("expected a peak rate above 0 for " + elementType + ", got " + JsonValue(rate).compactStr());
  if (!isRate(type.vectorFlops))
    return refuse("expected a vector rate above 0, got " + JsonValue(type.vectorFlops).compactStr());
  if (type.memory.value < 1)
    return refuse("expected memory of at least 1 byte, got " + llvm::Twine(type.memory.value));
  if (!isRate(type.memoryBandwidth))
    return refuse("expected a memory bandwidth above 0, got " + JsonValue(type.memoryBandwidth).compactStr());
  if (!isDelay(type.launchOverhead))
    return refuse("expected a launch overhead of at least 0, got " + JsonValue(type.launchOverhead.value).compactStr());
  if (type.cores < 1)
    return refuse("expected at least 1 core, got " + llvm::Twine(type.cores));
  for (const auto &[processor, sizes] : type.blocks)
    if (sizes.rows < 1 || sizes.depth < 1 || sizes.columns < 1)
      return refuse("expected block sizes of at least 1 for '" + processor + "'");
  return llvm::Error::success();
}

llvm::Error checkTypes(const MachineDescription &machine) {
  std::set<std::string> names;
  for (const DeviceType &type : machine.types) {
    if (type.name.empty() || !names.insert(type.name).second)
      return makeRuleError("H2", "expected device types with different names, got '" + type.name + "'" +
                                     (type.name.empty() ? "" : " twice"));
    if (llvm::Error error = checkType(type))
      return error;
  }
  for (size_t i = 0; i < machine.devices.size(); ++i)
    if (machine.devices[i].value < 0 || size_t(machine.devices[i].value) >= machine.types.size())
      return makeRuleError("H2", "device " + llvm::Twine(i) + " has no type");
  return llvm::Error::success();
}

llvm::Error checkLevel(const LinkLevel &level, size_t deviceCount, std::set<std::string> &names) {
  if (level.name.empty() || !names.insert(level.name).second)
    return makeRuleError("H4", "expected link levels with different names, got '" + level.name + "'" +
                                   (level.name.empty() ? "" : " twice"));
  if (!isRate(level.bandwidth) || !isDelay(level.latency) || !isDelay(level.setup))
    return makeRuleError("H4", "links '" + level.name +
                                   "': expected a bandwidth above 0, and latency and setup of at least 0");
  if (level.groupOf.size() != deviceCount)
    return makeRuleError("H5", "links '" + level.name + "': expected a group for each of the " +
                                   llvm::Twine(deviceCount) + " devices, got " + llvm::Twine(level.groupOf.size()));
  int32_t next = 0;
  for (int32_t group : level.groupOf) {
    if (group < 0 || group > next)
      return makeRuleError("H5", "links '" + level.name + "': groups are numbered in order of their first device");
    next += group == next;
  }
  return llvm::Error::success();
}

llvm::Error checkNesting(const LinkLevel &inner, const LinkLevel &outer) {
  std::vector<int64_t> firstOf(inner.groupOf.size(), -1);
  for (size_t device = 0; device < inner.groupOf.size(); ++device) {
    int64_t &first = firstOf[inner.groupOf[device]];
    if (first < 0)
      first = device;
    else if (outer.groupOf[first] != outer.groupOf[device])
      return makeRuleError("H6", "links '" + inner.name + "' connect devices " + llvm::Twine(first) + " and " +
                                     llvm::Twine(device) + ", links '" + outer.name +
                                     "' further out must connect them too");
  }
  return llvm::Error::success();
}

llvm::Error checkLevels(const MachineDescription &machine) {
  std::set<std::string> names;
  for (const LinkLevel &level : machine.levels)
    if (llvm::Error error = checkLevel(level, machine.devices.size(), names))
      return error;
  for (size_t i = 1; i < machine.levels.size(); ++i)
    if (llvm::Error error = checkNesting(machine.levels[i - 1], machine.levels[i]))
      return error;
  if (machine.devices.size() == 1)
    return llvm::Error::success();
  if (machine.levels.empty())
    return makeRuleError("H7",
                         "expected links between the " + llvm::Twine(machine.devices.size()) + " devices, got none");
  const LinkLevel &outermost = machine.levels.back();
  for (size_t device = 1; device < outermost.groupOf.size(); ++device)
    if (outermost.groupOf[device] != 0)
      return makeRuleError("H7", "devices 0 and " + llvm::Twine(device) +
                                     " are not connected; the last links must connect all devices");
  return llvm::Error::success();
}
} // namespace

llvm::Expected<Machine> Machine::create(MachineDescription description) {
  if (description.devices.empty() || int64_t(description.devices.size()) > mostDevices)
    return makeRuleError("H1", "expected 1 to " + llvm::Twine(mostDevices) + " devices, got " +
                                   llvm::Twine(description.devices.size()));
  if (llvm::Error error = checkTypes(description))
    return std::move(error);
  if (llvm::Error error = checkLevels(description))
    return std::move(error);
  return Machine(std::make_shared<const MachineDescription>(std::move(description)));
}
