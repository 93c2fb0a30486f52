// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Mobilenet.cpp - MobileNetV3-large ---------------------------------------===//
#include "zoo/Architectures.h"
#include "zoo/Blocks.h"

using namespace partita::import;
namespace onnx = partita::onnx;

using Integers = std::vector<int64_t>;

namespace {

/// One row of table 1 of the paper.
struct Bottleneck {
  int64_t kernel, expanded, outputs;
  bool hasSqueeze, hasHardSwish;
  int64_t stride;
};
constexpr Bottleneck bottlenecks[] = {
    {3, 16, 16, false, false, 1}, {3, 64, 24, false, false, 2}, {3, 72, 24, false, false, 1},
    {5, 72, 40, true, false, 2},  {5, 120, 40, true, false, 1}, {5, 120, 40, true, false, 1},
    {3, 240, 80, false, true, 2}, {3, 200, 80, false, true, 1}, {3, 184, 80, false, true, 1},
    {3, 184, 80, false, true, 1}, {3, 480, 112, true, true, 1}, {3, 672, 112, true, true, 1},
    {5, 672, 160, true, true, 2}, {5, 960, 160, true, true, 1}, {5, 960, 160, true, true, 1},
};

/// The multiple of 8 nearest to `channels`, at least 8 and not under 9/10 of it (as the paper's code rounds widths).
int64_t roundChannels(double channels) {
  int64_t rounded = std::max<int64_t>(8, static_cast<int64_t>(channels + 4) / 8 * 8);
  return static_cast<double>(rounded) < 0.9 * channels ? rounded + 8 : rounded;
}

/// Builds one model; weight names are those of torchvision.
class MobilenetBuilder {
public:
  MobilenetBuilder(ModelWriter &writer, const MobilenetSizes &sizes) : writer(writer), sizes(sizes) {}
  void build();

private:
  int64_t scale(int64_t channels) const { return roundChannels(static_cast<double>(channels * sizes.width) / 100.0); }
  std::string addUnit(const std::string &name, const std::string &x, ConvSizes conv, const char *activation);
  std::string addSqueeze(const std::string &name, const std::string &x, int64_t channels);
  std::string addBlock(const std::string &name, const std::string &x, int64_t inputs, const Bottleneck &row);

  ModelWriter &writer;
  const MobilenetSizes &sizes;
};

std::string MobilenetBuilder::addUnit(const std::string &name, const std::string &x, ConvSizes conv,
                                      const char *activation) {
  conv.epsilon = 1e-3;
  std::string y = addConvNorm(writer, name + ".0", name + ".1", x, conv);
  return activation ? writer.addNode(activation, name + ".2", {y}) : y;
}

std::string MobilenetBuilder::addSqueeze(const std::string &name, const std::string &x, int64_t channels) {
  int64_t narrow = roundChannels(static_cast<double>(channels / 4));
  std::string y = writer.addNode("GlobalAveragePool", name + ".avgpool", {x});
  auto addConv = [&](const std::string &part, int64_t inputs, int64_t outputs) {
    std::string weight = writer.addWeight(part + ".weight", {outputs, inputs, 1, 1}, Fill::spread(inputs));
    std::string bias = writer.addWeight(part + ".bias", {outputs}, Fill::bias());
    y = writer.addNode("Conv", part, {y, weight, bias}, {{"kernel_shape", Integers{1, 1}}});
  };
  addConv(name + ".fc1", channels, narrow);
  y = writer.addNode("Relu", name + ".activation", {y});
  addConv(name + ".fc2", narrow, channels);
  y = writer.addNode("HardSigmoid", name + ".scale_activation", {y}, {{"alpha", 1.0f / 6.0f}, {"beta", 0.5f}});
  return writer.addNode("Mul", name + "/mul", {x, y});
}

std::string MobilenetBuilder::addBlock(const std::string &name, const std::string &x, int64_t inputs,
                                       const Bottleneck &row) {
  const char *activation = row.hasHardSwish ? "HardSwish" : "Relu";
  int64_t expanded = scale(row.expanded), outputs = scale(row.outputs), part = 0;
  auto next = [&] { return name + ".block." + std::to_string(part++); };
  std::string y = x;
  if (expanded != inputs)
    y = addUnit(next(), y, {inputs, expanded, 1}, activation);
  y = addUnit(next(), y, {expanded, expanded, row.kernel, row.stride, /*groups=*/expanded}, activation);
  if (row.hasSqueeze)
    y = addSqueeze(next(), y, expanded);
  y = addUnit(next(), y, {expanded, outputs, 1}, nullptr);
  return row.stride == 1 && inputs == outputs ? writer.addNode("Add", name + "/residual", {x, y}) : y;
}

void MobilenetBuilder::build() {
  ZooDim image = ZooDim::sized(sizes.image);
  std::string x = writer.addInput("image", onnx::F32, {sizes.batch, ZooDim::sized(3), image, image});
  int64_t inputs = scale(16), index = 1;
  x = addUnit("features.0", x, {3, inputs, 3, 2}, "HardSwish");
  for (const Bottleneck &row : bottlenecks) {
    x = addBlock("features." + std::to_string(index++), x, inputs, row);
    inputs = scale(row.outputs);
  }
  int64_t last = 6 * inputs, wide = scale(1280);
  x = addUnit("features." + std::to_string(index), x, {inputs, last, 1}, "HardSwish");
  x = writer.addNode("GlobalAveragePool", "avgpool", {x});
  x = writer.addNode("Flatten", "flatten", {x}, {{"axis", 1}});
  x = addLinear(writer, "classifier.0", x, {last, wide});
  x = writer.addNode("HardSwish", "classifier.1", {x});
  x = addLinear(writer, "classifier.3", x, {wide, sizes.classes}, "logits");
  writer.addOutput(x, onnx::F32, {sizes.batch, ZooDim::sized(sizes.classes)});
}

} // namespace

void partita::import::buildMobilenet(ModelWriter &writer, const MobilenetSizes &sizes) {
  MobilenetBuilder(writer, sizes).build();
}
