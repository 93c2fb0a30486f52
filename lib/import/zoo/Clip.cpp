// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Clip.cpp - The CLIP architecture ----------------------------------------===//
#include "zoo/Architectures.h"
#include "zoo/Blocks.h"

#include <cmath>

using namespace partita::import;
namespace onnx = partita::onnx;

namespace {

/// Builds one model; weight names are those of Hugging Face's CLIPModel.
class ClipBuilder {
public:
  ClipBuilder(ModelWriter &writer, const ClipSizes &sizes) : writer(writer), sizes(sizes) {}
  void build();

private:
  std::string addEncoder(const std::string &tower, std::string x, const ClipTower &shape, bool isCausal);
  std::string addText(const std::string &ids);
  std::string addVision(const std::string &image);
  /// The embedding of each row, of length 1.
  std::string addProjection(const std::string &name, const std::string &x, int64_t hidden, const std::string &result);
  /// The hidden state at the first largest id: the end-of-text token has the largest.
  std::string addEndOfText(const std::string &x, const std::string &ids);

  ModelWriter &writer;
  const ClipSizes &sizes;
};

std::string ClipBuilder::addEncoder(const std::string &tower, std::string x, const ClipTower &shape, bool isCausal) {
  LayerSizes layer{shape.hidden, shape.heads, shape.ffn, 1e-5, sizes.mlp};
  layer.isCausal = isCausal;
  layer.residualGain = 1.0 / std::sqrt(2.0 * static_cast<double>(shape.layers));
  for (int64_t index = 0; index < shape.layers; ++index) {
    std::string name = tower + ".encoder.layers." + std::to_string(index), self = name + ".self_attn.";
    LayerNames names{self + "q_proj",       self + "k_proj",   self + "v_proj",   self + "out_proj",
                     name + ".layer_norm1", name + ".mlp.fc1", name + ".mlp.fc2", name + ".layer_norm2"};
    x = addEncoderLayer(writer, name, names, layer, x);
  }
  return x;
}

std::string ClipBuilder::addEndOfText(const std::string &x, const std::string &ids) {
  std::string name = "text_model/end";
  std::string place = writer.addNode("ArgMax", name + "/argmax", {ids}, {{"axis", -1}, {"keepdims", 1}});
  std::string end = writer.addInteger(sizes.seq.size);
  if (sizes.seq.isSymbolic()) {
    std::string shape = writer.addNode("Shape", name + "/seq_shape", {ids}, {{"start", 1}, {"end", 2}});
    end = writer.addNode("Squeeze", name + "/seq", {shape, writer.addIntegers({0})});
  }
  std::string places = writer.addNode("Range", name + "/range", {writer.addInteger(0), end, writer.addInteger(1)});
  std::string picked = writer.addNode("Equal", name + "/equal", {places, place});
  picked = writer.addNode("Cast", name + "/cast", {picked}, {{"to", static_cast<int>(onnx::F32)}});
  picked = writer.addNode("Unsqueeze", name + "/unsqueeze", {picked, writer.addIntegers({1})});
  std::string row = writer.addNode("MatMul", name + "/matmul", {picked, x});
  return writer.addNode("Squeeze", name + "/squeeze", {row, writer.addIntegers({1})});
}

std::string ClipBuilder::addText(const std::string &ids) {
  int64_t hidden = sizes.text.hidden;
  std::string name = "text_model.embeddings";
  std::string tokens = writer.addWeight(name + ".token_embedding.weight", {sizes.vocab, hidden}, Fill::embedding());
  std::string table =
      writer.addWeight(name + ".position_embedding.weight", {sizes.positions, hidden}, Fill::embedding());
  std::string x = writer.addNode("Gather", name + ".token_embedding", {tokens, ids});
  std::string end = sizes.seq.isSymbolic() ? writer.addNode("Shape", name + "/seq", {ids}, {{"start", 1}, {"end", 2}})
                                           : writer.addIntegers({sizes.seq.size});
  std::string places =
      writer.addNode("Slice", name + "/positions", {table, writer.addIntegers({0}), end, writer.addIntegers({0})});
  x = addEncoder("text_model", writer.addNode("Add", name + "/add", {x, places}), sizes.text, /*isCausal=*/true);
  x = addLayerNorm(writer, "text_model.final_layer_norm", x, {hidden, 1e-5});
  return addProjection("text_projection", addEndOfText(x, ids), hidden, "text_embeds");
}

std::string ClipBuilder::addVision(const std::string &image) {
  int64_t hidden = sizes.vision.hidden;
  std::string prefix = "vision_model.embeddings.";
  std::string x =
      addPatches(writer, "vision_model.embeddings",
                 {prefix + "patch_embedding", prefix + "class_embedding", prefix + "position_embedding.weight"},
                 {sizes.batch, 3, sizes.image, sizes.patch, hidden, /*hasBias=*/false, /*hasUnitDims=*/false}, image);
  // The checkpoint's own spelling.
  x = addLayerNorm(writer, "vision_model.pre_layrnorm", x, {hidden, 1e-5});
  x = addEncoder("vision_model", x, sizes.vision, /*isCausal=*/false);
  x = writer.addNode("Gather", "vision_model/first", {x, writer.addInteger(0)}, {{"axis", 1}});
  x = addLayerNorm(writer, "vision_model.post_layernorm", x, {hidden, 1e-5});
  return addProjection("visual_projection", x, hidden, "image_embeds");
}

std::string ClipBuilder::addProjection(const std::string &name, const std::string &x, int64_t hidden,
                                       const std::string &result) {
  std::string row = addLinear(writer, name, x, {hidden, sizes.projection, 1.0, /*hasBias=*/false});
  std::string squares = writer.addNode("ReduceSumSquare", name + "/squares", {row, writer.addIntegers({-1})});
  std::string length = writer.addNode("Sqrt", name + "/length", {squares});
  return writer.addNode("Div", result, {row, length});
}

void ClipBuilder::build() {
  ZooDim side = ZooDim::sized(sizes.image), width = ZooDim::sized(sizes.projection);
  std::string ids = writer.addInput("input_ids", onnx::SI64, {sizes.batch, sizes.seq});
  std::string image = writer.addInput("pixel_values", onnx::F32, {sizes.batch, ZooDim::sized(3), side, side});
  std::string texts = addText(ids), images = addVision(image);
  // ln(1 / 0.07), the value training begins with. One element of rank 1: rank 0 is a constant, no parameter.
  std::string scale = writer.addWeight("logit_scale", {1}, Fill{2.6592600, 0.0});
  scale = writer.addNode("Exp", "logit_scale/exp", {scale});
  std::string turned =
      writer.addNode("Transpose", "image_embeds/transpose", {images}, {{"perm", std::vector<int64_t>{1, 0}}});
  std::string product = writer.addNode("MatMul", "logits/matmul", {texts, turned});
  std::string logits = writer.addNode("Mul", "logits_per_text", {product, scale});
  turned = writer.addNode("Transpose", "logits_per_image", {logits}, {{"perm", std::vector<int64_t>{1, 0}}});
  writer.addOutput(turned, onnx::F32, {sizes.batch, sizes.batch});
  writer.addOutput(logits, onnx::F32, {sizes.batch, sizes.batch});
  writer.addOutput(texts, onnx::F32, {sizes.batch, width});
  writer.addOutput(images, onnx::F32, {sizes.batch, width});
}

} // namespace

void partita::import::buildClip(ModelWriter &writer, const ClipSizes &sizes) { ClipBuilder(writer, sizes).build(); }
