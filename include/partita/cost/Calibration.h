// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Calibration.h - From measured times to the figures of a device ------------------===//
//
// A probe is a small program whose time tells one figure. Who runs it is behind `Stopwatch`, so that what follows from
// times can be tested with made-up ones. Example:
//
//   CalibrationOptions options{machine::Machine::host().types()[0], 2, "znver4"};
//   llvm::Expected<Calibration> calibration = calibrate(stopwatch, options);
//   calibration->machine.toJson();     // two devices, measured rates, the best block sizes of znver4
//   calibration->lines;                // "products f32: 104 GFLOP/s", ...
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_COST_CALIBRATION_H
#define PARTITA_COST_CALIBRATION_H

#include "partita/machine/Machine.h"

namespace partita::cost {

enum class ProbeKind {
  Product,  ///< size x size by size x size.
  Sum,      ///< Of two tensors of `size` elements: memory traffic.
  Chain,    ///< `chainLength` multiplications and additions of each of `size` elements that stay in a cache.
  Exchange, ///< An all-reduce of `size` elements over all ranks.
};

/// How many operations of a chain follow each other.
constexpr int64_t chainLength = 32;

/// One program; every rank runs it on data of its own, all at once.
struct Probe {
  ProbeKind kind = ProbeKind::Product;
  std::string elementType = "f32";
  int64_t size = 0;
  /// Of products; chosen from the caches without.
  std::optional<machine::BlockSizes> blocks;

  bool operator==(const Probe &) const = default;
};

class Stopwatch {
public:
  virtual ~Stopwatch() = default;
  /// The median time of a step on the slowest rank; of an exchange, on the rank that comes last.
  virtual llvm::Expected<Seconds> measure(const Probe &probe) = 0;
};

struct CalibrationOptions {
  /// One device of this host, as far as it can be read: memory, cores, estimated rates.
  machine::DeviceType device;
  int64_t devices = 1;
  /// The processor that probes are compiled for, as LLVM calls it.
  std::string processor;
};

struct Calibration {
  machine::Machine machine;
  /// What was found, for people.
  std::vector<std::string> lines;
};

/// An error is the stopwatch's.
llvm::Expected<Calibration> calibrate(Stopwatch &stopwatch, const CalibrationOptions &options);

} // namespace partita::cost

#endif // PARTITA_COST_CALIBRATION_H
