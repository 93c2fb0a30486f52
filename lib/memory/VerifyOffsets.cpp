// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- VerifyOffsets.cpp - A layout checked from first principles ---------------------===//
#include "partita/memory/Arena.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

using namespace partita::memory;

namespace {
std::string describe(const std::vector<LiveRange> &ranges, const std::vector<int64_t> &offsets, size_t i) {
  return "range " + std::to_string(i) + " (events " + std::to_string(ranges[i].begin) + " to " +
         std::to_string(ranges[i].end) + ", bytes " + std::to_string(offsets[i]) + " to " +
         std::to_string(offsets[i] + ranges[i].bytes) + ")";
}

std::optional<std::string> findPlaceError(const LiveRange &range, int64_t offset, int64_t totalBytes) {
  if (offset < 0)
    return "expected an offset of at least 0, got " + std::to_string(offset) + " (rule O1)";
  if (offset % range.alignment != 0)
    return "expected an offset that is a multiple of " + std::to_string(range.alignment) + ", got " +
           std::to_string(offset) + " (rule O2)";
  if (offset > totalBytes - range.bytes)
    return "expected an end within " + std::to_string(totalBytes) + " bytes, got offset " + std::to_string(offset) +
           " and " + std::to_string(range.bytes) + " bytes (rule O3)";
  return std::nullopt;
}
} // namespace

std::optional<std::string> partita::memory::verifyOffsets(const std::vector<LiveRange> &ranges,
                                                          const std::vector<int64_t> &offsets, int64_t totalBytes) {
  if (std::optional<std::string> error = findRangeError(ranges))
    return error;
  if (offsets.size() != ranges.size())
    return "expected " + std::to_string(ranges.size()) + " offsets, got " + std::to_string(offsets.size()) +
           " (rule O1)";
  for (size_t i = 0; i < ranges.size(); ++i)
    if (std::optional<std::string> error = findPlaceError(ranges[i], offsets[i], totalBytes))
      return "range " + std::to_string(i) + ": " + *error;

  // Walk through time with the set of live ranges ordered by offset. As long as no mistake has been found they
  // are disjoint, so a new one can only collide with its two neighbours.
  std::vector<std::tuple<int64_t, int, size_t>> changes; // event, 0 begins or 1 ends after it, range
  for (size_t i = 0; i < ranges.size(); ++i) {
    if (ranges[i].bytes == 0)
      continue;
    changes.emplace_back(ranges[i].begin, 0, i);
    changes.emplace_back(ranges[i].end, 1, i);
  }
  std::sort(changes.begin(), changes.end());
  std::map<int64_t, size_t> live;
  for (const auto &[event, ends, i] : changes) {
    if (ends) {
      live.erase(offsets[i]);
      continue;
    }
    auto next = live.lower_bound(offsets[i]);
    std::optional<size_t> other;
    if (next != live.end() && next->first < offsets[i] + ranges[i].bytes)
      other = next->second;
    else if (next != live.begin() && std::prev(next)->first + ranges[std::prev(next)->second].bytes > offsets[i])
      other = std::prev(next)->second;
    if (other)
      return describe(ranges, offsets, i) + " shares bytes with " + describe(ranges, offsets, *other) + " at event " +
             std::to_string(event) + " (rule O4)";
    live.emplace(offsets[i], i);
  }
  return std::nullopt;
}
