// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// graph + plan -> per-device programs.
//
// Example: for (module of a planned graph): partitionModule(module) leaves stage functions, channels and the event
// table; countCommunication(module) then says how often each kind of collective runs and how many bytes it moves.
#ifndef PARTITA_PARTITION_PARTITION_H
#define PARTITA_PARTITION_PARTITION_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "partita/dialects/interfaces/Interfaces.h"
#include "partita/placement/Attributes.h"
#include <map>

namespace partita::partition {

/// Fills in stages, loops and reshards that a plan leaves open; see the pass of that name.
mlir::LogicalResult completePlan(mlir::func::FuncOp function);

/// Replaces the planned functions of a module by per-device programs; see the pass `partita-partition`.
mlir::LogicalResult partitionModule(mlir::ModuleOp module);

/// Checks every local value against its op; E-SPMD-TYPE at the first op that does not fit in each function.
mlir::LogicalResult verifyPlacements(mlir::ModuleOp module);

/// Outlines repeated and remaining ops of the stage functions; see the pass `partita-outline-segments`.
mlir::LogicalResult outlineSegments(mlir::ModuleOp module);

/// One kind of communication: executions per step, and bytes that the busiest rank sends, summed over executions.
struct Traffic {
  int64_t count = 0;
  int64_t bytes = 0;
  bool operator==(const Traffic &) const = default;
};

/// Communication of a step by kind (allReduce, allGather, ..., send), as really present in the program: calls of a
/// shared function count each time, micro-batches too. Local steps (slice, partialize) are left out.
std::map<std::string, Traffic> countCommunication(mlir::ModuleOp module);

/// Arithmetic operations of a step on each device (by its number), at the bounds of symbolic dims: a fused multiply-add
/// counts two, moving elements none. Fails where an op carries no loops.
mlir::FailureOr<std::map<int64_t, double>> countWork(mlir::ModuleOp module);

/// The loop nest of an op's whole counterpart, read off the global types of its parts.
mlir::FailureOr<LoopNest> getGlobalLoopNest(mlir::Operation *localOp);

} // namespace partita::partition

#endif
