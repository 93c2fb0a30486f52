// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Any bytes as the plan of a small model: a diagnostic, or a program that is partitioned and lowered.
#include "Command.h"

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

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const Folder &folder = getFolder();
  folder.write("plan.json", data, size);
  runCommand({"compile", folder.path("model.onnx"), "--plan", folder.path("plan.json"), "--stop-after", "lower", "-o",
              folder.path("output.mlir")},
             /*needsCode=*/true);
  return 0;
}
