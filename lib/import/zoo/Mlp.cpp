// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Mlp.cpp - A stack of fully connected layers -----------------------------===//
#include "zoo/Architectures.h"

using namespace partita::import;
namespace onnx = partita::onnx;

static std::string addActivation(ModelWriter &writer, const std::string &kind, const std::string &name,
                                 const std::string &x) {
  if (kind == "gelu")
    return writer.addNode("Gelu", name + "/gelu", {x}, {{"approximate", "tanh"}});
  if (kind == "tanh")
    return writer.addNode("Tanh", name + "/tanh", {x});
  return writer.addNode("Relu", name + "/relu", {x});
}

void partita::import::buildMlp(ModelWriter &writer, const MlpSizes &sizes) {
  std::string x = writer.addInput("x", onnx::F32, {sizes.batch, ZooDim::sized(sizes.input)});
  int64_t inputs = sizes.input;
  for (int64_t layer = 0; layer < sizes.layers; ++layer) {
    bool isLast = layer + 1 == sizes.layers;
    int64_t outputs = isLast ? sizes.output : sizes.hidden;
    std::string name = "layers." + std::to_string(layer);
    std::string weight = writer.addWeight(name + ".weight", {outputs, inputs}, Fill::spread(inputs));
    std::string bias = writer.addWeight(name + ".bias", {outputs}, Fill::bias());
    x = writer.addNode("Gemm", isLast ? "y" : name, {x, weight, bias}, {{"transB", 1}});
    if (!isLast)
      x = addActivation(writer, sizes.activation, name, x);
    inputs = outputs;
  }
  writer.addOutput(x, onnx::F32, {sizes.batch, ZooDim::sized(sizes.output)});
}
