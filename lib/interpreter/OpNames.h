// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which op of the graph an op of a per-device program is. Names tell, except where layers of equal structure share one
// function: its ops carry the names of the first layer. There the position tells.
//
// Example: two calls of @layer run the ops "l0/fc" and "l0/relu"; the graph has l0/fc, l0/relu, l1/fc, l1/relu in this
// order. Under the second call "l0/fc" is the graph's third op, "l1/fc".
#ifndef PARTITA_LIB_INTERPRETER_OPNAMES_H
#define PARTITA_LIB_INTERPRETER_OPNAMES_H

#include "partita/interpreter/Run.h"

namespace partita::interpreter {

/// The calls around an op, outermost first, and the op itself.
using OpPath = std::vector<mlir::Operation *>;

/// Names in the graph of the program's ops, by path. Empty when the program's ops, stage after stage and with calls
/// followed, are not the graph's ops in order (a hand-written or decomposed program): then only names can tell.
std::map<OpPath, std::string> findOpNames(mlir::func::FuncOp graph, mlir::ModuleOp program);

} // namespace partita::interpreter

#endif
