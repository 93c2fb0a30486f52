// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- LiveRanges.cpp - Rules and peak of live ranges -------------------------------===//
#include "partita/memory/Arena.h"

#include <algorithm>
#include <limits>
#include <utility>

using namespace partita::memory;

std::optional<std::string> partita::memory::findRangeError(const std::vector<LiveRange> &ranges) {
  int64_t sum = 0;
  for (size_t i = 0; i < ranges.size(); ++i) {
    const LiveRange &range = ranges[i];
    std::string name = "range " + std::to_string(i);
    if (range.begin > range.end)
      return name + ": expected begin <= end, got " + std::to_string(range.begin) + " and " +
             std::to_string(range.end) + " (rule L1)";
    if (range.bytes < 0)
      return name + ": expected at least 0 bytes, got " + std::to_string(range.bytes) + " (rule L2)";
    if (range.alignment < 1 || range.alignment > (int64_t(1) << 30) || (range.alignment & (range.alignment - 1)) != 0)
      return name + ": expected a power of two up to 2^30 as alignment, got " + std::to_string(range.alignment) +
             " (rule L3)";
    // Room for the range and for aligning it, wherever it is placed.
    if (__builtin_add_overflow(sum, range.bytes, &sum) || __builtin_add_overflow(sum, range.alignment, &sum))
      return name + ": the sizes do not fit 63 bits together (rule L4)";
  }
  return std::nullopt;
}

int64_t partita::memory::computePeakLiveBytes(const std::vector<LiveRange> &ranges) {
  // (event, kind, bytes): at one event what begins there is alive together with what ends there, so ends
  // count after begins.
  std::vector<std::pair<std::pair<int64_t, int>, int64_t>> changes;
  changes.reserve(2 * ranges.size());
  for (const LiveRange &range : ranges) {
    changes.push_back({{range.begin, 0}, range.bytes});
    changes.push_back({{range.end, 1}, -range.bytes});
  }
  std::sort(changes.begin(), changes.end());
  int64_t live = 0, peak = 0;
  for (const auto &[when, bytes] : changes) {
    live += bytes;
    peak = std::max(peak, live);
  }
  return peak;
}
