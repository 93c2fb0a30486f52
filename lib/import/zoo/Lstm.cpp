// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Lstm.cpp - A language model of stacked LSTM layers ----------------------===//
#include "zoo/Architectures.h"
#include "zoo/Blocks.h"

using namespace partita::import;
namespace onnx = partita::onnx;

using Integers = std::vector<int64_t>;

/// One layer [seq, batch, hidden] -> [seq, batch, hidden]; the state begins at zero.
static std::string addLayer(ModelWriter &writer, const std::string &name, const std::string &x, int64_t hidden) {
  std::string input = writer.addWeight(name + ".W", {1, 4 * hidden, hidden}, Fill::spread(hidden));
  std::string recurrence = writer.addWeight(name + ".R", {1, 4 * hidden, hidden}, Fill::spread(hidden));
  // ONNX keeps the biases of input and recurrence apart, as PyTorch does.
  std::string bias = writer.addWeight(name + ".B", {1, 8 * hidden}, Fill::bias());
  std::string y = writer.addNode("LSTM", name, {x, input, recurrence, bias}, {{"hidden_size", hidden}});
  return writer.addNode("Squeeze", name + "/squeeze", {y, writer.addIntegers({1})});
}

void partita::import::buildLstm(ModelWriter &writer, const LstmSizes &sizes) {
  std::string ids = writer.addInput("input_ids", onnx::SI64, {sizes.batch, sizes.seq});
  std::string table = writer.addWeight("encoder.weight", {sizes.vocab, sizes.hidden}, Fill::embedding());
  std::string turned = writer.addNode("Transpose", "encoder/transpose", {ids}, {{"perm", Integers{1, 0}}});
  std::string x = writer.addNode("Gather", "encoder/gather", {table, turned});
  for (int64_t layer = 0; layer < sizes.layers; ++layer)
    x = addLayer(writer, "rnn." + std::to_string(layer), x, sizes.hidden);
  x = writer.addNode("Transpose", "rnn/transpose", {x}, {{"perm", Integers{1, 0, 2}}});
  x = addLinear(writer, "decoder", x, {sizes.hidden, sizes.vocab}, "logits");
  writer.addOutput(x, onnx::F32, {sizes.batch, sizes.seq, ZooDim::sized(sizes.vocab)});
}
