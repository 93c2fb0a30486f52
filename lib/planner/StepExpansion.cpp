// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- StepExpansion.cpp - All ways to take one step -------------------------------===//
#include "StepExpansion.h"

#include "llvm/ADT/STLExtras.h"

namespace partita::planner {

StepExpansion::StepExpansion(const Sequence &sequence, size_t number, SearchSpace &space, Objective objective,
                             LayerBuilder &builder)
    : sequence(sequence), step(sequence.steps[number]), space(space), objective(objective), builder(builder) {
  if (step.kind == StepKind::compute)
    options = &space.options[step.stage]->find(step.op);
  if (number > 0)
    working = sequence.liveAfter[number - 1];
  for (int value : step.operands)
    if (sequence.madeAt[value] == static_cast<int>(number) && llvm::is_contained(sequence.liveAfter[number], value) &&
        !llvm::is_contained(working, value))
      working.push_back(value);
  for (auto [slot, value] : llvm::enumerate(working))
    slotOf[value] = slot;
  auto note = [&](int value) {
    if (!space.problem.values[sequence.values[value].value].isScalar)
      spaces[value] = &space.spaceOf(sequence.values[value]);
  };
  for (const std::vector<int> &list : {working, step.operands, step.results})
    for (int value : list)
      note(value);
  for (int value : sequence.liveAfter[number]) {
    auto result = llvm::find(step.results, value);
    survivors.push_back(result == step.results.end() ? static_cast<int>(slotOf.at(value))
                                                     : -1 - static_cast<int>(result - step.results.begin()));
  }
}

bool StepExpansion::expand(const Label &from, int fromNumber, const std::vector<Copies> &copies) {
  current = copies;
  current.resize(working.size());
  label = {from.time, from.storage, from.peak, fromNumber, -1, {}};
  transient = 0;
  if (step.kind == StepKind::transfer)
    expandTransfer();
  else if (step.kind == StepKind::settle)
    expandSettle();
  else
    for (auto [index, option] : llvm::enumerate(*options)) {
      label.option = index;
      label.time = from.time + option.compute;
      transient = option.scratch;
      expandCompute(option, 0);
    }
  return step.kind != StepKind::compute || !options->empty();
}

template <typename Next> void StepExpansion::withSource(PlacementId source, Picoseconds price, Next next) {
  label.sources.push_back(source);
  label.time += price;
  next();
  label.time -= price;
  label.sources.pop_back();
}

void StepExpansion::expandCompute(const OpOption &option, size_t operand) {
  if (operand == step.operands.size())
    return emit(option.results);
  int value = step.operands[operand];
  const ValueInfo &info = space.problem.values[sequence.values[value].value];
  if (info.isScalar)
    withSource(-1, 0, [&] { expandCompute(option, operand + 1); });
  else if (info.kind != ValueKind::made)
    readArgument(option, operand);
  else
    readMade(option, operand);
}

void StepExpansion::readMade(const OpOption &option, size_t operand) {
  int value = step.operands[operand];
  size_t slot = slotOf.at(value);
  PlacementId wanted = option.operands[operand];
  auto next = [&] { expandCompute(option, operand + 1); };
  if (llvm::is_contained(current[slot], wanted))
    return withSource(wanted, 0, next);
  Copies before = current[slot];
  for (PlacementId source : before) {
    const Move &move = spaceOf(value).move(source, wanted);
    if (move.price >= kNever)
      continue;
    for (PlacementId copy : move.path)
      insertCopy(current[slot], copy);
    withSource(source, move.price, next);
    current[slot] = before;
  }
}

/// An argument is kept as it is read; a parameter may also be kept smaller and put together for each use.
void StepExpansion::readArgument(const OpOption &option, size_t operand) {
  int value = step.operands[operand];
  PlacementSpace &values = spaceOf(value);
  PlacementId wanted = option.operands[operand], kept = values.withoutPartial(wanted);
  auto next = [&] { expandCompute(option, operand + 1); };
  auto take = [&](PlacementId source, int64_t storage) {
    Picoseconds price = source == wanted ? 0 : values.move(source, wanted).price;
    if (price >= kNever)
      return;
    int64_t gathered = source == wanted ? 0 : values.bytes(wanted);
    label.storage += storage;
    transient += gathered;
    withSource(source, price, next);
    transient -= gathered;
    label.storage -= storage;
  };
  if (auto slot = slotOf.find(value); slot != slotOf.end()) {
    Copies before = current[slot->second];
    bool isNew = insertCopy(current[slot->second], kept);
    take(kept, isNew ? values.storedBytes(kept) : 0);
    current[slot->second] = before;
    return;
  }
  take(kept, values.storedBytes(kept));
  const ValueInfo &info = space.problem.values[sequence.values[value].value];
  if (!countsMemory() || info.kind != ValueKind::parameter)
    return;
  std::set<PlacementId> smaller;
  for (const OpOption &other : *options)
    smaller.insert(values.withoutPartial(other.operands[operand]));
  for (PlacementId source : smaller)
    if (values.storedBytes(source) < values.storedBytes(kept))
      take(source, values.storedBytes(source));
}

/// Whole placements that a value may be sent or handed out in.
std::vector<PlacementId> StepExpansion::findTargets(int value, PlacementSpace &values) {
  std::set<PlacementId> targets;
  for (PlacementId copy : current[slotOf.at(value)])
    targets.insert(values.withoutPartial(copy));
  if (step.kind == StepKind::transfer)
    for (const auto &[position, other] : llvm::enumerate(sequence.steps))
      if (other.kind == StepKind::compute && llvm::is_contained(other.results, value))
        for (const OpOption &option : space.options[step.stage]->find(other.op))
          for (auto [result, id] : llvm::zip(other.results, option.results))
            if (result == value)
              targets.insert(values.withoutPartial(id));
  return {targets.begin(), targets.end()};
}

void StepExpansion::expandTransfer() {
  int value = step.operands[0], received = step.results[0];
  PlacementSpace &values = spaceOf(value);
  size_t slot = slotOf.at(value);
  Copies before = current[slot];
  for (PlacementId target : findTargets(value, values)) {
    Picoseconds sending = space.priceTransfer(sequence.values[value], sequence.values[received].stage, target);
    PlacementId arrived = spaceOf(received).intern(values.at(target));
    label.option = target;
    for (PlacementId source : before) {
      const Move &move = values.move(source, target);
      if (move.price >= kNever)
        continue;
      for (PlacementId copy : move.path)
        insertCopy(current[slot], copy);
      withSource(source, move.price + sending, [&] { emit({arrived}); });
      current[slot] = before;
    }
  }
}

/// A value leaves in the placement that costs least; of equal ones the smallest.
void StepExpansion::expandSettle() {
  int value = step.operands[0];
  if (!slotOf.count(value))
    return settleArgument(value);
  PlacementSpace &values = spaceOf(value);
  auto rank = [&](PlacementId source, PlacementId target) {
    return std::make_tuple(values.move(source, target).price, values.storedBytes(target), target, source);
  };
  std::optional<std::tuple<Picoseconds, int64_t, PlacementId, PlacementId>> best;
  for (PlacementId target : findTargets(value, values))
    for (PlacementId source : current[slotOf[value]])
      if (!best || rank(source, target) < *best)
        best = rank(source, target);
  if (!best || std::get<0>(*best) >= kNever)
    return;
  auto [price, bytes, target, source] = *best;
  label.option = target;
  label.storage += bytes;
  withSource(source, price, [&] { emit({}); });
}

/// An argument that is handed out as it came.
void StepExpansion::settleArgument(int value) {
  PlacementSpace &values = spaceOf(value);
  size_t rank = space.problem.values[sequence.values[value].value].shape.size();
  PlacementId whole = values.intern(placement::replicated(rank));
  label.option = whole;
  label.storage += values.storedBytes(whole);
  withSource(whole, 0, [&] { emit({}); });
}

void StepExpansion::emit(llvm::ArrayRef<PlacementId> results) {
  StateKey key;
  for (int survivor : survivors)
    appendCopies(key, survivor >= 0 ? current[survivor] : Copies{results[-1 - survivor]});
  Label next = label;
  if (countsMemory()) {
    int64_t bytes = transient;
    for (auto [slot, copies] : llvm::enumerate(current))
      if (space.problem.values[sequence.values[working[slot]].value].kind == ValueKind::made)
        for (PlacementId copy : copies)
          bytes += spaces.at(working[slot])->bytes(copy);
    for (auto [position, result] : llvm::enumerate(results))
      if (result >= 0)
        bytes += spaceOf(step.results[position]).bytes(result);
    next.peak = std::max(next.peak, bytes);
  }
  builder.add(key, std::move(next));
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
