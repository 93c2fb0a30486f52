// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Blocks.h - Parts that several architectures are made of -----------------===//
//
// Each function adds the nodes of one module and returns the name of its result. Weights are laid out as PyTorch does
// ([outputs, inputs]) and named NAME.weight, NAME.bias; nodes are named NAME/op. Example:
//
//   std::string h = addLayerNorm(writer, "encoder.ln", x, {768, 1e-6});
//   std::string y = addLinear(writer, "classifier", h, {768, 1000}, "logits");   // the result is named "logits"
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_ZOO_BLOCKS_H
#define PARTITA_LIB_IMPORT_ZOO_BLOCKS_H

#include "zoo/ModelWriter.h"

namespace partita::import {

struct NormSizes {
  int64_t size;
  double epsilon;
};
std::string addLayerNorm(ModelWriter &writer, const std::string &name, const std::string &x, NormSizes sizes);

struct LinearSizes {
  int64_t inputs, outputs;
  double gain = 1.0;
  bool hasBias = true;
};
/// `result`: the name of the result; empty: NAME/add or NAME/matmul.
std::string addLinear(ModelWriter &writer, const std::string &name, const std::string &x, LinearSizes sizes,
                      const std::string &result = "");

/// gelu (with erf), gelu-tanh, quick-gelu (x * sigmoid(1.702 x)), relu or silu.
std::string addActivation(ModelWriter &writer, const std::string &name, const std::string &x, const std::string &kind);

/// The modules of one encoder layer, by name.
struct LayerNames {
  std::string query, key, value, output, attentionNorm, up, down, feedForwardNorm;
};
struct LayerSizes {
  int64_t hidden, heads, ffn;
  double epsilon;
  std::string activation;
  /// Norms before attention and feed-forward; otherwise after the residual sums.
  bool isPreNorm = true;
  bool isCausal = false;
  /// Of the projections that end in a residual sum.
  double residualGain = 1.0;
};
/// Self-attention and feed-forward with residuals. `mask`: added to the scores, or empty.
std::string addEncoderLayer(ModelWriter &writer, const std::string &name, const LayerNames &names,
                            const LayerSizes &sizes, const std::string &x, const std::string &mask = "");

/// The extents `batch`, tail... as a 1-D tensor; a symbolic batch is read from dim 0 of `like`.
std::string addShape(ModelWriter &writer, const std::string &name, const ZooDim &batch, const std::string &like,
                     const std::vector<int64_t> &tail);

/// An image [batch, channels, image, image] as rows of square patches, the class token before them, plus positions.
struct PatchNames {
  std::string projection, token, positions;
};
struct PatchSizes {
  ZooDim batch;
  int64_t channels, image, patch, hidden;
  bool hasBias;
  /// The weights' own ranks: [hidden] and [patches, hidden], or with dims of extent 1 before.
  bool hasUnitDims;
};
std::string addPatches(ModelWriter &writer, const std::string &name, const PatchNames &names, const PatchSizes &sizes,
                       const std::string &image);

/// A convolution without bias, padded so that stride 1 keeps the image, and a batch norm.
struct ConvSizes {
  int64_t inputs, outputs, kernel, stride = 1, groups = 1;
  double epsilon = 1e-5;
};
std::string addConvNorm(ModelWriter &writer, const std::string &name, const std::string &norm, const std::string &x,
                        const ConvSizes &sizes);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_ZOO_BLOCKS_H
