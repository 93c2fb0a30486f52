// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Any bytes as an ONNX file with annotations for several devices: an error, or annotations that are written and read
// again as they were; some are planned with.
#include "Command.h"
#include "MutateModel.h"
#include "partita/import/Annotations.h"

using namespace partita;
using namespace partita::fuzz;

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maximum, unsigned seed) {
  return mutateModelBytes(data, size, maximum, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Folder folder("annotations");
  folder.write("input.onnx", data, size);
  llvm::Expected<import::ModelAnnotations> read = import::readAnnotations(folder.path("input.onnx"));
  if (!read) {
    llvm::consumeError(read.takeError());
  } else if (read->devices > 0) {
    if (llvm::Error error = import::writeAnnotations(folder.path("input.onnx"), folder.path("output.onnx"), *read)) {
      llvm::consumeError(std::move(error));
      return 0;
    }
    llvm::Expected<import::ModelAnnotations> again =
        import::readAnnotations(folder.path("output.onnx"), read->configuration);
    if (!again)
      __builtin_trap();
    bool isEqual = again->devices == read->devices && again->nodes.size() == read->nodes.size();
    for (size_t i = 0; isEqual && i < read->nodes.size(); ++i)
      isEqual = again->nodes[i].node == read->nodes[i].node && again->nodes[i].tensors == read->nodes[i].tensors &&
                again->nodes[i].stage == read->nodes[i].stage;
    if (!isEqual)
      __builtin_trap();
  }
  if (isChosen(data, size))
    runCommand(
        {"plan", folder.path("input.onnx"), "--machine", "cpu:4", "--effort", "1", "--json", folder.path("plan.json")},
        /*needsCode=*/true);
  return 0;
}
