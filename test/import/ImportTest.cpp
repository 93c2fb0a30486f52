// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ImportTest.cpp - ONNX graphs become the graph dialect -------------------===//
#include "partita/import/Import.h"

#include "GraphEvaluation.h"
#include "ImportHelpers.h"
#include "ModelFile.h"
#include "partita/dialects/graph/Graph.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <algorithm>
#include <random>
#include <set>

using namespace partita;
using namespace partita::import;
using interpreter::Tensor;

namespace {

class Import : public ImportTest {
protected:
  std::vector<double> evaluate(const std::map<std::string, Tensor> &inputs) {
    std::optional<std::vector<Tensor>> outputs = evaluateModule(*module, inputs);
    EXPECT_TRUE(outputs.has_value()) << diagnostics;
    return outputs ? (*outputs)[0].toDoubles() : std::vector<double>();
  }

  Tensor tokens(llvm::ArrayRef<int64_t> shape, int seed) {
    std::vector<double> values;
    for (int64_t i = 0; i < interpreter::countElements(shape); ++i)
      values.push_back(static_cast<double>((i * 7 + seed) % 11));
    return Tensor::fromDoubles(mlir::IntegerType::get(&context, 64, mlir::IntegerType::Signed), shape, values);
  }

  mlir::func::FuncOp main() { return module->lookupSymbol<mlir::func::FuncOp>("main"); }

  /// Attribute `key` of every argument that has it, as text.
  std::vector<std::string> argumentTexts(llvm::StringRef key) {
    std::vector<std::string> texts;
    for (unsigned i = 0; i < main().getNumArguments(); ++i)
      if (auto text = main().getArgAttrOfType<mlir::StringAttr>(i, key))
        texts.push_back(text.str());
    return texts;
  }
};

ZooRequest smallGpt() {
  return {
      "gpt", {{"layers", "2"}, {"hidden", "12"}, {"heads", "3"}, {"vocab", "11"}, {"seq", "5"}, {"positions", "8"}}, 1};
}

ZooRequest smallLlama() {
  return {"llama",
          {{"layers", "2"},
           {"hidden", "16"},
           {"heads", "4"},
           {"kv-heads", "2"},
           {"ffn", "10"},
           {"vocab", "11"},
           {"seq", "5"}},
          1};
}

TEST_F(Import, MlpHasTwoContractionsAndItsOwnWeightLayout) {
  std::string text = importZoo({"mlp", {}, 1});
  EXPECT_EQ(diagnostics, "");
  EXPECT_EQ(count(text, "partita_graph.contraction"), 2);
  EXPECT_EQ(count(text, "\"xy,zy->xz\""), 2);
  EXPECT_EQ(count(text, "partita_graph.transpose"), 0);
  EXPECT_EQ(argumentTexts(kRoleAttr),
            (std::vector<std::string>{"input", "parameter", "parameter", "parameter", "parameter"}));
  EXPECT_EQ(argumentTexts(kNameAttr)[1], "layers.0.weight");
}

TEST_F(Import, NamesAreUniqueAndTheModelsOwn) {
  std::string text = importZoo(smallGpt());
  std::set<std::string> names;
  for (mlir::Operation &op : main().front().without_terminator())
    EXPECT_TRUE(names.insert(op.getAttrOfType<mlir::StringAttr>("name").str()).second);
  EXPECT_TRUE(names.count("transformer.h.1.mlp.c_fc/matmul"));
  EXPECT_TRUE(names.count("logits"));
  EXPECT_EQ(main().getResultAttrOfType<mlir::StringAttr>(0, kNameAttr).getValue(), "logits");
  EXPECT_EQ(main().getArgAttrOfType<mlir::IntegerAttr>(0, kMaximumAttr).getInt(), 10);
}

TEST_F(Import, TiedWeightIsOneArgument) {
  importZoo(smallGpt());
  std::vector<std::string> names = argumentTexts(kNameAttr);
  EXPECT_EQ(std::count(names.begin(), names.end(), "transformer.wte.weight"), 1);
}

// Each of query, key and value has a box of the file's tensor, so that no rank needs the whole of it.
TEST_F(Import, FusedProjectionBecomesThree) {
  std::string text = importZoo(smallGpt());
  EXPECT_EQ(count(text, "c_attn.weight/"), 6);
  EXPECT_EQ(count(text, "shape = [12, 36], start = [0, 12]"), 2);
  EXPECT_EQ(count(text, "shape = [36], start = [24]"), 2);
  EXPECT_EQ(count(text, "partita_graph.slice"), 1); // of the positions
}

TEST_F(Import, FusedProjectionComputesTheSame) {
  onnx::Model split = makeModel({{"x", {2, 3}}}, {"y"}), whole = makeModel({{"x", {2, 3}}}, {"y"});
  for (onnx::Model *model : {&split, &whole}) {
    onnx::Graph &graph = *model->mutable_graph();
    addWeight(graph, "w", {3, 8});
    addWeight(graph, "b", {8}, 0.5f);
    addIntegers(graph, "sizes", {2, 6});
    addNode(graph, "MatMul", {"x", "w"}, {"p"});
    addNode(graph, "Add", {"b", "p"}, {"s"});
    setInteger(addNode(graph, "Split", {"s", "sizes"}, {"q", "r"}), "axis", -1);
    setInteger(addNode(graph, "Concat", {"r", "q"}, {"c"}), "axis", 1);
  }
  addNode(*split.mutable_graph(), "Identity", {"c"}, {"y"});
  // A second reader of the sum keeps it whole.
  addNode(*whole.mutable_graph(), "Sub", {"c", "s"}, {"d"});
  addNode(*whole.mutable_graph(), "Add", {"d", "s"}, {"y"});
  std::string text = importModel(split);
  EXPECT_EQ(count(text, "partita_graph.slice"), 0);
  EXPECT_EQ(count(text, "partita_graph.contraction"), 2);
  std::vector<double> parts = evaluate({{"x", makeRamp(context, {2, 3})}});
  text = importModel(whole);
  EXPECT_EQ(count(text, "partita_graph.slice"), 2);
  EXPECT_EQ(count(text, "partita_graph.contraction"), 1);
  std::vector<double> reference = evaluate({{"x", makeRamp(context, {2, 3})}});
  ASSERT_EQ(parts.size(), 16u);
  for (size_t i = 0; i < parts.size(); ++i)
    EXPECT_NEAR(parts[i], reference[i], 1e-6);
}

// The same model with its nodes shuffled and its tensors renamed: equal up to names.
TEST_F(Import, OrderDoesNotDependOnTheFile) {
  std::string first = importZoo(smallLlama());
  llvm::Expected<ModelFile> file = ModelFile::open(folder.path("zoo.onnx"));
  ASSERT_TRUE(static_cast<bool>(file));
  onnx::Model model;
  ASSERT_TRUE(model.ParseFromArray(file->getBytes().data(), static_cast<int>(file->getBytes().size())));
  onnx::Graph &graph = *model.mutable_graph();
  std::mt19937 random(5);
  for (int i = graph.node_size() - 1; i > 0; --i)
    graph.mutable_node()->SwapElements(i, static_cast<int>(random() % (i + 1)));
  for (int i = graph.initializer_size() - 1; i > 0; --i)
    graph.mutable_initializer()->SwapElements(i, static_cast<int>(random() % (i + 1)));
  std::set<std::string> kept = {"input_ids", "logits"};
  auto rename = [&](std::string *name) {
    if (!kept.count(*name))
      *name = "t" + std::to_string(std::hash<std::string>()(*name));
  };
  for (onnx::Node &node : *graph.mutable_node()) {
    for (std::string &name : *node.mutable_input())
      rename(&name);
    for (std::string &name : *node.mutable_output())
      rename(&name);
  }
  for (onnx::Tensor &tensor : *graph.mutable_initializer())
    rename(tensor.mutable_name());
  auto strip = [](std::string text) {
    // Weights lie elsewhere in the other file and have other names.
    std::string out;
    for (size_t i = 0, depth = 0; i < text.size(); ++i) {
      depth += text.compare(i, 9, "{partita.") == 0;
      if (!depth)
        out += text[i];
      depth -= depth && text[i] == '}';
    }
    return out;
  };
  EXPECT_EQ(strip(importModel(model)), strip(first));
  EXPECT_EQ(diagnostics, "");
}

TEST_F(Import, GptIsCausalAndSymbolicEqualsStatic) {
  importZoo(smallGpt());
  Tensor ids = tokens({1, 5}, 0);
  std::vector<double> reference = evaluate({{"input_ids", ids}});
  std::vector<double> numbers = ids.toDoubles();
  numbers.back() = 10 - numbers.back();
  std::vector<double> changed = evaluate({{"input_ids", Tensor::fromDoubles(ids.getElementType(), {1, 5}, numbers)}});
  for (size_t i = 0; i < 4 * 11; ++i)
    EXPECT_EQ(reference[i], changed[i]);
  EXPECT_NE(reference.back(), changed.back());
  ZooRequest symbolic = smallGpt();
  symbolic.sizes["seq"] = "seq";
  std::string text = importZoo(symbolic, {"seq=1..8"});
  EXPECT_EQ(diagnostics, "");
  EXPECT_NE(text.find("<\"seq\", 1, 8>"), std::string::npos);
  std::vector<double> same = evaluate({{"input_ids", ids}});
  ASSERT_EQ(same.size(), reference.size());
  for (size_t i = 0; i < same.size(); ++i)
    EXPECT_NEAR(same[i], reference[i], 1e-5);
}

TEST_F(Import, LlamaWithSymbolicBatchOrSequence) {
  importZoo(smallLlama());
  Tensor ids = tokens({1, 5}, 3);
  std::vector<double> reference = evaluate({{"input_ids", ids}});
  for (auto [size, binding] : {std::pair{"seq", "n=2..9"}, {"batch", "n=1..4"}}) {
    ZooRequest symbolic = smallLlama();
    symbolic.sizes[size] = "n";
    std::string text = importZoo(symbolic, {binding});
    EXPECT_EQ(diagnostics, "");
    EXPECT_EQ(count(text, "partita_graph.rotary"), 4);
    std::vector<double> same = evaluate({{"input_ids", ids}});
    ASSERT_EQ(same.size(), reference.size());
    for (size_t i = 0; i < same.size(); ++i)
      EXPECT_NEAR(same[i], reference[i], 1e-5) << size;
  }
}

// Positions of each batch element: as if each were turned alone.
TEST_F(Import, RotaryTablesOfEachBatchElement) {
  auto build = [](int64_t batch) {
    onnx::Model model = makeModel({{"x", {batch, 2, 3, 4}}, {"p", {batch, 3}}, {"c", {6, 2}}, {"s", {6, 2}}}, {"y"});
    onnx::Graph &graph = *model.mutable_graph();
    graph.mutable_input(1)->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::SI64);
    addNode(graph, "RotaryEmbedding", {"x", "c", "s", "p"}, {"y"});
    return model;
  };
  mlir::Type f32 = mlir::Float32Type::get(&context);
  mlir::Type si64 = mlir::IntegerType::get(&context, 64, mlir::IntegerType::Signed);
  auto ramp = [&](llvm::ArrayRef<int64_t> shape, double step, size_t first = 0) {
    std::vector<double> values;
    for (int64_t i = 0; i < interpreter::countElements(shape); ++i)
      values.push_back(std::sin(step * static_cast<double>(first + static_cast<size_t>(i) + 1)));
    return Tensor::fromDoubles(f32, shape, values);
  };
  std::vector<double> positions = {0, 1, 2, 5, 3, 4}, apart;
  Tensor c = ramp({6, 2}, 0.7), s = ramp({6, 2}, 1.1);
  for (size_t element = 0; element < 2; ++element) {
    importModel(build(1));
    std::vector<double> row(positions.begin() + 3 * element, positions.begin() + 3 * element + 3);
    std::vector<double> one = evaluate({{"x", ramp({1, 2, 3, 4}, 0.3, element * 24)},
                                        {"p", Tensor::fromDoubles(si64, {1, 3}, row)},
                                        {"c", c},
                                        {"s", s}});
    apart.insert(apart.end(), one.begin(), one.end());
  }
  std::string text = importModel(build(2));
  EXPECT_EQ(diagnostics, "");
  EXPECT_EQ(count(text, "partita_graph.rotary"), 1);
  EXPECT_EQ(
      evaluate(
          {{"x", ramp({2, 2, 3, 4}, 0.3)}, {"p", Tensor::fromDoubles(si64, {2, 3}, positions)}, {"c", c}, {"s", s}}),
      apart);
}

TEST_F(Import, ResnetWithSymbolicBatch) {
  ZooRequest request{
      "resnet", {{"layers", "14"}, {"width", "4"}, {"image", "32"}, {"classes", "5"}, {"batch", "2"}}, 1};
  importZoo(request);
  Tensor image = makeRamp(context, {2, 3, 32, 32});
  std::vector<double> reference = evaluate({{"image", image}});
  request.sizes["batch"] = "batch";
  std::string text = importZoo(request, {"batch=1..8"});
  EXPECT_EQ(diagnostics, "");
  EXPECT_EQ(count(text, "partita_graph.batch_norm"), 17);
  EXPECT_NE(text.find("partita.role = \"constant\""), std::string::npos); // running statistics
  std::vector<double> same = evaluate({{"image", image}});
  ASSERT_EQ(same.size(), 10u);
  for (size_t i = 0; i < same.size(); ++i)
    EXPECT_NEAR(same[i], reference[i], 1e-5);
}

// The shape program that exporters write for x.view(batch, seq, heads, -1).
TEST_F(Import, ShapeProgramsAreFolded) {
  onnx::Model model = makeModel({{"x", {-1, 6, 8}}}, {"y"});
  onnx::Graph &graph = *model.mutable_graph();
  addIntegers(graph, "zero", {0});
  addIntegers(graph, "rest", {2, -1});
  addIntegers(graph, "three", {3});
  addNode(graph, "Shape", {"x"}, {"shape"});
  addNode(graph, "Gather", {"shape", "zero"}, {"batch"});
  addNode(graph, "Mul", {"batch", "three"}, {"rows"});
  setInteger(addNode(graph, "Concat", {"rows", "rest"}, {"target"}), "axis", 0);
  addNode(graph, "Reshape", {"x", "target"}, {"y"});
  std::string text = importModel(model, {"d1=2..5"});
  EXPECT_EQ(diagnostics, "");
  EXPECT_NE(text.find("(s0 * 3, 2, 8)"), std::string::npos) << text;
  EXPECT_EQ(count(text, "partita_graph."), 1) << text;
}

TEST_F(Import, ConstantsAreFolded) {
  onnx::Model model = makeModel({{"x", {4}}}, {"y"});
  onnx::Graph &graph = *model.mutable_graph();
  onnx::Tensor &tensor = *graph.add_initializer();
  tensor.set_name("c");
  tensor.set_data_type(onnx::F32);
  tensor.add_float_data(16.0f);
  addNode(graph, "Sqrt", {"c"}, {"root"});
  addNode(graph, "Div", {"x", "root"}, {"y"});
  std::string text = importModel(model);
  EXPECT_EQ(count(text, "sqrt"), 0) << text;
  EXPECT_NE(text.find("dense<4.0"), std::string::npos) << text;
}

TEST_F(Import, WeightsThatWereNeverWrittenHaveNoFile) {
  ZooRequest request = smallGpt();
  request.seed.reset();
  std::string text = importZoo(request);
  EXPECT_EQ(diagnostics, "");
  EXPECT_NE(text.find("#partita.source<\"\""), std::string::npos);
}

TEST_F(Import, EveryProblemIsReported) {
  onnx::Model model = makeModel({{"x", {4, -1}}, {"z", {4}}}, {"y", "v"});
  onnx::Graph &graph = *model.mutable_graph();
  addNode(graph, "Frobnicate", {"z"}, {"a"});
  addNode(graph, "Relu", {"a"}, {"b"});
  onnx::Node &other = addNode(graph, "Foo", {"b"}, {"y"});
  other.set_domain("com.example");
  other.set_name("special");
  addWeight(graph, "w", {3});
  addNode(graph, "Add", {"z", "w"}, {"v"}).set_name("sum");
  EXPECT_EQ(importModel(model, {"q=3"}), "");
  for (const char *text : {"E-DIM-NAME: no input has a dimension 'q'; symbolic dimensions: d1",
                           "E-DIM-UNBOUND: dimension 1 of input 'x' has no extent; add --dim d1=N",
                           "E-IMPORT-OP: node 'Frobnicate_0' (Frobnicate): operator 'Frobnicate' is not supported",
                           "E-IMPORT-OP: node 'special' (Foo): operator 'com.example.Foo' is not supported",
                           "E-IMPORT-SHAPE: node 'sum' (Add): shapes [4] and [3] do not fit together"})
    EXPECT_NE(diagnostics.find(text), std::string::npos) << text << "\n" << diagnostics;
  // What depends on a node that is missing is not reported again.
  EXPECT_EQ(diagnostics.find("Relu"), std::string::npos) << diagnostics;
}

TEST_F(Import, UnknownAttributesAreNotLost) {
  onnx::Model model = makeModel({{"x", {4}}}, {"y"});
  setInteger(addNode(*model.mutable_graph(), "Relu", {"x"}, {"y"}), "leak", 1);
  EXPECT_EQ(importModel(model), "");
  EXPECT_NE(diagnostics.find("E-IMPORT-OP: node 'Relu_0' (Relu): attribute 'leak' is not supported"),
            std::string::npos);
}

TEST_F(Import, BindingsByPlaceAndName) {
  onnx::Model model = makeModel({{"x", {-1, 3}}, {"z", {-1, 3}}}, {"y"});
  addNode(*model.mutable_graph(), "Add", {"x", "z"}, {"y"});
  EXPECT_NE(importModel(model, {"x[0]=2..4"}).find("<\"d1\", 2, 4>"), std::string::npos) << diagnostics;
  EXPECT_NE(importModel(model, {"d1=7", "x[1]=3"}).find("tensor<7x3xf32>"), std::string::npos) << diagnostics;
  EXPECT_EQ(importModel(model, {"d1=7", "z[0]=8"}), "");
  EXPECT_NE(diagnostics.find("bound twice"), std::string::npos);
  EXPECT_EQ(importModel(model, {"d1=7", "x[1]=4"}), "");
  EXPECT_NE(diagnostics.find("from weights or from an input that is not named"), std::string::npos) << diagnostics;
  EXPECT_NE(importModel(model, {"d1=7", "x[1]=4", "z[1]=4"}).find("tensor<7x4xf32>"), std::string::npos) << diagnostics;
}

TEST(DimBinding, Syntax) {
  for (const char *text : {"", "batch", "batch=", "=3", "batch=0..4", "batch=-1", "batch=3..2", "batch=1..", "batch=a",
                           "batch=1..2..3", "batch=99999999999999999999"})
    EXPECT_EQ(takeText(parseDimBinding(text).takeError()).find("E-DIM-SYNTAX"), 0u) << text;
  llvm::Expected<DimBinding> binding = parseDimBinding("a=b=1..8");
  ASSERT_TRUE(static_cast<bool>(binding));
  EXPECT_EQ(binding->target, "a=b");
  EXPECT_EQ(binding->maximum, 8);
}

} // namespace
