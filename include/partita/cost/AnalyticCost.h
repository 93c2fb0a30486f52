// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- AnalyticCost.h - Times from data sheets and efficiency ---------------------===//
//
// Computing: a roofline (Williams, Waterman, Patterson 2009). A kernel takes as long as its arithmetic at the
// reachable part of the peak rate, or as its memory traffic at the reachable part of the bandwidth, whichever
// is more, plus its launch. Matrix products of known shape pay for what they leave empty: a short inner
// dimension (k / (k + depthHalf)), tiles over the edge, and a last wave of tiles that does not fill the device.
// On CPUs a product's traffic adds to its arithmetic: each core packs blocks of operands before it computes with
// them, and nothing else runs on it meanwhile (docs/decisions/0019-traffic-of-products-on-cpus.md). So few rows pay
// for their weights: m / (m + m0) of the rate, where m0 rows compute as long as the second operand takes to come.
//
// Communicating: a message of n bytes takes alpha + n / B. With p devices, S bytes, one level of links:
//   all-reduce      ring   2(p-1) a + 2 (p-1)/p S/B       Patarasu, Yuan 2009
//                   tree   2 log2(p) a + 2 S/B            two binary trees: Sanders, Speck, Traeff 2009
//   all-gather      ring   (p-1) a + (p-1)/p S/B          Thakur, Rabenseifner, Gropp 2005; reduce-scatter alike
//                   doubling  log2(p) a + (p-1)/p S/B     on a switch only
//   all-to-all      direct (p-1) a + (p-1)/p S/B          on a ring x max(1, p/4), the average distance
//   broadcast       tree   log2(p) (a + S/B)
//                   chain  (sqrt((p-2) a) + sqrt(S/B))^2 + a   pipelined with the best number of pieces
// Over nested levels with p_l parts each, the hierarchical form reduce-scatters inwards first, so that level l
// carries S_l = S / (p_0 ... p_{l-1}) on the links of all its devices at once:
//   all-reduce      sum over l of 2 (p_l - 1) a_l + 2 (p_l - 1)/p_l S_l / B_l
// and the flat ring runs at the slowest link. The cheapest form is taken, plus the set-up of the outermost
// level. Example:
//
//   AnalyticCost cost;
//   CollectiveEstimate e = cost.estimate({Collective::AllReduce, Bytes{1 << 30}}, group, machine);
//   e.seconds; toString(e.algorithm);      // 7.8 ms, "hierarchical"
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_COST_ANALYTICCOST_H
#define PARTITA_COST_ANALYTICCOST_H

#include "partita/cost/CostModel.h"

#include <map>

namespace partita::cost {

/// The reachable part of a device's data sheet figures, from 0 to 1, and the shape of its curves.
struct Efficiency {
  /// Large matrix products of 16 bits and more, and of 8 bits and less.
  double matrix = 0.7;
  double narrowMatrix = 0.65;
  /// Fused attention.
  double attention = 0.5;
  /// Everything else that computes.
  double vector = 0.5;
  /// Memory bandwidth.
  double memory = 0.78;
  /// The inner dimension at which a product reaches half of `matrix`.
  double depthHalf = 64;
  /// Whether matrix work is cut into tiles that fill the device in waves.
  bool hasWaves = false;
  /// Whether operands of a matrix product come from memory while it computes.
  bool overlapsTraffic = true;

  bool operator==(const Efficiency &) const = default;
};

/// How a collective operation is carried out.
enum class Algorithm { None, Ring, Tree, Doubling, Direct, Chain, Hierarchical };
llvm::StringRef toString(Algorithm algorithm);

struct CollectiveEstimate {
  Seconds seconds;
  Algorithm algorithm = Algorithm::None;

  bool operator==(const CollectiveEstimate &) const = default;
};

struct AnalyticOptions {
  /// By device type; a type that is missing has `findDefaultEfficiency`.
  std::map<std::string, Efficiency> efficiencies;
  /// The reachable part of the bandwidth of links.
  double linkEfficiency = 0.8;

  bool operator==(const AnalyticOptions &) const = default;
};

/// Defaults by generation, fitted to published step times (decimal share of the data sheet): matrix 0.70 on
/// V100, 0.77 on A100, 0.72 on later GPUs.
Efficiency findDefaultEfficiency(const machine::DeviceType &device);

class AnalyticCost : public CostModel {
public:
  explicit AnalyticCost(AnalyticOptions options = {}) : options(std::move(options)) {}

  Seconds computeSeconds(const Computation &computation, const machine::DeviceType &device) const override;
  Seconds collectiveSeconds(const Communication &communication, const machine::GroupShape &group,
                            const machine::Machine &machine) const override {
    return estimate(communication, group, machine).seconds;
  }
  std::string hash() const override;

  /// The time with the algorithm that reaches it.
  CollectiveEstimate estimate(const Communication &communication, const machine::GroupShape &group,
                              const machine::Machine &machine) const;

private:
  Efficiency efficiencyOf(const machine::DeviceType &device) const;

  AnalyticOptions options;
};

} // namespace partita::cost

#endif // PARTITA_COST_ANALYTICCOST_H
