// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Partita inside another MLIR tool. A tool reads its pass flags before it loads plugins, so that passes of a plugin are
// named in a pipeline:
//
//   mlir-opt --load-dialect-plugin=partita-plugin.so --load-pass-plugin=partita-plugin.so model.mlir
//     --pass-pipeline="builtin.module(partita-plan{machine=cpu:4},partita-partition,partita-verify-placements)"
#include "partita/pipeline/Plugin.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

extern "C" LLVM_ATTRIBUTE_WEAK mlir::DialectPluginLibraryInfo mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Partita", PARTITA_VERSION,
          [](mlir::DialectRegistry *registry) { partita::registerPluginDialects(*registry); }};
}

extern "C" LLVM_ATTRIBUTE_WEAK mlir::PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Partita", PARTITA_VERSION, partita::registerPluginPasses};
}
