// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Blocks.cpp - Parts that several architectures are made of ---------------===//
#include "zoo/Blocks.h"

using namespace partita::import;
namespace onnx = partita::onnx;

using Integers = std::vector<int64_t>;

std::string partita::import::addLayerNorm(ModelWriter &writer, const std::string &name, const std::string &x,
                                          NormSizes sizes) {
  std::string gain = writer.addWeight(name + ".weight", {sizes.size}, Fill::gain());
  std::string bias = writer.addWeight(name + ".bias", {sizes.size}, Fill::bias());
  return writer.addNode("LayerNormalization", name, {x, gain, bias},
                        {{"axis", -1}, {"epsilon", static_cast<float>(sizes.epsilon)}});
}

std::string partita::import::addLinear(ModelWriter &writer, const std::string &name, const std::string &x,
                                       LinearSizes sizes, const std::string &result) {
  std::string weight =
      writer.addWeight(name + ".weight", {sizes.outputs, sizes.inputs}, Fill::spread(sizes.inputs, sizes.gain));
  std::string turned = writer.addNode("Transpose", name + "/transpose", {weight}, {{"perm", Integers{1, 0}}});
  std::string product =
      writer.addNode("MatMul", !sizes.hasBias && !result.empty() ? result : name + "/matmul", {x, turned});
  if (!sizes.hasBias)
    return product;
  std::string bias = writer.addWeight(name + ".bias", {sizes.outputs}, Fill::bias());
  return writer.addNode("Add", result.empty() ? name + "/add" : result, {product, bias});
}

std::string partita::import::addActivation(ModelWriter &writer, const std::string &name, const std::string &x,
                                           const std::string &kind) {
  if (kind == "relu")
    return writer.addNode("Relu", name + "/relu", {x});
  if (kind == "gelu" || kind == "gelu-tanh")
    return writer.addNode("Gelu", name + "/gelu", {x}, {{"approximate", kind == "gelu" ? "none" : "tanh"}});
  std::string open = x;
  if (kind == "quick-gelu")
    open = writer.addNode("Mul", name + "/scale", {x, writer.addFloats(name + ".factor", {1.702f})});
  open = writer.addNode("Sigmoid", name + "/sigmoid", {open});
  return writer.addNode("Mul", name + "/mul", {x, open});
}

static std::string addSelfAttention(ModelWriter &writer, const std::string &name, const LayerNames &names,
                                    const LayerSizes &sizes, const std::string &x, const std::string &mask) {
  std::vector<std::string> inputs;
  for (const std::string &part : {names.query, names.key, names.value})
    inputs.push_back(addLinear(writer, part, x, {sizes.hidden, sizes.hidden}));
  if (!mask.empty())
    inputs.push_back(mask);
  std::vector<NodeAttribute> attributes = {{"q_num_heads", sizes.heads}, {"kv_num_heads", sizes.heads}};
  if (sizes.isCausal)
    attributes.emplace_back("is_causal", 1);
  std::string mixed = writer.addNode("Attention", name + "/attention", inputs, attributes);
  return addLinear(writer, names.output, mixed, {sizes.hidden, sizes.hidden, sizes.residualGain});
}

std::string partita::import::addEncoderLayer(ModelWriter &writer, const std::string &name, const LayerNames &names,
                                             const LayerSizes &sizes, const std::string &x, const std::string &mask) {
  NormSizes norm{sizes.hidden, sizes.epsilon};
  std::string input = sizes.isPreNorm ? addLayerNorm(writer, names.attentionNorm, x, norm) : x;
  std::string mixed = addSelfAttention(writer, name, names, sizes, input, mask);
  std::string middle = writer.addNode("Add", name + "/residual_1", {x, mixed});
  if (!sizes.isPreNorm)
    middle = addLayerNorm(writer, names.attentionNorm, middle, norm);
  input = sizes.isPreNorm ? addLayerNorm(writer, names.feedForwardNorm, middle, norm) : middle;
  std::string wide = addLinear(writer, names.up, input, {sizes.hidden, sizes.ffn});
  wide = addActivation(writer, names.up + "/act", wide, sizes.activation);
  std::string narrow = addLinear(writer, names.down, wide, {sizes.ffn, sizes.hidden, sizes.residualGain});
  std::string sum = writer.addNode("Add", name + "/residual_2", {middle, narrow});
  return sizes.isPreNorm ? sum : addLayerNorm(writer, names.feedForwardNorm, sum, norm);
}

std::string partita::import::addShape(ModelWriter &writer, const std::string &name, const ZooDim &batch,
                                      const std::string &like, const std::vector<int64_t> &tail) {
  if (!batch.isSymbolic()) {
    Integers shape{batch.size};
    shape.insert(shape.end(), tail.begin(), tail.end());
    return writer.addIntegers(shape);
  }
  std::string extent = writer.addNode("Shape", name + "/batch", {like}, {{"start", 0}, {"end", 1}});
  return writer.addNode("Concat", name + "/shape", {extent, writer.addIntegers(tail)}, {{"axis", 0}});
}

std::string partita::import::addPatches(ModelWriter &writer, const std::string &name, const PatchNames &names,
                                        const PatchSizes &sizes, const std::string &image) {
  int64_t hidden = sizes.hidden, side = sizes.image / sizes.patch;
  std::vector<std::string> inputs = {image, writer.addWeight(names.projection + ".weight",
                                                             {hidden, sizes.channels, sizes.patch, sizes.patch},
                                                             Fill::spread(sizes.channels * sizes.patch * sizes.patch))};
  if (sizes.hasBias)
    inputs.push_back(writer.addWeight(names.projection + ".bias", {hidden}, Fill::bias()));
  std::string x = writer.addNode(
      "Conv", names.projection, inputs,
      {{"kernel_shape", Integers{sizes.patch, sizes.patch}}, {"strides", Integers{sizes.patch, sizes.patch}}});
  x = writer.addNode("Reshape", name + "/flatten", {x, writer.addIntegers({0, hidden, side * side})});
  x = writer.addNode("Transpose", name + "/transpose", {x}, {{"perm", Integers{0, 2, 1}}});
  Integers unit = sizes.hasUnitDims ? Integers{1, 1, hidden} : Integers{hidden};
  Integers rows = sizes.hasUnitDims ? Integers{1, side * side + 1, hidden} : Integers{side * side + 1, hidden};
  std::string token = writer.addWeight(names.token, unit, Fill::embedding());
  std::string shape = addShape(writer, name, sizes.batch, image, {1, hidden});
  token = writer.addNode("Expand", name + "/expand", {token, shape});
  x = writer.addNode("Concat", name + "/concat", {token, x}, {{"axis", 1}});
  return writer.addNode("Add", name + "/add", {x, writer.addWeight(names.positions, rows, Fill::embedding())});
}

std::string partita::import::addConvNorm(ModelWriter &writer, const std::string &name, const std::string &norm,
                                         const std::string &x, const ConvSizes &sizes) {
  int64_t kernel = sizes.kernel, pad = kernel / 2, outputs = sizes.outputs, inputs = sizes.inputs / sizes.groups;
  // Half of the sums are cut by the activation behind, hence the gain of sqrt 2 (He initialisation).
  std::string weight = writer.addWeight(name + ".weight", {outputs, inputs, kernel, kernel},
                                        Fill::spread(inputs * kernel * kernel, 1.4142135));
  std::vector<NodeAttribute> attributes = {{"kernel_shape", Integers{kernel, kernel}},
                                           {"pads", Integers{pad, pad, pad, pad}},
                                           {"strides", Integers{sizes.stride, sizes.stride}}};
  if (sizes.groups != 1)
    attributes.emplace_back("group", sizes.groups);
  std::string y = writer.addNode("Conv", name, {x, weight}, attributes);
  std::string gain = writer.addWeight(norm + ".weight", {outputs}, Fill::gain());
  std::string bias = writer.addWeight(norm + ".bias", {outputs}, Fill::bias());
  std::string mean = writer.addWeight(norm + ".running_mean", {outputs}, Fill::bias());
  std::string variance = writer.addWeight(norm + ".running_var", {outputs}, Fill::gain());
  return writer.addNode("BatchNormalization", norm, {y, gain, bias, mean, variance},
                        {{"epsilon", static_cast<float>(sizes.epsilon)}});
}
