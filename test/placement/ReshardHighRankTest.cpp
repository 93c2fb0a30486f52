// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ReshardHighRankTest.cpp - Sampled placements of rank 3 and 4 -------===//
//
// Sampled, 20,000 cases with seed 7: 200 worlds (rank 3 or 4; extents 1..8 or 1..5; meshes 2..8, 2x2, 2x3, 2x4, 2x2x2;
// units 1, 2, 3; all five partial kinds), 100 pairs of placements in each. Every path runs on data with unequal partial
// values. Also sampled: 600 cases on four and more axes (seed 8, the restricted spaces), 20 on seven axes (seed 9), and
// 400 with a time axis (seed 10).
//
//===----------------------------------------------------------------------===//

#include "Oracle.h"

#include <gtest/gtest.h>

using namespace partita::placement;
using namespace partita::placement::oracle;

namespace {

class Chance {
public:
  explicit Chance(uint64_t seed) : state(seed) {}
  int64_t below(int64_t limit) {
    state = mix(state);
    return static_cast<int64_t>(state % static_cast<uint64_t>(limit));
  }

private:
  uint64_t state;
};

const std::vector<PartialKind> kinds{PartialKind::sum, PartialKind::max, PartialKind::min, PartialKind::logicalAnd,
                                     PartialKind::logicalOr};

/// Axes in random order; each is cut into a random dim, partial or replicated.
Placement drawPlacement(Chance &chance, const World &world) {
  Placement placement = replicated(world.extents.size());
  std::vector<int> axes;
  for (std::size_t axis = 0; axis < world.mesh.axes.size(); ++axis)
    axes.insert(axes.begin() + chance.below(static_cast<int64_t>(axis) + 1), static_cast<int>(axis));
  for (int axis : axes) {
    int64_t role = chance.below(static_cast<int64_t>(world.extents.size()) + 2);
    if (role < static_cast<int64_t>(world.extents.size()))
      placement.dims[role].push_back({axis, std::max<int64_t>(1, chance.below(6) - 2)});
    else if (role == static_cast<int64_t>(world.extents.size()))
      placement.partial.emplace(axis, world.kind);
  }
  return placement;
}

void runPairs(Chance &chance, World &world, int pairs) {
  BytesPrice price;
  ReshardTable table(price);
  Shape shape(world.extents.begin(), world.extents.end());
  for (int i = 0; i < pairs; ++i) {
    Placement from = drawPlacement(chance, world), to = drawPlacement(chance, world);
    const Reshard *reshard = table.find(shape, 2, world.mesh, from, to);
    std::string where = toString(world.mesh) + ": " + toString(from, world.mesh) + " -> " + toString(to, world.mesh);
    for (int64_t extent : world.extents)
      where += " " + std::to_string(extent);
    ASSERT_NE(reshard, nullptr) << where;
    ASSERT_EQ(reshard->path.front(), canonicalize(from, shape, world.mesh)) << where;
    ASSERT_EQ(reshard->path.back(), canonicalize(to, shape, world.mesh)) << where;
    ASSERT_EQ(simulate(world, reshard->path, static_cast<uint64_t>(i)), "") << where;
  }
}

std::vector<int64_t> drawExtents(Chance &chance, int64_t rank, int64_t limit) {
  std::vector<int64_t> extents;
  for (int64_t dim = 0; dim < rank; ++dim)
    extents.push_back(1 + chance.below(limit));
  return extents;
}

TEST(ReshardHighRankTest, TwentyThousandCases) {
  const std::vector<std::vector<int64_t>> meshes{{2}, {3}, {4}, {5}, {6}, {7}, {8}, {2, 2}, {2, 3}, {2, 4}, {2, 2, 2}};
  Chance chance(7);
  for (int i = 0; i < 200; ++i) {
    int64_t rank = 3 + chance.below(2);
    World world(meshOf(meshes[chance.below(static_cast<int64_t>(meshes.size()))]),
                drawExtents(chance, rank, rank == 3 ? 8 : 5), kinds[chance.below(5)]);
    ASSERT_NO_FATAL_FAILURE(runPairs(chance, world, 100));
  }
}

TEST(ReshardHighRankTest, ManyAxes) {
  Chance chance(8);
  for (const std::vector<int64_t> &sizes :
       {std::vector<int64_t>{2, 2, 2, 2}, {2, 1, 2, 1, 3}, {2, 2, 2, 2, 2}, {3, 2, 1, 2, 2}, {2, 2, 2, 2, 2, 2}})
    for (int i = 0; i < 4; ++i) {
      World world(meshOf(sizes), drawExtents(chance, 2 + chance.below(2), 6), kinds[chance.below(5)]);
      ASSERT_NO_FATAL_FAILURE(runPairs(chance, world, 30));
    }
}

TEST(ReshardHighRankTest, SevenAxesChangeAtOnce) {
  Chance chance(9);
  World world(meshOf({2, 2, 2, 2, 2, 2, 2}), {6, 5}, PartialKind::sum);
  ASSERT_NO_FATAL_FAILURE(runPairs(chance, world, 20));
}

TEST(ReshardHighRankTest, TimeAxes) {
  Chance chance(10);
  for (int i = 0; i < 8; ++i) {
    Mesh mesh{{{"x", 2, AxisKind::space}, {"micro", 2 + chance.below(3), AxisKind::time}, {"y", 2, AxisKind::space}},
              {0, 1, 2, 3}};
    World world(mesh, drawExtents(chance, 3, 6), kinds[chance.below(5)]);
    ASSERT_NO_FATAL_FAILURE(runPairs(chance, world, 50));
  }
}

} // namespace
