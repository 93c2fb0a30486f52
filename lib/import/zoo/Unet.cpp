// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Unet.cpp - The U-Net ----------------------------------------------------===//
#include "zoo/Architectures.h"
#include "zoo/Blocks.h"

using namespace partita::import;
namespace onnx = partita::onnx;

using Integers = std::vector<int64_t>;

std::optional<int64_t> partita::import::getUnetOutput(const UnetSizes &sizes) {
  int64_t cut = sizes.padding == "valid" ? 4 : 0, image = sizes.image;
  for (int64_t level = 0; level < sizes.layers; ++level) {
    image -= cut;
    if (image <= 0 || image % 2 != 0)
      return std::nullopt;
    image /= 2;
  }
  image -= cut;
  for (int64_t level = 0; level < sizes.layers; ++level)
    image = 2 * image - cut;
  return image > 0 ? std::optional(image) : std::nullopt;
}

namespace {

/// Builds one model; down.I and up.I are the levels of the contracting and the expanding path.
class UnetBuilder {
public:
  UnetBuilder(ModelWriter &writer, const UnetSizes &sizes)
      : writer(writer), sizes(sizes), cut(sizes.padding == "valid" ? 4 : 0), extent(sizes.image) {}
  void build();

private:
  /// Two 3x3 convolutions, each with ReLU.
  std::string addPair(const std::string &name, std::string x, int64_t inputs, int64_t outputs);
  std::string addUp(const std::string &name, const std::string &x, int64_t inputs);
  /// The middle of a map of the contracting path, as large as the one it is joined with.
  std::string addCrop(const std::string &name, const std::string &x, int64_t from);

  ModelWriter &writer;
  const UnetSizes &sizes;
  int64_t cut, extent; // lost by each pair; of the current map
};

std::string UnetBuilder::addPair(const std::string &name, std::string x, int64_t inputs, int64_t outputs) {
  int64_t pad = cut == 0 ? 1 : 0;
  for (int64_t i = 0; i < 2; ++i) {
    std::string conv = name + ".conv" + std::to_string(i + 1);
    std::string weight =
        writer.addWeight(conv + ".weight", {outputs, inputs, 3, 3}, Fill::spread(9 * inputs, 1.4142135));
    std::string bias = writer.addWeight(conv + ".bias", {outputs}, Fill::bias());
    x = writer.addNode("Conv", conv, {x, weight, bias},
                       {{"kernel_shape", Integers{3, 3}}, {"pads", Integers{pad, pad, pad, pad}}});
    x = writer.addNode("Relu", conv + "/relu", {x});
    inputs = outputs;
  }
  extent -= cut;
  return x;
}

std::string UnetBuilder::addUp(const std::string &name, const std::string &x, int64_t inputs) {
  std::string weight = writer.addWeight(name + ".weight", {inputs, inputs / 2, 2, 2}, Fill::spread(inputs));
  std::string bias = writer.addWeight(name + ".bias", {inputs / 2}, Fill::bias());
  extent *= 2;
  return writer.addNode("ConvTranspose", name, {x, weight, bias},
                        {{"kernel_shape", Integers{2, 2}}, {"strides", Integers{2, 2}}});
}

std::string UnetBuilder::addCrop(const std::string &name, const std::string &x, int64_t from) {
  int64_t start = (from - extent) / 2;
  if (from == extent)
    return x;
  return writer.addNode("Slice", name,
                        {x, writer.addIntegers({start, start}), writer.addIntegers({start + extent, start + extent}),
                         writer.addIntegers({2, 3})});
}

void UnetBuilder::build() {
  ZooDim side = ZooDim::sized(sizes.image);
  std::string x = writer.addInput("image", onnx::F32, {sizes.batch, ZooDim::sized(sizes.channels), side, side});
  std::vector<std::pair<std::string, int64_t>> kept; // map and extent of each level
  int64_t inputs = sizes.channels, width = sizes.width;
  for (int64_t level = 0; level < sizes.layers; ++level, width *= 2) {
    std::string name = "down." + std::to_string(level);
    x = addPair(name, x, inputs, width);
    kept.emplace_back(x, extent);
    x = writer.addNode("MaxPool", name + ".pool", {x}, {{"kernel_shape", Integers{2, 2}}, {"strides", Integers{2, 2}}});
    extent /= 2;
    inputs = width;
  }
  x = addPair("bottom", x, inputs, width);
  for (int64_t level = sizes.layers; level-- > 0; width /= 2) {
    std::string name = "up." + std::to_string(level);
    x = addUp(name + ".up", x, width);
    std::string skip = addCrop(name + "/crop", kept[level].first, kept[level].second);
    x = writer.addNode("Concat", name + "/concat", {skip, x}, {{"axis", 1}});
    x = addPair(name, x, width, width / 2);
  }
  std::string weight = writer.addWeight("head.weight", {sizes.classes, width, 1, 1}, Fill::spread(width));
  std::string bias = writer.addWeight("head.bias", {sizes.classes}, Fill::bias());
  x = writer.addNode("Conv", "logits", {x, weight, bias}, {{"kernel_shape", Integers{1, 1}}});
  ZooDim result = ZooDim::sized(extent);
  writer.addOutput(x, onnx::F32, {sizes.batch, ZooDim::sized(sizes.classes), result, result});
}

} // namespace

void partita::import::buildUnet(ModelWriter &writer, const UnetSizes &sizes) { UnetBuilder(writer, sizes).build(); }
