// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- BuiltinMachines.cpp - Names that stand for machines ----------------------------------------===//
#include "BuiltinTypes.h"

#include "partita/support/Error.h"
#include "partita/support/File.h"

#include "llvm/Support/FileSystem.h"

using namespace partita;
using namespace partita::machine;

namespace {
/// NODES and DEVICES of a name; 0 where not given.
struct Size {
  int64_t nodes = 0;
  int64_t devices = 0;
};

llvm::Error makeNameError(llvm::StringRef name, const llvm::Twine &reason) {
  return makeError("E-MACHINE-NAME", "'" + name + "': " + reason);
}

std::optional<int64_t> parseCount(llvm::StringRef text) {
  int64_t count = 0;
  if (text.empty() || !llvm::isDigit(text.front()) || text.getAsInteger(10, count) || count < 1 || count > mostDevices)
    return std::nullopt;
  return count;
}

/// Reads "NODES", "NODESxDEVICES" or nothing.
llvm::Expected<Size> parseSize(llvm::StringRef name, llvm::StringRef text) {
  Size size;
  if (text.empty())
    return size;
  auto [nodesText, devicesText] = text.split('x');
  std::optional<int64_t> nodes = parseCount(nodesText);
  std::optional<int64_t> devices = text.contains('x') ? parseCount(devicesText) : 0;
  if (!nodes || !devices)
    return makeNameError(name, "expected NODES or NODESxDEVICES, each from 1 to " + llvm::Twine(mostDevices) +
                                   ", after the colon, got '" + text + "'");
  return Size{*nodes, *devices};
}

llvm::Expected<Machine> build(llvm::StringRef name, const DeviceType &type, Size size, LinkLevel inner,
                              LinkLevel network) {
  if (size.nodes > mostDevices / size.devices)
    return makeNameError(name, "at most " + llvm::Twine(mostDevices) + " devices, got " +
                                   llvm::Twine(size.nodes * size.devices));
  int64_t total = size.nodes * size.devices;
  MachineDescription description{name.str(), {type}, {}, {}};
  description.devices.assign(total, DeviceTypeId{0});
  inner.groupOf.resize(total);
  for (int64_t device = 0; device < total; ++device)
    inner.groupOf[device] = device / size.devices;
  network.groupOf.assign(total, 0);
  if (size.devices > 1)
    description.levels.push_back(std::move(inner));
  if (size.nodes > 1)
    description.levels.push_back(std::move(network));
  return Machine::create(std::move(description));
}

llvm::Expected<Machine> parseCpu(llvm::StringRef name, llvm::StringRef rest) {
  bool isNative = rest == "native" || rest.starts_with("native:");
  if (isNative)
    rest = rest.drop_front(6).drop_front(rest.size() > 6);
  llvm::Expected<Size> size = parseSize(name, rest);
  if (!size)
    return size.takeError();
  // For the CPU one number is that of the devices: ranks of one host are what people ask for.
  if (size->devices == 0)
    *size = {1, std::max<int64_t>(1, size->nodes)};
  if (isNative && size->nodes > 1)
    return makeNameError(name, "this host is one node, got " + llvm::Twine(size->nodes));
  DeviceType type = isNative ? hostCpu(size->devices) : builtinCpu();
  return build(name, type, *size, sharedMemoryLinks(), hostNetworkLinks());
}

llvm::Error makeUnknownNameError(llvm::StringRef base) {
  std::vector<std::string> known = {"cpu"};
  for (const BuiltinGpu &gpu : builtinGpus())
    known.push_back(gpu.type.name);
  std::string list;
  for (const std::string &each : known)
    list += (list.empty() ? "" : ", ") + each;
  std::vector<std::string> notes = {"built-in machines are " + list + "; a file's name contains '/' or ends in .json"};
  std::string nearest;
  for (const std::string &each : findNearestNames(base, known))
    nearest += (nearest.empty() ? "; did you mean " : " or ") + each;
  return makeError("E-MACHINE-NAME", "no machine is named '" + base + "'" + (nearest.empty() ? "" : nearest + "?"),
                   std::move(notes));
}
} // namespace

llvm::Expected<Machine> Machine::parse(llvm::StringRef nameOrPath) {
  bool isPath = nameOrPath.ends_with(".json") || nameOrPath.contains('/') ||
                (!nameOrPath.contains(':') && llvm::sys::fs::is_regular_file(nameOrPath));
  if (isPath) {
    llvm::Expected<std::string> text = readFileText(nameOrPath, uint64_t(16) << 20);
    if (!text)
      return text.takeError();
    return fromJson(*text, nameOrPath);
  }
  auto [base, rest] = nameOrPath.split(':');
  if (nameOrPath.ends_with(":"))
    return makeNameError(nameOrPath, "expected a number after the colon, got nothing");
  if (base == "cpu")
    return parseCpu(nameOrPath, rest);
  for (const BuiltinGpu &gpu : builtinGpus()) {
    if (gpu.type.name != base)
      continue;
    llvm::Expected<Size> size = parseSize(nameOrPath, rest);
    if (!size)
      return size.takeError();
    size->nodes = std::max<int64_t>(1, size->nodes);
    size->devices = size->devices == 0 ? gpu.devicesPerNode : size->devices;
    return build(nameOrPath, gpu.type, *size, gpu.inner, gpu.network);
  }
  return makeUnknownNameError(base);
}

Machine Machine::host() {
  MachineDescription description{"cpu:native", {hostCpu(1)}, {DeviceTypeId{0}}, {}};
  // One device with the figures of hostCpu keeps every rule.
  return Machine(std::make_shared<const MachineDescription>(std::move(description)));
}

std::vector<BuiltinMachine> machine::listBuiltinMachines() {
  auto describe = [](const DeviceType &type) {
    return formatCount(type.peakFlops.rbegin()->second, "FLOP/s") + " " + type.peakFlops.rbegin()->first;
  };
  std::vector<BuiltinMachine> list = {
      {"cpu[:DEVICES] or cpu[:NODESxDEVICES]",
       "fixed figures: one core, " + formatBytes(builtinCpu().memory) + " a device, " + describe(builtinCpu())},
      {"cpu:native[:DEVICES]", "the cores and the memory of this host, shared out to the devices"}};
  for (const BuiltinGpu &gpu : builtinGpus()) {
    double peak = gpu.type.peakFor("f16");
    list.push_back(
        {gpu.type.name + "[:NODES[xDEVICES]]", formatCount(peak, "FLOP/s") + " f16, " + formatBytes(gpu.type.memory) +
                                                   ", " + formatCount(gpu.type.memoryBandwidth, "B/s") + "; nodes of " +
                                                   std::to_string(gpu.devicesPerNode) + " over " + gpu.inner.name +
                                                   " " + formatCount(gpu.inner.bandwidth, "B/s") + ", network " +
                                                   formatCount(gpu.network.bandwidth, "B/s") + " a device"});
  }
  return list;
}
