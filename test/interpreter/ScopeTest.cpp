// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "TestPrograms.h"

using namespace partita;
using namespace partita::interpreter;

class ScopeTest : public Programs {
protected:
  mlir::RankedTensorType type(const std::string &text) {
    auto module = parse("func.func private @f(" + text + ")");
    return module ? mlir::cast<mlir::RankedTensorType>(
                        (*module->getOps<mlir::func::FuncOp>().begin()).getArgumentTypes()[0])
                  : mlir::RankedTensorType();
  }

  plan::MeshAttr mesh(const std::string &text) {
    auto module = parse("partita_plan.stage @s on " + text);
    return (*module->getOps<plan::StageOp>().begin()).getMesh();
  }
};

TEST_F(ScopeTest, BalancedCuts) {
  using List = std::vector<Interval>;
  auto cuts = [](int64_t n, int64_t parts, int64_t unit) {
    List list;
    for (int64_t part = 0; part < parts; ++part)
      list.push_back(cutInterval({0, n}, parts, unit, part));
    return list;
  };
  EXPECT_EQ(cuts(7, 3, 1), (List{{0, 3}, {3, 2}, {5, 2}}));
  EXPECT_EQ(cuts(7, 3, 2), (List{{0, 4}, {4, 2}, {6, 1}}));
  EXPECT_EQ(cuts(2, 3, 1), (List{{0, 1}, {1, 1}, {2, 0}}));
  EXPECT_EQ(cuts(0, 2, 1), (List{{0, 0}, {0, 0}}));
  EXPECT_EQ(cuts(12, 5, 1), (List{{0, 3}, {3, 3}, {6, 2}, {8, 2}, {10, 2}}));
  EXPECT_EQ(cutInterval({10, 5}, 2, 1, 1), (Interval{13, 2}));
}

TEST_F(ScopeTest, EveryCutCoversTheIntervalOnce) {
  for (int64_t n = 0; n <= 17; ++n)
    for (int64_t parts = 1; parts <= 8; ++parts)
      for (int64_t unit = 1; unit <= 5; ++unit) {
        int64_t next = 3, largest = 0, smallest = n;
        for (int64_t part = 0; part < parts; ++part) {
          Interval cut = cutInterval({3, n}, parts, unit, part);
          EXPECT_EQ(cut.offset, next);
          next += cut.extent;
          largest = std::max(largest, cut.extent);
          smallest = std::min(smallest, cut.extent);
        }
        EXPECT_EQ(next, 3 + n);
        // Balanced: no part has more than one unit more than another (the last unit may be short).
        EXPECT_LE(largest - smallest, 2 * unit - 1);
      }
}

TEST_F(ScopeTest, BoxesOfNestedSplitsAndTimeAxes) {
  auto local = type(R"(tensor<?x?xf32, #partita_plan.part<tensor<12x7xf32>, <[["t", "a"], ["b":2]]>>>)");
  auto grid = mesh(R"(<["a"=2, "t"=3 time, "b"=2], devices = [4, 5, 6, 7]>)");
  EXPECT_EQ(countMicroBatches(grid), 3);
  EXPECT_EQ(coordinatesOf(grid, 2, 1), (Coordinates{1, 1, 0}));
  Scope scope({}, grid, coordinatesOf(grid, 3, 1));
  // Micro-batch 1 has rows 4..7, a=1 the later two of them; b=1 the later units of 2 of 7 columns.
  EXPECT_EQ(scope.findBox(local), (Box{{6, 4}, {2, 3}}));
  EXPECT_EQ(scope.findGlobalShape(local), (Shape{12, 7}));
  EXPECT_FALSE(Scope({}, mesh(R"(<["x"=1], devices = [0]>)"), {0}).findBox(local).has_value());
}

TEST_F(ScopeTest, SymbolsAreLearnedFromShapesAndChecked) {
  auto symbolic = type(R"(tensor<?x?xf32, #partita.shape<[<"batch", 1, 8>], ()[s0] -> (s0, s0 * 2 + 1)>>)");
  SymbolValues symbols;
  EXPECT_EQ(bindSymbols(symbolic, {3, 7}, symbols), "");
  EXPECT_EQ(symbols["batch"], 3);
  EXPECT_EQ(Scope(symbols).findGlobalShape(symbolic), (Shape{3, 7}));
  EXPECT_NE(bindSymbols(symbolic, {4, 9}, symbols), "");
  SymbolValues others;
  EXPECT_NE(bindSymbols(symbolic, {9, 19}, others), "");
  EXPECT_NE(bindSymbols(symbolic, {3, 8}, others), "");
  EXPECT_NE(bindSymbols(symbolic, {3}, others), "");
  EXPECT_FALSE(Scope().findGlobalShape(symbolic).has_value());
}
