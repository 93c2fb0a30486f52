// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ComputeCost.cpp - The roofline of one kernel --------------------------------===//
#include "partita/cost/AnalyticCost.h"

#include "partita/support/Hash.h"
#include "partita/support/JsonValue.h"

#include <algorithm>
#include <cmath>

using namespace partita;
using namespace partita::cost;
using machine::DeviceType;

namespace {
/// Output tiles that libraries choose from, with their speed relative to the largest: smaller tiles load more
/// for each multiplication.
struct Tile {
  double rows, columns, speed;
};
constexpr Tile tiles[] = {{256, 128, 1.0}, {128, 128, 0.93}, {128, 64, 0.80}, {64, 64, 0.65}};
/// From this many waves on blocks of different waves overlap, and the last wave is not waited for as a whole.
constexpr double mostStrictWaves = 12;
constexpr double overlappedTail = 0.35;

/// The share of a device that a product keeps busy: waves of tiles over its cores, and tiles over the edge.
double computeTileUse(const MatrixShape &shape, double cores) {
  double best = 0;
  for (const Tile &tile : tiles) {
    double rowTiles = std::ceil(double(shape.m) / tile.rows), columnTiles = std::ceil(double(shape.n) / tile.columns);
    double edge = double(shape.m) * double(shape.n) / (rowTiles * tile.rows * columnTiles * tile.columns);
    double waves = rowTiles * columnTiles * double(std::max<int64_t>(1, shape.batch)) / cores;
    double filled = waves > mostStrictWaves ? waves / (waves + overlappedTail) : waves / std::ceil(waves);
    best = std::max(best, tile.speed * edge * filled);
  }
  return best;
}

bool isNarrow(llvm::StringRef elementType) {
  return elementType.starts_with("f8") || elementType.starts_with("f4") || elementType.ends_with("i8") ||
         elementType.ends_with("i4");
}

double computeMatrixRate(const Computation &computation, const DeviceType &device, const Efficiency &efficiency) {
  double rate = device.peakFor(computation.elementType) *
                (isNarrow(computation.elementType) ? efficiency.narrowMatrix : efficiency.matrix);
  if (!computation.shape.isKnown())
    return rate;
  double depth = double(computation.shape.k);
  rate *= depth / (depth + efficiency.depthHalf);
  return efficiency.hasWaves ? rate * computeTileUse(computation.shape, double(device.cores)) : rate;
}

/// Operations per second that a kernel of this kind reaches when memory does not hold it back.
double computeRate(const Computation &computation, const DeviceType &device, const Efficiency &efficiency) {
  switch (computation.unit) {
  case Unit::Matrix:
    return computeMatrixRate(computation, device, efficiency);
  case Unit::Attention:
    // Attention stays in 16 bits where products around it are narrower.
    return device.peakFor(isNarrow(computation.elementType) ? "bf16" : computation.elementType) * efficiency.attention;
  case Unit::Vector:
    // Vectors of doubles hold half as many elements.
    return device.vectorFlops * efficiency.vector * (computation.elementType == "f64" ? 0.5 : 1.0);
  case Unit::Movement:
    break;
  }
  return std::numeric_limits<double>::infinity();
}
} // namespace

llvm::StringRef cost::toString(Collective kind) {
  static const char *const names[] = {"all-reduce", "all-gather",     "reduce-scatter", "all-to-all",
                                      "broadcast",  "point-to-point", "exchange"};
  return names[int(kind)];
}

Efficiency cost::findDefaultEfficiency(const DeviceType &device) {
  Efficiency efficiency;
  if (device.target == machine::Target::Cpu) {
    // A register-blocked product is near the peak of its core; short inner loops are what it loses.
    efficiency.matrix = efficiency.narrowMatrix = 0.8;
    efficiency.attention = 0.5;
    efficiency.vector = 0.3;
    efficiency.depthHalf = 16;
    return efficiency;
  }
  llvm::StringRef name(device.name);
  efficiency.hasWaves = true;
  efficiency.matrix = name.contains("v100") ? 0.70 : name.contains("a100") ? 0.77 : 0.72;
  return efficiency;
}

Efficiency AnalyticCost::efficiencyOf(const DeviceType &device) const {
  auto found = options.efficiencies.find(device.name);
  return found != options.efficiencies.end() ? found->second : findDefaultEfficiency(device);
}

Seconds AnalyticCost::computeSeconds(const Computation &computation, const DeviceType &device) const {
  Efficiency efficiency = efficiencyOf(device);
  Seconds arithmetic{std::max(0.0, computation.operations) / computeRate(computation, device, efficiency)};
  Seconds traffic =
      Seconds::perRate(computation.read + computation.written, device.memoryBandwidth * efficiency.memory);
  return std::max(arithmetic, traffic) + device.launchOverhead;
}

std::string AnalyticCost::hash() const {
  JsonValue types = JsonValue::makeObject();
  for (const auto &[name, efficiency] : options.efficiencies)
    types.set(name, JsonValue::makeArrayOf(std::vector<double>{
                        efficiency.matrix, efficiency.narrowMatrix, efficiency.attention, efficiency.vector,
                        efficiency.memory, efficiency.depthHalf, double(efficiency.hasWaves)}));
  JsonValue value = JsonValue::makeObject();
  // The number changes with the formulas and the built-in defaults.
  value.set("model", "analytic/1").set("link_efficiency", options.linkEfficiency).set("types", std::move(types));
  return hashText(value.compactStr());
}
