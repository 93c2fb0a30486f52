// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- MachinePriceTest.cpp - Prices of reshard steps ----------------------------------===//
#include "partita/cost/MachinePrice.h"
#include "partita/cost/AnalyticCost.h"
#include "partita/cost/FakeCost.h"

#include <gtest/gtest.h>
#include <thread>

using namespace partita;
using namespace partita::cost;
using machine::GroupShape;
using machine::Machine;
using placement::AxisKind;
using placement::Mesh;
using placement::StepDescription;
using placement::StepKind;

namespace {
Machine parse(llvm::StringRef name) { return llvm::cantFail(Machine::parse(name)); }

Mesh makeNodeMesh() {
  return placement::makeMesh({{"node", 2, AxisKind::space}, {"micro", 3, AxisKind::time}, {"gpu", 4, AxisKind::space}});
}
} // namespace

TEST(MachinePrice, groupsFollowTheAxes) {
  Machine machine = parse("h100:2x4");
  FakeCost cost;
  MachinePrice price(machine, cost);
  using Shapes = std::vector<GroupShape>;
  EXPECT_EQ(price.findGroupShapes(makeNodeMesh(), {2}), (Shapes{{4, {{{0}, 4, 4}}}}));
  EXPECT_EQ(price.findGroupShapes(makeNodeMesh(), {0}), (Shapes{{2, {{{1}, 2, 2}}}}));
  EXPECT_EQ(price.findGroupShapes(makeNodeMesh(), {0, 2}), (Shapes{{8, {{{0}, 4, 4}, {{1}, 2, 2}}}}));
  // Devices in another order: some groups of the inner axis stay inside a node, some do not.
  Mesh mixed{{{"a", 2, AxisKind::space}, {"b", 2, AxisKind::space}}, {0, 1, 2, 7}};
  EXPECT_EQ(price.findGroupShapes(mixed, {1}), (Shapes{{2, {{{0}, 2, 2}}}, {2, {{{1}, 2, 2}}}}));
}

TEST(MachinePrice, busiestBytesBecomeTheWhole) {
  Machine machine = parse("cpu:4");
  FakeCost cost;
  for (Collective kind : {Collective::AllReduce, Collective::AllGather, Collective::ReduceScatter, Collective::AllToAll,
                          Collective::Exchange})
    cost.collectives[kind] = {double(1000 * (1 + int(kind))), 1};
  MachinePrice price(machine, cost);
  Mesh mesh = placement::makeMesh({{"x", 4, AxisKind::space}});
  EXPECT_EQ(price.seconds({StepKind::allGather, mesh, {0}, 4, 100, 400, 300}), 2400);
  EXPECT_EQ(price.seconds({StepKind::reduceScatter, mesh, {0}, 4, 400, 100, 300}), 3400);
  EXPECT_EQ(price.seconds({StepKind::allReduce, mesh, {0}, 4, 400, 400, 600}), 1400);
  EXPECT_EQ(price.seconds({StepKind::allToAll, mesh, {0}, 4, 400, 400, 300}), 4400);
  EXPECT_EQ(price.seconds({StepKind::exchange, mesh, {0}, 4, 400, 400, 250}), 7250);
}

TEST(MachinePrice, localStepsAreCopies) {
  Machine machine = parse("cpu:4"); // 20 GB/s
  FakeCost cost;
  MachinePrice price(machine, cost);
  Mesh mesh = placement::makeMesh({{"x", 4, AxisKind::space}, {"t", 2, AxisKind::time}});
  EXPECT_DOUBLE_EQ(price.seconds({StepKind::slice, mesh, {0}, 4, 40'000'000'000, 10'000'000'000, 0}), 1);
  EXPECT_DOUBLE_EQ(price.seconds({StepKind::allReduce, mesh, {1}, 1, 10'000'000'000, 10'000'000'000, 0}), 1);
  EXPECT_EQ(price.seconds({StepKind::allReduce, placement::makeMesh({{"x", 1}}), {0}, 1, 8, 8, 0}), 0);
}

TEST(MachinePrice, theSlowestGroupDecides) {
  Machine machine = parse("h100:2x4");
  AnalyticCost cost;
  MachinePrice price(machine, cost);
  Mesh inside{{{"a", 2}, {"b", 2}}, {0, 1, 4, 5}}, mixed{{{"a", 2}, {"b", 2}}, {0, 1, 2, 7}};
  StepDescription fast{StepKind::allGather, inside, {1}, 2, 1 << 20, 2 << 20, 1 << 20};
  StepDescription slow{StepKind::allGather, mixed, {1}, 2, 1 << 20, 2 << 20, 1 << 20};
  EXPECT_LT(price.seconds(fast), price.seconds(slow));
}

TEST(MachinePrice, devicesThatAreNotThereForbidTheStep) {
  Machine machine = parse("cpu:2");
  AnalyticCost cost;
  MachinePrice price(machine, cost);
  Mesh mesh = placement::makeMesh({{"x", 4, AxisKind::space}});
  EXPECT_EQ(price.seconds({StepKind::allGather, mesh, {0}, 4, 1, 4, 3}), std::numeric_limits<double>::infinity());
  Mesh broken{{{"x", 2}}, {0}};
  EXPECT_EQ(price.seconds({StepKind::allGather, broken, {0}, 2, 1, 2, 1}), std::numeric_limits<double>::infinity());
}

TEST(MachinePrice, threadsMayAskAtOnce) {
  Machine machine = parse("h100:4x8");
  AnalyticCost cost;
  MachinePrice price(machine, cost);
  Mesh mesh = placement::makeMesh({{"a", 4}, {"b", 8}});
  std::vector<double> answers(8);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < answers.size(); ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 200; ++round)
        answers[i] = price.seconds({StepKind::allGather, mesh, {round % 2}, round % 2 ? 8 : 4, 100, 400, 300});
    });
  for (std::thread &thread : threads)
    thread.join();
  for (double answer : answers)
    EXPECT_EQ(answer, answers.front());
}
