// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ReshardCostTest.cpp - Costs against an exhaustive shortest path ----===//
//
// Exhaustive over pairs, with the cheapest path itself compared (ties included):
//   vectors   extents 1..17, meshes 2..8 with units 1, 2, 3; 2x2, 2x3, 2x4 with units 1, 2; 2x2x2 with unit 1
//   matrices  extents {1,2,3,5,7,8,16,17}^2 on 2, 3, 5, 8, 2x2, 2x3, 2x4; {1,2,3,5}^2, 7x8, 16x17 on 2x2x2
//   time      4x6 and 5x3 on space 2 x time 3 and on space 2 x space 2 x time 2
// Sampled (seed in the test): matrices with units 1, 2 on 2x2.
//
//===----------------------------------------------------------------------===//

#include "OracleCost.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace partita::placement;
using namespace partita::placement::oracle;

namespace {

/// At these small sizes a price by which bytes matter and exchanges win now and then: a step is worth one element.
const BytesPrice bytesMatter(1e-9, 4e-9);

/// Each axis has its own speed, as in a cluster: the last axis is the fastest.
class UnevenPrice : public CommunicationPrice {
public:
  double seconds(const StepDescription &step) const override {
    if (isLocal(step.kind) || step.groupSize == 1)
      return 0;
    double slowest = 0;
    for (int axis : step.axes)
      slowest = std::max(slowest, std::pow(0.1, axis));
    return static_cast<double>(step.busiestBytes) * slowest * 1e-9 + 1e-10;
  }
};

/// A transport without exchange and reduce-scatter.
class NarrowPrice : public CommunicationPrice {
public:
  double seconds(const StepDescription &step) const override {
    if (step.kind == StepKind::exchange || step.kind == StepKind::reduceScatter)
      return std::numeric_limits<double>::infinity();
    return BytesPrice().seconds(step);
  }
};

void expectCheapest(ReshardTable &table, ExhaustiveSearch &search, World &world, const Placement &from,
                    const Placement &to) {
  Shape shape(world.extents.begin(), world.extents.end());
  const Reshard *reshard = table.find(shape, 4, world.mesh, from, to);
  std::optional<CheapestPath> best = search.find(from, to);
  std::string where = toString(world.mesh) + " " + toString(from, world.mesh) + " -> " + toString(to, world.mesh);
  std::optional<Step> step = classifyStep(shape, world.mesh, from, to), known = search.structuredStep(from, to);
  bool exchanged = step && step->kind == StepKind::exchange;
  ASSERT_TRUE(exchanged ? !known : step == known) << where;
  ASSERT_TRUE(exchanged || known || from == to || !from.partial.empty() || !to.partial.empty() ||
              !exchangeByElements(world, from, to))
      << where;
  for (int64_t extent : world.extents)
    where += " " + std::to_string(extent);
  ASSERT_EQ(reshard != nullptr, best.has_value()) << where;
  if (!reshard)
    return;
  CheapestPath expected = best.value_or(CheapestPath());
  ASSERT_EQ(std::llround(reshard->seconds * 1e12), expected.picoseconds) << where;
  ASSERT_EQ(reshard->path, expected.path) << where;
}

std::vector<Placement> canonicalForms(const World &world, const std::vector<Split> &cuts,
                                      const std::vector<std::pair<int, PartialKind>> &partials) {
  Shape shape(world.extents.begin(), world.extents.end());
  std::set<Placement> forms;
  for (const Placement &placement : enumeratePlacements(world.extents.size(), cuts, partials))
    forms.insert(canonicalize(placement, shape, world.mesh));
  return {forms.begin(), forms.end()};
}

void runAllPairs(const Mesh &mesh, const std::vector<int64_t> &extents, const std::vector<int64_t> &units,
                 const CommunicationPrice &price) {
  World world(mesh, extents, PartialKind::sum);
  ReshardTable table(price);
  ExhaustiveSearch search(world, 4, price);
  std::vector<Placement> forms = canonicalForms(world, cutsOf(mesh, units), partialsOf(mesh, PartialKind::sum));
  for (const Placement &from : forms)
    for (const Placement &to : forms)
      ASSERT_NO_FATAL_FAILURE(expectCheapest(table, search, world, from, to));
}

const std::vector<int64_t> edges{1, 2, 3, 5, 7, 8, 16, 17};

#if PARTITA_PART == 0

TEST(ReshardCostTest, Vectors) {
  for (int64_t extent = 1; extent <= 17; ++extent) {
    for (int64_t size = 2; size <= 8; ++size)
      runAllPairs(meshOf({size}), {extent}, {1, 2, 3}, bytesMatter);
    for (const std::vector<int64_t> &sizes : {std::vector<int64_t>{2, 2}, {2, 3}, {2, 4}})
      runAllPairs(meshOf(sizes), {extent}, {1, 2}, bytesMatter);
    runAllPairs(meshOf({2, 2, 2}), {extent}, {1}, bytesMatter);
  }
}

TEST(ReshardCostTest, Time) {
  Mesh small{{{"x", 2, AxisKind::space}, {"micro", 3, AxisKind::time}}, {0, 1}};
  Mesh large{{{"x", 2, AxisKind::space}, {"micro", 2, AxisKind::time}, {"y", 2, AxisKind::space}}, {0, 1, 2, 3}};
  for (const Mesh *mesh : {&small, &large})
    for (const std::vector<int64_t> &extents : {std::vector<int64_t>{4, 6}, {5, 3}})
      runAllPairs(*mesh, extents, {1}, bytesMatter);
}

TEST(ReshardCostTest, SampledUnits) {
  Mesh mesh = meshOf({2, 2});
  uint64_t chance = 20;
  for (const std::vector<int64_t> &extents : {std::vector<int64_t>{8, 3}, {7, 5}, {2, 2}, {6, 9}}) {
    World world(mesh, extents, PartialKind::max);
    ReshardTable table(bytesMatter);
    ExhaustiveSearch search(world, 4, bytesMatter);
    std::vector<Placement> forms = canonicalForms(world, cutsOf(mesh, {1, 2, 3}), partialsOf(mesh, PartialKind::max));
    for (int i = 0; i < 300; ++i) {
      const Placement &from = forms[(chance = mix(chance)) % forms.size()];
      const Placement &to = forms[(chance = mix(chance)) % forms.size()];
      ASSERT_NO_FATAL_FAILURE(expectCheapest(table, search, world, from, to));
    }
  }
}

#elif PARTITA_PART == 1

TEST(ReshardCostTest, MatricesOnUpToTwoAxes) {
  for (const std::vector<int64_t> &sizes : {std::vector<int64_t>{2}, {3}, {5}, {8}, {2, 2}, {2, 3}, {2, 4}})
    for (int64_t rows : edges)
      for (int64_t columns : edges)
        runAllPairs(meshOf(sizes), {rows, columns}, {1}, bytesMatter);
}

TEST(ReshardCostTest, OtherPrices) {
  for (int64_t rows : {2, 3, 8})
    for (int64_t columns : {1, 5, 8}) {
      runAllPairs(meshOf({2, 4}), {rows, columns}, {1}, UnevenPrice());
      runAllPairs(meshOf({2, 3}), {rows, columns}, {1}, NarrowPrice());
      runAllPairs(meshOf({2, 3}), {rows, columns}, {1}, BytesPrice(1e-9, 0));
      runAllPairs(meshOf({2, 3}), {rows, columns}, {1}, BytesPrice());
    }
}

#else

/// PARTITA_PART 2 and 3 take one half of the shapes each.
TEST(ReshardCostTest, MatricesOnThreeAxes) {
  bool second = PARTITA_PART == 3;
  for (int64_t rows : second ? std::vector<int64_t>{3, 5} : std::vector<int64_t>{1, 2})
    for (int64_t columns : {1, 2, 3, 5})
      runAllPairs(meshOf({2, 2, 2}), {rows, columns}, {1}, bytesMatter);
  runAllPairs(meshOf({2, 2, 2}), second ? std::vector<int64_t>{16, 17} : std::vector<int64_t>{7, 8}, {1}, bytesMatter);
}

#endif

} // namespace
