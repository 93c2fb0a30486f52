// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Options.cpp - The ways in which one op can run on a mesh --------------------===//
#include "Options.h"

#include "OpFigures.h"

#include "llvm/ADT/STLExtras.h"

#include <numeric>

using namespace mlir;

namespace partita::planner {

using placement::LoopAssignment;
using placement::PartialKind;

OptionTable::OptionTable(const PlanningProblem &problem, const MeshCandidate &candidate, int stage, SpaceTable &spaces)
    : problem(problem), candidate(candidate), mesh(candidate.stages[stage]), spaces(spaces),
      price(*problem.machine, *problem.cost) {
  for (auto [number, op] : llvm::enumerate(problem.ops))
    for (auto [position, result] : llvm::enumerate(op.results))
      makers[result] = {number, position};
}

const std::vector<OpOption> &OptionTable::find(int number) {
  if (!representatives.empty())
    number = representatives[number];
  auto [entry, isNew] = table.try_emplace(number);
  std::vector<OpOption> &options = entry->second;
  if (!isNew)
    return options;
  const OpInfo &op = problem.ops[number];
  // A rule is a preference: where no way keeps all of them, the op is left whole along as few axes as possible.
  unsigned numAxes = mesh.axes.size();
  for (unsigned numWhole = 0; options.empty() && numWhole <= numAxes; ++numWhole)
    for (unsigned whole = 0; whole < 1u << numAxes; ++whole)
      if (static_cast<unsigned>(llvm::popcount(whole)) == numWhole)
        addCombinations(op, whole, options);
  dropDuplicates(options);
  numOptions += options.size();
  for (const OpOption &option : options)
    for (auto [position, result] : llvm::enumerate(op.results))
      if (option.results[position] >= 0) {
        const ValueInfo &value = problem.values[result];
        for (auto [axis, kind] : spaces.find(value.shape, value.elementBytes).at(option.results[position]).partial)
          kinds[result].insert(kind);
      }
  return options;
}

const std::set<PartialKind> &OptionTable::kindsOf(int value) {
  if (auto made = makers.find(value); made != makers.end() && !representatives.empty())
    value = problem.ops[representatives[made->second.first]].results[made->second.second];
  return kinds[value];
}

/// All combinations of the uses of each axis; the axes in `whole`, a set of bits, are given to nothing.
void OptionTable::addCombinations(const OpInfo &op, unsigned whole, std::vector<OpOption> &options) {
  std::vector<std::vector<Use>> choices;
  for (size_t axis = 0; axis < mesh.axes.size(); ++axis)
    choices.push_back(whole >> axis & 1 ? std::vector<Use>{Use()} : findUses(op, axis));
  // Counts through them, the last axis fastest.
  std::vector<size_t> at(choices.size(), 0);
  for (bool more = true; more;) {
    std::vector<Use> uses;
    for (size_t axis = 0; axis < choices.size(); ++axis)
      uses.push_back(choices[axis][at[axis]]);
    addOptions(op, uses, options);
    more = false;
    for (size_t axis = choices.size(); axis-- > 0 && !more;) {
      more = ++at[axis] < choices[axis].size();
      if (!more)
        at[axis] = 0;
    }
  }
}

bool OptionTable::isLoopAllowed(const OpInfo &op, unsigned loop, int axis) const {
  const Loop &info = op.nest.loops[loop];
  if (info.kind == LoopKind::whole)
    return false;
  if (info.kind == LoopKind::expand && (!op.expansion || candidate.rules[axis] != AxisRule::any))
    return false;
  switch (candidate.rules[axis]) {
  case AxisRule::any:
    return info.extent > 1;
  case AxisRule::batch:
  case AxisRule::micro:
    return op.isBatch[loop];
  case AxisRule::model:
    return info.extent > 1 && !op.isToken[loop];
  }
  return false;
}

bool OptionTable::mustSplit(const OpInfo &op, int axis) const {
  AxisRule rule = candidate.rules[axis];
  if (rule == AxisRule::any)
    return false;
  return rule != AxisRule::model || op.work == WorkKind::matrix || op.work == WorkKind::attention;
}

std::vector<OptionTable::Use> OptionTable::findUses(const OpInfo &op, int axis) {
  std::vector<Use> uses;
  for (unsigned loop = 0; loop < op.loops.size(); ++loop) {
    if (!isLoopAllowed(op, loop, axis))
      continue;
    uses.push_back({static_cast<int>(loop), 1, {}, PartialKind::sum});
    for (int64_t unit : op.units[loop])
      uses.push_back({static_cast<int>(loop), unit, {}, PartialKind::sum});
  }
  AxisRule rule = candidate.rules[axis];
  if (rule == AxisRule::any && op.expansion)
    for (auto [parallel, reduced] : op.nest.jointLoops)
      if (isLoopAllowed(op, parallel, axis) && isLoopAllowed(op, reduced, axis))
        uses.push_back({static_cast<int>(parallel), 1, {}, PartialKind::sum, static_cast<int>(reduced)});
  if (!uses.empty() && mustSplit(op, axis))
    return uses;
  uses.push_back({});
  if (rule == AxisRule::any || rule == AxisRule::model)
    addThroughUses(op, uses);
  return uses;
}

/// A partial value may be passed on where the op is linear in it, and is worth trying where one may arrive.
void OptionTable::addThroughUses(const OpInfo &op, std::vector<Use> &uses) {
  std::set<std::pair<std::vector<unsigned>, PartialKind>> sets;
  for (const auto &linear : op.nest.linearOperands)
    for (unsigned operand : linear)
      if (kindsOf(op.operands[operand]).count(PartialKind::sum))
        sets.insert({std::vector<unsigned>(linear.begin(), linear.end()), PartialKind::sum});
  std::vector<unsigned> all(op.operands.size());
  std::iota(all.begin(), all.end(), 0);
  if (op.nest.movesElements)
    for (int operand : op.operands)
      for (PartialKind kind : kindsOf(operand))
        sets.insert({all, kind});
  for (const auto &[operands, kind] : sets)
    uses.push_back({-1, 1, operands, kind});
}

bool OptionTable::satisfiesPins(const OpInfo &op, const LoopAssignment &loops) const {
  for (int pin : op.pins)
    for (const auto &[label, axes] : problem.pins[pin].loops)
      for (auto [loop, splits] : llvm::enumerate(loops)) {
        // A loop of one iteration is never split, so nothing can be asked of it.
        if (op.nest.loops[loop].label != label || (op.nest.loops[loop].extent <= 1 && !op.nest.loops[loop].symbolic))
          continue;
        std::vector<std::string> names;
        for (const placement::Split &split : splits)
          if (mesh.axes[split.axis].kind == placement::AxisKind::space)
            names.push_back(mesh.axes[split.axis].name);
        if (names != axes)
          return false;
      }
  return true;
}

/// Axes on one loop are tried in every order; micro-batches stay outermost.
void OptionTable::addOptions(const OpInfo &op, const std::vector<Use> &uses, std::vector<OpOption> &options) {
  std::vector<int> order, time;
  for (size_t axis = 0; axis < uses.size(); ++axis)
    (mesh.axes[axis].kind == placement::AxisKind::time ? time : order).push_back(axis);
  std::set<LoopAssignment> tried;
  do {
    LoopAssignment loops(op.loops.size());
    for (const std::vector<int> &axes : {time, order})
      for (int axis : axes)
        for (int loop : {uses[axis].loop, uses[axis].joint})
          if (loop >= 0)
            loops[loop].push_back({axis, uses[axis].unit});
    if (tried.insert(loops).second && satisfiesPins(op, loops))
      addOption(op, loops, uses, options);
  } while (std::next_permutation(order.begin(), order.end()));
}

void OptionTable::addOption(const OpInfo &op, const LoopAssignment &loops, const std::vector<Use> &uses,
                            std::vector<OpOption> &options) {
  std::vector<std::map<int, PartialKind>> partial(op.operands.size());
  for (size_t axis = 0; axis < uses.size(); ++axis)
    for (unsigned operand : uses[axis].through)
      partial[operand][axis] = uses[axis].kind;
  std::optional<OpFigures> figures = computeFigures(problem, op, mesh, loops, partial, price);
  if (!figures)
    return;
  for (const placement::Placement &operand : figures->placements.operands)
    if (placement::findError(operand, operand.dims.size(), mesh))
      return;
  OpOption option{loops, {}, {}, figures->compute + figures->communication, figures->scratch};
  auto intern = [&](const std::vector<int> &values, const std::vector<placement::Placement> &list,
                    std::vector<PlacementId> &ids) {
    for (auto [position, value] : llvm::enumerate(values)) {
      const ValueInfo &info = problem.values[value];
      ids.push_back(info.isScalar ? -1 : spaces.find(info.shape, info.elementBytes).intern(list[position]));
    }
  };
  intern(op.operands, figures->placements.operands, option.operands);
  intern(op.results, figures->placements.results, option.results);
  options.push_back(std::move(option));
}

/// Of options that read and leave the same placements only the fastest counts.
void OptionTable::dropDuplicates(std::vector<OpOption> &options) const {
  // Of equally fast ones the one that cuts the outer loops comes first.
  llvm::sort(options, [](const OpOption &a, const OpOption &b) {
    return std::tie(a.compute, b.loops, a.operands, a.results) < std::tie(b.compute, a.loops, b.operands, b.results);
  });
  std::set<std::pair<std::vector<PlacementId>, std::vector<PlacementId>>> seen;
  llvm::erase_if(options,
                 [&](const OpOption &option) { return !seen.insert({option.operands, option.results}).second; });
}

} // namespace partita::planner
