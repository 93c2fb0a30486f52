// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- StepExpansion.cpp - All ways to take one root step --------------------------===//
#include "StepExpansion.h"

#include "llvm/ADT/STLExtras.h"

namespace partita::planner {

StepExpansion::StepExpansion(SearchTables &tables, size_t root)
    : tables(tables), step(tables.sequence.steps[tables.sequence.roots[root]]) {
  findWorking(root);
  if (step.kind == StepKind::compute) {
    for (int inner : listTree(tables.sequence, tables.sequence.roots[root]))
      addNode(inner);
    markLastReaders();
  }
  for (int value : tables.sequence.liveAfter[root]) {
    auto result = llvm::find(step.results, value);
    survivors.push_back(result == step.results.end() ? static_cast<int>(slotOf.at(value))
                                                     : -1 - static_cast<int>(result - step.results.begin()));
    after.push_back(tables.track(value));
  }
}

void StepExpansion::findWorking(size_t root) {
  const Sequence &sequence = tables.sequence;
  if (root > 0)
    working = sequence.liveAfter[root - 1];
  // Arguments that are listed from here on, or that are read here more than once.
  for (int inner : listTree(sequence, sequence.roots[root]))
    for (int value : sequence.steps[inner].operands)
      if (!infoOf(value).isScalar && infoOf(value).kind != ValueKind::made && sequence.tracksArguments &&
          sequence.readCount[value] > 1 && step.kind == StepKind::compute && !llvm::is_contained(working, value))
        working.push_back(value);
  for (auto [slot, value] : llvm::enumerate(working)) {
    slotOf[value] = slot;
    workingValues.push_back(tables.track(value));
  }
}

void StepExpansion::addNode(int number) {
  Node node;
  node.step = number;
  node.options = &tables.space.options[step.stage]->find(tables.sequence.steps[number].op);
  const Step &own = stepOf(node);
  for (int maker : tables.sequence.makers[number])
    node.makers.push_back(
        maker < 0 ? -1 : llvm::find_if(nodes, [&](const Node &other) { return other.step == maker; }) - nodes.begin());
  for (bool inner : {true, false})
    for (size_t operand = 0; operand < own.operands.size(); ++operand)
      if ((node.makers[operand] >= 0) == inner)
        node.order.push_back(operand);
  if (own.results.size() == 1 && !infoOf(own.results[0]).isScalar)
    node.result = tables.track(own.results[0]);
  findSlots(node);
  nodes.push_back(std::move(node));
}

void StepExpansion::findSlots(Node &node) {
  std::set<size_t> slots;
  for (auto [operand, value] : llvm::enumerate(stepOf(node).operands)) {
    if (node.makers[operand] >= 0)
      slots.insert(nodes[node.makers[operand]].slots.begin(), nodes[node.makers[operand]].slots.end());
    else if (auto slot = slotOf.find(value); slot != slotOf.end())
      slots.insert(slot->second);
  }
  node.slots.assign(slots.begin(), slots.end());
  node.isLast.assign(slots.size(), false);
  for (size_t slot : slots)
    node.values.push_back(workingValues[slot]);
}

/// Copies that nobody reads any more make no difference: they are forgotten at once.
void StepExpansion::markLastReaders() {
  std::set<size_t> seen;
  for (int value :
       tables.sequence
           .liveAfter[llvm::lower_bound(tables.sequence.roots, nodes.back().step) - tables.sequence.roots.begin()])
    if (auto slot = slotOf.find(value); slot != slotOf.end())
      seen.insert(slot->second);
  for (Node &node : llvm::reverse(nodes))
    for (auto [operand, value] : llvm::enumerate(stepOf(node).operands))
      if (auto slot = slotOf.find(value); node.makers[operand] < 0 && slot != slotOf.end())
        if (seen.insert(slot->second).second)
          node.isLast[llvm::find(node.slots, slot->second) - node.slots.begin()] = true;
}

bool StepExpansion::hasOptions(int &stuckOp) const {
  for (const Node &node : nodes)
    if (node.options->empty()) {
      stuckOp = stepOf(node).op;
      return false;
    }
  return true;
}

static Context project(const Context &copies, llvm::ArrayRef<size_t> slots) {
  Context projected;
  for (size_t slot : slots)
    projected.push_back(copies[slot]);
  return projected;
}

const std::vector<Way> &StepExpansion::findWays(size_t number, const Context &copies) {
  Node &node = nodes[number];
  auto [entry, isNew] = node.found.try_emplace(copies);
  std::vector<Way> &ways = entry->second;
  if (!isNew)
    return ways;
  bool isRoot = number + 1 == nodes.size();
  WaySet found(tables, node.values, isRoot ? nullptr : &node.result);
  for (size_t option = 0; option < node.options->size() && !tables.isTooMuch(); ++option)
    decide(node, option, copies, found);
  ways = found.take();
  recordTrails(ways, node.step);
  return ways;
}

void StepExpansion::decide(Node &node, int number, const Context &copies, WaySet &found) {
  const OpOption &option = (*node.options)[number];
  Way start;
  start.copies = copies;
  start.option = number;
  start.time = option.compute;
  start.transient = option.scratch;
  start.sources.assign(node.order.size(), -1);
  std::vector<Way> ways{start};
  for (size_t operand : node.order) {
    WaySet next(tables, node.values, nullptr);
    for (const Way &way : ways)
      extend(node, option, operand, way, next);
    ways = next.take();
  }
  for (Way &way : ways)
    finish(node, option, std::move(way), found);
}

void StepExpansion::extend(Node &node, const OpOption &option, size_t operand, const Way &way, WaySet &next) {
  int value = stepOf(node).operands[operand];
  PlacementId wanted = option.operands[operand];
  if (node.makers[operand] >= 0)
    readInner(node, wanted, operand, way, next);
  else if (infoOf(value).isScalar)
    next.add(way);
  else if (infoOf(value).kind == ValueKind::made)
    readMade(node, wanted, operand, way, next);
  else
    readArgument(node, wanted, operand, way, next);
}

/// Bytes of the copies that a node has at hand, those of `except` (one of its makers) left out.
int64_t StepExpansion::bytesOf(const Node &node, const Context &copies, const Node *except) const {
  int64_t bytes = 0;
  for (auto [position, slot] : llvm::enumerate(node.slots))
    if (node.values[position].isMade && (!except || !llvm::is_contained(except->slots, slot)))
      bytes += tables.copies.bytes(*node.values[position].space, copies[position]);
  return bytes;
}

/// The best ways to have an inner result in the placement that its reader wants.
const std::vector<Way> &StepExpansion::findArrivals(size_t number, const Context &copies, PlacementId wanted) {
  Context key = copies;
  key.push_back(wanted);
  Node &node = nodes[number];
  if (auto known = node.arrivals.find(key); known != node.arrivals.end())
    return known->second;
  WaySet found(tables, node.values, nullptr);
  for (const Way &way : findWays(number, copies)) {
    const Move &move = node.result.space->move(way.results[0], wanted);
    if (move.price >= kNever)
      continue;
    Way arrived = way;
    arrived.time += move.price;
    arrived.held = node.result.space->bytes(way.results[0]);
    arrived.transient = 0;
    for (PlacementId copy : move.path)
      arrived.transient += node.result.space->bytes(copy);
    arrived.sources = {way.results[0]};
    arrived.results.clear();
    found.add(arrived);
  }
  return node.arrivals[key] = found.take();
}

void StepExpansion::readInner(Node &node, PlacementId wanted, size_t operand, const Way &way, WaySet &next) {
  const Node &maker = nodes[node.makers[operand]];
  llvm::SmallVector<size_t, 6> positions;
  for (size_t slot : maker.slots)
    positions.push_back(llvm::lower_bound(node.slots, slot) - node.slots.begin());
  int64_t others = tables.countsPeak() ? bytesOf(node, way.copies, &maker) + way.held : 0;
  for (const Way &arrival : findArrivals(node.makers[operand], project(way.copies, positions), wanted)) {
    Way read = way;
    for (auto [position, copies] : llvm::zip(positions, arrival.copies))
      read.copies[position] = copies;
    read.time += arrival.time;
    read.storage += arrival.storage;
    read.peak = std::max(read.peak, arrival.peak + others);
    read.held += arrival.held;
    read.transient += arrival.transient;
    read.sources[operand] = arrival.sources[0];
    read.below.push_back(arrival.trail);
    next.add(read);
  }
}

void StepExpansion::readMade(Node &node, PlacementId wanted, size_t operand, const Way &way, WaySet &next) {
  int value = stepOf(node).operands[operand];
  size_t position = llvm::lower_bound(node.slots, slotOf.at(value)) - node.slots.begin();
  PlacementSpace &space = spaceOf(value);
  const Copies &copies = tables.copies.at(way.copies[position]);
  bool isThere = llvm::is_contained(copies, wanted);
  for (PlacementId source : copies) {
    if (isThere && source != wanted)
      continue;
    const Move &move = space.move(source, wanted);
    if (move.price >= kNever)
      continue;
    Way read = way;
    read.time += move.price;
    read.sources[operand] = source;
    for (PlacementId copy : move.path)
      read.copies[position] = tables.copies.insert(read.copies[position], copy);
    next.add(read);
  }
}

/// An argument is kept as it is read; a parameter may also be kept smaller and put together for each use.
std::vector<StepExpansion::Kept> StepExpansion::listKept(const Node &node, PlacementId wanted, size_t operand) {
  int value = stepOf(node).operands[operand];
  PlacementSpace &space = spaceOf(value);
  PlacementId whole = space.withoutPartial(wanted);
  std::set<PlacementId> sources{whole};
  if (tables.countsMemory() && infoOf(value).kind == ValueKind::parameter)
    for (const OpOption &other : *node.options)
      if (PlacementId source = space.withoutPartial(other.operands[operand]);
          space.storedBytes(source) < space.storedBytes(whole))
        sources.insert(source);
  std::vector<Kept> list;
  for (PlacementId source : sources)
    if (Picoseconds price = space.move(source, wanted).price; price < kNever)
      list.push_back({source, price, space.storedBytes(source), source == wanted ? 0 : space.bytes(wanted)});
  auto costOf = [&](const Kept &one) {
    return std::make_tuple(planner::costOf(tables.objective, tables.limits, one.time, one.storage), one.time,
                           one.storage);
  };
  if (tables.objective != Objective::frontier && list.size() > 1)
    list = {*llvm::min_element(list, [&](const Kept &a, const Kept &b) { return costOf(a) < costOf(b); })};
  return list;
}

void StepExpansion::readArgument(Node &node, PlacementId wanted, size_t operand, const Way &way, WaySet &next) {
  int value = stepOf(node).operands[operand];
  if (auto slot = slotOf.find(value); slot != slotOf.end()) {
    // Listed: it is kept once for all who read it so.
    size_t position = llvm::lower_bound(node.slots, slot->second) - node.slots.begin();
    PlacementSpace &space = spaceOf(value);
    PlacementId whole = space.withoutPartial(wanted);
    Way read = way;
    read.time += space.move(whole, wanted).price;
    read.copies[position] = tables.copies.insert(read.copies[position], whole);
    read.storage += read.copies[position] == way.copies[position] ? 0 : space.storedBytes(whole);
    read.transient += whole == wanted ? 0 : space.bytes(wanted);
    read.sources[operand] = whole;
    return next.add(read);
  }
  auto [entry, isNew] = kept.try_emplace({node.step, operand, wanted});
  if (isNew)
    entry->second = listKept(node, wanted, operand);
  for (const Kept &choice : entry->second) {
    Way read = way;
    read.time += choice.time;
    read.storage += choice.storage;
    read.transient += choice.gathered;
    read.sources[operand] = choice.source;
    next.add(read);
  }
}

void StepExpansion::finish(Node &node, const OpOption &option, Way way, WaySet &found) {
  if (tables.countsPeak()) {
    int64_t bytes = bytesOf(node, way.copies, nullptr) + way.held + way.transient;
    for (auto [result, value] : llvm::zip(option.results, stepOf(node).results))
      if (result >= 0)
        bytes += spaceOf(value).bytes(result);
    way.peak = std::max(way.peak, bytes);
  }
  way.held = way.transient = 0;
  way.results.assign(option.results.begin(), option.results.end());
  for (auto [position, isLast] : llvm::enumerate(node.isLast))
    if (isLast)
      way.copies[position] = CopyTable::none();
  found.add(way);
}

/// What is alive while a value is sent or settled.
void StepExpansion::addPeaks(std::vector<Way> &ways) {
  for (Way &way : ways) {
    for (auto [value, copies] : llvm::zip(workingValues, way.copies))
      if (value.isMade)
        way.peak += tables.copies.bytes(*value.space, copies);
    for (auto [result, value] : llvm::zip(way.results, step.results))
      way.peak += spaceOf(value).bytes(result);
  }
}

void StepExpansion::recordTrails(std::vector<Way> &ways, int number) {
  for (Way &way : ways) {
    tables.trails.push_back({number, way.option, way.sources, way.below});
    way.trail = tables.trails.size() - 1;
    way.below.clear();
  }
}

void StepExpansion::expand(const State &state, int firstNumber, LayerBuilder &builder) {
  Context copies = state.key;
  copies.resize(working.size(), CopyTable::none());
  std::vector<Way> others;
  llvm::SmallVector<size_t, 6> slots;
  if (step.kind == StepKind::compute) {
    slots.assign(nodes.back().slots.begin(), nodes.back().slots.end());
  } else {
    others = step.kind == StepKind::transfer ? findTransfers(copies) : findSettlings(copies);
    if (tables.countsPeak())
      addPeaks(others);
    recordTrails(others, &step - tables.sequence.steps.data());
    for (size_t slot = 0; slot < working.size(); ++slot)
      slots.push_back(slot);
  }
  const std::vector<Way> &ways = nodes.empty() ? others : findWays(nodes.size() - 1, project(copies, slots));
  int64_t bytes = 0;
  for (size_t slot = 0; slot < working.size(); ++slot)
    if (tables.countsPeak() && workingValues[slot].isMade && !llvm::is_contained(slots, slot))
      bytes += tables.copies.bytes(*workingValues[slot].space, copies[slot]);
  for (const Way &way : ways) {
    Context then = copies, key;
    for (auto [position, slot] : llvm::enumerate(slots))
      then[slot] = way.copies[position];
    int64_t peak = way.peak + bytes;
    for (int survivor : survivors)
      key.push_back(survivor >= 0 ? then[survivor]
                                  : tables.copies.insert(CopyTable::none(), way.results[-1 - survivor]));
    for (auto [number, label] : llvm::enumerate(state.labels))
      builder.add(key, {label.time + way.time, label.storage + way.storage, std::max(label.peak, peak),
                        firstNumber + static_cast<int>(number), way.trail});
    tables.work += state.labels.size();
  }
}

/// Placements without partial axes or halos that a value may be sent or handed out in.
std::vector<PlacementId> StepExpansion::findTargets(int value, CopiesId copies) {
  const Sequence &sequence = tables.sequence;
  PlacementSpace &values = spaceOf(value);
  auto hasHalo = [&](PlacementId id) {
    return llvm::any_of(values.at(id).dims, [](const placement::DimSplit &dim) { return dim.window.has_value(); });
  };
  std::set<PlacementId> targets;
  for (PlacementId copy : tables.copies.at(copies))
    if (!hasHalo(copy))
      targets.insert(values.withoutPartial(copy));
  if (step.kind == StepKind::transfer)
    for (const Step &other : sequence.steps)
      if (other.kind == StepKind::compute && llvm::is_contained(other.results, value))
        for (const OpOption &option : tables.space.options[step.stage]->find(other.op))
          for (auto [result, id] : llvm::zip(other.results, option.results))
            if (result == value)
              targets.insert(values.withoutPartial(id));
  return {targets.begin(), targets.end()};
}

std::vector<Way> StepExpansion::findTransfers(const Context &copies) {
  int value = step.operands[0], received = step.results[0];
  PlacementSpace &values = spaceOf(value);
  size_t slot = slotOf.at(value);
  std::vector<Way> ways;
  for (PlacementId target : findTargets(value, copies[slot])) {
    Picoseconds sending =
        tables.space.priceTransfer(tables.sequence.values[value], tables.sequence.values[received].stage, target);
    for (PlacementId source : tables.copies.at(copies[slot])) {
      const Move &move = values.move(source, target);
      if (move.price >= kNever)
        continue;
      Way way;
      way.copies = copies;
      for (PlacementId copy : move.path)
        way.copies[slot] = tables.copies.insert(way.copies[slot], copy);
      way.time = move.price + sending;
      way.option = target;
      way.sources = {source};
      way.results = {spaceOf(received).intern(values.at(target))};
      ways.push_back(std::move(way));
    }
  }
  return ways;
}

/// A value leaves in the placement that costs least; of equal ones the smallest. An argument that nobody reads, or
/// only with halos, is handed out from a whole copy of its own.
std::vector<Way> StepExpansion::findSettlings(const Context &copies) {
  int value = step.operands[0];
  PlacementSpace &values = spaceOf(value);
  Way way;
  way.copies = copies;
  auto slot = slotOf.find(value);
  std::vector<PlacementId> targets;
  if (slot != slotOf.end())
    targets = findTargets(value, copies[slot->second]);
  if (targets.empty()) {
    way.option = values.intern(placement::replicated(infoOf(value).shape.size()));
    way.sources = {static_cast<PlacementId>(way.option)};
    way.storage = values.storedBytes(way.option);
  } else {
    std::optional<std::tuple<Picoseconds, int64_t, PlacementId, PlacementId>> best;
    for (PlacementId target : targets)
      for (PlacementId source : tables.copies.at(copies[slot->second])) {
        auto rank = std::make_tuple(values.move(source, target).price, values.storedBytes(target), target, source);
        if (!best || rank < *best)
          best = rank;
      }
    if (!best || std::get<0>(*best) >= kNever)
      return {};
    way.option = std::get<2>(*best);
    way.sources = {std::get<3>(*best)};
    way.time = std::get<0>(*best);
    way.storage = std::get<1>(*best);
  }
  return {std::move(way)};
}

int64_t findLeastStorage(const Sequence &sequence, size_t number, SearchSpace &space) {
  const Step &step = sequence.steps[number];
  if (step.kind != StepKind::compute)
    return 0;
  int64_t total = 0;
  for (auto [operand, value] : llvm::enumerate(step.operands)) {
    const ValueInfo &info = space.problem.values[sequence.values[value].value];
    if (info.isScalar || info.kind == ValueKind::made || sequence.readCount[value] > 1)
      continue;
    int64_t least = std::numeric_limits<int64_t>::max();
    PlacementSpace &values = space.spaceOf(sequence.values[value]);
    for (const OpOption &option : space.options[step.stage]->find(step.op))
      least = std::min(least, values.storedBytes(values.withoutPartial(option.operands[operand])));
    total += least == std::numeric_limits<int64_t>::max() ? 0 : least;
  }
  return total;
}

} // namespace partita::planner
