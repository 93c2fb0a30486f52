// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The phases in order. A module carries the last finished one (`partita.phase`), from which every command resumes.
#ifndef PARTITA_LIB_PIPELINE_FLOW_H
#define PARTITA_LIB_PIPELINE_FLOW_H

#include "PlanToFit.h"
#include "Session.h"
#include "partita/import/Import.h"
#include "partita/machine/Machine.h"
#include "partita/planner/Planner.h"
#include <optional>

namespace partita {

/// Phases, in order.
enum class Phase { import, plan, partition, lower, emit };
std::optional<Phase> parsePhase(llvm::StringRef name);
llvm::StringRef getPhaseName(Phase phase);

/// The phase a module says it finished; `import` when it says nothing.
Phase getPhase(mlir::ModuleOp module);
void setPhase(mlir::ModuleOp module, Phase phase);

/// --dim, --batch, --input-value and --rules. E-DIM-SYNTAX, E-USAGE, E-BAD-FILE.
llvm::Expected<import::ImportOptions> readImportOptions(Session &session);

/// The model of a command: an .onnx file imported with --dim and --batch, or an .mlir file of any phase up to
/// partition. Rules of custom ops have been tried on their bodies; whether ops may lack these, the command says.
mlir::OwningOpRef<mlir::ModuleOp> loadModel(Session &session, llvm::StringRef path, bool allowMissingBodies = false);

/// --machine, or this host.
llvm::Expected<machine::Machine> chooseMachine(const Arguments &arguments);

/// What `planModel` knows beside the attributes it wrote; no result for a plan that was given.
struct PlannedModel {
  std::optional<planner::PlanResult> result;
  std::optional<machine::Machine> machine;
  ExactFigures figures;
};

/// Gives the module a plan: the one it has, that of --plan, or a searched one (--preset, --pin, --memory-limit ...),
/// and measures the program that it leads to. See planToFit.
mlir::FailureOr<PlannedModel> planModel(Session &session, mlir::ModuleOp module);

/// Completes the plan, partitions, outlines, and checks placements after each.
mlir::LogicalResult partitionModel(Session &session, mlir::ModuleOp module);

/// The function of a whole model, or null.
mlir::func::FuncOp findModelFunction(mlir::ModuleOp module);

/// The module as text, locations left out.
std::string printModule(mlir::ModuleOp module);

/// The folder that relative parameter files of a model are looked for in.
std::string getModelFolder(llvm::StringRef modelPath);

} // namespace partita

#endif
