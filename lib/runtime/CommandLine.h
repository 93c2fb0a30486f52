// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The command line of an emitted executable.
//
// Worked example: ./gpt --input ids=ids.npy --output out --bench 10. NAME=FILE is split at the last '=',
// because names of tensors may contain one.
#ifndef PARTITA_LIB_RUNTIME_COMMANDLINE_H
#define PARTITA_LIB_RUNTIME_COMMANDLINE_H

#include "partita/runtime/Image.h"

namespace partita::runtime {

struct CommandLine {
  std::vector<std::pair<std::string, std::string>> inputs; ///< Name, path.
  std::string output, weights, profile;
  bool help = false, version = false, randomInputs = false, memory = false;
  int64_t bench = 0, threads = 0;
  uint64_t seed = 0;
};

/// False with "E-USAGE: ..." or "E-TRANSPORT: ..." for what cannot be done.
bool parseCommandLine(int argc, const char *const *argv, CommandLine &options, std::string &error);

/// What --help prints: the options, and what was compiled into this program.
std::string helpText(const std::string &executable, const Image &image);

} // namespace partita::runtime

#endif // PARTITA_LIB_RUNTIME_COMMANDLINE_H
