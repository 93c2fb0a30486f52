// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators by position, beyond what the official tests of the installed package have: shapes moved about with symbolic
// extents, resizing without a gather, padding by slices, sets after 17.
#include "GraphEvaluation.h"
#include "ImportHelpers.h"

using namespace partita;
using namespace partita::import;
using interpreter::Tensor;

namespace {

class Position : public ImportTest {
protected:
  std::vector<double> evaluate(const std::map<std::string, Tensor> &inputs) {
    std::optional<std::vector<Tensor>> outputs = evaluateModule(*module, inputs);
    EXPECT_TRUE(outputs.has_value()) << diagnostics;
    return outputs ? (*outputs)[0].toDoubles() : std::vector<double>();
  }

  Tensor floats(llvm::ArrayRef<int64_t> shape, std::vector<double> values) {
    return Tensor::fromDoubles(mlir::Float32Type::get(&context), shape, values);
  }

  static void addFloats(onnx::Graph &graph, const std::string &name, const std::vector<float> &values) {
    onnx::Tensor &tensor = *graph.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::F32);
    tensor.add_dims(static_cast<int64_t>(values.size()));
    for (float value : values)
      tensor.add_float_data(value);
  }

  /// x[1, 1, n] resized to `size` along its last dim.
  std::vector<double> resize(std::vector<double> x, int64_t size, const std::string &mode, const std::string &how,
                             bool antialias) {
    auto n = static_cast<int64_t>(x.size());
    onnx::Model model = makeModel({{"x", {1, 1, n}}}, {"y"});
    onnx::Graph &graph = *model.mutable_graph();
    addIntegers(graph, "sizes", {size});
    onnx::Node &node = addNode(graph, "Resize", {"x", "", "", "sizes"}, {"y"});
    setText(node, "mode", mode);
    setText(node, "coordinate_transformation_mode", how);
    setInteger(node, "antialias", antialias);
    setIntegers(node, "axes", {2});
    importModel(model);
    EXPECT_EQ(diagnostics, "");
    return evaluate({{"x", floats({1, 1, n}, x)}});
  }
};

void expectNear(const std::vector<double> &actual, const std::vector<double> &expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i)
    EXPECT_NEAR(actual[i], expected[i], 1e-5) << i;
}

// shape[1] = -1, as tf2onnx and torch write it, with the batch symbolic.
TEST_F(Position, ShapesAreScatteredAndReversed) {
  onnx::Model model = makeModel({{"x", {-1, 6, 8}}}, {"y"});
  onnx::Graph &graph = *model.mutable_graph();
  addIntegers(graph, "two", {2});
  addIntegers(graph, "minus", {-1});
  addIntegers(graph, "zero", {0});
  addIntegers(graph, "far", {-1000});
  addIntegers(graph, "column", {3, 1});
  addIntegers(graph, "flat", {-1});
  addNode(graph, "Shape", {"x"}, {"shape"});
  addIntegers(graph, "rows", {1, 1});
  addNode(graph, "Reshape", {"minus", "rows"}, {"place"});
  addNode(graph, "ScatterND", {"shape", "place", "two"}, {"scattered"}); // [d1, 6, 2]
  addNode(graph, "Reshape", {"scattered", "column"}, {"standing"});
  addNode(graph, "Transpose", {"standing"}, {"lying"});
  addNode(graph, "Reshape", {"lying", "flat"}, {"listed"});
  addNode(graph, "Slice", {"listed", "minus", "far", "zero", "minus"}, {"turned"}); // [2, 6, d1]
  addNode(graph, "Expand", {"one", "turned"}, {"y"});
  addFloats(graph, "one", {1});
  std::string text = importModel(model, {"d1=2..5"});
  EXPECT_EQ(diagnostics, "");
  EXPECT_NE(text.find("(2, 6, s0)"), std::string::npos) << text;
  EXPECT_EQ(count(text, "scatter"), 0) << text;
}

// The last tokens of a sequence of any length, and the sequence backwards.
TEST_F(Position, SymbolicDimsAreCutFromTheEnd) {
  for (auto [start, end, step, expected] :
       {std::tuple<int64_t, int64_t, int64_t, std::vector<double>>{-1, INT64_MAX, 1, {5}},
        {-3, -1, 1, {3, 4}},
        {-1, -4, -2, {5, 3}},
        {-1, INT64_MIN, -1, {5, 4, 3, 2, 1}},
        {-2, INT64_MIN, -1, {4, 3, 2, 1}}}) {
    onnx::Model model = makeModel({{"x", {-1}}}, {"y"});
    onnx::Graph &graph = *model.mutable_graph();
    addIntegers(graph, "start", {start});
    addIntegers(graph, "end", {end});
    addIntegers(graph, "axis", {0});
    addIntegers(graph, "step", {step});
    addNode(graph, "Slice", {"x", "start", "end", "axis", "step"}, {"y"});
    importModel(model, {"d1=5"});
    EXPECT_EQ(evaluate({{"x", floats({5}, {1, 2, 3, 4, 5})}}), expected) << diagnostics;
    importModel(model, {"d1=4..9"});
    EXPECT_EQ(evaluate({{"x", floats({5}, {1, 2, 3, 4, 5})}}), expected) << diagnostics;
  }
  // A start that the shortest extent does not have is no place.
  onnx::Model model = makeModel({{"x", {-1}}}, {"y"});
  onnx::Graph &graph = *model.mutable_graph();
  addIntegers(graph, "start", {-3});
  addIntegers(graph, "end", {INT64_MAX});
  addNode(graph, "Slice", {"x", "start", "end"}, {"y"});
  EXPECT_EQ(importModel(model, {"d1=2..9"}), "");
  EXPECT_NE(diagnostics.find("E-IMPORT-SHAPE"), std::string::npos) << diagnostics;
}

// Sizes computed in floats, as exporters of upsampling do.
TEST_F(Position, SizesComputedInFloatsStayLinear) {
  onnx::Model model = makeModel({{"x", {-1, 4}}}, {"y"});
  onnx::Graph &graph = *model.mutable_graph();
  addIntegers(graph, "zero", {0});
  addIntegers(graph, "four", {4});
  addFloats(graph, "factor", {2});
  addFloats(graph, "one", {1});
  addNode(graph, "Shape", {"x"}, {"shape"});
  addNode(graph, "Gather", {"shape", "zero"}, {"rows"});
  setInteger(addNode(graph, "Cast", {"rows"}, {"real"}), "to", onnx::F32);
  addNode(graph, "Mul", {"real", "factor"}, {"twice"});
  addNode(graph, "Floor", {"twice"}, {"floor"});
  setInteger(addNode(graph, "Cast", {"floor"}, {"whole"}), "to", onnx::SI64);
  setInteger(addNode(graph, "Concat", {"whole", "four"}, {"target"}), "axis", 0);
  addNode(graph, "Expand", {"one", "target"}, {"y"});
  std::string text = importModel(model, {"d1=2..5"});
  EXPECT_EQ(diagnostics, "");
  EXPECT_NE(text.find("(s0 * 2, 4)"), std::string::npos) << text;
}

TEST_F(Position, RepeatingAnImageNeedsNoIndices) {
  onnx::Model model = makeModel({{"x", {-1, 2, 3, 3}}}, {"y"});
  onnx::Graph &graph = *model.mutable_graph();
  addFloats(graph, "scales", {1, 1, 2, 2});
  setText(addNode(graph, "Resize", {"x", "", "scales"}, {"y"}), "mode", "nearest");
  std::string text = importModel(model, {"d1=1..4"});
  EXPECT_EQ(diagnostics, "");
  EXPECT_EQ(count(text, "gather"), 0) << text;
  EXPECT_NE(text.find("6x6"), std::string::npos) << text;
}

// Expected numbers: the reference implementation of the onnx package, version 1.23.
TEST_F(Position, ResizesSmoothly) {
  std::vector<double> x{1, 4, 2, 8, 5, 7, 3};
  expectNear(resize(x, 3, "linear", "half_pixel", true), {2.3125, 5.588235, 4.875});
  expectNear(resize(x, 3, "cubic", "half_pixel", true), {2.231107, 5.856248, 5.108058});
  expectNear(resize(x, 10, "cubic", "align_corners", false),
             {1, 3.277777, 3.370368, 2, 6.333332, 7.611109, 5, 6.648146, 5.962962, 3});
  expectNear(resize(x, 5, "linear", "half_pixel_symmetric", false), {1.6, 2.8, 8, 5.8, 3.8});
}

// Above 128 elements coordinates are computed when the program runs.
TEST_F(Position, LongDimsAreResizedByComputedPlaces) {
  std::vector<double> ramp;
  for (int i = 0; i < 150; ++i)
    ramp.push_back(i);
  std::vector<double> y = resize(ramp, 299, "linear", "align_corners", false);
  ASSERT_EQ(y.size(), 299u);
  for (size_t i = 0; i < y.size(); ++i)
    EXPECT_NEAR(y[i], static_cast<double>(i) / 2, 1e-4);
}

TEST_F(Position, ReflectionIsMadeOfSlices) {
  onnx::Model model = makeModel({{"x", {2, 3}}}, {"y"});
  onnx::Graph &graph = *model.mutable_graph();
  addIntegers(graph, "pads", {0, 5, 0, -1});
  setText(addNode(graph, "Pad", {"x", "pads"}, {"y"}), "mode", "reflect");
  std::string text = importModel(model);
  EXPECT_EQ(diagnostics, "");
  EXPECT_EQ(count(text, "gather"), 0) << text;
  // The last column is cut; what is left is reflected as often as needed.
  EXPECT_EQ(evaluate({{"x", floats({2, 3}, {1, 2, 9, 3, 4, 9})}}),
            (std::vector<double>{2, 1, 2, 1, 2, 1, 2, 4, 3, 4, 3, 4, 3, 4}));
}

TEST_F(Position, SizesThatDependOnDataAreRefusedByName) {
  onnx::Model model = makeModel({{"x", {2, 3}}}, {"y"});
  onnx::Graph &graph = *model.mutable_graph();
  addNode(graph, "NonZero", {"x"}, {"y"});
  EXPECT_EQ(importModel(model), "");
  EXPECT_NE(diagnostics.find("E-NEEDS-VALUE"), std::string::npos) << diagnostics;
  EXPECT_NE(diagnostics.find("depends on its values"), std::string::npos) << diagnostics;
}

TEST_F(Position, EinsumOfSeveralOperands) {
  onnx::Model model = makeModel({{"x", {2, 3, 3}}, {"u", {3}}, {"v", {2, 4}}}, {"y"});
  onnx::Graph &graph = *model.mutable_graph();
  setText(addNode(graph, "Einsum", {"x", "u", "v"}, {"y"}), "equation", "bii,i,b...->...b");
  importModel(model);
  EXPECT_EQ(diagnostics, "");
  // Diagonals (1, 5, 9) and (0, 1, 2) times (1, 10, 100).
  std::vector<double> y = evaluate({{"x", floats({2, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 9, 9, 9, 1, 9, 9, 9, 2})},
                                    {"u", floats({3}, {1, 10, 100})},
                                    {"v", floats({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8})}});
  EXPECT_EQ(y, (std::vector<double>{951, 1050, 1902, 1260, 2853, 1470, 3804, 1680}));
}

} // namespace
