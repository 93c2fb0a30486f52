// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Any bytes as a model configuration for the zoo: a diagnostic, or a model file that can be imported.
#include "Command.h"
#include "partita/import/Import.h"

using namespace partita::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Folder folder("config");
  static SharedContext shared;
  folder.write("config.json", data, size);
  std::string model = folder.path("model.onnx");
  if (runCommand({"zoo", "--from", folder.path("config.json"), "-o", model}, /*needsCode=*/true) != 0)
    return 0;
  // What the zoo writes is right.
  mlir::OwningOpRef<mlir::ModuleOp> module = partita::import::importOnnx(shared.renew(), model);
  if (!module)
    __builtin_trap();
  return 0;
}
