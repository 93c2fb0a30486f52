// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mlir-opt with Partita's dialects and passes.
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "partita/Register.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  partita::registerAll(registry);
  mlir::registerAllPasses();
  partita::registerAllPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Partita optimizer driver\n", registry));
}
