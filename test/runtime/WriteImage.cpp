// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes the image of the tests to stdout, as the compiler would put it into an executable.
#include "ImageBuilder.h"

#include <cstdio>

int main() {
  std::string bytes = partita::runtime::serializeImage(partita::runtime::test::scaleImage());
  return fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size() ? 0 : 1;
}
