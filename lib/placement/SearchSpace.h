// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- SearchSpace.h - The placements a reshard may pass through *- C++ -*-===//
//
// The graph on which the cheapest sequence is searched: nodes are canonical placements, edges are the structured steps
// (exchanges are priced apart, by ShortestPaths). A node is one DimState per dim and one partial state; the few states
// of each are listed once with the cuts that lead from one to another, so an edge costs a few integer operations.
//
// Example: mesh x = 2, rank 2, nothing partial: each dim has the states [] and [x], and there are three nodes:
//   [_, _]  [_, x]  [x, _]  with slices, all-gathers and all-to-alls between them.
//
//===----------------------------------------------------------------------===//

#ifndef PARTITA_LIB_PLACEMENT_SEARCHSPACE_H
#define PARTITA_LIB_PLACEMENT_SEARCHSPACE_H

#include "StepRules.h"

#include <map>
#include <unordered_map>

namespace partita::placement {

/// The cuts one dim may have: `outer`, then movable cuts, then `concentrating`. The movable cuts are any sequence of
/// `choices` with different axes, or, if `sequences` is not empty, one of these.
struct DimOptions {
  DimSplit outer;
  std::vector<int> concentrating;
  std::vector<Split> choices;
  std::vector<DimSplit> sequences;
  /// Canonical forms that are read through a window, besides: what the question itself asks for.
  std::vector<DimSplit> windowed = {};

  auto operator<=>(const DimOptions &) const = default;
};

/// Which placements are nodes. Equal options make equal spaces, so answers do not depend on earlier questions.
struct SpaceOptions {
  std::vector<DimOptions> dims;
  /// Partial axes of every node; the axes that may be partial besides; or, if not empty, the sets of partial axes.
  std::map<int, PartialKind> partial;
  std::vector<std::pair<int, PartialKind>> partialChoices;
  std::vector<std::map<int, PartialKind>> partialSets;

  auto operator<=>(const SpaceOptions &) const = default;
};

/// The options of the question from -> to (both canonical), as described in Reshard.h.
SpaceOptions chooseOptions(const Shape &shape, const Mesh &mesh, const Placement &from, const Placement &to);

/// All literal cut sequences (not yet canonical) of a dim, and all sets of partial axes, that the options allow.
std::vector<DimSplit> listSequences(const DimOptions &options, const Extent &extent);
std::vector<std::map<int, PartialKind>> listPartials(const SpaceOptions &options);

/// Picoseconds: sums of integers do not depend on the order of addition, so ties between paths are real ties.
using Duration = int64_t;
constexpr Duration forbidden = INT64_MAX;

/// `duration` may be `forbidden`: the pair is then still a structured step and never an exchange.
struct Edge {
  int target = 0;
  Duration duration = 0;
};

class SearchSpace {
public:
  SearchSpace(const Shape &shape, int64_t elementBytes, const Mesh &mesh, const SpaceOptions &options,
              const CommunicationPrice &price);

  int size() const { return static_cast<int>(nodes.size()); }
  /// Nodes are numbered in the lexicographic order of their placements.
  const Placement &placementOf(int node) const { return nodes[node].placement; }
  std::optional<int> find(const Placement &canonical) const;
  bool isPartial(int node) const { return !nodes[node].placement.partial.empty(); }
  /// All structured steps from the node.
  const std::vector<Edge> &edgesFrom(int node);
  /// The exchange between two nodes that are not partial; `forbidden` if it is impossible, costs more than `limit`,
  /// or the pair is a structured step.
  Duration exchange(int from, int to, Duration limit);

private:
  /// One way to change a dim or the partial axes: the axes moved and the state reached.
  struct Change {
    AxisMask axes;
    int state;
  };
  /// What one dim, or the set of partial axes, may be.
  struct State {
    DimSplit splits;
    std::map<int, PartialKind> partial;
    AxisMask mask = 0;
    int64_t bound = 1;
    std::vector<Change> losses, gains;
  };
  struct Node {
    Placement placement;
    /// One state per dim, then the partial state.
    std::vector<int> states;
    AxisMask mask = 0;
    bool expanded = false;
    std::vector<Edge> edges;
  };
  struct StatesHash {
    std::size_t operator()(const std::vector<int> &states) const;
  };
  /// Everything a price may depend on, for one shape and mesh.
  struct StepKey {
    StepKind kind;
    AxisMask axes;
    int64_t source, result, busiest;
    bool operator==(const StepKey &) const = default;
  };
  struct StepKeyHash {
    std::size_t operator()(const StepKey &key) const;
  };

  void listStates(const SpaceOptions &options);
  void linkStates();
  void listNodes();
  void addGathers(Node &node);
  void addReductions(Node &node);
  void addLocalSteps(Node &node);
  void addStep(Node &node, StepKind kind, AxisMask axes, const std::vector<int> &target);
  /// Seconds of one execution as a duration, times the executions.
  Duration durationOf(const StepKey &key, AxisMask named);
  bool isAdjacent(int from, int to);
  AxisMask exchangedAxes(const Node &from, const Node &to) const;

  Shape shape;
  std::vector<int64_t> bounds;
  int64_t elementBytes;
  const Mesh &mesh;
  const CommunicationPrice &price;
  AxisMask liveAxes = 0;
  AxisMask timeAxes = 0;
  /// States of each dim, then of the partial axes.
  std::vector<std::vector<State>> states;
  std::vector<Node> nodes;
  std::unordered_map<std::vector<int>, int, StatesHash> nodeOfStates;
  std::map<Placement, int> nodeOfPlacement;
  std::unordered_map<StepKey, Duration, StepKeyHash> durations;
  std::map<std::pair<int, int>, std::optional<int64_t>> exchanged;
};

} // namespace partita::placement

#endif // PARTITA_LIB_PLACEMENT_SEARCHSPACE_H
