// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Vector loops against the interpreter: extents around every number of lanes, rows that begin anywhere, all element
// types, processors with and without masks, optimised and not.
#include "InProcess.h"
#include "JitProgram.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::lowering;
using namespace partita::lowering::test;
using interpreter::NamedTensors;

namespace {

struct Way {
  const char *name;
  const char *cpu;
  unsigned optimizationLevel;
};

void PrintTo(const Way &way, std::ostream *stream) { *stream << way.name; }

const Way kWays[] = {{"native", "native", 2},      {"native_plain", "native", 0}, {"v3", "x86-64-v3", 2},
                     {"v3_plain", "x86-64-v3", 0}, {"baseline", "x86-64", 2},     {"baseline_plain", "x86-64", 0}};

/// All results of the graph with `text` behind "func.func @main".
void expectEqual(const std::string &text, const Way &way, double relative) {
  auto context = makeContext();
  OwningOpRef<ModuleOp> graph = parse(*context, "func.func @main" + text);
  ASSERT_TRUE(graph);
  func::FuncOp function = interpreter::findGraphFunction(*graph);
  ASSERT_TRUE(function);
  NamedTensors inputs = interpreter::makeRandomInputs(function, {}, {}, 3);
  FailureOr<NamedTensors> expected = interpreter::interpretGraph(function, inputs, {});
  ASSERT_TRUE(succeeded(expected));
  EmitOptions options;
  options.cpu = way.cpu;
  options.optimizationLevel = way.optimizationLevel;
  llvm::Expected<InProcessProgram> program = compileInProcess(*makeSingleStage(*graph), options);
  ASSERT_TRUE(static_cast<bool>(program)) << llvm::toString(program.takeError());
  llvm::Expected<NamedTensors> actual = program->run(inputs, *context);
  ASSERT_TRUE(static_cast<bool>(actual)) << llvm::toString(actual.takeError());
  for (auto &[name, tensor] : *expected)
    expectClose((*actual)[name], tensor, relative, name + " of " + text);
}

/// Puts `n`, `n + 1` and the rest into a text that names them.
std::string fill(std::string text, int64_t n, const std::string &type = "f32", const std::string &largest = "") {
  for (auto [name, value] : {std::pair<std::string, std::string>{"<N>", std::to_string(n)},
                             {"<M>", std::to_string(n + 1)},
                             {"<T>", type},
                             {"LARGEST", largest}})
    for (size_t at = 0; (at = text.find(name, at)) != std::string::npos; at += value.size())
      text.replace(at, name.size(), value);
  return text;
}

/// Rows from the middle of a larger tensor: no row is aligned, and the rows do not follow each other.
const char *kRows =
    R"((%w: tensor<4x<M>x<T>> {partita.maximum = 3 : i64}, %c: tensor<3x<T>> {partita.maximum = 3 : i64})
    -> (tensor<3x<N>x<T>>, tensor<3x<T>>, tensor<<N>x<T>>, tensor<3x<N>xi1>, tensor<<N>x3x<T>>, tensor<3x<N>x<T>>,
        tensor<3x<N>x<T>>) {
  %x = partita_graph.slice "x" (%w) starts [1, 1] strides [1, 1] : (tensor<4x<M>x<T>>) -> tensor<3x<N>x<T>>
  %b = partita_graph.broadcast "b" (%c) dims [0] : (tensor<3x<T>>) -> tensor<3x<N>x<T>>
  %s = partita_graph.elementwise "s" add(%x, %b) : (tensor<3x<N>x<T>>, tensor<3x<N>x<T>>) -> tensor<3x<N>x<T>>
  %m = partita_graph.elementwise "m" max(%s, %x) : (tensor<3x<N>x<T>>, tensor<3x<N>x<T>>) -> tensor<3x<N>x<T>>
  %r = partita_graph.reduce "r" sum(%m) dims [1] : (tensor<3x<N>x<T>>) -> tensor<3x<T>>
  %k = partita_graph.reduce "k" max(%x) dims [0] : (tensor<3x<N>x<T>>) -> tensor<<N>x<T>>
  %l = partita_graph.elementwise "l" lt(%x, %b) : (tensor<3x<N>x<T>>, tensor<3x<N>x<T>>) -> tensor<3x<N>xi1>
  %t = partita_graph.transpose "t" (%m) permutation [1, 0] : (tensor<3x<N>x<T>>) -> tensor<<N>x3x<T>>
  %o = partita_graph.elementwise "o" select(%l, %x, %b) : (tensor<3x<N>xi1>, tensor<3x<N>x<T>>, tensor<3x<N>x<T>>) -> tensor<3x<N>x<T>>
  %v = partita_graph.slice "v" (%x) starts [2, <N>] strides [-1, -1] : (tensor<3x<N>x<T>>) -> tensor<3x<N>x<T>>
  return %m, %r, %k, %l, %t, %o, %v : tensor<3x<N>x<T>>, tensor<3x<T>>, tensor<<N>x<T>>, tensor<3x<N>xi1>, tensor<<N>x3x<T>>, tensor<3x<N>x<T>>, tensor<3x<N>x<T>>
})";

class VectorLoops : public testing::TestWithParam<Way> {};

std::string rowsOf(int64_t n, const std::string &type) {
  std::string text = fill(kRows, n, type), wrong = "starts [2, " + std::to_string(n) + "]";
  return text.replace(text.find(wrong), wrong.size(), "starts [2, " + std::to_string(n - 1) + "]");
}

TEST_P(VectorLoops, RowsOfAnyExtent) {
  for (int64_t n : {1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 19, 31, 32, 33, 47, 48, 63, 64, 65, 70})
    expectEqual(rowsOf(n, "f32"), GetParam(), 2e-6);
}

TEST_P(VectorLoops, RowsOfAnyType) {
  for (std::string type : {"f64", "f16", "bf16", "si64", "si32", "si16", "si8", "ui8", "ui32"})
    for (int64_t n : {3, 21, 70})
      expectEqual(rowsOf(n, type), GetParam(), type == "bf16" ? 1.6e-2 : type == "f16" ? 2e-3 : 2e-6);
}

TEST_P(VectorLoops, RowsThatAreNormalised) {
  for (int64_t n : {1, 5, 16, 37, 64, 70})
    expectEqual(
        fill(
            R"((%x: tensor<3x<N>xf32>, %w: tensor<<N>xf32>, %b: tensor<<N>xf32>) -> (tensor<3x<N>xf32>, tensor<3x<N>xf32>, tensor<3x<N>xf32>) {
  %s = partita_graph.softmax "s" (%x) dim 1 : (tensor<3x<N>xf32>) -> tensor<3x<N>xf32>
  %o = partita_graph.softmax "o" (%x) dim 0 : (tensor<3x<N>xf32>) -> tensor<3x<N>xf32>
  %g = partita_graph.elementwise "g" gelu(%x) : (tensor<3x<N>xf32>) -> tensor<3x<N>xf32>
  return %s, %o, %g : tensor<3x<N>xf32>, tensor<3x<N>xf32>, tensor<3x<N>xf32>
})",
            n),
        GetParam(), 2e-6);
}

TEST_P(VectorLoops, Windows) {
  for (int64_t n : {9, 16, 37, 70})
    expectEqual(fill(R"((%x: tensor<1x2x5x<N>xf32>) -> (tensor<1x2x5x<N>xf32>, tensor<1x2x5x<N>xf32>) {
  %m = partita_graph.window_reduce "m" max(%x) window [3, 3] strides [1, 1] padding [1, 1, 1, 1] dilations [1, 1] : (tensor<1x2x5x<N>xf32>) -> tensor<1x2x5x<N>xf32>
  %s = partita_graph.window_reduce "s" sum(%x) window [1, 5] strides [1, 1] padding [0, 0, 2, 2] dilations [1, 1] : (tensor<1x2x5x<N>xf32>) -> tensor<1x2x5x<N>xf32>
  return %m, %s : tensor<1x2x5x<N>xf32>, tensor<1x2x5x<N>xf32>
})",
                     n),
                GetParam(), 2e-6);
}

/// Every second element, and rows that are looked up.
TEST_P(VectorLoops, PlacesFarApart) {
  for (int64_t n : {5, 16, 33, 70})
    expectEqual(
        fill(
            R"((%x: tensor<6x<N>xf32>, %i: tensor<4xsi64> {partita.maximum = 5 : i64}, %j: tensor<6x<N>xsi32> {partita.maximum = 4 : i64}) -> (tensor<4x<N>xf32>, tensor<6x<N>xf32>, tensor<<N>x6xf32>, tensor<4x<N>xf32>) {
  %g = partita_graph.gather "g" (%x, %i) axis 0 : (tensor<6x<N>xf32>, tensor<4xsi64>) -> tensor<4x<N>xf32>
  %a = partita_graph.gather_along "a" (%x, %j) axis 0 dims [0, 1] : (tensor<6x<N>xf32>, tensor<6x<N>xsi32>) -> tensor<6x<N>xf32>
  %t = partita_graph.transpose "t" (%x) permutation [1, 0] : (tensor<6x<N>xf32>) -> tensor<<N>x6xf32>
  %e = partita_graph.elementwise "e" exp(%g) : (tensor<4x<N>xf32>) -> tensor<4x<N>xf32>
  return %g, %a, %t, %e : tensor<4x<N>xf32>, tensor<6x<N>xf32>, tensor<<N>x6xf32>, tensor<4x<N>xf32>
})",
            n),
        GetParam(), 2e-6);
}

/// Many equal elements, so that their order counts.
TEST_P(VectorLoops, SortedPlaces) {
  for (int64_t n : {17, 18, 32, 33, 70})
    for (std::string largest : {"true", "false"})
      expectEqual(
          fill(
              R"((%x: tensor<3x<N>xsi8> {partita.maximum = 9 : i64}, %y: tensor<<N>x2xf32>) -> (tensor<3x<N>xsi64>, tensor<17x2xsi64>) {
  %a = partita_graph.top_k "a" (%x) dim 1 largest LARGEST : (tensor<3x<N>xsi8>) -> tensor<3x<N>xsi64>
  %b = partita_graph.top_k "b" (%y) dim 0 largest LARGEST : (tensor<<N>x2xf32>) -> tensor<17x2xsi64>
  return %a, %b : tensor<3x<N>xsi64>, tensor<17x2xsi64>
})",
              n, "f32", largest),
          GetParam(), 0);
}

/// Zeros of both signs, infinities, and what is no number, of both signs, in all places of a row.
std::vector<float> makeExtremeRows(int64_t n) {
  float nan = std::nanf(""), infinity = INFINITY;
  std::vector<float> rows;
  for (float most : {-0.0f, 0.0f, 1.5f, -1.5f, infinity, -infinity, nan, -nan})
    for (float one : {-0.0f, 0.0f, 2.0f, -2.0f, infinity, -infinity, nan, -nan})
      for (int64_t place : {int64_t(0), n / 3, n - 1})
        for (int64_t i = 0; i < n; ++i)
          rows.push_back(i == place ? one : most);
  return rows;
}

/// maximum, or -maximum(-x), of IEEE 754-2019, but for the sign of zero.
float findMaximum(const float *row, int64_t n, float sign) {
  float largest = sign * row[0];
  for (int64_t i = 1; i < n; ++i) {
    float next = sign * row[i];
    largest = !std::isnan(largest) && (std::isnan(next) || next > largest) ? next : largest;
  }
  return sign * largest;
}

TEST_P(VectorLoops, MaximaOfWhatIsNoNumber) {
  for (int64_t n : {1, 5, 16, 37, 64, 70}) {
    auto context = makeContext();
    std::vector<float> rows = makeExtremeRows(n);
    int64_t count = rows.size() / n;
    std::string type = std::to_string(count), whole = "tensor<" + type + "x" + std::to_string(n) + "xf32>";
    std::string of = " dims [1] : (" + whole + ") -> tensor<" + type + "xf32>";
    OwningOpRef<ModuleOp> graph =
        parse(*context, "func.func @main(%x: " + whole + ") -> (tensor<" + type + "xf32>, tensor<" + type +
                            "xf32>) { %a = partita_graph.reduce \"a\" max(%x)" + of +
                            " %b = partita_graph.reduce \"b\" min(%x)" + of + " return %a, %b : tensor<" + type +
                            "xf32>, tensor<" + type + "xf32> }");
    ASSERT_TRUE(graph);
    func::FuncOp function = interpreter::findGraphFunction(*graph);
    interpreter::Tensor input(Float32Type::get(context.get()), {count, n});
    std::memcpy(input.getMutableBytes(), rows.data(), rows.size() * sizeof(float));
    EmitOptions options;
    options.cpu = GetParam().cpu;
    options.optimizationLevel = GetParam().optimizationLevel;
    llvm::Expected<InProcessProgram> program = compileInProcess(*makeSingleStage(*graph), options);
    ASSERT_TRUE(static_cast<bool>(program)) << llvm::toString(program.takeError());
    NamedTensors inputs;
    inputs[interpreter::getArgumentName(function, 0)] = input;
    llvm::Expected<NamedTensors> actual = program->run(inputs, *context);
    ASSERT_TRUE(static_cast<bool>(actual)) << llvm::toString(actual.takeError());
    ASSERT_EQ(actual->size(), 2u);
    for (auto [sign, result] : {std::pair(1.0f, actual->begin()), std::pair(-1.0f, std::next(actual->begin()))})
      for (int64_t row = 0; row < count; ++row) {
        float expected = findMaximum(rows.data() + row * n, n, sign), found;
        std::memcpy(&found, result->second.getBytes() + row * sizeof(float), sizeof(float));
        ASSERT_TRUE(std::isnan(expected) ? std::isnan(found) : found == expected)
            << "row " << row << " of " << n << ": " << found << " instead of " << expected;
      }
  }
}

INSTANTIATE_TEST_SUITE_P(Ways, VectorLoops, testing::ValuesIn(kWays),
                         [](const testing::TestParamInfo<Way> &info) { return std::string(info.param.name); });

} // namespace
