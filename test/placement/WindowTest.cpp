// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dims read through windows, against their definition: element by element, who reads what.
#include "Oracle.h"
#include "partita/placement/Loops.h"
#include "partita/placement/Regions.h"

#include <gtest/gtest.h>

namespace partita::placement {
namespace {

using oracle::meshOf;

/// Extents, kernels (reach), strides and paddings of the property tests.
template <typename Visit> void forEachWindow(int64_t largest, Visit visit) {
  for (int64_t extent = 1; extent <= largest; ++extent)
    for (int64_t reach : {1, 2, 3, 5})
      for (int64_t stride : {1, 2, 3})
        for (auto [low, high] : {std::pair<int64_t, int64_t>{0, 0}, {1, 1}, {2, 0}, {0, 3}, {4, 4}, {-1, 0}, {-1, -1}})
          if (extent + low + high >= reach)
            visit(extent, Window{stride, low, high, reach});
}

DimSplit readThrough(DimSplit splits, const Window &window) {
  splits.window = window;
  return splits;
}

/// The elements that exist between the first and the last one that a rank's steps read (or would, in the padding).
std::set<int64_t> readElements(int64_t extent, const DimSplit &splits, const Mesh &mesh, const Coordinates &at) {
  const Window &window = *splits.window;
  int64_t steps = 0;
  while (steps * window.stride - window.low + window.reach <= extent + window.high)
    ++steps;
  DimSplit plain = splits;
  plain.window.reset();
  Interval own = oracle::dealtInterval(steps, plain, mesh, at);
  std::set<int64_t> elements;
  for (int64_t step = own.begin; step < own.end; ++step)
    for (int64_t tap = 0; tap < window.reach; ++tap)
      elements.insert(step * window.stride - window.low + tap);
  // A part is a box: what lies between two windows that leave a gap is held as well.
  for (int64_t element = elements.empty() ? 0 : *elements.begin(); !elements.empty() && element < *elements.rbegin();
       ++element)
    elements.insert(element);
  std::erase_if(elements, [&](int64_t element) { return element < 0 || element >= extent; });
  return elements;
}

std::vector<DimSplit> cutsOf(const Mesh &mesh) {
  if (mesh.axes.size() == 1)
    return {{{0, 1}}, {{0, 2}}, {{0, 3}}};
  return {{{0, 1}}, {{1, 2}}, {{0, 1}, {1, 1}}, {{1, 1}, {0, 1}}, {{0, 2}, {1, 1}}};
}

const std::vector<std::vector<int64_t>> meshes{{1}, {2}, {3}, {4}, {5}, {2, 2}, {2, 3}};

TEST(WindowTest, PartsAreWhatTheirStepsRead) {
  for (const std::vector<int64_t> &sizes : meshes) {
    Mesh mesh = meshOf(sizes);
    forEachWindow(17, [&](int64_t extent, const Window &window) {
      for (const DimSplit &cuts : cutsOf(mesh)) {
        DimSplit splits = readThrough(cuts, window);
        std::set<int64_t> lengths;
        for (int64_t rank = 0; rank < rankCount(mesh); ++rank) {
          Coordinates at = coordinatesOf(mesh, rank);
          Interval part = localInterval(extent, splits, mesh, at);
          std::set<int64_t> read = readElements(extent, splits, mesh, at);
          ASSERT_LE(0, part.begin);
          ASSERT_LE(part.end, extent);
          lengths.insert(part.length());
          if (read.empty()) {
            ASSERT_EQ(part.length(), 0);
          } else {
            ASSERT_EQ(part, (Interval{*read.begin(), *read.rbegin() + 1}));
          }
        }
        ASSERT_EQ(boundOfLocalExtent(extent, splits, mesh), *lengths.rbegin());
        ASSERT_EQ(localExtents(extent, splits, mesh), std::vector<int64_t>(lengths.begin(), lengths.end()));
        ASSERT_EQ(isEven(extent, splits, mesh), lengths.size() == 1);
        ASSERT_FALSE(isEven(Extent(extent, true), splits, mesh));
        // One bound for every extent of a symbolic dim.
        int64_t bound = boundOfLocalExtent(Extent(17, true), splits, mesh);
        ASSERT_LE(*lengths.rbegin(), bound);
      }
    });
  }
}

TEST(WindowTest, CanonicalFormsHoldTheSame) {
  for (const std::vector<int64_t> &sizes : meshes) {
    Mesh mesh = meshOf(sizes);
    forEachWindow(9, [&](int64_t extent, const Window &window) {
      for (const DimSplit &cuts : cutsOf(mesh)) {
        DimSplit splits = readThrough(cuts, window), canonical = canonicalize(splits, extent, mesh);
        ASSERT_EQ(canonicalize(canonical, extent, mesh), canonical);
        if (canonical.empty()) { // Nothing is cut: the dim is kept whole.
          ASSERT_FALSE(canonical.window);
          continue;
        }
        for (int64_t rank = 0; rank < rankCount(mesh); ++rank) {
          Interval written = localInterval(extent, splits, mesh, coordinatesOf(mesh, rank));
          Interval found = localInterval(extent, canonical, mesh, coordinatesOf(mesh, rank));
          // Where an empty part lies does not matter.
          ASSERT_TRUE(found == written || (found.length() == 0 && written.length() == 0));
        }
      }
    });
  }
}

/// Bytes of the busiest rank, counted from the region table.
int64_t countBusiest(const std::vector<int64_t> &extents, const Mesh &mesh, const Placement &from,
                     const Placement &to) {
  std::string error;
  auto regions = computeRegions(extents, {mesh, from, 0}, {mesh, to, 0}, &error);
  EXPECT_TRUE(regions) << error;
  std::vector<int64_t> sent(rankCount(mesh)), received(rankCount(mesh)), held(rankCount(mesh));
  for (const Region &region : regions.value_or(std::vector<Region>())) {
    held[region.target] += elementCount(region.box);
    if (region.source == region.target)
      continue;
    sent[region.source] += elementCount(region.box);
    received[region.target] += elementCount(region.box);
  }
  for (int64_t rank = 0; rank < rankCount(mesh); ++rank)
    EXPECT_EQ(held[rank], elementCount(localBox(extents, to, mesh, coordinatesOf(mesh, rank))));
  return std::max(*std::max_element(sent.begin(), sent.end()), *std::max_element(received.begin(), received.end()));
}

/// The path ends at the target, every step is one, and what a rank holds after it, the group had before it.
void checkPath(const Shape &shape, const Mesh &mesh, const Placement &from, const Placement &to) {
  SCOPED_TRACE(toString(from, mesh) + " -> " + toString(to, mesh));
  auto found = findReshard(shape, 4, mesh, from, to, BytesPrice());
  ASSERT_TRUE(found);
  ASSERT_EQ(found->path.front(), canonicalize(from, shape, mesh));
  ASSERT_EQ(found->path.back(), canonicalize(to, shape, mesh));
  std::vector<int64_t> extents;
  for (const Extent &extent : shape)
    extents.push_back(extent.bound);
  for (std::size_t i = 1; i < found->path.size(); ++i) {
    const Placement &before = found->path[i - 1], &after = found->path[i];
    std::optional<Step> step = classifyStep(shape, mesh, before, after);
    ASSERT_TRUE(step) << toString(before, mesh) << " to " << toString(after, mesh);
    if (step->kind == StepKind::exchange)
      ASSERT_EQ(describeStep(*step, shape, 4, mesh, before, after).busiestBytes,
                4 * countBusiest(extents, mesh, before, after));
    if (step->kind == StepKind::slice)
      for (int64_t rank = 0; rank < rankCount(mesh); ++rank) {
        Box held = localBox(extents, before, mesh, coordinatesOf(mesh, rank));
        Box wanted = localBox(extents, after, mesh, coordinatesOf(mesh, rank));
        ASSERT_EQ(elementCount(intersect(held, wanted)), elementCount(wanted));
      }
    // No step starts from what it would have to put together of halos.
    for (std::size_t dim = 0; dim < shape.size(); ++dim)
      ASSERT_TRUE(!before.dims[dim].window || before.dims[dim] == after.dims[dim]);
  }
}

TEST(WindowTest, ReshardsLeadToHalos) {
  for (const std::vector<int64_t> &sizes : meshes) {
    Mesh mesh = meshOf(sizes);
    forEachWindow(8, [&](int64_t extent, const Window &window) {
      for (const DimSplit &cuts : cutsOf(mesh)) {
        Placement to{{readThrough(cuts, window), {}}, {}};
        for (const DimSplit &source : cutsOf(mesh))
          for (const Placement &from :
               {Placement{{source, {}}, {}}, Placement{{{}, source}, {}}, Placement{{{}, {}}, {}}})
            checkPath({extent, 4}, mesh, from, to);
      }
    });
  }
}

TEST(WindowTest, TwoWindowedDimsMeetInCorners) {
  Mesh mesh = meshOf({2, 2});
  for (int64_t height : {3, 4, 7, 8})
    for (const Window &window : {Window{1, 1, 1, 3}, Window{2, 1, 1, 3}, Window{1, 2, 2, 5}}) {
      Placement to{{readThrough({{0, 1}}, window), readThrough({{1, 1}}, window)}, {}};
      checkPath({height, 6}, mesh, Placement{{{{0, 1}}, {{1, 1}}}, {}}, to);
      checkPath({height, 6}, mesh, Placement{{{{1, 1}}, {{0, 1}}}, {}}, to);
      checkPath({height, 6}, mesh, Placement{{{{0, 1}, {1, 1}}, {}}, {}}, to);
      checkPath({height, 6}, mesh, Placement{{{}, {{1, 1}}}, {{0, PartialKind::sum}}}, to);
    }
}

TEST(WindowTest, OnlyHalosAreSent) {
  // 64 rows of 100 over 4 ranks: a rank in the middle gets one row from either neighbour, and gives two away.
  Mesh mesh = meshOf({4});
  Placement from{{{{0, 1}}, {}}, {}}, to{{readThrough({{0, 1}}, {1, 1, 1, 3}), {}}, {}};
  auto found = findReshard({64, 100}, 4, mesh, from, to, BytesPrice());
  ASSERT_TRUE(found);
  ASSERT_EQ(found->path.size(), 2u);
  std::optional<Step> step = classifyStep({64, 100}, mesh, from, to);
  ASSERT_TRUE(step);
  EXPECT_EQ(step->kind, StepKind::exchange);
  EXPECT_EQ(step->axes, std::vector<int>{0});
  EXPECT_EQ(describeStep(*step, {64, 100}, 4, mesh, from, to).busiestBytes, 2 * 100 * 4);
  EXPECT_EQ(boundOfLocalExtent(64, to.dims[0], mesh), 18);
}

TEST(WindowTest, NothingStartsFromHalos) {
  Mesh mesh = meshOf({2});
  Placement halo{{readThrough({{0, 1}}, {1, 1, 1, 3})}, {}}, plain{{{{0, 1}}}, {}}, whole{{{}}, {}};
  for (const Placement &to : {plain, whole}) {
    EXPECT_FALSE(classifyStep({8}, mesh, halo, to));
    EXPECT_FALSE(findReshard({8}, 4, mesh, halo, to, BytesPrice()));
    EXPECT_FALSE(computeRegions({8}, {mesh, halo, 0}, {mesh, to, 0}));
  }
  EXPECT_EQ(findReshard({8}, 4, mesh, halo, halo, BytesPrice())->path, std::vector<Placement>{halo});
  EXPECT_EQ(classifyStep({8}, mesh, whole, halo)->kind, StepKind::slice);
  EXPECT_EQ(toString(halo, mesh), "[a (3 by 1 pad 1, 1)]");
}

TEST(WindowTest, MalformedWindowsAreNamed) {
  Mesh mesh = meshOf({2});
  for (const DimSplit &wrong :
       {readThrough({}, {1, 1, 1, 3}), readThrough({{0, 1}}, {0, 1, 1, 3}), readThrough({{0, 1}}, {1, 1, 1, 0})})
    EXPECT_TRUE(findError({{wrong}, {}}, 1, mesh)); // P6
  EXPECT_FALSE(findError({{readThrough({{0, 1}}, {1, 1, 1, 3})}, {}}, 1, mesh));
}

} // namespace
} // namespace partita::placement
