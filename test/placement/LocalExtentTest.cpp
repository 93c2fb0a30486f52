// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- LocalExtentTest.cpp - Cuts against dealing out units ---------------===//
//
// Exhaustive: extents 0..17; meshes 2..8, 2x2, 2x3, 2x4, 2x2x2; every nested sequence of axes with units 1, 2, 3, 7.
//
//===----------------------------------------------------------------------===//

#include "Oracle.h"

#include <algorithm>
#include <functional>
#include <gtest/gtest.h>

using namespace partita::placement;
using namespace partita::placement::oracle;

namespace {

const std::vector<std::vector<int64_t>> meshes{{2}, {3}, {4}, {5}, {6}, {7}, {8}, {2, 2}, {2, 3}, {2, 4}, {2, 2, 2}};

void forEachCut(const std::function<void(const Mesh &, int64_t, const DimSplit &, World &)> &body) {
  for (const std::vector<int64_t> &sizes : meshes) {
    Mesh mesh = meshOf(sizes);
    for (int64_t extent = 0; extent <= 17; ++extent) {
      World world(mesh, {extent}, PartialKind::sum);
      for (const Placement &placement : enumeratePlacements(1, cutsOf(mesh, {1, 2, 3, 7}), {}))
        body(mesh, extent, placement.dims[0], world);
    }
  }
}

std::string describe(const Mesh &mesh, int64_t extent, const DimSplit &splits) {
  return toString(mesh) + " " + std::to_string(extent) + " " + toString(Placement{{splits}, {}}, mesh);
}

TEST(LocalExtentTest, IntervalsAreThoseOfDealing) {
  forEachCut([](const Mesh &mesh, int64_t extent, const DimSplit &splits, World &world) {
    for (const Coordinates &place : world.places) {
      Interval dealt = dealtInterval(extent, splits, mesh, place);
      Interval computed = localInterval(extent, splits, mesh, place);
      ASSERT_EQ(computed.length(), dealt.length()) << describe(mesh, extent, splits);
      ASSERT_TRUE(dealt.length() == 0 || computed == dealt) << describe(mesh, extent, splits);
      ASSERT_GE(computed.begin, 0);
      ASSERT_LE(computed.end, extent);
    }
  });
}

TEST(LocalExtentTest, BoundsEvennessAndLengthsAreExact) {
  forEachCut([](const Mesh &mesh, int64_t extent, const DimSplit &splits, World &world) {
    std::set<int64_t> lengths;
    for (const Coordinates &place : world.places)
      lengths.insert(dealtInterval(extent, splits, mesh, place).length());
    std::string where = describe(mesh, extent, splits);
    ASSERT_EQ(boundOfLocalExtent(extent, splits, mesh), *lengths.rbegin()) << where;
    ASSERT_EQ(isEven(extent, splits, mesh), lengths.size() == 1) << where;
    ASSERT_EQ(localExtents(extent, splits, mesh), std::vector<int64_t>(lengths.begin(), lengths.end())) << where;
    ASSERT_EQ(isEven({extent, true}, splits, mesh), splits.empty()) << where;
  });
}

TEST(LocalExtentTest, LawL1PartsAreDisjointOrderedAndComplete) {
  forEachCut([](const Mesh &mesh, int64_t extent, const DimSplit &splits, World &world) {
    if (splits.empty())
      return;
    // The innermost cut at each coordinates of the other axes.
    DimSplit outer(splits.begin(), splits.end() - 1);
    for (Coordinates place : world.places) {
      if (place[splits.back().axis] != 0)
        continue;
      Interval whole = localInterval(extent, outer, mesh, place);
      int64_t next = whole.begin;
      for (int64_t i = 0; i < mesh.axes[splits.back().axis].size; ++i) {
        place[splits.back().axis] = i;
        Interval part = localInterval(extent, splits, mesh, place);
        ASSERT_EQ(part.begin, next) << describe(mesh, extent, splits);
        next = part.end;
      }
      ASSERT_EQ(next, whole.end) << describe(mesh, extent, splits);
    }
  });
}

TEST(LocalExtentTest, LawL3GrowthShrinksNoFirstPart) {
  for (int64_t unit = 1; unit <= 8; ++unit)
    for (int64_t parts = 1; parts <= 8; ++parts)
      for (int64_t length = 0; length < 64; ++length) {
        ASSERT_LE(partOf(length, unit, parts, 0).length(), partOf(length + 1, unit, parts, 0).length());
        for (int64_t part = 0; part < parts; ++part)
          ASSERT_LE(partOf(length, unit, parts, part).length(), partOf(length, unit, parts, 0).length());
      }
}

TEST(LocalExtentTest, HeadsOnFiveRanksAndTheTableOfTheEssay) {
  Mesh five = meshOf({5});
  std::vector<int64_t> hidden;
  for (int64_t rank = 0; rank < 5; ++rank)
    hidden.push_back(localInterval(768, {{0, 64}}, five, {rank}).length());
  EXPECT_EQ(hidden, (std::vector<int64_t>{192, 192, 128, 128, 128}));

  Mesh mesh = meshOf({2, 2});
  auto row = [&](const DimSplit &splits) {
    std::vector<Interval> intervals;
    for (const Coordinates &place : World(mesh, {7}, PartialKind::sum).places)
      intervals.push_back(localInterval(7, splits, mesh, place));
    return intervals;
  };
  using Row = std::vector<Interval>;
  EXPECT_EQ(row({}), (Row{{0, 7}, {0, 7}, {0, 7}, {0, 7}}));
  EXPECT_EQ(row({{0, 1}}), (Row{{0, 4}, {0, 4}, {4, 7}, {4, 7}}));
  EXPECT_EQ(row({{0, 1}, {1, 1}}), (Row{{0, 2}, {2, 4}, {4, 6}, {6, 7}}));
  EXPECT_EQ(row({{1, 1}, {0, 1}}), (Row{{0, 2}, {4, 6}, {2, 4}, {6, 7}}));
  EXPECT_EQ(row({{0, 3}}), (Row{{0, 6}, {0, 6}, {6, 7}, {6, 7}}));
  EXPECT_EQ(row({{0, 3}, {1, 3}}), (Row{{0, 3}, {3, 6}, {6, 7}, {7, 7}}));
}

TEST(LocalExtentTest, UnitsBeyondTheDimDoNotOverflow) {
  Mesh mesh = meshOf({4});
  EXPECT_EQ(boundOfLocalExtent(10, {{0, INT64_MAX}}, mesh), 10);
  EXPECT_EQ(localInterval(10, {{0, INT64_MAX}}, mesh, {3}).length(), 0);
  EXPECT_EQ(boundOfLocalExtent(INT64_MAX / 4, {{0, 64}}, mesh), (int64_t(1) << 59));
}

TEST(BoxTest, IntersectsAndCounts) {
  Box left{{0, 4}, {2, 6}}, right{{3, 9}, {0, 3}};
  EXPECT_EQ(intersect(left, right), (Box{{3, 4}, {2, 3}}));
  EXPECT_EQ(elementCount(intersect(left, {{4, 5}, {2, 6}})), 0);
  EXPECT_EQ(elementCount(Box{}), 1);
  EXPECT_EQ(elementCount(left), 16);
}

} // namespace
