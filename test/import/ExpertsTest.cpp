// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ExpertsTest.cpp - Layers of experts against a loop over experts ---------===//
#include "GraphEvaluation.h"
#include "ImportHelpers.h"
#include "zoo/Architectures.h"
#include "zoo/SeededWeights.h"

#include <cmath>
#include <numeric>

using namespace partita::import;
using partita::interpreter::Tensor;
namespace onnx = partita::onnx;

namespace {

constexpr int64_t batch = 2, seq = 6, hidden = 4, ffn = 3;

/// Weights of one model, by name.
using Weights = std::map<std::string, std::vector<float>>;

/// A model that is one layer of experts.
onnx::Model makeLayer(const LlamaSizes &sizes, Weights &weights) {
  ModelWriter writer("experts");
  std::vector<ZooDim> dims = {sizes.batch, sizes.seq, ZooDim::sized(hidden)};
  std::string x = writer.addInput("x", onnx::F32, dims);
  writer.addOutput(addExperts(writer, "moe", x, sizes, 1.0), onnx::F32, dims);
  for (const Weight &weight : writer.getWeights()) {
    std::vector<float> &values = weights[weight.name];
    values.resize(weight.countElements());
    NoiseSource(7, weight.name).fill(weight.fill, 0, values);
    onnx::Tensor &tensor = *writer.getModel().mutable_graph()->add_initializer();
    tensor.set_name(weight.name);
    tensor.set_data_type(onnx::F32);
    for (int64_t dim : weight.dims)
      tensor.add_dims(dim);
    tensor.set_raw_data(values.data(), values.size() * sizeof(float));
  }
  return writer.getModel();
}

/// What the layer means: for each expert, over the tokens that chose it, first choices before second ones, as many as
/// have a place.
class LoopOverExperts {
public:
  LoopOverExperts(const LlamaSizes &sizes, const Weights &weights)
      : experts(sizes.experts.experts), topK(sizes.experts.topK),
        capacity(sizes.experts.dispatch == "capacity" ? sizes.experts.capacity : seq), weights(weights) {}

  std::vector<double> run(const std::vector<double> &x) {
    std::vector<double> y(x.size(), 0.0);
    for (int64_t b = 0; b < batch; ++b) {
      std::vector<std::vector<std::pair<int64_t, double>>> choices;
      for (int64_t s = 0; s < seq; ++s)
        choices.push_back(choose(&x[(b * seq + s) * hidden]));
      for (int64_t e = 0; e < experts; ++e) {
        int64_t used = 0;
        for (int64_t k = 0; k < topK; ++k)
          for (int64_t s = 0; s < seq; ++s)
            if (choices[s][k].first == e && used++ < capacity)
              add(e, choices[s][k].second, &x[(b * seq + s) * hidden], &y[(b * seq + s) * hidden]);
        mostUsed = std::max(mostUsed, used);
        leastUsed = std::min(leastUsed, used);
      }
    }
    return y;
  }

  /// Tokens of the fullest and the emptiest expert of a batch element.
  int64_t mostUsed = 0, leastUsed = seq;

private:
  double at(const char *name, int64_t index) const { return weights.at(std::string("moe.") + name)[index]; }

  /// Experts and their shares, best first.
  std::vector<std::pair<int64_t, double>> choose(const double *token) const {
    std::vector<double> score(experts, 0.0);
    for (int64_t e = 0; e < experts; ++e)
      for (int64_t h = 0; h < hidden; ++h)
        score[e] += token[h] * at("gate.weight", e * hidden + h);
    std::vector<int64_t> order(experts);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return score[a] > score[b]; });
    double sum = 0.0;
    for (int64_t k = 0; k < topK; ++k)
      sum += std::exp(score[order[k]]);
    std::vector<std::pair<int64_t, double>> chosen;
    for (int64_t k = 0; k < topK; ++k)
      chosen.emplace_back(order[k], std::exp(score[order[k]]) / sum);
    return chosen;
  }

  void add(int64_t e, double share, const double *token, double *result) const {
    for (int64_t f = 0; f < ffn; ++f) {
      double open = 0.0, up = 0.0;
      for (int64_t h = 0; h < hidden; ++h) {
        open += token[h] * at("experts.w1", (e * ffn + f) * hidden + h);
        up += token[h] * at("experts.w3", (e * ffn + f) * hidden + h);
      }
      double wide = open / (1.0 + std::exp(-open)) * up;
      for (int64_t h = 0; h < hidden; ++h)
        result[h] += share * wide * at("experts.w2", (e * hidden + h) * ffn + f);
    }
  }

  int64_t experts, topK, capacity;
  const Weights &weights;
};

class ExpertsTest : public ImportTest {
protected:
  /// The largest difference between the layer and the loop.
  double compareWithLoop(const ExpertSizes &experts) {
    LlamaSizes sizes;
    sizes.batch = ZooDim::sized(batch);
    sizes.seq = ZooDim::sized(seq);
    sizes.hidden = hidden;
    sizes.ffn = ffn;
    sizes.experts = experts;
    Weights weights;
    EXPECT_NE(importModel(makeLayer(sizes, weights)), "") << diagnostics;
    std::vector<double> x(batch * seq * hidden);
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = static_cast<float>(std::sin(0.7 * static_cast<double>(i * i % 37)));
    auto f32 = mlir::Float32Type::get(&context);
    std::optional<std::vector<Tensor>> results =
        module ? evaluateModule(*module, {{"x", Tensor::fromDoubles(f32, {batch, seq, hidden}, x)}}) : std::nullopt;
    EXPECT_TRUE(results.has_value()) << diagnostics;
    if (!results)
      return INFINITY;
    LoopOverExperts loop(sizes, weights);
    std::vector<double> wanted = loop.run(x);
    mostUsed = loop.mostUsed;
    leastUsed = loop.leastUsed;
    return compare(results->front(), Tensor::fromDoubles(f32, {batch, seq, hidden}, wanted));
  }

  int64_t mostUsed = 0, leastUsed = 0;
};

TEST_F(ExpertsTest, DenseEqualsTheLoop) {
  EXPECT_LT(compareWithLoop({5, 2, 0, "dense"}), 1e-5);
  // Uneven, and at least one expert without any token: the test would say nothing otherwise.
  EXPECT_GT(mostUsed, leastUsed);
  EXPECT_EQ(leastUsed, 0);
  EXPECT_LT(compareWithLoop({3, 1, 0, "dense"}), 1e-5);
  EXPECT_LT(compareWithLoop({3, 3, 0, "dense"}), 1e-5);
}

TEST_F(ExpertsTest, PlacesForAllEqualTheLoop) { EXPECT_LT(compareWithLoop({5, 2, seq, "capacity"}), 1e-5); }

TEST_F(ExpertsTest, WhatFindsNoPlaceIsLeftOut) {
  EXPECT_LT(compareWithLoop({5, 2, 2, "capacity"}), 1e-5);
  EXPECT_GT(mostUsed, 2);
  EXPECT_LT(compareWithLoop({4, 1, 1, "capacity"}), 1e-5);
}

TEST_F(ExpertsTest, OneOperatorForAllEqualsTheLoop) {
  EXPECT_LT(compareWithLoop({5, 2, 0, "exchange"}), 1e-5);
  EXPECT_GT(mostUsed, leastUsed);
  EXPECT_EQ(leastUsed, 0);
  EXPECT_LT(compareWithLoop({3, 1, 0, "exchange"}), 1e-5);
  EXPECT_LT(compareWithLoop({3, 3, 0, "exchange"}), 1e-5);
}

} // namespace
