// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- CollectiveCost.cpp - Formulas of collective operations ------------------------===//
//
// AnalyticCost.h lists the formulas and their sources.
//
//===----------------------------------------------------------------------===//
#include "partita/cost/AnalyticCost.h"

#include <algorithm>
#include <cmath>

using namespace partita;
using namespace partita::cost;
using machine::GroupLevel;
using machine::GroupShape;
using machine::LinkLevel;
using machine::Machine;

namespace {
/// One level of links as a group uses it: `parts` devices (or parts of the group) with message time
/// alpha + bytes / rate.
struct Link {
  double parts = 1;
  double leastParts = 1;
  double alpha = 0;
  double rate = 1;
  bool isSwitch = true;
};

/// Keeps the cheapest of several ways.
class Cheapest {
public:
  void consider(double seconds, Algorithm algorithm) {
    if (seconds < best.seconds.value)
      best = {{seconds}, algorithm};
  }
  CollectiveEstimate best{Seconds::infinity(), Algorithm::None};
};

double countRounds(double parts) { return std::ceil(std::log2(parts)); }

CollectiveEstimate estimateAllReduce(const Link &link, double bytes) {
  double p = link.parts, wire = bytes / link.rate;
  Cheapest ways;
  ways.consider(2 * (p - 1) * link.alpha + 2 * (p - 1) / p * wire, Algorithm::Ring);
  if (link.isSwitch)
    ways.consider(2 * countRounds(p) * link.alpha + 2 * wire, Algorithm::Tree);
  return ways.best;
}

/// Of an all-gather of `bytes` in all; a reduce-scatter is the same backwards.
CollectiveEstimate estimateAllGather(const Link &link, double bytes) {
  double p = link.parts, wire = (p - 1) / p * bytes / link.rate;
  Cheapest ways;
  ways.consider((p - 1) * link.alpha + wire, Algorithm::Ring);
  if (link.isSwitch)
    ways.consider(countRounds(p) * link.alpha + wire, Algorithm::Doubling);
  return ways.best;
}

CollectiveEstimate estimateAllToAll(const Link &link, double bytes) {
  double p = link.parts;
  // On a ring a message crosses a quarter of it on average, and each link it crosses carries it.
  double distance = link.isSwitch ? 1 : std::max(1.0, p / 4);
  return {{(p - 1) * link.alpha + (p - 1) / p * bytes / link.rate * distance}, Algorithm::Direct};
}

CollectiveEstimate estimateBroadcast(const Link &link, double bytes) {
  double p = link.parts, wire = bytes / link.rate;
  Cheapest ways;
  if (link.isSwitch)
    ways.consider(countRounds(p) * (link.alpha + wire), Algorithm::Tree);
  double pipelined = std::sqrt(std::max(0.0, p - 2) * link.alpha) + std::sqrt(wire);
  ways.consider(pipelined * pipelined + link.alpha, Algorithm::Chain);
  return ways.best;
}

CollectiveEstimate estimateOneLevel(Collective kind, const Link &link, double bytes) {
  switch (kind) {
  case Collective::AllReduce:
    return estimateAllReduce(link, bytes);
  case Collective::AllGather:
  case Collective::ReduceScatter:
    return estimateAllGather(link, bytes);
  case Collective::AllToAll:
    return estimateAllToAll(link, bytes);
  case Collective::Broadcast:
    return estimateBroadcast(link, bytes);
  case Collective::PointToPoint:
    return {{link.alpha + bytes / link.rate}, Algorithm::Direct};
  case Collective::Exchange:
    return {{(link.parts - 1) * link.alpha + bytes / link.rate}, Algorithm::Direct};
  }
  return {};
}

/// The levels one after the other: what an inner level has reduced or scattered is sent further out.
double estimateHierarchical(Collective kind, const std::vector<Link> &links, double bytes) {
  double seconds = 0;
  double carried = bytes; // by each device at this level
  for (size_t i = 0; i < links.size(); ++i) {
    bool isOutermost = i + 1 == links.size();
    bool isInnerReduce = kind == Collective::AllReduce && !isOutermost;
    Collective step = isInnerReduce ? Collective::AllGather : kind;
    double once = estimateOneLevel(step, links[i], carried).seconds.value;
    seconds += isInnerReduce ? 2 * once : once;
    bool isScattered =
        kind == Collective::AllReduce || kind == Collective::AllGather || kind == Collective::ReduceScatter;
    // Where levels are uneven, the smallest part has the fewest links outwards.
    carried = isScattered ? carried / links[i].leastParts : carried;
  }
  return seconds;
}

/// Every device sends to every other by itself; each level carries what it is the innermost for.
double estimateDirectAllToAll(const std::vector<Link> &links, double devices, double bytes) {
  double seconds = 0, reached = 1;
  for (size_t i = 0; i < links.size(); ++i) {
    double within = i + 1 == links.size() ? devices : std::min(devices, reached * links[i].parts);
    double peers = std::max(0.0, within - reached);
    Link link = links[i];
    double distance = link.isSwitch ? 1 : std::max(1.0, link.parts / 4);
    seconds += peers * link.alpha + peers / devices * bytes / link.rate * distance;
    reached = within;
  }
  return seconds;
}

/// All devices in one ring (or tree), as fast as the slowest link that it uses.
Link makeFlatLink(const std::vector<Link> &links, double devices) {
  Link flat{devices, devices, 0, std::numeric_limits<double>::infinity(), true};
  for (const Link &link : links) {
    flat.alpha = std::max(flat.alpha, link.alpha);
    flat.rate = std::min(flat.rate, link.rate);
    flat.isSwitch &= link.isSwitch;
  }
  return flat;
}
} // namespace

llvm::StringRef cost::toString(Algorithm algorithm) {
  static const char *const names[] = {"none", "ring", "tree", "doubling", "direct", "chain", "hierarchical"};
  return names[int(algorithm)];
}

CollectiveEstimate AnalyticCost::estimate(const Communication &communication, const GroupShape &group,
                                          const Machine &machine) const {
  if (group.deviceCount <= 1)
    return {};
  std::vector<Link> links;
  Seconds setup;
  for (const GroupLevel &level : group.levels) {
    if (level.level.value < 0 || size_t(level.level.value) >= machine.levels().size())
      return {Seconds::infinity(), Algorithm::None}; // a group of another machine
    const LinkLevel &wires = machine.levels()[level.level.value];
    links.push_back({double(level.mostParts), double(std::max<int64_t>(1, level.leastParts)), wires.latency.value,
                     wires.bandwidth * options.linkEfficiency, wires.topology == machine::Topology::Switch});
    setup = std::max(setup, wires.setup);
  }
  if (links.empty())
    return {Seconds::infinity(), Algorithm::None};
  Collective kind = communication.kind;
  double bytes = double(std::max<int64_t>(0, communication.bytes.value)), devices = double(group.deviceCount);
  CollectiveEstimate flat = estimateOneLevel(kind, makeFlatLink(links, devices), bytes);
  Cheapest ways;
  ways.consider(flat.seconds.value, flat.algorithm);
  bool isOneMessage = kind == Collective::PointToPoint || kind == Collective::Exchange;
  if (links.size() > 1 && !isOneMessage)
    ways.consider(estimateHierarchical(kind, links, bytes), Algorithm::Hierarchical);
  if (links.size() > 1 && kind == Collective::AllToAll)
    ways.consider(estimateDirectAllToAll(links, devices, bytes), Algorithm::Direct);
  return {ways.best.seconds + setup, ways.best.algorithm};
}
