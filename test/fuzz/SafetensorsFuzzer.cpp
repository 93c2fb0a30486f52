// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Any bytes as a .safetensors file: an error, or tensors whose data lie inside the bytes.
#include "partita/runtime/Safetensors.h"

using namespace partita::runtime;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::vector<StoredTensor> tensors;
  std::string error;
  if (!parseSafetensors(data, size, "input.safetensors", tensors, error)) {
    if (error.rfind("E-", 0) != 0)
      __builtin_trap();
    return 0;
  }
  for (const StoredTensor &tensor : tensors) {
    const uint8_t *first = static_cast<const uint8_t *>(tensor.view.data);
    size_t bytes = static_cast<size_t>(elementCount(tensor.view.shape)) * elementBytes(tensor.view.elementType);
    if (bytes > 0 && (first < data || first + bytes > data + size))
      __builtin_trap();
  }
  return 0;
}
