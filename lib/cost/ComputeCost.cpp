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
/// for each multiplication. Narrow ones are for products with few rows or columns, as in decoding.
struct Tile {
  double rows, columns, speed;
};
constexpr Tile tiles[] = {{256, 128, 1.0}, {128, 128, 0.93}, {128, 64, 0.80}, {64, 64, 0.65},
                          {64, 32, 0.50},  {64, 16, 0.40},   {64, 8, 0.30}};
/// From this many waves on blocks of different waves overlap, and the last wave is not waited for as a whole.
constexpr double mostStrictWaves = 12;
constexpr double overlappedTail = 0.35;
/// Where tiles do not fill a device, kernels cut the inner dimension too, into at most so many parts.
constexpr double mostDepthParts = 16;

/// The share of the peak that one tile reaches: waves of tiles over the cores, tiles over the edge, a short depth.
double computeTileUse(const Tile &tile, double rows, double columns, const MatrixShape &shape, double cores,
                      double depthHalf) {
  double rowTiles = std::ceil(rows / tile.rows), columnTiles = std::ceil(columns / tile.columns);
  double edge = rows * columns / (rowTiles * tile.rows * columnTiles * tile.columns), best = 0;
  for (double parts = 1; parts <= mostDepthParts; parts *= 2) {
    double waves = rowTiles * columnTiles * parts * double(std::max<int64_t>(1, shape.batch)) / cores;
    double filled = waves > mostStrictWaves ? waves / (waves + overlappedTail) : waves / std::ceil(waves);
    double depth = double(shape.k) / parts;
    best = std::max(best, filled * depth / (depth + depthHalf));
  }
  return tile.speed * edge * best;
}

/// The best of all tiles, either way round.
double computeTileUse(const MatrixShape &shape, double cores, double depthHalf) {
  double m = double(shape.m), n = double(shape.n), best = 0;
  for (const Tile &tile : tiles)
    best = std::max({best, computeTileUse(tile, m, n, shape, cores, depthHalf),
                     computeTileUse(tile, n, m, shape, cores, depthHalf)});
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
  if (efficiency.hasWaves)
    return rate * computeTileUse(computation.shape, double(device.cores), efficiency.depthHalf);
  double depth = double(computation.shape.k);
  return rate * depth / (depth + efficiency.depthHalf);
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
    efficiency.overlapsTraffic = false;
    // What was measured is what is reached; attention is the only kind of work that calibration does not run.
    if (device.isMeasured)
      efficiency.matrix = efficiency.narrowMatrix = efficiency.vector = efficiency.memory = 1;
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
  bool overlaps = computation.unit != Unit::Matrix || efficiency.overlapsTraffic;
  return (overlaps ? std::max(arithmetic, traffic) : arithmetic + traffic) + device.launchOverhead;
}

std::string AnalyticCost::hash() const {
  JsonValue types = JsonValue::makeObject();
  for (const auto &[name, efficiency] : options.efficiencies)
    types.set(name, JsonValue::makeArrayOf(
                        std::vector<double>{efficiency.matrix, efficiency.narrowMatrix, efficiency.attention,
                                            efficiency.vector, efficiency.memory, efficiency.depthHalf,
                                            double(efficiency.hasWaves), double(efficiency.overlapsTraffic)}));
  JsonValue value = JsonValue::makeObject();
  // The number changes with the formulas and the built-in defaults.
  value.set("model", "analytic/3").set("link_efficiency", options.linkEfficiency).set("types", std::move(types));
  return hashText(value.compactStr());
}
