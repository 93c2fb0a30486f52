// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ArenaTest.cpp - Layouts are right, small and repeatable ---------------------------===//
#include "Traces.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <numeric>

using namespace partita::memory;

namespace {
/// Assigns, verifies, and returns total / peak.
double layOut(const std::vector<LiveRange> &ranges, const std::string &name = "") {
  std::optional<ArenaLayout> layout = assignOffsets(ranges);
  if (!layout) {
    ADD_FAILURE() << name << " was refused";
    return 0;
  }
  std::optional<std::string> mistake = verifyOffsets(ranges, layout->offsets, layout->totalBytes);
  EXPECT_FALSE(mistake.has_value()) << name << ": " << mistake.value_or("");
  EXPECT_EQ(layout->peakLiveBytes, computePeakLiveBytes(ranges));
  return layout->peakLiveBytes == 0 ? 1 : double(layout->totalBytes) / double(layout->peakLiveBytes);
}

/// The smallest total of all orders, each range at its lowest free place: the optimum.
int64_t findOptimum(const std::vector<LiveRange> &ranges) {
  std::vector<size_t> order(ranges.size());
  std::iota(order.begin(), order.end(), 0);
  int64_t best = std::numeric_limits<int64_t>::max();
  do {
    std::vector<int64_t> offsets(ranges.size(), -1);
    int64_t total = 0;
    for (size_t i : order) {
      int64_t offset = 0;
      for (bool moved = true; moved;) {
        moved = false;
        for (size_t j = 0; j < ranges.size(); ++j) {
          bool together = offsets[j] >= 0 && ranges[j].begin <= ranges[i].end && ranges[i].begin <= ranges[j].end;
          if (together && offsets[j] < offset + ranges[i].bytes && offset < offsets[j] + ranges[j].bytes) {
            offset = offsets[j] + ranges[j].bytes;
            offset = (offset + ranges[i].alignment - 1) / ranges[i].alignment * ranges[i].alignment;
            moved = true;
          }
        }
      }
      offsets[i] = offset;
      total = std::max(total, offset + ranges[i].bytes);
    }
    best = std::min(best, total);
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}
} // namespace

TEST(Arena, theExampleOfTheHeader) {
  std::vector<LiveRange> ranges = {{0, 1, 100}, {1, 2, 60}, {2, 3, 100}};
  std::optional<ArenaLayout> layout = assignOffsets(ranges);
  ASSERT_TRUE(layout);
  EXPECT_EQ(*layout, (ArenaLayout{{64, 0, 64}, 164, 160}));
}

TEST(Arena, nothingAndEmptyRanges) {
  EXPECT_EQ(*assignOffsets({}), ArenaLayout());
  EXPECT_EQ(*assignOffsets({{0, 5, 0}, {2, 2, 0}}), (ArenaLayout{{0, 0}, 0, 0}));
}

TEST(Arena, anEventsInputsAndOutputsAreAliveTogether) {
  EXPECT_EQ(computePeakLiveBytes({{0, 1, 10}, {1, 2, 20}}), 30);
  EXPECT_EQ(computePeakLiveBytes({{0, 1, 10}, {2, 3, 20}}), 20);
}

TEST(Arena, brokenRangesAreRefused) {
  auto refuse = [](LiveRange range) {
    EXPECT_FALSE(assignOffsets({range}));
    return findRangeError({range}).value_or("accepted");
  };
  EXPECT_EQ(refuse({3, 2, 1}), "range 0: expected begin <= end, got 3 and 2 (rule L1)");
  EXPECT_EQ(refuse({0, 0, -1}), "range 0: expected at least 0 bytes, got -1 (rule L2)");
  EXPECT_EQ(refuse({0, 0, 1, 3}), "range 0: expected a power of two up to 2^30 as alignment, got 3 (rule L3)");
  EXPECT_EQ(refuse({0, 0, 1, 0}), "range 0: expected a power of two up to 2^30 as alignment, got 0 (rule L3)");
  int64_t most = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(refuse({0, 0, most}), "range 0: the sizes do not fit 63 bits together (rule L4)");
  EXPECT_TRUE(findRangeError({{0, 0, most / 2}, {1, 1, most / 2}, {2, 2, most / 2}}));
}

TEST(Arena, theCheckerFindsEveryMistake) {
  std::vector<LiveRange> ranges = {{0, 2, 64}, {1, 3, 64}, {3, 4, 64}};
  auto check = [&](std::vector<int64_t> offsets, int64_t total) {
    return verifyOffsets(ranges, offsets, total).value_or("right");
  };
  EXPECT_EQ(check({0, 64, 0}, 128), "right");
  EXPECT_EQ(check({0, 64}, 128), "expected 3 offsets, got 2 (rule O1)");
  EXPECT_EQ(check({0, 64, -64}, 128), "range 2: expected an offset of at least 0, got -64 (rule O1)");
  EXPECT_EQ(check({0, 64, 32}, 128), "range 2: expected an offset that is a multiple of 64, got 32 (rule O2)");
  EXPECT_EQ(check({0, 64, 0}, 127), "range 1: expected an end within 127 bytes, got offset 64 and 64 bytes (rule O3)");
  EXPECT_EQ(check({0, 64, 64}, 128), "range 2 (events 3 to 4, bytes 64 to 128) shares bytes with range 1 (events 1 to "
                                     "3, bytes 64 to 128) at event 3 (rule O4)");
  EXPECT_EQ(check({0, 0, 64}, 128).find("range 1 (events 1 to 3, bytes 0 to 64) shares bytes with range 0"), 0u);
}

TEST(Arena, theCheckerAgreesWithComparingAllPairs) {
  std::mt19937 random(3);
  int mistakes = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<LiveRange> ranges = makeRandom(random, 2 + random() % 6, 8, 4, 6);
    std::vector<int64_t> offsets;
    bool overlaps = false;
    for (LiveRange &range : ranges) {
      range.alignment = 1;
      offsets.push_back(random() % 12);
    }
    for (size_t i = 0; i < ranges.size(); ++i)
      for (size_t j = 0; j < i; ++j)
        overlaps |= ranges[i].begin <= ranges[j].end && ranges[j].begin <= ranges[i].end && ranges[i].bytes > 0 &&
                    ranges[j].bytes > 0 && offsets[i] < offsets[j] + ranges[j].bytes &&
                    offsets[j] < offsets[i] + ranges[i].bytes;
    EXPECT_EQ(verifyOffsets(ranges, offsets, 100).has_value(), overlaps);
    mistakes += overlaps;
  }
  EXPECT_GT(mistakes, 500);
  EXPECT_LT(mistakes, 2500);
}

TEST(Arena, smallProblemsAreSolvedAsWellAsTheyCanBe) {
  std::mt19937 random(5);
  int optimal = 0;
  constexpr int rounds = 300;
  for (int round = 0; round < rounds; ++round) {
    std::vector<LiveRange> ranges = makeRandom(random, 2 + random() % 6, 10, 300, 6);
    for (LiveRange &range : ranges)
      range.bytes += 1;
    std::optional<ArenaLayout> layout = assignOffsets(ranges);
    ASSERT_TRUE(layout);
    int64_t optimum = findOptimum(ranges);
    EXPECT_GE(layout->totalBytes, optimum);
    EXPECT_LE(double(layout->totalBytes), 1.05 * double(optimum)) << "round " << round;
    optimal += layout->totalBytes == optimum;
  }
  std::cout << "optimal: " << optimal << " of " << rounds << "\n";
  EXPECT_GE(optimal, rounds * 98 / 100);
}

TEST(Arena, networksNeedAtMostATenthMoreThanTheirPeak) {
  double worst = 0;
  std::string worstName;
  for (const auto &[name, ranges] : makeNetworkTraces()) {
    double ratio = layOut(ranges, name);
    EXPECT_LE(ratio, 1.10) << name << ", " << ranges.size() << " ranges";
    if (ratio > worst) {
      worst = ratio;
      worstName = name;
    }
  }
  std::cout << "worst ratio to the peak: " << worst << " (" << worstName << ")\n";
}

TEST(Arena, randomProblems) {
  std::mt19937 random(9);
  double worst = 0;
  for (int round = 0; round < 60; ++round) {
    int count = 1 + random() % 400;
    worst = std::max(worst, layOut(makeRandom(random, count, 200, 1 << 20, 1 + random() % 60)));
  }
  std::cout << "worst ratio of random problems: " << worst << "\n";
  EXPECT_LE(worst, 1.25);
}

TEST(Arena, adversarialProblems) {
  // Small long-lived values between large short-lived ones: placing them in order of time leaves holes.
  std::vector<LiveRange> holes;
  for (int i = 0; i < 100; ++i) {
    holes.push_back({i, i, 1 << 20});
    holes.push_back({i, 200, 64});
  }
  EXPECT_LE(layOut(holes), 1.01);
  // A staircase whose steps double.
  std::vector<LiveRange> staircase;
  for (int i = 0; i < 20; ++i)
    staircase.push_back({i, i + 1, int64_t(64) << i});
  EXPECT_LE(layOut(staircase), 1.01);
  // Nested lives.
  std::vector<LiveRange> nested;
  for (int i = 0; i < 200; ++i)
    nested.push_back({i, 400 - i, 64 * (1 + i % 7)});
  EXPECT_EQ(layOut(nested), 1);
  // All alive together, with alignments that do not fit their sizes.
  std::vector<LiveRange> crowd;
  for (int i = 0; i < 300; ++i)
    crowd.push_back({0, 1, 1000 + i, 256});
  EXPECT_LE(layOut(crowd), 1.15);
  EXPECT_EQ(layOut({{0, 9, 5, int64_t(1) << 30}, {3, 4, 5, 1}}), 1);
  // Times at the ends of their type.
  int64_t least = std::numeric_limits<int64_t>::min(), most = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(layOut({{least, most, 64}, {least, least, 64}, {most, most, 64}}), 1);
}

TEST(Arena, largeProblemsStayWithinTheirWork) {
  std::mt19937 random(13);
  EXPECT_LE(layOut(makeRandom(random, 10000, 10000, 1 << 20, 50)), 1.25);
  EXPECT_LE(layOut(makeRandom(random, 10000, 100, 1 << 20, 100)), 1.25);
  EXPECT_LE(layOut(makeTransformer(300, 512, 768, 3072, 12, true), "large transformer"), 1.10);
}

TEST(Arena, isRepeatable) {
  std::mt19937 random(17);
  std::vector<LiveRange> ranges = makeRandom(random, 500, 100, 1 << 20, 20);
  EXPECT_EQ(*assignOffsets(ranges), *assignOffsets(ranges));
}
