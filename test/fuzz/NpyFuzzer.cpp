// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Any bytes as an .npy file: an error, or an array whose data lies inside the bytes.
#include "partita/runtime/Npy.h"

using namespace partita::runtime;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  TensorView tensor;
  std::string error;
  if (!parseNpy(data, size, "input.npy", tensor, error)) {
    if (error.rfind("E-", 0) != 0)
      __builtin_trap();
    return 0;
  }
  const uint8_t *first = static_cast<const uint8_t *>(tensor.data);
  size_t bytes = static_cast<size_t>(elementCount(tensor.shape)) * elementBytes(tensor.elementType);
  if (bytes > 0 && (first < data || first + bytes > data + size))
    __builtin_trap();
  return 0;
}
