// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- SearchEdges.cpp - The steps of a search and their price ------------===//

#include "SearchSpace.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace partita::placement {

/// Longer than any step that a plan could use (11 days); keeps sums of a path below overflow.
constexpr Duration longest = 1'000'000'000'000'000'000;

Duration SearchSpace::durationOf(const StepKey &key, AxisMask named) {
  auto [entry, added] = durations.try_emplace(key, forbidden);
  if (added) {
    double seconds = price.seconds({key.kind, mesh, axesOf(key.axes), groupSizeOf(key.axes, mesh),
                                    key.source * elementBytes, key.result * elementBytes, key.busiest * elementBytes});
    // Infinity, NaN and negative prices forbid the step.
    if (seconds >= 0 && seconds <= std::numeric_limits<double>::max())
      entry->second = seconds < longest * 1e-12 ? std::llround(seconds * 1e12) : longest;
  }
  Duration once = entry->second;
  if (once == forbidden)
    return forbidden;
  // A value that differs between micro-batches takes its steps once for each of them.
  for (int axis : axesOf(named & timeAxes))
    once = once > longest / mesh.axes[axis].size ? longest : once * mesh.axes[axis].size;
  return once;
}

void SearchSpace::addStep(Node &node, StepKind kind, AxisMask axes, const std::vector<int> &target) {
  auto found = nodeOfStates.find(target);
  if (found == nodeOfStates.end())
    return;
  int64_t source = 1, result = 1, message = 1;
  for (std::size_t dim = 0; dim < shape.size(); ++dim) {
    int64_t before = states[dim][node.states[dim]].bound, after = states[dim][target[dim]].bound;
    source *= before;
    result *= after;
    message *= std::min(before, after);
  }
  int64_t busiest = busiestElements(kind, groupSizeOf(axes, mesh), source, result, message);
  AxisMask named = node.mask | nodes[found->second].mask;
  node.edges.push_back({found->second, durationOf({kind, axes, source, result, busiest}, named)});
}

/// All-gathers, and all-to-alls that give the gathered axes to another dim.
void SearchSpace::addGathers(Node &node) {
  std::vector<int> target = node.states;
  for (std::size_t dim = 0; dim < shape.size(); ++dim) {
    for (const Change &loss : states[dim][node.states[dim]].losses) {
      target[dim] = loss.state;
      addStep(node, StepKind::allGather, loss.axes, target);
      for (std::size_t other = 0; other < shape.size(); ++other) {
        if (other == dim)
          continue;
        for (const Change &gain : states[other][node.states[other]].gains)
          if (gain.axes == loss.axes) {
            target[other] = gain.state;
            addStep(node, StepKind::allToAll, loss.axes, target);
          }
        target[other] = node.states[other];
      }
    }
    target[dim] = node.states[dim];
  }
}

/// All-reduces, and reduce-scatters that give the reduced axes to a dim.
void SearchSpace::addReductions(Node &node) {
  std::vector<int> target = node.states;
  for (const Change &loss : states.back()[node.states.back()].losses) {
    target.back() = loss.state;
    addStep(node, StepKind::allReduce, loss.axes, target);
    for (std::size_t dim = 0; dim < shape.size(); ++dim) {
      for (const Change &gain : states[dim][node.states[dim]].gains)
        if (gain.axes == loss.axes) {
          target[dim] = gain.state;
          addStep(node, StepKind::reduceScatter, loss.axes, target);
        }
      target[dim] = node.states[dim];
    }
  }
}

/// Slices of one dim, and contributions made of a value.
void SearchSpace::addLocalSteps(Node &node) {
  std::vector<int> target = node.states;
  for (std::size_t part = 0; part < states.size(); ++part) {
    StepKind kind = part < shape.size() ? StepKind::slice : StepKind::partialize;
    for (const Change &gain : states[part][node.states[part]].gains)
      if (!(gain.axes & node.mask)) {
        target[part] = gain.state;
        addStep(node, kind, gain.axes, target);
      }
    target[part] = node.states[part];
  }
}

const std::vector<Edge> &SearchSpace::edgesFrom(int index) {
  Node &node = nodes[index];
  if (!node.expanded) {
    addGathers(node);
    addReductions(node);
    addLocalSteps(node);
    std::sort(node.edges.begin(), node.edges.end(), [](const Edge &a, const Edge &b) { return a.target < b.target; });
    node.expanded = true;
  }
  return node.edges;
}

bool SearchSpace::isAdjacent(int from, int to) {
  const std::vector<Edge> &edges = edgesFrom(from);
  auto found = std::lower_bound(edges.begin(), edges.end(), to,
                                [](const Edge &edge, int target) { return edge.target < target; });
  return found != edges.end() && found->target == to;
}

AxisMask SearchSpace::exchangedAxes(const Node &from, const Node &to) const {
  AxisMask moving = 0;
  for (std::size_t dim = 0; dim < shape.size(); ++dim)
    if (from.states[dim] != to.states[dim])
      moving |= movingAxes(from.placement.dims[dim], to.placement.dims[dim]);
  return moving & ~timeAxes;
}

Duration SearchSpace::exchange(int from, int to, Duration limit) {
  if (from == to)
    return forbidden;
  const Node &source = nodes[from], &result = nodes[to];
  int64_t before = 1, after = 1, kept = 1;
  for (std::size_t dim = 0; dim < shape.size(); ++dim) {
    int64_t held = states[dim][source.states[dim]].bound, wanted = states[dim][result.states[dim]].bound;
    before *= held;
    after *= wanted;
    kept *= std::min(held, wanted);
  }
  // Rank 0 wants a largest box and holds at most `kept` of it, so it receives at least the rest. A price does not
  // fall when more is moved, so this bound decides most questions without intersecting any boxes.
  StepKey key{StepKind::exchange, exchangedAxes(source, result), before, after, after - kept};
  AxisMask named = source.mask | result.mask;
  if (durationOf(key, named) > limit || isAdjacent(from, to))
    return forbidden;
  auto [entry, added] = exchanged.try_emplace({from, to});
  if (added)
    entry->second = exchangeElements(bounds, mesh, source.placement, result.placement);
  if (!entry->second)
    return forbidden;
  key.busiest = *entry->second;
  Duration duration = durationOf(key, named);
  return duration > limit ? forbidden : duration;
}

} // namespace partita::placement
