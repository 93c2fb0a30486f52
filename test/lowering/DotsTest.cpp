// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of 8-bit integers, with and without zero points, and of bf16, by the dot instructions of this processor and
// of older ones: every integer result is that of the interpreter to the bit, with one thread and with three.
#include "InProcess.h"
#include "JitProgram.h"
#include "StoredWeights.h"
#include "partita/lowering/CpuTarget.h"
#include "partita/lowering/Lowering.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::lowering;
using namespace partita::lowering::test;
using interpreter::NamedTensors;
using interpreter::Tensor;

namespace {

struct Shape {
  int64_t m, k, n;
};

/// x and w as 32-bit integers, less their zero points where they have some, multiplied.
struct Quantized {
  std::string x, w; ///< Element types.
  std::string spec; ///< m, k, n.
};

std::string typeOf(const std::string &term, const Shape &shape, const std::string &element) {
  std::string type = "tensor<";
  for (char letter : term)
    type += std::to_string(letter == 'm' ? shape.m : letter == 'k' ? shape.k : shape.n) + "x";
  return type + element + ">";
}

std::string nameArgument(const std::string &name, const std::string &type) {
  return "%" + name + ": " + type + " {partita.name = \"" + name + "\"}";
}

/// One function of several products, from "x0", "w0" and their zero points "zx0", "zw0" to the first result, and so on.
class GraphText {
public:
  explicit GraphText(const Shape &shape) : shape(shape) {}

  void add(const Quantized &entry, bool hasZeros) {
    size_t comma = entry.spec.find(','), arrow = entry.spec.find("->");
    std::string x = entry.spec.substr(0, comma), w = entry.spec.substr(comma + 1, arrow - comma - 1),
                number = std::to_string(count++);
    std::string left = centre("x" + number, x, entry.x, hasZeros ? std::optional<std::string>("") : std::nullopt);
    std::string right = centre("w" + number, w, entry.w, hasZeros ? std::optional<std::string>("n") : std::nullopt);
    std::string type = typeOf(entry.spec.substr(arrow + 2), shape, "si32");
    define("y" + number, "contraction", "(" + left + ", " + right + ") \"" + entry.spec + "\"",
           typeOf(x, shape, "si32") + ", " + typeOf(w, shape, "si32"), type);
    append(results, "%y" + number);
    append(types, type);
  }

  std::string get() const {
    return "func.func @main(" + arguments + ") -> (" + types + ") {\n" + body + "return " + results + " : " + types +
           "\n}";
  }

private:
  static void append(std::string &list, const std::string &item) { list += (list.empty() ? "" : ", ") + item; }

  std::string define(const std::string &name, const std::string &op, const std::string &rest, const std::string &from,
                     const std::string &to) {
    body += "%" + name + " = partita_graph." + op + " \"" + name + "\" " + rest + " : (" + from + ") -> " + to + "\n";
    return "%" + name;
  }

  /// The argument `name` as si32, less its zero point of the dims `zeroTerm`.
  std::string centre(const std::string &name, const std::string &term, const std::string &element,
                     std::optional<std::string> zeroTerm) {
    std::string narrow = typeOf(term, shape, element), wide = typeOf(term, shape, "si32");
    append(arguments, nameArgument(name, narrow));
    std::string value = define(name + "wide", "cast", "(%" + name + ")", narrow, wide);
    if (!zeroTerm)
      return value;
    std::string zero = typeOf(*zeroTerm, shape, element), wideZero = typeOf(*zeroTerm, shape, "si32");
    append(arguments, nameArgument("z" + name, zero));
    std::string zeros = define("z" + name + "wide", "cast", "(%z" + name + ")", zero, wideZero);
    std::string dims = zeroTerm->empty() ? "" : std::to_string(term.find(*zeroTerm));
    zeros = define("z" + name + "all", "broadcast", "(" + zeros + ") dims [" + dims + "]", wideZero, wide);
    return define(name + "centred", "elementwise", "sub(" + value + ", " + zeros + ")", wide + ", " + wide, wide);
  }

  Shape shape;
  int count = 0;
  std::string arguments, body, results, types;
};

/// All values of the type, the extreme ones often.
Tensor drawIntegers(Type type, ArrayRef<int64_t> shape, uint64_t seed) {
  auto integer = cast<IntegerType>(type);
  double low = integer.isUnsigned() ? 0 : -std::ldexp(1, integer.getWidth() - 1);
  double count = std::ldexp(1, integer.getWidth());
  std::vector<double> values;
  for (int64_t i = 0; i < interpreter::countElements(shape); ++i) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    uint64_t bits = seed >> 33;
    values.push_back(bits % 3 == 0 ? low : bits % 5 == 0 ? low + count - 1 : low + std::fmod(bits / 16, count));
  }
  return Tensor::fromDoubles(type, shape, values);
}

NamedTensors drawInputs(func::FuncOp function) {
  NamedTensors inputs;
  for (BlockArgument argument : function.getArguments()) {
    auto type = cast<RankedTensorType>(argument.getType());
    inputs[interpreter::getArgumentName(function, argument.getArgNumber())] =
        drawIntegers(type.getElementType(), type.getShape(), argument.getArgNumber() + 3);
  }
  return inputs;
}

std::vector<EmitOptions> listTargets() {
  std::vector<EmitOptions> targets;
  for (const char *cpu : {"native", "x86-64-v3", "x86-64"}) {
    EmitOptions options;
    options.cpu = cpu;
    targets.push_back(options);
  }
  return targets;
}

/// Arguments w... and their zero points are weights where `isStored`, so that they are in panels.
void expectEqual(const std::string &text, bool isStored, double relative, const NamedTensors *given = nullptr) {
  auto context = makeContext();
  OwningOpRef<ModuleOp> graph = parse(*context, text);
  ASSERT_TRUE(graph);
  func::FuncOp function = interpreter::findGraphFunction(*graph);
  NamedTensors inputs = given ? *given : drawInputs(function);
  FailureOr<NamedTensors> expected = interpreter::interpretGraph(function, inputs, {});
  ASSERT_TRUE(succeeded(expected));
  std::set<std::string> names;
  for (auto &[name, tensor] : inputs)
    if (isStored && name.find('w') != std::string::npos)
      names.insert(name);
  ASSERT_EQ(names.empty(), !isStored);
  for (const EmitOptions &options : listTargets()) {
    OwningOpRef<ModuleOp> program = makeSingleStage(*graph);
    StoredWeights weights(*program->getOps<func::FuncOp>().begin(), names, inputs);
    llvm::Expected<InProcessProgram> compiled = compileInProcess(*program, options);
    ASSERT_TRUE(static_cast<bool>(compiled)) << llvm::toString(compiled.takeError());
    for (int64_t threads : {1, 3}) {
      llvm::Expected<NamedTensors> actual = compiled->run(weights.leaveInputs(inputs), *context, threads);
      ASSERT_TRUE(static_cast<bool>(actual)) << llvm::toString(actual.takeError());
      for (auto &[name, tensor] : *expected)
        expectClose((*actual)[name], tensor, relative,
                    options.cpu + " with " + std::to_string(threads) + " threads\n" + text);
    }
  }
}

const std::vector<Shape> kShapes = {{1, 8, 64}, {9, 5, 4}, {15, 66, 96}, {37, 261, 33}, {200, 1030, 64}};

class QuantizedProducts : public testing::TestWithParam<Shape> {};

TEST_P(QuantizedProducts, EqualInterpreterToTheBit) {
  for (bool hasZeros : {false, true}) {
    GraphText graph(GetParam());
    for (const char *spec : {"mk,kn->mn", "mk,nk->mn", "km,kn->mn"})
      graph.add({"ui8", "si8", spec}, hasZeros);
    for (auto [x, w] : {std::pair("si8", "si8"), {"ui8", "ui8"}, {"si8", "ui8"}, {"si16", "si8"}})
      graph.add({x, w, "mk,kn->mn"}, hasZeros);
    for (bool isStored : {false, true})
      expectEqual(graph.get(), isStored, 0);
  }
}

std::string nameShape(const testing::TestParamInfo<Shape> &info) {
  return std::to_string(info.param.m) + "x" + std::to_string(info.param.k) + "x" + std::to_string(info.param.n);
}
INSTANTIATE_TEST_SUITE_P(Shapes, QuantizedProducts, testing::ValuesIn(kShapes), nameShape);

/// 128 * 128 * 1030 and its like: sums that a saturating instruction would cut off, and pairs as large as they get.
TEST(Dots, ExtremesDoNotSaturate) {
  auto context = makeContext();
  GraphText text({16, 1030, 64});
  for (auto [x, w] : {std::pair("si8", "si8"), {"ui8", "ui8"}, {"ui8", "si8"}})
    text.add({x, w, "mk,kn->mn"}, false);
  OwningOpRef<ModuleOp> graph = parse(*context, text.get());
  func::FuncOp function = interpreter::findGraphFunction(*graph);
  NamedTensors inputs;
  for (BlockArgument argument : function.getArguments()) {
    auto type = cast<RankedTensorType>(argument.getType());
    double extreme = type.getElementType().isUnsignedInteger() ? 255 : -128;
    inputs[interpreter::getArgumentName(function, argument.getArgNumber())] = Tensor::fromDoubles(
        type.getElementType(), type.getShape(), std::vector<double>(type.getNumElements(), extreme));
  }
  for (bool isStored : {false, true})
    expectEqual(text.get(), isStored, 0, &inputs);
}

TEST(Dots, BrainFloatsAsWeightsAndAsValues) {
  auto context = makeContext();
  for (const Shape &shape : kShapes) {
    std::string arguments, body, results, y = typeOf("mn", shape, "bf16");
    for (auto [number, spec] : {std::pair("0", "mk,kn->mn"), {"1", "mk,nk->mn"}, {"2", "km,kn->mn"}}) {
      std::string terms = spec, n = number, separator = n == "0" ? "" : ", ";
      std::string x = typeOf(terms.substr(0, 2), shape, "bf16"), w = typeOf(terms.substr(3, 2), shape, "bf16");
      arguments += separator + nameArgument("x" + n, x) + ", " + nameArgument("w" + n, w);
      body += "%y" + n + " = partita_graph.contraction \"y" + n + "\" (%x" + n + ", %w" + n + ") \"" + terms +
              "\" : (" + x + ", " + w + ") -> " + y + "\n";
      results += separator + "%y" + n;
    }
    std::string types = y + ", " + y + ", " + y;
    std::string text = "func.func @main(" + arguments + ") -> (" + types + ") {\n" + body + "return " + results +
                       " : " + types + "\n}";
    OwningOpRef<ModuleOp> graph = parse(*context, text);
    ASSERT_TRUE(graph);
    NamedTensors inputs = interpreter::makeRandomInputs(interpreter::findGraphFunction(*graph), {}, {}, 5);
    // Two roundings of bf16, of which one may fall to the other side.
    for (bool isStored : {false, true})
      expectEqual(text, isStored, 1.6e-2, &inputs);
  }
}

/// What docs/numerics.md says of operands below 2^-126: they may count as zero, and change nothing else.
TEST(Dots, SubnormalBrainFloatsAreNoMoreThanLost) {
  auto context = makeContext();
  std::string text = "func.func @main(" + nameArgument("x", "tensor<20x66xbf16>") + ", " +
                     nameArgument("w", "tensor<66x64xbf16>") +
                     ") -> tensor<20x64xbf16> {\n%y = "
                     "partita_graph.contraction \"y\" (%x, %w) \"mk,kn->mn\" : (tensor<20x66xbf16>, "
                     "tensor<66x64xbf16>) -> tensor<20x64xbf16>\nreturn %y : tensor<20x64xbf16>\n}";
  OwningOpRef<ModuleOp> graph = parse(*context, text);
  ASSERT_TRUE(graph);
  NamedTensors inputs = interpreter::makeRandomInputs(interpreter::findGraphFunction(*graph), {}, {}, 5);
  std::string x = interpreter::getArgumentName(interpreter::findGraphFunction(*graph), 0);
  std::vector<double> values = inputs[x].toDoubles();
  for (size_t i = 0; i < values.size(); i += 3)
    values[i] = std::ldexp(i % 2 ? -1 : 1, -130);
  inputs[x] = Tensor::fromDoubles(inputs[x].getElementType(), inputs[x].getShape(), values);
  expectEqual(text, false, 1.6e-2, &inputs);
  expectEqual(text, true, 1.6e-2, &inputs);
}

/// On a processor without them, the equalities above were checked for the widened code alone.
TEST(Dots, ThisProcessorsAreUsed) {
  auto context = makeContext();
  OwningOpRef<ModuleOp> empty = ModuleOp::create(UnknownLoc::get(context.get()));
  FailureOr<CpuTarget> cpu = describeCpu(*empty, "native");
  ASSERT_TRUE(succeeded(cpu));
  if (!cpu->hasVnni)
    GTEST_SKIP() << "this processor has no vpdpbusd: what it computes was not checked";
  GraphText graph({16, 64, 64});
  graph.add({"ui8", "si8", "mk,kn->mn"}, false);
  OwningOpRef<ModuleOp> program = makeSingleStage(*parse(*context, graph.get()));
  runtime::Image image;
  ASSERT_TRUE(succeeded(lowerToLLVM(*program, image, "native", {})));
  std::string code;
  llvm::raw_string_ostream(code) << *program;
  EXPECT_NE(code.find("vpdpbusd"), std::string::npos);
}

} // namespace
