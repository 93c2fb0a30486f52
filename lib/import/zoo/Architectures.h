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

#include <optional>

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
  double epsilon = 1e-5;
  std::string mlp = "gelu"; // gelu (approximated by tanh), gelu-erf, relu, squared-relu
};
void buildGpt(ModelWriter &writer, const GptSizes &sizes);

/// A layer of experts, of which each token uses `topK`, weighted by the softmax of a router over the chosen ones.
/// dispatch dense: every expert computes every token, and what was not chosen counts zero: the published model as it
/// is. capacity: tokens are sent to places of their experts, `capacity` for each expert and batch element; what finds
/// no place is left out (Lepikhin et al., GShard, arXiv 2006.16668, with groups = batch elements). exchange: one
/// operator of ONNX Runtime (com.microsoft.MoE) that computes what was chosen, however uneven; which ranks exchange
/// what is counted when the program runs.
struct ExpertSizes {
  int64_t experts = 0 /* none */, topK = 2, capacity = 0 /* 2 x topK x seq / experts */;
  std::string dispatch = "dense"; // dense, capacity, exchange
};

/// Llama 3: RMS norms, rotary positions (half-rotation form), grouped-query attention, gated feed-forward, separate
/// output head. Touvron et al. 2023, Llama team 2024. Mistral 7B (Jiang et al. 2023) has the same layers, Qwen 2
/// (2024) adds biases to query, key and value; with experts it is Mixtral (Jiang et al. 2024, arXiv 2401.04088).
struct LlamaSizes {
  ZooDim batch = ZooDim::sized(1), seq = ZooDim::sized(2048);
  int64_t layers = 32, hidden = 4096, heads = 32, kvHeads = 8, headSize = 0 /* hidden / heads */, ffn = 14336;
  int64_t vocab = 128256, ropeTheta = 500000, positions = 0 /* of the longest seq; 0: any */;
  double epsilon = 1e-5;
  bool isTied = false, hasQkvBias = false;
  std::string mlp = "swiglu"; // swiglu, geglu
  ExpertSizes experts;
};
/// The feed-forward of a Mixtral layer on x [batch, seq, hidden]. Expert weights are stacked, [experts, ffn, hidden].
std::string addExperts(ModelWriter &writer, const std::string &name, const std::string &x, const LlamaSizes &sizes,
                       double gain);
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

/// BERT (Devlin et al. 2018, arXiv 1810.04805) with its pooler and without a task's head: learned positions, segment
/// embeddings, layer norms after the residual sums.
struct BertSizes {
  ZooDim batch = ZooDim::sized(1), seq = ZooDim::sized(512);
  int64_t layers = 12, hidden = 768, heads = 12, ffn = 0 /* 4 x hidden */, vocab = 30522, positions = 512, types = 2;
  double epsilon = 1e-12;
  std::string mlp = "gelu"; // gelu, gelu-tanh, relu
};
void buildBert(ModelWriter &writer, const BertSizes &sizes);

/// The vision transformer (Dosovitskiy et al. 2020, arXiv 2010.11929): patches as tokens behind a class token.
struct VitSizes {
  ZooDim batch = ZooDim::sized(1);
  int64_t layers = 12, hidden = 768, heads = 12, ffn = 0 /* 4 x hidden */, image = 224, patch = 16, classes = 1000;
  double epsilon = 1e-12;
  std::string mlp = "gelu"; // gelu, gelu-tanh, quick-gelu, relu
};
void buildVit(ModelWriter &writer, const VitSizes &sizes);

/// One of CLIP's two encoders.
struct ClipTower {
  int64_t layers, hidden, heads, ffn;
};
/// CLIP with a vision transformer (Radford et al. 2021, arXiv 2103.00020): as many texts as images, and the products
/// of their embeddings.
struct ClipSizes {
  ZooDim batch = ZooDim::sized(1), seq = ZooDim::sized(77);
  ClipTower text{12, 512, 8, 2048}, vision{12, 768, 12, 3072};
  int64_t vocab = 49408, positions = 77, image = 224, patch = 32, projection = 512;
  std::string mlp = "quick-gelu"; // quick-gelu, gelu
};
void buildClip(ModelWriter &writer, const ClipSizes &sizes);

/// MobileNetV3-large (Howard et al. 2019, arXiv 1905.02244) as torchvision writes it; `width` is the width multiplier
/// in percent.
struct MobilenetSizes {
  ZooDim batch = ZooDim::sized(1);
  int64_t width = 100, image = 224, classes = 1000;
};
void buildMobilenet(ModelWriter &writer, const MobilenetSizes &sizes);

/// The U-Net of Ronneberger et al. 2015 (arXiv 1505.04597): `layers` halvings, `width` channels before the first of
/// them, transposed convolutions on the way up, no batch norms. padding valid: unpadded convolutions and cropped skips,
/// the paper's 572 -> 388; same: the map keeps its size.
struct UnetSizes {
  ZooDim batch = ZooDim::sized(1);
  int64_t layers = 4, width = 64, image = 572, channels = 1, classes = 2;
  std::string padding = "valid"; // valid, same
};
void buildUnet(ModelWriter &writer, const UnetSizes &sizes);
/// The side of the result; nothing where the image does not go through.
std::optional<int64_t> getUnetOutput(const UnetSizes &sizes);

/// DLRM (Naumov et al. 2019, arXiv 1906.00091) as its authors run it on the Criteo Kaggle data: one id for each of 26
/// tables, pairwise products of features. Bottom layers inputs-ffn-ffn/2-ffn/8-hidden, top layers ffn-ffn/2-1.
struct DlrmSizes {
  ZooDim batch = ZooDim::sized(128);
  int64_t hidden = 16, ffn = 512, inputs = 13, tables = 26, rows = 0 /* the data's own */;
};
void buildDlrm(ModelWriter &writer, const DlrmSizes &sizes);
/// Rows of a table: the data's, at most `rows`.
int64_t getDlrmRows(const DlrmSizes &sizes, int64_t table);

/// A language model of stacked LSTM layers, the "large" one of Zaremba et al. 2014 (arXiv 1409.2329; 66 million
/// parameters).
struct LstmSizes {
  ZooDim batch = ZooDim::sized(20), seq = ZooDim::sized(35);
  int64_t layers = 2, hidden = 1500, vocab = 10000;
};
void buildLstm(ModelWriter &writer, const LstmSizes &sizes);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_ZOO_ARCHITECTURES_H
