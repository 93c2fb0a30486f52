// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an executable prints and stores besides running: outputs, benchmark, memory, trace.
//
// Worked example of a benchmark's report:
//   bench      10 steps, 4 ranks, 1 thread each
//   latency    median 1.234 ms, min 1.101 ms, max 2.042 ms
//   predicted  1.000 ms
//   arena      40960 bytes on the largest rank, predicted 40960
#ifndef PARTITA_LIB_RUNTIME_REPORT_H
#define PARTITA_LIB_RUNTIME_REPORT_H

#include "partita/runtime/Program.h"

namespace partita::runtime {

std::string benchReport(const Program &program, std::vector<double> seconds);

std::string memoryReport(const Program &program);

/// Stores each output as DIR/NAME.npy (or .safetensors), then DIR/outputs.json: {"name": "file", ...}.
/// The folder is made if it is missing.
bool storeOutputs(const std::string &folder, const Image &image, const std::vector<TensorView> &outputs,
                  std::string &error);

/// Writes the recorded spans in the Trace Event Format that Perfetto reads: a thread for each rank.
bool writeTrace(const std::string &path, const Program &program, std::string &error);

} // namespace partita::runtime

#endif // PARTITA_LIB_RUNTIME_REPORT_H
