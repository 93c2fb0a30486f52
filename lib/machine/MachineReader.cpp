// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- MachineReader.cpp - The file form to a machine ------------------------------------===//
#include "BuiltinTypes.h"

#include "partita/machine/Machine.h"
#include "partita/support/Error.h"
#include "partita/support/Json.h"

using namespace partita;
using namespace partita::machine;

namespace {
constexpr double mostRate = 1e30;
constexpr double mostDelay = 1e6;
// Rates and sizes are above zero (H3, H4); the smallest that is read is one a second.
constexpr double leastRate = 1;

/// Reads one file into `description`; mistakes go to the document.
class MachineFileReader {
public:
  explicit MachineFileReader(const JsonDocument &document) : document(document), root(document.root()) {}

  void read() {
    root.checkSchema("partita.machine", 1);
    description.name = root.optionalField("name").asStringOr("machine");
    for (const JsonReader &type : root.optionalField("device_types").elements(0, 256))
      readType(type);
    for (const JsonReader &devices : root.field("devices").elements(1))
      readDevices(devices);
    // Groups of devices that could not be read would be one mistake more for every group.
    if (document.failed())
      return;
    for (const JsonReader &links : root.optionalField("links").elements(0, 16))
      readLevel(links);
  }

  MachineDescription description;

private:
  void readType(const JsonReader &reader);
  void readDevices(const JsonReader &reader);
  void readLevel(const JsonReader &reader);
  void readGroups(const JsonReader &reader, std::vector<int32_t> &groupOf);
  void readGroupSizes(const JsonReader &reader, std::vector<int32_t> &groupOf);
  std::optional<DeviceTypeId> findType(const std::string &name);

  const JsonDocument &document;
  JsonReader root;
};

void MachineFileReader::readType(const JsonReader &reader) {
  DeviceType type;
  type.name = reader.field("name").asString(100);
  type.target = reader.field("target").asChoice({"cpu", "cuda"}) == 0 ? Target::Cpu : Target::Cuda;
  JsonReader peaks = reader.field("peak_flops");
  for (const auto &[elementType, rate] : peaks.members()) {
    if (!isPeakName(elementType))
      rate.fail("unknown element type; expected one of " + listPeakNames());
    type.peakFlops[elementType] = rate.asDouble(leastRate, mostRate);
  }
  if (type.peakFlops.empty() && peaks.isObject())
    peaks.fail("expected at least one peak rate, got none");
  double widest = type.peakFor("f32");
  type.vectorFlops = reader.optionalField("vector_flops").asDoubleOr(widest, leastRate, mostRate);
  type.memory = {reader.field("memory_bytes").asInteger(1, int64_t(1) << 60)};
  type.memoryBandwidth = reader.field("memory_bandwidth").asDouble(leastRate, mostRate);
  type.launchOverhead = {reader.optionalField("launch_overhead_s").asDoubleOr(0, 0, mostDelay)};
  type.cores = reader.optionalField("cores").asIntegerOr(1, 1, 1 << 20);
  type.isMeasured = reader.optionalField("measured").asBooleanOr(false);
  if (JsonReader blocks = reader.optionalField("blocks"); blocks.exists())
    for (const auto &[processor, sizes] : blocks.members()) {
      auto size = [&](llvm::StringRef name) { return sizes.field(name).asInteger(1, 1 << 20); };
      type.blocks[processor] = {size("rows"), size("depth"), size("columns")};
    }
  for (const DeviceType &other : description.types)
    if (other.name == type.name && !type.name.empty())
      reader.field("name").fail("a second device type of this name");
  description.types.push_back(std::move(type));
}

std::optional<DeviceTypeId> MachineFileReader::findType(const std::string &name) {
  for (size_t i = 0; i < description.types.size(); ++i)
    if (description.types[i].name == name)
      return DeviceTypeId{int32_t(i)};
  // A type that the file does not define may be a built-in one.
  const DeviceType *builtin = findBuiltinDeviceType(name);
  if (!builtin)
    return std::nullopt;
  description.types.push_back(*builtin);
  return DeviceTypeId{int32_t(description.types.size()) - 1};
}

void MachineFileReader::readDevices(const JsonReader &reader) {
  JsonReader typeField = reader.isString() ? reader : reader.field("type");
  int64_t count = reader.isString() ? 1 : reader.optionalField("count").asIntegerOr(1, 1, mostDevices);
  std::string typeName = typeField.asString();
  if (!typeField.isString())
    return;
  std::optional<DeviceTypeId> type = findType(typeName);
  if (!type) {
    typeField.fail("no device type '" + typeName + "' in this file or built in");
    return;
  }
  if (int64_t(description.devices.size()) + count > mostDevices) {
    reader.fail("more than " + llvm::Twine(mostDevices) + " devices");
    return;
  }
  description.devices.insert(description.devices.end(), count, *type);
}

void MachineFileReader::readGroupSizes(const JsonReader &reader, std::vector<int32_t> &groupOf) {
  size_t device = 0;
  int32_t group = 0;
  for (int64_t size : reader.asIntegers(1, mostDevices)) {
    for (int64_t i = 0; i < size && device < groupOf.size() + 1; ++i, ++device)
      if (device < groupOf.size())
        groupOf[device] = group;
    ++group;
  }
  if (device != groupOf.size())
    reader.fail("expected sizes that add up to the " + llvm::Twine(groupOf.size()) + " devices");
}

void MachineFileReader::readGroups(const JsonReader &reader, std::vector<int32_t> &groupOf) {
  int64_t deviceCount = groupOf.size();
  std::vector<int64_t> firstOf(deviceCount, -1); // of the group listed with this device
  for (const JsonReader &group : reader.elements()) {
    std::vector<int64_t> members = group.asIntegers(0, deviceCount - 1);
    for (int64_t device : members) {
      if (firstOf[device] >= 0) {
        group.fail("device " + llvm::Twine(device) + " is in two groups of one level");
        return;
      }
      firstOf[device] = *std::min_element(members.begin(), members.end());
    }
  }
  // A device that is in no group is alone at this level; groups are numbered by their first device.
  int32_t next = 0;
  for (int64_t device = 0; device < deviceCount; ++device)
    groupOf[device] = firstOf[device] < 0 || firstOf[device] == device ? next++ : groupOf[firstOf[device]];
}

void MachineFileReader::readLevel(const JsonReader &reader) {
  LinkLevel level;
  level.name = reader.field("name").asString(100);
  level.bandwidth = reader.field("bandwidth").asDouble(leastRate, mostRate);
  level.latency = {reader.optionalField("latency_s").asDoubleOr(0, 0, mostDelay)};
  level.setup = {reader.optionalField("setup_s").asDoubleOr(0, 0, mostDelay)};
  JsonReader topology = reader.optionalField("topology");
  if (topology.exists())
    level.topology = topology.asChoice({"ring", "switch"}) == 0 ? Topology::Ring : Topology::Switch;
  level.groupOf.assign(description.devices.size(), 0);
  JsonReader size = reader.optionalField("group_size"), sizes = reader.optionalField("group_sizes"),
             groups = reader.optionalField("groups");
  if (size.exists() + sizes.exists() + groups.exists() > 1)
    reader.fail("expected one of \"group_size\", \"group_sizes\" and \"groups\", got several");
  else if (sizes.exists())
    readGroupSizes(sizes, level.groupOf);
  else if (groups.exists())
    readGroups(groups, level.groupOf);
  else if (size.exists()) {
    int64_t members = size.asInteger(1, mostDevices);
    for (size_t device = 0; device < level.groupOf.size(); ++device)
      level.groupOf[device] = device / members;
  }
  description.levels.push_back(std::move(level));
}
} // namespace

llvm::Expected<Machine> Machine::fromJson(llvm::StringRef text, llvm::StringRef fileName) {
  JsonLimits limits;
  limits.textBytes = uint64_t(16) << 20;
  llvm::Expected<JsonDocument> document = JsonDocument::parse(text, fileName, limits);
  if (!document)
    return document.takeError();
  MachineFileReader reader(*document);
  reader.read();
  if (llvm::Error error = document->finish())
    return std::move(error);
  llvm::Expected<Machine> machine = Machine::create(std::move(reader.description));
  if (machine)
    return machine;
  PartitaError error = takeError(machine.takeError());
  return makeError("E-BAD-FILE", fileName + ": " + error.message, std::move(error.notes));
}
