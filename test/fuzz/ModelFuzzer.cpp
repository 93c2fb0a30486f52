// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Any bytes as an ONNX file: a diagnostic, or a model that is planned, partitioned and lowered.
#include "Command.h"

using namespace partita::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Folder folder("model");
  folder.write("input.onnx", data, size);
  runCommand(compileArguments(folder, "input.onnx"), /*needsCode=*/true);
  return 0;
}
