// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Gpt.cpp - The GPT-2 architecture ----------------------------------------===//
#include "zoo/Architectures.h"
#include "zoo/Blocks.h"

#include <cmath>

using namespace partita::import;
namespace onnx = partita::onnx;

namespace {

/// Builds one model; weight names are those of Hugging Face's GPT-2, node names MODULE/op.
class GptBuilder {
public:
  GptBuilder(ModelWriter &writer, const GptSizes &sizes) : writer(writer), sizes(sizes) {}
  void build();

private:
  std::string addLayer(std::string x, const std::string &name);
  std::string addNorm(const std::string &name, const std::string &x);
  std::string addLinear(const std::string &name, const std::string &x, int64_t inputs, int64_t outputs, double gain);
  std::string addEmbedding(const std::string &ids);

  ModelWriter &writer;
  const GptSizes &sizes;
};

std::string GptBuilder::addNorm(const std::string &name, const std::string &x) {
  std::string gain = writer.addWeight(name + ".weight", {sizes.hidden}, Fill::gain());
  std::string bias = writer.addWeight(name + ".bias", {sizes.hidden}, Fill::bias());
  return writer.addNode("LayerNormalization", name, {x, gain, bias},
                        {{"axis", -1}, {"epsilon", static_cast<float>(sizes.epsilon)}});
}

std::string GptBuilder::addLinear(const std::string &name, const std::string &x, int64_t inputs, int64_t outputs,
                                  double gain) {
  // Hugging Face's Conv1D stores [inputs, outputs].
  std::string weight = writer.addWeight(name + ".weight", {inputs, outputs}, Fill::spread(inputs, gain));
  std::string bias = writer.addWeight(name + ".bias", {outputs}, Fill::bias());
  std::string product = writer.addNode("MatMul", name + "/matmul", {x, weight});
  return writer.addNode("Add", name + "/add", {product, bias});
}

std::string GptBuilder::addLayer(std::string x, const std::string &name) {
  int64_t hidden = sizes.hidden;
  // Two residual branches a layer: scaled so that their sum keeps its variance over depth.
  double residualGain = 1.0 / std::sqrt(2.0 * static_cast<double>(sizes.layers));
  std::string normed = addNorm(name + ".ln_1", x);
  std::string fused = addLinear(name + ".attn.c_attn", normed, hidden, 3 * hidden, 1.0);
  std::vector<std::string> qkv =
      writer.addNodes("Split", name + ".attn/split", {fused}, 3, {{"axis", -1}, {"num_outputs", 3}});
  std::string mixed = writer.addNode("Attention", name + ".attn/attention", qkv,
                                     {{"is_causal", 1}, {"q_num_heads", sizes.heads}, {"kv_num_heads", sizes.heads}});
  std::string projected = addLinear(name + ".attn.c_proj", mixed, hidden, hidden, residualGain);
  x = writer.addNode("Add", name + "/residual_1", {x, projected});
  std::string wide = addLinear(name + ".mlp.c_fc", addNorm(name + ".ln_2", x), hidden, sizes.ffn, 1.0);
  if (sizes.mlp == "squared-relu") {
    wide = writer.addNode("Relu", name + ".mlp.act/relu", {wide});
    wide = writer.addNode("Mul", name + ".mlp.act/square", {wide, wide});
  } else {
    wide = addActivation(writer, name + ".mlp.act", wide,
                         sizes.mlp == "gelu"       ? "gelu-tanh"
                         : sizes.mlp == "gelu-erf" ? "gelu"
                                                   : sizes.mlp);
  }
  std::string narrow = addLinear(name + ".mlp.c_proj", wide, sizes.ffn, hidden, residualGain);
  return writer.addNode("Add", name + "/residual_2", {x, narrow});
}

std::string GptBuilder::addEmbedding(const std::string &ids) {
  std::string tokens = writer.addWeight("transformer.wte.weight", {sizes.vocab, sizes.hidden}, Fill::embedding());
  std::string table = writer.addWeight("transformer.wpe.weight", {sizes.positions, sizes.hidden}, Fill::embedding());
  std::string embedded = writer.addNode("Gather", "transformer.wte/gather", {tokens, ids});
  std::string positions = table;
  if (sizes.seq.isSymbolic() || sizes.seq.size != sizes.positions) {
    std::string end = sizes.seq.isSymbolic()
                          ? writer.addNode("Shape", "transformer.wpe/shape", {ids}, {{"start", 1}, {"end", 2}})
                          : writer.addIntegers({sizes.seq.size});
    positions = writer.addNode("Slice", "transformer.wpe/slice",
                               {table, writer.addIntegers({0}), end, writer.addIntegers({0})});
  }
  return writer.addNode("Add", "transformer.wpe/add", {embedded, positions});
}

void GptBuilder::build() {
  std::string ids = writer.addInput("input_ids", onnx::SI64, {sizes.batch, sizes.seq});
  std::string x = addEmbedding(ids);
  for (int64_t layer = 0; layer < sizes.layers; ++layer)
    x = addLayer(x, "transformer.h." + std::to_string(layer));
  x = addNorm("transformer.ln_f", x);
  std::string head = writer.addNode("Transpose", "lm_head/transpose", {"transformer.wte.weight"},
                                    {{"perm", std::vector<int64_t>{1, 0}}});
  writer.addOutput(writer.addNode("MatMul", "logits", {x, head}), onnx::F32,
                   {sizes.batch, sizes.seq, ZooDim::sized(sizes.vocab)});
}

} // namespace

void partita::import::buildGpt(ModelWriter &writer, const GptSizes &sizes) { GptBuilder(writer, sizes).build(); }
