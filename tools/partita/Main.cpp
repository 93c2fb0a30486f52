// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The driver.
#include "partita/pipeline/Driver.h"
#include "llvm/Support/FileSystem.h"

static int anchor;

int main(int argc, char **argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  std::string program = llvm::sys::fs::getMainExecutable(argv[0], &anchor);
  return partita::runDriver(arguments, llvm::outs(), llvm::errs(), program);
}
