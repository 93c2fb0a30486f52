// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Any bytes as an ONNX file: an error, or a model whose tensors are all found or refused.
#include "ModelFile.h"
#include "TensorPayload.h"

#include <sys/mman.h>
#include <unistd.h>

using namespace partita::import;

/// The bytes as a file with a name, without touching the disk. Empty when the system refuses.
static std::string writeToMemory(const uint8_t *data, size_t size, int &descriptor) {
  descriptor = memfd_create("model", 0);
  if (descriptor < 0 || write(descriptor, data, size) != static_cast<ssize_t>(size))
    return "";
  return "/proc/self/fd/" + std::to_string(descriptor);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int descriptor = -1;
  std::string path = writeToMemory(data, size, descriptor);
  {
    llvm::Expected<ModelFile> file = ModelFile::open(path);
    if (file) {
      for (const auto &tensor : file->getModel().graph().initializer())
        llvm::consumeError(locatePayload(*file, tensor).takeError());
    } else {
      llvm::consumeError(file.takeError());
    }
  }
  if (descriptor >= 0)
    close(descriptor);
  return 0;
}
