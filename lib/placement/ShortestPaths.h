// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ShortestPaths.h - Cheapest sequences in a search space ---*- C++ -*-===//
//
// Dijkstra's algorithm (E. W. Dijkstra, A note on two problems in connexion with graphs, 1959) over a SearchSpace, once
// per start; a question then only adds the exchanges that end at its target.
//
// Example: ShortestPaths paths(space); paths.find(a, b)->nodes are the nodes from a to b.
//
//===----------------------------------------------------------------------===//

#ifndef PARTITA_LIB_PLACEMENT_SHORTESTPATHS_H
#define PARTITA_LIB_PLACEMENT_SHORTESTPATHS_H

#include "SearchSpace.h"

namespace partita::placement {

/// Compared by duration, then number of steps, then nodes, whose numbers are in lexicographic order.
struct Path {
  Duration duration = 0;
  std::vector<int> nodes;

  bool isBetterThan(const Path &other) const;
};

class ShortestPaths {
public:
  explicit ShortestPaths(SearchSpace &space) : space(space) {}

  /// The best path, exchanges included; nothing if there is none.
  std::optional<Path> find(int from, int to);

private:
  struct Label {
    Duration duration = forbidden;
    int steps = 0;
    int predecessor = -1;
  };
  /// The best paths of structured steps from one node to all.
  struct Tree {
    std::vector<Label> labels;
    /// Reached nodes that are not partial, nearest first.
    std::vector<int> order;
  };

  const Tree &treeFrom(int start);
  void relax(Tree &tree, int node, const Edge &edge);
  std::vector<int> nodesTo(const Tree &tree, int node) const;
  std::optional<Path> pathTo(const Tree &tree, int node) const;

  SearchSpace &space;
  std::map<int, Tree> trees;
};

} // namespace partita::placement

#endif // PARTITA_LIB_PLACEMENT_SHORTESTPATHS_H
