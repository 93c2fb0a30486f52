// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs one function on several ranks at once, op by op: no rank begins an op before all have finished the one before.
// A graph is the case of one rank.
//
// Example: runLockstep(function, {valuesOfArgument0, ...}, {scope0, scope1}, options) with two ranks.
#ifndef PARTITA_LIB_INTERPRETER_LOCKSTEP_H
#define PARTITA_LIB_INTERPRETER_LOCKSTEP_H

#include "partita/interpreter/Run.h"

namespace partita::interpreter {

/// One value's tensor on every rank.
using RankTensors = llvm::SmallVector<Tensor>;

/// The function's results. Calls are followed; a function of more than one block or a call chain deeper than 100 is
/// refused.
llvm::FailureOr<llvm::SmallVector<RankTensors>> runLockstep(mlir::func::FuncOp function,
                                                            llvm::ArrayRef<RankTensors> arguments,
                                                            llvm::ArrayRef<Scope> scopes, const RunOptions &options);

/// A communication op on all ranks, by the definition of its two parts. `counts`, unless null: how many rows are there.
llvm::FailureOr<RankTensors> runStep(mlir::Operation *op, const RankTensors &inputs, const RankTensors *counts,
                                     llvm::ArrayRef<Scope> scopes, bool checkReplicas);

} // namespace partita::interpreter

#endif
