// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "TestPrograms.h"
#include <cmath>

using namespace partita::interpreter;
using Numbers = std::vector<double>;

class MatrixTest : public Programs {
protected:
  Tensor contract(const std::string &spec, const std::string &a, const std::string &b, const std::string &c,
                  std::vector<Tensor> operands, Arithmetic arithmetic = {}) {
    return runMain("func.func @main(%a: " + a + ", %b: " + b + ") -> " + c +
                       " { %r = partita_graph.contraction \"c\" (%a, %b) \"" + spec + "\" : (" + a + ", " + b +
                       ") -> " + c + " return %r : " + c + " }",
                   operands, arithmetic);
  }
};

TEST_F(MatrixTest, ProductByHand) {
  Tensor a = floats({2, 3}, {1, 2, 3, 4, 5, 6}), b = floats({3, 2}, {7, 8, 9, 10, 11, 12});
  Numbers expected{58, 64, 139, 154};
  EXPECT_EQ(contract("mk,kn->mn", "tensor<2x3xf32>", "tensor<3x2xf32>", "tensor<2x2xf32>", {a, b}).toDoubles(),
            expected);
  EXPECT_EQ(contract("mk,kn->nm", "tensor<2x3xf32>", "tensor<3x2xf32>", "tensor<2x2xf32>", {a, b}).toDoubles(),
            (Numbers{58, 139, 64, 154}));
  EXPECT_EQ(
      contract("mk,kn->mn", "tensor<2x3xf32>", "tensor<3x2xf32>", "tensor<2x2xf32>", {a, b}, {false, 3}).toDoubles(),
      expected);
}

TEST_F(MatrixTest, ThreeFreeDimsAndTwoSums) {
  // out[b,i,j,l] = sum over k, t of x[k,b,i,t] * y[t,j,b,k,l], written out as loops.
  Tensor x = varied(f32(), {3, 2, 4, 2}, 1), y = varied(f32(), {2, 3, 2, 3, 2}, 2);
  Numbers a = x.toDoubles(), b = y.toDoubles();
  Numbers got =
      contract("kbit,tjbkl->bijl", "tensor<3x2x4x2xf32>", "tensor<2x3x2x3x2xf32>", "tensor<2x4x3x2xf32>", {x, y})
          .toDoubles();
  size_t next = 0;
  for (int n = 0; n < 2; ++n)
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 3; ++j)
        for (int l = 0; l < 2; ++l) {
          double sum = 0;
          for (int k = 0; k < 3; ++k)
            for (int t = 0; t < 2; ++t)
              sum += a[((k * 2 + n) * 4 + i) * 2 + t] * b[(((t * 3 + j) * 2 + n) * 3 + k) * 2 + l];
          EXPECT_NEAR(got[next++], sum, 1e-5);
        }
}

TEST_F(MatrixTest, SmallFloatsAccumulateInFloat) {
  // 256 + 1 is 256 in bf16; added up in f32 the ones are not lost.
  Numbers ones(257, 1.0);
  ones[0] = 256;
  Tensor a = numbers(bf16(), {257}, ones), b = numbers(bf16(), {257}, Numbers(257, 1.0));
  EXPECT_EQ(contract("k,k->", "tensor<257xbf16>", "tensor<257xbf16>", "tensor<bf16>", {a, b}).toDoubles(),
            Numbers{512});
}

TEST_F(MatrixTest, IntegersWrap) {
  Tensor a = numbers(si(8), {2}, {100, 100}), b = numbers(si(8), {2}, {2, 3});
  // 500 = 512 - 12.
  EXPECT_EQ(contract("k,k->", "tensor<2xsi8>", "tensor<2xsi8>", "tensor<si8>", {a, b}).toDoubles(), Numbers{-12});
}

TEST_F(MatrixTest, DoublePrecisionKeepsWhatFloatLoses) {
  Tensor a = floats({3}, {1e8, 1, -1e8}), b = floats({3}, {1, 1, 1});
  Tensor reference = contract("k,k->", "tensor<3xf32>", "tensor<3xf32>", "tensor<f32>", {a, b}, {true, std::nullopt});
  EXPECT_EQ(reference.getElementType(), f64());
  EXPECT_EQ(reference.toDoubles(), Numbers{1});
  EXPECT_EQ(contract("k,k->", "tensor<3xf32>", "tensor<3xf32>", "tensor<f32>", {a, b}).toDoubles(), Numbers{0});
}

TEST_F(MatrixTest, SeedsPermuteTheSum) {
  Tensor a = varied(f32(), {1000}, 5), b = varied(f32(), {1000}, 6);
  std::set<double> sums;
  for (uint64_t seed = 1; seed <= 4; ++seed)
    sums.insert(
        contract("k,k->", "tensor<1000xf32>", "tensor<1000xf32>", "tensor<f32>", {a, b}, {false, seed}).toDoubles()[0]);
  EXPECT_GT(sums.size(), 1u);
  std::vector<int64_t> order = summationOrder(100, {false, 9});
  EXPECT_NE(order, summationOrder(100, {false, 10}));
  EXPECT_EQ(order, summationOrder(100, {false, 9}));
  std::sort(order.begin(), order.end());
  EXPECT_EQ(order, summationOrder(100, {}));
}

TEST_F(MatrixTest, ConvolutionByLoops) {
  struct Case {
    int64_t groups, stride, low, high, dilation;
  };
  for (Case c : {Case{1, 1, 0, 0, 1}, {2, 2, 1, 0, 1}, {2, 1, 2, 2, 2}, {4, 3, 0, 1, 1}}) {
    const int64_t images = 2, inputs = 4, outputs = 8, height = 7, width = 6, kernel = 3;
    int64_t reach = (kernel - 1) * c.dilation + 1;
    int64_t h = (height + c.low + c.high - reach) / c.stride + 1, w = (width + c.low + c.high - reach) / c.stride + 1;
    int64_t depth = inputs / c.groups;
    Tensor x = varied(f32(), {images, inputs, height, width}, 3),
           f = varied(f32(), {outputs, depth, kernel, kernel}, 4);
    auto text = [](std::vector<int64_t> dims) {
      std::string type = "tensor<";
      for (int64_t dim : dims)
        type += std::to_string(dim) + "x";
      return type + "f32>";
    };
    auto pair = [](int64_t a, int64_t b) { return "[" + std::to_string(a) + ", " + std::to_string(b) + "]"; };
    std::string a = text({images, inputs, height, width}), b = text({outputs, depth, kernel, kernel}),
                r = text({images, outputs, h, w}), low = std::to_string(c.low), high = std::to_string(c.high);
    Tensor result = runMain("func.func @main(%x: " + a + ", %f: " + b + ") -> " + r +
                                " { %r = partita_graph.convolution \"c\" (%x, %f) strides " + pair(c.stride, c.stride) +
                                " padding [" + low + ", " + high + ", " + low + ", " + high + "] dilations " +
                                pair(c.dilation, c.dilation) + " groups " + std::to_string(c.groups) + " : (" + a +
                                ", " + b + ") -> " + r + " return %r : " + r + " }",
                            {x, f});
    ASSERT_TRUE(result.isPresent()) << diagnostics;
    Numbers in = x.toDoubles(), filter = f.toDoubles(), got = result.toDoubles();
    size_t next = 0;
    for (int64_t n = 0; n < images; ++n)
      for (int64_t o = 0; o < outputs; ++o)
        for (int64_t i = 0; i < h; ++i)
          for (int64_t j = 0; j < w; ++j) {
            double sum = 0;
            for (int64_t d = 0; d < depth; ++d)
              for (int64_t u = 0; u < kernel; ++u)
                for (int64_t v = 0; v < kernel; ++v) {
                  int64_t y = i * c.stride + u * c.dilation - c.low, z = j * c.stride + v * c.dilation - c.low;
                  if (y < 0 || y >= height || z < 0 || z >= width)
                    continue;
                  int64_t channel = o / (outputs / c.groups) * depth + d;
                  sum += in[((n * inputs + channel) * height + y) * width + z] *
                         filter[((o * depth + d) * kernel + u) * kernel + v];
                }
            ASSERT_NEAR(got[next++], sum, 1e-4);
          }
  }
}
