// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- LoopsTest.cpp - Loop cuts and placements by index sets -------------===//
//
// Exhaustive: loop nests with extents 1..5 (one loop), 1..4 x 1..4 (two), 1..3 x 1..3 x 1..2 (three); meshes 2, 3, 2x2,
// 2x3; every assignment with units 1 and 2 (three loops: unit 1). What a rank needs is found by running its iterations.
//
//===----------------------------------------------------------------------===//

#include "partita/placement/Loops.h"
#include "Oracle.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace partita::placement;
using namespace partita::placement::oracle;

namespace {

/// A dim that is all loops, outermost first.
DimExpression fuse(const std::vector<int64_t> &extents) {
  DimExpression dim;
  int64_t coefficient = 1;
  for (std::size_t loop = extents.size(); loop-- > 0; coefficient *= extents[loop])
    dim.terms.insert(dim.terms.begin(), {static_cast<int>(loop), coefficient});
  return dim;
}

/// The indices of the dim that the iterations at the coordinates touch.
std::set<int64_t> touched(const DimExpression &dim, const std::vector<int64_t> &extents,
                          const LoopAssignment &assignment, const Mesh &mesh, const Coordinates &place) {
  std::set<int64_t> indices{0};
  for (const auto &[loop, coefficient] : dim.terms) {
    Interval interval = dealtInterval(extents[loop], assignment[loop], mesh, place);
    std::set<int64_t> next;
    for (int64_t index : indices)
      for (int64_t i = interval.begin; i < interval.end; ++i)
        next.insert(index + i * coefficient);
    indices = std::move(next);
  }
  return indices;
}

bool isInterval(const std::set<int64_t> &indices) {
  return indices.empty() || *indices.rbegin() - *indices.begin() + 1 == static_cast<int64_t>(indices.size());
}

std::vector<Loop> loopsOf(const std::vector<int64_t> &extents) {
  std::vector<Loop> loops;
  for (int64_t extent : extents)
    loops.push_back({extent, std::nullopt});
  return loops;
}

struct Counts {
  int represented = 0, refused = 0;
};

/// placementOfDim is right where it answers, answers whenever one placement is right that any loop order
/// can express, and inferAssignment brings an equivalent assignment back.
void checkFusedDim(const std::vector<int64_t> &extents, const Mesh &mesh, const LoopAssignment &assignment,
                   Counts &counts) {
  DimExpression dim = fuse(extents);
  std::vector<Loop> loops = loopsOf(extents);
  int64_t total = extentOfDim(dim, loops).bound;
  World world(mesh, {total}, PartialKind::sum);
  std::optional<DimSplit> splits = placementOfDim(dim, loops, assignment, mesh);
  bool contiguous = true;
  for (const Coordinates &place : world.places) {
    std::set<int64_t> indices = touched(dim, extents, assignment, mesh, place);
    contiguous &= isInterval(indices);
    if (!splits)
      continue;
    Interval interval = dealtInterval(total, *splits, mesh, place);
    ASSERT_EQ(static_cast<int64_t>(indices.size()), interval.length());
    ASSERT_TRUE(indices.empty() || *indices.begin() == interval.begin);
    ASSERT_TRUE(isInterval(indices));
  }
  ++(splits ? counts.represented : counts.refused);
  // Refused although every rank touches an interval: only where an inner loop's cuts are all concentrating,
  // which means that some ranks have nothing to do at all.
  if (!splits) {
    bool concentrating = false;
    for (std::size_t loop = 1; loop < extents.size(); ++loop)
      for (const Split &split : canonicalize(assignment[loop], extents[loop], mesh))
        concentrating |= split.unit >= extents[loop];
    ASSERT_TRUE(!contiguous || concentrating);
    return;
  }
  Placement placement{{*splits}, {}};
  std::optional<LoopAssignment> inferred = inferAssignment(loops, {{{dim}, placement}}, mesh);
  ASSERT_TRUE(inferred.has_value()) << toString(placement, mesh);
  std::optional<DimSplit> again = placementOfDim(dim, loops, inferred.value_or(LoopAssignment()), mesh);
  ASSERT_TRUE(again.has_value());
  ASSERT_EQ(canonicalize(again.value_or(DimSplit()), total, mesh), canonicalize(*splits, total, mesh));
}

void runAllAssignments(const std::vector<int64_t> &extents, const std::vector<int64_t> &units, Counts &counts) {
  for (const std::vector<int64_t> &sizes : {std::vector<int64_t>{2}, {3}, {2, 2}, {2, 3}}) {
    Mesh mesh = meshOf(sizes);
    for (const Placement &assignment : enumeratePlacements(extents.size(), cutsOf(mesh, units), {}))
      ASSERT_NO_FATAL_FAILURE(checkFusedDim(extents, mesh, assignment.dims, counts))
          << toString(assignment, mesh) << " over " << testing::PrintToString(extents) << " on " << toString(mesh);
  }
}

TEST(LoopsTest, FusedDimsByIndexSets) {
  Counts counts;
  for (int64_t outer = 1; outer <= 5; ++outer)
    runAllAssignments({outer}, {1, 2}, counts);
  for (int64_t outer = 1; outer <= 4; ++outer)
    for (int64_t inner = 1; inner <= 4; ++inner)
      runAllAssignments({outer, inner}, {1, 2}, counts);
  for (int64_t outer = 1; outer <= 3; ++outer)
    for (int64_t middle = 1; middle <= 3; ++middle)
      for (int64_t inner = 1; inner <= 2; ++inner)
        runAllAssignments({outer, middle, inner}, {1}, counts);
  EXPECT_GT(counts.represented, 1000);
  EXPECT_GT(counts.refused, 500);
}

TEST(LoopsTest, EveryDimCutIsInferredIfAnAssignmentMeansIt) {
  // The other direction: all placements of the dim against all assignments.
  for (const std::vector<int64_t> &extents : {std::vector<int64_t>{4, 2}, {2, 4}, {3, 3}, {2, 1, 3}, {1, 5}})
    for (const std::vector<int64_t> &sizes : {std::vector<int64_t>{2}, {3}, {2, 2}}) {
      Mesh mesh = meshOf(sizes);
      DimExpression dim = fuse(extents);
      std::vector<Loop> loops = loopsOf(extents);
      Extent total = extentOfDim(dim, loops);
      std::set<DimSplit> meant;
      for (const Placement &assignment : enumeratePlacements(extents.size(), cutsOf(mesh, {1, 2, 3, 4, 5}), {}))
        if (auto splits = placementOfDim(dim, loops, assignment.dims, mesh))
          meant.insert(canonicalize(*splits, total, mesh));
      for (const Placement &placement : enumeratePlacements(1, cutsOf(mesh, {1, 2, 3, 4}), {})) {
        bool possible = meant.count(canonicalize(placement.dims[0], total, mesh)) != 0;
        auto inferred = inferAssignment(loops, {{{dim}, placement}}, mesh);
        ASSERT_EQ(inferred.has_value(), possible)
            << toString(placement, mesh) << " " << testing::PrintToString(extents);
      }
    }
}

struct MatrixProduct {
  Mesh mesh = meshOf({2, 2});
  // C[i, j] += A[i, k] * B[k, j]
  std::vector<Loop> loops{{8, std::nullopt}, {6, std::nullopt}, {10, PartialKind::sum}};
  DimExpression i{{{0, 1}}, std::nullopt}, j{{{1, 1}}, std::nullopt}, k{{{2, 1}}, std::nullopt};
};

TEST(LoopsTest, MatrixProduct) {
  MatrixProduct product;
  const auto &[mesh, loops, i, j, k] = product;
  LoopAssignment rowsAndInner{{{0, 1}}, {}, {{1, 1}}};
  EXPECT_EQ(placementOfOperand({i, k}, loops, rowsAndInner, mesh), (Placement{{{{0, 1}}, {{1, 1}}}, {}}));
  EXPECT_EQ(placementOfOperand({k, j}, loops, rowsAndInner, mesh), (Placement{{{{1, 1}}, {}}, {}}));
  EXPECT_EQ(placementOfResult({i, j}, loops, rowsAndInner, mesh), (Placement{{{{0, 1}}, {}}, {{1, PartialKind::sum}}}));
  // The result cannot tell what k did; the operands can.
  EXPECT_EQ(inferAssignment(
                loops, {{{i, k}, Placement{{{{0, 1}}, {{1, 1}}}, {}}}, {{k, j}, Placement{{{{1, 1}}, {}}, {}}}}, mesh),
            rowsAndInner);
  // A says that k is cut, B that it is not.
  EXPECT_EQ(
      inferAssignment(loops, {{{i, k}, Placement{{{{0, 1}}, {{1, 1}}}, {}}}, {{k, j}, Placement{{{}, {}}, {}}}}, mesh),
      std::nullopt);
}

TEST(LoopsTest, RefusesWhatHasNoPlacement) {
  MatrixProduct product;
  const auto &[mesh, loops, i, j, k] = product;
  // One axis on two loops of one value.
  EXPECT_EQ(placementOfOperand({i, k}, loops, {{{0, 1}}, {}, {{0, 1}}}, mesh), std::nullopt);
  // One axis on a parallel and on a reduction loop of the result.
  EXPECT_EQ(placementOfResult({i, j}, loops, {{{0, 1}}, {}, {{0, 1}}}, mesh), std::nullopt);
  // A cut parallel loop that does not walk the result.
  EXPECT_EQ(placementOfResult({i}, loops, {{}, {{0, 1}}, {}}, mesh), std::nullopt);
  // Two reductions of different kinds.
  std::vector<Loop> mixed{{4, PartialKind::sum}, {4, PartialKind::max}};
  EXPECT_EQ(placementOfResult({}, mixed, {{{0, 1}}, {{1, 1}}}, mesh), std::nullopt);
  EXPECT_EQ(placementOfResult({}, mixed, {{{0, 1}}, {}}, mesh), (Placement{{}, {{0, PartialKind::sum}}}));
  // Not mixed radix: coefficient 5 over an inner loop of 6.
  EXPECT_EQ(placementOfDim({{{0, 5}, {1, 1}}, std::nullopt}, loops, {{{0, 1}}, {}, {}}, mesh), std::nullopt);
  // Assignments and loops that are not there.
  EXPECT_EQ(placementOfDim(i, loops, {{}}, mesh), std::nullopt);
  EXPECT_EQ(placementOfDim({{{7, 1}}, std::nullopt}, loops, {{}, {}, {}}, mesh), std::nullopt);
  EXPECT_EQ(inferAssignment(loops, {{{i}, Placement{{{{9, 1}}}, {}}}}, mesh), std::nullopt);
  EXPECT_EQ(placementOfDim(i, loops, {{{9, 1}}, {}, {}}, mesh), std::nullopt);
  EXPECT_EQ(placementOfResult({i, j}, loops, {{}, {}, {{-1, 1}}}, mesh), std::nullopt);
  EXPECT_EQ(placementOfDim(i, loops, {{{0, 0}}, {}, {}}, mesh), std::nullopt);
  // Huge units and extents do not overflow.
  EXPECT_EQ(placementOfDim({{{0, 6}, {1, 1}}, std::nullopt}, loops, {{{0, INT64_MAX}}, {}, {}}, mesh),
            (DimSplit{{0, 48}}));
  std::vector<Loop> huge{{INT64_MAX / 2, std::nullopt}, {INT64_MAX / 2, std::nullopt}};
  EXPECT_EQ(placementOfDim({{{0, INT64_MAX / 2}, {1, 1}}, std::nullopt}, huge, {{{0, 1}}, {}}, mesh), std::nullopt);
}

TEST(LoopsTest, HeadsKeepTheirUnit) {
  Mesh mesh = meshOf({5});
  // hidden = head * 64 + d, and a whole dim beside it.
  std::vector<Loop> loops{{12, std::nullopt}, {64, std::nullopt}};
  DimExpression hidden{{{0, 64}, {1, 1}}, std::nullopt}, whole;
  LoopAssignment heads{{{0, 1}}, {}};
  EXPECT_EQ(placementOfOperand({whole, hidden}, loops, heads, mesh), (Placement{{{}, {{0, 64}}}, {}}));
  EXPECT_EQ(inferAssignment(loops, {{{whole, hidden}, Placement{{{}, {{0, 64}}}, {}}}}, mesh), heads);
  EXPECT_EQ(placementOfDim(hidden, loops, {{}, {{0, 1}}}, mesh), std::nullopt);
  EXPECT_EQ(inferAssignment(loops, {{{whole, hidden}, Placement{{{{0, 1}}, {}}, {}}}}, mesh), std::nullopt);
  EXPECT_EQ(extentOfDim(hidden, loops), Extent(768));
  // Unit 1 on 4 ranks has the boundaries of unit 64 x 3.
  Mesh four = meshOf({4});
  EXPECT_EQ(inferAssignment(loops, {{{hidden}, Placement{{{{0, 1}}}, {}}}}, four), heads);
}

TEST(LoopsTest, SymbolicLoopsMayOnlyBeOutermost) {
  Mesh mesh = meshOf({2});
  std::vector<Loop> loops{{Extent(16, true), std::nullopt}, {64, std::nullopt}};
  DimExpression good{{{0, 64}, {1, 1}}, std::nullopt}, bad{{{1, 16}, {0, 1}}, std::nullopt};
  LoopAssignment outer{{{0, 1}}, {}};
  EXPECT_EQ(placementOfDim(good, loops, outer, mesh), (DimSplit{{0, 64}}));
  EXPECT_EQ(placementOfDim(bad, loops, outer, mesh), std::nullopt);
  EXPECT_EQ(inferAssignment(loops, {{{good}, Placement{{{{0, 64}}}, {}}}}, mesh), outer);
  EXPECT_EQ(inferAssignment(loops, {{{good}, Placement{{{{0, 32}}}, {}}}}, mesh), std::nullopt);
}

TEST(LoopsTest, WindowsAreCutAsTheirSteps) {
  Mesh mesh = meshOf({2});
  // Patches of 16 rows, 14 of them, as in a vision transformer, are cut like the rows; a kernel of 3 rows needs rows of
  // its neighbours.
  std::vector<Loop> loops{{14, std::nullopt}};
  DimExpression patches{{{0, 1}}, Window{16, 0, 0, 16}, 224}, overlapping{{{0, 1}}, Window{1, 1, 1, 3}, 14};
  LoopAssignment rows{{{0, 1}}}, nothing{{}};
  DimSplit halo{{0, 1}};
  halo.window = Window{1, 1, 1, 3};
  EXPECT_EQ(placementOfDim(patches, loops, rows, mesh), (DimSplit{{0, 16}}));
  EXPECT_EQ(placementOfDim(overlapping, loops, rows, mesh), halo);
  EXPECT_EQ(placementOfDim(overlapping, loops, nothing, mesh), DimSplit{});
  EXPECT_EQ(inferAssignment(loops, {{{patches}, Placement{{{{0, 16}}}, {}}}}, mesh), rows);
  // Values are kept without halos; their cuts say how the steps are cut.
  EXPECT_EQ(inferAssignment(loops, {{{overlapping}, Placement{{{{0, 1}}}, {}}}}, mesh), rows);
  // 13 rows would be left over behind the last window: another count of units, so no plain cut.
  DimExpression longer{{{0, 1}}, Window{16, 0, 0, 16}, 237};
  halo.window = Window{16, 0, 0, 16};
  EXPECT_EQ(placementOfDim(longer, loops, rows, mesh), halo);
  DimExpression wrong{{{0, 1}}, Window{0, 1, 1, 3}, 14};
  EXPECT_EQ(placementOfDim(wrong, loops, rows, mesh), std::nullopt);
}

TEST(LoopsTest, MicroBatchesAreACutOfTheBatchLoop) {
  Mesh mesh{{{"data", 2, AxisKind::space}, {"micro", 4, AxisKind::time}}, {0, 1}};
  // dW[k] += X[n, k]: the gradient is partial over ranks and over micro-batches.
  std::vector<Loop> loops{{32, PartialKind::sum}, {8, std::nullopt}};
  DimExpression n{{{0, 1}}, std::nullopt}, k{{{1, 1}}, std::nullopt};
  LoopAssignment batch{{{0, 1}, {1, 1}}, {}};
  EXPECT_EQ(placementOfOperand({n, k}, loops, batch, mesh), (Placement{{{{0, 1}, {1, 1}}, {}}, {}}));
  EXPECT_EQ(placementOfResult({k}, loops, batch, mesh),
            (Placement{{{}}, {{0, PartialKind::sum}, {1, PartialKind::sum}}}));
}

} // namespace
