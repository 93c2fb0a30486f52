// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- CalibrationTest.cpp - Figures from made-up times -------------------------------===//
#include "partita/cost/Calibration.h"
#include "partita/cost/AnalyticCost.h"
#include "partita/support/Error.h"

#include <gtest/gtest.h>

using namespace partita;
using namespace partita::cost;
using machine::BlockSizes;

namespace {
/// A device that answers as its figures say: each test sets what it is about.
class FakeStopwatch : public Stopwatch {
public:
  double launch = 2e-6, flops = 1e11, bandwidth = 2e10, vectors = 5e10, latency = 3e-6, link = 4e9;
  double bf16 = 1; ///< How much faster than f32.
  BlockSizes fastest;
  double gain = 1; ///< Of the fastest blocks.
  bool fails = false;
  std::vector<Probe> asked;

  llvm::Expected<Seconds> measure(const Probe &probe) override {
    asked.push_back(probe);
    if (fails)
      return makeError("E-CALIBRATE", "no clock");
    double n = double(probe.size);
    switch (probe.kind) {
    case ProbeKind::Product: {
      double speed = probe.elementType == "f64" ? 0.5 : probe.elementType == "bf16" ? bf16 : 1;
      if (probe.blocks)
        speed *= probe.blocks == fastest ? gain : 0.9;
      return Seconds{2 * n * n * n / (flops * speed)};
    }
    case ProbeKind::Sum:
      return Seconds{launch + (n > 1000 ? 12 * n / bandwidth : 0)};
    case ProbeKind::Chain:
      return Seconds{launch + n * double(chainLength) / vectors};
    case ProbeKind::Exchange:
      // Three ranks: four messages.
      return Seconds{4 * latency + (n > 1000 ? 4.0 / 3 * 4 * n / link : 0)};
    }
    return Seconds{};
  }
};

CalibrationOptions makeOptions(int64_t devices) {
  machine::DeviceType device{"host-cpu", machine::Target::Cpu, {{"f32", 1}}, 1, {1 << 30}, 1, {1}, 2};
  return {device, devices, "znver4"};
}

const machine::DeviceType &typeOf(const Calibration &calibration) {
  return calibration.machine.typeOf(machine::DeviceId{0});
}
} // namespace

TEST(Calibration, findsTheFiguresThatTheTimesComeFrom) {
  FakeStopwatch stopwatch;
  llvm::Expected<Calibration> calibration = calibrate(stopwatch, makeOptions(3));
  ASSERT_TRUE(bool(calibration));
  const machine::DeviceType &type = typeOf(*calibration);
  EXPECT_NEAR(type.peakFlops.at("f32"), 1e11, 1e6);
  EXPECT_NEAR(type.peakFlops.at("f64"), 5e10, 1e6);
  EXPECT_EQ(type.peakFlops.count("bf16"), 0u) << "no faster than f32, so it has no rate of its own";
  EXPECT_NEAR(type.memoryBandwidth, 2e10, 1e4);
  EXPECT_NEAR(type.vectorFlops, 5e10, 1e5);
  EXPECT_NEAR(type.launchOverhead.value, 2e-6, 1e-12);
  EXPECT_EQ(type.memory.value, 1 << 30) << "what was read is kept";
  EXPECT_EQ(type.cores, 2);
  EXPECT_TRUE(type.isMeasured);
  EXPECT_EQ(calibration->machine.deviceCount(), 3);
  ASSERT_EQ(calibration->machine.levels().size(), 1u);
  EXPECT_NEAR(calibration->machine.levels()[0].latency.value, 3e-6, 1e-12);
  EXPECT_NEAR(calibration->machine.levels()[0].bandwidth, 4e9, 1e4);
}

TEST(Calibration, bf16HasARateWhereItIsFaster) {
  FakeStopwatch stopwatch;
  stopwatch.bf16 = 2;
  llvm::Expected<Calibration> calibration = calibrate(stopwatch, makeOptions(1));
  ASSERT_TRUE(bool(calibration));
  EXPECT_NEAR(typeOf(*calibration).peakFlops.at("bf16"), 2e11, 1e6);
}

TEST(Calibration, blocksAreKeptOnlyWhereTheyAreFaster) {
  FakeStopwatch stopwatch;
  stopwatch.fastest = {112, 512, 512};
  stopwatch.gain = 1.2;
  llvm::Expected<Calibration> faster = calibrate(stopwatch, makeOptions(1));
  ASSERT_TRUE(bool(faster));
  ASSERT_EQ(typeOf(*faster).blocks.count("znver4"), 1u);
  EXPECT_EQ(typeOf(*faster).blocks.at("znver4"), stopwatch.fastest);
  EXPECT_NEAR(typeOf(*faster).peakFlops.at("f32"), 1.2e11, 1e6);
  stopwatch.gain = 1.01;
  llvm::Expected<Calibration> noise = calibrate(stopwatch, makeOptions(1));
  ASSERT_TRUE(bool(noise));
  EXPECT_TRUE(typeOf(*noise).blocks.empty());
}

TEST(Calibration, oneDeviceHasNoLinks) {
  FakeStopwatch stopwatch;
  llvm::Expected<Calibration> calibration = calibrate(stopwatch, makeOptions(1));
  ASSERT_TRUE(bool(calibration));
  EXPECT_TRUE(calibration->machine.levels().empty());
  for (const Probe &probe : stopwatch.asked)
    EXPECT_NE(int(probe.kind), int(ProbeKind::Exchange));
}

TEST(Calibration, clocksWithoutTicksGiveAMachineAllTheSame) {
  FakeStopwatch stopwatch;
  stopwatch.launch = stopwatch.latency = 0;
  stopwatch.flops = stopwatch.bandwidth = stopwatch.vectors = stopwatch.link = 1e300;
  EXPECT_TRUE(bool(calibrate(stopwatch, makeOptions(3))));
}

TEST(Calibration, passesOnWhatTheStopwatchSays) {
  FakeStopwatch stopwatch;
  stopwatch.fails = true;
  llvm::Expected<Calibration> calibration = calibrate(stopwatch, makeOptions(1));
  ASSERT_FALSE(bool(calibration));
  EXPECT_EQ(takeError(calibration.takeError()).code, "E-CALIBRATE");
}

TEST(Calibration, measuredRatesAreTakenAsTheyAre) {
  FakeStopwatch stopwatch;
  llvm::Expected<Calibration> calibration = calibrate(stopwatch, makeOptions(1));
  ASSERT_TRUE(bool(calibration));
  AnalyticCost cost;
  Computation copy{0, {20'000'000}, {20'000'000}, "f32", Unit::Movement, {}};
  EXPECT_NEAR(cost.computeSeconds(copy, typeOf(*calibration)).value, 4e7 / 2e10 + 2e-6, 1e-9);
  Computation vectors{5e10, {}, {}, "f32", Unit::Vector, {}};
  EXPECT_NEAR(cost.computeSeconds(vectors, typeOf(*calibration)).value, 1, 1e-3);
}
