// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The stopwatch of `partita calibrate`: compiles a probe as any model is compiled, runs it, reads its trace.
//
// Example: ProbeRunner runner({.folder = "/tmp/x", .cpu = "native", .device = type, .devices = 2, .seconds = 0.5});
//          llvm::Expected<Seconds> time = runner.measure({cost::ProbeKind::Product, "f32", 1024, {}});
#ifndef PARTITA_LIB_PIPELINE_PROBERUNNER_H
#define PARTITA_LIB_PIPELINE_PROBERUNNER_H

#include "partita/cost/Calibration.h"

namespace partita {

struct ProbeRunnerOptions {
  std::string folder;    ///< For models, programs and traces; exists.
  std::string driver;    ///< The path of this program.
  std::string cpu;       ///< As --cpu has it.
  std::string processor; ///< As LLVM calls it.
  machine::DeviceType device;
  int64_t devices = 1;
  double seconds = 1; ///< About how long one probe may run.
};

class ProbeRunner : public cost::Stopwatch {
public:
  explicit ProbeRunner(ProbeRunnerOptions options) : options(std::move(options)) {}

  llvm::Expected<Seconds> measure(const cost::Probe &probe) override;

private:
  llvm::Expected<std::string> compile(const cost::Probe &probe);
  /// Runs `steps` steps and gives the trace.
  llvm::Expected<std::string> execute(llvm::StringRef program, int64_t steps);

  ProbeRunnerOptions options;
};

/// The model of a probe for this many ranks, each of which has one part of its first dim.
std::string writeProbeModel(const cost::Probe &probe, int64_t devices);

/// The median over the steps of a trace, the first left out, of the time in kernels on the slowest rank; for an
/// exchange, of the wait of the rank that came last. E-BAD-FILE.
llvm::Expected<Seconds> readProbeTrace(llvm::StringRef trace, bool isExchange);

} // namespace partita

#endif
