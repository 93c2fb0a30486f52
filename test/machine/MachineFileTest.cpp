// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- MachineFileTest.cpp - The file form -----------------------------------------------===//
#include "partita/machine/Machine.h"
#include "partita/support/Error.h"
#include "partita/support/File.h"

#include <gtest/gtest.h>
#include <random>

using namespace partita;
using namespace partita::machine;

namespace {
const char *const sample = R"({
  "schema": "partita.machine/1",
  "name": "two-kinds",
  "device_types": [
    {"name": "big", "target": "cuda", "peak_flops": {"bf16": 1e15, "f32": 6e13}, "vector_flops": 6e13,
     "memory_bytes": 80e9, "memory_bandwidth": 3.35e12, "launch_overhead_s": 4e-6, "cores": 132}
  ],
  "devices": [{"type": "big", "count": 4}, {"type": "v100", "count": 2}, "cpu"],
  "links": [
    {"name": "fast", "groups": [[0, 2], [3, 1]], "bandwidth": 450e9, "latency_s": 2e-6, "topology": "ring"},
    {"name": "node", "group_sizes": [4, 3], "bandwidth": 32e9},
    {"name": "network", "bandwidth": 25e9, "latency_s": 1e-5, "setup_s": 2e-5}
  ]
})";

std::string replaced(llvm::StringRef from, llvm::StringRef to) {
  std::string text = sample;
  size_t at = text.find(from.str());
  if (at == std::string::npos) {
    ADD_FAILURE() << "no " << from.str();
    return text;
  }
  return text.replace(at, from.size(), to.str());
}

/// What is said about the sample with one change.
std::string refuse(llvm::StringRef from, llvm::StringRef to) {
  llvm::Expected<Machine> machine = Machine::fromJson(replaced(from, to), "m.json");
  return machine ? "accepted" : takeError(machine.takeError()).strWithNotes();
}

void readAnything(llvm::StringRef text) {
  llvm::Expected<Machine> machine = Machine::fromJson(text, "m.json");
  if (machine)
    EXPECT_EQ(*machine, llvm::cantFail(Machine::fromJson(machine->toJson().str(), "again")));
  else
    EXPECT_EQ(takeError(machine.takeError()).code, "E-BAD-FILE");
}
} // namespace

TEST(MachineFile, readsMixedMachines) {
  Machine machine = llvm::cantFail(Machine::fromJson(sample, "m.json"));
  EXPECT_EQ(machine.deviceCount(), 7);
  EXPECT_EQ(machine.typeOf(DeviceId{0}).memory, Bytes{80'000'000'000});
  EXPECT_EQ(machine.typeOf(DeviceId{5}).name, "v100");
  EXPECT_EQ(machine.devicesOf(Target::Cpu), std::vector<DeviceId>{{6}});
  EXPECT_EQ(machine.levels()[0].groupOf, (std::vector<int32_t>{0, 1, 0, 1, 2, 3, 4}));
  EXPECT_EQ(machine.levels()[0].topology, Topology::Ring);
  EXPECT_EQ(machine.levels()[1].groupOf, (std::vector<int32_t>{0, 0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(machine.findLevel(DeviceId{0}, DeviceId{2}), LevelId{0});
  EXPECT_EQ(machine.findLevel(DeviceId{0}, DeviceId{1}), LevelId{1});
  EXPECT_EQ(machine.findLevel(DeviceId{0}, DeviceId{6}), LevelId{2});
}

TEST(MachineFile, isWrittenStably) {
  Machine machine = llvm::cantFail(Machine::fromJson(sample, "m.json"));
  std::string text = machine.toJson().str();
  Machine again = llvm::cantFail(Machine::fromJson(text, "m.json"));
  EXPECT_EQ(machine, again);
  EXPECT_EQ(again.toJson().str(), text);
  EXPECT_EQ(machine.hash(), again.hash());
  EXPECT_EQ(machine.hash().size(), 16u);
  Machine other = llvm::cantFail(Machine::fromJson(replaced("25e9", "26e9"), "m.json"));
  EXPECT_NE(machine.hash(), other.hash());
  for (const char *name : {"h100:2x8", "cpu:3", "cpu", "gb200", "cpu:2x3"}) {
    Machine builtin = llvm::cantFail(Machine::parse(name));
    EXPECT_EQ(builtin, llvm::cantFail(Machine::fromJson(builtin.toJson().str(), "m.json"))) << name;
  }
}

TEST(MachineFile, aLastSmallerGroupIsWrittenAsSuch) {
  Machine machine = llvm::cantFail(Machine::fromJson(
      R"({"schema": "partita.machine/1", "devices": [{"type": "h100", "count": 5}],
          "links": [{"name": "a", "group_size": 2, "bandwidth": 9}, {"name": "b", "bandwidth": 9}]})",
      "m.json"));
  EXPECT_EQ(machine.levels()[0].groupOf, (std::vector<int32_t>{0, 0, 1, 1, 2}));
  EXPECT_EQ(machine, llvm::cantFail(Machine::fromJson(machine.toJson().str(), "m.json")));
}

TEST(MachineFile, measuredFiguresAreKept) {
  Machine machine = llvm::cantFail(Machine::fromJson(
      R"({"schema": "partita.machine/1", "devices": ["c"], "device_types": [{"name": "c", "target": "cpu",
          "peak_flops": {"f32": 1e11}, "memory_bytes": 1e9, "memory_bandwidth": 1e10, "measured": true,
          "blocks": {"znver4": {"rows": 96, "depth": 256, "columns": 4096}}}]})",
      "m.json"));
  const DeviceType &type = machine.typeOf(DeviceId{0});
  EXPECT_TRUE(type.isMeasured);
  EXPECT_EQ(type.blocks.at("znver4"), (BlockSizes{96, 256, 4096}));
  EXPECT_EQ(machine, llvm::cantFail(Machine::fromJson(machine.toJson().str(), "m.json")));
  MachineDescription description{"m", {type}, {DeviceTypeId{0}}, {}};
  description.types[0].blocks["znver4"].depth = 0;
  EXPECT_NE(llvm::toString(Machine::create(description).takeError()).find("H3"), std::string::npos);
}

TEST(MachineFile, mistakesAreNamedWithTheirPlace) {
  EXPECT_EQ(refuse("\"count\": 4", "\"count\": 0"),
            "E-BAD-FILE: m.json: at /devices/0/count: expected an integer from 1 to 131072, got 0");
  EXPECT_EQ(refuse("\"v100\"", "\"v10\""),
            "E-BAD-FILE: m.json: at /devices/1/type: no device type 'v10' in this file or built in");
  EXPECT_EQ(refuse("machine/1", "machine/9"), "E-BAD-FILE: m.json: at /schema: this version reads "
                                              "\"partita.machine/1\", the file is \"partita.machine/9\"");
  EXPECT_EQ(refuse("\"cuda\"", "\"gpu\""),
            "E-BAD-FILE: m.json: at /device_types/0/target: expected one of \"cpu\", \"cuda\", got \"gpu\"");
  EXPECT_EQ(refuse("\"bf16\"", "\"bf61\""),
            "E-BAD-FILE: m.json: at /device_types/0/peak_flops/bf61: unknown element type; expected one of f64, f32, "
            "tf32, bf16, f16, f8, f4, i8");
  EXPECT_EQ(refuse("\"cores\"", "\"coers\""),
            "E-BAD-FILE: m.json: at /device_types/0: unknown field \"coers\"; did you mean \"cores\"?");
  EXPECT_EQ(refuse("[4, 3]", "[4, 4]"),
            "E-BAD-FILE: m.json: at /links/1/group_sizes: expected sizes that add up to the 7 devices");
  EXPECT_EQ(refuse("[3, 1]", "[3, 2]"),
            "E-BAD-FILE: m.json: at /links/0/groups/1: device 2 is in two groups of one level");
  EXPECT_EQ(refuse("[3, 1]", "[3, 4]"), "E-BAD-FILE: m.json: links 'fast' connect devices 3 and 4, links 'node' "
                                        "further out must connect them too (rule H6)");
  EXPECT_EQ(refuse("\"bandwidth\": 25e9", "\"bandwidth\": -25e9"),
            "E-BAD-FILE: m.json: at /links/2/bandwidth: expected a number from 1.0 to 1e+30, got -2.5e+10");
  EXPECT_NE(refuse("\"name\": \"network\",", "\"name\": \"network\", \"group_size\": 4,").find("rule H7"),
            std::string::npos);
}

TEST(MachineFile, theDocumentedExampleIsRead) {
  llvm::Expected<std::string> page = readFileText(PARTITA_DOCS "/machine.md");
  ASSERT_TRUE(static_cast<bool>(page));
  llvm::StringRef example = llvm::StringRef(*page).split("```json").second.split("```").first;
  Machine machine = llvm::cantFail(Machine::fromJson(example, "docs/machine.md"));
  EXPECT_EQ(machine.deviceCount(), 12);
  EXPECT_EQ(machine.findLevel(DeviceId{0}, DeviceId{8}), LevelId{1});
  for (const BuiltinMachine &builtin : listBuiltinMachines()) {
    std::string name = llvm::StringRef(builtin.form).take_until([](char c) { return c == '['; }).str();
    EXPECT_NE(page->find("`" + name), std::string::npos) << name << " is not documented";
  }
}

TEST(MachineFile, nothingCrashes) {
  llvm::StringRef text(sample);
  for (size_t length = 0; length < text.size(); ++length)
    readAnything(text.take_front(length));
  std::mt19937 random(11);
  const char *const values[] = {
      "null", "true", "-1",      "0",   "1e308",         "9223372036854775807", "\"\"", "[]", "{}",
      "[[]]", "0.5",  "\"cpu\"", "[0]", "{\"type\": 1}", "18446744073709551615"};
  // Every value of the file is replaced by every other kind of value.
  for (size_t at = 0; at + 1 < text.size(); ++at) {
    if (text[at] != ' ' && text[at] != '[')
      continue;
    size_t end = text.find_first_of(",}]", at + 1);
    if (end == llvm::StringRef::npos)
      continue;
    for (const char *value : values)
      readAnything((text.take_front(at + 1) + value + text.drop_front(end)).str());
  }
  for (int round = 0; round < 20000; ++round) {
    std::string changed = sample;
    for (int i = random() % 4; i >= 0; --i)
      changed[random() % changed.size()] = static_cast<char>("0123456789{}[]\",:-e \xff"[random() % 22]);
    readAnything(changed);
  }
}
