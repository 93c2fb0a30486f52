// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The command line on the emitted symbols.
#include "partita/runtime/Main.h"

extern "C" int partita_main(int argc, char **argv) {
  return partita::runtime::runMain(argc, argv, partita_image, partita_image_size, partita_functions);
}
