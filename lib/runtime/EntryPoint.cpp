// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `int main` of an emitted executable: an archive member of its own, so that a library leaves it out.
#include "partita/runtime/Main.h"

int main(int argc, char **argv) { return partita_main(argc, argv); }
