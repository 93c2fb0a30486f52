// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Any bytes as the image of an executable: an error, or an image that survives being written and read back.
#include "partita/runtime/Image.h"

#include <algorithm>

using namespace partita::runtime;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Image image;
  std::string error;
  if (!deserializeImage(data, size, image, error)) {
    if (error.rfind("E-", 0) != 0)
      __builtin_trap();
    return 0;
  }
  std::string blob = serializeImage(image);
  Image again;
  if (!deserializeImage(blob.data(), blob.size(), again, error) || serializeImage(again) != blob)
    __builtin_trap();
  return 0;
}

/// A small valid image to start from: without one no input gets past the header.
extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  if (size < 16) {
    Image image;
    image.producer = "partita";
    image.model = "seed";
    image.symbols.push_back({"batch", 1, 8});
    std::string blob = serializeImage(image);
    size = std::min(blob.size(), maxSize);
    std::copy_n(blob.begin(), size, data);
  }
  return LLVMFuzzerMutate(data, size, maxSize);
}
