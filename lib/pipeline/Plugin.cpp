// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/pipeline/Plugin.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "partita/adapters/Linalg.h"
#include "partita/dialects/collective/Collective.h"
#include "partita/dialects/graph/Graph.h"
#include "partita/partition/Passes.h"
#include "partita/planner/Passes.h"

using namespace mlir;

void partita::registerPluginDialects(DialectRegistry &registry) {
  registry.insert<arith::ArithDialect, linalg::LinalgDialect, tensor::TensorDialect>();
  registry.insert<PartitaDialect, graph::GraphDialect, plan::PlanDialect, collective::CollectiveDialect>();
  adapters::registerSplitModels(registry);
}

void partita::registerPluginPasses() {
  planner::registerPartitaPlannerPasses();
  partition::registerPartitaPartitionPasses();
}
