// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- RandomTest.cpp - Operators that draw random numbers ---------------------===//
#include "GraphEvaluation.h"
#include "ImportHelpers.h"

#include <cmath>
#include <numeric>
#include <set>

using namespace partita;
using namespace partita::import;
using interpreter::Tensor;

namespace {

using Numbers = std::vector<double>;

class Random : public ImportTest {
protected:
  Numbers draw(const std::string &type, const std::vector<std::pair<std::string, float>> &numbers,
               const std::vector<int64_t> &shape, int32_t element = onnx::F32, const std::string &name = "node") {
    onnx::Model model = makeModel({}, {"y"});
    onnx::Node &node = addNode(*model.mutable_graph(), type, {}, {"y"});
    node.set_name(name);
    setIntegers(node, "shape", shape);
    setInteger(node, "dtype", element);
    for (const auto &[attribute, value] : numbers)
      setFloat(node, attribute, value);
    return evaluate(model, {})[0];
  }

  std::vector<Numbers> evaluate(const onnx::Model &model, const std::map<std::string, Tensor> &inputs) {
    importModel(model);
    EXPECT_EQ(diagnostics, "");
    std::vector<Numbers> results;
    std::optional<std::vector<Tensor>> outputs = module ? evaluateModule(*module, inputs) : std::nullopt;
    EXPECT_TRUE(outputs.has_value());
    for (const Tensor &output : outputs.value_or(std::vector<Tensor>()))
      results.push_back(output.toDoubles());
    results.resize(std::max<size_t>(results.size(), 1));
    return results;
  }

  static void setFloat(onnx::Node &node, const std::string &name, float value) {
    onnx::Attribute &attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::Attribute::FLOAT);
    attribute.set_f(value);
  }

  Tensor floats(llvm::ArrayRef<int64_t> shape, const Numbers &values) {
    return Tensor::fromDoubles(mlir::Float32Type::get(&context), shape, values);
  }
};

double meanOf(const Numbers &numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), 0.0) / static_cast<double>(numbers.size());
}

/// The moment of that order about `center`.
double momentOf(const Numbers &numbers, double center, int order) {
  Numbers powers;
  for (double number : numbers)
    powers.push_back(std::pow(number - center, order));
  return meanOf(powers);
}

// Deviations of means are judged by five standard deviations of a mean of so many numbers: none of these tests draws
// anew.
constexpr int64_t kCount = 40000;

TEST_F(Random, UniformNumbers) {
  for (int32_t element : {onnx::F32, onnx::F64, onnx::F16}) {
    Numbers drawn = draw("RandomUniform", {{"low", -2}, {"high", 6}}, {200, kCount / 200}, element);
    ASSERT_EQ(drawn.size(), size_t(kCount));
    EXPECT_NEAR(meanOf(drawn), 2.0, 5 * 8 / std::sqrt(12.0 * kCount));
    EXPECT_NEAR(momentOf(drawn, 2.0, 2), 64.0 / 12.0, 5 * 64 * std::sqrt(1.0 / 180 / kCount));
    EXPECT_GE(*std::min_element(drawn.begin(), drawn.end()), -2.0);
    EXPECT_LE(*std::max_element(drawn.begin(), drawn.end()), 6.0);
    EXPECT_GT(*std::max_element(drawn.begin(), drawn.end()), 5.99);
    // Numbers that follow one another say nothing of each other.
    Numbers products;
    for (size_t i = 0; i + 1 < drawn.size(); ++i)
      products.push_back((drawn[i] - 2) * (drawn[i + 1] - 2));
    EXPECT_NEAR(meanOf(products), 0.0, 5 * 64.0 / 12.0 / std::sqrt(double(kCount)));
  }
  // 53 bits, not 24 or 32.
  Numbers fine = draw("RandomUniform", {}, {1000}, onnx::F64);
  EXPECT_TRUE(llvm::any_of(fine, [](double u) { return std::ldexp(u, 52) != std::floor(std::ldexp(u, 52)); }));
}

TEST_F(Random, NormalNumbers) {
  for (int32_t element : {onnx::F32, onnx::F64}) {
    Numbers drawn = draw("RandomNormal", {{"mean", 3}, {"scale", 0.5}}, {kCount}, element);
    double deviation = 0.5;
    EXPECT_NEAR(meanOf(drawn), 3.0, 5 * deviation / std::sqrt(double(kCount)));
    EXPECT_NEAR(momentOf(drawn, 3.0, 2), 0.25, 5 * 0.25 * std::sqrt(2.0 / kCount));
    EXPECT_NEAR(momentOf(drawn, 3.0, 3), 0.0, 5 * 0.125 * std::sqrt(15.0 / kCount));
    EXPECT_NEAR(momentOf(drawn, 3.0, 4), 3 * 0.0625, 5 * 0.0625 * std::sqrt(96.0 / kCount));
  }
}

TEST_F(Random, SeedsAndNamesChooseTheNumbers) {
  Numbers one = draw("RandomNormal", {{"seed", 1}}, {8}), two = draw("RandomNormal", {{"seed", 2}}, {8});
  EXPECT_NE(one, two);
  EXPECT_EQ(draw("RandomNormal", {{"seed", 1}}, {8}, onnx::F32, "other"), one);
  Numbers left = draw("RandomNormal", {}, {8}, onnx::F32, "left");
  EXPECT_EQ(draw("RandomNormal", {}, {8}, onnx::F32, "left"), left);
  EXPECT_NE(draw("RandomNormal", {}, {8}, onnx::F32, "right"), left);
  // Rows that come later change nothing in those before.
  Numbers more = draw("RandomNormal", {{"seed", 1}}, {4, 4});
  EXPECT_EQ(Numbers(more.begin(), more.begin() + 8), draw("RandomNormal", {{"seed", 1}}, {2, 4}));
}

TEST_F(Random, LikeAnotherTensor) {
  onnx::Model model = makeModel({{"x", {3, 5}}}, {"y", "z"});
  setInteger(addNode(*model.mutable_graph(), "RandomUniformLike", {"x"}, {"y"}), "dtype", onnx::F64);
  addNode(*model.mutable_graph(), "RandomNormalLike", {"x"}, {"z"});
  std::vector<Numbers> drawn = evaluate(model, {{"x", floats({3, 5}, Numbers(15, 0.0))}});
  EXPECT_EQ(std::set<double>(drawn[0].begin(), drawn[0].end()).size(), 15u);
  EXPECT_EQ(std::set<double>(drawn[1].begin(), drawn[1].end()).size(), 15u);
}

TEST_F(Random, Bernoulli) {
  onnx::Model model = makeModel({{"x", {4, 10000}}}, {"y"});
  setInteger(addNode(*model.mutable_graph(), "Bernoulli", {"x"}, {"y"}), "dtype", onnx::SI32);
  Numbers chances = {0.0, 0.1, 0.75, 1.0}, given;
  for (double chance : chances)
    given.insert(given.end(), 10000, chance);
  Numbers drawn = evaluate(model, {{"x", floats({4, 10000}, given)}})[0];
  for (size_t row = 0; row < 4; ++row) {
    Numbers part(drawn.begin() + long(row) * 10000, drawn.begin() + long(row + 1) * 10000);
    double chance = chances[row];
    EXPECT_NEAR(meanOf(part), chance, 5 * std::sqrt(chance * (1 - chance) / 10000));
    EXPECT_EQ(momentOf(part, 0, 2), meanOf(part)) << "only 0 and 1";
  }
}

TEST_F(Random, Multinomial) {
  onnx::Model model = makeModel({{"x", {2, 3}}}, {"y"});
  setInteger(addNode(*model.mutable_graph(), "Multinomial", {"x"}, {"y"}), "sample_size", 10000);
  Numbers chances = {0.5, 0.3, 0.2, 0.05, 0.0, 0.95}, logarithms;
  for (double chance : chances)
    logarithms.push_back(chance == 0.0 ? -1e30 : std::log(chance) + 4);
  Numbers drawn = evaluate(model, {{"x", floats({2, 3}, logarithms)}})[0];
  ASSERT_EQ(drawn.size(), 20000u);
  for (size_t row = 0; row < 2; ++row)
    for (size_t choice = 0; choice < 3; ++choice) {
      double count = 0, chance = chances[row * 3 + choice];
      for (size_t i = 0; i < 10000; ++i)
        count += drawn[row * 10000 + i] == double(choice);
      EXPECT_NEAR(count / 10000, chance, 5 * std::sqrt(chance * (1 - chance) / 10000)) << row << ' ' << choice;
    }
}

TEST_F(Random, DropoutInTraining) {
  onnx::Model model = makeModel({{"x", {100, 200}}}, {"y", "mask"});
  onnx::Graph &graph = *model.mutable_graph();
  onnx::Tensor &ratio = *graph.add_initializer();
  ratio.set_name("ratio");
  ratio.set_data_type(onnx::F32);
  ratio.add_float_data(0.25f);
  onnx::Tensor &training = *graph.add_initializer();
  training.set_name("training");
  training.set_data_type(onnx::BOOLEAN);
  training.add_int32_data(1);
  addNode(graph, "Dropout", {"x", "ratio", "training"}, {"y", "mask"});
  Numbers x;
  for (int i = 0; i < 20000; ++i)
    x.push_back(i % 7 + 1);
  std::vector<Numbers> drawn = evaluate(model, {{"x", floats({100, 200}, x)}});
  EXPECT_NEAR(meanOf(drawn[1]), 0.75, 5 * std::sqrt(0.75 * 0.25 / 20000));
  for (size_t i = 0; i < x.size(); ++i)
    ASSERT_EQ(drawn[0][i], drawn[1][i] == 0 ? 0 : double(float(x[i]) * float(1 / 0.75))) << i;
}

TEST_F(Random, MistakesAreReported) {
  onnx::Model model = makeModel({{"x", {4}}}, {"y"});
  setInteger(addNode(*model.mutable_graph(), "RandomUniform", {}, {"y"}), "dtype", onnx::SI32);
  EXPECT_EQ(importModel(model), "");
  EXPECT_NE(diagnostics.find("E-BAD-FILE"), std::string::npos) << diagnostics;
  EXPECT_NE(diagnostics.find("dtype 6 is no float type"), std::string::npos) << diagnostics;
}

} // namespace
