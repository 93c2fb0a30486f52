// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Ways.cpp - Alternatives for a step and what is below it ---------------------===//
#include "Ways.h"

#include "Dominance.h"

#include "llvm/ADT/STLExtras.h"

namespace partita::planner {

SearchTables::SearchTables(const Sequence &sequence, SearchSpace &space, Objective objective,
                           const SearchLimits &limits)
    : sequence(sequence), space(space), objective(objective), limits(limits), demands(sequence.values.size()) {
  // Options are found in the order of the ops, also of those that are decided later.
  for (const Step &step : sequence.steps)
    if (step.kind == StepKind::compute)
      space.options[step.stage]->find(step.op);
  findDemands();
}

/// Readers last, so that what is read through is known.
void SearchTables::findDemands() {
  std::vector<bool> hasOthers(sequence.values.size());
  std::set<std::tuple<int, int, size_t>> seen;
  for (const Step &step : llvm::reverse(sequence.steps))
    for (auto [operand, value] : llvm::enumerate(step.operands)) {
      if (step.kind != StepKind::compute)
        hasOthers[value] = true;
      else if (seen.insert({value, sequence.representatives[step.op], operand}).second)
        addDemands(step, operand, demands[value]);
    }
  for (size_t value = 0; value < demands.size(); ++value)
    if (hasOthers[value])
      demands[value].clear();
}

/// What is only moved, and read once, is read as its result is.
void SearchTables::addDemands(const Step &reader, size_t operand, std::vector<Demand> &list) {
  const std::vector<OpOption> &options = space.options[reader.stage]->find(reader.op);
  auto add = [&](const std::map<PlacementId, Picoseconds> &places) {
    Demand demand(places.begin(), places.end());
    if (!llvm::is_contained(list, demand))
      list.push_back(std::move(demand));
  };
  bool isMoved = space.problem.ops[reader.op].work == WorkKind::movement && reader.operands.size() == 1 &&
                 reader.results.size() == 1 && sequence.readCount[reader.results[0]] == 1 &&
                 !demands[reader.results[0]].empty();
  if (!isMoved) {
    for (const OpOption &option : options)
      if (option.operands[operand] >= 0)
        add({{option.operands[operand], 0}});
    return;
  }
  PlacementSpace &results = space.spaceOf(sequence.values[reader.results[0]]);
  for (const Demand &demand : demands[reader.results[0]]) {
    std::map<PlacementId, Picoseconds> places;
    for (const OpOption &option : options)
      for (auto [wanted, extra] : demand)
        if (Picoseconds price = results.move(option.results[0], wanted).price; price < kNever) {
          auto [entry, isNew] = places.try_emplace(option.operands[0], kNever);
          entry->second = std::min(entry->second, option.compute + price + extra);
        }
    add(places);
  }
}

TrackedValue SearchTables::track(int value) {
  const ValueInfo &info = space.problem.values[sequence.values[value].value];
  return {&space.spaceOf(sequence.values[value]), info.kind == ValueKind::made,
          demands[value].empty() ? nullptr : &demands[value]};
}

Picoseconds SearchTables::priceToReadInstead(const TrackedValue &value, PlacementId owned, PlacementId other) {
  auto [entry, isNew] = insteadOf.try_emplace({value.demands, owned, other}, -kNever);
  if (!isNew)
    return entry->second;
  auto priceOf = [&](PlacementId source, const Demand &demand) {
    Picoseconds cheapest = kNever;
    for (auto [wanted, extra] : demand)
      cheapest = std::min(cheapest, value.space->move(source, wanted).price + extra);
    return cheapest;
  };
  for (const Demand &demand : *value.demands)
    if (Picoseconds price = priceOf(other, demand); price < kNever)
      entry->second = std::max(entry->second, priceOf(owned, demand) - price);
  return entry->second;
}

bool WaySet::dominates(const Way &a, const Way &b) const {
  if (tables.objective != Objective::frontier)
    return std::make_tuple(costOf(a), a.time, a.storage) <= std::make_tuple(costOf(b), b.time, b.storage);
  bool isSmaller = !tables.countsPeak() || (a.peak <= b.peak && a.held + a.transient <= b.held + b.transient);
  return a.time <= b.time && a.storage <= b.storage && isSmaller;
}

/// On a narrow frontier a rival must be no larger, or so much cheaper that nothing wanted follows.
bool WaySet::isBeaten(const Way &way, const Way &rival) {
  Picoseconds allowance = costOf(way) - costOf(rival);
  if (tables.isNarrow()) {
    allowance -= tables.limits.slack + 1;
    if (rival.storage <= way.storage)
      allowance = std::max(allowance, way.time - rival.time);
  }
  if (rival.results != way.results) {
    if (!result)
      return false;
    allowance -= tables.priceToReadInstead(*result, rival.results[0], way.results[0]);
  }
  return canAfford(tables.copies, values, rival.copies, way.copies, allowance);
}

void WaySet::add(const Way &way) {
  ++tables.work;
  if (!tables.countsPeak() && !ways.empty() && isBeaten(way, ways[champion]))
    return;
  Context key = way.copies;
  key.append(way.results.begin(), way.results.end());
  llvm::SmallVector<size_t, 1> &alike = numbers[key];
  if (llvm::any_of(alike, [&](size_t other) { return dominates(ways[other], way); }))
    return;
  // Takes the place of the first that it beats; a frontier may keep others that it beats, they do no harm.
  auto *worse = llvm::find_if(alike, [&](size_t other) { return dominates(way, ways[other]); });
  size_t number = worse == alike.end() ? ways.size() : *worse;
  if (worse == alike.end()) {
    alike.push_back(number);
    ways.push_back(way);
  } else {
    ways[number] = way;
  }
  if (costOf(way) < costOf(ways[champion]))
    champion = number;
}

void WaySet::dropDominated() {
  dropBeaten(ways, std::max<size_t>(1, values.size()),
             [&](const Way &way, const Way &rival) { return isBeaten(way, rival); });
}

std::vector<Way> WaySet::take() {
  llvm::sort(ways, [&](const Way &a, const Way &b) {
    auto rank = [&](const Way &way) { return std::make_tuple(costOf(way), way.time, way.storage, way.peak); };
    return rank(a) != rank(b) ? rank(a) < rank(b)
                              : std::tie(a.copies, a.results, a.option) < std::tie(b.copies, b.results, b.option);
  });
  if (!tables.countsPeak())
    dropDominated();
  if (static_cast<int64_t>(ways.size()) > tables.limits.mostStates) {
    tables.exact = false;
    ways.resize(tables.limits.mostStates);
  }
  return std::move(ways);
}

} // namespace partita::planner
