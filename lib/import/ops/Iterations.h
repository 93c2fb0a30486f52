// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Iterations.h - Writing out the iterations of a loop ---------------------===//
//
// What If, Loop and Scan share. Example: a loop of 5 iterations whose rows become one tensor [5, 2]:
//
//   Iterations iterations(node);
//   for (int64_t i = 0; i < 5 && iterations.mayRun(i); ++i) rows.push_back(...);
//   node.setResult(1, stackRows(node, rows, /*dim=*/0));
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_OPS_ITERATIONS_H
#define PARTITA_LIB_IMPORT_OPS_ITERATIONS_H

#include "NodeContext.h"

namespace partita::import {

/// Bounds what a loop becomes when it is written out: 20,000 ops, 80,000 nodes, 20,000 iterations.
class Iterations {
public:
  explicit Iterations(NodeContext &node);
  /// False, with a report, where iteration number `iteration` would be too much.
  bool mayRun(int64_t iteration);

private:
  NodeContext &node;
  uint64_t nodesBefore, opsBefore;
};

/// The value in the module; null where it could not be imported.
mlir::Value materialize(NodeContext &node, ImportedValue value, llvm::StringRef part);

/// Element `index` along `dim`, without that dim.
mlir::Value takeRow(NodeContext &node, mlir::Value value, int64_t dim, int64_t index);

/// Values of one type, along a new dim `dim`.
mlir::Value stackRows(NodeContext &node, llvm::ArrayRef<mlir::Value> rows, int64_t dim);

/// The rows that a loop collects. Sixteen of them at a time are joined as they come, so that a long loop does not keep
/// all of them apart until its end: a plan decides about everything that is still to be read.
class RowStack {
public:
  /// Along a new dim `axis` of the result (from the end where negative), the last row first where it `isReversed`.
  explicit RowStack(int64_t axis = 0, bool isReversed = false) : axis(axis), isReversed(isReversed) {}
  bool isEmpty() const { return levels.empty() && !isBroken; }
  void push(NodeContext &node, mlir::Value row);
  /// All rows; null: a row was null, or after a report. The stack is empty then.
  mlir::Value take(NodeContext &node);

private:
  void join(NodeContext &node, size_t level);
  mlir::Value concatenate(NodeContext &node, llvm::SmallVector<mlir::Value> parts);

  int64_t axis;
  bool isReversed, isBroken = false;
  int64_t dim = 0;
  /// Parts of 1, 16, 256 ... rows.
  std::vector<llvm::SmallVector<mlir::Value>> levels;
};

/// An op behind `before` (null: the block's first) that fails for some values of its operands: integer division, or
/// reading at computed indices. Null where there is none.
mlir::Operation *findRiskyOp(mlir::Block &block, mlir::Operation *before);

/// `value`, read in a way that fails the run unless `condition` (a scalar bool) holds.
mlir::Value failUnless(NodeContext &node, mlir::Value condition, mlir::Value value);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_OPS_ITERATIONS_H
