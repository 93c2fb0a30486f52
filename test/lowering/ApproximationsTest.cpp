// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Errors of the compiled functions of f32 in units in the last place, over the whole range: every exponent, both signs,
// the numbers around each power of two and many between, zeros, infinities and subnormals, against the C library's
// f64. The bounds are those of docs/numerics.md.
#include "JitProgram.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace partita;
using namespace partita::lowering::test;
using interpreter::NamedTensors;
using interpreter::Tensor;

namespace {

struct Case {
  const char *name;
  double (*exact)(double);
  double bound;
  float least = -INFINITY, largest = INFINITY; ///< Arguments of which the bound is claimed.
};

void PrintTo(const Case &entry, std::ostream *stream) { *stream << entry.name; }

double geluOf(double x) { return std::isinf(x) ? (x > 0 ? x : 0.0) : 0.5 * x * std::erfc(-x * 0.70710678118654752440); }
double sigmoidOf(double x) { return 1 / (1 + std::exp(-x)); }
double siluOf(double x) { return std::isinf(x) ? (x > 0 ? x : 0.0) : x / (1 + std::exp(-x)); }

float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

std::vector<float> makeArguments(unsigned perExponent) {
  std::vector<float> arguments = {NAN};
  std::mt19937 random(11);
  for (uint32_t sign : {0u, 0x80000000u})
    for (uint32_t exponent = 0; exponent < 256; ++exponent) {
      uint32_t begin = sign | exponent << 23;
      arguments.push_back(fromBits(begin));
      if (exponent == 255)
        continue;
      for (uint32_t near : {1u, 2u, 3u, 0x7ffffeu, 0x7fffffu})
        arguments.push_back(fromBits(begin | near));
      for (unsigned i = 0; i < perExponent; ++i)
        arguments.push_back(fromBits(begin | (random() & 0x7fffff)));
    }
  // Where most arguments lie.
  std::uniform_real_distribution<float> middle(-20, 20);
  for (int i = 0; i < 60000; ++i)
    arguments.push_back(middle(random));
  return arguments;
}

/// How far `actual` is from `exact`, in units of f32's last place at `exact`.
double errorOf(float actual, double exact) {
  if (std::isnan(exact) || std::isnan(actual))
    return std::isnan(exact) == std::isnan(actual) ? 0 : HUGE_VAL;
  // What rounds to infinity is infinity; it stands for the first number behind the largest one.
  double limit = std::ldexp(1.0, 128), found = std::isinf(actual) ? std::copysign(limit, actual) : actual;
  exact = std::fmax(-limit, std::fmin(limit, exact));
  int exponent = exact == 0 ? -126 : std::max(std::ilogb(exact), -126);
  return std::fabs(found - exact) / std::ldexp(1.0, std::min(exponent, 127) - 23);
}

Tensor makeTensor(MLIRContext &context, const std::vector<float> &values) {
  Tensor tensor(Float32Type::get(&context), {static_cast<int64_t>(values.size())});
  std::memcpy(tensor.getMutableBytes(), values.data(), values.size() * sizeof(float));
  return tensor;
}

std::vector<float> runFunction(const std::string &kind, const std::vector<std::vector<float>> &operands,
                               const std::string &cpu) {
  auto context = makeContext();
  std::string type = "tensor<" + std::to_string(operands[0].size()) + "xf32>";
  bool isBinary = operands.size() == 2;
  OwningOpRef<ModuleOp> graph = parse(
      *context, "func.func @main(%x: " + type + (isBinary ? ", %y: " + type : "") + ") -> " + type +
                    " { %r = partita_graph.elementwise \"r\" " + kind + (isBinary ? "(%x, %y)" : "(%x)") + " : (" +
                    type + (isBinary ? ", " + type : "") + ") -> " + type + " return %r : " + type + " }");
  func::FuncOp function = interpreter::findGraphFunction(*graph);
  NamedTensors inputs;
  for (auto [index, operand] : llvm::enumerate(operands))
    inputs[interpreter::getArgumentName(function, index)] = makeTensor(*context, operand);
  std::optional<NamedTensors> outputs = runProgram(*makeSingleStage(*graph), inputs, cpu);
  std::vector<float> results(operands[0].size());
  if (outputs)
    std::memcpy(results.data(), outputs->begin()->second.getBytes(), results.size() * sizeof(float));
  return results;
}

class Approximations : public testing::TestWithParam<std::tuple<Case, const char *>> {};

TEST_P(Approximations, StayWithinTheirBound) {
  auto [entry, cpu] = GetParam();
  std::vector<float> arguments = makeArguments(400);
  std::vector<float> results = runFunction(entry.name, {arguments}, cpu);
  double worst = 0;
  float worstArgument = 0;
  for (size_t i = 0; i < arguments.size(); ++i) {
    float x = arguments[i];
    if (x < entry.least || x > entry.largest)
      continue;
    double exact = entry.exact(x), error = errorOf(results[i], exact);
    EXPECT_EQ(std::signbit(results[i]) && results[i] == 0, std::signbit(exact) && results[i] == 0)
        << x << " gives a zero of the wrong sign";
    if (error > worst) {
      worst = error;
      worstArgument = x;
    }
  }
  EXPECT_LE(worst, entry.bound) << "at " << worstArgument;
  RecordProperty("ulp", std::to_string(worst));
  std::printf("%s on %s: %.3f ulp at %.9g\n", entry.name, cpu, worst, worstArgument);
}

const Case kCases[] = {{"exp", std::exp, 1.1},
                       {"log", std::log, 1.0},
                       {"tanh", std::tanh, 1.5},
                       {"erf", std::erf, 1.5},
                       {"sin", std::sin, 0.6},
                       {"cos", std::cos, 0.6},
                       {"tan", std::tan, 1.0},
                       {"expm1", std::expm1, 0.6},
                       {"log1p", std::log1p, 0.6},
                       {"sinh", std::sinh, 0.6},
                       {"cosh", std::cosh, 0.6},
                       {"sigmoid", sigmoidOf, 3.0, -87, INFINITY},
                       {"silu", siluOf, 3.0, -87, INFINITY},
                       {"gelu", geluOf, 12.0, -3, INFINITY}};

INSTANTIATE_TEST_SUITE_P(Functions, Approximations,
                         testing::Combine(testing::ValuesIn(kCases), testing::Values("native", "x86-64-v3", "x86-64")),
                         [](const auto &info) {
                           std::string name = std::get<0>(info.param).name + std::string("_") + std::get<1>(info.param);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Approximations, Pow) {
  std::vector<float> some = {NAN,    0.0f,   -0.0f,   1.0f,        -1.0f,       INFINITY,     -INFINITY,
                             0.5f,   -0.5f,  2.0f,    -2.0f,       3.0f,        -3.0f,        1e38f,
                             -1e38f, 1e-40f, -1e-40f, 16777216.0f, 16777217.0f, 2147483647.0f};
  std::vector<float> x, y;
  for (float a : some)
    for (float b : some) {
      x.push_back(a);
      y.push_back(b);
    }
  std::mt19937 random(5);
  std::uniform_real_distribution<float> result(-150, 130);
  for (float a : makeArguments(60)) {
    x.push_back(a);
    // Mostly results that are representable.
    float power = result(random) / std::log2(std::fabs(a));
    y.push_back(x.size() % 3 ? power : std::round(power));
  }
  for (const char *cpu : {"native", "x86-64-v3", "x86-64"}) {
    std::vector<float> results = runFunction("pow", {x, y}, cpu);
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      double exact = std::pow(static_cast<double>(x[i]), static_cast<double>(y[i])), error = errorOf(results[i], exact);
      worst = std::max(worst, error);
      ASSERT_LE(error, 0.6) << x[i] << " to the power of " << y[i] << " is " << results[i] << ", expected " << exact;
      if (exact == 0)
        ASSERT_EQ(std::signbit(results[i]), std::signbit(exact)) << x[i] << " to the power of " << y[i];
    }
    std::printf("pow on %s: %.3f ulp\n", cpu, worst);
  }
}

} // namespace
