// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "TestPrograms.h"
#include <cmath>

using namespace partita::interpreter;
using Numbers = std::vector<double>;

class ElementwiseTest : public Programs {
protected:
  /// kind(inputs) on 1-d tensors of one element type.
  Tensor apply(const std::string &kind, const std::string &type, std::vector<Tensor> inputs,
               const std::string &result) {
    std::string arguments, names, types;
    for (size_t i = 0; i < inputs.size(); ++i) {
      std::string text = "tensor<" + std::to_string(inputs[i].getShape()[0]) + "x" +
                         (inputs[i].getElementType().isInteger(1) ? "i1" : type) + ">";
      arguments += (i ? ", %a" : "%a") + std::to_string(i) + ": " + text;
      names += (i ? ", %a" : "%a") + std::to_string(i);
      types += (i ? ", " : "") + text;
    }
    std::string to = "tensor<" + std::to_string(inputs[0].getShape()[0]) + "x" + result + ">";
    return runMain("func.func @main(" + arguments + ") -> " + to + " { %r = partita_graph.elementwise \"e\" " + kind +
                       "(" + names + ") : (" + types + ") -> " + to + " return %r : " + to + " }",
                   inputs);
  }

  Numbers unary(const std::string &kind, Numbers x) {
    return apply(kind, "f32", {floats({static_cast<int64_t>(x.size())}, x)}, "f32").toDoubles();
  }

  void expectNear(const std::string &kind, Numbers x, Numbers expected) {
    Numbers got = unary(kind, x);
    for (size_t i = 0; i < x.size(); ++i)
      EXPECT_NEAR(got[i], expected[i], 1e-6 * std::max(1.0, std::fabs(expected[i]))) << kind << "(" << x[i] << ")";
  }
};

TEST_F(ElementwiseTest, UnaryFloats) {
  expectNear("neg", {1.5, -2, 0}, {-1.5, 2, 0});
  expectNear("abs", {1.5, -2}, {1.5, 2});
  expectNear("exp", {0, 1, -1}, {1, 2.718281828459045, 0.36787944117144233});
  expectNear("log", {1, 10}, {0, 2.302585092994046});
  expectNear("sqrt", {4, 2}, {2, 1.4142135623730951});
  expectNear("rsqrt", {4, 0.25}, {0.5, 2});
  expectNear("reciprocal", {4, -0.5}, {0.25, -2});
  expectNear("tanh", {0, 1, -20}, {0, 0.7615941559557649, -1});
  expectNear("erf", {0, 1, -0.5}, {0, 0.8427007929497149, -0.5204998778130465});
  expectNear("sigmoid", {0, 2}, {0.5, 0.8807970779778823});
  expectNear("relu", {-1, 0, 3}, {0, 0, 3});
  expectNear("gelu", {0, 1, -1, 3}, {0, 0.8413447460685429, -0.15865525393145707, 2.99595030590511});
  expectNear("gelu_tanh", {0, 1, -1}, {0, 0.8411919906082768, -0.15880800939172324});
  expectNear("silu", {0, 1, -1}, {0, 0.7310585786300049, -0.2689414213699951});
  expectNear("sin", {0, 1.5707963267948966}, {0, 1});
  expectNear("cos", {0, 3.141592653589793}, {1, -1});
  expectNear("floor", {1.5, -1.5}, {1, -2});
  expectNear("ceil", {1.5, -1.5}, {2, -1});
  expectNear("round", {0.5, 1.5, 2.5, -0.5, -1.5}, {0, 2, 2, 0, -2});
  expectNear("sign", {3, 0, -0.1}, {1, 0, -1});
}

TEST_F(ElementwiseTest, InfinitiesOfGatedFunctions) {
  for (const char *kind : {"gelu", "gelu_tanh", "silu", "relu"}) {
    Numbers got = unary(kind, {HUGE_VAL, -HUGE_VAL});
    EXPECT_EQ(got[0], HUGE_VAL) << kind;
    EXPECT_EQ(got[1], 0) << kind;
  }
}

TEST_F(ElementwiseTest, ExtremesPropagateNaN) {
  Tensor x = floats({3}, {1, NAN, 2}), y = floats({3}, {NAN, 1, 3});
  Numbers largest = apply("max", "f32", {x, y}, "f32").toDoubles();
  Numbers smallest = apply("min", "f32", {x, y}, "f32").toDoubles();
  EXPECT_TRUE(std::isnan(largest[0]) && std::isnan(largest[1]) && std::isnan(smallest[0]) && std::isnan(smallest[1]));
  EXPECT_EQ(largest[2], 3);
  EXPECT_EQ(smallest[2], 2);
}

TEST_F(ElementwiseTest, SignedIntegersWrapTruncateAndTakeTheDivisorsSign) {
  Tensor a = numbers(si(8), {4}, {100, -100, 7, -7}), b = numbers(si(8), {4}, {100, -100, -2, 2});
  EXPECT_EQ(apply("add", "si8", {a, b}, "si8").toDoubles(), (Numbers{-56, 56, 5, -5}));
  EXPECT_EQ(apply("sub", "si8", {a, b}, "si8").toDoubles(), (Numbers{0, 0, 9, -9}));
  EXPECT_EQ(apply("mul", "si8", {a, b}, "si8").toDoubles(), (Numbers{16, 16, -14, -14}));
  EXPECT_EQ(apply("div", "si8", {a, b}, "si8").toDoubles(), (Numbers{1, 1, -3, -3}));
  EXPECT_EQ(apply("remainder", "si8", {a, b}, "si8").toDoubles(), (Numbers{0, 0, -1, 1}));
  EXPECT_EQ(apply("max", "si8", {a, b}, "si8").toDoubles(), (Numbers{100, -100, 7, 2}));
  EXPECT_EQ(apply("lt", "si8", {a, b}, "i1").toDoubles(), (Numbers{0, 0, 0, 1}));
  Tensor least = numbers(si(8), {1}, {-128}), minusOne = numbers(si(8), {1}, {-1});
  EXPECT_EQ(apply("div", "si8", {least, minusOne}, "si8").toDoubles(), Numbers{-128});
  EXPECT_EQ(apply("remainder", "si8", {least, minusOne}, "si8").toDoubles(), Numbers{0});
  EXPECT_EQ(apply("abs", "si8", {least}, "si8").toDoubles(), Numbers{-128});
}

TEST_F(ElementwiseTest, UnsignedIntegersCompareAndDivideUnsigned) {
  Tensor a = numbers(ui(8), {3}, {200, 3, 255}), b = numbers(ui(8), {3}, {7, 200, 1});
  EXPECT_EQ(apply("div", "ui8", {a, b}, "ui8").toDoubles(), (Numbers{28, 0, 255}));
  EXPECT_EQ(apply("gt", "ui8", {a, b}, "i1").toDoubles(), (Numbers{1, 0, 1}));
  EXPECT_EQ(apply("add", "ui8", {a, b}, "ui8").toDoubles(), (Numbers{207, 203, 0}));
  EXPECT_EQ(apply("min", "ui8", {a, b}, "ui8").toDoubles(), (Numbers{7, 3, 1}));
}

TEST_F(ElementwiseTest, DivisionByZeroIsAnErrorForIntegersOnly) {
  Tensor one = numbers(si(32), {1}, {1}), zero = numbers(si(32), {1}, {0});
  EXPECT_FALSE(apply("div", "si32", {one, zero}, "si32").isPresent());
  EXPECT_NE(diagnostics.find("E-DIVIDE-BY-ZERO"), std::string::npos) << diagnostics;
  EXPECT_EQ(apply("div", "f32", {floats({1}, {1}), floats({1}, {0})}, "f32").toDoubles(), Numbers{HUGE_VAL});
}

TEST_F(ElementwiseTest, FloatRemainderPowSelectClampAndLogic) {
  Tensor a = floats({4}, {5.5, -5.5, 5.5, -5.5}), b = floats({4}, {2, 2, -2, -2});
  EXPECT_EQ(apply("remainder", "f32", {a, b}, "f32").toDoubles(), (Numbers{1.5, 0.5, -0.5, -1.5}));
  EXPECT_EQ(apply("pow", "f32", {floats({2}, {2, 9}), floats({2}, {3, 0.5})}, "f32").toDoubles(), (Numbers{8, 3}));
  Tensor p = numbers(si(32), {5}, {2, -1, -1, 5, -2}), q = numbers(si(32), {5}, {10, -3, -2, -1, 3});
  EXPECT_EQ(apply("pow", "si32", {p, q}, "si32").toDoubles(), (Numbers{1024, -1, 1, 0, -8}));
  Tensor c = numbers(boolean(), {4}, {1, 0, 1, 0}), d = numbers(boolean(), {4}, {1, 1, 0, 0});
  EXPECT_EQ(apply("select", "f32", {c, a, b}, "f32").toDoubles(), (Numbers{5.5, 2, 5.5, -2}));
  EXPECT_EQ(apply("and", "i1", {c, d}, "i1").toDoubles(), (Numbers{1, 0, 0, 0}));
  EXPECT_EQ(apply("or", "i1", {c, d}, "i1").toDoubles(), (Numbers{1, 1, 1, 0}));
  EXPECT_EQ(apply("xor", "i1", {c, d}, "i1").toDoubles(), (Numbers{0, 1, 1, 0}));
  EXPECT_EQ(apply("not", "i1", {c}, "i1").toDoubles(), (Numbers{0, 1, 0, 1}));
  EXPECT_EQ(apply("eq", "i1", {c, d}, "i1").toDoubles(), (Numbers{1, 0, 0, 1}));
  Tensor low = floats({3}, {0, 0, 0}), high = floats({3}, {1, 1, 1});
  EXPECT_EQ(apply("clamp", "f32", {floats({3}, {-1, 0.5, 7}), low, high}, "f32").toDoubles(), (Numbers{0, 0.5, 1}));
}

TEST_F(ElementwiseTest, Casts) {
  auto cast = [&](Tensor x, const std::string &from, const std::string &to) {
    std::string shape = "tensor<" + std::to_string(x.getShape()[0]) + "x";
    return runMain("func.func @main(%x: " + shape + from + ">) -> " + shape + to +
                       "> { %r = partita_graph.cast \"c\" (%x) : (" + shape + from + ">) -> " + shape + to +
                       "> return %r : " + shape + to + "> }",
                   {x})
        .toDoubles();
  };
  EXPECT_EQ(cast(floats({5}, {1.9, -1.9, 300, -300, NAN}), "f32", "si8"), (Numbers{1, -1, 127, -128, 0}));
  EXPECT_EQ(cast(floats({3}, {-1, 255.5, 1e30}), "f32", "ui8"), (Numbers{0, 255, 255}));
  EXPECT_EQ(cast(numbers(si(32), {3}, {300, -1, 128}), "si32", "si8"), (Numbers{44, -1, -128}));
  EXPECT_EQ(cast(floats({3}, {0, 0.5, -2}), "f32", "i1"), (Numbers{0, 1, 1}));
  EXPECT_EQ(cast(numbers(boolean(), {2}, {0, 1}), "i1", "f32"), (Numbers{0, 1}));
  EXPECT_EQ(cast(numbers(si(64), {1}, {16777217}), "si64", "f32"), Numbers{16777216});
}

TEST_F(ElementwiseTest, SmallFloatsRoundToNearestEven) {
  // bf16 has 8 significand bits: 1 + 2^-8 is halfway between 1 and 1 + 2^-7 and goes to the even one.
  Numbers got = numbers(bf16(), {4}, {1 + 1.0 / 256, 1 + 3.0 / 256, 1e39, 0x1p-133}).toDoubles();
  EXPECT_EQ(got, (Numbers{1, 1 + 4.0 / 256, HUGE_VAL, 0x1p-133}));
  // f16: 11 bits, the largest number is 65504, 65520 is halfway to 2^16 and overflows, the least subnormal is 2^-24.
  got = numbers(f16(), {6}, {2049, 2051, 65519, 65520, 0x1p-24, 0x1p-25}).toDoubles();
  EXPECT_EQ(got, (Numbers{2048, 2052, 65504, HUGE_VAL, 0x1p-24, 0}));
  EXPECT_EQ(numbers(f16(), {2}, {-1.5, -0x1.8p-20}).toDoubles(), (Numbers{-1.5, -0x1.8p-20}));
}

TEST_F(ElementwiseTest, SmallFloatsAgreeWithEveryBitPattern) {
  // Decoding and encoding again is the identity for every finite f16 and bf16.
  for (mlir::Type element : {f16(), bf16()}) {
    auto storage = std::make_shared<std::vector<uint16_t>>();
    for (uint32_t bits = 0; bits < 65536; ++bits)
      storage->push_back(static_cast<uint16_t>(bits));
    Tensor all(element, {65536}, reinterpret_cast<const uint8_t *>(storage->data()), storage);
    Numbers values = all.toDoubles();
    Tensor again = Tensor::fromDoubles(element, {65536}, values);
    auto *bits = reinterpret_cast<const uint16_t *>(again.getBytes());
    for (uint32_t i = 0; i < 65536; ++i)
      if (!std::isnan(values[i])) {
        ASSERT_EQ(bits[i], i);
      }
  }
}
