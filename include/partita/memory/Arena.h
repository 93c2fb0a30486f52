// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Arena.h - Live ranges to offsets in one arena ------------------------------===//
//
// A program's temporary values share one block of memory, the arena. Given when each value is alive and how
// large it is, this library places them so that values that are alive together never overlap and the block
// is hardly larger than it must be. It knows nothing of ops and needs no LLVM.
//
// Time is counted in events: a value is alive from the event that writes it to the event that last reads it,
// both included, so an event's inputs and outputs never overlap. Example:
//
//   std::vector<LiveRange> ranges = {{0, 1, 100}, {1, 2, 60}, {2, 3, 100}};   // begin, end, bytes
//   std::optional<ArenaLayout> layout = assignOffsets(ranges);
//   layout->offsets;          // {64, 0, 64}: the first and the third share their bytes
//   layout->totalBytes;       // 164
//   layout->peakLiveBytes;    // 160, at events 1 and 2
//   verifyOffsets(ranges, layout->offsets, layout->totalBytes);   // nothing: no mistake
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_MEMORY_ARENA_H
#define PARTITA_MEMORY_ARENA_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace partita::memory {

/// When a value is alive, in event indices with both ends included, and what it needs.
struct LiveRange {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t bytes = 0;
  int64_t alignment = 64;

  bool operator==(const LiveRange &) const = default;
};

struct ArenaLayout {
  /// One for each range, in the order of the ranges; 0 for a range of no bytes.
  std::vector<int64_t> offsets;
  /// The largest offset + bytes: the size of the arena.
  int64_t totalBytes = 0;
  /// The largest sum of the bytes of ranges alive at one event: no layout is smaller.
  int64_t peakLiveBytes = 0;

  bool operator==(const ArenaLayout &) const = default;
};

/// What is wrong with the ranges, or nothing. Rules: L1 begin <= end; L2 bytes >= 0; L3 the alignment is a
/// power of two, at most 2^30; L4 all aligned sizes together fit an int64.
std::optional<std::string> findRangeError(const std::vector<LiveRange> &ranges);

/// The largest sum of live bytes over all events; 0 for no ranges.
int64_t computePeakLiveBytes(const std::vector<LiveRange> &ranges);

/// Places the ranges; nothing if they break a rule of findRangeError. Equal input gives equal output on every
/// machine. The problem (dynamic storage allocation) is NP-hard: several greedy orders are tried, then the
/// best is improved within a fixed amount of work. 10,000 ranges take less than a second.
std::optional<ArenaLayout> assignOffsets(const std::vector<LiveRange> &ranges);

/// Checks a layout from first principles, without any code of assignOffsets: what is wrong, or nothing.
/// Rules: O1 one offset for each range, none negative; O2 aligned; O3 within the total; O4 ranges that are
/// alive at the same event share no byte.
std::optional<std::string> verifyOffsets(const std::vector<LiveRange> &ranges, const std::vector<int64_t> &offsets,
                                         int64_t totalBytes);

} // namespace partita::memory

#endif // PARTITA_MEMORY_ARENA_H
