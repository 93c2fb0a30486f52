// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Dlrm.cpp - The deep learning recommendation model -----------------------===//
#include "zoo/Architectures.h"
#include "zoo/Blocks.h"

using namespace partita::import;
namespace onnx = partita::onnx;

using Integers = std::vector<int64_t>;

/// Distinct values of the 26 categorical columns of the Criteo Kaggle display advertising data: 33,762,577 in all.
static constexpr int64_t criteoRows[] = {1460,  583,  10131227, 2202608, 305, 24,     12517,   633,   3,
                                         93145, 5683, 8351593,  3194,    27,  14992,  5461306, 10,    5652,
                                         2173,  4,    7046547,  18,      15,  286181, 105,     142572};

int64_t partita::import::getDlrmRows(const DlrmSizes &sizes, int64_t table) {
  int64_t rows = criteoRows[table % std::size(criteoRows)];
  return sizes.rows > 0 ? std::min(rows, sizes.rows) : rows;
}

namespace {

/// Builds one model; weight names are those of the authors' PyTorch code (bot_l, emb_l, top_l).
class DlrmBuilder {
public:
  DlrmBuilder(ModelWriter &writer, const DlrmSizes &sizes) : writer(writer), sizes(sizes) {}
  void build();

private:
  std::string addMlp(const std::string &name, std::string x, const Integers &widths, bool endsInRelu);
  std::vector<std::string> addEmbeddings(const std::string &ids);
  /// Products of all pairs of different features, [batch, pairs].
  std::string addInteraction(const std::vector<std::string> &features);

  ModelWriter &writer;
  const DlrmSizes &sizes;
};

std::string DlrmBuilder::addMlp(const std::string &name, std::string x, const Integers &widths, bool endsInRelu) {
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    // Layers and activations count together in the authors' Sequential.
    std::string layer = name + "." + std::to_string(2 * i);
    x = addLinear(writer, layer, x, {widths[i], widths[i + 1]});
    if (endsInRelu || i + 2 < widths.size())
      x = writer.addNode("Relu", layer + "/relu", {x});
  }
  return x;
}

std::vector<std::string> DlrmBuilder::addEmbeddings(const std::string &ids) {
  std::vector<std::string> rows;
  for (int64_t table = 0; table < sizes.tables; ++table) {
    std::string name = "emb_l." + std::to_string(table);
    std::string weight =
        writer.addWeight(name + ".weight", {getDlrmRows(sizes, table), sizes.hidden}, Fill::embedding());
    std::string column = writer.addNode("Gather", name + "/column", {ids, writer.addInteger(table)}, {{"axis", 1}});
    rows.push_back(writer.addNode("Gather", name, {weight, column}));
  }
  return rows;
}

std::string DlrmBuilder::addInteraction(const std::vector<std::string> &features) {
  std::vector<std::string> rows;
  std::string name = "interaction";
  for (const std::string &feature : features)
    rows.push_back(writer.addNode("Unsqueeze", feature + "/row", {feature, writer.addIntegers({1})}));
  std::string stacked = writer.addNode("Concat", name + "/stack", rows, {{"axis", 1}});
  std::string turned = writer.addNode("Transpose", name + "/transpose", {stacked}, {{"perm", Integers{0, 2, 1}}});
  std::string products = writer.addNode("MatMul", name + "/matmul", {stacked, turned});
  int64_t count = static_cast<int64_t>(features.size());
  std::string flat = writer.addNode("Reshape", name + "/flatten", {products, writer.addIntegers({0, count * count})});
  Integers lower;
  for (int64_t row = 0; row < count; ++row)
    for (int64_t column = 0; column < row; ++column)
      lower.push_back(row * count + column);
  return writer.addNode("Gather", name + "/pairs", {flat, writer.addIntegers(lower, name + ".pairs")}, {{"axis", 1}});
}

void DlrmBuilder::build() {
  std::string dense = writer.addInput("dense", onnx::F32, {sizes.batch, ZooDim::sized(sizes.inputs)});
  std::string ids = writer.addInput("categories", onnx::SI64, {sizes.batch, ZooDim::sized(sizes.tables)});
  int64_t ffn = sizes.ffn;
  std::string bottom = addMlp("bot_l", dense, {sizes.inputs, ffn, ffn / 2, ffn / 8, sizes.hidden}, true);
  std::vector<std::string> features = addEmbeddings(ids);
  features.insert(features.begin(), bottom);
  int64_t count = static_cast<int64_t>(features.size());
  std::string joined =
      writer.addNode("Concat", "interaction/concat", {bottom, addInteraction(features)}, {{"axis", 1}});
  int64_t width = sizes.hidden + count * (count - 1) / 2;
  std::string top = addMlp("top_l", joined, {width, ffn, ffn / 2, 1}, false);
  writer.addOutput(writer.addNode("Sigmoid", "probability", {top}), onnx::F32, {sizes.batch, ZooDim::sized(1)});
}

} // namespace

void partita::import::buildDlrm(ModelWriter &writer, const DlrmSizes &sizes) { DlrmBuilder(writer, sizes).build(); }
