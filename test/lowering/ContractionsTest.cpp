// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrix products and convolutions as blocked code, for several processors and unoptimised, against the interpreter:
// extents around the sizes of tiles, panels and blocks, every order of the operands' dims, all element types.
#include "InProcess.h"
#include "JitProgram.h"
#include <array>
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::lowering;
using namespace partita::lowering::test;
using interpreter::NamedTensors;
using interpreter::Tensor;

namespace {

/// One op of two operands.
struct Case {
  std::string lhs, rhs, body, result;
};

/// Several ops as one graph, so that they share their functions.
struct Group {
  std::string name;
  std::vector<Case> cases;
  double relative = 5e-6;

  std::string text() const {
    std::string arguments, types, body, names;
    for (size_t i = 0; i < cases.size(); ++i) {
      const Case &entry = cases[i];
      std::string n = std::to_string(i), separator = i ? ", " : "";
      arguments += separator + "%x" + n + ": " + entry.lhs + " {partita.maximum = 9 : i64}, %y" + n + ": " + entry.rhs +
                   " {partita.maximum = 9 : i64}";
      types += separator + entry.result;
      names += separator + "%r" + n;
      body += "%r" + n + " = partita_graph." + entry.body.substr(0, entry.body.find(' ')) + " \"r" + n + "\" (%x" + n +
              ", %y" + n + ") " + entry.body.substr(entry.body.find(' ') + 1) + " : (" + entry.lhs + ", " + entry.rhs +
              ") -> " + entry.result + "\n";
    }
    return "func.func @main(" + arguments + ") -> (" + types + ") {\n" + body + "return " + names + " : " + types +
           "\n}";
  }
};

void PrintTo(const Group &group, std::ostream *stream) { *stream << group.name; }

using Extents = std::map<char, int64_t>;

/// A contraction by its spec ("mk,kn->mn") and the extents of its letters.
Case product(const std::string &spec, const Extents &extents, const std::string &element = "f32") {
  auto typeOf = [&](const std::string &term) {
    std::string type = "tensor<";
    for (char letter : term)
      type += std::to_string(extents.at(letter)) + "x";
    return type + element + ">";
  };
  size_t comma = spec.find(','), arrow = spec.find("->");
  return {typeOf(spec.substr(0, comma)), typeOf(spec.substr(comma + 1, arrow - comma - 1)),
          "contraction \"" + spec + "\"", typeOf(spec.substr(arrow + 2))};
}

Case convolution(const std::string &input, const std::string &filter, const std::string &result,
                 const std::string &attributes) {
  return {"tensor<" + input + ">", "tensor<" + filter + ">", "convolution " + attributes, "tensor<" + result + ">"};
}

void expectEqualCode(const std::string &text, const NamedTensors &inputs, const NamedTensors &expected, double relative,
                     const EmitOptions &options, MLIRContext &context, bool isProgram = false) {
  OwningOpRef<ModuleOp> graph = parse(context, text);
  ASSERT_TRUE(graph);
  OwningOpRef<ModuleOp> module = isProgram ? std::move(graph) : makeSingleStage(*graph);
  llvm::Expected<InProcessProgram> program = compileInProcess(*module, options);
  ASSERT_TRUE(static_cast<bool>(program)) << llvm::toString(program.takeError());
  llvm::Expected<NamedTensors> actual = program->run(inputs, context);
  ASSERT_TRUE(static_cast<bool>(actual)) << llvm::toString(actual.takeError());
  for (auto &[name, tensor] : expected)
    expectClose((*actual)[name], tensor, relative, options.cpu + " O" + std::to_string(options.optimizationLevel));
}

std::vector<EmitOptions> listTargets() {
  std::vector<EmitOptions> targets;
  for (auto [cpu, level] : {std::pair("native", 2u), {"native", 0u}, {"x86-64-v3", 2u}, {"x86-64", 2u}}) {
    EmitOptions options;
    options.cpu = cpu;
    options.optimizationLevel = level;
    targets.push_back(options);
  }
  return targets;
}

class Contractions : public testing::TestWithParam<Group> {};

TEST_P(Contractions, EqualInterpreter) {
  auto context = makeContext();
  OwningOpRef<ModuleOp> graph = parse(*context, GetParam().text());
  ASSERT_TRUE(graph);
  func::FuncOp function = interpreter::findGraphFunction(*graph);
  NamedTensors inputs = interpreter::makeRandomInputs(function, {}, {}, 7);
  FailureOr<NamedTensors> expected = interpreter::interpretGraph(function, inputs, {});
  ASSERT_TRUE(succeeded(expected));
  for (const EmitOptions &options : listTargets())
    expectEqualCode(GetParam().text(), inputs, *expected, GetParam().relative, options, *context);
}

std::vector<Group> listGroups() {
  std::vector<Group> groups;
  for (auto [m, k, n] : std::vector<std::array<int64_t, 3>>{{1, 7, 40},
                                                            {3, 5, 4},
                                                            {13, 33, 31},
                                                            {14, 16, 32},
                                                            {15, 257, 33},
                                                            {29, 300, 65},
                                                            {200, 20, 1030},
                                                            {6, 600, 48},
                                                            {17, 1024, 40},
                                                            {30, 1100, 96},
                                                            {1, 530, 79},
                                                            {70, 1, 18},
                                                            {40, 20, 1},
                                                            {9, 40, 3}}) {
    Group group{"f32_" + std::to_string(m) + "x" + std::to_string(k) + "x" + std::to_string(n), {}};
    for (const char *spec : {"mk,kn->mn", "mk,nk->mn", "km,kn->mn", "km,nk->nm"})
      group.cases.push_back(product(spec, {{'m', m}, {'k', k}, {'n', n}}));
    groups.push_back(group);
  }
  Group batched{"batched", {}};
  for (const char *spec : {"bhqd,bhkd->bhqk", "bqhd,bkhd->bhqk", "bhqk,bhkd->bhqd", "bhqk,bkhd->bqhd", "bqd,dk->bqk",
                           "bqhd,hdk->bqk", "qbd,bdk->kbq", "bhqd,hd->bhq"})
    batched.cases.push_back(product(spec, {{'b', 3}, {'h', 2}, {'q', 17}, {'k', 37}, {'d', 24}}));
  groups.push_back(batched);
  for (auto [element, relative] : {std::pair("f64", 1e-13),
                                   {"f16", 2e-3},
                                   {"bf16", 1.6e-2},
                                   {"si32", 0.},
                                   {"si8", 0.},
                                   {"ui8", 0.},
                                   {"si64", 0.},
                                   {"si16", 0.}}) {
    Group group{element, {}, relative};
    for (const char *spec : {"mk,kn->mn", "mk,nk->mn", "km,kn->mn"}) {
      group.cases.push_back(product(spec, {{'m', 19}, {'k', 261}, {'n', 45}}, element));
      group.cases.push_back(product(spec, {{'m', 2}, {'k', 35}, {'n', 70}}, element));
    }
    groups.push_back(group);
  }
  return groups;
}

std::vector<Group> listConvolutions() {
  auto padded = [](const std::string &attributes) { return attributes + " groups 1"; };
  Group planes{"planes",
               {convolution("2x20x7x9xf32", "24x20x1x1xf32", "2x24x7x9xf32",
                            padded("strides [1, 1] padding [0, 0, 0, 0] dilations [1, 1]")),
                convolution("1x5x12x35xf32", "17x5x3x3xf32", "1x17x12x35xf32",
                            padded("strides [1, 1] padding [1, 1, 1, 1] dilations [1, 1]")),
                convolution("2x5x13x15xf32", "17x5x3x3xf32", "2x17x7x8xf32",
                            padded("strides [2, 2] padding [1, 1, 1, 1] dilations [1, 1]")),
                convolution("1x3x20x21xf32", "6x3x5x3xf32", "1x6x12x19xf32",
                            padded("strides [1, 1] padding [0, 0, 1, 1] dilations [2, 2]")),
                convolution("2x8x9x10xf32", "12x4x3x3xf32", "2x12x9x10xf32",
                            "strides [1, 1] padding [1, 1, 1, 1] dilations [1, 1] groups 2"),
                convolution("1x6x9x10xf32", "6x1x3x3xf32", "1x6x9x10xf32",
                            "strides [1, 1] padding [1, 1, 1, 1] dilations [1, 1] groups 6")}};
  Group others{
      "other_ranks",
      {convolution("2x40x50xf32", "33x40x4xf32", "2x33x47xf32", padded("strides [1] padding [0, 0] dilations [1]")),
       convolution("1x3x5x6x7xf32", "4x3x2x2x2xf32", "1x4x4x5x6xf32",
                   padded("strides [1, 1, 1] padding [0, 0, 0, 0, 0, 0] dilations [1, 1, 1]"))}};
  Group small{"bf16",
              {convolution("1x5x12x35xbf16", "17x5x3x3xbf16", "1x17x12x35xbf16",
                           padded("strides [1, 1] padding [1, 1, 1, 1] dilations [1, 1]"))},
              1.6e-2};
  return {planes, others, small};
}

std::string nameGroup(const testing::TestParamInfo<Group> &info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Products, Contractions, testing::ValuesIn(listGroups()), nameGroup);
INSTANTIATE_TEST_SUITE_P(Convolutions, Contractions, testing::ValuesIn(listConvolutions()), nameGroup);

/// Infinities and NaN of one row or column stay there, in whole tiles and in those that are cut off.
TEST(BlockedCode, PassOnWhatIsNoNumber) {
  auto context = makeContext();
  Group entry{"", {product("mk,kn->mn", {{'m', 17}, {'k', 70}, {'n', 37}})}};
  OwningOpRef<ModuleOp> graph = parse(*context, entry.text());
  func::FuncOp function = interpreter::findGraphFunction(*graph);
  NamedTensors inputs = interpreter::makeRandomInputs(function, {}, {}, 7);
  std::string left = interpreter::getArgumentName(function, 0), right = interpreter::getArgumentName(function, 1);
  std::vector<double> x = inputs[left].toDoubles(), y = inputs[right].toDoubles();
  x[3 * 70 + 69] = INFINITY;
  x[16 * 70] = NAN;
  y[5 * 37 + 36] = -INFINITY;
  y[69 * 37 + 2] = NAN;
  Type f32 = Float32Type::get(context.get());
  inputs[left] = Tensor::fromDoubles(f32, {17, 70}, x);
  inputs[right] = Tensor::fromDoubles(f32, {70, 37}, y);
  FailureOr<NamedTensors> expected = interpreter::interpretGraph(function, inputs, {});
  ASSERT_TRUE(succeeded(expected));
  for (const EmitOptions &options : listTargets())
    expectEqualCode(entry.text(), inputs, *expected, 5e-6, options, *context);
}

/// Rows in the first product and k in the second are as many as a rank has: 0 to `hidden`.
std::string makeUneven(int64_t ranks, int64_t hidden) {
  auto part = [](const std::string &local, const std::string &global, const std::string &placement) {
    return "tensor<" + local + ", #partita_plan.part<tensor<" + global + ">, <" + placement + ">>>";
  };
  std::string whole = std::to_string(hidden), devices;
  for (int64_t rank = 0; rank < ranks; ++rank)
    devices += (rank ? ", " : "") + std::to_string(rank);
  std::string x = part("20x9xf32", "20x9xf32", "[[], []]"),
              w1 = part("9x?xf32", "9x" + whole + "xf32", "[[], [\"x\"]]"),
              w2 = part("?x37xf32", whole + "x37xf32", "[[\"x\"], []]"),
              h = part("?x20xf32", whole + "x20xf32", "[[\"x\"], []]"),
              p = part("20x37xf32", "20x37xf32", "[[], []], partial [\"x\" sum]"),
              y = part("20x37xf32", "20x37xf32", "[[], []]");
  auto input = [](const std::string &name) { return " {partita.name = \"" + name + "\", partita.role = \"input\"}"; };
  return "partita_plan.stage @s on <[\"x\"=" + std::to_string(ranks) + "], devices = [" + devices + "]>\n" +
         "func.func private @segment_0(%x: " + x + ", %w1: " + w1 + ", %w2: " + w2 + ") -> " + y +
         " attributes {partita_collective.stage = @s} {\n" +
         "%0 = partita_graph.contraction \"fc1\" (%w1, %x) \"kn,mk->nm\" : (" + w1 + ", " + x + ") -> " + h + "\n" +
         "%1 = partita_graph.contraction \"fc2\" (%0, %w2) \"nm,nj->mj\" : (" + h + ", " + w2 + ") -> " + p + "\n" +
         "%2 = partita_collective.all_reduce \"fc2\" %1 over [\"x\"] : " + p + " to " + y + "\nreturn %2 : " + y +
         " }\nfunc.func @s_forward(%x: " + x + input("x") + ", %w1: " + w1 + input("w1") + ", %w2: " + w2 +
         input("w2") + ") -> (" + y +
         " {partita.name = \"y\"}) attributes {partita_collective.stage = @s, partita_collective.event = "
         "\"forward\"} {\n%0 = func.call @segment_0(%x, %w1, %w2) : (" +
         x + ", " + w1 + ", " + w2 + ") -> " + y + "\nreturn %0 : " + y +
         " }\npartita_collective.program @main role \"worker\" phase \"step\" stages [@s] events "
         "[#partita_collective.events<devices = [" +
         devices + "], [<forward @s, 0>]>]";
}

TEST(BlockedCode, ExtentsThatDifferBetweenRanks) {
  auto context = makeContext();
  Type f32 = Float32Type::get(context.get());
  for (auto [ranks, hidden] : {std::pair(2, 47), {3, 2}, {2, 601}}) {
    auto draw = [&](ArrayRef<int64_t> shape, double step) {
      std::vector<double> values;
      for (int64_t i = 0; i < interpreter::countElements(shape); ++i)
        values.push_back(std::sin(step * static_cast<double>(i + 1)));
      return Tensor::fromDoubles(f32, shape, values);
    };
    NamedTensors inputs{{"x", draw({20, 9}, 0.7)}, {"w1", draw({9, hidden}, 1.3)}, {"w2", draw({hidden, 37}, 0.9)}};
    std::string text = makeUneven(ranks, hidden);
    OwningOpRef<ModuleOp> program = parse(*context, text);
    ASSERT_TRUE(program);
    FailureOr<NamedTensors> expected = interpreter::interpretProgram(*program, inputs, {});
    ASSERT_TRUE(succeeded(expected));
    for (const EmitOptions &options : listTargets())
      expectEqualCode(text, inputs, *expected, 1e-4, options, *context, /*isProgram=*/true);
  }
}

} // namespace
