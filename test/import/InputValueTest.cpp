// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- InputValueTest.cpp - Inputs that are fixed while importing --------------===//
#include "ImportHelpers.h"

using namespace partita;
using namespace partita::import;
using interpreter::Tensor;

namespace {

class InputValues : public ImportTest {
protected:
  InputValues() : model(makeModel({{"x", {2, 3}}}, {"y"})) {
    onnx::ValueInfo &shape = *model.mutable_graph()->add_input();
    shape.set_name("shape");
    shape.mutable_type()->mutable_tensor_type()->set_elem_type(onnx::SI64);
    shape.mutable_type()->mutable_tensor_type()->mutable_shape()->add_dim()->set_dim_value(1);
    // The shape is computed, so that the diagnostic has to look for where it comes from.
    addNode(*model.mutable_graph(), "Identity", {"shape"}, {"same"});
    addNode(*model.mutable_graph(), "Reshape", {"x", "same"}, {"y"});
  }

  /// The module's text with these inputs fixed.
  std::string import(const std::vector<InputValue> &values) {
    diagnostics.clear();
    ImportOptions options;
    options.values = values;
    module = importOnnx(context, folder.write("m.onnx", model.SerializeAsString()), options);
    std::string text;
    llvm::raw_string_ostream stream(text);
    if (module)
      module->print(stream);
    return text;
  }
  Tensor integers(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<double> values) {
    return Tensor::fromDoubles(mlir::IntegerType::get(&context, 64, mlir::IntegerType::Signed), shape, values);
  }

  onnx::Model model;
};

TEST_F(InputValues, AMissingOneIsNamed) {
  EXPECT_EQ(import({}), "");
  EXPECT_NE(diagnostics.find("E-NEEDS-VALUE"), std::string::npos) << diagnostics;
  EXPECT_NE(diagnostics.find("--input-value shape=FILE.npy"), std::string::npos) << diagnostics;
}

TEST_F(InputValues, AFixedOneIsAConstant) {
  std::string text = import({{"shape", integers({1}, {6})}});
  EXPECT_EQ(diagnostics, "");
  EXPECT_NE(text.find("-> (tensor<6xf32>"), std::string::npos) << text;
  EXPECT_EQ(text.find("\"shape\""), std::string::npos) << text;
}

TEST_F(InputValues, WrongOnesAreRefused) {
  std::vector<std::vector<InputValue>> wrong = {
      {{"z", integers({1}, {6})}},
      {{"shape", integers({2}, {2, 3})}},
      {{"shape", Tensor::fromDoubles(mlir::Float32Type::get(&context), {1}, {6})}},
      {{"shape", integers({1}, {6})}, {"shape", integers({1}, {6})}}};
  for (const std::vector<InputValue> &values : wrong) {
    EXPECT_EQ(import(values), "");
    EXPECT_NE(diagnostics.find("E-INPUT-VALUE"), std::string::npos) << diagnostics;
  }
}

TEST_F(InputValues, LargeOnesAreRefused) {
  onnx::ValueInfo &table = *model.mutable_graph()->add_input();
  table = model.graph().input(1);
  table.set_name("table");
  table.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0)->set_dim_value(200);
  EXPECT_EQ(import({{"table", integers({200}, std::vector<double>(200, 1.0))}}), "");
  EXPECT_NE(diagnostics.find("E-INPUT-VALUE"), std::string::npos) << diagnostics;
}

} // namespace
