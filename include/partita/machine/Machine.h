// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Machine.h - The hardware a plan is made for --------------------------------===//
//
// A machine is an immutable value: types of device, the devices, and levels of links between them. A level
// splits the devices into groups inside which it connects; levels nest, innermost first, and the outermost
// connects all. So a mixed or uneven cluster is the ordinary case. docs/machine.md is the file format.
// Example:
//
//   llvm::Expected<Machine> machine = Machine::parse("h100:2x8");       // or a .json file, or "cpu:4"
//   machine->deviceCount();                                             // 16
//   machine->typeOf(DeviceId{9}).name;                                  // "h100"
//   machine->levels()[0].name, machine->levels()[1].name;               // "nvlink", "network"
//   machine->findLevel(DeviceId{0}, DeviceId{9});                       // LevelId{1}: the network
//   machine->findGroupShape({DeviceId{0}, ..., DeviceId{15}});          // 16 devices: {nvlink 8, network 2}
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_MACHINE_MACHINE_H
#define PARTITA_MACHINE_MACHINE_H

#include "partita/support/JsonValue.h"
#include "partita/support/Units.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace partita::machine {

/// A device's position in the machine: the number that meshes and plans use.
using DeviceId = Id<struct DeviceTag>;
/// A position in the table of device types.
using DeviceTypeId = Id<struct DeviceTypeTag>;
/// A level of links, 0 the innermost. No level (-1) is the link of a device to itself.
using LevelId = Id<struct LevelTag>;

/// What code a device runs.
enum class Target { Cpu, Cuda };
llvm::StringRef toString(Target target);

/// The largest number of devices of a machine.
constexpr int64_t mostDevices = 131072;

/// How products are cut on one processor: rows of the left operand and columns of the right one that are packed at
/// once, and the length of the sums between. 0: chosen from the sizes of its caches.
struct BlockSizes {
  int64_t rows = 0;
  int64_t depth = 0;
  int64_t columns = 0;

  auto operator<=>(const BlockSizes &) const = default;
};

/// One kind of device. Rates are those of the data sheet; what part of them is reached is the cost model's
/// business.
struct DeviceType {
  std::string name;
  Target target = Target::Cpu;
  /// Peak rate of dense matrix products in FLOP/s by element type: f64, f32, tf32, bf16, f16, f8, f4, i8.
  std::map<std::string, double> peakFlops;
  /// Peak rate of everything else (f32 vector instructions), FLOP/s.
  double vectorFlops = 0;
  /// What a plan may use of the device's memory.
  Bytes memory;
  /// Bytes per second between the device and its memory.
  double memoryBandwidth = 0;
  /// From asking for a kernel to its first instruction, when the queue is full.
  Seconds launchOverhead;
  /// CPU cores, or streaming multiprocessors of a GPU.
  int64_t cores = 1;
  /// The rates are those that generated code was measured to reach, not those of a data sheet.
  bool isMeasured = false;
  /// Measured block sizes by processor, as LLVM calls it ("znver4"): the same device may be compiled for several.
  std::map<std::string, BlockSizes> blocks = {};

  bool operator==(const DeviceType &) const = default;
  /// Matrix rate in FLOP/s for a program's element type ("bf16", "f8E4M3FN", "si8" ...). A type without a
  /// figure of its own computes at the rate of the next wider one that has one, at last the vector rate.
  double peakFor(llvm::StringRef elementType) const;
};

/// How the devices of one group are wired: a ring has links between neighbours only, a switch connects every
/// pair at full rate.
enum class Topology { Ring, Switch };
llvm::StringRef toString(Topology topology);

/// Links of one kind.
struct LinkLevel {
  std::string name;
  /// Bytes per second that one device can send while it receives as much.
  double bandwidth = 0;
  /// Of one message.
  Seconds latency;
  /// Once for every collective operation over this level.
  Seconds setup;
  Topology topology = Topology::Switch;
  /// The group of each device, groups numbered from 0 in order of their first device.
  std::vector<int32_t> groupOf;

  bool operator==(const LinkLevel &) const = default;
  int32_t groupCount() const;
};

/// Everything a machine is, for building one in code; Machine::create checks it.
struct MachineDescription {
  std::string name;
  std::vector<DeviceType> types;
  /// The type of each device.
  std::vector<DeviceTypeId> devices;
  /// Innermost first.
  std::vector<LinkLevel> levels;

  bool operator==(const MachineDescription &) const = default;
};

/// How a group of devices uses one level: how many parts connected at the next inner level (single devices at
/// level 0) are joined in the group of this level that joins fewest and in the one that joins most.
struct GroupLevel {
  LevelId level;
  int64_t leastParts = 1;
  int64_t mostParts = 1;

  auto operator<=>(const GroupLevel &) const = default;
};

/// What the price of a collective operation depends on: how many devices take part and which levels of links
/// they use, innermost first, without levels at which nothing is joined.
struct GroupShape {
  int64_t deviceCount = 0;
  std::vector<GroupLevel> levels;

  auto operator<=>(const GroupShape &) const = default;
};

class Machine {
public:
  /// Checks rules H1 to H7 (docs/machine.md); `E-BAD-MACHINE` says which is broken, with names and numbers.
  static llvm::Expected<Machine> create(MachineDescription description);
  /// A built-in name (docs/machine.md lists them) or the path of a file. `E-MACHINE-NAME` with the nearest
  /// names, or `E-BAD-FILE`.
  static llvm::Expected<Machine> parse(llvm::StringRef nameOrPath);
  /// Reads the text of a machine file; `fileName` is what messages call it.
  static llvm::Expected<Machine> fromJson(llvm::StringRef text, llvm::StringRef fileName);
  /// This host: its CPU as one device. Figures are read from the system, not measured.
  static Machine host();

  /// The file form, schema "partita.machine/1"; reading it back gives an equal machine.
  JsonValue toJson() const;
  /// 16 hexadecimal digits of the file form.
  std::string hash() const;
  /// One line for people: "16 devices: 16 x h100; nvlink 450 GB/s in groups of 8; network 50.0 GB/s".
  std::string describe() const;
  bool operator==(const Machine &other) const { return *data == *other.data; }

  const std::string &name() const { return data->name; }
  int64_t deviceCount() const { return data->devices.size(); }
  llvm::ArrayRef<DeviceType> types() const { return data->types; }
  llvm::ArrayRef<LinkLevel> levels() const { return data->levels; }
  /// Whether there is a device of this number; the questions below want only such devices.
  bool hasDevice(DeviceId device) const { return device.value >= 0 && device.value < deviceCount(); }
  DeviceTypeId typeIdOf(DeviceId device) const { return data->devices[device.value]; }
  const DeviceType &typeOf(DeviceId device) const { return data->types[typeIdOf(device).value]; }
  /// All devices of a target, in order.
  std::vector<DeviceId> devicesOf(Target target) const;

  /// The innermost level that connects two devices; no level for a device and itself.
  LevelId findLevel(DeviceId a, DeviceId b) const;
  /// The innermost level that connects all of `devices`: the slowest link of any ring through them. No level
  /// for fewer than two different devices.
  LevelId findLevel(llvm::ArrayRef<DeviceId> devices) const;
  /// How a group of devices communicates. Repeated devices count once.
  GroupShape findGroupShape(llvm::ArrayRef<DeviceId> devices) const;
  /// Bytes per second per device over a route through all levels up to `level`: the slowest of them.
  double bandwidthUpTo(LevelId level) const;

private:
  explicit Machine(std::shared_ptr<const MachineDescription> data) : data(std::move(data)) {}
  std::shared_ptr<const MachineDescription> data; // shared by copies, never changed
};

/// One line of `partita machines`.
struct BuiltinMachine {
  std::string form;    // "h100[:NODES[xDEVICES]]"
  std::string summary; // what its figures are
};
std::vector<BuiltinMachine> listBuiltinMachines();

/// A built-in device type by name ("h100", "cpu"), or null.
const DeviceType *findBuiltinDeviceType(llvm::StringRef name);

} // namespace partita::machine

#endif // PARTITA_MACHINE_MACHINE_H
