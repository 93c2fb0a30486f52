// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- RebatchTest.cpp - Another batch than the file has -----------------------===//
//
// A model of batch N gives what the file's batch gives for each part of N, one after the other, to the bit; what would
// not is refused.
//
//===----------------------------------------------------------------------===//
#include "GraphEvaluation.h"
#include "ImportHelpers.h"

using namespace partita;
using namespace partita::import;
using interpreter::Tensor;

namespace {

using Numbers = std::vector<double>;

class Rebatch : public ImportTest {
protected:
  /// The numbers of all outputs for the inputs `x` of `batch` elements, each of shape `element`, from number `first`.
  std::vector<Numbers> run(const std::vector<std::string> &dims, int64_t batch, std::vector<int64_t> element,
                           int64_t first = 0) {
    EXPECT_NE(importModel(model, dims), "") << diagnostics;
    if (!module)
      return {};
    element.insert(element.begin() + batchDim, batch);
    int64_t inner = 1, outer = 1;
    for (size_t dim = 0; dim < element.size(); ++dim)
      (static_cast<int64_t>(dim) < batchDim ? outer : inner) *= element[dim];
    inner /= batch;
    Numbers numbers;
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t b = 0; b < batch; ++b)
        for (int64_t i = 0; i < inner; ++i)
          numbers.push_back(static_cast<double>(((first + b) * 31 + o * 17 + i * 7) % 23 - 11) / 8.0);
    std::optional<std::vector<Tensor>> outputs =
        evaluateModule(*module, {{"x", Tensor::fromDoubles(mlir::Float32Type::get(&context), element, numbers)}});
    EXPECT_TRUE(outputs.has_value()) << diagnostics;
    std::vector<Numbers> results;
    for (const Tensor &output : outputs.value_or(std::vector<Tensor>()))
      results.push_back(output.toDoubles());
    return results;
  }

  /// Batches of 1, 2, 3 and 7 parts of the file's, and what is no multiple of it. Outputs begin with the batch.
  void expectStacked(int64_t fixed, const std::vector<int64_t> &element) {
    std::string name = batchDim ? "x[" + std::to_string(batchDim) + "]=" : "batch=";
    for (int64_t parts : {1, 2, 3, 7}) {
      std::vector<Numbers> stacked;
      for (int64_t part = 0; part < parts; ++part) {
        std::vector<Numbers> some = run({}, fixed, element, part * fixed);
        stacked.resize(some.size());
        for (size_t i = 0; i < some.size(); ++i)
          stacked[i].insert(stacked[i].end(), some[i].begin(), some[i].end());
      }
      EXPECT_EQ(run({name + std::to_string(parts * fixed)}, parts * fixed, element), stacked) << parts << " parts";
    }
    std::vector<Numbers> more = run({name + "8"}, 8, element), fewer = run({name + "5"}, 5, element);
    ASSERT_EQ(more.size(), fewer.size());
    for (size_t i = 0; i < more.size(); ++i) {
      ASSERT_EQ(more[i].size() * 5, fewer[i].size() * 8);
      EXPECT_EQ(Numbers(more[i].begin(), more[i].begin() + static_cast<ptrdiff_t>(fewer[i].size())), fewer[i]);
    }
    EXPECT_EQ(diagnostics, "");
  }

  void expectRefused(const std::string &reason, const std::vector<std::string> &dims = {"batch=4"}) {
    diagnostics.clear();
    EXPECT_EQ(importModel(model, dims), "");
    EXPECT_NE(diagnostics.find(reason), std::string::npos) << diagnostics;
  }

  onnx::Graph &begin(const std::vector<int64_t> &shape, const std::vector<std::string> &outputs = {"y"}) {
    model = makeModel({{"x", shape}}, outputs);
    return *model.mutable_graph();
  }

  onnx::Model model;
  int64_t batchDim = 0;
};

/// Heads by reshapes of fixed shapes, a mask that is expanded to the batch, a token before all.
void addAttention(onnx::Graph &graph, int64_t batch) {
  addIntegers(graph, "heads", {batch, 6, 2, 4});
  addIntegers(graph, "flat", {batch, 6, 8});
  addIntegers(graph, "mask_shape", {batch, 1, 6, 6});
  addIntegers(graph, "token_shape", {batch, 1, 8});
  addIntegers(graph, "rows", {batch * 7, 8});
  addIntegers(graph, "unrows", {batch, 7, 5});
  addWeight(graph, "mask", {1, 1, 6, 6});
  addWeight(graph, "token", {1, 1, 8});
  addWeight(graph, "w", {8, 5});
  addWeight(graph, "position", {1, 7, 5});
  addNode(graph, "Reshape", {"x", "heads"}, {"split"});
  setIntegers(addNode(graph, "Transpose", {"split"}, {"q"}), "perm", {0, 2, 1, 3});
  setIntegers(addNode(graph, "Transpose", {"split"}, {"k"}), "perm", {0, 2, 3, 1});
  addNode(graph, "MatMul", {"q", "k"}, {"scores"});
  addNode(graph, "Expand", {"mask", "mask_shape"}, {"mask_all"});
  addNode(graph, "Add", {"scores", "mask_all"}, {"masked"});
  addNode(graph, "Softmax", {"masked"}, {"p"});
  addNode(graph, "MatMul", {"p", "q"}, {"a"});
  setIntegers(addNode(graph, "Transpose", {"a"}, {"b"}), "perm", {0, 2, 1, 3});
  addNode(graph, "Reshape", {"b", "flat"}, {"c"});
  addNode(graph, "Expand", {"token", "token_shape"}, {"tokens"});
  setInteger(addNode(graph, "Concat", {"tokens", "c"}, {"d"}), "axis", 1);
  addNode(graph, "Reshape", {"d", "rows"}, {"e"});
  addNode(graph, "Gemm", {"e", "w"}, {"f"});
  addNode(graph, "Reshape", {"f", "unrows"}, {"g"});
  addNode(graph, "Add", {"g", "position"}, {"y"});
}

TEST_F(Rebatch, ShapesInConstantsFollow) {
  for (int64_t batch : {1, 2, 4}) {
    SCOPED_TRACE(batch);
    addAttention(begin({batch, 6, 8}), batch);
    expectStacked(batch, {6, 8});
  }
}

/// Time first inside, with initial states that have the batch in the middle.
TEST_F(Rebatch, StatesThatAreEqualForAllFollow) {
  for (int64_t batch : {1, 2}) {
    SCOPED_TRACE(batch);
    onnx::Graph &graph = begin({batch, 5, 3});
    addWeight(graph, "w", {1, 16, 3});
    addWeight(graph, "r", {1, 16, 4});
    onnx::Tensor &state = *graph.add_initializer();
    state.set_name("h");
    state.set_data_type(onnx::F32);
    for (int64_t dim : {int64_t(1), batch, int64_t(4)})
      state.add_dims(dim);
    for (int64_t i = 0; i < batch * 4; ++i)
      state.add_float_data(static_cast<float>(i % 4) / 4.0f);
    addIntegers(graph, "one", {1});
    setIntegers(addNode(graph, "Transpose", {"x"}, {"t"}), "perm", {1, 0, 2});
    setInteger(addNode(graph, "LSTM", {"t", "w", "r", "", "", "h", "h"}, {"z"}), "hidden_size", 4);
    addNode(graph, "Squeeze", {"z", "one"}, {"s"});
    setIntegers(addNode(graph, "Transpose", {"s"}, {"y"}), "perm", {1, 0, 2});
    expectStacked(batch, {5, 3});
  }
}

TEST_F(Rebatch, WindowsAndNormsFollow) {
  onnx::Graph &graph = begin({2, 4, 6, 6});
  addWeight(graph, "w", {3, 4, 3, 3});
  addWeight(graph, "fc", {3, 5});
  for (const char *name : {"s", "b", "m"})
    addWeight(graph, name, {3});
  addIntegers(graph, "flat", {2, 3});
  setIntegers(addNode(graph, "Conv", {"x", "w"}, {"c"}), "pads", {1, 1, 1, 1});
  addNode(graph, "InstanceNormalization", {"c", "s", "b"}, {"n"});
  setIntegers(addNode(graph, "MaxPool", {"n"}, {"p"}), "kernel_shape", {2, 2});
  addNode(graph, "GlobalAveragePool", {"p"}, {"g"});
  addNode(graph, "Reshape", {"g", "flat"}, {"f"});
  addNode(graph, "MatMul", {"f", "fc"}, {"y"});
  expectStacked(2, {4, 6, 6});
}

TEST_F(Rebatch, AnyDimThatIsWalkedInParallel) {
  batchDim = 1;
  onnx::Graph &graph = begin({5, 2, 3});
  addWeight(graph, "w", {1, 4, 3});
  addWeight(graph, "r", {1, 4, 4});
  setInteger(addNode(graph, "RNN", {"x", "w", "r"}, {"", "h"}), "hidden_size", 4);
  addIntegers(graph, "shape", {2, 4});
  addNode(graph, "Reshape", {"h", "shape"}, {"y"});
  expectStacked(2, {5, 3});
}

/// Flattened, and picked from by numbers that begin anew with each element: how exporters write x[arange(b)[:, None],
/// i].
TEST_F(Rebatch, PicksWithinElementsFollow) {
  for (int64_t batch : {1, 2, 3}) {
    SCOPED_TRACE(batch);
    onnx::Graph &graph = begin({batch, 6, 2});
    addIntegers(graph, "flat", {-1, 2});
    std::vector<int64_t> places;
    for (int64_t n = 0; n < batch; ++n)
      for (int64_t i : {4, 0, 5})
        places.push_back(n * 6 + i);
    addIntegers(graph, "places", places);
    addIntegers(graph, "rows", {batch, 3});
    addNode(graph, "Reshape", {"x", "flat"}, {"a"});
    addNode(graph, "Reshape", {"places", "rows"}, {"i"});
    addNode(graph, "Gather", {"a", "i"}, {"y"});
    expectStacked(batch, {6, 2});
  }
}

TEST_F(Rebatch, WhatMixesIsRefused) {
  auto fail = [&](const std::string &reason, auto &&build, int64_t batch = 2) {
    SCOPED_TRACE(reason);
    build(begin({batch, 4}));
    expectRefused(reason, {"batch=8"});
    EXPECT_NE(diagnostics.find("E-DIM-FIXED"), std::string::npos) << diagnostics;
  };
  fail("it reduces over the batch", [](onnx::Graph &graph) {
    addIntegers(graph, "axes", {0});
    addNode(graph, "ReduceMean", {"x", "axes"}, {"y"});
  });
  fail("it computes across the batch",
       [](onnx::Graph &graph) { setInteger(addNode(graph, "Softmax", {"x"}, {"y"}), "axis", 0); });
  fail(
      "node 'Reshape_0': the batch cannot be 8 instead of 4, which the file has as a number: no dim of its result",
      [](onnx::Graph &graph) {
        addIntegers(graph, "shape", {2, 8});
        addNode(graph, "Reshape", {"x", "shape"}, {"y"});
      },
      4);
  fail("it reduces over the batch", [](onnx::Graph &graph) {
    addIntegers(graph, "crossed", {1, 0});
    addNode(graph, "Gather", {"x", "crossed"}, {"y"});
  });
  fail("an output would have its elements inside of dim 1", [](onnx::Graph &graph) {
    addIntegers(graph, "rows", {4, 2});
    addIntegers(graph, "flat", {1, 8});
    addNode(graph, "Reshape", {"x", "rows"}, {"a"});
    setIntegers(addNode(graph, "Transpose", {"a"}, {"b"}), "perm", {1, 0});
    addNode(graph, "Reshape", {"b", "flat"}, {"y"});
  });
  fail("numbers of its own for each of the 2 elements", [](onnx::Graph &graph) {
    addWeight(graph, "w", {2, 4});
    addNode(graph, "Add", {"x", "w"}, {"y"});
  });
  fail("it reads parts of the batch's dim 0", [](onnx::Graph &graph) {
    addIntegers(graph, "from", {0});
    addIntegers(graph, "to", {1});
    addNode(graph, "Slice", {"x", "from", "to", "from"}, {"y"});
  });
  fail("it reads parts of the batch's dim 0",
       [](onnx::Graph &graph) { setInteger(addNode(graph, "Concat", {"x", "x"}, {"y"}), "axis", 0); });
  fail("it combines elements of the batch with each other", [](onnx::Graph &graph) {
    setIntegers(addNode(graph, "Transpose", {"x"}, {"t"}), "perm", {1, 0});
    addNode(graph, "MatMul", {"x", "t"}, {"y"});
  });
  fail("it reduces over the batch", [](onnx::Graph &graph) {
    setIntegers(addNode(graph, "Transpose", {"x"}, {"t"}), "perm", {1, 0});
    addNode(graph, "MatMul", {"t", "x"}, {"y"});
  });
  fail("numbers of its own for each of the 2 elements", [](onnx::Graph &graph) {
    addNode(graph, "RandomNormalLike", {"x"}, {"r"});
    addNode(graph, "Add", {"x", "r"}, {"y"});
  });
  // One element is the only one that is known to be alike.
  fail(
      "it reduces over the batch",
      [](onnx::Graph &graph) {
        addIntegers(graph, "axes", {0});
        addNode(graph, "ReduceSum", {"x", "axes"}, {"y"});
      },
      1);
}

TEST_F(Rebatch, TooManyElementsAreRefused) {
  onnx::Graph &graph = begin({2, 1 << 20});
  addIntegers(graph, "axes", {1});
  addNode(graph, "Unsqueeze", {"x", "axes"}, {"y"});
  expectRefused("a tensor would have too many elements", {"x[0]=1099511627776"});
}

TEST_F(Rebatch, WhichDimIsTheBatchIsAsked) {
  model = makeModel({{"x", {2, 4}}, {"z", {1, 4}}}, {"y"});
  addNode(*model.mutable_graph(), "Add", {"x", "z"}, {"y"});
  expectRefused(
      "E-DIM-NAME: the inputs begin with different numbers (x[0] = 2, z[0] = 1): say which are the batch with "
      "--dim INPUT[0]=4");
  expectRefused("it can become another number, but not a range", {"x[0]=1..4"});
  expectRefused("only dims of one batch can be changed, all 2 to 4", {"x[0]=4", "z[0]=4"});
  diagnostics.clear();
  EXPECT_NE(importModel(model, {"x[0]=6"}).find("tensor<6x4xf32>"), std::string::npos) << diagnostics;
}

} // namespace
