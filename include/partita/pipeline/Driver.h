// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `partita` command as a function.
//
// Example: runDriver({"zoo", "mlp", "-o", "mlp.onnx"}, outs(), errs(), "/usr/bin/partita") == 0.
#ifndef PARTITA_PIPELINE_DRIVER_H
#define PARTITA_PIPELINE_DRIVER_H

#include "llvm/Support/raw_ostream.h"
#include <string>
#include <vector>

namespace partita {

/// Runs one command. Results go to `out`, progress and diagnostics to `err`. `program` is the path of the running
/// executable (the runtime library lies beside it). Returns the exit status: 0 done, 1 a user's error or a negative
/// answer, 2 wrong usage.
int runDriver(const std::vector<std::string> &arguments, llvm::raw_ostream &out, llvm::raw_ostream &err,
              const std::string &program);

} // namespace partita

#endif
