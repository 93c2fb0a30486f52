// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- TestFiles.cpp - Model files for tests of the importer -------------------===//
#include "TestFiles.h"

#include "partita/support/Error.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace partita;
using namespace partita::import;

TestFolder::TestFolder() {
  llvm::SmallString<128> created;
  if (!llvm::sys::fs::createUniqueDirectory("partita-import", created))
    root = created.str().str();
}

TestFolder::~TestFolder() {
  if (!root.empty())
    llvm::sys::fs::remove_directories(root);
}

std::string TestFolder::path(llvm::StringRef name) const {
  llvm::SmallString<128> result(root);
  llvm::sys::path::append(result, name);
  return result.str().str();
}

std::string TestFolder::write(llvm::StringRef name, llvm::StringRef bytes) const {
  std::string target = path(name);
  std::error_code code;
  llvm::raw_fd_ostream stream(target, code);
  stream << bytes;
  return target;
}

static void setVector(onnx::ValueInfo &value, const std::string &name, int64_t size) {
  value.set_name(name);
  onnx::Type::TensorOf &type = *value.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::F32);
  type.mutable_shape()->add_dim()->set_dim_value(size);
}

onnx::Model partita::import::makeEmptyModel() {
  onnx::Model model;
  model.set_ir_version(11);
  model.add_opset_import()->set_version(23);
  model.mutable_graph()->set_name("main");
  setVector(*model.mutable_graph()->add_input(), "x", 4);
  setVector(*model.mutable_graph()->add_output(), "y", 4);
  return model;
}

onnx::Node &partita::import::addNode(onnx::Graph &graph, const std::string &type,
                                     const std::vector<std::string> &inputs, const std::vector<std::string> &outputs) {
  onnx::Node &node = *graph.add_node();
  node.set_op_type(type);
  for (const std::string &input : inputs)
    node.add_input(input);
  for (const std::string &output : outputs)
    node.add_output(output);
  return node;
}

onnx::Tensor &partita::import::addRamp(onnx::Graph &graph, const std::string &name, int64_t size) {
  onnx::Tensor &tensor = *graph.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::F32);
  tensor.add_dims(size);
  for (int64_t i = 0; i < size; ++i) {
    float value = static_cast<float>(i);
    tensor.mutable_raw_data()->append(reinterpret_cast<const char *>(&value), sizeof(value));
  }
  return tensor;
}

std::string partita::import::takeText(llvm::Error error) {
  if (!error)
    return "";
  return takeError(std::move(error)).strWithNotes();
}
