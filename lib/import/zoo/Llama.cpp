// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Llama.cpp - The Llama 3 architecture ------------------------------------===//
#include "zoo/Architectures.h"
#include "zoo/Blocks.h"

#include <cmath>

using namespace partita::import;
namespace onnx = partita::onnx;

namespace {

/// Builds one model; weight names and layouts ([outputs, inputs]) are those of Hugging Face's Llama.
class LlamaBuilder {
public:
  LlamaBuilder(ModelWriter &writer, const LlamaSizes &sizes)
      : writer(writer), sizes(sizes), headSize(sizes.headSize > 0 ? sizes.headSize : sizes.hidden / sizes.heads) {}
  void build();

private:
  std::string addNorm(const std::string &name, const std::string &x);
  std::string addAttention(const std::string &name, const std::string &x, double gain);
  std::string addFeedForward(const std::string &name, const std::string &x, double gain);
  void addRotaryTables(const std::string &ids);

  ModelWriter &writer;
  const LlamaSizes &sizes;
  int64_t headSize;
  std::string cosines, sines; // [batch, seq, headSize / 2]
};

std::string LlamaBuilder::addNorm(const std::string &name, const std::string &x) {
  std::string gain = writer.addWeight(name + ".weight", {sizes.hidden}, Fill::gain());
  return writer.addNode("RMSNormalization", name, {x, gain},
                        {{"axis", -1}, {"epsilon", static_cast<float>(sizes.epsilon)}});
}

std::string LlamaBuilder::addAttention(const std::string &name, const std::string &x, double gain) {
  int64_t hidden = sizes.hidden, qSize = sizes.heads * headSize, kvSize = sizes.kvHeads * headSize;
  std::string q = addLinear(writer, name + ".q_proj", x, {hidden, qSize, 1.0, sizes.hasQkvBias});
  std::string k = addLinear(writer, name + ".k_proj", x, {hidden, kvSize, 1.0, sizes.hasQkvBias});
  std::string v = addLinear(writer, name + ".v_proj", x, {hidden, kvSize, 1.0, sizes.hasQkvBias});
  q = writer.addNode("RotaryEmbedding", name + "/rotate_q", {q, cosines, sines}, {{"num_heads", sizes.heads}});
  k = writer.addNode("RotaryEmbedding", name + "/rotate_k", {k, cosines, sines}, {{"num_heads", sizes.kvHeads}});
  std::string mixed = writer.addNode("Attention", name + "/attention", {q, k, v},
                                     {{"is_causal", 1}, {"q_num_heads", sizes.heads}, {"kv_num_heads", sizes.kvHeads}});
  return addLinear(writer, name + ".o_proj", mixed, {qSize, hidden, gain, /*hasBias=*/false});
}

std::string LlamaBuilder::addFeedForward(const std::string &name, const std::string &x, double gain) {
  if (sizes.experts.experts > 0)
    return addExperts(writer, name, x, sizes, gain);
  std::string gate = addLinear(writer, name + ".gate_proj", x, {sizes.hidden, sizes.ffn, 1.0, /*hasBias=*/false});
  std::string up = addLinear(writer, name + ".up_proj", x, {sizes.hidden, sizes.ffn, 1.0, /*hasBias=*/false});
  gate = addActivation(writer, name + ".act_fn", gate, sizes.mlp == "geglu" ? "gelu-tanh" : "silu");
  return addLinear(writer, name + ".down_proj", writer.addNode("Mul", name + "/mul", {gate, up}),
                   {sizes.ffn, sizes.hidden, gain, /*hasBias=*/false});
}

void LlamaBuilder::addRotaryTables(const std::string &ids) {
  std::vector<float> frequencies;
  for (int64_t i = 0; i < headSize / 2; ++i)
    frequencies.push_back(static_cast<float>(
        std::pow(static_cast<double>(sizes.ropeTheta), -2.0 * static_cast<double>(i) / static_cast<double>(headSize))));
  std::string name = "model.rotary_emb";
  std::string end = writer.addInteger(sizes.seq.size);
  if (sizes.seq.isSymbolic()) {
    std::string shape = writer.addNode("Shape", name + "/seq_shape", {ids}, {{"start", 1}, {"end", 2}});
    end = writer.addNode("Squeeze", name + "/seq", {shape, writer.addIntegers({0})});
  }
  std::string places = writer.addNode("Range", name + "/range", {writer.addInteger(0), end, writer.addInteger(1)});
  places = writer.addNode("Cast", name + "/cast", {places}, {{"to", static_cast<int>(onnx::F32)}});
  places = writer.addNode("Unsqueeze", name + "/unsqueeze", {places, writer.addIntegers({0, 2})});
  std::string angles =
      writer.addNode("Mul", name + "/mul", {places, writer.addFloats(name + ".inv_freq", frequencies)});
  // Without explicit positions the operator wants one table per batch element.
  std::string shape = writer.addIntegers({sizes.batch.size, 1, 1});
  if (sizes.batch.isSymbolic()) {
    std::string batch = writer.addNode("Shape", name + "/batch", {ids}, {{"start", 0}, {"end", 1}});
    shape = writer.addNode("Concat", name + "/table_shape", {batch, writer.addIntegers({1, 1})}, {{"axis", 0}});
  }
  cosines = writer.addNode("Expand", name + "/expand_cos", {writer.addNode("Cos", name + "/cos", {angles}), shape});
  sines = writer.addNode("Expand", name + "/expand_sin", {writer.addNode("Sin", name + "/sin", {angles}), shape});
}

void LlamaBuilder::build() {
  std::string ids = writer.addInput("input_ids", onnx::SI64, {sizes.batch, sizes.seq});
  addRotaryTables(ids);
  std::string table = writer.addWeight("model.embed_tokens.weight", {sizes.vocab, sizes.hidden}, Fill::embedding());
  std::string x = writer.addNode("Gather", "model.embed_tokens/gather", {table, ids});
  // Two residual branches a layer: scaled so that their sum keeps its variance over depth.
  double gain = 1.0 / std::sqrt(2.0 * static_cast<double>(sizes.layers));
  const char *branch = sizes.experts.experts > 0 ? ".block_sparse_moe" : ".mlp";
  for (int64_t layer = 0; layer < sizes.layers; ++layer) {
    std::string name = "model.layers." + std::to_string(layer);
    std::string mixed = addAttention(name + ".self_attn", addNorm(name + ".input_layernorm", x), gain);
    x = writer.addNode("Add", name + "/residual_1", {x, mixed});
    std::string fed = addFeedForward(name + branch, addNorm(name + ".post_attention_layernorm", x), gain);
    x = writer.addNode("Add", name + "/residual_2", {x, fed});
  }
  x = addNorm("model.norm", x);
  std::string logits;
  if (sizes.isTied) {
    std::string turned =
        writer.addNode("Transpose", "lm_head/transpose", {table}, {{"perm", std::vector<int64_t>{1, 0}}});
    logits = writer.addNode("MatMul", "logits", {x, turned});
  } else {
    logits = addLinear(writer, "lm_head", x, {sizes.hidden, sizes.vocab, 1.0, /*hasBias=*/false}, "logits");
  }
  writer.addOutput(logits, onnx::F32, {sizes.batch, sizes.seq, ZooDim::sized(sizes.vocab)});
}

} // namespace

void partita::import::buildLlama(ModelWriter &writer, const LlamaSizes &sizes) { LlamaBuilder(writer, sizes).build(); }
