// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- CollectiveCostTest.cpp - Closed forms, limits and monotonicity -----------------===//
#include "partita/cost/AnalyticCost.h"
#include "partita/support/Error.h"

#include <gtest/gtest.h>
#include <random>

using namespace partita;
using namespace partita::cost;
using machine::DeviceId;
using machine::GroupShape;
using machine::LinkLevel;
using machine::Machine;
using machine::Topology;

namespace {
const Collective everyKind[] = {Collective::AllReduce, Collective::AllGather, Collective::ReduceScatter,
                                Collective::AllToAll,  Collective::Broadcast, Collective::PointToPoint,
                                Collective::Exchange};

/// `nodes` x `devices`; inside 1 us and 100 GB/s, between 10 us and 10 GB/s.
Machine makeMachine(int64_t nodes, int64_t devices, Topology inner = Topology::Switch) {
  machine::MachineDescription description{"m", {*machine::findBuiltinDeviceType("cpu")}, {}, {}};
  LinkLevel node{"node", 100e9, {1e-6}, {0}, inner, {}}, network{"network", 10e9, {1e-5}, {0}, Topology::Switch, {}};
  for (int64_t i = 0; i < nodes * devices; ++i) {
    description.devices.push_back({0});
    node.groupOf.push_back(i / devices);
    network.groupOf.push_back(0);
  }
  description.levels = {node, network};
  return llvm::cantFail(Machine::create(description));
}

GroupShape firstDevices(const Machine &machine, int32_t count, int32_t stride = 1) {
  std::vector<DeviceId> devices;
  for (int32_t i = 0; i < count; ++i)
    devices.push_back({i * stride});
  return machine.findGroupShape(devices);
}

AnalyticCost makeIdealCost() {
  AnalyticOptions options;
  options.linkEfficiency = 1;
  return AnalyticCost(options);
}

double estimate(Collective kind, int64_t bytes, const GroupShape &group, const Machine &machine) {
  return makeIdealCost().estimate({kind, {bytes}}, group, machine).seconds.value;
}
} // namespace

TEST(CollectiveCost, oneDeviceNeedsNothing) {
  Machine machine = makeMachine(2, 4);
  for (Collective kind : everyKind) {
    EXPECT_EQ(makeIdealCost().estimate({kind, {1 << 30}}, firstDevices(machine, 1), machine), CollectiveEstimate());
    EXPECT_EQ(makeIdealCost().estimate({kind, {1 << 30}}, {}, machine), CollectiveEstimate());
  }
}

TEST(CollectiveCost, closedFormsOnOneLevel) {
  Machine machine = makeMachine(1, 4), ring = makeMachine(1, 8, Topology::Ring);
  GroupShape four = firstDevices(machine, 4), eight = firstDevices(ring, 8);
  constexpr int64_t large = 100'000'000'000; // one second at this level
  EXPECT_NEAR(estimate(Collective::AllReduce, large, four, machine), 1.5 + 6e-6, 1e-9);
  EXPECT_NEAR(estimate(Collective::AllGather, large, four, machine), 0.75 + 2e-6, 1e-9);
  EXPECT_NEAR(estimate(Collective::ReduceScatter, large, four, machine), 0.75 + 2e-6, 1e-9);
  EXPECT_NEAR(estimate(Collective::AllToAll, large, four, machine), 0.75 + 3e-6, 1e-9);
  EXPECT_NEAR(estimate(Collective::PointToPoint, large, four, machine), 1 + 1e-6, 1e-9);
  EXPECT_NEAR(estimate(Collective::Exchange, large, four, machine), 1 + 3e-6, 1e-9);
  EXPECT_NEAR(estimate(Collective::Broadcast, large, firstDevices(machine, 2), machine), 1 + 1e-6, 1e-9);
  // A ring has neither trees nor doubling, and its all-to-all crosses 8/4 links on average.
  EXPECT_NEAR(estimate(Collective::AllReduce, 0, eight, ring), 14e-6, 1e-12);
  EXPECT_NEAR(estimate(Collective::AllGather, 0, eight, ring), 7e-6, 1e-12);
  EXPECT_NEAR(estimate(Collective::AllToAll, large, eight, ring), 2 * 0.875 + 7e-6, 1e-9);
}

TEST(CollectiveCost, smallMessagesTakeTreesAndLargeOnesRings) {
  Machine machine = makeMachine(1, 8);
  GroupShape eight = firstDevices(machine, 8);
  AnalyticCost cost = makeIdealCost();
  EXPECT_EQ(cost.estimate({Collective::AllReduce, {8}}, eight, machine).algorithm, Algorithm::Tree);
  EXPECT_EQ(cost.estimate({Collective::AllReduce, {1 << 30}}, eight, machine).algorithm, Algorithm::Ring);
  EXPECT_NEAR(estimate(Collective::AllReduce, 8, eight, machine), 6e-6, 1e-9);
  EXPECT_EQ(cost.estimate({Collective::Broadcast, {8}}, eight, machine).algorithm, Algorithm::Tree);
  EXPECT_EQ(cost.estimate({Collective::Broadcast, {1 << 30}}, eight, machine).algorithm, Algorithm::Chain);
}

TEST(CollectiveCost, levelsAreUsedOneAfterTheOther) {
  Machine machine = makeMachine(2, 4);
  GroupShape all = firstDevices(machine, 8);
  constexpr int64_t large = 100'000'000'000;
  // Inside: 2 * 3/4 of a second. Between: a quarter of the bytes from each device, 2 * 1/2 of 2.5 s.
  CollectiveEstimate reduce = makeIdealCost().estimate({Collective::AllReduce, {large}}, all, machine);
  EXPECT_EQ(reduce.algorithm, Algorithm::Hierarchical);
  EXPECT_NEAR(reduce.seconds.value, 1.5 + 2.5, 1e-4);
  EXPECT_NEAR(estimate(Collective::AllGather, large, all, machine), 0.75 + 1.25, 1e-4);
  // Half of what each device sends goes to the other node, 3/8 stay inside.
  EXPECT_NEAR(estimate(Collective::AllToAll, large, all, machine), 0.375 + 5, 1e-4);
  // One device of each node: the network only.
  GroupShape across = firstDevices(machine, 2, 4);
  EXPECT_NEAR(estimate(Collective::AllReduce, large, across, machine), 10, 1e-4);
  EXPECT_NE(makeIdealCost().estimate({Collective::AllReduce, {large}}, across, machine).algorithm,
            Algorithm::Hierarchical);
}

TEST(CollectiveCost, theSmallestPartOfAnUnevenGroupHasTheFewestLinks) {
  Machine machine = makeMachine(2, 4);
  GroupShape uneven = firstDevices(machine, 5); // four and one
  constexpr int64_t large = 100'000'000'000;
  // The single device sends and receives everything: no less than 2 * 1/2 of 10 s.
  EXPECT_GE(estimate(Collective::AllReduce, large, uneven, machine), 10);
}

TEST(CollectiveCost, moreBytesSlowerLinksAndMoreDevicesNeverTakeLess) {
  std::mt19937 random(2);
  AnalyticCost cost;
  for (int round = 0; round < 3000; ++round) {
    int64_t nodes = 1 + random() % 5, devices = 1 + random() % 9;
    Machine machine = makeMachine(nodes, devices, round % 2 ? Topology::Switch : Topology::Ring);
    int32_t count = 1 + random() % (nodes * devices);
    GroupShape group = firstDevices(machine, count);
    int64_t bytes = int64_t(random()) << random() % 8;
    for (Collective kind : everyKind) {
      double seconds = cost.estimate({kind, {bytes}}, group, machine).seconds.value;
      EXPECT_TRUE(std::isfinite(seconds) && seconds >= 0);
      EXPECT_LE(seconds, cost.estimate({kind, {bytes + 1 + bytes / 7}}, group, machine).seconds.value);
      AnalyticOptions slower;
      slower.linkEfficiency = 0.5;
      EXPECT_LE(seconds, AnalyticCost(slower).estimate({kind, {bytes}}, group, machine).seconds.value);
      if (nodes == 1 && count > 1)
        EXPECT_GE(seconds * (1 + 1e-12),
                  cost.estimate({kind, {bytes}}, firstDevices(machine, count - 1), machine).seconds.value)
            << toString(kind).str() << " " << count << " devices, " << bytes << " bytes";
    }
  }
}

TEST(CollectiveCost, noAlgorithmBeatsTheBandwidthBound) {
  // An all-reduce moves at least 2 (p-1)/p of its bytes out of every device (Patarasu, Yuan 2009).
  for (int32_t count = 2; count <= 8; ++count) {
    Machine machine = makeMachine(1, 8);
    for (int64_t bytes : {int64_t(1), int64_t(1) << 20, int64_t(1) << 34})
      EXPECT_GE(estimate(Collective::AllReduce, bytes, firstDevices(machine, count), machine),
                2.0 * (count - 1) / count * double(bytes) / 100e9);
  }
}

TEST(CollectiveCost, agreesWithPublishedAllReduceTimes) {
  // A100 nodes: 2, 4, 8 devices reach a bus bandwidth of 200, 223, 231 GB/s on large messages.
  Machine node = llvm::cantFail(Machine::parse("a100-80gb"));
  constexpr int64_t bytes = 1'000'000'000;
  const std::pair<int, double> measured[] = {{2, 200e9}, {4, 223e9}, {8, 231e9}};
  for (auto [count, bandwidth] : measured) {
    double seconds =
        AnalyticCost().estimate({Collective::AllReduce, {bytes}}, firstDevices(node, count), node).seconds.value;
    double expected = 2.0 * (count - 1) / count * double(bytes) / bandwidth;
    EXPECT_NEAR(seconds / expected, 1, 0.2) << count;
  }
}

TEST(CollectiveCost, groupsOfOtherMachinesAreRefused) {
  Machine one = llvm::cantFail(Machine::parse("h100:1x1")), two = makeMachine(2, 2);
  EXPECT_EQ(AnalyticCost().estimate({Collective::AllReduce, {8}}, firstDevices(two, 4), one).seconds,
            Seconds::infinity());
  EXPECT_EQ(AnalyticCost().estimate({Collective::AllReduce, {8}}, {4, {}}, one).seconds, Seconds::infinity());
}
