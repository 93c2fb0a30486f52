// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ReshardTableTest.cpp - Known sequences, steps by name, the table ---===//

#include "Oracle.h"
#include "partita/placement/Reshard.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <limits>
#include <thread>

using namespace partita::placement;
using namespace partita::placement::oracle;

namespace {

std::string pathOf(const Shape &shape, const Mesh &mesh, const Placement &from, const Placement &to,
                   const CommunicationPrice &price = BytesPrice()) {
  std::optional<Reshard> reshard = findReshard(shape, 4, mesh, from, to, price);
  if (!reshard)
    return "none";
  std::string text;
  for (std::size_t i = 0; i + 1 < reshard->path.size(); ++i) {
    std::optional<Step> step = classifyStep(shape, mesh, reshard->path[i], reshard->path[i + 1]);
    text += (i ? ", " : "") + (step ? toString(step->kind) : "nothing") + " " + toString(reshard->path[i + 1], mesh);
  }
  return text;
}

Placement cut(std::vector<DimSplit> dims) { return {std::move(dims), {}}; }
Placement sumOver(std::vector<DimSplit> dims, int axis) { return {std::move(dims), {{axis, PartialKind::sum}}}; }

const Mesh eight = meshOf({8});
const Mesh square = meshOf({2, 4});

TEST(ReshardTest, SequencesOfMegatron) {
  Placement rows = cut({{{0, 1}}, {}}), whole = replicated(2);
  EXPECT_EQ(pathOf({64, 64}, eight, sumOver({{}, {}}, 0), whole), "all-reduce [_, _]");
  EXPECT_EQ(pathOf({64, 64}, eight, sumOver({{}, {}}, 0), rows), "reduce-scatter [a, _]");
  EXPECT_EQ(pathOf({64, 64}, eight, rows, whole), "all-gather [_, _]");
  EXPECT_EQ(pathOf({64, 64}, eight, whole, rows), "slice [a, _]");
  EXPECT_EQ(pathOf({64, 64}, eight, rows, cut({{}, {{0, 1}}})), "all-to-all [_, a]");
  EXPECT_EQ(pathOf({64, 64}, eight, whole, sumOver({{}, {}}, 0)), "partialize [_, _] sum(a)");
  EXPECT_EQ(pathOf({64, 64}, eight, whole, whole), "");
}

TEST(ReshardTest, AxesOfOneKindGoTogether) {
  Placement both = cut({{{0, 1}, {1, 1}}, {}});
  EXPECT_EQ(pathOf({64, 64}, square, both, replicated(2)), "all-gather [_, _]");
  EXPECT_EQ(pathOf({64, 64}, square, Placement{{{}, {}}, {{0, PartialKind::sum}, {1, PartialKind::sum}}}, both),
            "reduce-scatter [a b, _]");
  EXPECT_EQ(pathOf({64, 64}, square, both, cut({{}, {{0, 1}, {1, 1}}})), "all-to-all [_, a b]");
}

TEST(ReshardTest, CasesThatUpstreamGetsWrong) {
  // The single-step partitioner of MLIR's shard dialect miscompiles these.
  EXPECT_EQ(pathOf({4096, 4096}, square, cut({{{0, 1}}, {{1, 1}}}), cut({{{1, 1}}, {{0, 1}}})), "exchange [b, a]");
  EXPECT_EQ(pathOf({4096, 4096}, square, cut({{{0, 1}, {1, 1}}, {}}), cut({{{0, 1}}, {{1, 1}}})), "all-to-all [a, b]");
  EXPECT_EQ(pathOf({4096, 4096}, square, cut({{{0, 1}}, {{1, 1}}}), replicated(2)),
            "all-gather [_, b], all-gather [_, _]");
}

TEST(ReshardTest, AReplicatedAxisHelps) {
  // Reducing an eighth on each of eight ranks and gathering it costs less than reducing all of it eight times.
  Mesh mesh = meshOf({4, 8});
  EXPECT_EQ(pathOf({1024, 1024}, mesh, sumOver({{}, {}}, 0), replicated(2)),
            "slice [_, b] sum(a), all-reduce [_, b], all-gather [_, _]");
}

TEST(ReshardTest, GradientsAreAccumulatedBeforeTheyAreReduced) {
  Mesh mesh{{{"data", 8, AxisKind::space}, {"micro", 16, AxisKind::time}}, {0, 1, 2, 3, 4, 5, 6, 7}};
  Placement gradient{{{}}, {{0, PartialKind::sum}, {1, PartialKind::sum}}};
  EXPECT_EQ(pathOf({4096}, mesh, gradient, replicated(1)), "all-reduce [_] sum(data), all-reduce [_]");
}

TEST(ReshardTest, SecondsAreThoseOfTheSteps) {
  BytesPrice price(1e-9, 1e-6);
  auto reshard = findReshard({64, 64}, 4, eight, cut({{{0, 1}}, {}}), replicated(2), price);
  EXPECT_DOUBLE_EQ(reshard.value_or(Reshard()).seconds, 7 * 8 * 64 * 4 * 1e-9 + 1e-6);
}

TEST(ReshardTest, SymbolicDimsMoveByUnits) {
  Shape shape{Extent(64, true), 64};
  EXPECT_EQ(pathOf(shape, eight, cut({{{0, 8}}, {}}), cut({{{0, 1}}, {}})), "exchange [a, _]");
  EXPECT_EQ(pathOf({64, 64}, eight, cut({{{0, 8}}, {}}), cut({{{0, 1}}, {}})), "");
  EXPECT_EQ(pathOf(shape, eight, cut({{{0, 8}}, {}}), replicated(2)), "all-gather [_, _]");
}

TEST(ReshardTest, RefusesUnsoundQuestions) {
  EXPECT_EQ(pathOf({8}, eight, cut({{{1, 1}}}), replicated(1)), "none");
  EXPECT_EQ(pathOf({8}, eight, replicated(2), replicated(1)), "none");
  EXPECT_EQ(pathOf({-8}, eight, replicated(1), replicated(1)), "none");
  EXPECT_EQ(pathOf({8}, Mesh{{{"a", 2, AxisKind::space}}, {0}}, replicated(1), replicated(1)), "none");
}

/// All communication is forbidden, also by NaN.
class NoPrice : public CommunicationPrice {
public:
  explicit NoPrice(double answer) : answer(answer) {}
  double seconds(const StepDescription &step) const override { return isLocal(step.kind) ? 0 : answer; }

private:
  double answer;
};

TEST(ReshardTest, AnInfinitePriceForbidsAStep) {
  for (double answer : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN(), -1.0}) {
    EXPECT_EQ(pathOf({8}, eight, cut({{{0, 1}}}), replicated(1), NoPrice(answer)), "none");
    EXPECT_EQ(pathOf({8}, eight, replicated(1), cut({{{0, 1}}}), NoPrice(answer)), "slice [a]");
  }
}

TEST(ReshardTest, HugePricesDoNotOverflow) {
  auto reshard = findReshard({64, 64}, 4, square, cut({{{0, 1}}, {{1, 1}}}), replicated(2), BytesPrice(1e300, 0));
  EXPECT_GT(reshard.value_or(Reshard()).seconds, 1e5);
}

TEST(StepTest, NamesAxesAndDims) {
  Shape shape{8, 8};
  auto step = classifyStep(shape, square, cut({{{0, 1}, {1, 1}}, {}}), cut({{{0, 1}}, {{1, 1}}}));
  EXPECT_EQ(step, (Step{StepKind::allToAll, {1}, 0, 1}));
  step = classifyStep(shape, square, sumOver({{}, {}}, 1), cut({{}, {{1, 1}}}));
  EXPECT_EQ(step, (Step{StepKind::reduceScatter, {1}, 1, -1}));
  step = classifyStep(shape, square, cut({{{0, 1}, {1, 1}}, {}}), cut({{{0, 1}, {1, 2}}, {}}));
  EXPECT_EQ(step, (Step{StepKind::exchange, {1}, -1, -1})) << "only the axes behind the common cuts take part";
  EXPECT_EQ(classifyStep(shape, square, replicated(2), replicated(2)), std::nullopt);
  EXPECT_EQ(classifyStep(shape, square, sumOver({{}, {}}, 1), cut({{{0, 1}}, {{1, 1}}})), std::nullopt);
  EXPECT_EQ(classifyStep(shape, square, Placement{{{}, {}}, {{0, PartialKind::sum}}},
                         Placement{{{}, {}}, {{0, PartialKind::max}}}),
            std::nullopt);
}

TEST(StepTest, DescribesBytes) {
  Shape shape{8, 10};
  Placement rows = cut({{{1, 1}}, {}}), columns = cut({{}, {{1, 1}}});
  auto describe = [&](const Placement &from, const Placement &to) {
    return describeStep(*classifyStep(shape, square, from, to), shape, 4, square, from, to);
  };
  StepDescription gather = describe(columns, replicated(2));
  EXPECT_EQ(gather.groupSize, 4);
  EXPECT_EQ(gather.sourceBytes, 8 * 3 * 4);
  EXPECT_EQ(gather.resultBytes, 8 * 10 * 4);
  EXPECT_EQ(gather.busiestBytes, 3 * 8 * 3 * 4);
  EXPECT_EQ(describe(rows, columns).busiestBytes, 3 * 2 * 3 * 4);
  EXPECT_EQ(describe(sumOver({{}, {}}, 1), replicated(2)).busiestBytes, 2 * 3 * 20 * 4);
  EXPECT_EQ(describe(sumOver({{}, {}}, 1), columns).busiestBytes, 3 * 8 * 3 * 4);
  EXPECT_EQ(describe(replicated(2), rows).busiestBytes, 0);
}

/// Laws L4 and L5 as compositions of single steps on data, for vectors of 1..9 on 2 and 2x2 and all their placements.
TEST(StepTest, LawsL4AndL5) {
  for (const std::vector<int64_t> &sizes : {std::vector<int64_t>{2}, {3}, {2, 2}})
    for (int64_t extent = 1; extent <= 9; ++extent) {
      World world(meshOf(sizes), {extent}, PartialKind::sum);
      Shape shape{extent};
      auto forms = enumeratePlacements(1, cutsOf(world.mesh, {1, 2}), partialsOf(world.mesh, PartialKind::sum));
      for (const Placement &from : forms)
        for (const Placement &to : forms) {
          auto there = classifyStep(shape, world.mesh, from, to), back = classifyStep(shape, world.mesh, to, from);
          if (!there || !back)
            continue;
          std::string error;
          State start = world.place(from, 3);
          State end = world.apply(*back, to, from, world.apply(*there, from, to, start, error), error);
          ASSERT_EQ(error, "");
          // partialize after allReduce gives other, equally good contributions.
          ASSERT_TRUE(there->kind == StepKind::allReduce || end == start)
              << toString(from, world.mesh) << " " << toString(to, world.mesh);
          ASSERT_TRUE(world.holds(end, from));
        }
    }
}

TEST(ReshardTableTest, AnswersDoNotDependOnEarlierQuestions) {
  std::vector<Placement> forms = enumeratePlacements(2, cutsOf(square, {1, 2}), partialsOf(square, PartialKind::sum));
  Shape shape{6, 12};
  BytesPrice price;
  ReshardTable forward(price), backward(price);
  for (const Placement &from : forms)
    for (const Placement &to : forms)
      forward.find(shape, 2, square, from, to);
  for (auto from = forms.rbegin(); from != forms.rend(); ++from)
    for (auto to = forms.rbegin(); to != forms.rend(); ++to) {
      const Reshard *left = forward.find(shape, 2, square, *from, *to);
      const Reshard *right = backward.find(shape, 2, square, *from, *to);
      ASSERT_TRUE(left && right && *left == *right);
      ASSERT_EQ(left, forward.find(shape, 2, square, *from, *to)) << "the pointer stays";
    }
  for (std::size_t i = 0; i < forms.size(); i += 37)
    ASSERT_EQ(findReshard(shape, 2, square, forms[i], forms[0], price),
              *forward.find(shape, 2, square, forms[i], forms[0]));
}

TEST(ReshardTableTest, ThreadsShareATable) {
  std::vector<Placement> forms = enumeratePlacements(2, cutsOf(square, {1}), partialsOf(square, PartialKind::sum));
  BytesPrice price;
  ReshardTable shared(price), alone(price);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (std::size_t from = i % 2; from < forms.size(); ++from)
        for (const Placement &to : forms)
          shared.find({6, 12}, 2, square, forms[from], to);
    });
  for (std::thread &thread : threads)
    thread.join();
  for (const Placement &from : forms)
    for (const Placement &to : forms)
      ASSERT_EQ(*shared.find({6, 12}, 2, square, from, to), *alone.find({6, 12}, 2, square, from, to));
}

TEST(ReshardTableTest, LargeMeshesAreReduced) {
  // data x context x pipe x tensor (as 2 x 4): what does not move is not searched.
  Mesh mesh = meshOf({16, 2, 4, 2, 4});
  Placement from = cut({{{0, 1}}, {{1, 1}}, {{3, 1}, {4, 1}}}), to = cut({{{0, 1}}, {{1, 1}}, {}});
  EXPECT_EQ(pathOf({64, 2048, 8192}, mesh, from, to), "all-gather [a, b, _]");
  // The axes c and e replicate the gradient before and after; one of them helps.
  Placement gradient{{{}, {}, {{3, 1}}}, {{0, PartialKind::sum}, {1, PartialKind::sum}}};
  EXPECT_EQ(pathOf({64, 2048, 8192}, mesh, gradient, cut({{{0, 1}}, {{1, 1}}, {{3, 1}}})),
            "slice [_, _, d c] sum(a, b), reduce-scatter [_, b, d c] sum(a), reduce-scatter [a, b, d c], all-gather "
            "[a, b, d]");
}

} // namespace
