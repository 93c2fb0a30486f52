// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Any bytes as an ONNX file: a diagnostic, or a model that verifies; some are planned, partitioned and lowered too.
#include "Command.h"
#include "mlir/IR/Verifier.h"
#include "partita/import/Import.h"

using namespace partita;
using namespace partita::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Folder folder("model");
  static SharedContext shared;
  folder.write("input.onnx", data, size);
  mlir::MLIRContext &context = shared.renew();
  mlir::OwningOpRef<mlir::ModuleOp> module = import::importOnnx(context, folder.path("input.onnx"));
  if (!module)
    shared.expectDiagnostic();
  else if (failed(mlir::verify(*module)))
    __builtin_trap();
  if (isChosen(data, size))
    runCommand(compileArguments(folder, "input.onnx"), /*needsCode=*/true);
  return 0;
}
