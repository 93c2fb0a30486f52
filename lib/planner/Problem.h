// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Problem.h - A function as a planning problem --------------------------------===//
//
// What the search knows of a function: its ops in canonical order as loop nests, its values as shapes, on which loops
// the batch lies, in which units values are cut, and what is asked for. Knows ops by their interfaces only. Example:
//
//   FailureOr<PlanningProblem> problem = buildProblem(function, machine, cost, options);   // = check() done
//   problem->ops[3].nest.loops[0].label;  problem->values[problem->ops[3].operands[1]].kind;
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_PLANNER_PROBLEM_H
#define PARTITA_LIB_PLANNER_PROBLEM_H

#include "partita/dialects/interfaces/Interfaces.h"
#include "partita/placement/Attributes.h"
#include "partita/planner/Planner.h"
#include "partita/support/RepeatedSegments.h"

#include "llvm/ADT/DenseMap.h"

#include <set>

namespace partita::planner {

/// Times are added as whole picoseconds, so that sums do not depend on their order.
using Picoseconds = int64_t;
constexpr Picoseconds kNever = std::numeric_limits<int64_t>::max() / 4;
Picoseconds toPicoseconds(double seconds);

/// Parameters and inputs are cut for free when they are loaded; what is made is where its op left it.
enum class ValueKind { made, parameter, input };

struct ValueInfo {
  mlir::Value value;
  ValueKind kind = ValueKind::made;
  placement::Shape shape;
  int64_t elementBytes = 0;
  /// Not a tensor: has no placement and costs nothing.
  bool isScalar = false;
  std::string name;
  /// Which share of its bytes is expected to be sent when it is moved: that of the rows that are there
  /// (CountedOpInterface).
  double expectedShare = 1.0;
};

struct ExpansionInfo;

struct OpInfo {
  mlir::Operation *op = nullptr;
  std::string name;
  LoopNest nest;
  std::vector<placement::Loop> loops;
  /// Numbers of values.
  std::vector<int> operands, results;
  WorkKind work = WorkKind::vector;
  std::string elementType;
  /// For each loop: units beside 1 in which it may be cut; whether it walks the batch; whether it walks a dim of an
  /// input (batch, sequence, pixels) rather than one of the model's own.
  std::vector<std::set<int64_t>> units;
  std::vector<bool> isBatch, isToken;
  /// Numbers of the pins whose glob matches.
  std::vector<int> pins;
  /// What it is split into along loops of kind `expand`; null when it has none. See OpFigures.h.
  std::shared_ptr<ExpansionInfo> expansion;
};

/// `GLOB:loop=axis,...`, understood.
struct Pin {
  std::string text, glob;
  /// Axes of a loop, outermost first; empty for "none".
  std::vector<std::pair<std::string, std::vector<std::string>>> loops;
};

struct PlanningProblem {
  /// Mutable because members of ops that change nothing are not const.
  mutable mlir::func::FuncOp function;
  const machine::Machine *machine = nullptr;
  const cost::CostModel *cost = nullptr;
  PlanOptions options;
  std::vector<Pin> pins;
  int64_t memoryLimit = std::numeric_limits<int64_t>::max();

  /// In canonical order.
  std::vector<OpInfo> ops;
  /// Arguments first, then results in the order of the ops.
  std::vector<ValueInfo> values;
  int numArguments = 0;
  /// Operands of the function's return.
  std::vector<int> returned;
  std::vector<RepeatedSegment> segments;
};

/// Reads the function; a diagnostic (E-NO-RULE, E-PIN, E-PLAN) says what is wrong with it.
mlir::FailureOr<PlanningProblem> buildProblem(mlir::func::FuncOp function, const machine::Machine &machine,
                                              const cost::CostModel &cost, const PlanOptions &options);

/// A value without a number, an op without operands and results.
ValueInfo describeValue(mlir::Value value, ValueKind kind, std::string name);
OpInfo describeOp(mlir::Operation *op, LoopNest nest);

/// Fills in `units`, `isBatch` and `isToken` of all ops.
void propagateDims(PlanningProblem &problem);

/// Reads pins and finds the ops they match. E-PIN, E-INFEASIBLE-PIN.
mlir::LogicalResult readPins(PlanningProblem &problem);

/// One kernel of the op where loop i has extent `extents[i]`, reading and writing so many bytes.
cost::Computation describeKernel(const OpInfo &op, llvm::ArrayRef<int64_t> extents, int64_t read, int64_t written);

} // namespace partita::planner

#endif // PARTITA_LIB_PLANNER_PROBLEM_H
