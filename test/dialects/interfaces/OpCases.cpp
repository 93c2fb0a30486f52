// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "OpCases.h"

namespace partita {

std::string OpCase::text() const {
  std::string arguments, types;
  for (size_t i = 0; i < operands.size(); ++i) {
    arguments += (i ? ", %a" : "%a") + std::to_string(i) + ": " + operands[i] + " {partita.name = \"a" +
                 std::to_string(i) + "\", partita.maximum = " + std::to_string(maximum) + " : i64, partita.role = \"" +
                 (i && operands[i].find("f32") != std::string::npos ? "parameter" : "input") + "\"}";
    types += (i ? ", " : "") + operands[i];
  }
  bool isSource = operands.empty();
  return "func.func @main(" + arguments + ") -> " + result + " {\n  %r = partita_graph." + body + " : " +
         (isSource ? "" : "(" + types + ") -> ") + result + "\n  return %r : " + result + "\n}\n";
}

static void addSourcesAndElementwise(std::vector<OpCase> &cases) {
  cases.push_back({R"(constant "op" dense<2.5> : tensor<3x4xf32>)", {}, "tensor<3x4xf32>"});
  cases.push_back({R"(iota "op" dim 0)", {}, "tensor<7x2xsi64>"});
  cases.push_back({R"(iota "op" dim 1)", {}, "tensor<2x7xf32>"});
  cases.push_back({R"(random_bits "op" seed 7 stream 0)", {}, "tensor<5x3xui32>"});
  cases.push_back({R"(random_bits "op" seed -81985529216486896 stream 1311768467463790320)", {}, "tensor<2x3x4xui32>"});
  for (const char *kind : {"neg", "abs", "exp", "tanh", "gelu", "relu"})
    cases.push_back({"elementwise \"op\" " + std::string(kind) + "(%a0)", {"tensor<5x3xf32>"}, "tensor<5x3xf32>"});
  for (const char *kind : {"add", "sub", "mul", "div", "max"}) {
    cases.push_back({"elementwise \"op\" " + std::string(kind) + "(%a0, %a1)",
                     {"tensor<7x2xf32>", "tensor<7x2xf32>"},
                     "tensor<7x2xf32>"});
  }
  cases.push_back({R"(elementwise "op" add(%a0, %a1))", {"tensor<4xsi32>", "tensor<4xsi32>"}, "tensor<4xsi32>", 9});
  for (const char *kind : {"tan", "asinh", "expm1"})
    cases.push_back({"elementwise \"op\" " + std::string(kind) + "(%a0)", {"tensor<5x3xf32>"}, "tensor<5x3xf32>"});
  cases.push_back({R"(elementwise "op" not(%a0))", {"tensor<5x3xui8>"}, "tensor<5x3xui8>", 200});
  for (const char *kind : {"and", "or", "xor", "shift_left", "shift_right"})
    cases.push_back({"elementwise \"op\" " + std::string(kind) + "(%a0, %a1)",
                     {"tensor<7x2xsi16>", "tensor<7x2xsi16>"},
                     "tensor<7x2xsi16>",
                     20});
  cases.push_back({R"(elementwise "op" lt(%a0, %a1))", {"tensor<4x3xf32>", "tensor<4x3xf32>"}, "tensor<4x3xi1>"});
  cases.push_back({R"(elementwise "op" select(%a0, %a1, %a2))",
                   {"tensor<4x3xi1>", "tensor<4x3xf32>", "tensor<4x3xf32>"},
                   "tensor<4x3xf32>"});
  cases.push_back({R"(cast "op" (%a0))", {"tensor<5x3xsi32>"}, "tensor<5x3xf32>", 9});
  for (const char *type : {"f8E4M3FN", "f8E5M2FNUZ", "si4", "ui4"}) {
    std::string small = "tensor<5x3x" + std::string(type) + ">";
    cases.push_back({R"(cast "op" (%a0))", {"tensor<5x3xf32>"}, small});
    cases.push_back({R"(cast "op" (%a0))", {small}, "tensor<5x3xf32>", 7});
    cases.push_back(
        {R"(gather "op" (%a0, %a1) axis 0)", {small, "tensor<4xsi64>"}, "tensor<4x3x" + std::string(type) + ">", 4});
  }
}

static void addMatrixWork(std::vector<OpCase> &cases) {
  auto contraction = [&](const char *spec, const char *a, const char *b, const char *c) {
    cases.push_back({"contraction \"op\" (%a0, %a1) \"" + std::string(spec) + "\"", {a, b}, c});
  };
  contraction("mk,kn->mn", "tensor<5x7xf32>", "tensor<7x4xf32>", "tensor<5x4xf32>");
  contraction("km,nk->nm", "tensor<7x5xf32>", "tensor<4x7xf32>", "tensor<4x5xf32>");
  contraction("bmk,bkn->bmn", "tensor<3x2x7xf32>", "tensor<3x7x4xf32>", "tensor<3x2x4xf32>");
  contraction("bshk,bthk->bhst", "tensor<2x3x2x5xf32>", "tensor<2x4x2x5xf32>", "tensor<2x2x3x4xf32>");
  contraction("k,k->", "tensor<9xf32>", "tensor<9xf32>", "tensor<f32>");
  contraction("m,n->mn", "tensor<3xf32>", "tensor<5xf32>", "tensor<3x5xf32>");
  contraction("akl,lkb->ab", "tensor<2x3x4xf32>", "tensor<4x3x2xf32>", "tensor<2x2xf32>");
  contraction("mk,kn->mn", "tensor<3x8xbf16>", "tensor<8x2xbf16>", "tensor<3x2xbf16>");
  contraction("mk,kn->mn", "tensor<3x8xbf16>", "tensor<8x2xf32>", "tensor<3x2xf32>");
  auto convolution = [&](const char *attributes, const char *a, const char *b, const char *c) {
    cases.push_back({"convolution \"op\" (%a0, %a1) " + std::string(attributes), {a, b}, c});
  };
  convolution("strides [1, 1] padding [1, 1, 1, 1] dilations [1, 1] groups 1", "tensor<2x3x5x4xf32>",
              "tensor<4x3x3x3xf32>", "tensor<2x4x5x4xf32>");
  convolution("strides [2] padding [1, 2] dilations [2] groups 2", "tensor<3x4x8xf32>", "tensor<6x2x3xf32>",
              "tensor<3x6x4xf32>");
  cases.push_back({R"(convolution "op" (%a0, %a1) strides [1] padding [1, 0] dilations [1] groups 2)",
                   {"tensor<3x4x5xsi32>", "tensor<6x2x2xsi32>"},
                   "tensor<3x6x5xsi32>",
                   9});
  convolution("strides [1] padding [0, 0] dilations [1] groups 4", "tensor<1x4x5xf32>", "tensor<4x1x2xf32>",
              "tensor<1x4x4xf32>");
  // Halos: strides on uneven parts, a kernel longer than a part, elements behind the last position, three dims.
  convolution("strides [2, 1] padding [1, 0, 2, 1] dilations [1, 2] groups 1", "tensor<1x2x7x6xf32>",
              "tensor<3x2x3x2xf32>", "tensor<1x3x3x7xf32>");
  convolution("strides [1] padding [3, 3] dilations [3] groups 1", "tensor<1x1x9xf32>", "tensor<2x1x3xf32>",
              "tensor<1x2x9xf32>");
  convolution("strides [3] padding [0, 0] dilations [1] groups 2", "tensor<2x4x11xf32>", "tensor<4x2x2xf32>",
              "tensor<2x4x4xf32>");
  convolution("strides [1, 2, 1] padding [1, 1, 0, 1, 0, 0] dilations [1, 1, 1] groups 3", "tensor<1x3x4x5x3xf32>",
              "tensor<3x1x3x2x2xf32>", "tensor<1x3x4x3x2xf32>");
}

static void addMovement(std::vector<OpCase> &cases) {
  cases.push_back({R"(broadcast "op" (%a0) dims [1])", {"tensor<5xf32>"}, "tensor<3x5x2xf32>"});
  cases.push_back({R"(broadcast "op" (%a0) dims [])", {"tensor<f32>"}, "tensor<3x5xf32>"});
  auto reshape = [&](const char *from, const char *to) {
    cases.push_back(
        {"reshape \"op\" (%a0)", {"tensor<" + std::string(from) + "xf32>"}, "tensor<" + std::string(to) + "xf32>"});
  };
  reshape("3x8", "3x2x4");
  reshape("3x2x4", "3x8");
  reshape("6x4", "2x12");
  reshape("6x4", "4x6");
  reshape("2x1x6", "2x3x2x1");
  reshape("1x12x1", "3x4");
  reshape("2x6x5", "12x5");
  reshape("24", "2x3x4");
  cases.push_back({R"(transpose "op" (%a0) permutation [2, 0, 1])", {"tensor<3x4x5xf32>"}, "tensor<5x3x4xf32>"});
  cases.push_back({R"(slice "op" (%a0) starts [0, 1] strides [1, 2])", {"tensor<5x7xf32>"}, "tensor<5x3xf32>"});
  cases.push_back({R"(slice "op" (%a0) starts [0, 6] strides [1, -1])", {"tensor<5x7xf32>"}, "tensor<5x7xf32>"});
  cases.push_back({R"(slice "op" (%a0) starts [2, 0] strides [1, 3])", {"tensor<9x11xf32>"}, "tensor<5x4xf32>"});
  cases.push_back(
      {R"(pad "op" (%a0, %a1) low [2, 0] high [5, 3])", {"tensor<4x3xf32>", "tensor<f32>"}, "tensor<11x6xf32>"});
  cases.push_back({R"(concat "op" (%a0, %a1) dim 1)", {"tensor<3x2xf32>", "tensor<3x4xf32>"}, "tensor<3x6xf32>"});
  cases.push_back(
      {R"(pad "op" (%a0, %a1) low [0, 1] high [0, 2])", {"tensor<5x2xf32>", "tensor<f32>"}, "tensor<5x5xf32>"});
  cases.push_back(
      {R"(gather "op" (%a0, %a1) axis 0)", {"tensor<7x3xf32>", "tensor<2x4xsi64>"}, "tensor<2x4x3xf32>", 6});
  cases.push_back(
      {R"(gather "op" (%a0, %a1) axis 1)", {"tensor<3x5x2xf32>", "tensor<4xui32>"}, "tensor<3x4x2xf32>", 4});
  cases.push_back({R"(gather "op" (%a0, %a1) axis 0)", {"tensor<5x3xi1>", "tensor<4xsi32>"}, "tensor<4x3xi1>", 4});
  cases.push_back({R"(gather "op" (%a0, %a1) axis 0)", {"tensor<5x3xsi32>", "tensor<si32>"}, "tensor<3xsi32>", 4});
}

static void addIndexing(std::vector<OpCase> &cases) {
  auto gather = [&](const char *attributes, const char *input, const char *indices, const char *result, int maximum) {
    cases.push_back({"gather_along \"op\" (%a0, %a1) " + std::string(attributes), {input, indices}, result, maximum});
  };
  gather("axis 1 dims [0, 1]", "tensor<3x7xf32>", "tensor<3x4xsi64>", "tensor<3x4xf32>", 6);
  gather("axis 2 dims [0, 2]", "tensor<4x3x5xf32>", "tensor<4x6xsi32>", "tensor<4x3x6xf32>", 4);
  gather("axis 0 dims [0]", "tensor<5x3xi1>", "tensor<4xui8>", "tensor<4x3xi1>", 4);
  gather("axis 0 dims [0, 1]", "tensor<5x3xsi32>", "tensor<2x3xsi64>", "tensor<2x3xsi32>", 4);
  gather("axis 0 dims [0]", "tensor<6x2xf64>", "tensor<5xui16>", "tensor<5x2xf64>", 5);
  gather("axis 1 dims [1]", "tensor<2x6xf16>", "tensor<3xsi8>", "tensor<2x3xf16>", 5);
  auto scatter = [&](const char *kind, const char *attributes, std::vector<std::string> operands, const char *result,
                     int maximum) {
    std::string list = operands.size() == 3 ? "(%a0, %a1, %a2) " : "(%a0, %a1) ";
    cases.push_back({"scatter_along \"op\" " + std::string(kind) + list + attributes, operands, result, maximum});
  };
  for (const char *kind : {"update", "add", "mul", "max", "min"}) {
    scatter(kind, "axis 1 dims [0, 1]", {"tensor<3x6xsi64>", "tensor<3x6xf32>", "tensor<3x5xf32>"}, "tensor<3x5xf32>",
            4);
    scatter(kind, "axis 0 dims [0]", {"tensor<9xsi32>", "tensor<9x3xf32>"}, "tensor<5x3xf32>", 4);
    scatter(kind, "axis 0 dims [0]", {"tensor<9xui32>", "tensor<9x2xsi32>", "tensor<4x2xsi32>"}, "tensor<4x2xsi32>", 3);
  }
  scatter("update", "axis 0 dims [0]", {"tensor<3xsi64>", "tensor<3x2xi1>", "tensor<5x2xi1>"}, "tensor<5x2xi1>", 4);
  scatter("add", "axis 1 dims [1]", {"tensor<7xsi64>", "tensor<2x7xbf16>"}, "tensor<2x3xbf16>", 2);
  scatter("add", "axis 0 dims [0]", {"tensor<7xui16>", "tensor<7x2xf16>"}, "tensor<3x2xf16>", 2);
  scatter("max", "axis 0 dims [0]", {"tensor<7xsi8>", "tensor<7x2xui64>"}, "tensor<3x2xui64>", 2);
  scatter("mul", "axis 0 dims [0]", {"tensor<7xsi64>", "tensor<7xf64>", "tensor<3xf64>"}, "tensor<3xf64>", 2);
  for (const char *largest : {"true", "false"}) {
    for (const char *element : {"f64", "bf16", "ui64", "si32"}) {
      std::string input = "tensor<3x8x" + std::string(element) + ">";
      cases.push_back({"top_k \"op\" (%a0) dim 1 largest " + std::string(largest), {input}, "tensor<3x5xsi64>", 6});
    }
    cases.push_back(
        {"top_k \"op\" (%a0) dim 1 largest " + std::string(largest), {"tensor<5x7xf32>"}, "tensor<5x3xsi64>"});
    cases.push_back(
        {"top_k \"op\" (%a0) dim 0 largest " + std::string(largest), {"tensor<6x4xsi8>"}, "tensor<6x4xsi64>", 3});
  }
  // Blocks along the dim, also with many equal elements.
  for (const char *largest : {"true", "false"}) {
    std::string tail = std::string(" largest ") + largest;
    cases.push_back({"top_k \"op\" (%a0) dim 1" + tail, {"tensor<3x24xf32>"}, "tensor<3x2xsi64>"});
    cases.push_back({"top_k \"op\" (%a0) dim 0" + tail, {"tensor<18x2xsi8>"}, "tensor<3x2xsi32>", 3});
    cases.push_back({"top_k \"op\" (%a0) dim 1" + tail, {"tensor<2x16x3xbf16>"}, "tensor<2x1x3xsi64>"});
  }
  for (const char *ends : {"exclusive false reverse false", "exclusive true reverse false",
                           "exclusive false reverse true", "exclusive true reverse true"}) {
    cases.push_back(
        {"cumulative \"op\" sum(%a0) dim 1 " + std::string(ends), {"tensor<5x9x2xf32>"}, "tensor<5x9x2xf32>"});
    cases.push_back(
        {"cumulative \"op\" max(%a0) dim 0 " + std::string(ends), {"tensor<4x6xsi16>"}, "tensor<4x6xsi16>", 9});
  }
  for (const char *element : {"f64", "f16", "ui8"}) {
    std::string type = "tensor<3x9x" + std::string(element) + ">";
    cases.push_back({R"(cumulative "op" sum(%a0) dim 1 exclusive false reverse true)", {type}, type, 9});
  }
  cases.push_back(
      {R"(cumulative "op" prod(%a0) dim 0 exclusive false reverse false)", {"tensor<3x7xf32>"}, "tensor<3x7xf32>"});
  cases.push_back(
      {R"(cumulative "op" or(%a0) dim 1 exclusive false reverse false)", {"tensor<3x7xi1>"}, "tensor<3x7xi1>"});
}

static void addReductions(std::vector<OpCase> &cases) {
  for (const char *kind : {"sum", "max", "min", "prod"}) {
    cases.push_back(
        {"reduce \"op\" " + std::string(kind) + "(%a0) dims [1]", {"tensor<3x7x2xf32>"}, "tensor<3x2xf32>"});
    cases.push_back(
        {"reduce \"op\" " + std::string(kind) + "(%a0) dims [0, 2]", {"tensor<3x4x5xsi8>"}, "tensor<4xsi8>", 3});
  }
  for (const char *kind : {"and", "or"})
    cases.push_back({"reduce \"op\" " + std::string(kind) + "(%a0) dims [0]", {"tensor<3x4xi1>"}, "tensor<4xi1>"});
  cases.push_back({R"(reduce "op" sum(%a0) dims [0])", {"tensor<7xf16>"}, "tensor<f16>"});
  for (const char *kind : {"sum", "max"})
    cases.push_back({"window_reduce \"op\" " + std::string(kind) +
                         "(%a0) window [3, 2] strides [2, 1] padding [1, 1, 0, 1] dilations [1, 2]",
                     {"tensor<3x2x6x5xf32>"},
                     "tensor<3x2x3x4xf32>"});
  for (const char *kind : {"sum", "max"})
    cases.push_back(
        {"window_reduce \"op\" " + std::string(kind) + "(%a0) window [5] strides [2] padding [2, 2] dilations [1]",
         {"tensor<1x2x9xf32>"},
         "tensor<1x2x5xf32>"});
  cases.push_back({R"(window_reduce "op" max(%a0) window [2] strides [1] padding [1, 0] dilations [1])",
                   {"tensor<3x4x5xsi8>"},
                   "tensor<3x4x5xsi8>",
                   9});
  cases.push_back({R"(window_argmax "op" (%a0) window [3, 2] strides [2, 1] padding [1, 1, 0, 1] dilations [1, 2])",
                   {"tensor<5x3x6x5xf32>"},
                   "tensor<5x3x3x4xsi64>"});
  cases.push_back({R"(window_argmax "op" (%a0) window [3] strides [1] padding [0, 0] dilations [1])",
                   {"tensor<4x5x6xui8>"},
                   "tensor<4x5x4xsi64>",
                   3});
}

static void addComposites(std::vector<OpCase> &cases) {
  cases.push_back({R"(softmax "op" (%a0) dim 1)", {"tensor<5x7xf32>"}, "tensor<5x7xf32>"});
  cases.push_back({R"(softmax "op" (%a0) dim 0)", {"tensor<5x7x2xf32>"}, "tensor<5x7x2xf32>"});
  cases.push_back({R"(layer_norm "op" (%a0, %a1, %a2) axis 1 epsilon 1.0e-5)",
                   {"tensor<5x8xf32>", "tensor<8xf32>", "tensor<8xf32>"},
                   "tensor<5x8xf32>"});
  cases.push_back({R"(layer_norm "op" (%a0, %a1) axis 1 epsilon 1.0e-5)",
                   {"tensor<5x4x3xf32>", "tensor<4x3xf32>"},
                   "tensor<5x4x3xf32>"});
  cases.push_back({R"(rms_norm "op" (%a0, %a1) axis 2 epsilon 1.0e-6)",
                   {"tensor<2x5x8xf32>", "tensor<8xf32>"},
                   "tensor<2x5x8xf32>"});
  cases.push_back({R"(softmax "op" (%a0) dim 0)", {"tensor<9x2xbf16>"}, "tensor<9x2xbf16>"});
  cases.push_back({R"(layer_norm "op" (%a0, %a1, %a2) axis 1 epsilon 1.0e-5)",
                   {"tensor<3x8xf16>", "tensor<8xf16>", "tensor<8xf16>"},
                   "tensor<3x8xf16>"});
  std::string channels = "tensor<3xf32>";
  cases.push_back({R"(batch_norm "op" (%a0, %a1, %a2, %a3, %a4) epsilon 1.0e-5)",
                   {"tensor<2x3x4x5xf32>", channels, channels, channels, channels},
                   "tensor<2x3x4x5xf32>"});
  auto attention = [&](std::vector<std::string> operands, const char *causal, const char *result) {
    std::string list = operands.size() == 4 ? "(%a0, %a1, %a2, %a3)" : "(%a0, %a1, %a2)";
    cases.push_back({"attention \"op\" " + list + " scale 0.5 causal " + causal, operands, result});
  };
  attention({"tensor<2x4x3x8xf32>", "tensor<2x4x3x8xf32>", "tensor<2x4x3x6xf32>"}, "true", "tensor<2x4x3x6xf32>");
  attention({"tensor<2x6x3x4xf32>", "tensor<2x2x5x4xf32>", "tensor<2x2x5x4xf32>"}, "true", "tensor<2x6x3x4xf32>");
  attention({"tensor<1x6x3x4xf32>", "tensor<1x1x5x4xf32>", "tensor<1x1x5x3xf32>"}, "false", "tensor<1x6x3x3xf32>");
  attention({"tensor<2x4x3x4xf32>", "tensor<2x2x5x4xf32>", "tensor<2x2x5x4xf32>", "tensor<1x4x3x5xf32>"}, "false",
            "tensor<2x4x3x4xf32>");
  attention({"tensor<2x4x3x4xf32>", "tensor<2x2x5x4xf32>", "tensor<2x2x5x4xf32>", "tensor<2x1x3x5xf32>"}, "true",
            "tensor<2x4x3x4xf32>");
  // More queries than keys: the first ones see none.
  attention({"tensor<1x2x5x4xf32>", "tensor<1x2x3x4xf32>", "tensor<1x2x3x4xf32>"}, "true guarded",
            "tensor<1x2x5x4xf32>");
  // Decoding: one query reads the keys so far.
  attention({"tensor<1x4x1x4xf32>", "tensor<1x1x9x4xf32>", "tensor<1x1x9x6xf32>"}, "true", "tensor<1x4x1x6xf32>");
  attention({"tensor<2x2x3x4xbf16>", "tensor<2x2x5x4xbf16>", "tensor<2x2x5x4xbf16>", "tensor<1x1x3x5xbf16>"}, "true",
            "tensor<2x2x3x4xbf16>");
  for (const char *interleaved : {"true", "false"})
    for (const char *table : {"tensor<5x2xf32>", "tensor<2x5x2xf32>"})
      cases.push_back({"rotary \"op\" (%a0, %a1, %a2) interleaved " + std::string(interleaved),
                       {"tensor<2x3x5x4xf32>", table, table},
                       "tensor<2x3x5x4xf32>"});
}

/// Kinds, directions, optional operands and functions; batches of 5 and 3 units.
static void addRecurrent(std::vector<OpCase> &cases) {
  auto cell = [&](const std::string &kind, int gates, int states, int directions, const std::string &extra,
                  std::vector<std::string> operands, const std::string &functions, const std::string &tail) {
    std::string d = std::to_string(directions), g = std::to_string(gates), s = std::to_string(states);
    operands.insert(operands.begin(), {"tensor<4x" + d + "x5x" + g + "x3xf32>", "tensor<" + d + "x" + g + "x3x3xf32>",
                                       "tensor<" + s + "x" + d + "x5x3xf32>"});
    cases.push_back({"recurrent \"op\" " + kind + " (%a0, %a1, %a2" + extra + ") functions " + functions + " " + tail,
                     operands, "tensor<" + s + "x4x" + d + "x5x3xf32>", 5});
  };
  std::string plain = "clip 0.0 reset_after false coupled false", one = "alpha [0.5] beta [0.25] ",
              two = "alpha [0.5, 0.5] beta [0.25, 0.5] ", three = "alpha [0.5, 0.5, 2.0] beta [0.25, 0.5, 0.5] ";
  cell("rnn forward", 1, 1, 1, "", {}, R"(["tanh"])", one + plain);
  cell("rnn both", 1, 1, 2, " lengths %a3", {"tensor<5xsi32>"}, R"(["affine"])", one + plain);
  for (const char *function : {"leaky_relu", "thresholded_relu", "hard_sigmoid", "elu", "softsign", "softplus", "relu"})
    cell("rnn reverse", 1, 1, 1, "", {}, "[\"" + std::string(function) + "\"]",
         one + "clip 1.5 reset_after false coupled false");
  cell("gru both", 3, 1, 2, " lengths %a3", {"tensor<5xsi64>"}, R"(["sigmoid", "tanh"])", two + plain);
  cell("gru reverse", 3, 1, 1, " bias %a3", {"tensor<1x3xf32>"}, R"(["hard_sigmoid", "scaled_tanh"])",
       two + "clip 0.75 reset_after true coupled false");
  cell("lstm both", 4, 2, 2, " peepholes %a3 lengths %a4", {"tensor<2x3x3xf32>", "tensor<5xsi32>"},
       R"(["sigmoid", "tanh", "tanh"])", three + plain);
  cell("lstm forward", 4, 2, 1, "", {}, R"(["sigmoid", "relu", "scaled_tanh"])",
       three + "clip 2.0 reset_after false coupled true");
}

/// Uneven and empty experts, places that are no expert (4 experts, places from 0 to `maximum`), one set of weights or
/// one for each set of tokens.
static void addExperts(std::vector<OpCase> &cases) {
  auto layer = [&](const std::string &function, const std::string &operands, std::vector<std::string> types,
                   const std::string &result, int maximum) {
    cases.push_back({"experts \"op\" " + function + " (" + operands + ")", std::move(types), result, maximum});
  };
  std::string all = "%a0 at %a1 shares %a2 gate %a3 gate_bias %a4 up %a5 up_bias %a6 down %a7";
  layer("silu", all,
        {"tensor<2x6x3xf32>", "tensor<2x6x2xsi64>", "tensor<2x6x2xf32>", "tensor<1x4x5x3xf32>", "tensor<1x4x5xf32>",
         "tensor<1x4x5x3xf32>", "tensor<1x4x5xf32>", "tensor<1x4x3x5xf32>"},
        "tensor<2x6x3xf32>", 5);
  layer("gelu_tanh", "%a0 at %a1 shares %a2 gate %a3 up %a4 down %a5",
        {"tensor<1x9x4xf32>", "tensor<1x9x2xsi32>", "tensor<1x9x2xf32>", "tensor<1x4x6x4xf32>", "tensor<1x4x6x4xf32>",
         "tensor<1x4x2x6xf32>"},
        "tensor<1x9x2xf32>", 3);
  layer("relu", "%a0 at %a1 gate %a2 down %a3",
        {"tensor<3x5x2xf32>", "tensor<3x5x1xsi64>", "tensor<3x2x3x2xf32>", "tensor<3x2x2x3xf32>"}, "tensor<3x5x2xf32>",
        2);
  for (const char *element : {"f32", "si8"}) {
    std::string rows = std::string("tensor<3x2x5x2x") + element + ">";
    cases.push_back({R"(counted "op" (%a0, %a1) share 0.5)", {rows, "tensor<3x2xsi64>"}, rows, 6});
  }
  cases.push_back({R"(counted "op" (%a0, %a1) share 1.0)", {"tensor<7xf16>", "tensor<si64>"}, "tensor<7xf16>", 7});
  layer("gelu", "%a0 at %a1 shares %a2 gate %a3 down %a4",
        {"tensor<1x16x2xbf16>", "tensor<1x16x3xui8>", "tensor<1x16x3xbf16>", "tensor<1x6x4x2xbf16>",
         "tensor<1x6x2x4xbf16>"},
        "tensor<1x16x2xbf16>", 7);
}

static void addSymbolic(std::vector<OpCase> &cases) {
  auto shape = [](const std::string &dims, const std::string &sizes) {
    return "tensor<" + dims + "xf32, #partita.shape<[<\"batch\", 1, 9>], ()[s0] -> (" + sizes + ")>>";
  };
  for (long batch : {1L, 4L, 7L}) {
    std::map<std::string, long> symbols{{"batch", batch}};
    cases.push_back({R"(contraction "op" (%a0, %a1) "mk,kn->mn")",
                     {shape("?x6", "s0, 6"), "tensor<6x4xf32>"},
                     shape("?x4", "s0, 4"),
                     1,
                     symbols});
    cases.push_back({R"(reshape "op" (%a0))", {shape("?x6", "s0, 6")}, shape("?x2x3", "s0, 2, 3"), 1, symbols});
    cases.push_back({R"(reshape "op" (%a0))", {shape("?x5x6", "s0, 5, 6")}, shape("?x6", "s0 * 5, 6"), 1, symbols});
    cases.push_back({R"(reduce "op" sum(%a0) dims [0])", {shape("?x3", "s0, 3")}, "tensor<3xf32>", 1, symbols});
    cases.push_back({R"(softmax "op" (%a0) dim 0)", {shape("?x3", "s0, 3")}, shape("?x3", "s0, 3"), 1, symbols});
    cases.push_back({R"(iota "op" dim 0)", {}, shape("?x3", "s0, 3"), 1, symbols});
    for (const char *dims : {"?x3", "3x?"})
      cases.push_back({R"(random_bits "op" seed 3 stream 5)",
                       {},
                       "tensor<" + std::string(dims) + "xui32, #partita.shape<[<\"batch\", 1, 9>], ()[s0] -> (" +
                           (dims[0] == '?' ? "s0, 3" : "3, s0") + ")>>",
                       1,
                       symbols});
    cases.push_back({"convolution \"op\" (%a0, %a1) strides [1] padding [2, 1] dilations [2] groups 1",
                     {shape("1x2x?", "1, 2, s0"), "tensor<3x2x2xf32>"},
                     shape("1x3x?", "1, 3, s0 + 1"),
                     1,
                     symbols});
    cases.push_back({"convolution \"op\" (%a0, %a1) strides [2] padding [1, 1] dilations [1] groups 1",
                     {shape("?x2x7", "s0, 2, 7"), "tensor<3x2x3xf32>"},
                     shape("?x3x4", "s0, 3, 4"),
                     1,
                     symbols});
    cases.push_back({R"(pad "op" (%a0, %a1) low [2, 0] high [1, 1])",
                     {shape("?x3", "s0, 3"), "tensor<f32>"},
                     shape("?x4", "s0 + 3, 4"),
                     1,
                     symbols});
    cases.push_back(
        {R"(attention "op" (%a0, %a1, %a2) scale 0.5 causal true)",
         {shape("1x2x?x4", "1, 2, s0, 4"), shape("1x2x?x4", "1, 2, s0, 4"), shape("1x2x?x4", "1, 2, s0, 4")},
         shape("1x2x?x4", "1, 2, s0, 4"),
         1,
         symbols});
  }
}

/// Ops that a rule describes; their bodies are written for any extents of the loops that are cut.
static void addCustom(std::vector<OpCase> &cases) {
  const std::string head = R"(custom "op" "com.example.Op" )";
  auto symbols = [](const std::string &list, const std::string &shape, const std::string &dims) {
    return "tensor<" + shape + "xf32, #partita.shape<[" + list + "], " + dims + ">>";
  };
  const std::string row = R"(<"loop row", 0, 64>)", column = R"(<"loop column", 0, 64>)", k = R"(<"loop k", 0, 64>)";
  // A product: two parallel loops, one that adds up, linear in either operand.
  std::string a = symbols(k + ", " + row, "?x?", "()[s0, s1] -> (s1, s0)");
  std::string b = symbols(column + ", " + k, "?x?", "()[s0, s1] -> (s1, s0)");
  std::string c = symbols(column + ", " + row, "?x?", "()[s0, s1] -> (s1, s0)");
  std::string product = head + R"((%a0, %a1) loops [#partita_graph.loop<"row", parallel>,
      #partita_graph.loop<"column", parallel>, #partita_graph.loop<"k", sum>]
      maps [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>,
            affine_map<(d0, d1, d2) -> (d0, d1)>] linear [array<i64: 0>, array<i64: 1>]
      matrix work [#partita_graph.work<2.0 : f64, [0, 1, 2]>] {
    ^bb0(%x: )" + a +
                        ", %w: " + b + R"(): %y = partita_graph.contraction "product" (%x, %w) "mk,kn->mn" : ()" + a +
                        ", " + b + ") -> " + c + "\n partita_graph.yield %y : " + c + "}";
  cases.push_back({product, {"tensor<5x7xf32>", "tensor<7x4xf32>"}, "tensor<5x4xf32>"});
  std::string batch = R"(tensor<?x7xf32, #partita.shape<[<"batch", 1, 9>], ()[s0] -> (s0, 7)>>)";
  std::string result = R"(tensor<?x4xf32, #partita.shape<[<"batch", 1, 9>], ()[s0] -> (s0, 4)>>)";
  for (long extent : {1, 6, 9})
    cases.push_back({product, {batch, "tensor<7x4xf32>"}, result, 1, {{"batch", extent}}});
  // Softmax over the lanes of each head of a dim of heads: rows and heads are cut, lanes are not.
  std::string flat = symbols(R"(<"loop head", 0, 9>, )" + row, "?x?", "()[s0, s1] -> (s1, s0 * 2)");
  std::string heads = symbols(R"(<"loop head", 0, 9>, )" + row, "?x?x2", "()[s0, s1] -> (s1, s0, 2)");
  cases.push_back({head + R"((%a0) loops [#partita_graph.loop<"row", parallel>, #partita_graph.loop<"head", parallel>,
      #partita_graph.loop<"lane", whole, "lanes are normalised together">]
      maps [affine_map<(d0, d1, d2) -> (d0, d1 * 2 + d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>] linear []
      vector work [#partita_graph.work<5.0 : f64, [0, 1, 2]>] {
    ^bb0(%x: )" + flat +
                       R"(): %h = partita_graph.reshape "heads" (%x) : ()" + flat + ") -> " + heads +
                       R"( %y = partita_graph.softmax "softmax" (%h) dim 2 : ()" + heads + ") -> " + heads +
                       "\n partita_graph.yield %y : " + heads + "}",
                   {"tensor<3x6xf32>"},
                   "tensor<3x3x2xf32>"});
  // The largest of each column.
  std::string rows = symbols(row, "?x4", "()[s0] -> (s0, 4)");
  cases.push_back({head + R"((%a0) loops [#partita_graph.loop<"row", max>]
      maps [affine_map<(d0) -> (d0, 0)>, affine_map<(d0) -> (0)>] linear [] vector work [] {
    ^bb0(%x: )" + rows +
                       R"(): %y = partita_graph.reduce "largest" max(%x) dims [0] : ()" + rows +
                       ") -> tensor<4xf32>\n partita_graph.yield %y : tensor<4xf32>}",
                   {"tensor<7x4xf32>"},
                   "tensor<4xf32>"});
}

std::vector<OpCase> listOpCases() {
  std::vector<OpCase> cases;
  addSourcesAndElementwise(cases);
  addMatrixWork(cases);
  addMovement(cases);
  addIndexing(cases);
  addReductions(cases);
  addComposites(cases);
  addRecurrent(cases);
  addExperts(cases);
  addSymbolic(cases);
  addCustom(cases);
  return cases;
}

} // namespace partita
