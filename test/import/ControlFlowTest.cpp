// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ControlFlowTest.cpp - If, Loop, Scan and functions ----------------------===//
#include "GraphEvaluation.h"
#include "ImportHelpers.h"

using namespace partita;
using namespace partita::import;
using interpreter::Tensor;

namespace {

class ControlFlow : public ImportTest {
protected:
  std::vector<double> run(const std::map<std::string, Tensor> &inputs, size_t output = 0) {
    std::optional<std::vector<Tensor>> outputs = module ? evaluateModule(*module, inputs) : std::nullopt;
    return outputs ? (*outputs)[output].toDoubles() : std::vector<double>();
  }

  Tensor floats(llvm::ArrayRef<int64_t> shape, std::vector<double> values) {
    return Tensor::fromDoubles(mlir::Float32Type::get(&context), shape, values);
  }
  Tensor flag(bool value) { return Tensor::fromDoubles(mlir::IntegerType::get(&context, 1), {}, {value ? 1.0 : 0.0}); }
  Tensor number(double value) {
    return Tensor::fromDoubles(mlir::IntegerType::get(&context, 64, mlir::IntegerType::Signed), {}, {value});
  }

  /// A scalar input of this element type.
  static void addScalar(onnx::Model &model, const std::string &name, onnx::Element element) {
    onnx::ValueInfo &input = *model.mutable_graph()->add_input();
    input.set_name(name);
    input.mutable_type()->mutable_tensor_type()->set_elem_type(element);
    input.mutable_type()->mutable_tensor_type()->mutable_shape();
  }
  static onnx::Graph &addBody(onnx::Node &node, const std::string &name, const std::vector<std::string> &inputs,
                              const std::vector<std::string> &outputs) {
    onnx::Attribute &attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::Attribute::GRAPH);
    for (const std::string &input : inputs)
      attribute.mutable_g()->add_input()->set_name(input);
    for (const std::string &output : outputs)
      attribute.mutable_g()->add_output()->set_name(output);
    return *attribute.mutable_g();
  }
  static void addScalarConstant(onnx::Graph &graph, const std::string &name, int64_t value) {
    setInteger(addNode(graph, "Constant", {}, {name}), "value_int", value);
  }

  /// y = cond ? x + w : x * w, where both bodies hide the outer name "t" and have a weight "w" of their own.
  onnx::Model makeIf() {
    onnx::Model model = makeModel({{"x", {2}}}, {"y"});
    onnx::Node &node = addNode(*model.mutable_graph(), "If", {"cond"}, {"y"});
    onnx::Graph &yes = addBody(node, "then_branch", {}, {"t"}), &no = addBody(node, "else_branch", {}, {"t"});
    addWeight(yes, "w", {2}, 1.0f);
    addWeight(no, "w", {2}, 2.0f);
    addNode(yes, "Add", {"x", "w"}, {"t"});
    addNode(no, "Mul", {"x", "w"}, {"t"});
    return model;
  }
};

TEST_F(ControlFlow, AKnownConditionPicksItsBranch) {
  onnx::Model model = makeIf();
  addScalarConstant(*model.mutable_graph(), "number", 0);
  setInteger(addNode(*model.mutable_graph(), "Cast", {"number"}, {"cond"}), "to", onnx::BOOLEAN);
  std::string text = importModel(model);
  EXPECT_EQ(count(text, "select"), 0) << diagnostics;
  EXPECT_EQ(run({{"x", floats({2}, {1, 2})}}), (std::vector<double>{-6, -8}));
}

TEST_F(ControlFlow, AnUnknownConditionChoosesBetweenValues) {
  onnx::Model model = makeIf();
  addScalar(model, "cond", onnx::BOOLEAN);
  std::string text = importModel(model);
  EXPECT_EQ(count(text, "select"), 1) << diagnostics;
  // The two weights named "w" are two arguments.
  EXPECT_EQ(count(text, "partita.name = \"w\""), 1);
  EXPECT_EQ(count(text, "partita.name = \"w_2\""), 1);
  EXPECT_EQ(run({{"x", floats({2}, {1, 2})}, {"cond", flag(true)}}), (std::vector<double>{-2, 0}));
  EXPECT_EQ(run({{"x", floats({2}, {1, 2})}, {"cond", flag(false)}}), (std::vector<double>{-6, -8}));
}

TEST_F(ControlFlow, ABranchThatCouldFailIsNotComputedInVain) {
  onnx::Model model = makeModel({{"x", {2}}}, {"y"});
  addScalar(model, "cond", onnx::BOOLEAN);
  addScalar(model, "i", onnx::SI64);
  onnx::Node &node = addNode(*model.mutable_graph(), "If", {"cond"}, {"y"});
  onnx::Graph &yes = addBody(node, "then_branch", {}, {"a"}), &no = addBody(node, "else_branch", {}, {"b"});
  addNode(yes, "Gather", {"x", "i"}, {"a"});
  addNode(no, "Gather", {"x", "i"}, {"b"});
  EXPECT_EQ(importModel(model), "");
  EXPECT_NE(diagnostics.find("E-IMPORT-OP: node 'If_0' (If): its condition depends on data"), std::string::npos)
      << diagnostics;
}

TEST_F(ControlFlow, BranchesOfDifferentShapesAreRefused) {
  onnx::Model model = makeModel({{"x", {2}}, {"z", {3}}}, {"y"});
  addScalar(model, "cond", onnx::BOOLEAN);
  onnx::Node &node = addNode(*model.mutable_graph(), "If", {"cond"}, {"y"});
  addNode(addBody(node, "then_branch", {}, {"a"}), "Relu", {"x"}, {"a"});
  addNode(addBody(node, "else_branch", {}, {"b"}), "Relu", {"z"}, {"b"});
  EXPECT_EQ(importModel(model), "");
  EXPECT_NE(diagnostics.find("E-IMPORT-SHAPE: node 'If_0' (If): result 0 depends on data"), std::string::npos)
      << diagnostics;
}

/// s = x; 4 times: s = s * 2 + iteration, and the rows of s. `trips` and `cond` name the loop's limits.
static onnx::Node &addCountingLoop(onnx::Model &model, const std::string &trips, const std::string &cond) {
  onnx::Graph &graph = *model.mutable_graph();
  onnx::Node &node = addNode(graph, "Loop", {trips, cond, "x"}, {"y", "rows"});
  return node;
}

class Loops : public ControlFlow {
protected:
  onnx::Model makeLoop(const std::string &trips, const std::string &cond, bool hasRows) {
    onnx::Model model =
        makeModel({{"x", {2}}}, hasRows ? std::vector<std::string>{"y", "rows"} : std::vector<std::string>{"y"});
    onnx::Node &node = addCountingLoop(model, trips, cond);
    if (!hasRows)
      node.mutable_output()->RemoveLast();
    onnx::Graph &body = addBody(node, "body", {"i", "c", "s"}, {"c_out", "s_out", "row"});
    addNode(body, "Identity", {"c"}, {"c_out"});
    addNode(body, "Add", {"s", "s"}, {"twice"});
    setInteger(addNode(body, "Cast", {"i"}, {"f"}), "to", onnx::F32);
    addNode(body, "Add", {"twice", "f"}, {"s_out"});
    addNode(body, "Identity", {"s_out"}, {"row"});
    return model;
  }
};

TEST_F(Loops, AKnownTripCountIsWrittenOut) {
  onnx::Model model = makeLoop("n", "", /*hasRows=*/true);
  addScalarConstant(*model.mutable_graph(), "n", 3);
  std::string text = importModel(model);
  EXPECT_EQ(count(text, "gather"), 0) << diagnostics;
  std::map<std::string, Tensor> inputs{{"x", floats({2}, {1, 0})}};
  EXPECT_EQ(run(inputs), (std::vector<double>{12, 4}));
  EXPECT_EQ(run(inputs, 1), (std::vector<double>{2, 0, 5, 1, 12, 4}));
}

// The trip count is an input; the model declares three rows, and other counts fail instead of giving wrong rows.
TEST_F(Loops, DeclaredRowsFixTheTripCount) {
  onnx::Model model = makeLoop("n", "cond", /*hasRows=*/true);
  addScalar(model, "n", onnx::SI64);
  addScalar(model, "cond", onnx::BOOLEAN);
  onnx::Shape &shape =
      *model.mutable_graph()->mutable_output(1)->mutable_type()->mutable_tensor_type()->mutable_shape();
  shape.add_dim()->set_dim_value(3);
  shape.add_dim()->set_dim_value(2);
  importModel(model);
  EXPECT_EQ(diagnostics, "");
  Tensor x = floats({2}, {1, 0});
  EXPECT_EQ(run({{"x", x}, {"n", number(3)}, {"cond", flag(true)}}, 1), (std::vector<double>{2, 0, 5, 1, 12, 4}));
  for (double trips : {2.0, 4.0}) {
    EXPECT_TRUE(run({{"x", x}, {"n", number(trips)}, {"cond", flag(true)}}, 1).empty());
    EXPECT_NE(diagnostics.find("E-INDEX-RANGE"), std::string::npos);
  }
  EXPECT_TRUE(run({{"x", x}, {"n", number(3)}, {"cond", flag(false)}}, 1).empty());
}

TEST_F(Loops, WithoutABoundTheyAreRefused) {
  onnx::Model model = makeLoop("n", "", /*hasRows=*/true);
  addScalar(model, "n", onnx::SI64);
  EXPECT_EQ(importModel(model), "");
  EXPECT_NE(diagnostics.find("E-IMPORT-SHAPE: node 'Loop_0' (Loop): its number of iterations, and so the size"),
            std::string::npos)
      << diagnostics;
}

/// Each of 300 iterations is a few ops.
TEST_F(Loops, HundredsOfSmallIterationsAreWrittenOut) {
  onnx::Model model = makeLoop("n", "", /*hasRows=*/true);
  addScalarConstant(*model.mutable_graph(), "n", 300);
  onnx::Graph &body = *model.mutable_graph()->mutable_node(0)->mutable_attribute(0)->mutable_g();
  // s_out = i - s instead of 2 s + i.
  body.mutable_node(3)->set_op_type("Sub");
  *body.mutable_node(3)->mutable_input(0) = "f";
  *body.mutable_node(3)->mutable_input(1) = "s";
  importModel(model);
  EXPECT_EQ(diagnostics, "");
  std::vector<double> last = run({{"x", floats({2}, {0, 1})}});
  // i - (i - 1 - s) = 1 + s for each two.
  EXPECT_EQ(last, (std::vector<double>{150, 151}));
}

TEST_F(Loops, TooManyIterationsAreRefused) {
  onnx::Model model = makeLoop("n", "", /*hasRows=*/false);
  addScalarConstant(*model.mutable_graph(), "n", int64_t(1) << 40);
  EXPECT_EQ(importModel(model), "");
  EXPECT_NE(diagnostics.find("too many to be written out"), std::string::npos) << diagnostics;
}

// The condition depends on data: iterations behind the end keep the carried value.
TEST_F(Loops, AConditionOnDataKeepsTheLastValue) {
  onnx::Model model = makeModel({{"x", {2}}}, {"y"});
  onnx::Graph &graph = *model.mutable_graph();
  addScalarConstant(graph, "n", 5);
  addWeight(graph, "limit", {1}, -3.0f); // 9
  onnx::Node &node = addNode(graph, "Loop", {"n", "", "x"}, {"y"});
  onnx::Graph &body = addBody(node, "body", {"i", "c", "s"}, {"go", "t"});
  addNode(body, "Add", {"s", "s"}, {"t"});
  setInteger(addNode(body, "ReduceMax", {"t"}, {"most"}), "keepdims", 0);
  addNode(body, "Less", {"most", "limit"}, {"go"});
  importModel(model);
  EXPECT_EQ(diagnostics, "");
  EXPECT_EQ(run({{"x", floats({2}, {1, 2})}}), (std::vector<double>{8, 16}));
  EXPECT_EQ(run({{"x", floats({2}, {0, 1})}}), (std::vector<double>{0, 16}));
  EXPECT_EQ(run({{"x", floats({2}, {9, 9})}}), (std::vector<double>{18, 18}));
  EXPECT_EQ(run({{"x", floats({2}, {0.1, 0})}}), (std::vector<double>{static_cast<float>(0.1f * 32), 0}));
}

TEST_F(ControlFlow, ScanReadsAndWritesInBothDirections) {
  onnx::Model model = makeModel({{"x", {2, 3}}}, {"last", "sums"});
  onnx::Graph &graph = *model.mutable_graph();
  addWeight(graph, "zero", {2}, 0.0f);
  onnx::Node &node = addNode(graph, "Scan", {"zero", "x"}, {"last", "sums"});
  setInteger(node, "num_scan_inputs", 1);
  setIntegers(node, "scan_input_axes", {-1});
  setIntegers(node, "scan_input_directions", {1});
  setIntegers(node, "scan_output_axes", {1});
  setIntegers(node, "scan_output_directions", {1});
  onnx::Graph &body = addBody(node, "body", {"s", "e"}, {"s_out", "row"});
  addNode(body, "Add", {"s", "e"}, {"s_out"});
  addNode(body, "Identity", {"s_out"}, {"row"});
  importModel(model);
  EXPECT_EQ(diagnostics, "");
  std::map<std::string, Tensor> inputs{{"x", floats({2, 3}, {1, 2, 3, 10, 20, 30})}};
  EXPECT_EQ(run(inputs), (std::vector<double>{6, 60}));
  EXPECT_EQ(run(inputs, 1), (std::vector<double>{6, 5, 3, 60, 50, 30}));
}

class Functions : public ControlFlow {
protected:
  static onnx::Function &addFunction(onnx::Model &model, const std::string &name,
                                     const std::vector<std::string> &inputs, const std::vector<std::string> &outputs) {
    onnx::Function &function = *model.add_functions();
    function.set_name(name);
    function.set_domain("own");
    for (const std::string &input : inputs)
      function.add_input(input);
    for (const std::string &output : outputs)
      function.add_output(output);
    onnx::OperatorSet &set = *function.add_opset_import();
    set.set_domain("");
    set.set_version(12);
    return function;
  }
  static onnx::Node &addCall(google::protobuf::RepeatedPtrField<onnx::Node> &nodes, const std::string &name,
                             const std::vector<std::string> &inputs, const std::vector<std::string> &outputs) {
    onnx::Graph graph;
    onnx::Node &node = addNode(graph, name, inputs, outputs);
    node.set_domain("own");
    return *nodes.Add() = node, *nodes.Mutable(nodes.size() - 1);
  }
};

// Attributes by reference and by default, an input that a call leaves out, a function in a function, names that the
// caller uses for something else.
TEST_F(Functions, AreInlined) {
  onnx::Model model = makeModel({{"x", {2, 2}}}, {"y"});
  onnx::Function &inner = addFunction(model, "Total", {"t", "unused"}, {"y"});
  onnx::Node &sum = *inner.add_node();
  sum.set_op_type("Softmax"); // of set 12: all dims from axis on are one
  sum.add_input("t");
  sum.add_output("y");
  onnx::Attribute &axis = *sum.add_attribute();
  axis.set_name("axis");
  axis.set_ref_attr_name("along");
  inner.add_attribute("along");
  onnx::Function &outer = addFunction(model, "Both", {"x"}, {"z"});
  onnx::Attribute &standard = *outer.add_attribute_proto();
  standard.set_name("along");
  standard.set_type(onnx::Attribute::INT);
  standard.set_i(0);
  onnx::Node &call = addCall(*outer.mutable_node(), "Total", {"x"}, {"y"});
  onnx::Attribute &passed = *call.add_attribute();
  passed.set_name("along");
  passed.set_ref_attr_name("along");
  onnx::Node &scaled = *outer.add_node();
  scaled.set_op_type("Add");
  scaled.add_input("y");
  scaled.add_input("y");
  scaled.add_output("z");
  addCall(*model.mutable_graph()->mutable_node(), "Both", {"x"}, {"y"});
  importModel(model);
  EXPECT_EQ(diagnostics, "");
  EXPECT_EQ(run({{"x", floats({2, 2}, {0, 0, 0, 0})}}), (std::vector<double>{0.5, 0.5, 0.5, 0.5}));
}

TEST_F(Functions, ThatCallThemselvesAreRefused) {
  onnx::Model model = makeModel({{"x", {2}}}, {"y"});
  addCall(*addFunction(model, "A", {"x"}, {"y"}).mutable_node(), "B", {"x"}, {"y"});
  addCall(*addFunction(model, "B", {"x"}, {"y"}).mutable_node(), "A", {"x"}, {"y"});
  addCall(*model.mutable_graph()->mutable_node(), "A", {"x"}, {"y"});
  EXPECT_EQ(importModel(model), "");
  EXPECT_NE(diagnostics.find("E-BAD-FILE: node 'A_0/B_0/A_0' (A): function 'A' calls itself"), std::string::npos)
      << diagnostics;
}

// 2^40 nodes when written out.
TEST_F(Functions, ThatGrowWithoutEndAreRefused) {
  onnx::Model model = makeModel({{"x", {2}}}, {"y"});
  for (int level = 0; level < 40; ++level) {
    onnx::Function &function = addFunction(model, "F" + std::to_string(level), {"x"}, {"y"});
    for (auto [from, to] : {std::pair("x", "m"), {"m", "y"}}) {
      if (level < 39) {
        addCall(*function.mutable_node(), "F" + std::to_string(level + 1), {from}, {to});
        continue;
      }
      onnx::Graph graph;
      addNode(graph, "Identity", {from}, {to});
      *function.add_node() = graph.node(0);
    }
  }
  addCall(*model.mutable_graph()->mutable_node(), "F0", {"x"}, {"y"});
  EXPECT_EQ(importModel(model), "");
  EXPECT_NE(diagnostics.find("E-IMPORT-OP: functions and loops, written out, are more than"), std::string::npos)
      << diagnostics;
}

} // namespace
