// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Planner.cpp - Which placement, mesh and stages a function gets --------------===//
#include "partita/planner/Planner.h"

#include "Solve.h"

#include "partita/cost/AnalyticCost.h"

using namespace mlir;

namespace partita::planner {

int64_t Prediction::memoryBytes() const {
  int64_t total = 0;
  for (const auto &[kind, bytes] : memory)
    total += bytes;
  return total;
}

static double toSeconds(Picoseconds time) { return static_cast<double>(time) * 1e-12; }

static PlanResult summarize(const PlanningProblem &problem, const Solution &solution) {
  PlanResult result;
  const MeshCandidate &candidate = solution.plan.candidate;
  result.preset = problem.options.preset.empty() ? "auto" : problem.options.preset;
  result.search = solution.search;
  result.devicesUsed = candidate.deviceCount();
  result.devicesAvailable = problem.machine->deviceCount();
  result.microBatches = problem.options.microBatches;
  for (const placement::Mesh &mesh : candidate.stages)
    result.meshes.push_back(describeMesh(mesh));

  // Times are those of the stage that all others wait for.
  const StageFigures *slowest = &solution.evaluation.stages.front();
  for (const StageFigures &stage : solution.evaluation.stages)
    if (stage.time() > slowest->time())
      slowest = &stage;
  const StageFigures &fullest = solution.evaluation.fullestStage();
  Prediction &predicted = result.predicted;
  predicted.stepSeconds = toSeconds(solution.step);
  predicted.lowerBoundSeconds = toSeconds(solution.lowerBound);
  predicted.computeSeconds = toSeconds(slowest->compute);
  predicted.communicationSeconds = toSeconds(slowest->communication);
  predicted.bubbleSeconds = toSeconds(solution.step - slowest->time());
  predicted.memory = {{"activations", fullest.activations},
                      {"inputs", fullest.inputs},
                      {"outputs", fullest.outputs},
                      {"parameters", fullest.parameters}};
  predicted.communication = solution.evaluation.traffic;
  predicted.wholeOps = solution.evaluation.wholeOps;
  return result;
}

FailureOr<PlanResult> planFunction(func::FuncOp function, const machine::Machine &machine, const cost::CostModel &cost,
                                   const PlanOptions &options) {
  FailureOr<PlanningProblem> problem = buildProblem(function, machine, cost, options);
  if (failed(problem))
    return failure();
  FailureOr<Solution> solution = solveProblem(*problem);
  if (failed(solution) || failed(verifySolution(*problem, *solution)))
    return failure();
  PlanResult result = summarize(*problem, *solution);
  erasePlan(function);
  writePlan(*problem, solution->plan, result);
  return result;
}

FailureOr<PlanResult> planFunction(func::FuncOp function, const machine::Machine &machine, const PlanOptions &options) {
  return planFunction(function, machine, cost::AnalyticCost(), options);
}

} // namespace partita::planner
