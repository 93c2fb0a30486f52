// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C interface of Partita.h on an image that is given, instead of the emitted one.
//
// Worked example: partita_create() itself is
//   createLibraryProgram(partita_image, partita_image_size, partita_functions, weights, threads, ...).
#ifndef PARTITA_RUNTIME_LIBRARY_H
#define PARTITA_RUNTIME_LIBRARY_H

#include "partita/runtime/Context.h"
#include "partita/runtime/Partita.h"

namespace partita::runtime {

/// partita_create() on these bytes and functions, which must outlive the program.
partita_program *createLibraryProgram(const void *image, size_t size, const partita_function *functions,
                                      const char *weights, int64_t threads, char *error, size_t errorSize);

} // namespace partita::runtime

#endif // PARTITA_RUNTIME_LIBRARY_H
