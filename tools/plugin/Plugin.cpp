// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Partita inside another MLIR tool.
//
//   mlir-opt --load-dialect-plugin=partita-plugin.so --load-pass-plugin=partita-plugin.so model.mlir
//       --partita-plan="machine=cpu:4" --partita-partition --partita-verify-placements
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "partita/adapters/Linalg.h"
#include "partita/dialects/collective/Collective.h"
#include "partita/dialects/graph/Graph.h"
#include "partita/partition/Passes.h"
#include "partita/planner/Passes.h"

static void registerDialects(mlir::DialectRegistry *registry) {
  registry->insert<mlir::arith::ArithDialect, mlir::linalg::LinalgDialect, mlir::tensor::TensorDialect,
                   partita::PartitaDialect, partita::graph::GraphDialect, partita::plan::PlanDialect,
                   partita::collective::CollectiveDialect>();
  partita::adapters::registerSplitModels(*registry);
}

static void registerPasses() {
  partita::planner::registerPartitaPlannerPasses();
  partita::partition::registerPartitaPartitionPasses();
}

extern "C" LLVM_ATTRIBUTE_WEAK mlir::DialectPluginLibraryInfo mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Partita", "0.1", registerDialects};
}

extern "C" LLVM_ATTRIBUTE_WEAK mlir::PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Partita", "0.1", registerPasses};
}
