// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Plans of published architectures: the Megatron layout is found, whatever the order and the names of the nodes.
#include "OnnxSchema.h"
#include "mlir/Pass/PassManager.h"

#include "partita/import/Import.h"
#include "partita/import/Passes.h"
#include "partita/import/Zoo.h"
#include "partita/planner/Planner.h"

#include "partita/dialects/graph/Graph.h"
#include "partita/dialects/plan/Plan.h"
#include "partita/placement/Attributes.h"

#include "llvm/Support/FileSystem.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <set>

using namespace mlir;
using namespace partita;
using namespace partita::planner;

namespace {

class ModelTest : public ::testing::Test {
protected:
  ModelTest() { context.loadDialect<func::FuncDialect, PartitaDialect, graph::GraphDialect, plan::PlanDialect>(); }

  using Sizes = std::map<std::string, std::string>;

  /// A model of the zoo; with a seed, from a file whose nodes are in another topological order and have other names.
  OwningOpRef<ModuleOp> load(const std::string &name, Sizes sizes, unsigned seed = 0) {
    llvm::SmallString<128> path;
    llvm::sys::fs::createTemporaryFile("planner", "onnx", path);
    llvm::Expected<import::ZooSummary> written = import::writeZooModel({name, std::move(sizes), {}}, path);
    if (!written) {
      ADD_FAILURE() << llvm::toString(written.takeError());
      return {};
    }
    if (seed != 0)
      shuffleFile(path.str().str(), seed);
    OwningOpRef<ModuleOp> module = import::importOnnx(context, path);
    PassManager passes(&context);
    import::addImportPasses(passes);
    EXPECT_TRUE(module && succeeded(passes.run(*module)));
    llvm::sys::fs::remove(path);
    return module;
  }

  /// Nodes whose inputs are there are drawn at random; values between nodes, weights and nodes get new names.
  static void shuffleFile(const std::string &path, unsigned seed) {
    onnx::Model model;
    std::ifstream in(path, std::ios::binary);
    ASSERT_TRUE(model.ParseFromIstream(&in));
    std::mt19937 random(seed);
    onnx::Graph &graph = *model.mutable_graph();
    std::vector<onnx::Node> waiting(graph.node().begin(), graph.node().end()), order;
    std::set<std::string> made, kept{""};
    for (const onnx::Node &node : waiting)
      made.insert(node.output().begin(), node.output().end());
    while (!waiting.empty()) {
      size_t at = random() % waiting.size();
      bool isReady = llvm::none_of(waiting[at].input(), [&](const std::string &input) { return made.count(input); });
      if (!isReady)
        continue;
      for (const std::string &output : waiting[at].output())
        made.erase(output);
      order.push_back(std::move(waiting[at]));
      waiting.erase(waiting.begin() + at);
    }
    for (const auto &value : graph.input())
      kept.insert(value.name());
    for (const auto &value : graph.output())
      kept.insert(value.name());
    std::map<std::string, std::string> names;
    auto rename = [&](std::string *name) {
      if (!kept.count(*name))
        *name = names.try_emplace(*name, "v" + std::to_string(random() % 1000) + "_" + std::to_string(names.size()))
                    .first->second;
    };
    graph.clear_node();
    graph.clear_value_info();
    for (onnx::Node &node : order) {
      for (std::string &input : *node.mutable_input())
        rename(&input);
      for (std::string &output : *node.mutable_output())
        rename(&output);
      node.set_name("n" + std::to_string(random()));
      *graph.add_node() = node;
    }
    for (onnx::Tensor &weight : *graph.mutable_initializer())
      rename(weight.mutable_name());
    std::shuffle(graph.mutable_initializer()->pointer_begin(), graph.mutable_initializer()->pointer_end(), random);
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    ASSERT_TRUE(model.SerializeToOstream(&out));
  }

  static func::FuncOp mainOf(ModuleOp module) { return *module.getOps<func::FuncOp>().begin(); }

  static FailureOr<PlanResult> plan(ModuleOp module, const std::string &machine, PlanOptions options = {}) {
    llvm::Expected<machine::Machine> parsed = machine::Machine::parse(machine);
    return planFunction(mainOf(module), *parsed, options);
  }

  MLIRContext context;
};

/// The layout of Megatron-LM (Shoeybi et al. 2019), found by a free search of all meshes under the devices' memory.
TEST_F(ModelTest, llamaHasTwoAllReducesALayer) {
  for (const char *length : {"1", "16", "128"}) {
    Sizes sizes{{"batch", "1"}, {"seq", length}};
    OwningOpRef<ModuleOp> module = load("llama3-70b", sizes);
    ASSERT_TRUE(module);
    FailureOr<PlanResult> original = plan(*module, "h100:1x8");
    ASSERT_TRUE(succeeded(original));
    EXPECT_EQ(original->meshes, std::vector<std::string>{"x=8"});
    EXPECT_EQ(original->predicted.communication.size(), 1u) << length;
    EXPECT_EQ(original->predicted.communication["all_reduce"].count, 2 * 80) << length;
    EXPECT_TRUE(original->search.exact);
  }
}

TEST_F(ModelTest, orderAndNamesInTheFileDoNotMatter) {
  Sizes sizes{{"layers", "12"}, {"batch", "1"}, {"seq", "16"}};
  OwningOpRef<ModuleOp> module = load("llama3-70b", sizes);
  ASSERT_TRUE(module);
  FailureOr<PlanResult> original = plan(*module, "h100:1x8");
  ASSERT_TRUE(succeeded(original));
  EXPECT_EQ(original->predicted.communication["all_reduce"].count, 24);
  for (unsigned seed : {1, 2, 3}) {
    OwningOpRef<ModuleOp> shuffled = load("llama3-70b", sizes, seed);
    ASSERT_TRUE(shuffled);
    FailureOr<PlanResult> found = plan(*shuffled, "h100:1x8");
    ASSERT_TRUE(succeeded(found));
    EXPECT_EQ(found->predicted.communication, original->predicted.communication) << seed;
    EXPECT_EQ(found->predicted.stepSeconds, original->predicted.stepSeconds) << seed;
    EXPECT_EQ(found->predicted.memory, original->predicted.memory) << seed;
    EXPECT_EQ(found->meshes, original->meshes) << seed;
  }
}

/// Where sequences are long, all-reduces are cut in two so that norms are split too, or sequences are: nothing that is
/// found so sends more than the two all-reduces of a layer, or takes longer.
TEST_F(ModelTest, longSequencesSendNoMore) {
  Sizes sizes{{"layers", "3"}, {"batch", "1"}, {"seq", "1024"}};
  OwningOpRef<ModuleOp> module = load("llama3-70b", sizes), megatron = load("llama3-70b", sizes);
  ASSERT_TRUE(module && megatron);
  PlanOptions options;
  options.memoryLimit = Bytes{int64_t(4) << 30};
  options.effort = 1;
  FailureOr<PlanResult> found = plan(*module, "h100:1x8", options);
  options.preset = "megatron:tensor=8";
  FailureOr<PlanResult> preset = plan(*megatron, "h100:1x8", options);
  ASSERT_TRUE(succeeded(found) && succeeded(preset));
  auto sum = [](const PlanResult &result) {
    int64_t bytes = 0;
    for (const auto &[kind, traffic] : result.predicted.communication)
      bytes += traffic.bytes;
    return bytes;
  };
  EXPECT_GE(sum(*preset), int64_t(6) * 1024 * 8192 * 4 * 2 * 7 / 8);
  EXPECT_LE(sum(*found), sum(*preset));
  EXPECT_LT(found->predicted.stepSeconds, preset->predicted.stepSeconds);
  EXPECT_LE(found->predicted.memoryBytes(), options.memoryLimit->value);
  // But for rounding: both may be the same bound.
  EXPECT_GE(found->predicted.stepSeconds * (1 - found->search.gap), found->predicted.lowerBoundSeconds * (1 - 1e-9));
}

/// Ten searches write the same plan, whether the context has threads or not.
TEST_F(ModelTest, plansAreEqualInEveryByte) {
  struct Case {
    const char *name, *machine;
    Sizes sizes;
  };
  for (const Case &model :
       {Case{"gpt", "h100:1x4", {{"layers", "4"}, {"seq", "32"}}},
        Case{"llama", "h100:1x4", {{"layers", "4"}, {"seq", "32"}}}, Case{"resnet18", "h100:1x2", {{"batch", "8"}}}}) {
    std::string first;
    for (int run = 0; run < 10; ++run) {
      context.enableMultithreading(run % 2 == 0);
      OwningOpRef<ModuleOp> module = load(model.name, model.sizes);
      ASSERT_TRUE(module && succeeded(plan(*module, model.machine)));
      std::string text;
      llvm::raw_string_ostream os(text);
      module->print(os);
      first = run == 0 ? text : first;
      ASSERT_EQ(text, first) << model.name << ", run " << run;
    }
  }
}

TEST_F(ModelTest, headsAreCutUnevenly) {
  OwningOpRef<ModuleOp> module =
      load("gpt", {{"layers", "2"}, {"hidden", "768"}, {"heads", "12"}, {"seq", "16"}, {"batch", "1"}});
  ASSERT_TRUE(module);
  PlanOptions options;
  options.preset = "tensor";
  ASSERT_TRUE(succeeded(plan(*module, "cpu:5", options)));
  func::FuncOp function = mainOf(*module);
  auto stage = *module->getOps<plan::StageOp>().begin();
  placement::Mesh mesh = placement::toMesh(stage.getMesh());
  bool hasAttention = false;
  for (Operation &op : function.getBody().front().without_terminator()) {
    if (!isa<graph::AttentionOp>(op))
      continue;
    hasAttention = true;
    // Loop 1 counts heads: 3, 3, 2, 2, 2 of them.
    auto loops = placement::toAssignment(cast<plan::LoopsAttr>(op.getAttr(plan::kLoopsAttr)), mesh);
    ASSERT_TRUE(loops);
    EXPECT_EQ(placement::localExtents(12, (*loops)[1], mesh), (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(placement::localInterval(12, (*loops)[1], mesh, {1}), (placement::Interval{3, 6}));
    EXPECT_EQ(placement::localInterval(12, (*loops)[1], mesh, {4}), (placement::Interval{10, 12}));
  }
  EXPECT_TRUE(hasAttention);
  // No rank keeps more than three of twelve parts of the weights of queries, keys and values.
  int checked = 0;
  for (unsigned argument = 0; argument < function.getNumArguments(); ++argument) {
    auto name = function.getArgAttrOfType<StringAttr>(argument, "partita.name");
    auto type = cast<RankedTensorType>(function.getArgument(argument).getType());
    if (!name || name.getValue().find("c_attn") == StringRef::npos || type.getRank() != 2)
      continue;
    ++checked;
    auto storage = function.getArgAttrOfType<ArrayAttr>(argument, plan::kStorageAttr);
    ASSERT_TRUE(storage);
    int64_t elements = 0;
    for (Attribute entry : storage)
      elements += placement::boundOfLocalElements(
          placement::toShape(type), *placement::toPlacement(cast<plan::PlacementAttr>(entry), mesh), mesh);
    EXPECT_LE(elements * 12, type.getNumElements() * 3) << name.getValue().str();
  }
  EXPECT_GE(checked, 2);
}

TEST_F(ModelTest, depthCostsNoSearch) {
  int64_t labels = 0;
  for (const char *layers : {"12", "96"}) {
    OwningOpRef<ModuleOp> module = load("gpt3-175b", {{"layers", layers}, {"batch", "1"}, {"seq", "64"}});
    ASSERT_TRUE(module);
    PlanOptions options;
    options.memoryLimit = Bytes::max();
    FailureOr<PlanResult> result = plan(*module, "h100:1x8", options);
    ASSERT_TRUE(succeeded(result));
    if (labels == 0)
      labels = result->search.labels;
    EXPECT_EQ(result->search.labels, labels);
  }
}

} // namespace
