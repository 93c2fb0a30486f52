// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C interface on the emitted symbols.
#include "partita/runtime/Library.h"

extern "C" partita_program *partita_create(const char *weights, int64_t threads, char *error, size_t errorSize) {
  return partita::runtime::createLibraryProgram(partita_image, partita_image_size, partita_functions, weights, threads,
                                                error, errorSize);
}
