// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Any bytes as the rules of a small model's custom ops: a diagnostic, or a model whose claims have been tried; some are
// planned for two ranks and lowered.
#include "Command.h"
#include "mlir/Pass/PassManager.h"
#include "partita/import/Import.h"
#include "partita/import/Passes.h"

using namespace partita;
using namespace partita::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Folder folder("rules");
  static SharedContext shared;
  folder.write("rules.json", data, size);
  mlir::MLIRContext &context = shared.renew();
  import::ImportOptions options;
  options.dims = {{"batch", 3, 3}};
  options.allowMissingBodies = size % 2 == 1;
  llvm::Expected<std::vector<import::OpRule>> rules = import::readRules(folder.path("rules.json"));
  if (!rules) {
    llvm::consumeError(rules.takeError());
  } else {
    options.rules = std::move(*rules);
    mlir::OwningOpRef<mlir::ModuleOp> module = import::importOnnx(context, PARTITA_CUSTOM_MODEL, options);
    mlir::PassManager passes(&context);
    import::addImportPasses(passes);
    passes.addNestedPass<mlir::func::FuncOp>(import::createCheckCustomOpsPass());
    if (!module || failed(passes.run(*module)))
      shared.expectDiagnostic();
  }
  if (isChosen(data, size))
    runCommand({"compile", PARTITA_CUSTOM_MODEL, "--batch", "3", "--rules", folder.path("rules.json"), "--machine",
                "cpu:2", "--effort", "1", "--stop-after", "lower", "-o", folder.path("output.mlir")},
               /*needsCode=*/true);
  return 0;
}
