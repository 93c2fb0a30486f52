// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Solve.h - From a problem to the best plan -----------------------------------===//
#ifndef PARTITA_LIB_PLANNER_SOLVE_H
#define PARTITA_LIB_PLANNER_SOLVE_H

#include "Plan.h"
#include "Presets.h"

namespace partita::planner {

struct Solution {
  Plan plan;
  Evaluation evaluation;
  Picoseconds step = kNever;
  Picoseconds lowerBound = 0;
  SearchStatistics search;
};

/// Objective: step time (see Planner.h), memory at most `problem.memoryLimit` on every device. Each mesh candidate is
/// searched for time alone; where that does not fit, with a price of memory, and then with a frontier of time and
/// memory between what was found and what the price proves. Optimal over the space if `search.exact`, otherwise within
/// `search.gap`; with several stages the stages' sum is, cuts and micro-batches being given. Fails with E-PRESET,
/// E-INFEASIBLE-PIN or E-INFEASIBLE-MEM.
mlir::FailureOr<Solution> solveProblem(const PlanningProblem &problem);

/// Checks a solution: it evaluates to the times it states, fits the limit, is not below its lower bound, and neither
/// one device nor all devices on the batch or on the model are faster (where the space was free). E-PLAN.
mlir::LogicalResult verifySolution(const PlanningProblem &problem, const Solution &solution);

} // namespace partita::planner

#endif // PARTITA_LIB_PLANNER_SOLVE_H
