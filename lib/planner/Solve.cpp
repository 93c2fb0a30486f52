// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Solve.cpp - From a problem to the best plan ---------------------------------===//
#include "Solve.h"

#include "partita/cost/MachinePrice.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace partita::planner {

namespace {

class Solver {
public:
  explicit Solver(const PlanningProblem &problem)
      : problem(problem), price(*problem.machine, *problem.cost), reshards(price) {
    limits.mostStates = multiplySaturated(20, problem.options.effort);
    limits.mostLabels = std::max<int64_t>(2, multiplySaturated(6, problem.options.effort));
  }

  /// Only plans that are faster count.
  void setBestStep(Picoseconds step) { best.step = step; }
  Picoseconds getBestStep() const { return best.step; }

  LogicalResult solve(ArrayRef<MeshCandidate> candidates) {
    for (const MeshCandidate &candidate : candidates)
      if (failed(solveCandidate(candidate)))
        return failure();
    return success();
  }

  bool hasBest() const { return best.step < kNever; }
  bool isExact() const { return statistics.exact; }

  Solution takeBest() {
    best.lowerBound = lowerBound;
    best.search = statistics;
    return std::move(best);
  }

  LogicalResult reportInfeasible() const;

private:
  struct Attempt {
    Plan plan;
    Evaluation evaluation;
    Picoseconds step = kNever;
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
    if (!fastest || fastest->step >= best.step)
      return success();
    if (fits(fastest->evaluation)) {
      accept(std::move(*fastest));
      return success();
    }
    std::optional<Attempt> fitting;
    if (failed(searchFitting(candidate, stageOf, fitting)))
      return failure();
    if (fitting && fits(fitting->evaluation)) {
      if (fitting->step < best.step)
        accept(std::move(*fitting));
      return success();
    }
    std::optional<Attempt> smallest;
    if (failed(search(candidate, stageOf, Objective::storage, smallest)))
      return failure();
    for (std::optional<Attempt> *attempt : {&fastest, &smallest})
      if (*attempt &&
          (!least || (*attempt)->evaluation.fullestStage().memory() < least->evaluation.fullestStage().memory()))
        least = std::move(**attempt);
    return success();
  }

  /// With memory as a hard limit. Without repeated layers a frontier of time and memory is exact. With them it would
  /// grow with the number of layers; there the weight of memory is raised until the plan fits.
  LogicalResult searchFitting(const MeshCandidate &candidate, const std::vector<int> &stageOf,
                              std::optional<Attempt> &fitting) {
    if (problem.segments.empty())
      return search(candidate, stageOf, Objective::frontier, fitting);
    statistics.exact = false;
    int64_t least = 10, most = 44;
    while (least < most) {
      int64_t middle = (least + most) / 2;
      limits.weight = int64_t(1) << middle;
      std::optional<Attempt> attempt;
      if (failed(search(candidate, stageOf, Objective::weighted, attempt)))
        return failure();
      if (attempt && fits(attempt->evaluation)) {
        most = middle;
        fitting = std::move(attempt);
      } else {
        least = middle + 1;
      }
    }
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

  LogicalResult search(const MeshCandidate &candidate, const std::vector<int> &stageOf, Objective objective,
                       std::optional<Attempt> &attempt) {
    Sequence sequence = buildSequence(problem, stageOf, objective != Objective::time);
    SearchSpace space(problem, candidate, sequence, reshards);
    SearchLimits own = limits;
    // The search adds up all stages: together they may use what all their devices have.
    own.memory = multiplySaturated(problem.memoryLimit, candidate.stages.size());
    int stuckOp = -1;
    std::optional<SearchResult> result = solveSequence(sequence, space, objective, own, stuckOp);
    for (const auto &options : space.options)
      statistics.options += options->countOptions();
    if (!result) {
      if (stuckOp >= 0)
        stuck.push_back({stuckOp, describeMesh(candidate.stages.front())});
      return success();
    }
    statistics.labels += result->labels;
    if (objective != Objective::storage)
      statistics.exact &= result->exact;
    attempt.emplace();
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
  Solution best;
  std::optional<Attempt> least;
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
