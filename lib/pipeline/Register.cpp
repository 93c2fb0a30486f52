// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/Register.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/InitAllDialects.h"
#include "partita/adapters/Linalg.h"
#include "partita/dialects/collective/Collective.h"
#include "partita/dialects/graph/Graph.h"
#include "partita/lowering/Lowering.h"
#include "partita/partition/Passes.h"
#include "partita/planner/Passes.h"

using namespace mlir;

void partita::registerAll(DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  registry.insert<PartitaDialect, graph::GraphDialect, plan::PlanDialect, collective::CollectiveDialect>();
  adapters::registerSplitModels(registry);
  lowering::registerBufferizableModels(registry);
  lowering::registerLoweringModels(registry);
}

void partita::registerAllPasses() {
  planner::registerPartitaPlannerPasses();
  partition::registerPartitaPartitionPasses();
}
