// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Solve.cpp - From a problem to the best plan ---------------------------------===//
#include "Solve.h"

#include "SearchState.h"

#include "partita/cost/MachinePrice.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace partita::planner {

/// Corners of the hull of time and memory that are visited before the search makes do with what it has.
constexpr int kMostRounds = 24;
/// How often the limit is lowered by what a plan turned out to need beside what it stores.
constexpr int kMostLowerings = 4;

namespace {

class Solver {
public:
  explicit Solver(const PlanningProblem &problem)
      : problem(problem), price(*problem.machine, *problem.cost), reshards(price) {
    limits.mostStates = multiplySaturated(200, problem.options.effort);
    limits.mostLabels = std::max<int64_t>(2, multiplySaturated(40, problem.options.effort));
    limits.mostWork = multiplySaturated(100000, problem.options.effort);
  }

  /// Only plans that are faster count.
  void setBestStep(Picoseconds step) { best.step = step; }
  Picoseconds getBestStep() const { return best.step; }

  LogicalResult solve(ArrayRef<MeshCandidate> candidates) {
    for (const MeshCandidate &candidate : candidates)
      if (failed(solveCandidate(candidate)))
        return failure();
    // With the best plan of all meshes known, little is left to search for.
    for (const Unsettled &open : std::exchange(unsettled, {}))
      if (failed(searchFrontier(open)))
        return failure();
    return success();
  }

  bool hasBest() const { return best.step < kNever; }
  bool isExact() const { return provenBound >= best.step; }

  Solution takeBest() {
    best.lowerBound = lowerBound;
    best.search = statistics;
    best.search.exact = isExact();
    best.search.gap = isExact() ? 0 : 1 - static_cast<double>(provenBound) / static_cast<double>(best.step);
    return std::move(best);
  }

  LogicalResult reportInfeasible() const;

private:
  struct Attempt {
    Plan plan;
    Evaluation evaluation;
    Picoseconds step = kNever;
    /// By the account of the search: time of all stages, stored bytes, and whether nothing was cut.
    Picoseconds cost = kNever;
    int64_t storage = 0;
    bool isExact = true;
  };

  /// A price of memory, the least weighted cost with it, and the time that no plan within the limit is under.
  struct Multiplier {
    int64_t weight = 0;
    Picoseconds cost = 0;
    Picoseconds bound = 0;
  };

  /// A mesh on which a better plan may be than was found.
  struct Unsettled {
    const MeshCandidate *candidate;
    std::vector<int> stageOf;
    Multiplier multiplier;
  };

  LogicalResult solveCandidate(const MeshCandidate &candidate) {
    std::vector<int> stageOf = cutStages(problem, candidate.stages.size());
    Picoseconds bound = computeLowerBound(problem, candidate, stageOf);
    lowerBound = std::min(lowerBound, bound);
    ++statistics.meshes;
    if (bound >= best.step)
      return success();
    if (isHopeless(candidate)) {
      hopeless = std::max(hopeless, candidate.deviceCount());
      return success();
    }
    std::optional<Attempt> fastest;
    if (failed(search(candidate, stageOf, Objective::time, fastest)))
      return failure();
    if (!fastest)
      return success();
    if (fits(fastest->evaluation) || fastest->cost >= best.step) {
      provenBound = std::min(provenBound, fastest->isExact ? fastest->cost : bound);
      if (fits(fastest->evaluation) && fastest->step < best.step)
        accept(std::move(*fastest));
      return success();
    }
    return solveUnderLimit(candidate, stageOf, bound, std::move(*fastest));
  }

  /// The fastest plan is too large. Memory gets a price, and the price is set so that the limit is just met: what is
  /// found so is optimal for its size, and the price bounds how much faster any plan that fits may be (Everett 1963).
  /// What lies in between is searched by a frontier of time and memory, which the bound keeps narrow (Handler, Zang
  /// 1980).
  LogicalResult solveUnderLimit(const MeshCandidate &candidate, const std::vector<int> &stageOf, Picoseconds bound,
                                Attempt fastest) {
    limits.weight = kHeaviest;
    std::optional<Attempt> smallest;
    if (failed(search(candidate, stageOf, Objective::weighted, smallest)))
      return failure();
    if (!smallest)
      return success();
    Unsettled open{&candidate, stageOf, {0, 0, bound}};
    if (fits(smallest->evaluation)) {
      if (failed(findMultiplier(candidate, stageOf, std::move(fastest), *smallest, open.multiplier)))
        return failure();
      if (smallest->step < best.step)
        accept(std::move(*smallest));
    } else if (!least || smallest->evaluation.fullestStage().memory() < least->evaluation.fullestStage().memory()) {
      least = std::move(*smallest);
    }
    unsettled.push_back(std::move(open));
    return success();
  }

  int64_t limitOfAll(const MeshCandidate &candidate) const {
    return multiplySaturated(problem.memoryLimit, candidate.stages.size());
  }

  /// Between a plan that is too large and one that fits: the price at which both are as good is tried until no plan
  /// is better than both. Each plan found is a corner of the convex hull of all plans, so that few are needed.
  LogicalResult findMultiplier(const MeshCandidate &candidate, const std::vector<int> &stageOf, Attempt large,
                               Attempt &fitting, Multiplier &multiplier) {
    bool isExact = large.isExact;
    for (int round = 0; round < kMostRounds; ++round) {
      int64_t bytes = large.storage - fitting.storage;
      if (bytes <= 0 || fitting.cost <= large.cost)
        return success();
      limits.weight =
          std::min<__int128>(kHeaviest, (static_cast<__int128>(fitting.cost - large.cost) << kWeightShift) / bytes);
      std::optional<Attempt> next;
      if (failed(search(candidate, stageOf, Objective::weighted, next)))
        return failure();
      if (!next)
        return success();
      isExact &= next->isExact;
      Picoseconds cost = weigh(*next);
      if (isExact) {
        multiplier.weight = limits.weight;
        multiplier.cost = cost;
        // Rounded towards nothing is promised that is not so.
        multiplier.bound = std::max(
            multiplier.bound, cost -
                                  static_cast<Picoseconds>(
                                      (static_cast<__int128>(limitOfAll(candidate)) * limits.weight >> kWeightShift)) -
                                  2);
      }
      // A corner is no more than rounding better than the line between the two.
      bool isCorner = cost + 2 < std::min(weigh(large), weigh(fitting));
      if (fits(next->evaluation) && next->step < fitting.step)
        fitting = std::move(*next);
      else if (!fits(next->evaluation) && isCorner)
        large = std::move(*next);
      else
        return success();
      if (!isCorner || multiplier.bound >= best.step)
        return success();
    }
    return success();
  }

  Picoseconds weigh(const Attempt &attempt) const {
    return costOf(Objective::weighted, limits, attempt.cost, attempt.storage);
  }

  /// Plans between the bound and the best that is known. Where they are walked to the end, nothing better exists.
  LogicalResult searchFrontier(const Unsettled &open) {
    Picoseconds bound = open.multiplier.bound;
    int64_t excess = 0;
    // What a plan needs beside what it stores shows when it is there; another is then looked for with as much less.
    for (int round = 0; round < kMostLowerings && bound < best.step; ++round) {
      limits.weight = open.multiplier.weight;
      limits.slack = limits.weight > 0 && hasBest() ? best.step - open.multiplier.bound + 4 : -1;
      bool isComplete = true, isNarrow = limits.slack >= 0;
      std::optional<Attempt> found;
      LogicalResult result = search(*open.candidate, open.stageOf, Objective::frontier, found, &isComplete, excess);
      limits.slack = -1;
      if (failed(result))
        return failure();
      if (round == 0 && isComplete && open.candidate->stages.size() == 1)
        bound = found ? std::min(best.step, found->cost) : best.step;
      if (!found || fits(found->evaluation)) {
        if (found && found->step < best.step)
          accept(std::move(*found));
        break;
      }
      if (!isNarrow)
        break;
      excess += found->evaluation.fullestStage().memory() - problem.memoryLimit;
    }
    provenBound = std::min(provenBound, std::max(bound, open.multiplier.bound));
    return success();
  }

  /// Whether the parameters are too many for the devices, however they are cut.
  bool isHopeless(const MeshCandidate &candidate) const {
    return computeParameterBytes() / candidate.deviceCount() > problem.memoryLimit;
  }

  int64_t computeParameterBytes() const {
    int64_t total = 0;
    std::set<int> read;
    for (const OpInfo &op : problem.ops)
      read.insert(op.operands.begin(), op.operands.end());
    for (int value : read)
      if (problem.values[value].kind == ValueKind::parameter) {
        int64_t bytes = problem.values[value].elementBytes;
        for (const placement::Extent &extent : problem.values[value].shape)
          bytes = multiplySaturated(bytes, extent.bound);
        total = addSaturated(total, bytes);
      }
    return total;
  }

  bool fits(const Evaluation &evaluation) const { return evaluation.fullestStage().memory() <= problem.memoryLimit; }

  void accept(Attempt attempt) {
    best.plan = std::move(attempt.plan);
    best.evaluation = std::move(attempt.evaluation);
    best.step = attempt.step;
  }

  /// `isComplete` is told whether nothing was left out, also where nothing was found; `excess` lowers the limit.
  LogicalResult search(const MeshCandidate &candidate, const std::vector<int> &stageOf, Objective objective,
                       std::optional<Attempt> &attempt, bool *isComplete = nullptr, int64_t excess = 0) {
    Sequence sequence = buildSequence(problem, stageOf, objective != Objective::time);
    if (prepared != &candidate) {
      prepared = &candidate;
      preparedSpace = std::make_unique<SearchSpace>(problem, candidate, sequence, reshards);
    }
    SearchSpace &space = *preparedSpace;
    SearchLimits own = limits;
    // The search adds up all stages: together they may use what all their devices have.
    own.memory = limitOfAll(candidate) - excess;
    if (objective != Objective::frontier)
      own.mostWork = std::numeric_limits<int64_t>::max();
    int stuckOp = -1;
    std::optional<SearchResult> result = solveSequence(sequence, space, objective, own, stuckOp);
    for (const auto &options : space.options)
      statistics.options += options->takeCount();
    if (isComplete)
      *isComplete = result ? result->exact : stuckOp != -2;
    if (!result) {
      if (stuckOp >= 0)
        stuck.push_back({stuckOp, describeMesh(candidate.stages.front())});
      return success();
    }
    statistics.labels += result->labels;
    attempt.emplace();
    attempt->cost = result->time;
    attempt->storage = result->storage;
    attempt->isExact = result->exact;
    attempt->plan = extractPlan(sequence, space, *result, stageOf);
    FailureOr<Evaluation> evaluation = evaluatePlan(problem, attempt->plan, price);
    if (failed(evaluation))
      return failure();
    attempt->evaluation = std::move(*evaluation);
    attempt->step = attempt->evaluation.stepTime(problem.options.microBatches);
    // The two accounts may differ by what the search does not know is shared, never the other way.
    if (attempt->evaluation.timeOfAllStages() > result->time)
      return problem.function.emitError() << "E-PLAN: the search promised " << result->time << " ps, the plan takes "
                                          << attempt->evaluation.timeOfAllStages();
    return success();
  }

  const PlanningProblem &problem;
  cost::MachinePrice price;
  ReshardPrices reshards;
  SearchLimits limits;
  SearchStatistics statistics;
  Picoseconds lowerBound = kNever;
  /// No plan of the space is faster; with several stages, than their sum.
  Picoseconds provenBound = kNever;
  Solution best;
  std::optional<Attempt> least;
  std::vector<Unsettled> unsettled;
  /// Options and prices of the mesh that was searched last.
  const MeshCandidate *prepared = nullptr;
  std::unique_ptr<SearchSpace> preparedSpace;
  /// The largest number of devices that cannot hold the parameters.
  int64_t hopeless = 0;
  std::vector<std::pair<int, std::string>> stuck;
};

LogicalResult Solver::reportInfeasible() const {
  if (!least && hopeless > 0) {
    int64_t bytes = computeParameterBytes();
    InFlightDiagnostic diagnostic = problem.function.emitError();
    diagnostic << "E-INFEASIBLE-MEM: no plan fits " << formatBytes(Bytes{problem.memoryLimit})
               << " a device: the parameters are " << formatBytes(Bytes{bytes}) << ", cut evenly over " << hopeless
               << (hopeless == 1 ? " device " : " devices ") << formatBytes(Bytes{bytes / hopeless}) << " each";
    diagnostic.attachNote() << "use more devices or a narrower element type, or raise the limit";
    return diagnostic;
  }
  if (!least) {
    if (stuck.empty())
      return problem.function.emitError() << "E-PLAN: no placement of the ops is possible on this machine";
    const OpInfo &op = problem.ops[stuck.front().first];
    InFlightDiagnostic diagnostic = op.op->emitError();
    diagnostic << (op.pins.empty() ? "E-PLAN: " : "E-INFEASIBLE-PIN: ");
    for (int pin : op.pins)
      diagnostic << "'" << problem.pins[pin].text << "' ";
    diagnostic << "leaves no way to split '" << op.name << "' on";
    for (const auto &[number, mesh] : stuck)
      diagnostic << " (" << mesh << ")";
    return diagnostic;
  }
  const StageFigures &stage = least->evaluation.fullestStage();
  InFlightDiagnostic diagnostic = problem.function.emitError();
  diagnostic << "E-INFEASIBLE-MEM: no plan fits " << formatBytes(Bytes{problem.memoryLimit})
             << " a device; the smallest found needs " << formatBytes(Bytes{stage.memory()}) << " on mesh ("
             << describeMesh(least->plan.candidate.stages.front()) << ")";
  diagnostic.attachNote() << "parameters " << formatBytes(Bytes{stage.parameters}) << ", inputs "
                          << formatBytes(Bytes{stage.inputs}) << ", outputs " << formatBytes(Bytes{stage.outputs})
                          << ", activations " << formatBytes(Bytes{stage.activations});
  std::vector<std::pair<int64_t, int>> largest;
  for (auto [value, bytes] : stage.stored)
    largest.push_back({-bytes, value});
  llvm::sort(largest);
  for (auto [bytes, value] : ArrayRef(largest).take_front(3))
    diagnostic.attachNote() << "'" << problem.values[value].name << "' keeps " << formatBytes(Bytes{-bytes});
  diagnostic.attachNote() << "use more devices or a smaller batch, or raise the limit";
  return diagnostic;
}

} // namespace

FailureOr<Solution> solveProblem(const PlanningProblem &problem) {
  FailureOr<std::vector<MeshCandidate>> candidates = findCandidates(problem);
  if (failed(candidates))
    return failure();
  Solver solver(problem);
  if (failed(solver.solve(*candidates)))
    return failure();
  // An exact search of all devices has these in its space; a cut one must not lose to them.
  bool isFree = problem.options.preset.empty() || problem.options.preset == "auto";
  if (isFree && !solver.isExact() && failed(solver.solve(findBaselines(problem))))
    return failure();
  if (!solver.hasBest())
    return solver.reportInfeasible();
  return solver.takeBest();
}

LogicalResult verifySolution(const PlanningProblem &problem, const Solution &solution) {
  auto fail = [&](const Twine &message) { return problem.function.emitError() << "E-PLAN: " << message; };
  cost::MachinePrice price(*problem.machine, *problem.cost);
  FailureOr<Evaluation> evaluation = evaluatePlan(problem, solution.plan, price);
  if (failed(evaluation))
    return failure();
  if (evaluation->stepTime(problem.options.microBatches) != solution.step)
    return fail("the plan does not take as long as it says");
  if (evaluation->fullestStage().memory() > problem.memoryLimit)
    return fail("the plan does not fit the memory limit");
  if (solution.step < solution.lowerBound)
    return fail("the plan is faster than its lower bound");
  bool isFree = problem.options.preset.empty() || problem.options.preset == "auto";
  if (!isFree || !problem.pins.empty())
    return success();
  Solver solver(problem);
  solver.setBestStep(solution.step);
  if (failed(solver.solve(findBaselines(problem))))
    return failure();
  if (solver.getBestStep() < solution.step)
    return fail("a preset is faster");
  return success();
}

} // namespace partita::planner
