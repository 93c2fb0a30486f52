// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream ops that answer Partita's questions: how an op splits and what it costs.
//
// Attached to: every structured op of linalg on tensors (its iterators are the loops, its indexing maps the indexing),
// tensor.empty, splat, extract_slice, insert_slice, expand_shape and collapse_shape, and arith.constant. With them a
// function of upstream ops is planned and partitioned by the passes that do so for a graph.
//
// Example:
//   mlir::DialectRegistry registry;
//   registry.insert<mlir::linalg::LinalgDialect, partita::plan::PlanDialect>();
//   partita::adapters::registerSplitModels(registry);
//   // linalg.matmul now has loops m, n (parallel) and k (reduction, sum).
#ifndef PARTITA_ADAPTERS_LINALG_H
#define PARTITA_ADAPTERS_LINALG_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace partita::adapters {

/// Attaches SplitOpInterface and CostOpInterface when linalg, tensor and arith are loaded. The dialects themselves are
/// not registered here.
void registerSplitModels(mlir::DialectRegistry &registry);

} // namespace partita::adapters

#endif
