// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators of optimised models (the domain com.microsoft) mean what the standard operators say that they are fused of:
// both spellings are imported and run in the interpreter.
#include "SpellingTest.h"

using namespace partita;
using namespace partita::import;
using interpreter::Tensor;

namespace {

using Fused = SpellingTest;

TEST_F(Fused, Gelus) {
  Shapes inputs = {{"x", {2, 6}}, {"b", {6}}};
  for (const char *form : {"none", "tanh"})
    expectSame(
        inputs, {"y"},
        [&](onnx::Graph &graph) {
          addFused(graph, std::string(form) == "none" ? "BiasGelu" : "FastGelu", {"x", "b"}, {"y"});
        },
        [&](onnx::Graph &graph) {
          addNode(graph, "Add", {"x", "b"}, {"s"});
          setText(addNode(graph, "Gelu", {"s"}, {"y"}), "approximate", form);
        });
  expectSame(
      inputs, {"y"}, [](onnx::Graph &graph) { setFloat(addFused(graph, "QuickGelu", {"x"}, {"y"}), "alpha", 1.5f); },
      [](onnx::Graph &graph) { setFloat(addNode(graph, "Swish", {"x"}, {"y"}), "alpha", 1.5f); });
  expectSame(
      inputs, {"y"}, [](onnx::Graph &graph) { addFused(graph, "BiasSplitGelu", {"x", "b"}, {"y"}); },
      [](onnx::Graph &graph) {
        addNode(graph, "Add", {"x", "b"}, {"s"});
        onnx::Node &split = addNode(graph, "Split", {"s"}, {"left", "right"});
        setInteger(split, "axis", 1);
        setInteger(split, "num_outputs", 2);
        addNode(graph, "Gelu", {"right"}, {"g"});
        addNode(graph, "Mul", {"left", "g"}, {"y"});
      });
}

TEST_F(Fused, ProductsWithTransposesAndFactors) {
  expectSame(
      {{"a", {2, 4, 3}}, {"b", {2, 5, 4}}}, {"y"},
      [](onnx::Graph &graph) {
        onnx::Node &node = addFused(graph, "FusedMatMul", {"a", "b"}, {"y"});
        setInteger(node, "transA", 1);
        setInteger(node, "transB", 1);
        setFloat(node, "alpha", 0.5f);
      },
      [](onnx::Graph &graph) {
        setIntegers(addNode(graph, "Transpose", {"a"}, {"at"}), "perm", {0, 2, 1});
        setIntegers(addNode(graph, "Transpose", {"b"}, {"bt"}), "perm", {0, 2, 1});
        addNode(graph, "MatMul", {"at", "bt"}, {"p"});
        setFloat(addNode(graph, "Constant", {}, {"half"}), "value_float", 0.5f);
        addNode(graph, "Mul", {"p", "half"}, {"y"});
      });
  expectSame(
      {{"a", {5, 2, 3, 4}}, {"b", {2, 3, 4, 6}}}, {"y"},
      [](onnx::Graph &graph) { setInteger(addFused(graph, "FusedMatMul", {"a", "b"}, {"y"}), "transBatchA", 1); },
      [](onnx::Graph &graph) {
        setIntegers(addNode(graph, "Transpose", {"a"}, {"at"}), "perm", {1, 2, 0, 3});
        addNode(graph, "MatMul", {"at", "b"}, {"y"});
      });
  expectSame(
      {{"a", {3, 4}}, {"b", {5, 4}}, {"c", {5}}}, {"y"},
      [](onnx::Graph &graph) {
        onnx::Node &node = addFused(graph, "FusedGemm", {"a", "b", "c"}, {"y"});
        setInteger(node, "transB", 1);
        setText(node, "activation", "LeakyRelu");
        setFloat(node, "activation_alpha", 0.25f);
      },
      [](onnx::Graph &graph) {
        setInteger(addNode(graph, "Gemm", {"a", "b", "c"}, {"p"}), "transB", 1);
        setFloat(addNode(graph, "LeakyRelu", {"p"}, {"y"}), "alpha", 0.25f);
      });
}

TEST_F(Fused, Convolutions) {
  Shapes inputs = {{"x", {1, 4, 5, 5}}, {"w", {6, 4, 3, 3}}, {"b", {6}}, {"z", {1, 6, 3, 3}}};
  expectSame(
      inputs, {"y"},
      [](onnx::Graph &graph) {
        setText(addFused(graph, "FusedConv", {"x", "w", "b", "z"}, {"y"}), "activation", "Relu");
      },
      [](onnx::Graph &graph) {
        addNode(graph, "Conv", {"x", "w", "b"}, {"c"});
        addNode(graph, "Add", {"c", "z"}, {"s"});
        addNode(graph, "Relu", {"s"}, {"y"});
      });
  expectSame(
      {{"x", {1, 5, 6, 4}}, {"w", {6, 4, 3, 3}}, {"b", {6}}}, {"y"},
      [](onnx::Graph &graph) { addFused(graph, "NhwcConv", {"x", "w", "b"}, {"y"}); },
      [](onnx::Graph &graph) {
        setIntegers(addNode(graph, "Transpose", {"x"}, {"image"}), "perm", {0, 3, 1, 2});
        addNode(graph, "Conv", {"image", "w", "b"}, {"c"});
        setIntegers(addNode(graph, "Transpose", {"c"}, {"y"}), "perm", {0, 2, 3, 1});
      });
  expectRefused(
      inputs,
      [](onnx::Graph &graph) { setText(addFused(graph, "FusedConv", {"x", "w"}, {"y"}), "activation", "Softmax"); },
      "E-IMPORT-OP: node 'FusedConv_0' (FusedConv): activation 'Softmax' is not supported");
}

/// A transposed convolution of an image whose extents stay symbols computes what it does for numbers.
TEST_F(Fused, TransposedConvolutionsOfSymbolicImages) {
  auto fill = [](onnx::Graph &graph) {
    onnx::Node &node = addNode(graph, "ConvTranspose", {"x", "w"}, {"y"});
    setIntegers(node, "strides", {2, 2});
    setIntegers(node, "pads", {1, 1, 1, 1});
    setIntegers(node, "output_padding", {1, 0});
  };
  std::vector<Tensor> expected = run({{"x", {1, 2, 4, 5}}, {"w", {2, 3, 3, 3}}}, {"y"}, fill);
  onnx::Model model = makeModel({{"x", {1, 2, -1, -2}}, {"w", {2, 3, 3, 3}}}, {"y"});
  fill(*model.mutable_graph());
  ASSERT_NE(importModel(model, {"d1=2..8", "d2=1..9"}), "") << diagnostics;
  std::optional<std::vector<Tensor>> actual =
      evaluateModule(*module, {{"x", makeRamp(context, {1, 2, 4, 5})}, {"w", makeRamp(context, {2, 3, 3, 3})}});
  ASSERT_TRUE(actual && expected.size() == 1);
  EXPECT_LT(compare((*actual)[0], expected[0]), 1e-6);
}

TEST_F(Fused, SkipNorms) {
  Shapes inputs = {{"x", {2, 3, 8}}, {"skip", {1, 3, 8}}, {"g", {8}}, {"b", {8}}, {"bias", {8}}};
  for (bool isCentred : {true, false})
    expectSame(
        inputs, {"y", "sum"},
        [&](onnx::Graph &graph) {
          Names from = isCentred ? Names{"x", "skip", "g", "b", "bias"} : Names{"x", "skip", "g", "bias"};
          std::string type = isCentred ? "SkipLayerNormalization" : "SkipSimplifiedLayerNormalization";
          setFloat(addFused(graph, type, from, {"y", "", "", "sum"}), "epsilon", 0.01f);
        },
        [&](onnx::Graph &graph) {
          addNode(graph, "Add", {"x", "skip"}, {"s"});
          addNode(graph, "Add", {"s", "bias"}, {"sum"});
          Names from = isCentred ? Names{"sum", "g", "b"} : Names{"sum", "g"};
          setFloat(addNode(graph, isCentred ? "LayerNormalization" : "RMSNormalization", from, {"y"}), "epsilon",
                   0.01f);
        });
}

TEST_F(Fused, EmbeddingsAreSummedAndNormalised) {
  Shapes inputs = {{"words", {7, 4}}, {"places", {9, 4}}, {"kinds", {2, 4}}, {"g", {4}}, {"b", {4}}};
  auto addTokens = [](onnx::Graph &graph) {
    addIntegers(graph, "flat", {3, 6, 0, 1, 1, 5});
    addIntegers(graph, "flat_kinds", {0, 1, 1, 0, 0, 1});
    addIntegers(graph, "shape", {2, 3});
    addNode(graph, "Reshape", {"flat", "shape"}, {"tokens"});
    addNode(graph, "Reshape", {"flat_kinds", "shape"}, {"segments"});
  };
  expectSame(
      inputs, {"y"},
      [&](onnx::Graph &graph) {
        addTokens(graph);
        addFused(graph, "EmbedLayerNormalization", {"tokens", "segments", "words", "places", "kinds", "g", "b"},
                 {"y", ""});
      },
      [&](onnx::Graph &graph) {
        addTokens(graph);
        addIntegers(graph, "order", {0, 1, 2});
        addNode(graph, "Gather", {"words", "tokens"}, {"a"});
        addNode(graph, "Gather", {"places", "order"}, {"p"});
        addNode(graph, "Gather", {"kinds", "segments"}, {"c"});
        addNode(graph, "Add", {"a", "p"}, {"ap"});
        addNode(graph, "Add", {"ap", "c"}, {"apc"});
        setFloat(addNode(graph, "LayerNormalization", {"apc", "g", "b"}, {"y"}), "epsilon", 1e-12f);
      });
}

TEST_F(Fused, GroupNormsOfChannelsLast) {
  expectSame(
      {{"x", {2, 3, 2, 6}}, {"g", {6}}, {"b", {6}}, {"skip", {2, 6}}}, {"y", "s"},
      [](onnx::Graph &graph) {
        onnx::Node &node = addFused(graph, "SkipGroupNorm", {"x", "g", "b", "skip"}, {"y", "s"});
        setInteger(node, "groups", 3);
        setInteger(node, "activation", 1);
      },
      [](onnx::Graph &graph) {
        addIntegers(graph, "column", {2, 1, 1, 6});
        addNode(graph, "Reshape", {"skip", "column"}, {"k"});
        addNode(graph, "Add", {"x", "k"}, {"s"});
        setIntegers(addNode(graph, "Transpose", {"s"}, {"image"}), "perm", {0, 3, 1, 2});
        setInteger(addNode(graph, "GroupNormalization", {"image", "g", "b"}, {"n"}), "num_groups", 3);
        addNode(graph, "Swish", {"n"}, {"a"});
        setIntegers(addNode(graph, "Transpose", {"a"}, {"y"}), "perm", {0, 2, 3, 1});
      });
}

/// The same bytes as a packed tensor of the standard operator: numbers of 4 bits, the low half first.
TEST_F(Fused, WeightsOfFourBitsInBlocks) {
  std::string bytes("\x21\x43\x65\x87\xa9\xcb\xed\x0f\x11\x92\x33\xf4", 12), zeros("\x37\x52\x08", 3);
  auto add = [](onnx::Graph &graph, const std::string &name, onnx::Element type, const std::vector<int64_t> &dims,
                const std::string &data) {
    onnx::Tensor &tensor = *graph.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    for (int64_t dim : dims)
      tensor.add_dims(dim);
    tensor.set_raw_data(data);
  };
  expectSame(
      {{"x", {2, 8}}, {"scale", {6}}}, {"y"},
      [&](onnx::Graph &graph) {
        add(graph, "w", onnx::UI8, {3, 2, 2}, bytes);
        add(graph, "zero", onnx::UI8, {3}, zeros);
        onnx::Node &node = addFused(graph, "MatMulNBits", {"x", "w", "scale", "zero"}, {"y"});
        setInteger(node, "N", 3);
        setInteger(node, "K", 8);
        setInteger(node, "bits", 4);
        setInteger(node, "block_size", 4);
      },
      [&](onnx::Graph &graph) {
        add(graph, "w", onnx::UI4, {3, 8}, bytes);
        add(graph, "zero", onnx::UI4, {3, 2}, zeros);
        addIntegers(graph, "shape", {3, 2});
        addNode(graph, "Reshape", {"scale", "shape"}, {"scales"});
        onnx::Node &node = addNode(graph, "DequantizeLinear", {"w", "scales", "zero"}, {"d"});
        setInteger(node, "axis", 1);
        setInteger(node, "block_size", 4);
        addNode(graph, "Transpose", {"d"}, {"t"});
        addNode(graph, "MatMul", {"x", "t"}, {"y"});
      });
}

} // namespace
