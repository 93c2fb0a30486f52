// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- OpFigures.h - What one op costs under its loops -----------------------------===//
//
// Work, communication and memory of an op on a mesh, whether it is split as it is or by its expansion. Of an expansion
// the kernels are those that compiled code has at best: a product is one, and everything else between two collectives
// is fused into one that reads and writes only what comes from outside or is read outside. Example, softmax split along
// its own dim: kernels {max}, {sub, exp, sum}, {div}, two all-reduces of one number a row, and the exponentials to
// keep.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_PLANNER_OPFIGURES_H
#define PARTITA_LIB_PLANNER_OPFIGURES_H

#include "Problem.h"

#include "partita/placement/Expansion.h"
#include "partita/placement/Reshard.h"

namespace partita::planner {

/// The small ops of an op as a problem of its own: values are numbered, arguments first.
struct ExpansionInfo {
  std::unique_ptr<placement::Expansion> expansion;
  std::vector<ValueInfo> values;
  std::vector<OpInfo> ops;
  std::vector<int> results;
};

/// Null for an op that has no loop of kind `expand`, or does not say what it is made of.
std::shared_ptr<ExpansionInfo> readExpansion(const OpInfo &op);

/// Times are of all executions in a step, on the slowest device; bytes those of the largest part.
struct OpFigures {
  placement::OpPlacements placements;
  Picoseconds compute = 0, communication = 0;
  std::map<std::string, Traffic> traffic;
  /// Largest sum of what an expansion keeps between its small ops, operands and results left out.
  int64_t scratch = 0;
};

/// Nothing, with an error text, when the op cannot be placed so.
std::optional<OpFigures> computeFigures(const PlanningProblem &problem, const OpInfo &op, const placement::Mesh &mesh,
                                        const placement::LoopAssignment &loops,
                                        const std::vector<std::map<int, placement::PartialKind>> &partialOperands,
                                        const placement::CommunicationPrice &price, std::string *error = nullptr);

/// Adds the executions of one reshard step.
void addStep(const ValueInfo &value, const placement::Mesh &mesh, const placement::Step &step,
             const placement::Placement &from, const placement::Placement &to,
             const placement::CommunicationPrice &price, Picoseconds &communication,
             std::map<std::string, Traffic> &traffic);

/// Kernels of the op on whole values: as it is, and of its expansion at best (empty when it has none).
std::vector<cost::Computation> listWholeKernels(const PlanningProblem &problem, const OpInfo &op);
std::vector<cost::Computation> listExpandedKernels(const OpInfo &op);

/// Whether a kernel does nothing: another shape of the same elements.
bool isFree(const cost::Computation &kernel);

} // namespace partita::planner

#endif // PARTITA_LIB_PLANNER_OPFIGURES_H
