// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- BatchFlow.h - Where the batch of an imported graph goes -----------------===//
//
// A graph that was imported with a batch of b elements treats them independently where every op walks them by a
// parallel loop. Then they may be more or fewer, and what each gives stays the same. This finds in which dim of each
// value they lie, or which op puts them together. Example, b = 2:
//
//   x [2, 6, 8] --reshape--> [12, 8] --contraction with w [8, 4]--> [12, 4] --reshape--> [2, 6, 4]
//   {dim 0, outer 1, inner 1}  {dim 0, 1, inner 6}                   {0, 1, 6}            {0, 1, 1}
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_BATCHFLOW_H
#define PARTITA_LIB_IMPORT_BATCHFLOW_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "partita/dialects/interfaces/LoopNest.h"
#include "llvm/ADT/DenseMap.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace partita::import {

/// Where the batch lies in a value: dim `dim` has outer * batch * inner elements, in this order.
struct BatchSpot {
  int64_t dim = 0, outer = 1, inner = 1;
  bool operator==(const BatchSpot &) const = default;
};

/// Why an op cannot have another batch.
struct BatchProblem {
  mlir::Operation *op;
  std::string reason;
};

class BatchFlow {
public:
  BatchFlow(mlir::func::FuncOp function, int64_t batch) : function(function), batch(batch) {}

  /// Follows the batch from these dims of arguments on. False: see getProblems.
  bool run(const std::map<unsigned, int64_t> &dimOfArgument);

  const std::vector<BatchProblem> &getProblems() const { return problems; }
  /// Nothing for a value that does not depend on the batch.
  std::optional<BatchSpot> find(mlir::Value value) const;
  /// Gathers whose indices pick, for each element of the batch, within that element: where the batch lies in the
  /// indices, which are a multiple of its number, and what does not depend on it.
  const std::map<mlir::Operation *, BatchSpot> &getPicks() const { return picks; }
  /// Operands, by op and number, that do not depend on the batch but hold a copy for each of its elements, here.
  const std::map<std::pair<mlir::Operation *, unsigned>, BatchSpot> &getCopies() const { return copies; }

private:
  /// The batch within a loop of an op.
  struct LoopSpot {
    unsigned loop;
    int64_t outer, inner;
    bool operator==(const LoopSpot &) const = default;
  };

  bool follow();
  void visit(mlir::Operation *op);
  void visitReshape(mlir::Operation *op);
  /// True for a gather along the batch, which is then done with.
  bool visitGather(mlir::Operation *op);
  /// The one to take of places that are as good as each other for all that is known yet.
  const BatchSpot &choose(const std::vector<BatchSpot> &places);
  /// The loop that walks the batch; nothing after a problem.
  std::optional<LoopSpot> findLoop(mlir::Operation *op, const LoopNest &nest);
  void readOperand(mlir::Operation *op, unsigned operand, const BatchSpot &spot);
  /// False where every choice has been tried.
  bool chooseOther();
  void fail(mlir::Operation *op, const std::string &reason) { problems.push_back({op, reason}); }

  mlir::func::FuncOp function;
  int64_t batch;
  std::map<unsigned, int64_t> inputs;
  llvm::DenseMap<mlir::Value, BatchSpot> spots;
  std::map<std::pair<mlir::Operation *, unsigned>, BatchSpot> copies;
  std::map<mlir::Operation *, BatchSpot> picks;
  std::vector<BatchProblem> problems;
  /// For each op that may have the batch in several dims of extent 1: which, and of how many.
  std::vector<std::pair<size_t, size_t>> choices;
  size_t nextChoice = 0;
};

/// Whether what the value holds for each element of the batch is the same, which only values can be that do not depend
/// on the batch: constants and weights whose numbers are equal, and what is computed from such.
bool isSameForAll(mlir::Value value, const BatchSpot &spot, int64_t batch);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_BATCHFLOW_H
