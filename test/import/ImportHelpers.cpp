// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ImportHelpers.cpp - Imports models and keeps what was said --------------===//
#include "ImportHelpers.h"

#include "mlir/Pass/PassManager.h"
#include "partita/import/Passes.h"
#include "llvm/Support/raw_ostream.h"

using namespace partita;
using namespace partita::import;

ImportTest::ImportTest()
    : handler(&context, [this](mlir::Diagnostic &diagnostic) {
        diagnostics += diagnostic.str() + "\n";
        return mlir::success();
      }) {}

std::string ImportTest::importFile(const std::string &path, const std::vector<std::string> &dims) {
  ImportOptions options;
  for (const std::string &text : dims) {
    llvm::Expected<DimBinding> binding = parseDimBinding(text);
    EXPECT_TRUE(static_cast<bool>(binding)) << takeText(binding.takeError());
    options.dims.push_back(*binding);
  }
  module = importOnnx(context, path, options);
  mlir::PassManager passes(&context);
  addImportPasses(passes);
  if (module)
    EXPECT_TRUE(mlir::succeeded(passes.run(*module)));
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (module)
    module->print(stream);
  return text;
}

std::string ImportTest::importModel(const onnx::Model &model, const std::vector<std::string> &dims) {
  return importFile(folder.write("model.onnx", model.SerializeAsString()), dims);
}

std::string ImportTest::importZoo(const ZooRequest &request, const std::vector<std::string> &dims) {
  std::string path = folder.path("zoo.onnx");
  llvm::Expected<ZooSummary> summary = writeZooModel(request, path);
  EXPECT_TRUE(static_cast<bool>(summary)) << takeText(summary.takeError());
  return importFile(path, dims);
}

onnx::Model partita::import::makeModel(const std::vector<std::pair<std::string, std::vector<int64_t>>> &inputs,
                                       const std::vector<std::string> &outputs) {
  onnx::Model model = makeEmptyModel();
  onnx::Graph &graph = *model.mutable_graph();
  graph.clear_input();
  graph.clear_output();
  for (const auto &[name, dims] : inputs) {
    onnx::ValueInfo &input = *graph.add_input();
    input.set_name(name);
    onnx::Type::TensorOf &type = *input.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::F32);
    type.mutable_shape();
    for (int64_t dim : dims) {
      onnx::Shape::Dim &target = *type.mutable_shape()->add_dim();
      if (dim < 0)
        target.set_dim_param("d" + std::to_string(-dim));
      else
        target.set_dim_value(dim);
    }
  }
  for (const std::string &name : outputs)
    graph.add_output()->set_name(name);
  return model;
}

static onnx::Attribute &addAttribute(onnx::Node &node, const std::string &name, onnx::Attribute::Kind kind) {
  onnx::Attribute &attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(kind);
  return attribute;
}

void partita::import::setInteger(onnx::Node &node, const std::string &name, int64_t value) {
  addAttribute(node, name, onnx::Attribute::INT).set_i(value);
}

void partita::import::setIntegers(onnx::Node &node, const std::string &name, const std::vector<int64_t> &values) {
  onnx::Attribute &attribute = addAttribute(node, name, onnx::Attribute::INTS);
  for (int64_t value : values)
    attribute.add_ints(value);
}

void partita::import::setText(onnx::Node &node, const std::string &name, const std::string &value) {
  addAttribute(node, name, onnx::Attribute::STRING).set_s(value);
}

void partita::import::addIntegers(onnx::Graph &graph, const std::string &name, const std::vector<int64_t> &values) {
  onnx::Tensor &tensor = *graph.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::SI64);
  tensor.add_dims(static_cast<int64_t>(values.size()));
  for (int64_t value : values)
    tensor.add_int64_data(value);
}

void partita::import::addWeight(onnx::Graph &graph, const std::string &name, const std::vector<int64_t> &dims,
                                float scale) {
  onnx::Tensor &tensor = *graph.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::F32);
  int64_t elements = 1;
  for (int64_t dim : dims) {
    tensor.add_dims(dim);
    elements *= dim;
  }
  for (int64_t i = 0; i < elements; ++i) {
    float value = scale * static_cast<float>(i % 7 - 3);
    tensor.mutable_raw_data()->append(reinterpret_cast<const char *>(&value), sizeof(value));
  }
}
