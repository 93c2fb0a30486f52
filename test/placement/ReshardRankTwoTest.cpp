// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ReshardRankTwoTest.cpp - All pairs of placements of matrices -------===//
//
// Exhaustive: extents {1,2,3,5,7,8,16,17} x the same; meshes 2..8, 2x2, 2x3, 2x4 (this file compiled with
// PARTITA_CUBE=0) and 2x2x2 (PARTITA_CUBE=1..4: a quarter of the first extents each); unit 1, on one axis also unit 2;
// sum. Equivalent placements count as one. Every path runs on data; partial values are unequal (seed 2).
//
//===----------------------------------------------------------------------===//

#include "Oracle.h"

#include <gtest/gtest.h>

using namespace partita::placement;
using namespace partita::placement::oracle;

namespace {

const std::vector<int64_t> extents{1, 2, 3, 5, 7, 8, 16, 17};

void runAllPairs(const std::vector<int64_t> &sizes, int64_t rows, int64_t columns, const std::vector<int64_t> &units) {
  Mesh mesh = meshOf(sizes);
  Shape shape{rows, columns};
  World world(mesh, {rows, columns}, PartialKind::sum);
  BytesPrice price;
  ReshardTable table(price);
  std::set<Placement> forms;
  for (const Placement &placement : enumeratePlacements(2, cutsOf(mesh, units), partialsOf(mesh, PartialKind::sum)))
    forms.insert(canonicalize(placement, shape, mesh));
  for (const Placement &from : forms)
    for (const Placement &to : forms) {
      const Reshard *reshard = table.find(shape, 4, mesh, from, to);
      auto where = [&] {
        return toString(mesh) + " " + std::to_string(rows) + "x" + std::to_string(columns) + ": " +
               toString(from, mesh) + " -> " + toString(to, mesh);
      };
      ASSERT_NE(reshard, nullptr) << where();
      ASSERT_TRUE(reshard->path.front() == from && reshard->path.back() == to) << where();
      ASSERT_EQ(simulate(world, reshard->path, 2), "") << where();
      // Also the direct step, if there is one: most exchanges are no cheapest path at these sizes.
      if (classifyStep(shape, mesh, from, to))
        ASSERT_EQ(simulate(world, {from, to}, 2), "") << where();
    }
}

#if PARTITA_CUBE == 0

TEST(ReshardRankTwoTest, OneAxis) {
  for (int64_t size = 2; size <= 8; ++size)
    for (int64_t rows : extents)
      for (int64_t columns : extents)
        runAllPairs({size}, rows, columns, {1, 2});
}

TEST(ReshardRankTwoTest, TwoAxes) {
  for (const std::vector<int64_t> &sizes : {std::vector<int64_t>{2, 2}, {2, 3}, {2, 4}})
    for (int64_t rows : extents)
      for (int64_t columns : extents)
        runAllPairs(sizes, rows, columns, {1});
}

#else

TEST(ReshardRankTwoTest, ThreeAxes) {
  for (int half = 0; half < 2; ++half)
    for (int64_t columns : extents)
      runAllPairs({2, 2, 2}, extents[PARTITA_CUBE - 1 + 4 * half], columns, {1});
}

#endif

} // namespace
