// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- SmallTypesTest.cpp - 8-bit floats and packed 4-bit integers -------------===//
#include "GraphEvaluation.h"
#include "ImportHelpers.h"

using namespace partita;
using namespace partita::import;
using interpreter::Tensor;

namespace {

class SmallTypes : public ImportTest {
protected:
  std::vector<double> run(const onnx::Model &model, const Tensor &x) {
    EXPECT_NE(importModel(model), "");
    EXPECT_EQ(diagnostics, "");
    std::optional<std::vector<Tensor>> outputs = module ? evaluateModule(*module, {{"x", x}}) : std::nullopt;
    EXPECT_TRUE(outputs);
    return outputs ? outputs->front().toDoubles() : std::vector<double>();
  }
  Tensor numbers(const std::vector<double> &values) {
    return Tensor::fromDoubles(mlir::Float32Type::get(&context), {static_cast<int64_t>(values.size())}, values);
  }
};

TEST_F(SmallTypes, CastsSaturateUnlessTold) {
  for (bool saturates : {true, false}) {
    onnx::Model model = makeModel({{"x", {3}}}, {"y"});
    onnx::Node &down = addNode(*model.mutable_graph(), "Cast", {"x"}, {"small"});
    setInteger(down, "to", onnx::F8E5M2);
    setInteger(down, "saturate", saturates);
    setInteger(addNode(*model.mutable_graph(), "Cast", {"small"}, {"y"}), "to", onnx::F32);
    double beyond = saturates ? 57344.0 : std::numeric_limits<double>::infinity();
    EXPECT_EQ(run(model, numbers({1.1, 1e9, -1e9})), (std::vector<double>{1.0, beyond, -beyond}));
  }
}

TEST_F(SmallTypes, PackedIntegersAreDequantized) {
  onnx::Model model = makeModel({{"x", {3}}}, {"y"});
  onnx::Graph &graph = *model.mutable_graph();
  onnx::Tensor &packed = *graph.add_initializer();
  packed.set_name("q");
  packed.add_dims(3);
  packed.set_data_type(onnx::SI4);
  // -8, 7 and -1, the first of two in the low half.
  packed.set_raw_data(std::string("\x78\x0f", 2));
  onnx::Tensor &scale = *graph.add_initializer();
  scale.set_name("scale");
  scale.set_data_type(onnx::F32);
  scale.add_float_data(0.5f);
  addNode(graph, "DequantizeLinear", {"q", "scale"}, {"w"});
  addNode(graph, "Add", {"x", "w"}, {"y"});
  EXPECT_EQ(run(model, numbers({0, 0, 10})), (std::vector<double>{-4, 3.5, 9.5}));
}

TEST_F(SmallTypes, BlocksOfADimHaveTheirOwnScale) {
  onnx::Model model = makeModel({{"x", {4}}}, {"y"});
  onnx::Graph &graph = *model.mutable_graph();
  onnx::Tensor &scale = *graph.add_initializer();
  scale.set_name("scale");
  scale.add_dims(2);
  scale.set_data_type(onnx::F32);
  scale.add_float_data(0.5f);
  scale.add_float_data(2.0f);
  onnx::Node &down = addNode(graph, "QuantizeLinear", {"x", "scale"}, {"q"});
  setInteger(down, "output_dtype", onnx::SI8);
  onnx::Node &up = addNode(graph, "DequantizeLinear", {"q", "scale"}, {"y"});
  for (onnx::Node *node : {&down, &up}) {
    setInteger(*node, "axis", 0);
    setInteger(*node, "block_size", 2);
  }
  EXPECT_EQ(run(model, numbers({0.6, -900, 0.6, 3.2})), (std::vector<double>{0.5, -64, 0, 4}));
}

} // namespace
