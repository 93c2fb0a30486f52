// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A plan as a JSON file, schema partita.plan/1, and back: the attributes of a planned module, lossless.
//
// Ops with equal decisions whose names differ in one number are one entry: `h.[0-95].mlp.c_fc` is 96 ops. Numbers that
// decide otherwise are entries of their own, so a plan of a deep model stays short and can be reviewed.
//
// Example: JsonValue plan = writePlan(module); ... applyPlan(JsonDocument of that text, freshly imported module).
#ifndef PARTITA_REPORT_PLANFILE_H
#define PARTITA_REPORT_PLANFILE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "partita/support/Json.h"

namespace partita::report {

/// One structural class: ops of one kind with one decision.
struct DecisionClass {
  /// "h.[0-11].mlp.c_fc"
  std::string members;
  std::vector<mlir::Operation *> ops;
};

/// The function's ops by class, in program order of each class' first member.
std::vector<DecisionClass> classifyDecisions(mlir::func::FuncOp function);

/// Members `schema`, `record`, `stages`, `arguments`, `decisions`, `results` of a planned module.
JsonValue writePlan(mlir::ModuleOp module);

/// Puts a plan on a module without one. Reports at the module: E-BAD-FILE (the file says what a plan cannot say),
/// E-PLAN-STALE (names ops, arguments or loops that the model does not have, or leaves some out).
mlir::LogicalResult applyPlan(const JsonDocument &document, mlir::ModuleOp module);

/// "a.[0-2,5].b" for names that differ in one number.
std::string compressNames(const std::vector<std::string> &names);

/// The names a pattern stands for; at most a million. Text without a number list stands for itself.
std::vector<std::string> expandNames(llvm::StringRef pattern);

} // namespace partita::report

#endif
