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

/// Bounds what a loop becomes when it is written out: 64 iterations, or more of them where they are small.
class Iterations {
public:
  explicit Iterations(NodeContext &node);
  /// False, with a report, where iteration number `iteration` would be too much.
  bool mayRun(int64_t iteration);

private:
  NodeContext &node;
  uint64_t nodesBefore;
};

/// The value in the module; null where it could not be imported.
mlir::Value materialize(NodeContext &node, ImportedValue value, llvm::StringRef part);

/// Element `index` along `dim`, without that dim.
mlir::Value takeRow(NodeContext &node, mlir::Value value, int64_t dim, int64_t index);

/// Values of one type, along a new dim `dim`.
mlir::Value stackRows(NodeContext &node, llvm::ArrayRef<mlir::Value> rows, int64_t dim);

/// An op behind `before` (null: the block's first) that fails for some values of its operands: integer division, or
/// reading at computed indices. Null where there is none.
mlir::Operation *findRiskyOp(mlir::Block &block, mlir::Operation *before);

/// `value`, read in a way that fails the run unless `condition` (a scalar bool) holds.
mlir::Value failUnless(NodeContext &node, mlir::Value condition, mlir::Value value);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_OPS_ITERATIONS_H
