// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// interpreter(whole) == interpreter(partitioned) for plans drawn at random, on meshes of one, two and three axes, and
// on two stages whose meshes differ.
#include "Harness.h"
#include "RandomPlan.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::test;
using placement::Axis;
using placement::Mesh;

static Mesh meshOf(std::vector<int64_t> sizes, int64_t firstDevice = 0) {
  std::vector<Axis> axes;
  int64_t ranks = 1;
  for (int64_t size : sizes) {
    axes.push_back({"a" + std::to_string(axes.size()), size, placement::AxisKind::space});
    ranks *= size;
  }
  Mesh mesh{axes, {}};
  for (int64_t rank = 0; rank < ranks; ++rank)
    mesh.devices.push_back(firstDevice + rank);
  return mesh;
}

namespace {
class RandomPlans : public testing::TestWithParam<const char *> {
protected:
  void check(const std::vector<Mesh> &meshes, uint64_t seed) {
    OwningOpRef<ModuleOp> module = harness.parseFile(std::string(PARTITA_GRAPHS) + "/" + GetParam() + ".mlir");
    ASSERT_TRUE(module) << harness.takeDiagnostics();
    std::mt19937_64 random(seed);
    planAtRandom(*module, meshes, random);
    std::string text;
    llvm::raw_string_ostream os(text);
    module->print(os);
    EXPECT_EQ(harness.compare(*module, seed), "") << "seed " << seed << "\n" << text;
  }
  Harness harness;
};
} // namespace

TEST_P(RandomPlans, OneStage) {
  const std::vector<std::vector<int64_t>> sizes = {{1}, {2}, {3}, {4}, {5}, {2, 2}, {2, 3}, {3, 2}, {2, 2, 2}};
  for (uint64_t seed = 0; seed < 45 && !HasFailure(); ++seed)
    check({meshOf(sizes[seed % sizes.size()])}, seed);
}

TEST_P(RandomPlans, TwoStagesOfUnequalMeshes) {
  // Disjoint, overlapping, and equal device lists.
  const std::vector<std::vector<Mesh>> pairs = {{meshOf({3}), meshOf({2}, 3)},
                                                {meshOf({2, 2}), meshOf({1}, 4)},
                                                {meshOf({3}), meshOf({2, 2}, 1)},
                                                {meshOf({2}), meshOf({2})}};
  for (uint64_t seed = 0; seed < 24 && !HasFailure(); ++seed)
    check(pairs[seed % pairs.size()], 1000 + seed);
}

INSTANTIATE_TEST_SUITE_P(Graphs, RandomPlans,
                         testing::Values("mlp", "block", "convnet", "rotary", "indexing", "halos", "experts", "custom"),
                         [](const auto &info) { return std::string(info.param); });
