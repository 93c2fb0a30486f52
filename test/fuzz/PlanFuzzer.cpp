// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Any bytes as the plan of a small model: a diagnostic, or a program that is partitioned; some are lowered too.
#include "Command.h"
#include "mlir/Pass/PassManager.h"
#include "partita/import/Import.h"
#include "partita/partition/Passes.h"
#include "partita/report/PlanFile.h"

using namespace partita;
using namespace partita::fuzz;

/// The folder with the model, which is written once. The plans in Inputs/plan are made for it:
///   partita zoo mlp --layers 3 -o model.onnx && partita plan model.onnx --machine cpu:4 -o plan.json
static const Folder &getFolder() {
  static const Folder folder("plan");
  static int status = runCommand({"zoo", "mlp", "--layers", "3", "-o", folder.path("model.onnx")}, true);
  if (status != 0)
    abort();
  return folder;
}

static mlir::LogicalResult partitionBy(const JsonDocument &document, mlir::ModuleOp module) {
  if (failed(report::applyPlan(document, module)))
    return mlir::failure();
  mlir::PassManager passes(module.getContext());
  passes.addPass(partition::createCompletePlanPass());
  passes.addPass(partition::createPartitionPass());
  passes.addPass(partition::createVerifyPlacementsPass());
  passes.addPass(partition::createOutlineSegmentsPass());
  return passes.run(module);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static SharedContext shared;
  const Folder &folder = getFolder();
  mlir::MLIRContext &context = shared.renew();
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  llvm::Expected<JsonDocument> document = JsonDocument::parse(text, "plan.json");
  if (!document) {
    llvm::consumeError(document.takeError());
  } else {
    mlir::OwningOpRef<mlir::ModuleOp> module = import::importOnnx(context, folder.path("model.onnx"));
    if (failed(partitionBy(*document, *module)))
      shared.expectDiagnostic();
  }
  if (!isChosen(data, size))
    return 0;
  folder.write("plan.json", data, size);
  runCommand({"compile", folder.path("model.onnx"), "--plan", folder.path("plan.json"), "--stop-after", "lower", "-o",
              folder.path("output.mlir")},
             /*needsCode=*/true);
  return 0;
}
