// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Plans of published architectures: the Megatron layout is found, whatever the order and the names of the nodes.
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

#include <random>

using namespace mlir;
using namespace partita;
using namespace partita::planner;

namespace {

class ModelTest : public ::testing::Test {
protected:
  ModelTest() { context.loadDialect<func::FuncDialect, PartitaDialect, graph::GraphDialect, plan::PlanDialect>(); }

  OwningOpRef<ModuleOp> load(const std::string &name, std::map<std::string, std::string> sizes) {
    llvm::SmallString<128> path;
    llvm::sys::fs::createTemporaryFile("planner", "onnx", path);
    llvm::Expected<import::ZooSummary> written = import::writeZooModel({name, std::move(sizes), {}}, path);
    if (!written) {
      ADD_FAILURE() << llvm::toString(written.takeError());
      return {};
    }
    OwningOpRef<ModuleOp> module = import::importOnnx(context, path);
    PassManager passes(&context);
    import::addImportPasses(passes);
    EXPECT_TRUE(module && succeeded(passes.run(*module)));
    llvm::sys::fs::remove(path);
    return module;
  }

  static func::FuncOp mainOf(ModuleOp module) { return *module.getOps<func::FuncOp>().begin(); }

  static FailureOr<PlanResult> plan(ModuleOp module, const std::string &machine, PlanOptions options = {}) {
    llvm::Expected<machine::Machine> parsed = machine::Machine::parse(machine);
    return planFunction(mainOf(module), *parsed, options);
  }

  /// Another topological order and other names.
  static void shuffle(ModuleOp module, unsigned seed) {
    std::mt19937 random(seed);
    Block &body = mainOf(module).getBody().front();
    std::vector<Operation *> ready, order;
    std::map<Operation *, int> missing;
    for (Operation &op : body.without_terminator()) {
      std::set<Operation *> makers;
      for (Value operand : op.getOperands())
        if (operand.getDefiningOp())
          makers.insert(operand.getDefiningOp());
      if ((missing[&op] = makers.size()) == 0)
        ready.push_back(&op);
    }
    while (!ready.empty()) {
      size_t at = random() % ready.size();
      Operation *op = ready[at];
      ready.erase(ready.begin() + at);
      order.push_back(op);
      std::vector<Operation *> readers;
      for (Operation *user : op->getUsers())
        if (missing.count(user) && std::find(readers.begin(), readers.end(), user) == readers.end())
          readers.push_back(user);
      for (Operation *user : readers)
        if (--missing[user] == 0)
          ready.push_back(user);
    }
    for (auto [number, op] : llvm::enumerate(order)) {
      op->moveBefore(body.getTerminator());
      op->setInherentAttr(StringAttr::get(op->getContext(), "name"),
                          StringAttr::get(op->getContext(), "n" + std::to_string(number * 7919 % 10007)));
    }
  }

  MLIRContext context;
};

TEST_F(ModelTest, llamaHasTwoAllReducesALayer) {
  std::map<std::string, std::string> sizes{{"layers", "12"}, {"batch", "1"}, {"seq", "16"}};
  OwningOpRef<ModuleOp> module = load("llama3-70b", sizes), shuffled = load("llama3-70b", sizes);
  ASSERT_TRUE(module && shuffled);
  shuffle(*shuffled, 3);
  PlanOptions options;
  options.memoryLimit = Bytes::max();
  FailureOr<PlanResult> a = plan(*module, "h100:1x8", options), b = plan(*shuffled, "h100:1x8", options);
  ASSERT_TRUE(succeeded(a) && succeeded(b));
  EXPECT_EQ(a->predicted.communication["all_reduce"].count, 24);
  EXPECT_EQ(b->predicted.communication, a->predicted.communication);
  EXPECT_EQ(b->predicted.stepSeconds, a->predicted.stepSeconds);
  EXPECT_EQ(b->meshes, a->meshes);
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
