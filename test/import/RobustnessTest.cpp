// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- RobustnessTest.cpp - Damaged models are refused with a code -------------===//
//
// Every import here either succeeds or reports a diagnostic that begins with a code; a crash fails the test binary.
//
//===----------------------------------------------------------------------===//
#include "ImportHelpers.h"

#include "ModelFile.h"
#include "OpTable.h"

#include <random>

using namespace partita::import;
namespace onnx = partita::onnx;

namespace {

class Robustness : public ImportTest {
protected:
  /// Imports; a failure must have been reported with a code, a success without any error.
  void check(const onnx::Model &model, const std::string &what) { checkBytes(model.SerializeAsString(), what); }

  void checkBytes(const std::string &bytes, const std::string &what) {
    diagnostics.clear();
    std::string text = importFile(folder.write("m.onnx", bytes));
    bool isCoded = llvm::StringRef(diagnostics).starts_with("E-") || llvm::StringRef(diagnostics).contains("op E-");
    EXPECT_EQ(text.empty(), !diagnostics.empty()) << what << "\n" << diagnostics;
    EXPECT_TRUE(!text.empty() || isCoded) << what << "\n" << diagnostics;
    refused += text.empty();
    ++total;
  }

  onnx::Model readZoo(const ZooRequest &request) {
    std::string path = folder.path("zoo.onnx");
    EXPECT_TRUE(static_cast<bool>(writeZooModel(request, path)));
    llvm::Expected<ModelFile> file = ModelFile::open(path);
    onnx::Model model;
    EXPECT_TRUE(file && model.ParseFromArray(file->getBytes().data(), static_cast<int>(file->getBytes().size())));
    return model;
  }

  std::vector<onnx::Model> makeSeeds();

  int refused = 0, total = 0;
};

std::vector<onnx::Model> Robustness::makeSeeds() {
  return {
      readZoo({"mlp", {{"hidden", "4"}, {"input", "3"}, {"output", "2"}}, 1}),
      readZoo({"gpt",
               {{"layers", "1"}, {"hidden", "8"}, {"heads", "2"}, {"vocab", "11"}, {"seq", "5"}, {"positions", "6"}},
               1}),
      readZoo({"llama",
               {{"layers", "1"},
                {"hidden", "8"},
                {"heads", "2"},
                {"kv-heads", "1"},
                {"ffn", "6"},
                {"vocab", "11"},
                {"seq", "4"}},
               1}),
      readZoo({"resnet", {{"layers", "10"}, {"width", "2"}, {"image", "32"}, {"classes", "3"}}, 1})};
}

TEST_F(Robustness, EveryTruncation) {
  std::string bytes = makeSeeds()[0].SerializeAsString();
  ASSERT_GT(bytes.size(), 400u);
  for (size_t size = 0; size < bytes.size(); ++size)
    checkBytes(bytes.substr(0, size), "first " + std::to_string(size) + " bytes");
  // The cut that falls behind the graph loses only the version of the operator set.
  EXPECT_GE(refused, total - 2);
}

TEST_F(Robustness, RandomBytes) {
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    std::string bytes(random() % 200, '\0');
    for (char &byte : bytes)
      byte = static_cast<char>(random());
    checkBytes(bytes, "random file " + std::to_string(i));
  }
  EXPECT_EQ(refused, total);
}

TEST_F(Robustness, FlippedBytes) {
  std::mt19937 random(2);
  for (const onnx::Model &seed : makeSeeds()) {
    std::string bytes = seed.SerializeAsString();
    for (int i = 0; i < 150; ++i) {
      std::string damaged = bytes;
      // Structure is at the front; weights, which any bytes are valid for, behind.
      for (int flips = 1 + static_cast<int>(random() % 3); flips > 0; --flips)
        damaged[random() % std::min<size_t>(damaged.size(), 4000)] = static_cast<char>(random());
      checkBytes(damaged, "flip " + std::to_string(i));
    }
  }
}

TEST_F(Robustness, MistypedAttributes) {
  for (const onnx::Model &seed : makeSeeds())
    for (int node = 0; node < seed.graph().node_size(); ++node)
      for (int index = 0; index < seed.graph().node(node).attribute_size(); ++index)
        for (int kind = 0; kind <= 14; ++kind) {
          onnx::Model model = seed;
          onnx::Attribute &attribute = *model.mutable_graph()->mutable_node(node)->mutable_attribute(index);
          attribute.set_type(static_cast<onnx::Attribute::Kind>(kind));
          check(model, attribute.name() + " of " + seed.graph().node(node).name());
        }
}

int64_t drawNumber(std::mt19937 &random) {
  static const int64_t numbers[] = {0,  1,  -1, 2,  3,         4,         5,         7,         8,
                                    16, -2, -3, 64, INT64_MAX, INT64_MIN, INT32_MAX, INT32_MIN, int64_t(1) << 40};
  return numbers[random() % std::size(numbers)];
}

/// One change of what a file says: its structure, types, shapes or numbers.
void mutate(onnx::Model &model, std::mt19937 &random) {
  onnx::Graph &graph = *model.mutable_graph();
  onnx::Node &node = *graph.mutable_node(static_cast<int>(random() % graph.node_size()));
  const onnx::Node &other = graph.node(static_cast<int>(random() % graph.node_size()));
  onnx::Tensor &tensor = *graph.mutable_initializer(static_cast<int>(random() % graph.initializer_size()));
  int input = node.input_size() ? static_cast<int>(random() % node.input_size()) : 0;
  switch (random() % 14) {
  case 0:
    if (node.input_size())
      node.mutable_input()->DeleteSubrange(input, 1);
    break;
  case 1:
    if (node.input_size() && other.output_size())
      node.set_input(input, other.output(0));
    break;
  case 2:
    if (node.input_size())
      node.set_input(input, tensor.name());
    break;
  case 3:
    if (node.input_size())
      node.set_input(input, "");
    break;
  case 4: {
    auto entry = getOpTable().begin();
    std::advance(entry, random() % getOpTable().size());
    node.set_op_type(entry->first);
    break;
  }
  case 5:
    if (tensor.dims_size())
      tensor.set_dims(static_cast<int>(random() % tensor.dims_size()), drawNumber(random));
    break;
  case 6:
    tensor.set_data_type(static_cast<int>(random() % 26));
    break;
  case 7:
    tensor.mutable_dims()->Clear();
    break;
  case 8:
    for (onnx::Attribute &attribute : *node.mutable_attribute())
      attribute.set_i(drawNumber(random));
    break;
  case 9:
    for (onnx::Attribute &attribute : *node.mutable_attribute())
      if (attribute.ints_size())
        attribute.set_ints(static_cast<int>(random() % attribute.ints_size()), drawNumber(random));
    break;
  case 10:
    for (onnx::Attribute &attribute : *node.mutable_attribute())
      attribute.add_ints(drawNumber(random));
    break;
  case 11:
    for (int64_t &value : *tensor.mutable_int64_data())
      value = drawNumber(random);
    break;
  case 12:
    node.add_input(tensor.name());
    break;
  case 13:
    graph.mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(static_cast<int>(random() % 26));
    break;
  }
}

TEST_F(Robustness, MutatedModels) {
  std::mt19937 random(3);
  std::vector<onnx::Model> seeds = makeSeeds();
  for (int i = 0; i < 2000; ++i) {
    onnx::Model model = seeds[random() % seeds.size()];
    for (int changes = 1 + static_cast<int>(random() % 3); changes > 0; --changes)
      mutate(model, random);
    check(model, "mutant " + std::to_string(i));
  }
  EXPECT_GT(refused, total / 2);
}

TEST_F(Robustness, Cycle) {
  onnx::Model model = makeModel({{"x", {4}}}, {"y"});
  addNode(*model.mutable_graph(), "Add", {"x", "z"}, {"y"});
  addNode(*model.mutable_graph(), "Neg", {"y"}, {"z"});
  EXPECT_EQ(importModel(model), "");
  EXPECT_NE(diagnostics.find("E-BAD-FILE: tensor 'y' depends on itself"), std::string::npos) << diagnostics;
}

TEST_F(Robustness, DeepChainsNeedNoStack) {
  onnx::Model model = makeModel({{"x", {4}}}, {"y"});
  std::string last = "x";
  for (int i = 0; i < 30000; ++i) {
    std::string next = i + 1 == 30000 ? "y" : "t" + std::to_string(i);
    addNode(*model.mutable_graph(), "Relu", {last}, {next});
    last = next;
  }
  EXPECT_NE(importModel(model), "");
  EXPECT_EQ(diagnostics, "");
}

TEST_F(Robustness, ContradictingDefinitions) {
  onnx::Model model = makeModel({{"x", {4}}, {"x", {4}}}, {"y", "nowhere"});
  addWeight(*model.mutable_graph(), "w", {4});
  addWeight(*model.mutable_graph(), "w", {4});
  addNode(*model.mutable_graph(), "Add", {"x", "w"}, {"y"});
  addNode(*model.mutable_graph(), "Add", {"x", "missing"}, {"y"});
  EXPECT_EQ(importModel(model), "");
  for (const char *text : {"input 'x' is listed twice", "initializer 'w'", "tensor 'y', a result of node",
                           "reads 'nowhere', which nothing defines"})
    EXPECT_NE(diagnostics.find(text), std::string::npos) << text << "\n" << diagnostics;
}

TEST_F(Robustness, HugeShapes) {
  onnx::Model model = makeModel({{"x", {int64_t(1) << 40, int64_t(1) << 40}}}, {"y"});
  addNode(*model.mutable_graph(), "Relu", {"x"}, {"y"});
  EXPECT_EQ(importModel(model), "");
  EXPECT_NE(diagnostics.find("E-IMPORT-SHAPE: input 'x'"), std::string::npos) << diagnostics;
  diagnostics.clear();
  onnx::Model expand = makeModel({{"x", {1}}}, {"y"});
  addIntegers(*expand.mutable_graph(), "s", {INT64_MAX, INT64_MAX, 1});
  addNode(*expand.mutable_graph(), "Expand", {"x", "s"}, {"y"});
  EXPECT_EQ(importModel(expand), "");
  EXPECT_NE(diagnostics.find("too many elements"), std::string::npos) << diagnostics;
}

TEST_F(Robustness, SkipsBeyondARow) {
  auto importSkips = [&](int64_t columns, int64_t skips) {
    onnx::Model model = makeModel({{"x", {2, columns}}}, {"y"});
    model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(6);
    onnx::Node &node = addNode(*model.mutable_graph(), "TfIdfVectorizer", {"x"}, {"y"});
    setText(node, "mode", "TF");
    setInteger(node, "min_gram_length", 1);
    setInteger(node, "max_gram_length", 3);
    setInteger(node, "max_skip_count", skips);
    setIntegers(node, "ngram_counts", {0, 2, 6});
    setIntegers(node, "ngram_indexes", {0, 1, 2, 3, 4});
    setIntegers(node, "pool_int64s", {2, 3, 5, 4, 6, 7, 5, 6, 7});
    diagnostics.clear();
    return importModel(model);
  };
  // Of 7 elements a pair spans 1 to 6, a triple 1 to 3.
  std::string most = importSkips(7, 5);
  EXPECT_EQ(count(most, "sum"), 2 + 6 + 3 - 2 + 1) << most;
  for (int64_t skips : {6, INT32_MAX}) {
    EXPECT_EQ(importSkips(7, skips), most);
    EXPECT_EQ(diagnostics, "");
  }
  EXPECT_EQ(importSkips(7, -1), importSkips(7, 0));
  EXPECT_EQ(importSkips(1, INT32_MAX), importSkips(1, 0));
  EXPECT_EQ(importSkips(int64_t(1) << 30, INT32_MAX), "");
  EXPECT_NE(diagnostics.find("too many to be written out"), std::string::npos) << diagnostics;
}

TEST_F(Robustness, NamesThatAreNotText) {
  onnx::Model model = makeModel({{"x", {4}}}, {"y"});
  addNode(*model.mutable_graph(), "Relu", {"x"}, {"y"}).set_name("\xff\xfe");
  EXPECT_EQ(importModel(model), "");
  EXPECT_NE(diagnostics.find("is not UTF-8"), std::string::npos) << diagnostics;
}

// No sum of dims and such overflows.
TEST_F(Robustness, AttributesBeyondAllSizes) {
  for (int64_t number : {INT64_MAX, INT64_MIN, int64_t(1) << 57}) {
    for (auto [type, attribute] : {std::pair{"GatherND", "batch_dims"}, {"ReverseSequence", "time_axis"}}) {
      onnx::Model model = makeModel({{"x", {4, 4}}, {"z", {4, 4}}}, {"y"});
      setInteger(addNode(*model.mutable_graph(), type, {"x", "z"}, {"y"}), attribute, number);
      check(model, type);
      EXPECT_NE(diagnostics.find("is beyond all sizes"), std::string::npos) << diagnostics;
    }
    // A number is not a size.
    onnx::Model model = makeModel({}, {"y"});
    setInteger(addNode(*model.mutable_graph(), "Constant", {}, {"y"}), "value_int", number);
    check(model, "Constant");
    EXPECT_EQ(diagnostics, "");
  }
}

} // namespace
