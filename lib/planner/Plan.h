// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Plan.h - All decisions about a function, as values --------------------------===//
//
// What the search returns and what attributes are written from. Nothing in it is derived: times, memory and traffic
// are computed from it anew by evaluatePlan, which shares no code with the search. Example: one op of a plan,
//
//   OpDecision{.loops = {{}, {x}}, .operands = {{.path = {whole}}, {.path = {rows, columns}}}}
//
// splits its second loop over x, reads its first operand whole as it is, and its second after an all-to-all.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_PLANNER_PLAN_H
#define PARTITA_LIB_PLANNER_PLAN_H

#include "Search.h"

namespace partita::planner {

/// How an operand gets to its reader: in the stage that made it, from a copy that exists to what is read (or sent),
/// each step one collective; then, if it was sent, in the reader's stage from what is received. Empty for scalars.
struct OperandPath {
  std::vector<placement::Placement> path, arrival;
};

/// An option that was not taken, and what it would cost more if all else stayed.
struct Alternative {
  placement::LoopAssignment loops;
  Picoseconds extra = 0;
};

struct OpDecision {
  placement::LoopAssignment loops;
  std::vector<OperandPath> operands;
  std::string origin;
  std::vector<Alternative> alternatives;
};

struct Plan {
  MeshCandidate candidate;
  std::vector<int> stageOf;
  std::vector<OpDecision> ops;
  /// Placements in which arguments are kept, by number of the value.
  std::map<int, std::vector<placement::Placement>> storage;
  std::vector<OperandPath> returned;
};

/// Figures of one stage; times over all micro-batches.
struct StageFigures {
  Picoseconds compute = 0, communication = 0;
  int64_t parameters = 0, inputs = 0, outputs = 0, activations = 0;
  /// Stored bytes by value, for explanations.
  std::map<int, int64_t> stored;

  Picoseconds time() const { return compute + communication; }
  int64_t memory() const { return parameters + inputs + outputs + activations; }
};

struct Evaluation {
  std::vector<StageFigures> stages;
  std::map<std::string, Traffic> traffic;
  std::vector<WholeOp> wholeOps;

  Picoseconds timeOfAllStages() const;
  Picoseconds timeOfCommunication() const;
  /// With m micro-batches: the first goes through all stages, the others follow at the pace of the slowest.
  Picoseconds stepTime(int64_t microBatches) const;
  const StageFigures &fullestStage() const;
};

/// Decisions of a search as a plan.
Plan extractPlan(const Sequence &sequence, SearchSpace &space, const SearchResult &result, std::vector<int> stageOf);

/// Recomputes everything a plan says from its decisions alone, checking that every reshard starts from a copy that
/// exists, that each of its steps is one collective, and that every op gets what its loops mean. E-PLAN otherwise.
mlir::FailureOr<Evaluation> evaluatePlan(const PlanningProblem &problem, const Plan &plan,
                                         const placement::CommunicationPrice &price);

/// See Prediction::lowerBoundSeconds.
Picoseconds computeLowerBound(const PlanningProblem &problem, const MeshCandidate &candidate,
                              const std::vector<int> &stageOf);

/// Writes a plan's attributes, stages and record; ops are brought into canonical order.
void writePlan(const PlanningProblem &problem, const Plan &plan, const PlanResult &result);

} // namespace partita::planner

#endif // PARTITA_LIB_PLANNER_PLAN_H
