// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The main program of an emitted executable, apart from `int main` itself, which lies in an object of its
// own so that an emitted library leaves it out.
//
// Worked example, the whole of `int main`: return partita_main(argc, argv);
#ifndef PARTITA_RUNTIME_MAIN_H
#define PARTITA_RUNTIME_MAIN_H

#include "partita/runtime/Context.h"

#include <cstddef>

namespace partita::runtime {

/// Runs the command line on an image and its functions. Results go to stdout, diagnostics ("error:
/// E-...: ...") to stderr. Returns the exit status: 0 done, 1 the user's error, 2 wrong usage.
int runMain(int argc, const char *const *argv, const void *image, size_t size, const partita_function *functions);

} // namespace partita::runtime

/// runMain() on the symbols that the compiler emitted.
extern "C" int partita_main(int argc, char **argv);

#endif // PARTITA_RUNTIME_MAIN_H
