// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every graph op as machine code against the interpreter, on one device.
#include "JitProgram.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::lowering::test;
using interpreter::NamedTensors;

namespace {

struct Case {
  std::string name;
  std::string text; ///< What follows "func.func @main".
  double relative = 2e-6;
};

void PrintTo(const Case &entry, std::ostream *stream) { *stream << entry.name; }

class Ops : public testing::TestWithParam<Case> {};

TEST_P(Ops, EqualsInterpreter) {
  auto context = makeContext();
  OwningOpRef<ModuleOp> graph = parse(*context, "func.func @main" + GetParam().text);
  ASSERT_TRUE(graph);
  func::FuncOp function = interpreter::findGraphFunction(*graph);
  ASSERT_TRUE(function);
  NamedTensors inputs = interpreter::makeRandomInputs(function, {}, {}, 7);
  FailureOr<NamedTensors> expected = interpreter::interpretGraph(function, inputs, {});
  ASSERT_TRUE(succeeded(expected));
  OwningOpRef<ModuleOp> program = makeSingleStage(*graph);
  std::optional<NamedTensors> actual = runProgram(*program, inputs);
  ASSERT_TRUE(actual);
  ASSERT_EQ(actual->size(), expected->size());
  for (auto &[name, tensor] : *expected)
    expectClose((*actual)[name], tensor, GetParam().relative, name);
}

std::string unary(const std::string &kind, const std::string &type) {
  return "(%x: " + type + ") -> " + type + " { %y = partita_graph.elementwise \"y\" " + kind + "(%x) : (" + type +
         ") -> " + type + " return %y : " + type + " }";
}

std::string binary(const std::string &kind, const std::string &type, const std::string &result) {
  return "(%x: " + type + " {partita.maximum = 100 : i64}, %y: " + type + " {partita.maximum = 5 : i64}) -> " + result +
         " { %z = partita_graph.elementwise \"z\" " + kind + "(%x, %y) : (" + type + ", " + type + ") -> " + result +
         " return %z : " + result + " }";
}

std::vector<Case> makeCases() {
  std::vector<Case> cases;
  for (std::string kind : {"neg", "abs", "exp", "reciprocal", "tanh", "erf", "sigmoid", "relu", "gelu", "gelu_tanh",
                           "silu", "sin", "cos", "floor", "ceil", "round", "sign"})
    cases.push_back({"unary_" + kind, unary(kind, "tensor<3x17xf32>")});
  for (std::string kind : {"exp", "gelu", "relu", "sigmoid"})
    cases.push_back({"bf16_" + kind, unary(kind, "tensor<33xbf16>"), 1e-2});
  for (std::string kind : {"log", "sqrt", "rsqrt", "log1p"})
    cases.push_back(
        {"positive_" + kind, "(%a: tensor<33xf32>) -> tensor<33xf32> {"
                             "%x = partita_graph.elementwise \"x\" exp(%a) : (tensor<33xf32>) -> tensor<33xf32>"
                             "%y = partita_graph.elementwise \"y\" " +
                                 kind + "(%x) : (tensor<33xf32>) -> tensor<33xf32> return %y : tensor<33xf32> }"});
  for (std::string type : {"f32", "f64", "f16", "si64", "si32", "si8", "ui8", "ui32"}) {
    std::string tensor = "tensor<5x7x" + type + ">";
    for (std::string kind : {"add", "sub", "mul", "max", "min"})
      cases.push_back({kind + "_" + type, binary(kind, tensor, tensor), type == "f16" ? 2e-3 : 2e-6});
    for (std::string kind : {"eq", "ne", "lt", "le", "gt", "ge"})
      cases.push_back({kind + "_" + type, binary(kind, tensor, "tensor<5x7xi1>")});
  }
  for (std::string kind : {"tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "atanh", "expm1"}) {
    cases.push_back({"unary_" + kind, unary(kind, "tensor<3x17xf32>")});
    cases.push_back({"f64_" + kind, unary(kind, "tensor<17xf64>"), 1e-13});
  }
  for (std::string type : {"si64", "si16", "ui8", "ui32"}) {
    std::string tensor = "tensor<5x7x" + type + ">";
    cases.push_back({"not_" + type, unary("not", tensor)});
    for (std::string kind : {"and", "or", "xor", "shift_left", "shift_right"})
      cases.push_back({kind + "_" + type, binary(kind, tensor, tensor)});
  }
  for (std::string kind : {"and", "or", "xor"})
    cases.push_back({"logical_" + kind, binary(kind, "tensor<9xi1>", "tensor<9xi1>")});
  for (std::string kind : {"div", "remainder", "pow"})
    cases.push_back({kind + "_f32",
                     "(%x: tensor<9xf32>, %b: tensor<9xf32>) -> tensor<9xf32> {"
                     "%a = partita_graph.elementwise \"a\" exp(%x) : (tensor<9xf32>) -> tensor<9xf32>"
                     "%y = partita_graph.elementwise \"y\" " +
                         kind +
                         "(%a, %b) : (tensor<9xf32>, tensor<9xf32>) -> tensor<9xf32>"
                         "return %y : tensor<9xf32> }",
                     1e-5});
  for (std::string type : {"si64", "si32", "ui8"})
    for (std::string kind : {"div", "remainder", "pow"})
      cases.push_back({kind + "_" + type, "(%x: tensor<40x" + type + "> {partita.maximum = 100 : i64}, %b: tensor<40x" +
                                              type + "> {partita.maximum = 5 : i64}) -> tensor<40x" + type +
                                              "> {"
                                              "%one = partita_graph.constant \"one\" dense<1> : tensor<40x" +
                                              type + "> : tensor<40x" + type +
                                              "> %y1 = partita_graph.elementwise \"y1\" add(%b, %one) : (tensor<40x" +
                                              type + ">, tensor<40x" + type + ">) -> tensor<40x" + type +
                                              "> %z = partita_graph.elementwise \"z\" " + kind +
                                              "(%x, %y1) : (tensor<40x" + type + ">, tensor<40x" + type +
                                              ">) -> tensor<40x" + type + "> return %z : tensor<40x" + type + "> }"});
  for (auto [from, to] : {std::pair("f32", "si32"),
                          {"f32", "bf16"},
                          {"si64", "f32"},
                          {"f32", "i1"},
                          {"i1", "f32"},
                          {"si64", "si32"},
                          {"ui8", "si64"},
                          {"f64", "f16"},
                          {"bf16", "f32"},
                          {"f32", "f8E4M3FN"},
                          {"f32", "f8E5M2"},
                          {"f32", "f8E4M3FNUZ"},
                          {"f32", "f8E5M2FNUZ"},
                          {"f8E4M3FN", "f32"},
                          {"f8E5M2", "f16"},
                          {"f8E4M3FNUZ", "f64"},
                          {"f8E5M2FNUZ", "bf16"},
                          {"f8E4M3FN", "f8E5M2"},
                          {"f8E5M2", "si4"},
                          {"si8", "f8E4M3FN"},
                          {"f32", "si4"},
                          {"si8", "si4"},
                          {"si32", "ui4"},
                          {"si4", "f32"},
                          {"ui4", "si8"},
                          {"si4", "ui4"},
                          {"f32", "ui8"}})
    cases.push_back({std::string("cast_") + from + "_" + to,
                     std::string("(%x: tensor<21x") + from + "> {partita.maximum = 200 : i64}) -> tensor<21x" + to +
                         "> { %y = partita_graph.cast \"y\" (%x) : (tensor<21x" + from + ">) -> tensor<21x" + to +
                         "> return %y : tensor<21x" + to + "> }"});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Elementwise, Ops, testing::ValuesIn(makeCases()),
                         [](const testing::TestParamInfo<Case> &info) { return info.param.name; });

/// One op `NAME(operands) -> result`, with f32 tensors.
Case op(const std::string &name, const std::string &arguments, const std::string &body, const std::string &result,
        double relative = 2e-6) {
  return {name, "(" + arguments + ") -> " + result + " { %r = " + body + " return %r : " + result + " }", relative};
}

std::vector<Case> makeTensorCases() {
  return {
      op("broadcast", "%x: tensor<3xf32>",
         "partita_graph.broadcast \"r\" (%x) dims [1] : (tensor<3xf32>) -> tensor<2x3x4xf32>", "tensor<2x3x4xf32>"),
      op("reshape", "%x: tensor<2x6xf32>", "partita_graph.reshape \"r\" (%x) : (tensor<2x6xf32>) -> tensor<3x2x2xf32>",
         "tensor<3x2x2xf32>"),
      op("reshape_scalar", "%x: tensor<1x1xf32>", "partita_graph.reshape \"r\" (%x) : (tensor<1x1xf32>) -> tensor<f32>",
         "tensor<f32>"),
      op("transpose", "%x: tensor<2x3x5xf32>",
         "partita_graph.transpose \"r\" (%x) permutation [2, 0, 1] : (tensor<2x3x5xf32>) -> tensor<5x2x3xf32>",
         "tensor<5x2x3xf32>"),
      op("slice", "%x: tensor<4x9xf32>",
         "partita_graph.slice \"r\" (%x) starts [1, 2] strides [1, 3] : (tensor<4x9xf32>) -> tensor<3x2xf32>",
         "tensor<3x2xf32>"),
      op("reverse", "%x: tensor<4x9xf32>",
         "partita_graph.slice \"r\" (%x) starts [3, 8] strides [-1, -2] : (tensor<4x9xf32>) -> tensor<4x4xf32>",
         "tensor<4x4xf32>"),
      op("concat", "%x: tensor<2x3xf32>, %y: tensor<2x1xf32>",
         "partita_graph.concat \"r\" (%x, %y, %x) dim 1 : (tensor<2x3xf32>, tensor<2x1xf32>, tensor<2x3xf32>) -> "
         "tensor<2x7xf32>",
         "tensor<2x7xf32>"),
      op("pad", "%x: tensor<2x3xf32>, %v: tensor<f32>",
         "partita_graph.pad \"r\" (%x, %v) low [1, 0] high [0, 2] : (tensor<2x3xf32>, tensor<f32>) -> tensor<3x5xf32>",
         "tensor<3x5xf32>"),
      op("gather", "%x: tensor<10x4xf32>, %i: tensor<2x3xsi64> {partita.maximum = 9 : i64}",
         "partita_graph.gather \"r\" (%x, %i) axis 0 : (tensor<10x4xf32>, tensor<2x3xsi64>) -> tensor<2x3x4xf32>",
         "tensor<2x3x4xf32>"),
      op("gather_middle", "%x: tensor<2x5x3xf32>, %i: tensor<4xsi32> {partita.maximum = 4 : i64}",
         "partita_graph.gather \"r\" (%x, %i) axis 1 : (tensor<2x5x3xf32>, tensor<4xsi32>) -> tensor<2x4x3xf32>",
         "tensor<2x4x3xf32>"),
      op("contraction", "%x: tensor<3x5x8xf32>, %y: tensor<8x7xf32>",
         "partita_graph.contraction \"r\" (%x, %y) \"bsk,kn->bsn\" : (tensor<3x5x8xf32>, tensor<8x7xf32>) -> "
         "tensor<3x5x7xf32>",
         "tensor<3x5x7xf32>"),
      op("contraction_transposed", "%x: tensor<5x40xf32>, %y: tensor<7x40xf32>",
         "partita_graph.contraction \"r\" (%x, %y) \"mk,nk->mn\" : (tensor<5x40xf32>, tensor<7x40xf32>) -> "
         "tensor<5x7xf32>",
         "tensor<5x7xf32>"),
      op("contraction_left_transposed", "%x: tensor<40x5xf32>, %y: tensor<7x40xf32>",
         "partita_graph.contraction \"r\" (%x, %y) \"km,nk->mn\" : (tensor<40x5xf32>, tensor<7x40xf32>) -> "
         "tensor<5x7xf32>",
         "tensor<5x7xf32>"),
      op("contraction_batched", "%x: tensor<2x3x4x5xf32>, %y: tensor<2x3x6x5xf32>",
         "partita_graph.contraction \"r\" (%x, %y) \"bhqd,bhkd->bhqk\" : (tensor<2x3x4x5xf32>, tensor<2x3x6x5xf32>) -> "
         "tensor<2x3x4x6xf32>",
         "tensor<2x3x4x6xf32>"),
      op("contraction_dot", "%x: tensor<50xf32>, %y: tensor<50xf32>",
         "partita_graph.contraction \"r\" (%x, %y) \"k,k->\" : (tensor<50xf32>, tensor<50xf32>) -> tensor<f32>",
         "tensor<f32>", 1e-5),
      op("contraction_bf16", "%x: tensor<4x64xbf16>, %y: tensor<64x6xbf16>",
         "partita_graph.contraction \"r\" (%x, %y) \"mk,kn->mn\" : (tensor<4x64xbf16>, tensor<64x6xbf16>) -> "
         "tensor<4x6xbf16>",
         "tensor<4x6xbf16>", 8e-3),
      op("contraction_integer",
         "%x: tensor<4x6xsi32> {partita.maximum = 9 : i64}, %y: tensor<6x2xsi32> {partita.maximum "
         "= 9 : i64}",
         "partita_graph.contraction \"r\" (%x, %y) \"mk,kn->mn\" : (tensor<4x6xsi32>, tensor<6x2xsi32>) -> "
         "tensor<4x2xsi32>",
         "tensor<4x2xsi32>"),
      op("convolution", "%x: tensor<2x3x8x9xf32>, %w: tensor<4x3x3x3xf32>",
         "partita_graph.convolution \"r\" (%x, %w) strides [2, 1] padding [1, 1, 0, 2] dilations [1, 2] groups 1 : "
         "(tensor<2x3x8x9xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x4x7xf32>",
         "tensor<2x4x4x7xf32>", 1e-5),
      op("convolution_grouped", "%x: tensor<2x6x8xf32>, %w: tensor<4x3x3xf32>",
         "partita_graph.convolution \"r\" (%x, %w) strides [1] padding [1, 1] dilations [1] groups 2 : "
         "(tensor<2x6x8xf32>, tensor<4x3x3xf32>) -> tensor<2x4x8xf32>",
         "tensor<2x4x8xf32>", 1e-5),
      op("reduce_sum", "%x: tensor<3x4x50xf32>",
         "partita_graph.reduce \"r\" sum(%x) dims [2] : (tensor<3x4x50xf32>) -> tensor<3x4xf32>", "tensor<3x4xf32>",
         1e-5),
      op("reduce_outer", "%x: tensor<3x4x5xf32>",
         "partita_graph.reduce \"r\" max(%x) dims [0, 1] : (tensor<3x4x5xf32>) -> tensor<5xf32>", "tensor<5xf32>"),
      op("reduce_min", "%x: tensor<3x4x5xsi64> {partita.maximum = 90 : i64}",
         "partita_graph.reduce \"r\" min(%x) dims [1] : (tensor<3x4x5xsi64>) -> tensor<3x5xsi64>", "tensor<3x5xsi64>"),
      op("reduce_prod", "%x: tensor<6xf32>",
         "partita_graph.reduce \"r\" prod(%x) dims [0] : (tensor<6xf32>) -> tensor<f32>", "tensor<f32>"),
      op("reduce_any", "%x: tensor<3x4xi1>",
         "partita_graph.reduce \"r\" or(%x) dims [1] : (tensor<3x4xi1>) -> tensor<3xi1>", "tensor<3xi1>"),
      op("reduce_bf16", "%x: tensor<3x300xbf16>",
         "partita_graph.reduce \"r\" sum(%x) dims [1] : (tensor<3x300xbf16>) -> tensor<3xbf16>", "tensor<3xbf16>",
         8e-3),
      op("window_max", "%x: tensor<2x3x8x9xf32>",
         "partita_graph.window_reduce \"r\" max(%x) window [3, 2] strides [2, 2] padding [1, 1, 0, 1] dilations [1, 1] "
         ": "
         "(tensor<2x3x8x9xf32>) -> tensor<2x3x4x5xf32>",
         "tensor<2x3x4x5xf32>"),
      op("window_sum", "%x: tensor<2x3x8xf32>",
         "partita_graph.window_reduce \"r\" sum(%x) window [3] strides [1] padding [0, 0] dilations [2] : "
         "(tensor<2x3x8xf32>) -> tensor<2x3x4xf32>",
         "tensor<2x3x4xf32>"),
      op("window_max_si8", "%x: tensor<2x3x8xsi8> {partita.maximum = 90 : i64}",
         "partita_graph.window_reduce \"r\" max(%x) window [3] strides [2] padding [1, 0] dilations [1] : "
         "(tensor<2x3x8xsi8>) -> tensor<2x3x4xsi8>",
         "tensor<2x3x4xsi8>"),
      op("window_argmax", "%x: tensor<2x3x8x9xf32>",
         "partita_graph.window_argmax \"r\" (%x) window [3, 2] strides [2, 2] padding [1, 1, 0, 1] dilations [1, 2] : "
         "(tensor<2x3x8x9xf32>) -> tensor<2x3x4x4xsi64>",
         "tensor<2x3x4x4xsi64>"),
      op("window_argmax_ties", "%x: tensor<2x3x8xui8> {partita.maximum = 2 : i64}",
         "partita_graph.window_argmax \"r\" (%x) window [4] strides [1] padding [0, 0] dilations [1] : "
         "(tensor<2x3x8xui8>) -> tensor<2x3x5xsi64>",
         "tensor<2x3x5xsi64>"),
      op("convolution_integers",
         "%x: tensor<2x6x8xsi32> {partita.maximum = 200 : i64}, %w: tensor<4x3x3xsi32> {partita.maximum = 200 : i64}",
         "partita_graph.convolution \"r\" (%x, %w) strides [1] padding [1, 1] dilations [1] groups 2 : "
         "(tensor<2x6x8xsi32>, tensor<4x3x3xsi32>) -> tensor<2x4x8xsi32>",
         "tensor<2x4x8xsi32>"),
      op("softmax", "%x: tensor<3x40xf32>",
         "partita_graph.softmax \"r\" (%x) dim 1 : (tensor<3x40xf32>) -> tensor<3x40xf32>", "tensor<3x40xf32>", 1e-5),
      op("softmax_outer", "%x: tensor<8x3xf32>",
         "partita_graph.softmax \"r\" (%x) dim 0 : (tensor<8x3xf32>) -> tensor<8x3xf32>", "tensor<8x3xf32>", 1e-5),
      op("layer_norm", "%x: tensor<3x32xf32>, %s: tensor<32xf32>, %b: tensor<32xf32>",
         "partita_graph.layer_norm \"r\" (%x, %s, %b) axis 1 epsilon 1.0e-5 : (tensor<3x32xf32>, tensor<32xf32>, "
         "tensor<32xf32>) -> tensor<3x32xf32>",
         "tensor<3x32xf32>", 1e-5),
      op("layer_norm_plain", "%x: tensor<2x4x8xbf16>, %s: tensor<4x8xbf16>",
         "partita_graph.layer_norm \"r\" (%x, %s) axis 1 epsilon 1.0e-5 : (tensor<2x4x8xbf16>, tensor<4x8xbf16>) -> "
         "tensor<2x4x8xbf16>",
         "tensor<2x4x8xbf16>", 1.6e-2),
      op("rms_norm", "%x: tensor<3x32xf32>, %s: tensor<32xf32>",
         "partita_graph.rms_norm \"r\" (%x, %s) axis 1 epsilon 1.0e-5 : (tensor<3x32xf32>, tensor<32xf32>) -> "
         "tensor<3x32xf32>",
         "tensor<3x32xf32>", 1e-5),
      op("attention", "%q: tensor<2x4x6x8xf32>, %k: tensor<2x2x7x8xf32>, %v: tensor<2x2x7x5xf32>",
         "partita_graph.attention \"r\" (%q, %k, %v) scale 0.35 causal true : (tensor<2x4x6x8xf32>, "
         "tensor<2x2x7x8xf32>, tensor<2x2x7x5xf32>) -> tensor<2x4x6x5xf32>",
         "tensor<2x4x6x5xf32>", 1e-5),
      op("attention_guarded", "%q: tensor<2x4x6x8xf32>, %k: tensor<2x2x4x8xf32>, %v: tensor<2x2x4x5xf32>",
         "partita_graph.attention \"r\" (%q, %k, %v) scale 0.35 causal true guarded : (tensor<2x4x6x8xf32>, "
         "tensor<2x2x4x8xf32>, tensor<2x2x4x5xf32>) -> tensor<2x4x6x5xf32>",
         "tensor<2x4x6x5xf32>", 1e-5),
      op("attention_mask",
         "%q: tensor<2x4x6x8xf32>, %k: tensor<2x2x7x8xf32>, %v: tensor<2x2x7x5xf32>, %m: "
         "tensor<2x1x6x7xf32>",
         "partita_graph.attention \"r\" (%q, %k, %v, %m) scale 0.35 causal false : (tensor<2x4x6x8xf32>, "
         "tensor<2x2x7x8xf32>, tensor<2x2x7x5xf32>, tensor<2x1x6x7xf32>) -> tensor<2x4x6x5xf32>",
         "tensor<2x4x6x5xf32>", 1e-5),
      op("rotary", "%x: tensor<2x3x4x8xf32>, %c: tensor<4x4xf32>, %s: tensor<4x4xf32>",
         "partita_graph.rotary \"r\" (%x, %c, %s) interleaved false : (tensor<2x3x4x8xf32>, tensor<4x4xf32>, "
         "tensor<4x4xf32>) -> tensor<2x3x4x8xf32>",
         "tensor<2x3x4x8xf32>"),
      op("rotary_per_batch_element", "%x: tensor<2x3x4x8xf32>, %c: tensor<2x4x4xf32>, %s: tensor<4x4xf32>",
         "partita_graph.rotary \"r\" (%x, %c, %s) interleaved true : (tensor<2x3x4x8xf32>, tensor<2x4x4xf32>, "
         "tensor<4x4xf32>) -> tensor<2x3x4x8xf32>",
         "tensor<2x3x4x8xf32>"),
      op("rotary_interleaved", "%x: tensor<2x3x4x8xf32>, %c: tensor<4x4xf32>, %s: tensor<4x4xf32>",
         "partita_graph.rotary \"r\" (%x, %c, %s) interleaved true : (tensor<2x3x4x8xf32>, tensor<4x4xf32>, "
         "tensor<4x4xf32>) -> tensor<2x3x4x8xf32>",
         "tensor<2x3x4x8xf32>"),
      {"batch_norm",
       "(%x: tensor<2x3x4xf32>, %s: tensor<3xf32>, %b: tensor<3xf32>, %m: tensor<3xf32>, %a: tensor<3xf32>) -> "
       "tensor<2x3x4xf32> { "
       "%v = partita_graph.elementwise \"v\" exp(%a) : (tensor<3xf32>) -> tensor<3xf32> "
       "%n = partita_graph.batch_norm \"n\" (%x, %s, %b, %m, %v) epsilon 1.0e-5 : (tensor<2x3x4xf32>, tensor<3xf32>, "
       "tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<2x3x4xf32> return %n : tensor<2x3x4xf32> }",
       1e-5},
      op("select", "%c: tensor<9xi1>, %x: tensor<9xf32>, %y: tensor<9xf32>",
         "partita_graph.elementwise \"r\" select(%c, %x, %y) : (tensor<9xi1>, tensor<9xf32>, tensor<9xf32>) -> "
         "tensor<9xf32>",
         "tensor<9xf32>"),
      op("clamp", "%x: tensor<9xf32>, %a: tensor<9xf32>, %b: tensor<9xf32>",
         "partita_graph.elementwise \"r\" clamp(%x, %a, %b) : (tensor<9xf32>, tensor<9xf32>, tensor<9xf32>) -> "
         "tensor<9xf32>",
         "tensor<9xf32>"),
      op("iota", "", "partita_graph.iota \"r\" dim 1 : tensor<2x5xsi64>", "tensor<2x5xsi64>"),
      op("constant", "", "partita_graph.constant \"r\" dense<[1.5, -2.0]> : tensor<2xf32> : tensor<2xf32>",
         "tensor<2xf32>"),
  };
}

std::vector<Case> makeRecurrentCases() {
  auto cell = [](std::string name, std::string kind, std::string gates, std::string weights, std::string initial,
                 std::string extraArguments, std::string extra, std::string extraTypes, std::string tail,
                 std::string result, double relative) {
    std::string types = gates + ", " + weights + ", " + initial;
    return Case{name,
                "(%g: " + gates + ", %w: " + weights + ", %i: " + initial + extraArguments + ") -> " + result +
                    " { %r = partita_graph.recurrent \"r\" " + kind + " (%g, %w, %i" + extra + ") functions " + tail +
                    " : (" + types + extraTypes + ") -> " + result + " return %r : " + result + " }",
                relative};
  };
  std::string plain = " clip 0.0 reset_after false coupled false";
  std::vector<Case> cases;
  for (std::string function : {"sigmoid", "tanh", "relu", "affine", "leaky_relu", "thresholded_relu", "scaled_tanh",
                               "hard_sigmoid", "elu", "softsign", "softplus"})
    cases.push_back(cell("rnn_" + function, "rnn reverse", "tensor<4x1x3x1x5xf32>", "tensor<1x1x5x5xf32>",
                         "tensor<1x1x3x5xf32>", "", "", "",
                         "[\"" + function + "\"] alpha [0.5] beta [0.25] clip 1.5 reset_after false coupled false",
                         "tensor<1x4x1x3x5xf32>", 1e-5));
  cases.push_back(cell("gru_lengths", "gru both", "tensor<4x2x3x3x5xf32>", "tensor<2x3x5x5xf32>", "tensor<1x2x3x5xf32>",
                       ", %l: tensor<3xsi32> {partita.maximum = 4 : i64}", " lengths %l", ", tensor<3xsi32>",
                       R"(["sigmoid", "tanh"] alpha [0.0, 0.0] beta [0.0, 0.0])" + plain, "tensor<1x4x2x3x5xf32>",
                       1e-5));
  cases.push_back(
      cell("gru_after", "gru forward", "tensor<4x1x3x3x5xf32>", "tensor<1x3x5x5xf32>", "tensor<1x1x3x5xf32>",
           ", %b: tensor<1x5xf32>", " bias %b", ", tensor<1x5xf32>",
           R"(["sigmoid", "tanh"] alpha [0.0, 0.0] beta [0.0, 0.0] clip 0.0 reset_after true coupled false)",
           "tensor<1x4x1x3x5xf32>", 1e-5));
  std::string three = R"(["sigmoid", "tanh", "tanh"] alpha [0.0, 0.0, 0.0] beta [0.0, 0.0, 0.0])";
  cases.push_back(cell("lstm_peepholes", "lstm both", "tensor<4x2x3x4x5xf32>", "tensor<2x4x5x5xf32>",
                       "tensor<2x2x3x5xf32>", ", %p: tensor<2x3x5xf32>", " peepholes %p", ", tensor<2x3x5xf32>",
                       three + plain, "tensor<2x4x2x3x5xf32>", 1e-5));
  cases.push_back(cell("lstm_coupled", "lstm forward", "tensor<9x1x3x4x5xf32>", "tensor<1x4x5x5xf32>",
                       "tensor<2x1x3x5xf32>", "", "", "", three + " clip 0.5 reset_after false coupled true",
                       "tensor<2x9x1x3x5xf32>", 1e-5));
  cases.push_back(cell("lstm_f64", "lstm reverse", "tensor<3x1x3x4x5xf64>", "tensor<1x4x5x5xf64>",
                       "tensor<2x1x3x5xf64>", "", "", "", three + plain, "tensor<2x3x1x3x5xf64>", 1e-5));
  cases.push_back(cell("lstm_bf16", "lstm forward", "tensor<3x1x3x4x5xbf16>", "tensor<1x4x5x5xbf16>",
                       "tensor<2x1x3x5xbf16>", "", "", "", three + plain, "tensor<2x3x1x3x5xbf16>", 1.6e-2));
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Recurrent, Ops, testing::ValuesIn(makeRecurrentCases()),
                         [](const testing::TestParamInfo<Case> &info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(Tensor, Ops, testing::ValuesIn(makeTensorCases()),
                         [](const testing::TestParamInfo<Case> &info) { return info.param.name; });

} // namespace
