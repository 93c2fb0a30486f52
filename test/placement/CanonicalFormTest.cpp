// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- CanonicalFormTest.cpp - Law L6, and placements as values -----------===//
//
// Exhaustive for one dim: extents 0..17; meshes 2..8, 2x2, 2x3, 2x4, 2x2x2 and one with an axis of size 1; every nested
// sequence of axes with units 1, 2, 3, 4, 7, 16.
//
//===----------------------------------------------------------------------===//

#include "Oracle.h"

#include <gtest/gtest.h>

using namespace partita::placement;
using namespace partita::placement::oracle;

namespace {

const std::vector<std::vector<int64_t>> meshes{{2}, {3},    {4},    {5},    {6},       {7},      {8},
                                               {1}, {2, 2}, {2, 3}, {2, 4}, {2, 1, 2}, {2, 2, 2}};

TEST(CanonicalFormTest, EqualExactlyIfAllIntervalsAre) {
  for (const std::vector<int64_t> &sizes : meshes)
    for (int64_t extent = 0; extent <= 17; ++extent) {
      Mesh mesh = meshOf(sizes);
      World world(mesh, {extent}, PartialKind::sum);
      std::vector<int64_t> units =
          sizes.size() < 3 ? std::vector<int64_t>{1, 2, 3, 4, 7, 16} : std::vector<int64_t>{1, 2, 3, 7};
      std::map<std::vector<Box>, Placement> formOfMeaning;
      std::map<Placement, std::vector<Box>> meaningOfForm;
      for (const Placement &placement : enumeratePlacements(1, cutsOf(mesh, units), {})) {
        Placement canonical = canonicalize(placement, {extent}, mesh);
        std::string where = toString(mesh) + " " + std::to_string(extent) + " " + toString(placement, mesh);
        const std::vector<Box> meaning = world.boxes(placement);
        ASSERT_EQ(meaning, world.boxes(canonical)) << where;
        ASSERT_EQ(canonicalize(canonical, {extent}, mesh), canonical) << where;
        auto [form, fresh] = formOfMeaning.try_emplace(meaning, canonical);
        ASSERT_EQ(form->second, canonical) << where << ": two forms of one placement";
        auto [known, added] = meaningOfForm.try_emplace(canonical, meaning);
        ASSERT_EQ(known->second, meaning) << where << ": one form of two placements";
        // Smallest: no axis of size 1, no unit that could be smaller.
        for (std::size_t i = 0; i < canonical.dims[0].size(); ++i) {
          ASSERT_GT(mesh.axes[canonical.dims[0][i].axis].size, 1) << where;
          for (int64_t unit = 1; unit < canonical.dims[0][i].unit; ++unit) {
            Placement smaller = canonical;
            smaller.dims[0][i].unit = unit;
            ASSERT_NE(world.boxes(smaller), meaning) << where;
          }
        }
      }
    }
}

TEST(CanonicalFormTest, SymbolicDimsKeepTheirUnits) {
  // Equal forms must be equal placements at every extent up to the bound.
  for (const std::vector<int64_t> &sizes : {std::vector<int64_t>{3}, {2, 2}, {2, 3}}) {
    Mesh mesh = meshOf(sizes);
    for (int64_t bound = 0; bound <= 9; ++bound)
      for (const Placement &placement : enumeratePlacements(1, cutsOf(mesh, {1, 2, 4, 9}), {})) {
        Placement canonical = canonicalize(placement, {Extent(bound, true)}, mesh);
        for (int64_t extent = 0; extent <= bound; ++extent) {
          World world(mesh, {extent}, PartialKind::sum);
          ASSERT_EQ(world.boxes(placement), world.boxes(canonical)) << toString(placement, mesh) << " " << bound;
        }
      }
  }
  Mesh mesh = meshOf({2});
  Placement byFour{{{{0, 4}}}, {}}, byOne{{{{0, 1}}}, {}};
  EXPECT_EQ(canonicalize(byFour, {8}, mesh), byOne);
  EXPECT_EQ(canonicalize(byFour, {Extent(8, true)}, mesh), byFour);
}

TEST(CanonicalFormTest, LargeUnitsAreReducedQuickly) {
  Mesh mesh = meshOf({8});
  // 12 heads of 64 on 8: the boundaries are multiples of 64 only.
  EXPECT_EQ(canonicalize(DimSplit{{0, 64}}, 768, mesh), (DimSplit{{0, 64}}));
  EXPECT_EQ(canonicalize(DimSplit{{0, 64}}, 1024, mesh), (DimSplit{{0, 1}}));
  // Tokens of 32 sequences, flattened.
  EXPECT_EQ(canonicalize(DimSplit{{0, 1 << 20}}, int64_t(32) << 20, mesh), (DimSplit{{0, 1}}));
  EXPECT_EQ(canonicalize(DimSplit{{0, 1 << 20}}, int64_t(33) << 20, mesh), (DimSplit{{0, 1 << 20}}));
}

TEST(PlacementTest, RefusesUnsoundPlacements) {
  Mesh mesh = meshOf({2, 2});
  Placement sound{{{{0, 2}}, {}}, {{1, PartialKind::sum}}};
  EXPECT_EQ(findError(sound, 2, mesh), std::nullopt);
  EXPECT_EQ(findError(sound, 3, mesh), "a placement of 2 dims for a value of rank 3"); // P1
  EXPECT_EQ(findError(Placement{{{{2, 1}}}, {}}, 1, mesh),
            "axis number 2 does not exist: the mesh has 2 axes");                                              // P2
  EXPECT_EQ(findError(Placement{{{{0, 1}, {0, 1}}}, {}}, 1, mesh), "axis 'a' is used twice in one placement"); // P3
  EXPECT_EQ(findError(Placement{{{{0, 1}}}, {{0, PartialKind::sum}}}, 1, mesh),
            "axis 'a' is used twice in one placement");                                                         // P3
  EXPECT_EQ(findError(Placement{{{{0, 0}}}, {}}, 1, mesh), "axis 'a' cuts in units of 0, expected at least 1"); // P4
  EXPECT_EQ(findError(Placement{{}, {{0, PartialKind::sum}, {1, PartialKind::max}}}, 0, mesh),
            "a value cannot be partial by sum and by max at once"); // P5
}

TEST(PlacementTest, PrintsAxesUnitsAndKinds) {
  Mesh mesh = meshOf({2, 2, 3});
  EXPECT_EQ(toString(Placement{{{{0, 1}, {1, 64}}, {}}, {{2, PartialKind::sum}}}, mesh), "[a b@64, _] sum(c)");
  EXPECT_EQ(toString(Placement{{{}}, {{0, PartialKind::logicalOr}, {2, PartialKind::logicalOr}}}, mesh),
            "[_] or(a, c)");
  EXPECT_EQ(toString(Placement{{{{7, 1}}}, {}}, mesh), "[#7]");
  EXPECT_EQ(toString(replicated(0), mesh), "[]");
  for (PartialKind kind :
       {PartialKind::sum, PartialKind::max, PartialKind::min, PartialKind::logicalAnd, PartialKind::logicalOr})
    EXPECT_EQ(parsePartialKind(toString(kind)), kind);
  EXPECT_EQ(parsePartialKind("mean"), std::nullopt);
}

TEST(PlacementTest, EqualPlacementsHashAlike) {
  Placement left{{{{0, 2}}, {}}, {}}, right{{{}, {{0, 2}}}, {}};
  EXPECT_EQ(hashOf(left), hashOf(Placement{{{{0, 2}}, {}}, {}}));
  EXPECT_NE(hashOf(left), hashOf(right));
  EXPECT_EQ(withoutPartial(Placement{{{}}, {{0, PartialKind::sum}}}), replicated(1));
}

} // namespace
