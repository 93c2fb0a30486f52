// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A plan whose promises are held by its program.
//
// The search works with bounds over tensors; what a program really reserves and sends shows when it is partitioned and
// its buffers are assigned. Every command that makes a plan does that, so that all of them accept the same plans.
// Example: the limit is 10 GiB, the plan found for it needs 11 GiB. The search is asked again for 9 GiB; the plan it
// then finds needs 9.5 GiB and is taken.
#ifndef PARTITA_LIB_PIPELINE_PLANTOFIT_H
#define PARTITA_LIB_PIPELINE_PLANTOFIT_H

#include "mlir/IR/BuiltinOps.h"
#include "partita/lowering/Lowering.h"
#include "partita/machine/Machine.h"
#include "partita/partition/Partition.h"
#include "partita/planner/Planner.h"

namespace partita {

/// What is known after a plan was partitioned and its buffers assigned.
struct ExactFigures {
  std::map<std::string, partition::Traffic> communication;
  std::map<std::string, lowering::ArenaUse> memory;
  std::map<int64_t, uint64_t> bytesOfDevice;
  /// Arithmetic operations of a step, by device.
  std::map<int64_t, double> work;

  /// False where an op has no body: nothing is known of the buffers of a program that cannot be compiled.
  bool hasMemory = true;

  /// Of the fullest device; a device in several stages has one arena for each.
  uint64_t peakBytes() const;
};

/// Figures of a program that was partitioned. Assigns its buffers (where `withMemory`), but changes nothing.
mlir::FailureOr<ExactFigures> measureProgram(mlir::ModuleOp program, bool withMemory = true);

/// What a search found, and what its program is.
struct FittingPlan {
  planner::PlanResult result;
  ExactFigures figures;
};

/// Searches, and measures what was found, until it fits the machine (or `options.memoryLimit`): each time with the
/// limit lowered by what was too much. Fails with E-INFEASIBLE-MEM when nothing fits, and with E-INTERNAL when the
/// program communicates otherwise than the plan predicts. Diagnostics are `module`'s.
mlir::FailureOr<FittingPlan>
planToFit(mlir::ModuleOp module, const machine::Machine &machine, planner::PlanOptions options,
          llvm::function_ref<mlir::FailureOr<planner::PlanResult>(const planner::PlanOptions &)> search,
          llvm::function_ref<mlir::FailureOr<ExactFigures>()> measure);

} // namespace partita

#endif
