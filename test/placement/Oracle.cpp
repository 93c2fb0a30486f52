// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Oracle.cpp - Placements by definition, on real data ----------------===//

#include "Oracle.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace partita::placement::oracle {

uint64_t mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

Interval dealtInterval(int64_t extent, const DimSplit &splits, const Mesh &mesh, const Coordinates &coordinates) {
  std::vector<int64_t> held(extent);
  std::iota(held.begin(), held.end(), 0);
  for (const Split &split : splits) {
    std::vector<std::vector<int64_t>> units;
    for (std::size_t i = 0; i < held.size(); ++i) {
      if (units.empty() || static_cast<int64_t>(units.back().size()) == split.unit)
        units.emplace_back();
      units.back().push_back(held[i]);
    }
    std::size_t parts = mesh.axes[split.axis].size, next = 0;
    std::vector<int64_t> kept;
    for (std::size_t part = 0; part < parts; ++part) {
      std::size_t share = units.size() / parts + (part < units.size() % parts ? 1 : 0);
      for (std::size_t i = 0; i < share; ++i, ++next)
        if (static_cast<int64_t>(part) == coordinates[split.axis])
          kept.insert(kept.end(), units[next].begin(), units[next].end());
    }
    held = kept;
  }
  return held.empty() ? Interval{0, 0} : Interval{held.front(), held.back() + 1};
}

World::World(Mesh mesh, std::vector<int64_t> extents, PartialKind kind)
    : mesh(std::move(mesh)), extents(std::move(extents)), kind(kind), places{{}} {
  for (const Axis &axis : this->mesh.axes) {
    std::vector<Coordinates> next;
    for (const Coordinates &place : places)
      for (int64_t i = 0; i < axis.size; ++i) {
        next.push_back(place);
        next.back().push_back(i);
      }
    places = next;
  }
}

const std::vector<Box> &World::boxes(const Placement &placement) {
  auto [entry, added] = knownBoxes.try_emplace(placement);
  if (added)
    for (const Coordinates &place : places) {
      Box &box = entry->second.emplace_back();
      for (std::size_t dim = 0; dim < extents.size(); ++dim)
        box.push_back(dealtInterval(extents[dim], placement.dims[dim], mesh, place));
    }
  return entry->second;
}

const std::vector<std::vector<int>> &World::groups(const std::vector<int> &axes) {
  auto [entry, added] = knownGroups.try_emplace(axes);
  if (added)
    for (const Coordinates &place : places) {
      std::vector<int> &group = entry->second.emplace_back();
      for (std::size_t other = 0; other < places.size(); ++other) {
        bool same = true;
        for (std::size_t axis = 0; axis < mesh.axes.size(); ++axis)
          same &=
              place[axis] == places[other][axis] || std::count(axes.begin(), axes.end(), static_cast<int>(axis)) != 0;
        if (same)
          group.push_back(static_cast<int>(other));
      }
    }
  return entry->second;
}

std::vector<int64_t> World::flatIndices(const Box &box) const {
  std::vector<int64_t> indices{0};
  for (std::size_t dim = 0; dim < box.size(); ++dim) {
    std::vector<int64_t> next;
    for (int64_t index : indices)
      for (int64_t i = box[dim].begin; i < box[dim].end; ++i)
        next.push_back(index * extents[dim] + i);
    indices = std::move(next);
  }
  return indices;
}

const std::vector<std::vector<int64_t>> &World::elements(const Placement &placement) {
  auto [entry, added] = knownElements.try_emplace(placement);
  if (added)
    for (const Box &box : boxes(placement))
      entry->second.push_back(flatIndices(box));
  return entry->second;
}

int64_t World::valueAt(int64_t flat) const {
  bool logical = kind == PartialKind::logicalAnd || kind == PartialKind::logicalOr;
  return logical ? static_cast<int64_t>(mix(flat) & 1) : 7 * flat + 3;
}

int64_t World::combine(int64_t left, int64_t right) const {
  switch (kind) {
  case PartialKind::sum:
    return left + right;
  case PartialKind::max:
    return std::max(left, right);
  case PartialKind::min:
    return std::min(left, right);
  case PartialKind::logicalAnd:
    return left & right;
  case PartialKind::logicalOr:
    return left | right;
  }
  return 0;
}

int64_t World::identity() const {
  switch (kind) {
  case PartialKind::max:
    return std::numeric_limits<int64_t>::min();
  case PartialKind::min:
    return std::numeric_limits<int64_t>::max();
  case PartialKind::logicalAnd:
    return 1;
  case PartialKind::sum:
  case PartialKind::logicalOr:
    break;
  }
  return 0;
}

std::vector<int64_t> World::contributions(int64_t flat, int64_t count, uint64_t seed) const {
  uint64_t state = mix(seed * 1000003 + flat);
  std::vector<int64_t> result(count);
  int64_t special = static_cast<int64_t>(state % count), value = valueAt(flat);
  for (int64_t &contribution : result) {
    state = mix(state);
    int64_t chance = static_cast<int64_t>(state % 2001);
    switch (kind) {
    case PartialKind::sum:
      contribution = chance - 1000;
      break;
    case PartialKind::max:
      contribution = value - chance;
      break;
    case PartialKind::min:
      contribution = value + chance;
      break;
    case PartialKind::logicalAnd:
      contribution = value | (chance & 1);
      break;
    case PartialKind::logicalOr:
      contribution = value & (chance & 1);
      break;
    }
  }
  result[special] = value;
  if (kind == PartialKind::sum)
    result[special] -= std::accumulate(result.begin(), result.end(), int64_t(0)) - value;
  return result;
}

State World::place(const Placement &placement, uint64_t seed) {
  State state(places.size());
  std::vector<int> axes;
  for (const auto &[axis, kind] : placement.partial)
    axes.push_back(axis);
  const std::vector<std::vector<int>> &members = groups(axes);
  for (std::size_t place = 0; place < places.size(); ++place) {
    // Members of a group are listed in the same order for each of them.
    const std::vector<int> &group = members[place];
    std::size_t position = std::find(group.begin(), group.end(), static_cast<int>(place)) - group.begin();
    for (int64_t flat : elements(placement)[place])
      state[place].push_back(contributions(flat, static_cast<int64_t>(group.size()), seed)[position]);
  }
  return state;
}

bool World::holds(const State &state, const Placement &placement) {
  std::vector<int> axes;
  for (const auto &[axis, kind] : placement.partial)
    axes.push_back(axis);
  const std::vector<std::vector<int>> &members = groups(axes);
  for (std::size_t place = 0; place < places.size(); ++place) {
    std::vector<int64_t> indices = elements(placement)[place];
    for (int member : members[place])
      if (state[member].size() != indices.size())
        return false;
    for (std::size_t i = 0; i < indices.size(); ++i) {
      int64_t whole = identity();
      for (int member : members[place])
        whole = combine(whole, state[member][i]);
      if (whole != valueAt(indices[i]))
        return false;
    }
  }
  return true;
}

/// The axes whose coordinates vary between the places a step reads from.
static std::vector<int> readAxes(const Step &step, const Mesh &mesh) {
  if (isLocal(step.kind))
    return {};
  if (step.kind != StepKind::exchange)
    return step.axes;
  std::vector<int> space;
  for (std::size_t axis = 0; axis < mesh.axes.size(); ++axis)
    if (mesh.axes[axis].kind == AxisKind::space)
      space.push_back(static_cast<int>(axis));
  return space;
}

State World::apply(const Step &step, const Placement &from, const Placement &to, const State &state,
                   std::string &error) {
  State result(places.size());
  const std::vector<std::vector<int>> &members = groups(readAxes(step, mesh));
  bool reduces = step.kind == StepKind::allReduce || step.kind == StepKind::reduceScatter;
  const std::vector<std::vector<int64_t>> &held = elements(from);
  for (std::size_t place = 0; place < places.size(); ++place) {
    bool first = true;
    for (int axis : step.axes)
      first &= places[place][axis] == 0;
    for (int64_t flat : elements(to)[place]) {
      int64_t value = identity();
      std::size_t found = 0;
      for (int member : members[place]) {
        // Indices of a box are ascending.
        auto position = std::lower_bound(held[member].begin(), held[member].end(), flat);
        if (position == held[member].end() || *position != flat)
          continue;
        int64_t read = state[member][position - held[member].begin()];
        if (step.kind == StepKind::exchange && found && read != value)
          error = "owners of one element differ";
        value = reduces ? combine(value, read) : read;
        ++found;
      }
      bool enough = reduces                           ? found == members[place].size()
                    : step.kind == StepKind::exchange ? found >= 1
                                                      : found == 1;
      if (!enough)
        error = toString(step.kind) + ": " + std::to_string(found) + " owners of element " + std::to_string(flat);
      result[place].push_back(step.kind == StepKind::partialize && !first ? identity() : value);
    }
  }
  return result;
}

/// One step on data; `next` is the state after it.
static std::string runStep(World &world, const Placement &from, const Placement &to, const State &state, State &next) {
  Shape shape(world.extents.begin(), world.extents.end());
  std::string where = toString(from, world.mesh) + " -> " + toString(to, world.mesh);
  std::optional<Step> step = classifyStep(shape, world.mesh, from, to);
  if (!step)
    return "no step " + where;
  std::string error;
  next = world.apply(*step, from, to, state, error);
  if (error.empty() && !world.holds(next, to))
    error = toString(step->kind) + ": wrong data";
  if (!error.empty())
    error.append(", ").append(where);
  return error;
}

std::string simulate(World &world, const std::vector<Placement> &path, uint64_t seed) {
  if (path.empty())
    return "empty path";
  // The state on the way; none stands for the one that a placement without partial axes determines.
  std::optional<State> state;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    const Placement &from = path[i], &to = path[i + 1];
    bool starts = i == 0 && !from.partial.empty();
    if (starts && world.lastStart != std::pair{from, seed}) {
      world.lastStart = {from, seed};
      world.startState = world.place(from, seed);
      world.afterStart.clear();
    }
    if (!starts && !state && to.partial.empty() && world.proven.count({from, to}))
      continue;
    State next;
    if (auto known = world.afterStart.find(to); starts && known != world.afterStart.end()) {
      next = known->second;
    } else {
      State placed = starts ? world.startState : state ? std::move(*state) : world.place(from, seed);
      if (std::string error = runStep(world, from, to, placed, next); !error.empty())
        return error;
      if (starts)
        world.afterStart.emplace(to, next);
      else if (from.partial.empty())
        world.proven.insert({from, to});
    }
    state.reset();
    if (!to.partial.empty())
      state = std::move(next);
  }
  return "";
}

std::vector<Placement> enumeratePlacements(std::size_t rank, const std::vector<Split> &cuts,
                                           const std::vector<std::pair<int, PartialKind>> &partials) {
  std::set<Placement> all{replicated(rank)};
  std::vector<Placement> queue{replicated(rank)};
  auto add = [&](Placement placement) {
    if (all.insert(placement).second)
      queue.push_back(std::move(placement));
  };
  for (std::size_t i = 0; i < queue.size(); ++i) {
    Placement current = queue[i]; // A copy: adding moves the queue.
    std::set<int> used;
    for (const auto &[axis, kind] : current.partial)
      used.insert(axis);
    for (const DimSplit &splits : current.dims)
      for (const Split &split : splits)
        used.insert(split.axis);
    for (const Split &cut : cuts)
      for (std::size_t dim = 0; dim < rank && !used.count(cut.axis); ++dim) {
        Placement next = current;
        next.dims[dim].push_back(cut);
        add(next);
      }
    for (const auto &[axis, kind] : partials)
      if (!used.count(axis) && (current.partial.empty() || current.partial.begin()->second == kind)) {
        Placement next = current;
        next.partial.emplace(axis, kind);
        add(next);
      }
  }
  return {all.begin(), all.end()};
}

std::vector<Split> cutsOf(const Mesh &mesh, const std::vector<int64_t> &units) {
  std::vector<Split> cuts;
  for (std::size_t axis = 0; axis < mesh.axes.size(); ++axis)
    for (int64_t unit : units)
      cuts.push_back({static_cast<int>(axis), unit});
  return cuts;
}

std::vector<std::pair<int, PartialKind>> partialsOf(const Mesh &mesh, PartialKind kind) {
  std::vector<std::pair<int, PartialKind>> partials;
  for (std::size_t axis = 0; axis < mesh.axes.size(); ++axis)
    partials.push_back({static_cast<int>(axis), kind});
  return partials;
}

Mesh meshOf(const std::vector<int64_t> &sizes) {
  std::vector<Axis> axes;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    axes.push_back({std::string(1, static_cast<char>('a' + i)), sizes[i], AxisKind::space});
  return makeMesh(axes);
}

} // namespace partita::placement::oracle
