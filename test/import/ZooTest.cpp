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
                                           Published{"resnet", 25557032}, Published{"resnet18", 11689512},
                                           Published{"bert", 109482240}, Published{"bert-large", 335141888},
                                           Published{"vit", 86567656}, Published{"vit-l16", 304326632},
                                           Published{"clip", 151277313}, Published{"mobilenet", 5483032},
                                           Published{"lstm", 66034000}, Published{"mistral-7b", 7241732096},
                                           Published{"qwen2-7b", 7615616512}, Published{"mixtral", 46702792704}),
                         [](const auto &info) {
                           std::string name = info.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

uint64_t countZoo(const ZooRequest &request) {
  TestFolder folder;
  llvm::Expected<ZooSummary> summary = writeZooModel(request, folder.path("m.onnx"));
  return summary ? summary->parameters : (llvm::consumeError(summary.takeError()), 0);
}

/// Two 3x3 convolutions, a halving; the same backwards behind a 2x2 transposed convolution that halves the channels.
uint64_t countUnet(uint64_t channels, uint64_t classes, uint64_t width, uint64_t levels) {
  auto pair = [](uint64_t in, uint64_t out) { return 9 * in * out + out + 9 * out * out + out; };
  uint64_t count = 0, in = channels, out = width;
  for (uint64_t level = 0; level < levels; ++level, in = out, out *= 2)
    count += pair(in, out);
  count += pair(in, out);
  for (uint64_t level = 0; level < levels; ++level, out /= 2)
    count += 4 * out * (out / 2) + out / 2 + pair(out, out / 2);
  return count + out * classes + classes;
}

TEST(Zoo, UnetHasTheCountOfItsFormula) {
  // Ronneberger et al. 2015 with 1 channel in and 2 classes, as in figure 1 of the paper; no batch norms.
  EXPECT_EQ(countUnet(1, 2, 64, 4), 31030658u);
  EXPECT_EQ(countZoo({"unet", {}, {}}), 31030658u);
  ZooRequest small{"unet", {{"layers", "2"}, {"width", "8"}, {"image", "44"}, {"channels", "3"}, {"classes", "5"}}, {}};
  EXPECT_EQ(countZoo(small), countUnet(3, 5, 8, 2));
  small.sizes["padding"] = "same";
  EXPECT_EQ(countZoo(small), countUnet(3, 5, 8, 2));
}

TEST(Zoo, DlrmHasTheCountOfItsFormula) {
  // 33,762,577 rows of 16 numbers; bottom layers 13-512-256-64-16; 27 features with 351 products; top 367-512-256-1.
  uint64_t bottom = 14 * 512 + 513 * 256 + 257 * 64 + 65 * 16, top = 368 * 512 + 513 * 256 + 257 * 1;
  EXPECT_EQ(countZoo({"dlrm", {}, {}}), 33762577u * 16 + bottom + top);
  // Tables have at most 100 rows; 3 tables: 100 + 100 + 100, 4 features with 6 products.
  uint64_t small = 300 * 8 + (5 * 16 + 17 * 8 + 9 * 2 + 3 * 8) + (15 * 16 + 17 * 8 + 9);
  EXPECT_EQ(countZoo({"dlrm", {{"rows", "100"}, {"tables", "3"}, {"hidden", "8"}, {"ffn", "16"}, {"input", "4"}}, {}}),
            small);
}

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
  // Each would be written out.
  EXPECT_EQ(writeText({"gpt", {{"layers", "2147483647"}}, {}}).find("E-ZOO-SIZE"), 0u);
  EXPECT_EQ(writeText({"dlrm", {{"tables", "4097"}}, {}}).find("E-ZOO-SIZE"), 0u);
  EXPECT_EQ(writeText({"llama", {{"kv-heads", "5"}}, {}}).find("E-ZOO-SIZE"), 0u);
  EXPECT_EQ(writeText({"mixtral", {{"top-k", "9"}}, {}}).find("E-ZOO-SIZE"), 0u);
  EXPECT_EQ(writeText({"mixtral", {{"dispatch", "capacity"}, {"seq", "s"}}, {}}).find("E-ZOO-SIZE"), 0u);
  EXPECT_EQ(writeText({"unet", {{"image", "570"}}, {}}).find("E-ZOO-SIZE"), 0u);
  EXPECT_EQ(writeText({"vit", {{"patch", "15"}}, {}}).find("E-ZOO-SIZE"), 0u);
  EXPECT_EQ(writeText({"bert", {{"norm-epsilon", "2"}}, {}}).find("E-ZOO-SIZE"), 0u);
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
