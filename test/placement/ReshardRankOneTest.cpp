// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ReshardRankOneTest.cpp - All pairs of placements of vectors --------===//
//
// Exhaustive: extents 1..17; meshes 2..8, 2x2, 2x3, 2x4 with units 1, 2, 3 and 2x2x2 with units 1, 2; all five partial
// kinds on meshes of up to two axes, sum on 2x2x2. Every path runs on data; partial values are unequal (seed 1).
//
//===----------------------------------------------------------------------===//

#include "Oracle.h"

#include <gtest/gtest.h>

using namespace partita::placement;
using namespace partita::placement::oracle;

namespace {

void runAllPairs(const std::vector<int64_t> &sizes, int64_t extent, const std::vector<int64_t> &units,
                 PartialKind kind) {
  Mesh mesh = meshOf(sizes);
  World world(mesh, {extent}, kind);
  BytesPrice price;
  ReshardTable table(price);
  std::set<Placement> forms;
  for (const Placement &placement : enumeratePlacements(1, cutsOf(mesh, units), partialsOf(mesh, kind)))
    forms.insert(canonicalize(placement, {extent}, mesh));
  for (const Placement &from : forms)
    for (const Placement &to : forms) {
      const Reshard *reshard = table.find({extent}, 4, mesh, from, to);
      std::string where =
          toString(mesh) + " " + std::to_string(extent) + ": " + toString(from, mesh) + " -> " + toString(to, mesh);
      ASSERT_NE(reshard, nullptr) << where;
      ASSERT_EQ(reshard->path.front(), from) << where;
      ASSERT_EQ(reshard->path.back(), to) << where;
      ASSERT_EQ(simulate(world, reshard->path, 1), "") << where;
      // Also the direct step, if there is one: most exchanges are no cheapest path at these sizes.
      if (classifyStep({extent}, mesh, from, to))
        ASSERT_EQ(simulate(world, {from, to}, 1), "") << where;
    }
}

TEST(ReshardRankOneTest, OneAxisAllKinds) {
  for (int64_t size = 2; size <= 8; ++size)
    for (int64_t extent = 1; extent <= 17; ++extent)
      for (PartialKind kind :
           {PartialKind::sum, PartialKind::max, PartialKind::min, PartialKind::logicalAnd, PartialKind::logicalOr})
        runAllPairs({size}, extent, {1, 2, 3}, kind);
}

TEST(ReshardRankOneTest, TwoAxesAllKinds) {
  for (const std::vector<int64_t> &sizes : {std::vector<int64_t>{2, 2}, {2, 3}, {2, 4}})
    for (int64_t extent = 1; extent <= 17; ++extent)
      for (PartialKind kind :
           {PartialKind::sum, PartialKind::max, PartialKind::min, PartialKind::logicalAnd, PartialKind::logicalOr})
        runAllPairs(sizes, extent, {1, 2, 3}, kind);
}

TEST(ReshardRankOneTest, ThreeAxes) {
  for (int64_t extent = 1; extent <= 17; ++extent)
    runAllPairs({2, 2, 2}, extent, {1, 2}, PartialKind::sum);
}

} // namespace
