// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Convolutions with what stands around them in networks, as machine code against the interpreter: padded images that
// are computed in their place, sums of two branches, pools, and filters in panels that are packed at init. Extents are
// around those of tiles; the bits are the same with any number of threads.
#include "InProcess.h"
#include "JitProgram.h"
#include "StoredWeights.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::lowering::test;
using interpreter::NamedTensors;

namespace {

/// A convolution, batch norm and relu behind each other, between an image and a pool or a sum.
struct Case {
  int64_t channels, width, filters, kernel;
  int64_t stride = 1, dilation = 1, groups = 1, batch = 1;
  bool isSquare = false; ///< As many rows as positions in a row; else 9.

  std::string name() const {
    std::string text = "c" + std::to_string(channels) + "_w" + std::to_string(width) + "_f" + std::to_string(filters) +
                       "_k" + std::to_string(kernel);
    for (auto [letter, value] : {std::pair("s", stride), {"d", dilation}, {"g", groups}, {"n", batch}})
      text += value == 1 ? "" : "_" + std::string(letter) + std::to_string(value);
    return text + (isSquare ? "_square" : "");
  }
};

void PrintTo(const Case &entry, std::ostream *stream) { *stream << entry.name(); }

std::string tensor(std::initializer_list<int64_t> extents) {
  std::string type = "tensor<";
  for (int64_t extent : extents)
    type += std::to_string(extent) + "x";
  return type + "f32>";
}

class GraphText {
public:
  explicit GraphText(const Case &entry)
      : entry(entry), rows(entry.isSquare ? entry.width : 9),
        image(tensor({entry.batch, entry.channels, rows, entry.width})) {}

  /// Two branches whose sum is pooled: a padded convolution of a padded one, and one of a single position.
  std::string write() {
    int64_t filters = entry.filters, outRows = reduce(rows), outWidth = reduce(entry.width);
    std::string inner = tensor({entry.batch, filters, rows, entry.width}),
                outer = tensor({entry.batch, filters, outRows, outWidth}),
                pooled = tensor({entry.batch, filters, (outRows - 1) / 2 + 1, (outWidth - 1) / 2 + 1});
    std::string first = convolve("a", "%x", image, inner, entry.channels, 1, 1, 1);
    std::string second = convolve("b", "%a", inner, outer, filters, entry.kernel, entry.stride, entry.groups);
    std::string third = convolve("c", "%x", image, outer, entry.channels, 1, entry.stride, 1);
    std::string sum = "%s = partita_graph.elementwise \"s\" add(%b, %c) : (" + outer + ", " + outer + ") -> " + outer +
                      "\n%p = partita_graph.window_reduce \"p\" max(%s) window [3, 3] strides [2, 2] padding " +
                      "[1, 1, 1, 1] dilations [1, 1] : (" + outer + ") -> " + pooled + "\n";
    return "func.func @main(%x: " + image + " {partita.role = \"input\"}" + arguments + ") -> (" + outer + ", " +
           pooled + ") {\n" + first + second + third + sum + "return %s, %p : " + outer + ", " + pooled + "\n}";
  }

private:
  int64_t reduce(int64_t extent) const { return (extent - 1) / entry.stride + 1; }

  std::string convolve(const std::string &name, const std::string &from, const std::string &source,
                       const std::string &result, int64_t channels, int64_t kernel, int64_t stride, int64_t groups) {
    std::string filter = tensor({entry.filters, channels / groups, kernel, kernel}), vector = tensor({entry.filters});
    auto declare = [&](const std::string &value, const std::string &type) {
      arguments += ", %" + name + value + ": " + type + " {partita.role = \"parameter\"}";
    };
    declare("f", filter);
    for (const char *value : {"scale", "shift", "mean", "variance"})
      declare(value, vector);
    auto pair = [](int64_t value) { return "[" + std::to_string(value) + ", " + std::to_string(value) + "]"; };
    int64_t dilation = kernel > 1 ? entry.dilation : 1, pad = (kernel - 1) * dilation / 2;
    std::string pads = std::to_string(pad) + ", " + std::to_string(pad);
    return "%" + name + "0 = partita_graph.convolution \"" + name + "0\" (" + from + ", %" + name + "f) strides " +
           pair(stride) + " padding [" + pads + ", " + pads + "] dilations " + pair(dilation) + " groups " +
           std::to_string(groups) + " : (" + source + ", " + filter + ") -> " + result + "\n%" + name +
           "1 = partita_graph.batch_norm \"" + name + "1\" (%" + name + "0, %" + name + "scale, %" + name + "shift, %" +
           name + "mean, %" + name + "variance) epsilon 1.0e-5 : (" + result + ", " + vector + ", " + vector + ", " +
           vector + ", " + vector + ") -> " + result + "\n%" + name + " = partita_graph.elementwise \"" + name +
           "\" relu(%" + name + "1) : (" + result + ") -> " + result + "\n";
  }

  const Case &entry;
  int64_t rows;
  std::string image, arguments;
};

class Convolutions : public testing::TestWithParam<Case> {};

TEST_P(Convolutions, EqualTheInterpreterWithAnyThreads) {
  auto context = makeContext();
  std::string text = GraphText(GetParam()).write();
  SCOPED_TRACE(text);
  OwningOpRef<ModuleOp> graph = parse(*context, text);
  ASSERT_TRUE(graph);
  func::FuncOp function = interpreter::findGraphFunction(*graph);
  NamedTensors inputs = interpreter::makeRandomInputs(function, {}, {}, 23);
  FailureOr<NamedTensors> expected = interpreter::interpretGraph(function, inputs, {});
  ASSERT_TRUE(succeeded(expected));
  OwningOpRef<ModuleOp> program = makeSingleStage(*graph);
  StoredWeights weights(*program->getOps<func::FuncOp>().begin(), findParameters(function), inputs);
  llvm::Expected<InProcessProgram> compiled = compileInProcess(*program, lowering::EmitOptions());
  ASSERT_TRUE(static_cast<bool>(compiled)) << llvm::toString(compiled.takeError());
  std::optional<NamedTensors> first;
  for (int64_t threads : {1, 3}) {
    llvm::Expected<NamedTensors> actual = compiled->run(weights.leaveInputs(inputs), *context, threads);
    ASSERT_TRUE(static_cast<bool>(actual)) << llvm::toString(actual.takeError());
    for (auto &[name, tensor] : *expected) {
      if (first)
        EXPECT_TRUE(actual->at(name).isIdenticalTo(first->at(name))) << name << " with " << threads << " threads";
      else
        expectClose(actual->at(name), tensor, 2e-5, name);
    }
    if (!first)
      first = *actual;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Convolutions,
                         testing::Values(Case{1, 29, 64, 3}, Case{3, 56, 64, 7, 2}, Case{17, 15, 96, 3},
                                         Case{33, 28, 64, 3, 1, 2}, Case{64, 14, 128, 3, 1, 1, 1, 1, true},
                                         Case{64, 7, 256, 3, 1, 1, 1, 2, true}, Case{48, 5, 64, 3, 2, 1, 1, 3},
                                         Case{16, 3, 72, 3}, Case{40, 1, 33, 3, 1, 1, 1, 5}, Case{24, 30, 40, 5, 2},
                                         Case{32, 13, 64, 3, 1, 1, 2}, Case{33, 17, 66, 3, 2, 1, 3},
                                         Case{17, 31, 96, 5, 1, 1, 96}, Case{1024, 14, 64, 1, 1, 1, 1, 1, true}),
                         [](const auto &info) { return info.param.name(); });

} // namespace
