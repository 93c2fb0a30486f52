// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "TestPrograms.h"
#include <cmath>

using namespace partita::interpreter;
using Numbers = std::vector<double>;

class CompositesTest : public Programs {
protected:
  Numbers run(const std::string &body, std::vector<std::string> types, const std::string &result,
              std::vector<Tensor> operands) {
    std::string arguments, list;
    for (size_t i = 0; i < types.size(); ++i) {
      arguments += (i ? ", %a" : "%a") + std::to_string(i) + ": tensor<" + types[i] + ">";
      list += (i ? ", tensor<" : "tensor<") + types[i] + ">";
    }
    Tensor value = runMain("func.func @main(" + arguments + ") -> tensor<" + result + "> { %r = partita_graph." + body +
                               " : (" + list + ") -> tensor<" + result + "> return %r : tensor<" + result + "> }",
                           operands);
    EXPECT_TRUE(value.isPresent()) << diagnostics;
    return value.isPresent() ? value.toDoubles() : Numbers{};
  }

  void expectNear(const Numbers &got, const Numbers &expected, double tolerance = 1e-5) {
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_NEAR(got[i], expected[i], tolerance) << i;
  }
};

TEST_F(CompositesTest, Softmax) {
  Tensor x = floats({2, 3}, {1, 2, 3, 1000, 1000, -1000});
  expectNear(run(R"(softmax "s" (%a0) dim 1)", {"2x3xf32"}, "2x3xf32", {x}),
             {0.09003057, 0.24472847, 0.66524096, 0.5, 0.5, 0});
  expectNear(run(R"(softmax "s" (%a0) dim 0)", {"2x2xf32"}, "2x2xf32", {floats({2, 2}, {0, 1, 0, 3})}),
             {0.5, 0.11920292, 0.5, 0.88079708});
}

TEST_F(CompositesTest, Norms) {
  Tensor x = floats({2, 4}, {1, 2, 3, 4, -1, 0, 0, 5}), scale = floats({4}, {1, 2, 1, 1}),
         bias = floats({4}, {0, 0, 1, 0});
  Numbers in = x.toDoubles(), layer, rms;
  for (int row = 0; row < 2; ++row) {
    double mean = 0, square = 0, variance = 0;
    for (int i = 0; i < 4; ++i) {
      mean += in[row * 4 + i] / 4;
      square += in[row * 4 + i] * in[row * 4 + i] / 4;
    }
    // A second formula: the variance as E[x^2] - E[x]^2.
    variance = square - mean * mean;
    for (int i = 0; i < 4; ++i) {
      double s = i == 1 ? 2 : 1, b = i == 2 ? 1 : 0;
      layer.push_back((in[row * 4 + i] - mean) / std::sqrt(variance + 1e-5) * s + b);
      rms.push_back(in[row * 4 + i] / std::sqrt(square + 1e-6) * s);
    }
  }
  expectNear(run(R"(layer_norm "n" (%a0, %a1, %a2) axis 1 epsilon 1.0e-5)", {"2x4xf32", "4xf32", "4xf32"}, "2x4xf32",
                 {x, scale, bias}),
             layer);
  expectNear(run(R"(rms_norm "n" (%a0, %a1) axis 1 epsilon 1.0e-6)", {"2x4xf32", "4xf32"}, "2x4xf32", {x, scale}), rms);
  Tensor image = floats({1, 2, 2}, {1, 2, 3, 4});
  expectNear(run(R"(batch_norm "n" (%a0, %a1, %a2, %a3, %a4) epsilon 0.0)",
                 {"1x2x2xf32", "2xf32", "2xf32", "2xf32", "2xf32"}, "1x2x2xf32",
                 {image, floats({2}, {2, 1}), floats({2}, {0, 10}), floats({2}, {1, 3}), floats({2}, {4, 0.25})}),
             {0, 1, 10, 12});
}

TEST_F(CompositesTest, AttentionByLoops) {
  const int B = 2, H = 4, G = 2, SQ = 3, SK = 5, D = 4, V = 3;
  Tensor q = varied(f32(), {B, H, SQ, D}, 1), k = varied(f32(), {B, G, SK, D}, 2), v = varied(f32(), {B, G, SK, V}, 3);
  Tensor mask = varied(f32(), {1, H, SQ, SK}, 4);
  Numbers query = q.toDoubles(), key = k.toDoubles(), value = v.toDoubles(), m = mask.toDoubles();
  for (bool causal : {false, true}) {
    Numbers expected;
    for (int b = 0; b < B; ++b)
      for (int h = 0; h < H; ++h)
        for (int i = 0; i < SQ; ++i) {
          Numbers weights;
          double total = 0;
          int g = h / (H / G);
          for (int j = 0; j < SK; ++j) {
            double score = 0;
            for (int d = 0; d < D; ++d)
              score += query[((b * H + h) * SQ + i) * D + d] * key[((b * G + g) * SK + j) * D + d];
            bool visible = !causal || j <= i + SK - SQ;
            weights.push_back(visible ? std::exp(score * 0.5 + m[(h * SQ + i) * SK + j]) : 0);
            total += weights.back();
          }
          for (int w = 0; w < V; ++w) {
            double sum = 0;
            for (int j = 0; j < SK; ++j)
              sum += weights[j] / total * value[((b * G + g) * SK + j) * V + w];
            expected.push_back(sum);
          }
        }
    expectNear(run(std::string(R"(attention "a" (%a0, %a1, %a2, %a3) scale 0.5 causal )") + (causal ? "true" : "false"),
                   {"2x4x3x4xf32", "2x2x5x4xf32", "2x2x5x3xf32", "1x4x3x5xf32"}, "2x4x3x3xf32", {q, k, v, mask}),
               expected);
  }
}

// With two keys for three queries the first query sees none: nothing is weighed, 0 where guarded, else no number.
TEST_F(CompositesTest, AttentionWithoutKeys) {
  Tensor q = varied(f32(), {1, 1, 3, 2}, 1), k = varied(f32(), {1, 1, 2, 2}, 2), v = floats({1, 1, 2, 1}, {3, 5});
  for (bool guarded : {true, false}) {
    Numbers result =
        run(std::string(R"(attention "a" (%a0, %a1, %a2) scale 1.0 causal true)") + (guarded ? " guarded" : ""),
            {"1x1x3x2xf32", "1x1x2x2xf32", "1x1x2x1xf32"}, "1x1x3x1xf32", {q, k, v});
    EXPECT_EQ(std::isnan(result[0]), !guarded);
    if (guarded)
      EXPECT_EQ(result[0], 0.0);
    EXPECT_FLOAT_EQ(result[1], 3.0);
    EXPECT_TRUE(result[2] > 3.0 && result[2] < 5.0);
  }
}

TEST_F(CompositesTest, Rotary) {
  // A quarter turn at position 1, none at position 0.
  Tensor x = floats({1, 1, 2, 4}, {1, 2, 3, 4, 1, 2, 3, 4});
  Tensor cosine = floats({2, 2}, {1, 1, 0, 0}), sine = floats({2, 2}, {0, 0, 1, 1});
  std::vector<std::string> types{"1x1x2x4xf32", "2x2xf32", "2x2xf32"};
  expectNear(run(R"(rotary "r" (%a0, %a1, %a2) interleaved false)", types, "1x1x2x4xf32", {x, cosine, sine}),
             {1, 2, 3, 4, -3, -4, 1, 2});
  expectNear(run(R"(rotary "r" (%a0, %a1, %a2) interleaved true)", types, "1x1x2x4xf32", {x, cosine, sine}),
             {1, 2, 3, 4, -2, 1, -4, 3});
}

TEST_F(CompositesTest, SmallFloatsAreRoundedOnlyAtTheResult) {
  Tensor x = varied(bf16(), {4, 64}, 8);
  Numbers in = x.toDoubles(), got = run(R"(softmax "s" (%a0) dim 1)", {"4x64xbf16"}, "4x64xbf16", {x});
  for (int row = 0; row < 4; ++row) {
    double total = 0;
    for (int i = 0; i < 64; ++i)
      total += std::exp(in[row * 64 + i]);
    for (int i = 0; i < 64; ++i) {
      double exact = std::exp(in[row * 64 + i]) / total;
      // Half a unit in the last place of bf16, and a little for float.
      EXPECT_LE(std::fabs(got[row * 64 + i] - exact), exact / 256 * 1.001);
    }
  }
}
