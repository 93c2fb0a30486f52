// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- OracleCost.cpp - The cheapest reshard by exhaustion ----------------===//

#include "OracleCost.h"

#include <algorithm>
#include <cmath>

namespace partita::placement::oracle {

static std::set<int> axesIn(const DimSplit &splits) {
  std::set<int> axes;
  for (const Split &split : splits)
    axes.insert(split.axis);
  return axes;
}

/// The axes `large` has after `small`, if it starts with it and has more.
static std::set<int> addedAxes(const DimSplit &small, const DimSplit &large) {
  if (small.size() >= large.size() || !std::equal(small.begin(), small.end(), large.begin()))
    return {};
  return axesIn(DimSplit(large.begin() + small.size(), large.end()));
}

std::optional<Step> literalStep(const Mesh &mesh, const Placement &from, const Placement &to) {
  std::set<int> reduced, spread, lost, gained;
  int losing = -1, gaining = -1;
  for (const auto &[axis, kind] : from.partial)
    if (!to.partial.count(axis) || to.partial.at(axis) != kind)
      reduced.insert(axis);
  for (const auto &[axis, kind] : to.partial)
    if (!from.partial.count(axis) || from.partial.at(axis) != kind)
      spread.insert(axis);
  for (std::size_t dim = 0; dim < from.dims.size(); ++dim) {
    if (from.dims[dim] == to.dims[dim])
      continue;
    std::set<int> more = addedAxes(from.dims[dim], to.dims[dim]), less = addedAxes(to.dims[dim], from.dims[dim]);
    if (!more.empty() && gaining < 0) {
      gained = more;
      gaining = static_cast<int>(dim);
    } else if (!less.empty() && losing < 0) {
      lost = less;
      losing = static_cast<int>(dim);
    } else {
      return std::nullopt;
    }
  }
  std::set<int> all = reduced;
  for (const std::set<int> *more : {&spread, &lost, &gained})
    all.insert(more->begin(), more->end());
  std::set<AxisKind> kinds;
  for (int axis : all)
    kinds.insert(mesh.axes[axis].kind);
  if (kinds.size() != 1)
    return std::nullopt;
  std::vector<int> axes(all.begin(), all.end());
  int roles = !reduced.empty() * 8 + !spread.empty() * 4 + !lost.empty() * 2 + !gained.empty();
  switch (roles) {
  case 1:
    return Step{StepKind::slice, axes, gaining, -1};
  case 2:
    return Step{StepKind::allGather, axes, losing, -1};
  case 3:
    return lost == gained ? std::optional(Step{StepKind::allToAll, axes, losing, gaining}) : std::nullopt;
  case 4:
    return Step{StepKind::partialize, axes, -1, -1};
  case 8:
    return Step{StepKind::allReduce, axes, -1, -1};
  case 9:
    return reduced == gained ? std::optional(Step{StepKind::reduceScatter, axes, gaining, -1}) : std::nullopt;
  default:
    return std::nullopt;
  }
}

static int64_t volumeOf(const Box &box) {
  int64_t volume = 1;
  for (const Interval &interval : box)
    volume *= interval.length();
  return volume;
}

StepDescription describeByBoxes(World &world, const Step &step, int64_t elementBytes, const Placement &from,
                                const Placement &to) {
  int64_t source = 0, result = 0, message = 0, group = 1, busiest = 0;
  for (int axis : step.axes)
    if (world.mesh.axes[axis].kind == AxisKind::space)
      group *= world.mesh.axes[axis].size;
  const std::vector<Box> &before = world.boxes(from), &after = world.boxes(to);
  for (std::size_t place = 0; place < world.places.size(); ++place) {
    source = std::max(source, volumeOf(before[place]));
    result = std::max(result, volumeOf(after[place]));
    for (int member : world.groups(step.axes)[place]) {
      int64_t piece = 1;
      for (std::size_t dim = 0; dim < before[place].size(); ++dim)
        piece *= std::max<int64_t>(0, std::min(before[member][dim].end, after[place][dim].end) -
                                          std::max(before[member][dim].begin, after[place][dim].begin));
      message = std::max(message, piece);
    }
  }
  if (step.kind == StepKind::allGather)
    busiest = (group - 1) * source;
  if (step.kind == StepKind::reduceScatter)
    busiest = (group - 1) * result;
  if (step.kind == StepKind::allToAll)
    busiest = (group - 1) * message;
  if (step.kind == StepKind::allReduce)
    busiest = 2 * (group - 1) * static_cast<int64_t>(std::ceil(static_cast<double>(source) / group));
  if (step.kind == StepKind::exchange)
    busiest = exchangeByElements(world, from, to).value_or(0);
  return {
      step.kind, world.mesh, step.axes, group, source * elementBytes, result * elementBytes, busiest * elementBytes};
}

static bool contains(const Box &box, const std::vector<int64_t> &element) {
  for (std::size_t dim = 0; dim < box.size(); ++dim)
    if (element[dim] < box[dim].begin || element[dim] >= box[dim].end)
      return false;
  return true;
}

static std::vector<std::vector<int64_t>> elementsOf(const Box &box) {
  std::vector<std::vector<int64_t>> elements{{}};
  for (const Interval &interval : box) {
    std::vector<std::vector<int64_t>> next;
    for (const std::vector<int64_t> &element : elements)
      for (int64_t i = interval.begin; i < interval.end; ++i) {
        next.push_back(element);
        next.back().push_back(i);
      }
    elements = std::move(next);
  }
  return elements;
}

std::optional<int64_t> exchangeByElements(World &world, const Placement &from, const Placement &to) {
  std::set<int> fixed;
  std::vector<int> readable;
  for (const DimSplit &splits : from.dims)
    for (int axis : axesIn(splits))
      fixed.insert(axis);
  // The owner has the reader's coordinates on all axes that do not cut the source, and on time axes.
  for (int axis : fixed)
    if (world.mesh.axes[axis].kind == AxisKind::space)
      readable.push_back(axis);
  std::vector<int64_t> sent(world.places.size()), received(world.places.size());
  for (std::size_t place = 0; place < world.places.size(); ++place)
    for (const std::vector<int64_t> &element : elementsOf(world.boxes(to)[place])) {
      int owner = -1;
      for (int member : world.groups(readable)[place])
        if (contains(world.boxes(from)[member], element))
          owner = member;
      if (owner < 0)
        return std::nullopt;
      if (owner != static_cast<int>(place)) {
        ++sent[owner];
        ++received[place];
      }
    }
  return std::max(*std::max_element(sent.begin(), sent.end()), *std::max_element(received.begin(), received.end()));
}

namespace {

/// Compared as pairs: picoseconds, then steps.
using Cost = std::pair<int64_t, int>;
const Cost unreachable{INT64_MAX / 4, 0};

Cost operator+(const Cost &left, const Cost &right) {
  if (left == unreachable || right == unreachable)
    return unreachable;
  return {left.first + right.first, left.second + right.second};
}

} // namespace

struct ExhaustiveSearch::Space {
  /// One placement of every class of equivalent ones, by canonical form: the order of ties.
  std::vector<Placement> classes;
  std::map<Placement, int> numberOf;
  std::vector<std::vector<Cost>> steps;
  /// Whether a pair of classes is a structured step, even one that may not be taken.
  std::vector<std::vector<std::optional<Step>>> named;
  /// Of every class to a target, and costs of every class to an end; remembered.
  std::map<int, std::vector<Cost>> exchanges, rests;
};

ExhaustiveSearch::ExhaustiveSearch(World &world, int64_t elementBytes, const CommunicationPrice &price)
    : world(world), elementBytes(elementBytes), price(price) {}
ExhaustiveSearch::~ExhaustiveSearch() = default;

/// One step for every micro-batch that has a value of its own before or after.
static Cost priceOf(World &world, const Step &step, int64_t elementBytes, const CommunicationPrice &price,
                    const Placement &from, const Placement &to) {
  double seconds = price.seconds(describeByBoxes(world, step, elementBytes, from, to));
  if (std::isinf(seconds))
    return unreachable;
  std::set<int> named;
  for (const Placement *placement : {&from, &to}) {
    for (const DimSplit &splits : placement->dims)
      for (int axis : axesIn(splits))
        named.insert(axis);
    for (const auto &[axis, kind] : placement->partial)
      named.insert(axis);
  }
  int64_t executions = 1;
  for (int axis : named)
    if (world.mesh.axes[axis].kind == AxisKind::time)
      executions *= world.mesh.axes[axis].size;
  return {std::llround(seconds * 1e12) * executions, 1};
}

/// True if only coordinate 0 of the axis holds anything of the dim.
static bool concentrates(World &world, const Placement &placement, std::size_t dim, int axis) {
  const std::vector<Box> &boxes = world.boxes(placement);
  for (std::size_t place = 0; place < world.places.size(); ++place)
    if (world.places[place][axis] != 0 && boxes[place][dim].length() != 0)
      return false;
  return true;
}

ExhaustiveSearch::Space &ExhaustiveSearch::spaceFor(const Placement &from, const Placement &to) {
  std::vector<std::set<Split>> cuts(world.extents.size());
  std::set<std::pair<int, PartialKind>> partials;
  for (std::size_t dim = 0; dim < cuts.size(); ++dim) {
    for (std::size_t axis = 0; axis < world.mesh.axes.size(); ++axis)
      if (world.mesh.axes[axis].kind == AxisKind::space)
        cuts[dim].insert({static_cast<int>(axis), 1});
    for (const Placement *placement : {&from, &to})
      for (const Split &split : placement->dims[dim])
        cuts[dim].insert(
            {split.axis, concentrates(world, *placement, dim, split.axis) ? world.extents[dim] : split.unit});
  }
  for (const Placement *placement : {&from, &to})
    partials.insert(placement->partial.begin(), placement->partial.end());
  std::unique_ptr<Space> &space = spaces[{cuts, partials}];
  if (space)
    return *space;
  space = std::make_unique<Space>();

  // All placements as written, with every cut anywhere; then only those whose cuts are meant for their dim.
  std::set<Split> anywhere;
  for (const std::set<Split> &some : cuts)
    anywhere.insert(some.begin(), some.end());
  Shape shape(world.extents.begin(), world.extents.end());
  std::vector<std::pair<Placement, int>> written;
  std::set<Placement> forms;
  for (const Placement &placement :
       enumeratePlacements(cuts.size(), {anywhere.begin(), anywhere.end()}, {partials.begin(), partials.end()})) {
    bool meant = true;
    for (std::size_t dim = 0; dim < cuts.size(); ++dim)
      for (const Split &split : placement.dims[dim])
        meant &= cuts[dim].count(split) != 0;
    if (!meant)
      continue;
    written.push_back({placement, 0});
    forms.insert(canonicalize(placement, shape, world.mesh));
  }
  space->classes.assign(forms.begin(), forms.end());
  for (std::size_t i = 0; i < space->classes.size(); ++i)
    space->numberOf[space->classes[i]] = static_cast<int>(i);
  for (auto &[placement, number] : written)
    number = space->numberOf.at(canonicalize(placement, shape, world.mesh));

  std::size_t count = space->classes.size();
  space->steps.assign(count, std::vector<Cost>(count, unreachable));
  space->named.assign(count, std::vector<std::optional<Step>>(count));
  for (const auto &[source, sourceClass] : written)
    for (const auto &[target, targetClass] : written) {
      if (sourceClass == targetClass)
        continue;
      std::optional<Step> step = literalStep(world.mesh, source, target);
      std::optional<Step> &known = space->named[sourceClass][targetClass];
      if (!step || (known && known->kind <= step->kind))
        continue;
      known = step;
      space->steps[sourceClass][targetClass] = priceOf(world, *step, elementBytes, price, source, target);
    }
  return *space;
}

std::optional<Step> ExhaustiveSearch::structuredStep(const Placement &from, const Placement &to) {
  Space &space = spaceFor(from, to);
  return space.named[space.numberOf.at(from)][space.numberOf.at(to)];
}

std::optional<CheapestPath> ExhaustiveSearch::find(const Placement &from, const Placement &to) {
  Space &space = spaceFor(from, to);
  int count = static_cast<int>(space.classes.size());
  int start = space.numberOf.at(from), end = space.numberOf.at(to), base = space.numberOf.at(withoutPartial(to));
  auto [exchanges, added] = space.exchanges.try_emplace(base);
  if (added)
    for (int i = 0; i < count; ++i) {
      const Placement &source = space.classes[i], &target = space.classes[base];
      bool possible = i != base && source.partial.empty() && !space.named[i][base] &&
                      exchangeByElements(world, source, target).has_value();
      std::vector<int> axes;
      // The group of an exchange: space axes whose cut is not in the common outer cuts.
      for (std::size_t dim = 0; possible && dim < source.dims.size(); ++dim) {
        auto [left, right] = std::mismatch(source.dims[dim].begin(), source.dims[dim].end(), target.dims[dim].begin(),
                                           target.dims[dim].end());
        for (; left != source.dims[dim].end(); ++left)
          axes.push_back(left->axis);
        for (; right != target.dims[dim].end(); ++right)
          axes.push_back(right->axis);
      }
      std::set<int> group;
      for (int axis : axes)
        if (world.mesh.axes[axis].kind == AxisKind::space)
          group.insert(axis);
      Step step{StepKind::exchange, {group.begin(), group.end()}, -1, -1};
      exchanges->second.push_back(possible ? priceOf(world, step, elementBytes, price, source, target) : unreachable);
    }
  auto stepCost = [&](int i, int j) {
    return j == base ? std::min(space.steps[i][j], exchanges->second[i]) : space.steps[i][j];
  };
  // Costs to the end, by relaxing every step until nothing changes.
  auto [known, fresh] = space.rests.try_emplace(end, count, unreachable);
  std::vector<Cost> &rest = known->second;
  rest[end] = {0, 0};
  for (bool changed = fresh; changed;) {
    changed = false;
    for (int i = 0; i < count; ++i)
      for (int j = 0; j < count; ++j)
        if (Cost cost = stepCost(i, j) + rest[j]; cost < rest[i]) {
          rest[i] = cost;
          changed = true;
        }
  }
  if (rest[start] == unreachable)
    return std::nullopt;
  CheapestPath result{rest[start].first, {from}};
  for (int i = start; i != end;) {
    int next = 0;
    while (stepCost(i, next) + rest[next] != rest[i])
      ++next;
    result.path.push_back(space.classes[next]);
    i = next;
  }
  return result;
}

} // namespace partita::placement::oracle
