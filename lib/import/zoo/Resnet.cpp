// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Resnet.cpp - Residual networks ------------------------------------------===//
#include "zoo/Architectures.h"
#include "zoo/Blocks.h"

using namespace partita::import;
namespace onnx = partita::onnx;

std::vector<int64_t> partita::import::getResnetBlocks(int64_t layers) {
  switch (layers) {
  case 10:
  case 14:
    return {1, 1, 1, 1};
  case 18:
    return {2, 2, 2, 2};
  case 34:
  case 50:
    return {3, 4, 6, 3};
  case 101:
    return {3, 4, 23, 3};
  case 152:
    return {3, 8, 36, 3};
  default:
    return {};
  }
}

namespace {

/// Builds one model; weight names are those of torchvision.
class ResnetBuilder {
public:
  ResnetBuilder(ModelWriter &writer, const ResnetSizes &sizes)
      : writer(writer), sizes(sizes), hasBottlenecks(sizes.layers == 14 || sizes.layers >= 50) {}
  void build();

private:
  /// Convolution without bias, padded so that stride 1 keeps the image, then batch norm named `norm`.
  std::string addConv(const std::string &x, const std::string &name, const std::string &norm, int64_t inputs,
                      int64_t outputs, int64_t kernel, int64_t stride);
  std::string addRelu(const std::string &x, const std::string &name) {
    return writer.addNode("Relu", name + "/relu", {x});
  }
  std::string addBlock(const std::string &x, const std::string &name, int64_t inputs, int64_t width, int64_t stride);

  ModelWriter &writer;
  const ResnetSizes &sizes;
  bool hasBottlenecks;
};

std::string ResnetBuilder::addConv(const std::string &x, const std::string &name, const std::string &norm,
                                   int64_t inputs, int64_t outputs, int64_t kernel, int64_t stride) {
  return addConvNorm(writer, name, norm, x, {inputs, outputs, kernel, stride});
}

std::string ResnetBuilder::addBlock(const std::string &x, const std::string &name, int64_t inputs, int64_t width,
                                    int64_t stride) {
  int64_t outputs = hasBottlenecks ? 4 * width : width;
  std::string y = x;
  if (hasBottlenecks) {
    y = addRelu(addConv(y, name + ".conv1", name + ".bn1", inputs, width, 1, 1), name + ".1");
    y = addRelu(addConv(y, name + ".conv2", name + ".bn2", width, width, 3, stride), name + ".2");
    y = addConv(y, name + ".conv3", name + ".bn3", width, outputs, 1, 1);
  } else {
    y = addRelu(addConv(y, name + ".conv1", name + ".bn1", inputs, width, 3, stride), name + ".1");
    y = addConv(y, name + ".conv2", name + ".bn2", width, outputs, 3, 1);
  }
  std::string shortcut = x;
  if (stride != 1 || inputs != outputs)
    shortcut = addConv(x, name + ".downsample.0", name + ".downsample.1", inputs, outputs, 1, stride);
  return addRelu(writer.addNode("Add", name + "/residual", {y, shortcut}), name);
}

void ResnetBuilder::build() {
  ZooDim image = ZooDim::sized(sizes.image);
  std::string x = writer.addInput("image", onnx::F32, {sizes.batch, ZooDim::sized(3), image, image});
  x = addRelu(addConv(x, "conv1", "bn1", 3, sizes.width, 7, 2), "stem");
  x = writer.addNode("MaxPool", "maxpool", {x},
                     {{"kernel_shape", std::vector<int64_t>{3, 3}},
                      {"pads", std::vector<int64_t>{1, 1, 1, 1}},
                      {"strides", std::vector<int64_t>{2, 2}}});
  int64_t inputs = sizes.width, width = sizes.width;
  std::vector<int64_t> blocks = getResnetBlocks(sizes.layers);
  for (size_t group = 0; group < blocks.size(); ++group, width *= 2) {
    for (int64_t block = 0; block < blocks[group]; ++block) {
      std::string name = "layer" + std::to_string(group + 1) + "." + std::to_string(block);
      x = addBlock(x, name, inputs, width, group > 0 && block == 0 ? 2 : 1);
      inputs = hasBottlenecks ? 4 * width : width;
    }
  }
  x = writer.addNode("GlobalAveragePool", "avgpool", {x});
  x = writer.addNode("Flatten", "flatten", {x}, {{"axis", 1}});
  std::string weight = writer.addWeight("fc.weight", {sizes.classes, inputs}, Fill::spread(inputs));
  std::string bias = writer.addWeight("fc.bias", {sizes.classes}, Fill::bias());
  x = writer.addNode("Gemm", "logits", {x, weight, bias}, {{"transB", 1}});
  writer.addOutput(x, onnx::F32, {sizes.batch, ZooDim::sized(sizes.classes)});
}

} // namespace

void partita::import::buildResnet(ModelWriter &writer, const ResnetSizes &sizes) {
  ResnetBuilder(writer, sizes).build();
}
