// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ComputeCostTest.cpp - The roofline ------------------------------------------===//
#include "partita/cost/AnalyticCost.h"
#include "partita/cost/FakeCost.h"

#include <gtest/gtest.h>
#include <random>

using namespace partita;
using namespace partita::cost;
using machine::DeviceType;

namespace {
DeviceType makeDevice() {
  return {"d", machine::Target::Cuda, {{"f16", 1e12}, {"f32", 1e11}}, 1e11, {1 << 30}, 1e9, {1e-6}, 10};
}

/// Everything reachable, no curves: a plain roofline.
AnalyticOptions makeIdeal() {
  AnalyticOptions options;
  options.efficiencies["d"] = {1, 1, 1, 1, 1, 0, false};
  options.linkEfficiency = 1;
  return options;
}

Computation makeProduct(int64_t m, int64_t n, int64_t k, std::string elementType = "f16") {
  Computation product{2.0 * double(m) * double(n) * double(k),
                      {2 * (m * k + k * n)},
                      {2 * m * n},
                      elementType,
                      Unit::Matrix,
                      {1, m, n, k}};
  return product;
}
} // namespace

TEST(ComputeCost, isTheLargerOfArithmeticAndTraffic) {
  AnalyticCost cost(makeIdeal());
  DeviceType device = makeDevice();
  EXPECT_DOUBLE_EQ(cost.computeSeconds({1e12, {}, {}, "f16", Unit::Matrix, {}}, device).value, 1 + 1e-6);
  EXPECT_DOUBLE_EQ(cost.computeSeconds({1e12, {}, {}, "f32", Unit::Matrix, {}}, device).value, 10 + 1e-6);
  EXPECT_DOUBLE_EQ(cost.computeSeconds({1e11, {}, {}, "f32", Unit::Vector, {}}, device).value, 1 + 1e-6);
  EXPECT_DOUBLE_EQ(cost.computeSeconds({1e11, {}, {}, "f64", Unit::Vector, {}}, device).value, 2 + 1e-6);
  EXPECT_DOUBLE_EQ(cost.computeSeconds({1e12, {1'000'000'000}, {1'000'000'000}, "f16", Unit::Matrix, {}}, device).value,
                   2 + 1e-6);
  EXPECT_DOUBLE_EQ(cost.computeSeconds({5e20, {500'000'000}, {0}, "f32", Unit::Movement, {}}, device).value,
                   0.5 + 1e-6);
  EXPECT_DOUBLE_EQ(cost.computeSeconds({}, device).value, 1e-6);
}

TEST(ComputeCost, efficienciesScaleTheRates) {
  AnalyticOptions options = makeIdeal();
  DeviceType device = makeDevice();
  device.launchOverhead = {0};
  options.efficiencies["d"] = {0.5, 0.25, 0.2, 0.1, 0.125, 64, false};
  AnalyticCost cost(options);
  EXPECT_DOUBLE_EQ(cost.computeSeconds({1e12, {}, {}, "f16", Unit::Matrix, {}}, device).value, 2);
  EXPECT_DOUBLE_EQ(cost.computeSeconds({1e12, {}, {}, "f8E4M3FN", Unit::Matrix, {}}, device).value, 4);
  EXPECT_DOUBLE_EQ(cost.computeSeconds({1e12, {}, {}, "f16", Unit::Attention, {}}, device).value, 5);
  EXPECT_DOUBLE_EQ(cost.computeSeconds({1e11, {}, {}, "f32", Unit::Vector, {}}, device).value, 10);
  EXPECT_DOUBLE_EQ(cost.computeSeconds({0, {1'000'000'000}, {}, "f32", Unit::Vector, {}}, device).value, 8);
  // A product whose inner dimension is depthHalf runs at half the rate.
  EXPECT_DOUBLE_EQ(cost.computeSeconds({1e12, {}, {}, "f16", Unit::Matrix, {1, 4096, 4096, 64}}, device).value, 4);
}

TEST(ComputeCost, largeProductsReachTheStatedShare) {
  AnalyticCost cost;
  for (const char *name : {"v100", "a100-80gb", "h100", "b200"}) {
    const DeviceType &device = *machine::findBuiltinDeviceType(name);
    Computation product = makeProduct(16384, 16384, 16384);
    double share = product.operations / cost.computeSeconds(product, device).value / device.peakFor("f16");
    EXPECT_GT(share, 0.65) << name;
    EXPECT_LT(share, 0.80) << name;
  }
  const DeviceType &h100 = *machine::findBuiltinDeviceType("h100");
  Computation small = makeProduct(256, 256, 256);
  EXPECT_LT(small.operations / cost.computeSeconds(small, h100).value, 0.05 * h100.peakFor("f16"));
}

TEST(ComputeCost, trafficOfProductsAddsOnCpus) {
  AnalyticCost cost;
  const DeviceType &cpu = *machine::findBuiltinDeviceType("cpu");
  auto seconds = [&](const Computation &work) { return (cost.computeSeconds(work, cpu) - cpu.launchOverhead).value; };
  Computation product = makeProduct(32, 4096, 1024, "f32"), resident = product, rows = product;
  resident.read = resident.written = {};
  double traffic =
      double(product.read.value + product.written.value) / cpu.memoryBandwidth / findDefaultEfficiency(cpu).memory;
  EXPECT_NEAR(seconds(product) - seconds(resident), traffic, 1e-12);
  // Four parts by rows each read the whole second operand, four parts by columns the first: not the same time.
  EXPECT_GT(seconds(makeProduct(32, 4096, 1024, "f32")), seconds(makeProduct(128, 1024, 1024, "f32")));
  // Other kernels take as long as the larger of the two, and so do products on GPUs.
  rows.unit = Unit::Vector;
  EXPECT_DOUBLE_EQ(seconds(rows),
                   std::max(traffic, rows.operations / cpu.vectorFlops / findDefaultEfficiency(cpu).vector));
  for (const char *name : {"v100", "h100"}) {
    const DeviceType &gpu = *machine::findBuiltinDeviceType(name);
    EXPECT_TRUE(findDefaultEfficiency(gpu).overlapsTraffic);
    Computation large = makeProduct(8192, 8192, 8192), still = large;
    still.read = still.written = {};
    EXPECT_EQ(cost.computeSeconds(large, gpu), cost.computeSeconds(still, gpu)) << name;
  }
}

TEST(ComputeCost, moreWorkNeverTakesLess) {
  AnalyticCost cost;
  std::mt19937 random(1);
  auto draw = [&] { return int64_t(1) << (random() % 14); };
  for (const char *name : {"v100", "h100", "cpu"}) {
    const DeviceType &device = *machine::findBuiltinDeviceType(name);
    for (int round = 0; round < 20000; ++round) {
      Computation less = makeProduct(draw() + random() % 100, draw() + random() % 100, draw() + random() % 100);
      MatrixShape grown = less.shape;
      (round % 3 == 0 ? grown.m : round % 3 == 1 ? grown.n : grown.k) += 1 + random() % 300;
      Computation more = makeProduct(grown.m, grown.n, grown.k);
      EXPECT_LE(cost.computeSeconds(less, device).value, cost.computeSeconds(more, device).value * (1 + 1e-12))
          << name << " " << less.shape.m << " " << less.shape.n << " " << less.shape.k << " round " << round;
    }
  }
}

TEST(ComputeCost, hashTellsFiguresApart) {
  AnalyticOptions ideal = makeIdeal(), other = ideal;
  other.linkEfficiency = 0.9;
  EXPECT_EQ(AnalyticCost(ideal).hash(), AnalyticCost(makeIdeal()).hash());
  EXPECT_NE(AnalyticCost(ideal).hash(), AnalyticCost(other).hash());
  EXPECT_NE(AnalyticCost(ideal).hash(), AnalyticCost().hash());
}

TEST(FakeCost, isItsTable) {
  FakeCost cost;
  machine::Machine machine = llvm::cantFail(machine::Machine::parse("cpu:2"));
  EXPECT_EQ(cost.computeSeconds(makeProduct(2, 3, 4), makeDevice()), Seconds{0});
  cost.perOperation[Unit::Matrix] = 1;
  cost.perMemoryByte = 0.25;
  cost.perKernel = 100;
  EXPECT_EQ(cost.computeSeconds(makeProduct(2, 3, 4), makeDevice()), Seconds{100 + 48 + 0.25 * 2 * (8 + 12 + 6)});
  cost.collectives[Collective::AllReduce] = {10, 0.5};
  EXPECT_EQ(cost.collectiveSeconds({Collective::AllReduce, {4}}, {2, {}}, machine), Seconds{12});
  EXPECT_EQ(cost.collectiveSeconds({Collective::AllReduce, {4}}, {1, {}}, machine), Seconds{0});
  EXPECT_EQ(cost.collectiveSeconds({Collective::AllGather, {4}}, {2, {}}, machine), Seconds{0});
  EXPECT_NE(cost.hash(), FakeCost().hash());
}
