// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- MachineWriter.cpp - A machine to its file form and to one line -----------------------===//
#include "partita/machine/Machine.h"

using namespace partita;
using namespace partita::machine;

namespace {
JsonValue writeType(const DeviceType &type) {
  JsonValue peaks = JsonValue::makeObject();
  for (const auto &[elementType, rate] : type.peakFlops)
    peaks.set(elementType, rate);
  JsonValue value = JsonValue::makeObject();
  value.set("name", type.name).set("target", toString(type.target)).set("peak_flops", std::move(peaks));
  value.set("vector_flops", type.vectorFlops).set("memory_bytes", type.memory.value);
  value.set("memory_bandwidth", type.memoryBandwidth).set("launch_overhead_s", type.launchOverhead.value);
  value.set("cores", type.cores);
  if (type.isMeasured)
    value.set("measured", true);
  JsonValue blocks = JsonValue::makeObject();
  for (const auto &[processor, sizes] : type.blocks) {
    JsonValue entry = JsonValue::makeObject();
    entry.set("rows", sizes.rows).set("depth", sizes.depth).set("columns", sizes.columns);
    blocks.set(processor, std::move(entry));
  }
  if (!type.blocks.empty())
    value.set("blocks", std::move(blocks));
  return value;
}

JsonValue writeDevices(llvm::ArrayRef<DeviceTypeId> devices, llvm::ArrayRef<DeviceType> types) {
  JsonValue list = JsonValue::makeArray();
  for (size_t begin = 0, end = 0; begin < devices.size(); begin = end) {
    while (end < devices.size() && devices[end] == devices[begin])
      ++end;
    JsonValue run = JsonValue::makeObject();
    run.set("type", types[devices[begin].value].name).set("count", end - begin);
    list.append(std::move(run));
  }
  return list;
}

/// The number of devices of each group if every group is a run of consecutive devices, else nothing.
std::vector<int64_t> findRunLengths(const LinkLevel &level) {
  std::vector<int64_t> lengths;
  for (int32_t group : level.groupOf) {
    if (group == int32_t(lengths.size()))
      lengths.push_back(0);
    else if (group + 1 != int32_t(lengths.size()))
      return {};
    ++lengths.back();
  }
  return lengths;
}

void writeGroups(const LinkLevel &level, JsonValue &value) {
  if (level.groupCount() <= 1)
    return; // absent: all devices
  std::vector<int64_t> lengths = findRunLengths(level);
  bool isUniform = !lengths.empty() && lengths.back() <= lengths.front();
  for (size_t i = 0; i + 1 < lengths.size(); ++i)
    isUniform &= lengths[i] == lengths.front();
  if (isUniform) {
    value.set("group_size", lengths.front());
  } else if (!lengths.empty()) {
    value.set("group_sizes", JsonValue::makeArrayOf(lengths));
  } else {
    std::vector<std::vector<int64_t>> members(level.groupCount());
    for (size_t device = 0; device < level.groupOf.size(); ++device)
      members[level.groupOf[device]].push_back(device);
    JsonValue groups = JsonValue::makeArray();
    for (const std::vector<int64_t> &group : members)
      groups.append(JsonValue::makeArrayOf(group));
    value.set("groups", std::move(groups));
  }
}

JsonValue writeLevel(const LinkLevel &level) {
  JsonValue value = JsonValue::makeObject();
  value.set("name", level.name);
  writeGroups(level, value);
  value.set("bandwidth", level.bandwidth).set("latency_s", level.latency.value).set("setup_s", level.setup.value);
  value.set("topology", toString(level.topology));
  return value;
}

std::string describeLevel(const LinkLevel &level) {
  std::string text = level.name + " " + formatCount(level.bandwidth, "B/s");
  if (level.groupCount() <= 1)
    return text;
  std::vector<int64_t> sizes(level.groupCount(), 0);
  for (int32_t group : level.groupOf)
    ++sizes[group];
  int64_t least = *std::min_element(sizes.begin(), sizes.end()), most = *std::max_element(sizes.begin(), sizes.end());
  return text + " in groups of " + (least == most ? "" : std::to_string(least) + " to ") + std::to_string(most);
}
} // namespace

JsonValue Machine::toJson() const {
  JsonValue value = JsonValue::makeObject();
  value.set("schema", "partita.machine/1").set("name", name());
  JsonValue typeList = JsonValue::makeArray(), linkList = JsonValue::makeArray();
  for (const DeviceType &type : types())
    typeList.append(writeType(type));
  for (const LinkLevel &level : levels())
    linkList.append(writeLevel(level));
  value.set("device_types", std::move(typeList)).set("devices", writeDevices(data->devices, types()));
  value.set("links", std::move(linkList));
  return value;
}

std::string Machine::describe() const {
  std::vector<int64_t> counts(types().size(), 0);
  for (DeviceTypeId type : data->devices)
    ++counts[type.value];
  std::string text = std::to_string(deviceCount()) + (deviceCount() == 1 ? " device:" : " devices:");
  for (size_t i = 0; i < counts.size(); ++i)
    if (counts[i] > 0)
      text += (text.back() == ':' ? " " : ", ") + std::to_string(counts[i]) + " x " + types()[i].name + " (" +
              formatBytes(types()[i].memory) + ")";
  for (const LinkLevel &level : levels())
    text += "; " + describeLevel(level);
  return text;
}
