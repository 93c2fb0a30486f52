// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- AssignOffsets.cpp - Greedy placement in several orders, then improvement ---------===//
//
// Every layout can be pushed down until each range lies on another or on the ground, and placing the ranges in
// the order of their offsets at the lowest free place then gives a layout that is no larger. So the search is
// a search for an order. Greedy orders come first; then the ranges that reach the top of the best layout are
// moved forward in its order, which gives them lower places, as long as the work lasts.
//
//===----------------------------------------------------------------------===//
#include "partita/memory/Arena.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

using namespace partita::memory;

namespace {
/// Comparisons of two ranges that one call may make; about half a second.
constexpr int64_t mostComparisons = 300'000'000;
/// Orders tried for improvement, and how many of them in a row without any.
constexpr int mostTrials = 4000;
constexpr int mostFruitlessTrials = 600;

enum class Fit { Lowest, Tightest };
using Order = std::vector<uint32_t>;

struct Placed {
  int64_t offset, top;
  int64_t begin, end;
};

int64_t alignUp(int64_t value, int64_t alignment) { return (value + alignment - 1) & ~(alignment - 1); }

class Search {
public:
  explicit Search(const std::vector<LiveRange> &ranges) : ranges(ranges) {
    for (uint32_t i = 0; i < ranges.size(); ++i)
      if (ranges[i].bytes > 0)
        sized.push_back(i);
  }

  ArenaLayout run();

private:
  std::vector<int64_t> place(const Order &order, Fit fit, int64_t giveUpAt, int64_t &total);
  void tryOrder(const Order &order, Fit fit);
  void tryGreedyOrders();
  void improve();
  Order moveTopForward(const Order &order, const std::vector<int64_t> &offsets, uint64_t &random) const;
  std::vector<int64_t> computePressure() const;

  const std::vector<LiveRange> &ranges;
  std::vector<uint32_t> sized;
  int64_t bound = 0; // no layout is smaller
  int64_t comparisons = 0;
  std::vector<Placed> placed; // by offset; kept between calls for its memory

  Order bestOrder;
  Fit bestFit = Fit::Lowest;
  std::vector<int64_t> bestOffsets;
  int64_t bestTotal = std::numeric_limits<int64_t>::max();
};

/// Places the ranges in this order. Gives up as soon as the layout reaches `giveUpAt` (total is then that).
std::vector<int64_t> Search::place(const Order &order, Fit fit, int64_t giveUpAt, int64_t &total) {
  std::vector<int64_t> offsets(ranges.size(), 0);
  placed.clear();
  total = 0;
  for (uint32_t i : order) {
    const LiveRange &range = ranges[i];
    int64_t ground = 0, chosen = -1, tightest = std::numeric_limits<int64_t>::max();
    for (const Placed &other : placed) {
      if (other.end < range.begin || other.begin > range.end)
        continue;
      int64_t start = alignUp(ground, range.alignment);
      int64_t gap = other.offset - start;
      if (gap >= range.bytes && gap < tightest) {
        chosen = start;
        tightest = gap;
        if (fit == Fit::Lowest)
          break;
      }
      ground = std::max(ground, other.top);
    }
    comparisons += placed.size() + 1;
    int64_t offset = chosen >= 0 ? chosen : alignUp(ground, range.alignment);
    offsets[i] = offset;
    total = std::max(total, offset + range.bytes);
    if (total >= giveUpAt)
      return offsets;
    Placed entry{offset, offset + range.bytes, range.begin, range.end};
    auto position = std::upper_bound(placed.begin(), placed.end(), offset,
                                     [](int64_t value, const Placed &other) { return value < other.offset; });
    placed.insert(position, entry);
  }
  return offsets;
}

void Search::tryOrder(const Order &order, Fit fit) {
  if (bestTotal <= bound)
    return;
  int64_t total = 0;
  std::vector<int64_t> offsets = place(order, fit, bestTotal, total);
  if (total >= bestTotal)
    return;
  bestOrder = order;
  bestFit = fit;
  bestOffsets = std::move(offsets);
  bestTotal = total;
}

/// For each range the largest sum of live bytes during its life: where it is high there is no room to spare.
std::vector<int64_t> Search::computePressure() const {
  std::vector<int64_t> events;
  for (uint32_t i : sized) {
    events.push_back(ranges[i].begin);
    events.push_back(ranges[i].end);
  }
  std::sort(events.begin(), events.end());
  events.erase(std::unique(events.begin(), events.end()), events.end());
  auto indexOf = [&](int64_t event) { return std::lower_bound(events.begin(), events.end(), event) - events.begin(); };
  std::vector<int64_t> live(events.size() + 1, 0);
  for (uint32_t i : sized) {
    live[indexOf(ranges[i].begin)] += ranges[i].bytes;
    live[indexOf(ranges[i].end) + 1] -= ranges[i].bytes;
  }
  std::partial_sum(live.begin(), live.end(), live.begin());
  std::vector<int64_t> pressure(ranges.size(), 0);
  for (uint32_t i : sized)
    pressure[i] = *std::max_element(live.begin() + indexOf(ranges[i].begin), live.begin() + indexOf(ranges[i].end) + 1);
  return pressure;
}

void Search::tryGreedyOrders() {
  std::vector<int64_t> pressure = computePressure();
  auto duration = [&](uint32_t i) { return double(ranges[i].end) - double(ranges[i].begin) + 1; };
  auto area = [&](uint32_t i) { return double(ranges[i].bytes) * duration(i); };
  auto tryBy = [&](auto key) {
    Order order = sized;
    // The number decides between equals, so that the order is the same everywhere.
    std::sort(order.begin(), order.end(),
              [&](uint32_t a, uint32_t b) { return std::tuple(key(a), a) < std::tuple(key(b), b); });
    tryOrder(order, Fit::Tightest);
    tryOrder(order, Fit::Lowest);
  };
  tryBy([&](uint32_t i) { return std::tuple(-ranges[i].bytes, ranges[i].begin); });
  tryBy([&](uint32_t i) { return std::tuple(-pressure[i], -ranges[i].bytes); });
  tryBy([&](uint32_t i) { return std::tuple(-area(i), ranges[i].begin); });
  tryBy([&](uint32_t i) { return std::tuple(-duration(i), -ranges[i].bytes); });
  tryBy([&](uint32_t i) { return std::tuple(ranges[i].begin, -ranges[i].bytes); });
  // Not the negative, which the least of all events does not have.
  tryBy([&](uint32_t i) { return std::tuple(~ranges[i].end, -ranges[i].bytes); });
}

uint64_t nextRandom(uint64_t &state) { // xorshift64 (Marsaglia 2003): the same sequence everywhere
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

/// The order with the ranges that reach the top moved forward, and now and then two others swapped.
Order Search::moveTopForward(const Order &order, const std::vector<int64_t> &offsets, uint64_t &random) const {
  int64_t top = 0;
  for (uint32_t i : order)
    top = std::max(top, offsets[i] + ranges[i].bytes);
  Order next = order;
  for (size_t position = 0; position < order.size(); ++position) {
    uint32_t i = order[position];
    if (offsets[i] + ranges[i].bytes != top || position == 0)
      continue;
    size_t target = nextRandom(random) % position;
    std::rotate(next.begin() + target, next.begin() + position, next.begin() + position + 1);
  }
  for (uint64_t swaps = nextRandom(random) % 3; swaps > 0; --swaps)
    std::swap(next[nextRandom(random) % next.size()], next[nextRandom(random) % next.size()]);
  return next;
}

void Search::improve() {
  uint64_t random = 0x9e3779b97f4a7c15;
  int fruitless = 0;
  Order current = bestOrder;
  std::vector<int64_t> currentOffsets = bestOffsets;
  int64_t currentTotal = bestTotal;
  for (int trial = 0; trial < mostTrials && fruitless < mostFruitlessTrials; ++trial) {
    if (bestTotal <= bound || comparisons > mostComparisons)
      return;
    Order order = moveTopForward(current, currentOffsets, random);
    int64_t total = 0;
    // A little worse is accepted for a while: the way to a better order often leads over a plateau.
    int64_t limit = bestTotal + (bestTotal - bound) / 4 + 1;
    std::vector<int64_t> offsets = place(order, trial % 2 ? Fit::Lowest : bestFit, limit, total);
    ++fruitless;
    if (total >= limit)
      continue;
    if (total < bestTotal) {
      bestOrder = order;
      bestOffsets = offsets;
      bestTotal = total;
      fruitless = 0;
    }
    if (total <= currentTotal || nextRandom(random) % 4 == 0) {
      current = std::move(order);
      currentOffsets = std::move(offsets);
      currentTotal = total;
    }
  }
}

ArenaLayout Search::run() {
  ArenaLayout layout;
  layout.offsets.assign(ranges.size(), 0);
  layout.peakLiveBytes = computePeakLiveBytes(ranges);
  if (sized.empty())
    return layout;
  bound = layout.peakLiveBytes;
  tryGreedyOrders();
  improve();
  layout.offsets = bestOffsets;
  layout.totalBytes = bestTotal;
  return layout;
}
} // namespace

std::optional<ArenaLayout> partita::memory::assignOffsets(const std::vector<LiveRange> &ranges) {
  if (findRangeError(ranges))
    return std::nullopt;
  return Search(ranges).run();
}
