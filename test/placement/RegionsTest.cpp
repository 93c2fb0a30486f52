// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- RegionsTest.cpp - Region tables by elements ------------------------===//
//
// Exhaustive: all placements (unit 1) of 17, 5x3 and 1x8 between the listed pairs of meshes.
//
//===----------------------------------------------------------------------===//

#include "partita/placement/Regions.h"
#include "OracleCost.h"

#include <gtest/gtest.h>

using namespace partita::placement;
using namespace partita::placement::oracle;

namespace {

Mesh meshOn(const std::vector<int64_t> &sizes, int64_t firstDevice) {
  Mesh mesh = meshOf(sizes);
  for (int64_t &device : mesh.devices)
    device += firstDevice;
  return mesh;
}

/// Marks every element of every target rank; each must be marked once, by a rank that holds it.
void expectExactCover(const std::vector<int64_t> &extents, const Side &source, const Side &target) {
  World from(source.mesh, extents, PartialKind::sum), to(target.mesh, extents, PartialKind::sum);
  std::string where = toString(source.mesh) + toString(source.placement, source.mesh) + " -> " + toString(target.mesh) +
                      toString(target.placement, target.mesh);
  std::string error;
  std::optional<std::vector<Region>> regions = computeRegions(extents, source, target, &error);
  ASSERT_TRUE(regions.has_value()) << where << ": " << error;
  ASSERT_EQ(computeRegions(extents, source, target), regions) << where;
  std::map<std::pair<int64_t, std::vector<int64_t>>, int64_t> ownerOf;
  for (const Region &region : regions.value_or(std::vector<Region>())) {
    ASSERT_GT(elementCount(region.box), 0) << where;
    const Box &held = from.boxes(source.placement)[region.source];
    ASSERT_EQ(intersect(held, region.box), region.box) << where;
    std::vector<int64_t> element;
    for (const Interval &interval : region.box)
      element.push_back(interval.begin);
    for (int64_t i = 0; i < elementCount(region.box); ++i) {
      auto [known, fresh] = ownerOf.try_emplace({region.target, element}, region.source);
      ASSERT_TRUE(fresh) << where << ": covered twice";
      for (std::size_t dim = element.size(); dim-- > 0;) {
        if (++element[dim] < region.box[dim].end)
          break;
        element[dim] = region.box[dim].begin;
      }
    }
  }
  std::size_t wanted = 0;
  for (int64_t rank = 0; rank < rankCount(target.mesh); ++rank) {
    const Box &box = to.boxes(target.placement)[rank];
    wanted += elementCount(box);
    for (const auto &[key, owner] : ownerOf)
      if (key.first == rank)
        for (std::size_t dim = 0; dim < box.size(); ++dim)
          ASSERT_TRUE(key.second[dim] >= box[dim].begin && key.second[dim] < box[dim].end) << where;
    // A device that holds an element itself reads it from nobody else.
    for (const auto &[key, owner] : ownerOf)
      for (int64_t other = 0; key.first == rank && other < rankCount(source.mesh); ++other)
        if (source.mesh.devices[other] == target.mesh.devices[rank]) {
          const Box &own = from.boxes(source.placement)[other];
          bool holds = true;
          for (std::size_t dim = 0; dim < own.size(); ++dim)
            holds &= key.second[dim] >= own[dim].begin && key.second[dim] < own[dim].end;
          ASSERT_TRUE(!holds || owner == other) << where;
        }
  }
  ASSERT_EQ(ownerOf.size(), wanted) << where;
}

void runAllPairs(const Mesh &source, const Mesh &target) {
  for (const std::vector<int64_t> &extents : {std::vector<int64_t>{17}, {5, 3}, {1, 8}})
    for (const Placement &from : enumeratePlacements(extents.size(), cutsOf(source, {1}), {}))
      for (const Placement &to : enumeratePlacements(extents.size(), cutsOf(target, {1}), {}))
        ASSERT_NO_FATAL_FAILURE(expectExactCover(extents, {source, from}, {target, to}));
}

TEST(RegionsTest, FifteenToOne) {
  runAllPairs(meshOn({15}, 0), meshOn({1}, 20));
  runAllPairs(meshOn({15}, 0), meshOn({1}, 7));
  runAllPairs(meshOn({3, 5}, 0), meshOn({1}, 20));
  runAllPairs(meshOn({1}, 3), meshOn({15}, 0));
}

TEST(RegionsTest, ThreeToTwo) {
  runAllPairs(meshOn({3}, 0), meshOn({2}, 3));
  runAllPairs(meshOn({3}, 0), meshOn({2}, 2));
  runAllPairs(meshOn({2}, 1), meshOn({3}, 0));
}

TEST(RegionsTest, OverlappingAndDisjointMeshes) {
  runAllPairs(meshOn({2, 2}, 0), meshOn({2, 2}, 4));
  runAllPairs(meshOn({2, 2}, 0), meshOn({2, 3}, 2));
  runAllPairs(meshOn({4}, 0), meshOn({2, 2}, 0));
  Mesh shuffled{{{"a", 2, AxisKind::space}, {"b", 2, AxisKind::space}}, {3, 0, 9, 1}};
  runAllPairs(meshOn({2, 2}, 0), shuffled);
}

TEST(RegionsTest, OneMesh) {
  for (const std::vector<int64_t> &sizes : {std::vector<int64_t>{3}, {2, 2}, {2, 3}})
    runAllPairs(meshOf(sizes), meshOf(sizes));
}

TEST(RegionsTest, TheExampleOfTheHeader) {
  Mesh three = meshOn({3}, 0), two = meshOn({2}, 10);
  Placement rows{{{{0, 1}}}, {}};
  EXPECT_EQ(computeRegions({5}, {three, rows}, {two, rows}),
            (std::vector<Region>{{0, 0, {{0, 2}}}, {1, 0, {{2, 3}}}, {1, 1, {{3, 4}}}, {2, 1, {{4, 5}}}}));
}

TEST(RegionsTest, ReadersTakeCopiesInTurn) {
  // Six readers of a replicated value on three other devices: two each.
  Mesh three = meshOn({3}, 0), six = meshOn({6}, 10);
  auto regions = computeRegions({4}, {three, replicated(1)}, {six, replicated(1)});
  ASSERT_TRUE(regions.has_value());
  std::vector<int> sends(3);
  for (const Region &region : regions.value_or(std::vector<Region>()))
    ++sends[region.source];
  EXPECT_EQ(sends, (std::vector<int>{2, 2, 2}));
}

TEST(RegionsTest, EmptyBoxesHaveNoRegions) {
  Mesh mesh = meshOn({4}, 0), other = meshOn({2}, 8);
  Placement rows{{{{0, 1}}, {}}, {}};
  auto regions = computeRegions({2, 0}, {mesh, rows}, {other, rows});
  EXPECT_EQ(regions, std::vector<Region>());
  auto scalar = computeRegions({}, {mesh, replicated(0)}, {other, replicated(0)});
  EXPECT_EQ(scalar, (std::vector<Region>{{0, 0, {}}, {1, 1, {}}}));
}

TEST(RegionsTest, RefusesWhatIsNotThere) {
  Mesh mesh = meshOf({2});
  std::string error;
  Placement partial{{{}}, {{0, PartialKind::sum}}};
  EXPECT_FALSE(computeRegions({4}, {mesh, partial}, {mesh, replicated(1)}, &error));
  EXPECT_EQ(error, "the source is partial: [_] sum(a); reshard it first");
  EXPECT_FALSE(computeRegions({4}, {mesh, replicated(1)}, {mesh, partial}, &error));
  EXPECT_EQ(error, "the target is partial: [_] sum(a); reshard it afterwards");
  EXPECT_FALSE(computeRegions({4, 4}, {mesh, replicated(1)}, {mesh, replicated(1)}, &error));
  EXPECT_EQ(error, "a placement of 1 dims for a value of rank 2");
  EXPECT_FALSE(computeRegions({-1}, {mesh, replicated(1)}, {mesh, replicated(1)}, &error));
  EXPECT_EQ(error, "an extent is negative: -1");
  EXPECT_FALSE(computeRegions({4}, {mesh, replicated(1), 1}, {mesh, replicated(1)}, &error));
  EXPECT_EQ(error, "time coordinate 1 is outside of the mesh");
  // The second micro-batch is not there yet.
  Mesh timed{{{"micro", 2, AxisKind::time}, {"x", 2, AxisKind::space}}, {0, 1}};
  Placement byTime{{{{0, 1}}}, {}};
  EXPECT_FALSE(computeRegions({4}, {timed, byTime, 0}, {timed, replicated(1), 0}, &error));
  EXPECT_EQ(error, "at this time the ranks of the source do not hold all that rank 0 of the target needs");
}

TEST(RegionsTest, MicroBatchesAreHandedOverOneByOne) {
  // Two ranks hand each of three micro-batches to one rank of the next stage.
  Mesh before{{{"micro", 3, AxisKind::time}, {"x", 2, AxisKind::space}}, {0, 1}};
  Mesh after{{{"micro", 3, AxisKind::time}}, {5}};
  Placement source{{{{0, 1}, {1, 1}}}, {}}, target{{{{0, 1}}}, {}};
  auto regions = computeRegions({10}, {before, source, 1}, {after, target, 1});
  EXPECT_EQ(regions, (std::vector<Region>{{0, 0, {{4, 6}}}, {1, 0, {{6, 7}}}}));
}

} // namespace
