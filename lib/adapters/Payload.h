// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the scalar region of a structured op says about the whole op: how it reduces, where it is linear, how much it
// computes.
//
// Example: for linalg.matmul's region, `mul` of the two inputs added to the output: the combiner is sum, the region is
// linear in input 0 and in input 1 (not in both at once), and it counts two operations.
#ifndef PARTITA_LIB_ADAPTERS_PAYLOAD_H
#define PARTITA_LIB_ADAPTERS_PAYLOAD_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "partita/dialects/interfaces/Interfaces.h"
#include <optional>

namespace partita::adapters {

/// The kind with which every result of the op accumulates into its destination; nothing when one does otherwise, or
/// with a kind that cannot cross ranks.
std::optional<ReductionKind> findCombiner(mlir::linalg::LinalgOp op);

/// Whether no result reads the value its destination held.
bool overwritesDestinations(mlir::linalg::LinalgOp op);

/// Sets of tensor inputs in which every result is jointly linear. Of ops with more than four inputs only single inputs
/// and all of them are tried.
llvm::SmallVector<llvm::SmallVector<unsigned, 2>, 2> findLinearInputs(mlir::linalg::LinalgOp op);

/// Operations of one iteration: one for each scalar op, ten for a transcendental function.
double countOperations(mlir::linalg::LinalgOp op);

/// Values from outside that the region reads.
llvm::SetVector<mlir::Value> findCapturedValues(mlir::Operation *op);

} // namespace partita::adapters

#endif
