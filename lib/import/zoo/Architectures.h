// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Architectures.h - The graphs the zoo knows ------------------------------===//
//
// One struct of sizes and one function per architecture. The functions assume checked sizes (see SizeReader.h).
// Example: `ModelWriter writer("gpt"); buildGpt(writer, GptSizes{});` is GPT-2 small, 124,439,808 parameters.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_ZOO_ARCHITECTURES_H
#define PARTITA_LIB_IMPORT_ZOO_ARCHITECTURES_H

#include "zoo/ModelWriter.h"

namespace partita::import {

/// Fully connected layers with an activation between them, none after the last.
struct MlpSizes {
  ZooDim batch = ZooDim::sized(8);
  int64_t layers = 2, hidden = 64, input = 32, output = 16;
  std::string activation = "relu"; // relu, gelu, tanh
};
void buildMlp(ModelWriter &writer, const MlpSizes &sizes);

/// GPT-2: learned positions, layer norms before attention and feed-forward, fused query-key-value projection,
/// tanh-approximated GELU, token embedding shared with the output. Radford et al. 2019; GPT-3 (Brown et al. 2020)
/// has the same layers with dense instead of alternating sparse attention here.
struct GptSizes {
  ZooDim batch = ZooDim::sized(1), seq = ZooDim::sized(1024);
  int64_t layers = 12, hidden = 768, heads = 12, ffn = 0 /* 4 x hidden */, vocab = 50257, positions = 1024;
  std::string mlp = "gelu"; // gelu, squared-relu
};
void buildGpt(ModelWriter &writer, const GptSizes &sizes);

/// Llama 3: RMS norms, rotary positions (half-rotation form), grouped-query attention, gated feed-forward, separate
/// output head. Touvron et al. 2023, Llama team 2024.
struct LlamaSizes {
  ZooDim batch = ZooDim::sized(1), seq = ZooDim::sized(2048);
  int64_t layers = 32, hidden = 4096, heads = 32, kvHeads = 8, ffn = 14336, vocab = 128256, ropeTheta = 500000;
  std::string mlp = "swiglu"; // swiglu, geglu
};
void buildLlama(ModelWriter &writer, const LlamaSizes &sizes);

/// Residual networks of He et al. 2015 with the stride on the 3x3 convolution (as torchvision writes them): `layers`
/// 10, 18, 34 of basic blocks, 14, 50, 101, 152 of bottlenecks.
struct ResnetSizes {
  ZooDim batch = ZooDim::sized(1);
  int64_t layers = 50, width = 64, image = 224, classes = 1000;
};
void buildResnet(ModelWriter &writer, const ResnetSizes &sizes);
/// Blocks of the four groups for a depth that ResnetSizes names; empty for any other.
std::vector<int64_t> getResnetBlocks(int64_t layers);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_ZOO_ARCHITECTURES_H
