// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs whole programs: a graph on whole values, or per-device programs on a simulated grid of ranks.
//
// Example: FailureOr<NamedTensors> arguments = collectArguments(graph, inputs, "/models");
//          FailureOr<NamedTensors> whole = interpretGraph(graph, *arguments, {});
//          FailureOr<NamedTensors> split = interpretProgram(partitioned, *arguments, {});
#ifndef PARTITA_INTERPRETER_RUN_H
#define PARTITA_INTERPRETER_RUN_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "partita/interpreter/Evaluate.h"

namespace partita::interpreter {

/// Tensors by the model's name of the value.
using NamedTensors = std::map<std::string, Tensor>;

/// What an observer learns after an op was evaluated on all ranks.
struct Observation {
  mlir::Operation *op;
  /// The calls around the op, outermost first; empty in the function that was started.
  llvm::ArrayRef<mlir::Operation *> callers;
  /// One scope and one list of results for each rank.
  llvm::ArrayRef<Scope> scopes;
  llvm::ArrayRef<llvm::SmallVector<Tensor>> results;
};
using Observer = std::function<void(const Observation &)>;

/// How a program is run.
struct RunOptions {
  Arithmetic arithmetic;
  /// Where relative files of parameters are looked for.
  std::string directory;
  /// Called after every op but calls and returns; may be empty.
  Observer observer;
  /// Without it a run goes on when replicas differ (one of them counts), so that all values can be looked at.
  bool checkReplicas = true;
};

/// The function of a graph module: the only public one with a body. Null after a diagnostic.
mlir::func::FuncOp findGraphFunction(mlir::ModuleOp module);

/// The model's name of an argument or result: `partita.name`, else "argument N" or "result N".
std::string getArgumentName(mlir::func::FuncOp function, unsigned index);
std::string getResultName(mlir::func::FuncOp function, unsigned index);

/// Adds the parameters' data to `inputs`. E-BAD-INPUT: an input without a value; E-BAD-FILE: data that cannot be read.
llvm::FailureOr<NamedTensors> collectArguments(mlir::func::FuncOp function, const NamedTensors &inputs,
                                               llvm::StringRef directory);

/// The function's results by name. `arguments` holds a value of the argument's type for each name.
llvm::FailureOr<NamedTensors> interpretGraph(mlir::func::FuncOp function, const NamedTensors &arguments,
                                             const RunOptions &options);

/// Runs the per-device programs of a partitioned module: all devices walk their event lists, and an event happens when
/// what it needs is there. Arguments are whole values by name (parameters that are missing are read from their source);
/// results are whole values, assembled from all ranks and micro-batches.
/// Diagnostics: E-DEADLOCK (device and event that cannot go on), E-REPLICA-MISMATCH (ranks that should hold the same
/// bytes do not), E-SPMD-TYPE (no rank holds an element).
llvm::FailureOr<NamedTensors> interpretProgram(mlir::ModuleOp module, const NamedTensors &arguments,
                                               const RunOptions &options);

/// One rank's part of a value.
struct Piece {
  const Scope *scope;
  const Tensor *value;
};

/// The box `wanted` of the whole value of which `pieces`, all of local type `type`, are parts: replicas must agree bit
/// for bit (unless that is not to be checked), partial ones are combined in the order of their coordinates. Diagnostics
/// at `op`.
llvm::FailureOr<Tensor> assemble(mlir::Operation *op, llvm::ArrayRef<Piece> pieces, mlir::RankedTensorType type,
                                 const Box &wanted, bool checkReplicas = true);

/// Numbers for the inputs (and the parameters without data) that `inputs` lacks, drawn from (seed, name). Floats lie in
/// [-1, 1), parameters are scaled so that activations stay near 1; integers in [0, partita.maximum], else {0, 1}.
/// Symbols that `symbols` lacks get their largest value.
NamedTensors makeRandomInputs(mlir::func::FuncOp function, const NamedTensors &inputs, SymbolValues symbols,
                              uint64_t seed);

} // namespace partita::interpreter

#endif
