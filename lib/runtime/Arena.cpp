// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A rank's memory: reserved as one range of addresses, taken where it is written, given back where no step needs it.
#include "Rank.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace partita::runtime {

Rank::~Rank() {
  if (arena)
    munmap(arena, arenaSize);
  if (workerScratch)
    munmap(workerScratch, workerScratchSize);
}

// Smaller weights are not worth a boundary between two kinds of pages, of which a process has 65530.
constexpr uint64_t leastKeptOut = uint64_t(1) << 20;

// Below this, rounding up to large pages would show in what a process takes.
constexpr uint64_t leastForLargePages = uint64_t(16) << 20;
constexpr uint64_t largePage = uint64_t(2) << 20;

static uint64_t pageBytes() { return uint64_t(sysconf(_SC_PAGESIZE)); }

// The whole arena is one range of addresses, but the system gives memory only to what is written: what lies in files
// stays out, or the weights of a large model would be refused as more than the machine has.
bool Rank::reserveArena(const Image &image, std::string &error) {
  auto fail = [&] {
    error = "E-MEMORY: rank " + std::to_string(index) + " cannot reserve its arena of " + std::to_string(arenaSize) +
            " bytes: " + strerror(errno);
    return false;
  };
  std::vector<std::pair<uint64_t, uint64_t>> unused;
  uint64_t page = pageBytes();
  for (size_t s = 0; s < places.size(); ++s) {
    if (places[s].member < 0)
      continue;
    for (size_t b = 0; b < places[s].elsewhere.size(); ++b)
      // What only init calls read has no place of its own in the arena.
      if (const Buffer &buffer = image.stages[s].buffers[b];
          places[s].elsewhere[b] && places[s].holdings.readInSteps[b] && buffer.bytes >= leastKeptOut) {
        uint64_t begin = arenaSize + buffer.offset;
        unused.push_back({(begin + page - 1) / page * page, (begin + buffer.bytes) / page * page});
      }
    arenaSize += image.stages[s].arenaBytes;
  }
  if (arenaSize == 0)
    return true;
  void *memory = mmap(nullptr, arenaSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return fail();
  arena = static_cast<char *>(memory);
  unused.push_back({(arenaSize + page - 1) / page * page, UINT64_MAX});
  std::sort(unused.begin(), unused.end());
  uint64_t begin = 0;
  for (auto [first, last] : unused) {
    if (first > begin && mprotect(arena + begin, first - begin, PROT_READ | PROT_WRITE) != 0)
      return fail();
    begin = std::max(begin, last);
  }
  // Large arenas are walked through from end to end by every step; where the system has no large pages it says so in
  // vain.
  if (arenaSize >= leastForLargePages)
    (void)madvise(arena, arenaSize, MADV_HUGEPAGE);
  for (size_t s = 0, offset = 0; s < places.size(); ++s)
    if (places[s].member >= 0) {
      places[s].arena = arena + offset;
      offset += image.stages[s].arenaBytes;
    }
  return true;
}

// Whole pages for each thread, so that no two write to one line of a cache.
bool Rank::reserveWorkerScratch(const Image &image, int64_t threads, std::string &error) {
  uint64_t page = pageBytes();
  workerScratchStride = (image.workerScratchBytes + page - 1) / page * page;
  uint64_t size = workerScratchStride * uint64_t(threads);
  if (size == 0)
    return true;
  void *memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    error = "E-MEMORY: rank " + std::to_string(index) + " cannot reserve " + std::to_string(size) +
            " bytes of scratch for its threads: " + strerror(errno);
    return false;
  }
  workerScratch = static_cast<char *>(memory);
  workerScratchSize = size;
  return true;
}

// What init wrote and no step reads: raw weights, scratch. They may lie where the values are that another rank holds,
// so this has to wait until init is over. Of large pages only whole ones are given back: the rest would become small.
void Rank::dropInitMemory(const Image &image) {
  std::vector<std::pair<uint64_t, uint64_t>> kept{{arenaSize, arenaSize}};
  for (size_t s = 0, base = 0; s < places.size(); ++s) {
    const Place &place = places[s];
    if (place.member < 0)
      continue;
    for (size_t b = 0; b < place.elsewhere.size(); ++b)
      if (const Buffer &buffer = image.stages[s].buffers[b]; !place.elsewhere[b] && place.holdings.lasts[b])
        kept.push_back({base + buffer.offset, base + buffer.offset + buffer.bytes});
    base += image.stages[s].arenaBytes;
  }
  std::sort(kept.begin(), kept.end());
  uint64_t page = arenaSize >= leastForLargePages ? largePage : pageBytes(), begin = 0;
  uint64_t origin = reinterpret_cast<uintptr_t>(arena);
  for (auto [first, last] : kept) {
    uint64_t from = (origin + begin + page - 1) / page * page, to = (origin + first) / page * page;
    if (from < to && to - from >= leastKeptOut)
      madvise(reinterpret_cast<void *>(from), to - from, MADV_DONTNEED);
    begin = std::max(begin, last);
  }
}

} // namespace partita::runtime
