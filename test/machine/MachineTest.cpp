// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- MachineTest.cpp - The value, its rules and its questions ----------------------===//
#include "partita/machine/Machine.h"
#include "partita/support/Error.h"

#include <gtest/gtest.h>

using namespace partita;
using namespace partita::machine;

namespace {
Machine parse(llvm::StringRef name) {
  llvm::Expected<Machine> machine = Machine::parse(name);
  if (machine)
    return *machine;
  ADD_FAILURE() << takeError(machine.takeError()).strWithNotes();
  return llvm::cantFail(Machine::parse("cpu:1"));
}

DeviceType makeType(std::string name) { return {name, Target::Cpu, {{"f32", 100.0}}, 50.0, {1000}, 10.0, {0.0}, 1}; }

LinkLevel makeLevel(std::string name, std::vector<int32_t> groupOf, double bandwidth = 10) {
  return {name, bandwidth, {1e-6}, {0.0}, Topology::Switch, std::move(groupOf)};
}

/// Three devices of one node and two of another.
MachineDescription describeUneven() {
  MachineDescription machine{"uneven", {makeType("a"), makeType("b")}, {{0}, {0}, {0}, {1}, {1}}, {}};
  machine.levels = {makeLevel("bus", {0, 0, 0, 1, 1}, 20), makeLevel("net", {0, 0, 0, 0, 0}, 5)};
  return machine;
}

std::string refuse(MachineDescription description) {
  llvm::Expected<Machine> machine = Machine::create(std::move(description));
  return machine ? "accepted" : takeError(machine.takeError()).str();
}

std::vector<DeviceId> ids(std::vector<int32_t> numbers) {
  std::vector<DeviceId> devices;
  for (int32_t number : numbers)
    devices.push_back({number});
  return devices;
}
} // namespace

TEST(Machine, answersWhichLinksAGroupUses) {
  Machine machine = llvm::cantFail(Machine::create(describeUneven()));
  EXPECT_EQ(machine.findLevel(DeviceId{1}, DeviceId{1}), LevelId());
  EXPECT_EQ(machine.findLevel(DeviceId{0}, DeviceId{2}), LevelId{0});
  EXPECT_EQ(machine.findLevel(DeviceId{0}, DeviceId{3}), LevelId{1});
  EXPECT_EQ(machine.findLevel(ids({3, 4})), LevelId{0});
  EXPECT_EQ(machine.findLevel(ids({3, 4, 0})), LevelId{1});
  EXPECT_EQ(machine.findLevel(ids({2})), LevelId());
  EXPECT_EQ(machine.bandwidthUpTo(LevelId{0}), 20);
  EXPECT_EQ(machine.bandwidthUpTo(LevelId{1}), 5);
  EXPECT_EQ(machine.typeOf(DeviceId{3}).name, "b");
}

TEST(Machine, splitsAGroupByLevels) {
  Machine machine = llvm::cantFail(Machine::create(describeUneven()));
  EXPECT_EQ(machine.findGroupShape(ids({0, 1, 2, 3, 4})), (GroupShape{5, {{{0}, 2, 3}, {{1}, 2, 2}}}));
  EXPECT_EQ(machine.findGroupShape(ids({0, 1, 3, 4})), (GroupShape{4, {{{0}, 2, 2}, {{1}, 2, 2}}}));
  EXPECT_EQ(machine.findGroupShape(ids({2, 4})), (GroupShape{2, {{{1}, 2, 2}}}));
  EXPECT_EQ(machine.findGroupShape(ids({2, 2})), (GroupShape{1, {}}));
  EXPECT_EQ(machine.findGroupShape({}), (GroupShape{0, {}}));
}

TEST(Machine, widestUnitThatKnowsATypeComputesIt) {
  DeviceType type{"t", Target::Cuda, {{"f16", 8.0}, {"tf32", 4.0}, {"f32", 2.0}}, 1.0, {1}, 1.0, {0.0}, 1};
  EXPECT_EQ(type.peakFor("f16"), 8);
  EXPECT_EQ(type.peakFor("f8E4M3FN"), 8);
  EXPECT_EQ(type.peakFor("si8"), 8);
  EXPECT_EQ(type.peakFor("bf16"), 2);
  EXPECT_EQ(type.peakFor("f32"), 2);
  EXPECT_EQ(type.peakFor("tf32"), 4);
  EXPECT_EQ(type.peakFor("f64"), 1);
  EXPECT_EQ(type.peakFor("si64"), 1);
}

TEST(Machine, ruleH1Devices) {
  MachineDescription machine = describeUneven();
  machine.devices.clear();
  EXPECT_EQ(refuse(machine), "E-BAD-MACHINE: expected 1 to 131072 devices, got 0 (rule H1)");
}

TEST(Machine, ruleH2Types) {
  MachineDescription machine = describeUneven();
  machine.types[1].name = "a";
  EXPECT_EQ(refuse(machine), "E-BAD-MACHINE: expected device types with different names, got 'a' twice (rule H2)");
  machine = describeUneven();
  machine.devices[4] = {2};
  EXPECT_EQ(refuse(machine), "E-BAD-MACHINE: device 4 has no type (rule H2)");
}

TEST(Machine, ruleH3Figures) {
  MachineDescription machine = describeUneven();
  machine.types[0].memoryBandwidth = 0;
  EXPECT_EQ(refuse(machine), "E-BAD-MACHINE: device type 'a': expected a memory bandwidth above 0, got 0.0 (rule H3)");
  machine = describeUneven();
  machine.types[0].peakFlops = {};
  EXPECT_NE(refuse(machine).find("rule H3"), std::string::npos);
  machine.types[0].peakFlops = {{"f32", std::numeric_limits<double>::quiet_NaN()}};
  EXPECT_NE(refuse(machine).find("rule H3"), std::string::npos);
}

TEST(Machine, ruleH4Links) {
  MachineDescription machine = describeUneven();
  machine.levels[1].name = "bus";
  EXPECT_NE(refuse(machine).find("got 'bus' twice (rule H4)"), std::string::npos);
  machine = describeUneven();
  machine.levels[1].bandwidth = -1;
  EXPECT_NE(refuse(machine).find("rule H4"), std::string::npos);
}

TEST(Machine, ruleH5Groups) {
  MachineDescription machine = describeUneven();
  machine.levels[0].groupOf.pop_back();
  EXPECT_NE(refuse(machine).find("each of the 5 devices, got 4 (rule H5)"), std::string::npos);
  machine.levels[0].groupOf = {0, 0, 2, 1, 1};
  EXPECT_NE(refuse(machine).find("rule H5"), std::string::npos);
}

TEST(Machine, ruleH6Nesting) {
  MachineDescription machine = describeUneven();
  machine.levels.insert(machine.levels.begin() + 1, makeLevel("mid", {0, 0, 1, 1, 1}));
  EXPECT_EQ(refuse(machine), "E-BAD-MACHINE: links 'bus' connect devices 0 and 2, links 'mid' further out must "
                             "connect them too (rule H6)");
}

TEST(Machine, ruleH7Connected) {
  MachineDescription machine = describeUneven();
  machine.levels.pop_back();
  EXPECT_EQ(refuse(machine), "E-BAD-MACHINE: devices 0 and 3 are not connected; the last links must connect all "
                             "devices (rule H7)");
  machine.levels.clear();
  EXPECT_NE(refuse(machine).find("between the 5 devices, got none (rule H7)"), std::string::npos);
}

TEST(BuiltinMachine, namesSayNodesAndDevices) {
  EXPECT_EQ(parse("cpu").deviceCount(), 1);
  EXPECT_EQ(parse("cpu:4").deviceCount(), 4);
  EXPECT_EQ(parse("cpu:4").levels().size(), 1u);
  EXPECT_EQ(parse("cpu:2x4").deviceCount(), 8);
  EXPECT_EQ(parse("cpu:2x4").findLevel(DeviceId{3}, DeviceId{4}), LevelId{1});
  EXPECT_EQ(parse("h100").deviceCount(), 8);
  EXPECT_EQ(parse("a100-80gb:4").deviceCount(), 32);
  EXPECT_EQ(parse("h100:2x8").deviceCount(), 16);
  EXPECT_EQ(parse("h100:1x1").levels().size(), 0u);
  EXPECT_EQ(parse("v100:3x1").levels().size(), 1u);
  EXPECT_EQ(parse("gb200:2").deviceCount(), 144);
  EXPECT_EQ(parse("h100:2x8").describe(), "16 devices: 16 x h100 (74.5 GiB); nvlink 450 GB/s in groups of 8; "
                                          "network 50.0 GB/s");
}

TEST(BuiltinMachine, everyListedNameParses) {
  for (const char *name : {"v100", "a100-40gb", "a100-80gb", "h100", "h200", "b200", "gb200", "cpu", "cpu:native"}) {
    Machine machine = parse(name);
    EXPECT_EQ(machine.name(), name);
    EXPECT_GT(machine.typeOf(DeviceId{0}).peakFor("f32"), 0);
  }
  EXPECT_EQ(listBuiltinMachines().size(), 9u);
}

TEST(BuiltinMachine, hostIsOneDeviceOfThisHost) {
  Machine host = Machine::host();
  EXPECT_EQ(host.deviceCount(), 1);
  EXPECT_GE(host.typeOf(DeviceId{0}).cores, 1);
  EXPECT_EQ(host, Machine::host());
  // What create would say about it.
  EXPECT_EQ(host, llvm::cantFail(Machine::fromJson(host.toJson().str(), "host")));
  Machine four = parse("cpu:native:4");
  EXPECT_EQ(four.deviceCount(), 4);
  EXPECT_DOUBLE_EQ(four.typeOf(DeviceId{0}).peakFor("f32") * 4, host.typeOf(DeviceId{0}).peakFor("f32"));
}

TEST(BuiltinMachine, wrongNamesAreErrors) {
  auto refuseName = [](llvm::StringRef name) {
    llvm::Expected<Machine> machine = Machine::parse(name);
    return machine ? "accepted" : takeError(machine.takeError()).str();
  };
  EXPECT_EQ(refuseName("h10:2x8"), "E-MACHINE-NAME: no machine is named 'h10'; did you mean h100?");
  EXPECT_EQ(refuseName("h100:2xx"), "E-MACHINE-NAME: 'h100:2xx': expected NODES or NODESxDEVICES, each from 1 to "
                                    "131072, after the colon, got '2xx'");
  for (const char *name :
       {"", ":", "h100:", "h100:0", "h100:-1", "h100:2x0", "h100:x", "h100:x8", "h100:2x", "cpu:+1", "cpu:131073",
        "h100:99999999999999999999", "h100:131072x131072", "cpu:native:", "cpu:nativ", "cpu:native:2x2", "cpu:4:4"})
    EXPECT_EQ(llvm::StringRef(refuseName(name)).split(':').first, "E-MACHINE-NAME") << name;
  EXPECT_EQ(refuseName("./no/such.json"), "E-BAD-FILE: cannot read './no/such.json': No such file or directory");
}
