// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/Register.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/InitAllDialects.h"
#include "partita/import/Passes.h"
#include "partita/lowering/Lowering.h"
#include "partita/lowering/Passes.h"
#include "partita/pipeline/Plugin.h"

using namespace mlir;

void partita::registerAll(DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  registerPluginDialects(registry);
  lowering::registerBufferizableModels(registry);
  lowering::registerLoweringModels(registry);
}

void partita::registerAllPasses() {
  registerPluginPasses();
  import::registerPartitaImportPasses();
  lowering::registerPartitaLoweringPasses();
}
