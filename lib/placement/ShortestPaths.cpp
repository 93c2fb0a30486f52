// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ShortestPaths.cpp - Dijkstra's algorithm over placements -----------===//

#include "ShortestPaths.h"

#include <algorithm>
#include <queue>

namespace partita::placement {

bool Path::isBetterThan(const Path &other) const {
  if (duration != other.duration)
    return duration < other.duration;
  if (nodes.size() != other.nodes.size())
    return nodes.size() < other.nodes.size();
  return nodes < other.nodes;
}

std::vector<int> ShortestPaths::nodesTo(const Tree &tree, int node) const {
  std::vector<int> nodes;
  for (; node >= 0; node = tree.labels[node].predecessor)
    nodes.push_back(node);
  std::reverse(nodes.begin(), nodes.end());
  return nodes;
}

std::optional<Path> ShortestPaths::pathTo(const Tree &tree, int node) const {
  if (tree.labels[node].duration == forbidden)
    return std::nullopt;
  return Path{tree.labels[node].duration, nodesTo(tree, node)};
}

void ShortestPaths::relax(Tree &tree, int node, const Edge &edge) {
  const Label &here = tree.labels[node];
  Label &there = tree.labels[edge.target];
  Label offered{here.duration + edge.duration, here.steps + 1, node};
  if (there.duration != forbidden) {
    if (std::tie(offered.duration, offered.steps) > std::tie(there.duration, there.steps))
      return;
    // Labels grow strictly along every edge (a step more at least), so both predecessors are final here.
    if (std::tie(offered.duration, offered.steps) == std::tie(there.duration, there.steps) &&
        nodesTo(tree, there.predecessor) <= nodesTo(tree, node))
      return;
  }
  there = offered;
}

const ShortestPaths::Tree &ShortestPaths::treeFrom(int start) {
  auto [entry, added] = trees.try_emplace(start);
  Tree &tree = entry->second;
  if (!added)
    return tree;
  tree.labels.resize(space.size());
  tree.labels[start] = {0, 0, -1};
  using Entry = std::tuple<Duration, int, int>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
  queue.push({0, 0, start});
  std::vector<bool> done(space.size());
  while (!queue.empty()) {
    int node = std::get<2>(queue.top());
    queue.pop();
    if (done[node])
      continue;
    done[node] = true;
    if (!space.isPartial(node))
      tree.order.push_back(node);
    for (const Edge &edge : space.edgesFrom(node)) {
      if (edge.duration == forbidden || done[edge.target])
        continue;
      const Label &label = tree.labels[edge.target];
      std::pair before{label.duration, label.steps};
      relax(tree, node, edge);
      if (before != std::pair{label.duration, label.steps})
        queue.push({label.duration, label.steps, edge.target});
    }
  }
  return tree;
}

// Exchanges to other placements than the target would cost one intersection for every pair of nodes. They are never
// better on even dims when all axes are equally fast; where one axis is ten times faster than the other, one pair in
// twelve would gain (a permutation, then a gather over the fast axis).
std::optional<Path> ShortestPaths::find(int from, int to) {
  const Tree &tree = treeFrom(from);
  std::optional<Path> best = pathTo(tree, to);
  std::optional<int> base = space.find(withoutPartial(space.placementOf(to)));
  if (!base || *base == from)
    return best;
  std::optional<Path> tail = pathTo(treeFrom(*base), to);
  if (!tail)
    return best;
  for (int node : tree.order) {
    Duration limit = forbidden - 1;
    Duration known = tree.labels[node].duration + tail->duration;
    if (best) {
      limit = best->duration - known;
      if (limit < 0)
        break;
    }
    Duration duration = space.exchange(node, *base, limit);
    if (duration == forbidden)
      continue;
    Path path{known + duration, nodesTo(tree, node)};
    path.nodes.insert(path.nodes.end(), tail->nodes.begin(), tail->nodes.end());
    if (!best || path.isBetterThan(*best))
      best = std::move(path);
  }
  return best;
}

} // namespace partita::placement
