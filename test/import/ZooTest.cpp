// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ZooTest.cpp - Published parameter counts, seeded weights, refused sizes -===//
#include "partita/import/Zoo.h"

#include "ModelFile.h"
#include "TensorPayload.h"
#include "TestFiles.h"
#include "zoo/SeededWeights.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace partita::import;

namespace {

struct Published {
  std::string name;
  uint64_t parameters;
};

class ZooCount : public ::testing::TestWithParam<Published> {};

TEST_P(ZooCount, EqualsThePublishedOne) {
  TestFolder folder;
  llvm::Expected<ZooSummary> summary = writeZooModel({GetParam().name, {}, std::nullopt}, folder.path("m.onnx"));
  ASSERT_TRUE(static_cast<bool>(summary)) << takeText(summary.takeError());
  EXPECT_EQ(summary->parameters, GetParam().parameters);
  EXPECT_LT(summary->modelBytes, uint64_t(4) << 20);
  llvm::Expected<uint64_t> counted = countParameters(folder.path("m.onnx"));
  ASSERT_TRUE(static_cast<bool>(counted));
  EXPECT_EQ(*counted, GetParam().parameters);
}

INSTANTIATE_TEST_SUITE_P(Zoo, ZooCount,
                         ::testing::Values(Published{"gpt", 124439808}, Published{"gpt2-medium", 354823168},
                                           Published{"gpt2-large", 774030080}, Published{"gpt2-xl", 1557611200},
                                           Published{"gpt3-175b", 174604259328}, Published{"llama", 8030261248},
                                           Published{"llama3-70b", 70553706496}, Published{"llama2-7b", 6738415616},
                                           Published{"resnet", 25557032}, Published{"resnet18", 11689512}),
                         [](const auto &info) {
                           std::string name = info.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

std::string writeText(const ZooRequest &request) {
  TestFolder folder;
  return takeText(writeZooModel(request, folder.path("m.onnx")).takeError());
}

TEST(Zoo, RefusesWrongNamesAndSizes) {
  EXPECT_NE(writeText({"lama", {}, {}}).find("E-ZOO-NAME"), std::string::npos);
  EXPECT_NE(writeText({"lama", {}, {}}).find("did you mean 'llama'?"), std::string::npos);
  for (auto [key, value] : {std::pair{"layers", "0"},
                            {"layers", "-1"},
                            {"layers", "many"},
                            {"layers", "99999999999999999999"},
                            {"batch", ""},
                            {"batch", "a b"},
                            {"heads", "7"},
                            {"positions", "8"},
                            {"mlp", "swish"},
                            {"experts", "8"}})
    EXPECT_EQ(writeText({"gpt", {{key, value}}, {}}).find("E-ZOO-SIZE"), 0u) << key << "=" << value;
  EXPECT_EQ(writeText({"resnet", {{"layers", "51"}}, {}}).find("E-ZOO-SIZE"), 0u);
  EXPECT_EQ(writeText({"llama", {{"kv-heads", "5"}}, {}}).find("E-ZOO-SIZE"), 0u);
}

TEST(Zoo, ListsEveryNameWithItsSizes) {
  for (const ZooEntry &entry : listZoo()) {
    EXPECT_FALSE(entry.description.empty());
    EXPECT_TRUE(entry.sizes.count("batch")) << entry.name;
    EXPECT_EQ(writeText({entry.name, entry.sizes, std::nullopt}), "") << entry.name;
  }
}

TEST(Zoo, SymbolicDimsAreNamed) {
  TestFolder folder;
  std::string path = folder.path("m.onnx");
  ASSERT_TRUE(static_cast<bool>(writeZooModel({"gpt", {{"batch", "batch"}, {"seq", "seq"}}, std::nullopt}, path)));
  llvm::Expected<ModelFile> file = ModelFile::open(path);
  ASSERT_TRUE(static_cast<bool>(file));
  EXPECT_EQ(file->getModel().graph().input(0).type().tensor_type().shape().dim(0).dim_param(), "batch");
  EXPECT_EQ(file->getModel().graph().output(0).type().tensor_type().shape().dim(1).dim_param(), "seq");
}

/// The bytes of initializer `name` of a model.
std::string readWeight(const std::string &path, const std::string &name) {
  llvm::Expected<ModelFile> file = ModelFile::open(path);
  EXPECT_TRUE(static_cast<bool>(file));
  for (const partita::onnx::Tensor &tensor : file->getModel().graph().initializer()) {
    if (tensor.name() != name)
      continue;
    llvm::Expected<Payload> payload = locatePayload(*file, tensor);
    EXPECT_TRUE(static_cast<bool>(payload));
    llvm::Expected<std::string> bytes = readPayload(*payload, uint64_t(1) << 30);
    EXPECT_TRUE(static_cast<bool>(bytes));
    return *bytes;
  }
  return "";
}

TEST(Zoo, WeightsAreAFunctionOfSeedNameAndIndex) {
  TestFolder folder;
  ZooRequest small{"gpt", {{"layers", "1"}, {"hidden", "48"}, {"heads", "12"}, {"vocab", "100"}}, 1};
  ZooRequest deep = small, other = small;
  deep.sizes["layers"] = "2";
  deep.sizes["vocab"] = "200000"; // 38 MB: beside the model
  other.seed = 2;
  llvm::Expected<ZooSummary> inside = writeZooModel(small, folder.path("a.onnx"));
  llvm::Expected<ZooSummary> beside = writeZooModel(deep, folder.path("b.onnx"));
  ASSERT_TRUE(inside && beside && writeZooModel(other, folder.path("c.onnx")));
  EXPECT_EQ(inside->weightsPath, "");
  EXPECT_EQ(beside->weightsPath, folder.path("b.onnx.data"));
  std::string name = "transformer.h.0.attn.c_attn.weight";
  std::string weight = readWeight(folder.path("a.onnx"), name);
  ASSERT_EQ(weight.size(), 48u * 144 * 4);
  EXPECT_EQ(readWeight(folder.path("b.onnx"), name), weight);
  EXPECT_NE(readWeight(folder.path("c.onnx"), name), weight);
  // A table that begins with the same elements: any prefix is the same.
  std::string table = readWeight(folder.path("a.onnx"), "transformer.wte.weight");
  EXPECT_EQ(readWeight(folder.path("b.onnx"), "transformer.wte.weight").substr(0, table.size()), table);
}

TEST(SeededWeights, PhiloxKnownAnswers) {
  // Known-answer vectors published with the Random123 library.
  EXPECT_EQ(makePhiloxBlock({0, 0, 0, 0}, {0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(makePhiloxBlock({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(SeededWeights, MomentsOfTheNoise) {
  std::vector<float> values(200001);
  NoiseSource(3, "w").fill(Fill{0.5, 2.0}, 0, values);
  double sum = 0, squares = 0;
  for (float value : values) {
    sum += value;
    squares += (value - 0.5) * (value - 0.5);
  }
  EXPECT_NEAR(sum / 200001, 0.5, 0.02);
  EXPECT_NEAR(std::sqrt(squares / 200001), 2.0, 0.02);
}

} // namespace
