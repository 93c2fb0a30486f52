// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Vit.cpp - The vision transformer ----------------------------------------===//
#include "zoo/Architectures.h"
#include "zoo/Blocks.h"

#include <cmath>

using namespace partita::import;
namespace onnx = partita::onnx;

/// Weight names are those of Hugging Face's ViTForImageClassification.
void partita::import::buildVit(ModelWriter &writer, const VitSizes &sizes) {
  ZooDim side = ZooDim::sized(sizes.image);
  std::string image = writer.addInput("pixel_values", onnx::F32, {sizes.batch, ZooDim::sized(3), side, side});
  std::string prefix = "vit.embeddings.";
  std::string x = addPatches(
      writer, "vit.embeddings",
      {prefix + "patch_embeddings.projection", prefix + "cls_token", prefix + "position_embeddings"},
      {sizes.batch, 3, sizes.image, sizes.patch, sizes.hidden, /*hasBias=*/true, /*hasUnitDims=*/true}, image);
  LayerSizes layer{sizes.hidden, sizes.heads, sizes.ffn, sizes.epsilon, sizes.mlp};
  layer.residualGain = 1.0 / std::sqrt(2.0 * static_cast<double>(sizes.layers));
  for (int64_t index = 0; index < sizes.layers; ++index) {
    std::string name = "vit.encoder.layer." + std::to_string(index), self = name + ".attention.attention.";
    LayerNames names{self + "query",
                     self + "key",
                     self + "value",
                     name + ".attention.output.dense",
                     name + ".layernorm_before",
                     name + ".intermediate.dense",
                     name + ".output.dense",
                     name + ".layernorm_after"};
    x = addEncoderLayer(writer, name, names, layer, x);
  }
  x = addLayerNorm(writer, "vit.layernorm", x, {sizes.hidden, sizes.epsilon});
  x = writer.addNode("Gather", "classifier/first", {x, writer.addInteger(0)}, {{"axis", 1}});
  x = addLinear(writer, "classifier", x, {sizes.hidden, sizes.classes}, "logits");
  writer.addOutput(x, onnx::F32, {sizes.batch, ZooDim::sized(sizes.classes)});
}
