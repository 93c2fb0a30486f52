// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading a plan off a module: stages in order, and the decisions an op carries.
#ifndef PARTITA_LIB_PARTITION_PLANVIEW_H
#define PARTITA_LIB_PARTITION_PLANVIEW_H

#include "partita/dialects/collective/Collective.h"
#include "partita/partition/Partition.h"

namespace partita::partition {

/// A stage with its mesh as a value. Stages are numbered in the order of their ops.
struct Stage {
  /// Mutable because the generated accessors of ops are not const.
  mutable plan::StageOp op;
  placement::Mesh mesh;
};

/// The stages of a module; fails when there is none.
mlir::FailureOr<std::vector<Stage>> getStages(mlir::ModuleOp module);

/// The number of the stage an op names; fails with a diagnostic when it names none or an unknown one.
mlir::FailureOr<unsigned> getStageIndex(mlir::Operation *op, const std::vector<Stage> &stages);

/// The mnemonic of the communication op of a step: "all_reduce", ...
llvm::StringRef getStepOpName(placement::StepKind kind);

/// Executions of each function per step: micro-batches for a stage's function, calls for a shared one.
std::map<std::string, int64_t> countExecutions(mlir::ModuleOp module);

/// Whether this op's tensors are placed: all ops of a planned body except the terminator.
bool isPlanned(mlir::Operation &op);

/// The parts of the operands and results of one op under its own loops. `partial[i]`: axes over which operand i arrives
/// partial. Placements come out canonical. Reports E-SPMD-TYPE at the op.
mlir::FailureOr<placement::OpPlacements> placeOnMesh(mlir::Operation *op, const LoopNest &nest,
                                                     const placement::LoopAssignment &loops,
                                                     const placement::Mesh &mesh,
                                                     const std::vector<std::map<int, placement::PartialKind>> &partial,
                                                     mlir::TypeRange operandTypes, mlir::TypeRange resultTypes);

/// The same for an op of a planned graph, which may be split by its expansion.
mlir::FailureOr<placement::OpPlacements>
placePlanned(mlir::Operation *op, const LoopNest &nest, const placement::LoopAssignment &loops,
             const placement::Mesh &mesh, const std::vector<std::map<int, placement::PartialKind>> &partial);

/// The assignment that an op's `partita_plan.loops` states; fails with a diagnostic.
mlir::FailureOr<placement::LoopAssignment> getLoops(mlir::Operation *op, const LoopNest &nest,
                                                    const placement::Mesh &mesh);

/// The first function with a body that is not a stage function yet, or null.
mlir::func::FuncOp findPlannedFunction(mlir::ModuleOp module);

} // namespace partita::partition

#endif
