// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ExtractPlan.cpp - From decisions to a plan ----------------------------------===//
#include "Plan.h"

#include "llvm/ADT/STLExtras.h"

namespace partita::planner {

namespace {

/// So many rejected options of an op are told.
constexpr size_t kMostAlternatives = 2;

class PlanExtraction {
public:
  PlanExtraction(const Sequence &sequence, SearchSpace &space, const SearchResult &result)
      : sequence(sequence), space(space), problem(space.problem), result(result), copies(sequence.values.size()),
        chains(sequence.values.size()), sent(sequence.values.size()) {}

  Plan extract(std::vector<int> stageOf) {
    plan.candidate = space.candidate;
    plan.stageOf = std::move(stageOf);
    plan.ops.resize(problem.ops.size());
    plan.returned.resize(problem.returned.size());
    findChains();
    for (size_t number = 0; number < sequence.steps.size(); ++number) {
      const Step &step = sequence.steps[number];
      if (step.kind == StepKind::compute)
        extractOp(step, result.decisions[number]);
      else if (step.kind == StepKind::transfer)
        extractTransfer(step, result.decisions[number]);
      else
        extractSettling(step, result.decisions[number]);
    }
    return std::move(plan);
  }

private:
  PlacementSpace &spaceOf(int value) { return space.spaceOf(sequence.values[value]); }
  const ValueInfo &infoOf(int value) const { return problem.values[sequence.values[value].value]; }

  /// How each copy was first reached, in the order in which the search decided. An inner step is decided with its
  /// reader, after steps that stand behind it in the program, and may start from a copy that one of them made.
  void findChains() {
    for (int root : sequence.roots)
      for (int number : listTree(sequence, root)) {
        const Step &step = sequence.steps[number];
        const Decision &decision = result.decisions[number];
        if (step.kind == StepKind::compute) {
          chainOp(number, step, decision);
          continue;
        }
        chain(step.operands[0], decision.sources[0], decision.option);
        if (step.kind == StepKind::transfer)
          begin(step.results[0], spaceOf(step.results[0]).intern(spaceOf(step.operands[0]).at(decision.option)));
      }
  }

  /// What inner steps make is read first, as in the search.
  void chainOp(int number, const Step &step, const Decision &decision) {
    const OpOption &option = space.options[step.stage]->find(step.op)[decision.option];
    for (bool inner : {true, false})
      for (auto [position, value] : llvm::enumerate(step.operands)) {
        if ((sequence.makers[number][position] >= 0) != inner || infoOf(value).isScalar)
          continue;
        if (infoOf(value).kind != ValueKind::made)
          begin(value, decision.sources[position]);
        chain(value, decision.sources[position], option.operands[position]);
      }
    for (auto [position, value] : llvm::enumerate(step.results))
      if (!infoOf(value).isScalar)
        begin(value, option.results[position]);
  }

  void begin(int value, PlacementId copy) { chains[value].try_emplace(copy, std::vector{copy}); }

  void chain(int value, PlacementId source, PlacementId target) {
    std::vector<PlacementId> way = chains[value].count(source) ? chains[value][source] : std::vector{source};
    if (source != target)
      for (PlacementId copy : spaceOf(value).move(source, target).path) {
        way.push_back(copy);
        chains[value].try_emplace(copy, way);
      }
  }

  /// The steps from `source` to `target`; all on the way become copies. A source that is not there yet is made first,
  /// as the later step that the search decided earlier would have made it; that one then finds it.
  std::vector<placement::Placement> walk(int value, PlacementId source, PlacementId target) {
    PlacementSpace &placements = spaceOf(value);
    std::vector<PlacementId> way{source};
    if (!copies[value].count(source) && chains[value].count(source))
      way = chains[value][source];
    if (source != target)
      llvm::append_range(way, placements.move(source, target).path);
    std::vector<placement::Placement> path;
    for (PlacementId copy : way) {
      path.push_back(placements.at(copy));
      copies[value].insert(copy);
    }
    return path;
  }

  void addCopy(int value, PlacementId copy) { copies[value].insert(copy); }

  void keep(int value, PlacementId stored) {
    std::vector<placement::Placement> &kept = plan.storage[sequence.values[value].value];
    if (!llvm::is_contained(kept, spaceOf(value).at(stored)))
      kept.push_back(spaceOf(value).at(stored));
  }

  OperandPath readOperand(int value, PlacementId source, PlacementId wanted) {
    if (infoOf(value).isScalar)
      return {};
    if (infoOf(value).kind != ValueKind::made) {
      keep(value, source);
      addCopy(value, source);
    }
    std::vector<placement::Placement> path = walk(value, source, wanted);
    if (sequence.values[value].source < 0)
      return {path, {}};
    // What was sent is told with all its steps, from what is received on.
    OperandPath whole{sent[value], {}};
    for (PlacementId copy : chains[value][wanted])
      whole.arrival.push_back(spaceOf(value).at(copy));
    return whole;
  }

  void extractOp(const Step &step, const Decision &decision) {
    const OpInfo &op = problem.ops[step.op];
    const std::vector<OpOption> &options = space.options[step.stage]->find(step.op);
    const OpOption &option = options[decision.option];
    OpDecision &made = plan.ops[step.op];
    made.loops = option.loops;
    made.origin = !op.pins.empty()                 ? "pin"
                  : options.size() == 1            ? "propagation"
                  : problem.options.preset.empty() ? "solver"
                                                   : "preset";
    made.alternatives = findAlternatives(step, options, decision);
    for (auto [position, value] : llvm::enumerate(step.operands))
      made.operands.push_back(readOperand(value, decision.sources[position], option.operands[position]));
    for (auto [position, value] : llvm::enumerate(step.results))
      if (!infoOf(value).isScalar)
        addCopy(value, option.results[position]);
  }

  /// Price of running an op by an option while all else stays: its work, what it reads made from the copies that are
  /// there, and its results brought to where they are now.
  Picoseconds priceLocally(const Step &step, const OpOption &option, const OpOption &chosen) {
    Picoseconds total = option.compute;
    for (auto [position, value] : llvm::enumerate(step.operands)) {
      if (infoOf(value).isScalar)
        continue;
      PlacementSpace &placements = spaceOf(value);
      Picoseconds cheapest = kNever;
      if (infoOf(value).kind != ValueKind::made)
        cheapest =
            placements.move(placements.withoutPartial(option.operands[position]), option.operands[position]).price;
      for (PlacementId copy : copies[value])
        cheapest = std::min(cheapest, placements.move(copy, option.operands[position]).price);
      total = std::min(kNever, total + cheapest);
    }
    for (auto [position, value] : llvm::enumerate(step.results))
      if (!infoOf(value).isScalar)
        total = std::min(kNever, total + spaceOf(value).move(option.results[position], chosen.results[position]).price);
    return total;
  }

  std::vector<Alternative> findAlternatives(const Step &step, const std::vector<OpOption> &options,
                                            const Decision &decision) {
    const OpOption &chosen = options[decision.option];
    // Equal ops with equal copies at hand have equal alternatives.
    std::vector<std::set<PlacementId>> situation;
    for (int value : step.operands)
      situation.push_back(copies[value]);
    auto [entry, isNew] =
        known.try_emplace({step.stage, sequence.representatives[step.op], decision.option, situation});
    if (!isNew)
      return entry->second;
    Picoseconds price = priceLocally(step, chosen, chosen);
    std::map<placement::LoopAssignment, Picoseconds> cheapest;
    for (const OpOption &option : options) {
      Picoseconds other = priceLocally(step, option, chosen);
      if (option.loops == chosen.loops || other >= kNever)
        continue;
      auto [position, isFirst] = cheapest.try_emplace(option.loops, other - price);
      position->second = std::min(position->second, other - price);
    }
    std::vector<Alternative> &found = entry->second;
    for (const auto &[loops, extra] : cheapest)
      found.push_back({loops, extra});
    llvm::sort(found, [](const Alternative &a, const Alternative &b) {
      return std::tie(a.extra, a.loops) < std::tie(b.extra, b.loops);
    });
    if (found.size() > kMostAlternatives)
      found.resize(kMostAlternatives);
    return found;
  }

  void extractTransfer(const Step &step, const Decision &decision) {
    int value = step.operands[0], received = step.results[0];
    PlacementId target = decision.option;
    sent[received] = walk(value, decision.sources[0], target);
    addCopy(received, spaceOf(received).intern(spaceOf(value).at(target)));
  }

  void extractSettling(const Step &step, const Decision &decision) {
    int value = step.operands[0];
    OperandPath path{walk(value, decision.sources[0], decision.option), {}};
    if (infoOf(value).kind != ValueKind::made)
      keep(value, decision.sources[0]);
    for (auto [position, returned] : llvm::enumerate(problem.returned))
      if (returned == sequence.values[value].value)
        plan.returned[position] = path;
  }

  const Sequence &sequence;
  SearchSpace &space;
  const PlanningProblem &problem;
  const SearchResult &result;
  std::vector<std::set<PlacementId>> copies;
  std::vector<std::map<PlacementId, std::vector<PlacementId>>> chains;
  /// Of a received value: its steps in the stage that sent it.
  std::vector<std::vector<placement::Placement>> sent;
  std::map<std::tuple<int, int, int, std::vector<std::set<PlacementId>>>, std::vector<Alternative>> known;
  Plan plan;
};

} // namespace

Plan extractPlan(const Sequence &sequence, SearchSpace &space, const SearchResult &result, std::vector<int> stageOf) {
  return PlanExtraction(sequence, space, result).extract(std::move(stageOf));
}

} // namespace partita::planner
