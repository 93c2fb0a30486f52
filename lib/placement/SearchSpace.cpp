// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- SearchSpace.cpp - Listing the nodes of a search --------------------===//

#include "SearchSpace.h"

#include "Hashing.h"

#include <algorithm>
#include <set>

namespace partita::placement {

std::size_t SearchSpace::StatesHash::operator()(const std::vector<int> &states) const {
  std::size_t seed = states.size();
  for (int state : states)
    combineHash(seed, static_cast<uint64_t>(state));
  return seed;
}

std::size_t SearchSpace::StepKeyHash::operator()(const StepKey &key) const {
  std::size_t seed = static_cast<std::size_t>(key.kind);
  for (uint64_t part : {key.axes, static_cast<uint64_t>(key.source), static_cast<uint64_t>(key.result),
                        static_cast<uint64_t>(key.busiest)})
    combineHash(seed, part);
  return seed;
}

SearchSpace::SearchSpace(const Shape &shape, int64_t elementBytes, const Mesh &mesh, const SpaceOptions &options,
                         const CommunicationPrice &price)
    : shape(shape), bounds(boundsOf(shape)), elementBytes(elementBytes), mesh(mesh), price(price) {
  for (std::size_t axis = 0; axis < mesh.axes.size(); ++axis)
    if (mesh.axes[axis].size > 1) {
      liveAxes |= AxisMask(1) << axis;
      if (mesh.axes[axis].kind == AxisKind::time)
        timeAxes |= AxisMask(1) << axis;
    }
  listStates(options);
  linkStates();
  listNodes();
}

void SearchSpace::listStates(const SpaceOptions &options) {
  for (std::size_t dim = 0; dim < shape.size(); ++dim) {
    std::set<DimSplit> canonical;
    for (const DimSplit &sequence : listSequences(options.dims[dim], shape[dim]))
      canonical.insert(canonicalize(sequence, shape[dim], mesh));
    canonical.insert(options.dims[dim].windowed.begin(), options.dims[dim].windowed.end());
    std::vector<State> &list = states.emplace_back();
    for (const DimSplit &splits : canonical)
      list.push_back({splits, {}, maskOf(splits), boundOfLocalExtent(shape[dim], splits, mesh), {}, {}});
  }
  std::vector<State> &list = states.emplace_back();
  for (const std::map<int, PartialKind> &partial : listPartials(options))
    list.push_back({{}, partial, maskOf(partial), 1, {}, {}});
}

void SearchSpace::linkStates() {
  for (std::size_t part = 0; part < states.size(); ++part) {
    std::vector<State> &list = states[part];
    bool isDim = part < shape.size();
    for (std::size_t small = 0; small < list.size(); ++small)
      for (std::size_t large = 0; large < list.size(); ++large) {
        AxisMask added = list[large].mask & ~list[small].mask;
        if (added == 0 || (list[small].mask & ~list[large].mask) != 0 || !hasOneKind(added, mesh))
          continue;
        if (isDim ? extends(list[small].splits, list[large].splits, shape[part], mesh)
                  : std::includes(list[large].partial.begin(), list[large].partial.end(), list[small].partial.begin(),
                                  list[small].partial.end())) {
          list[small].gains.push_back({added, static_cast<int>(large)});
          if (!list[large].splits.window)
            list[large].losses.push_back({added, static_cast<int>(small)});
        }
      }
  }
}

void SearchSpace::listNodes() {
  std::vector<std::pair<std::vector<int>, AxisMask>> combinations{{{}, 0}};
  for (const std::vector<State> &list : states) {
    std::vector<std::pair<std::vector<int>, AxisMask>> next;
    for (const auto &[chosen, mask] : combinations)
      for (std::size_t state = 0; state < list.size(); ++state)
        if (!(list[state].mask & mask)) {
          auto &[longer, united] = next.emplace_back(chosen, mask | list[state].mask);
          longer.push_back(static_cast<int>(state));
        }
    combinations = std::move(next);
  }
  for (auto &[chosen, mask] : combinations) {
    Node &node = nodes.emplace_back();
    for (std::size_t dim = 0; dim < shape.size(); ++dim)
      node.placement.dims.push_back(states[dim][chosen[dim]].splits);
    node.placement.partial = states.back()[chosen.back()].partial;
    node.states = std::move(chosen);
    node.mask = mask;
  }
  std::sort(nodes.begin(), nodes.end(), [](const Node &a, const Node &b) { return a.placement < b.placement; });
  for (int i = 0; i < size(); ++i) {
    nodeOfStates.emplace(nodes[i].states, i);
    nodeOfPlacement.emplace(nodes[i].placement, i);
  }
}

std::optional<int> SearchSpace::find(const Placement &canonical) const {
  auto found = nodeOfPlacement.find(canonical);
  return found == nodeOfPlacement.end() ? std::nullopt : std::optional<int>(found->second);
}

} // namespace partita::placement
