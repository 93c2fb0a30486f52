// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Calibration.cpp - Which probes are run, and what follows from them ---------------===//
#include "partita/cost/Calibration.h"

#include <algorithm>

using namespace partita;
using namespace partita::cost;
using machine::BlockSizes;

namespace {
/// Products that leave every cache, but run in milliseconds.
constexpr int64_t productSize = 1024;
/// Elements of a tensor larger than the caches of common processors, and of one that fits in the second level.
constexpr int64_t largeSize = int64_t(1) << 24, smallSize = int64_t(1) << 15;
/// Elements of an op whose arithmetic takes no time, and of a large message.
constexpr int64_t tinySize = 16, messageSize = int64_t(1) << 22;
/// Block sizes are only kept if they are this much better than those of the caches: less is noise.
constexpr double leastGain = 1.03;
/// Up to what the memory of kernels is planned for, which is the same for all processors; the first are what is taken
/// without a measurement.
constexpr int64_t candidateRows[] = {196, 112, 56}, candidateDepths[] = {512, 384, 256},
                  candidateColumns[] = {512, 384, 256};

class Calibrator {
public:
  Calibrator(Stopwatch &stopwatch, const CalibrationOptions &options)
      : stopwatch(stopwatch), options(options), type(options.device) {
    type.isMeasured = true;
  }

  llvm::Expected<Calibration> run() {
    links = {"memory", 8e9, {}, {}, machine::Topology::Switch, {}};
    for (llvm::Error (Calibrator::*step)() : {&Calibrator::measureProducts, &Calibrator::measureVectors,
                                              &Calibrator::measureLinks, &Calibrator::chooseBlocks})
      if (llvm::Error error = (this->*step)())
        return std::move(error);
    machine::MachineDescription description{"calibrated", {type}, {}, {}};
    description.devices.assign(size_t(options.devices), machine::DeviceTypeId{0});
    if (options.devices > 1) {
      links.groupOf.assign(size_t(options.devices), 0);
      description.levels.push_back(links);
    }
    llvm::Expected<machine::Machine> machine = machine::Machine::create(std::move(description));
    if (!machine)
      return machine.takeError();
    return Calibration{*machine, std::move(lines)};
  }

private:
  /// The time of a probe; clocks that show none are taken as the smallest time that they could show.
  llvm::Error time(const Probe &probe, double &seconds) {
    llvm::Expected<Seconds> measured = stopwatch.measure(probe);
    if (!measured)
      return measured.takeError();
    seconds = std::max(measured->value, 1e-9);
    return llvm::Error::success();
  }

  void say(const std::string &what, double value, const char *unit) {
    lines.push_back(what + ": " + formatCount(value, unit));
  }

  static double countOperations(int64_t size) { return 2.0 * double(size) * double(size) * double(size); }

  llvm::Error measureProducts() {
    type.peakFlops.clear();
    for (const char *element : {"f64", "f32", "bf16"}) {
      double seconds = 0;
      if (llvm::Error error = time({ProbeKind::Product, element, productSize, {}}, seconds))
        return error;
      double rate = countOperations(productSize) / seconds;
      // A type without a rate of its own computes at that of the next wider one.
      if (element != llvm::StringRef("bf16") || rate > type.peakFor("f32"))
        type.peakFlops[element] = rate;
      say("products " + std::string(element), rate, "FLOP/s");
    }
    return llvm::Error::success();
  }

  llvm::Error measureVectors() {
    double tiny = 0, sum = 0, chain = 0;
    if (llvm::Error error = time({ProbeKind::Sum, "f32", tinySize, {}}, tiny))
      return error;
    if (llvm::Error error = time({ProbeKind::Sum, "f32", largeSize, {}}, sum))
      return error;
    if (llvm::Error error = time({ProbeKind::Chain, "f32", smallSize, {}}, chain))
      return error;
    type.launchOverhead = {tiny};
    // Two tensors are read and one is written.
    type.memoryBandwidth = 3 * 4 * double(largeSize) / std::max(sum - tiny, 1e-9);
    type.vectorFlops = double(smallSize * chainLength) / std::max(chain - tiny, 1e-9);
    say("memory", type.memoryBandwidth, "B/s");
    say("vectors", type.vectorFlops, "FLOP/s");
    lines.push_back("a kernel: " + formatSeconds(type.launchOverhead));
    return llvm::Error::success();
  }

  /// All-reduces of p ranks take 2 (p - 1) messages, and 2 (p - 1) / p of the bytes cross each link.
  llvm::Error measureLinks() {
    if (options.devices < 2)
      return llvm::Error::success();
    double tiny = 0, large = 0, p = double(options.devices);
    if (llvm::Error error = time({ProbeKind::Exchange, "f32", tinySize, {}}, tiny))
      return error;
    if (llvm::Error error = time({ProbeKind::Exchange, "f32", messageSize, {}}, large))
      return error;
    links.latency = {tiny / (2 * (p - 1))};
    links.bandwidth = 2 * (p - 1) / p * 4 * double(messageSize) / std::max(large - tiny, 1e-9);
    say("links", links.bandwidth, "B/s");
    lines.push_back("a message: " + formatSeconds(links.latency));
    return llvm::Error::success();
  }

  /// One size after the other, the others as they are best so far: the three caches that they fill are different ones.
  llvm::Error chooseBlocks() {
    double ofCaches = 0;
    if (llvm::Error error = time({ProbeKind::Product, "f32", productSize, {}}, ofCaches))
      return error;
    BlockSizes best{candidateRows[0], candidateDepths[0], candidateColumns[0]};
    double shortest = std::numeric_limits<double>::infinity();
    auto tryAll = [&](int64_t BlockSizes::*size, llvm::ArrayRef<int64_t> candidates) -> llvm::Error {
      BlockSizes start = best;
      for (int64_t candidate : candidates) {
        BlockSizes blocks = start;
        blocks.*size = candidate;
        double seconds = 0;
        if (llvm::Error error = time({ProbeKind::Product, "f32", productSize, blocks}, seconds))
          return error;
        if (seconds < shortest) {
          shortest = seconds;
          best = blocks;
        }
      }
      return llvm::Error::success();
    };
    if (llvm::Error error = tryAll(&BlockSizes::depth, candidateDepths))
      return error;
    if (llvm::Error error = tryAll(&BlockSizes::rows, candidateRows))
      return error;
    if (llvm::Error error = tryAll(&BlockSizes::columns, candidateColumns))
      return error;
    // Once more, so that a disturbance of one run decides nothing.
    double again = 0, ofCachesAgain = 0;
    if (llvm::Error error = time({ProbeKind::Product, "f32", productSize, best}, again))
      return error;
    if (llvm::Error error = time({ProbeKind::Product, "f32", productSize, {}}, ofCachesAgain))
      return error;
    if (std::min(ofCaches, ofCachesAgain) / std::max(shortest, again) < leastGain) {
      lines.push_back("blocks: as the caches suggest");
      return llvm::Error::success();
    }
    type.blocks[options.processor] = best;
    type.peakFlops["f32"] = std::max(type.peakFlops["f32"], countOperations(productSize) / shortest);
    lines.push_back("blocks of " + options.processor + ": " + std::to_string(best.rows) + " rows, " +
                    std::to_string(best.depth) + " deep, " + std::to_string(best.columns) + " columns, " +
                    formatCount(countOperations(productSize) / shortest, "FLOP/s"));
    return llvm::Error::success();
  }

  Stopwatch &stopwatch;
  const CalibrationOptions &options;
  machine::DeviceType type;
  machine::LinkLevel links;
  std::vector<std::string> lines;
};
} // namespace

llvm::Expected<Calibration> cost::calibrate(Stopwatch &stopwatch, const CalibrationOptions &options) {
  return Calibrator(stopwatch, options).run();
}
