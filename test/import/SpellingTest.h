// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- SpellingTest.h - Two spellings of one thing compute the same ------------===//
//
// A fixture: imports two models with the same inputs, runs both in the interpreter, compares their outputs. Example:
//
//   expectSame({{"x", {2, 6}}}, {"y"}, [](onnx::Graph &graph) { addFused(graph, "Gelu", {"x"}, {"y"}); },
//              [](onnx::Graph &graph) { addNode(graph, "Gelu", {"x"}, {"y"}); });
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_TEST_IMPORT_SPELLINGTEST_H
#define PARTITA_TEST_IMPORT_SPELLINGTEST_H

#include "GraphEvaluation.h"
#include "ImportHelpers.h"

namespace partita::import {

using Shapes = std::vector<std::pair<std::string, std::vector<int64_t>>>;
using Names = std::vector<std::string>;

/// A node of the domain com.microsoft.
inline onnx::Node &addFused(onnx::Graph &graph, const std::string &type, const Names &inputs, const Names &outputs) {
  onnx::Node &node = addNode(graph, type, inputs, outputs);
  node.set_domain("com.microsoft");
  return node;
}

inline void setFloat(onnx::Node &node, const std::string &name, float value) {
  onnx::Attribute &attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::Attribute::FLOAT);
  attribute.set_f(value);
}

class SpellingTest : public ImportTest {
protected:
  using Filler = llvm::function_ref<void(onnx::Graph &)>;

  std::vector<interpreter::Tensor> run(const Shapes &inputs, const Names &outputs, Filler fill) {
    onnx::Model model = makeModel(inputs, outputs);
    fill(*model.mutable_graph());
    importModel(model);
    EXPECT_EQ(diagnostics, "");
    std::map<std::string, interpreter::Tensor> values;
    for (const auto &[name, shape] : inputs)
      values[name] = makeRamp(context, shape);
    for (const auto &[name, value] : integers)
      values[name] = value;
    std::optional<std::vector<interpreter::Tensor>> results = module ? evaluateModule(*module, values) : std::nullopt;
    EXPECT_TRUE(results);
    return results.value_or(std::vector<interpreter::Tensor>());
  }

  /// Both fill the same model: the same outputs, up to rounding.
  void expectSame(const Shapes &inputs, const Names &outputs, Filler fused, Filler plain) {
    std::vector<interpreter::Tensor> actual = run(inputs, outputs, fused), expected = run(inputs, outputs, plain);
    ASSERT_EQ(actual.size(), outputs.size());
    ASSERT_EQ(expected.size(), outputs.size());
    for (size_t i = 0; i < outputs.size(); ++i)
      EXPECT_LT(compare(actual[i], expected[i]), 1e-5) << outputs[i];
  }

  void expectRefused(const Shapes &inputs, Filler fill, const std::string &what) {
    onnx::Model model = makeModel(inputs, {"y"});
    fill(*model.mutable_graph());
    EXPECT_EQ(importModel(model), "");
    EXPECT_NE(diagnostics.find(what), std::string::npos) << diagnostics;
  }

  /// Inputs whose elements are not the ramp.
  std::map<std::string, interpreter::Tensor> integers;
};

} // namespace partita::import

#endif // PARTITA_TEST_IMPORT_SPELLINGTEST_H
