// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "TestPrograms.h"
#include <cmath>

using namespace partita::interpreter;
using Numbers = std::vector<double>;

class ReductionTest : public Programs {
protected:
  Numbers reduce(const std::string &kind, const std::string &dims, const std::string &from, const std::string &to,
                 Tensor x) {
    return runMain("func.func @main(%x: tensor<" + from + ">) -> tensor<" + to +
                       "> { %r = partita_graph.reduce \"r\" " + kind + "(%x) dims " + dims + " : (tensor<" + from +
                       ">) -> tensor<" + to + "> return %r : tensor<" + to + "> }",
                   {x})
        .toDoubles();
  }

  Numbers pool(const std::string &kind, const std::string &attributes, const std::string &from, const std::string &to,
               Tensor x) {
    return runMain("func.func @main(%x: tensor<" + from + ">) -> tensor<" + to +
                       "> { %r = partita_graph.window_reduce \"r\" " + kind + "(%x) " + attributes + " : (tensor<" +
                       from + ">) -> tensor<" + to + "> return %r : tensor<" + to + "> }",
                   {x})
        .toDoubles();
  }
};

TEST_F(ReductionTest, KindsByHand) {
  Tensor x = floats({2, 3}, {1, -2, 3, 4, 5, -6});
  EXPECT_EQ(reduce("sum", "[1]", "2x3xf32", "2xf32", x), (Numbers{2, 3}));
  EXPECT_EQ(reduce("sum", "[0]", "2x3xf32", "3xf32", x), (Numbers{5, 3, -3}));
  EXPECT_EQ(reduce("sum", "[0, 1]", "2x3xf32", "f32", x), Numbers{5});
  EXPECT_EQ(reduce("sum", "[]", "2x3xf32", "2x3xf32", x), (Numbers{1, -2, 3, 4, 5, -6}));
  EXPECT_EQ(reduce("max", "[1]", "2x3xf32", "2xf32", x), (Numbers{3, 5}));
  EXPECT_EQ(reduce("min", "[1]", "2x3xf32", "2xf32", x), (Numbers{-2, -6}));
  EXPECT_EQ(reduce("prod", "[1]", "2x3xf32", "2xf32", x), (Numbers{-6, -120}));
  Tensor flags = numbers(boolean(), {2, 2}, {1, 0, 1, 1});
  EXPECT_EQ(reduce("and", "[1]", "2x2xi1", "2xi1", flags), (Numbers{0, 1}));
  EXPECT_EQ(reduce("or", "[0]", "2x2xi1", "2xi1", flags), (Numbers{1, 1}));
}

TEST_F(ReductionTest, EmptyReductionsGiveTheIdentityOfTheType) {
  EXPECT_EQ(reduce("max", "[0]", "0x1xf32", "1xf32", floats({0, 1}, {})), Numbers{-HUGE_VAL});
  EXPECT_EQ(reduce("max", "[0]", "0x1xsi8", "1xsi8", numbers(si(8), {0, 1}, {})), Numbers{-128});
  EXPECT_EQ(reduce("min", "[0]", "0x1xsi8", "1xsi8", numbers(si(8), {0, 1}, {})), Numbers{127});
  EXPECT_EQ(reduce("min", "[0]", "0x1xui16", "1xui16", numbers(ui(16), {0, 1}, {})), Numbers{65535});
  EXPECT_EQ(reduce("prod", "[0]", "0x1xf32", "1xf32", floats({0, 1}, {})), Numbers{1});
}

TEST_F(ReductionTest, SmallFloatsAccumulateInFloatAndIntegersWrap) {
  Numbers ones(300, 1.0);
  EXPECT_EQ(reduce("sum", "[0]", "300xbf16", "bf16", numbers(bf16(), {300}, ones)), Numbers{300});
  EXPECT_EQ(reduce("sum", "[0]", "300xsi8", "si8", numbers(si(8), {300}, ones)), Numbers{44});
}

TEST_F(ReductionTest, Windows) {
  Tensor x = floats({1, 1, 5}, {1, 2, 3, 4, 5});
  std::string plain = "window [3] strides [2] padding [0, 0] dilations [1]";
  EXPECT_EQ(pool("sum", plain, "1x1x5xf32", "1x1x2xf32", x), (Numbers{6, 12}));
  EXPECT_EQ(pool("max", plain, "1x1x5xf32", "1x1x2xf32", x), (Numbers{3, 5}));
  // Padding is the identity: negative numbers win over it in max.
  Tensor y = floats({1, 1, 3}, {-1, -2, -3});
  std::string padded = "window [2] strides [1] padding [1, 1] dilations [1]";
  EXPECT_EQ(pool("max", padded, "1x1x3xf32", "1x1x4xf32", y), (Numbers{-1, -1, -2, -3}));
  EXPECT_EQ(pool("sum", padded, "1x1x3xf32", "1x1x4xf32", y), (Numbers{-1, -3, -5, -3}));
  std::string dilated = "window [2] strides [1] padding [0, 0] dilations [2]";
  EXPECT_EQ(pool("sum", dilated, "1x1x5xf32", "1x1x3xf32", x), (Numbers{4, 6, 8}));
  Tensor z = floats({1, 2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_EQ(pool("sum", "window [2, 2] strides [1, 1] padding [0, 0, 0, 0] dilations [1, 1]", "1x2x2x2xf32",
                 "1x2x1x1xf32", z),
            (Numbers{10, 26}));
}

TEST_F(ReductionTest, CombineAndIdentity) {
  namespace plan = partita::plan;
  Tensor a = floats({2}, {1, 5}), b = floats({2}, {3, 2});
  EXPECT_EQ(combine({a, b}, plan::PartialKind::sum).toDoubles(), (Numbers{4, 7}));
  EXPECT_EQ(combine({a, b}, plan::PartialKind::max).toDoubles(), (Numbers{3, 5}));
  EXPECT_EQ(combine({a, b}, plan::PartialKind::min).toDoubles(), (Numbers{1, 2}));
  for (auto kind : {plan::PartialKind::sum, plan::PartialKind::max, plan::PartialKind::min})
    EXPECT_TRUE(combine({a, makeIdentity(f32(), {2}, kind)}, kind).isIdenticalTo(a));
}
