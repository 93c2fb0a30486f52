// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Bert.cpp - The BERT architecture ----------------------------------------===//
#include "zoo/Architectures.h"
#include "zoo/Blocks.h"

#include <cmath>
#include <limits>

using namespace partita::import;
namespace onnx = partita::onnx;

namespace {

/// Builds one model; weight names are those of Hugging Face's BertModel.
class BertBuilder {
public:
  BertBuilder(ModelWriter &writer, const BertSizes &sizes) : writer(writer), sizes(sizes) {}
  void build();

private:
  std::string addEmbedding(const std::string &ids, const std::string &types);
  std::string addMask(const std::string &mask);
  std::string addLayer(const std::string &x, const std::string &mask, int64_t index);
  void addPooler(const std::string &x);

  ModelWriter &writer;
  const BertSizes &sizes;
};

std::string BertBuilder::addEmbedding(const std::string &ids, const std::string &types) {
  int64_t hidden = sizes.hidden;
  std::string name = "embeddings";
  std::string words = writer.addWeight(name + ".word_embeddings.weight", {sizes.vocab, hidden}, Fill::embedding());
  std::string table =
      writer.addWeight(name + ".position_embeddings.weight", {sizes.positions, hidden}, Fill::embedding());
  std::string kinds =
      writer.addWeight(name + ".token_type_embeddings.weight", {sizes.types, hidden}, Fill::embedding());
  std::string x = writer.addNode("Gather", name + ".word_embeddings", {words, ids});
  std::string kind = writer.addNode("Gather", name + ".token_type_embeddings", {kinds, types});
  x = writer.addNode("Add", name + "/add", {x, kind});
  std::string end = sizes.seq.isSymbolic() ? writer.addNode("Shape", name + "/seq", {ids}, {{"start", 1}, {"end", 2}})
                                           : writer.addIntegers({sizes.seq.size});
  std::string places =
      writer.addNode("Slice", name + "/positions", {table, writer.addIntegers({0}), end, writer.addIntegers({0})});
  x = writer.addNode("Add", name + "/add_positions", {x, places});
  return addLayerNorm(writer, name + ".LayerNorm", x, {hidden, sizes.epsilon});
}

/// 0 where a token counts, the lowest number where it does not: a row without tokens stays finite.
std::string BertBuilder::addMask(const std::string &mask) {
  std::string counts = writer.addNode("Cast", "mask/bool", {mask}, {{"to", static_cast<int>(onnx::BOOLEAN)}});
  counts = writer.addNode("Unsqueeze", "mask/unsqueeze", {counts, writer.addIntegers({1, 2})});
  return writer.addNode("Where", "mask/where",
                        {counts, writer.addFloats("mask.zero", {0.0f}),
                         writer.addFloats("mask.lowest", {std::numeric_limits<float>::lowest()})});
}

std::string BertBuilder::addLayer(const std::string &x, const std::string &mask, int64_t index) {
  std::string name = "encoder.layer." + std::to_string(index), self = name + ".attention.self.";
  LayerNames names{self + "query",
                   self + "key",
                   self + "value",
                   name + ".attention.output.dense",
                   name + ".attention.output.LayerNorm",
                   name + ".intermediate.dense",
                   name + ".output.dense",
                   name + ".output.LayerNorm"};
  LayerSizes layer{sizes.hidden, sizes.heads, sizes.ffn, sizes.epsilon, sizes.mlp};
  layer.isPreNorm = false;
  return addEncoderLayer(writer, name, names, layer, x, mask);
}

void BertBuilder::addPooler(const std::string &x) {
  std::string first = writer.addNode("Gather", "pooler/first", {x, writer.addInteger(0)}, {{"axis", 1}});
  std::string dense = addLinear(writer, "pooler.dense", first, {sizes.hidden, sizes.hidden});
  writer.addOutput(writer.addNode("Tanh", "pooler_output", {dense}), onnx::F32,
                   {sizes.batch, ZooDim::sized(sizes.hidden)});
}

void BertBuilder::build() {
  std::string ids = writer.addInput("input_ids", onnx::SI64, {sizes.batch, sizes.seq});
  std::string mask = writer.addInput("attention_mask", onnx::SI64, {sizes.batch, sizes.seq});
  std::string types = writer.addInput("token_type_ids", onnx::SI64, {sizes.batch, sizes.seq});
  std::string x = addEmbedding(ids, types), added = addMask(mask);
  for (int64_t layer = 0; layer < sizes.layers; ++layer)
    x = addLayer(x, added, layer);
  x = writer.addNode("Identity", "last_hidden_state", {x});
  writer.addOutput(x, onnx::F32, {sizes.batch, sizes.seq, ZooDim::sized(sizes.hidden)});
  addPooler(x);
}

} // namespace

void partita::import::buildBert(ModelWriter &writer, const BertSizes &sizes) { BertBuilder(writer, sizes).build(); }
