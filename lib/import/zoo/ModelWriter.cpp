// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ModelWriter.cpp - Builds an ONNX model node by node ---------------------===//
#include "zoo/ModelWriter.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace partita::import;
namespace onnx = partita::onnx;

Fill Fill::spread(int64_t inputs, double gain) { return {0.0, gain / std::sqrt(static_cast<double>(inputs))}; }

uint64_t Weight::countElements() const {
  uint64_t count = 1;
  for (int64_t dim : dims)
    count *= static_cast<uint64_t>(dim);
  return count;
}

ModelWriter::ModelWriter(const std::string &name) {
  model.set_ir_version(11);
  model.set_producer_name("partita zoo");
  onnx::OperatorSet &set = *model.add_opset_import();
  set.set_domain("");
  set.set_version(23);
  graph().set_name(name);
}

static void setType(onnx::ValueInfo &value, const std::string &name, onnx::Element element,
                    const std::vector<ZooDim> &dims) {
  value.set_name(name);
  onnx::Type::TensorOf &type = *value.mutable_type()->mutable_tensor_type();
  type.set_elem_type(element);
  type.mutable_shape();
  for (const ZooDim &dim : dims) {
    onnx::Shape::Dim &target = *type.mutable_shape()->add_dim();
    if (dim.isSymbolic())
      target.set_dim_param(dim.name);
    else
      target.set_dim_value(dim.size);
  }
}

std::string ModelWriter::addInput(const std::string &name, onnx::Element element, const std::vector<ZooDim> &dims) {
  setType(*graph().add_input(), name, element, dims);
  return name;
}

void ModelWriter::addOutput(const std::string &name, onnx::Element element, const std::vector<ZooDim> &dims) {
  setType(*graph().add_output(), name, element, dims);
}

std::string ModelWriter::addWeight(const std::string &name, std::vector<int64_t> dims, Fill fill) {
  weights.push_back({name, std::move(dims), fill});
  return name;
}

std::string ModelWriter::addIntegerTensor(const std::string &name, const std::vector<int64_t> &values, bool isScalar) {
  for (const onnx::Tensor &tensor : graph().initializer())
    if (tensor.name() == name)
      return name;
  onnx::Tensor &tensor = *graph().add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::SI64);
  if (!isScalar)
    tensor.add_dims(static_cast<int64_t>(values.size()));
  for (int64_t value : values)
    tensor.add_int64_data(value);
  return name;
}

std::string ModelWriter::addIntegers(const std::vector<int64_t> &values, std::string name) {
  if (name.empty()) {
    name = "integers";
    for (int64_t value : values)
      name += "_" + std::to_string(value);
  }
  return addIntegerTensor(name, values, /*isScalar=*/false);
}

std::string ModelWriter::addInteger(int64_t value) {
  return addIntegerTensor("integer_" + std::to_string(value), {value}, /*isScalar=*/true);
}

static void setAttribute(onnx::Attribute &target, const NodeAttribute &attribute) {
  target.set_name(attribute.name);
  if (const auto *integer = std::get_if<int64_t>(&attribute.value)) {
    target.set_type(onnx::Attribute::INT);
    target.set_i(*integer);
  } else if (const auto *number = std::get_if<float>(&attribute.value)) {
    target.set_type(onnx::Attribute::FLOAT);
    target.set_f(*number);
  } else if (const auto *text = std::get_if<std::string>(&attribute.value)) {
    target.set_type(onnx::Attribute::STRING);
    target.set_s(*text);
  } else if (const auto *list = std::get_if<std::vector<int64_t>>(&attribute.value)) {
    target.set_type(onnx::Attribute::INTS);
    for (int64_t value : *list)
      target.add_ints(value);
  }
}

/// The domain, which the model names once.
std::string ModelWriter::useDomain(const std::string &domain) {
  for (const onnx::OperatorSet &set : model.opset_import())
    if (set.domain() == domain)
      return domain;
  onnx::OperatorSet &set = *model.add_opset_import();
  set.set_domain(domain);
  set.set_version(1);
  return domain;
}

onnx::Node *ModelWriter::startNode(const std::string &type, const std::string &name,
                                   const std::vector<std::string> &inputs,
                                   const std::vector<NodeAttribute> &attributes) {
  onnx::Node *node = graph().add_node();
  size_t dot = type.rfind('.');
  node->set_op_type(type.substr(dot + 1));
  if (dot != std::string::npos)
    node->set_domain(useDomain(type.substr(0, dot)));
  node->set_name(name);
  for (const std::string &input : inputs)
    node->add_input(input);
  for (const NodeAttribute &attribute : attributes)
    setAttribute(*node->add_attribute(), attribute);
  return node;
}

std::string ModelWriter::addNode(const std::string &type, const std::string &name,
                                 const std::vector<std::string> &inputs, const std::vector<NodeAttribute> &attributes) {
  startNode(type, name, inputs, attributes)->add_output(name);
  return name;
}

std::vector<std::string> ModelWriter::addNodes(const std::string &type, const std::string &name,
                                               const std::vector<std::string> &inputs, int results,
                                               const std::vector<NodeAttribute> &attributes) {
  onnx::Node *node = startNode(type, name, inputs, attributes);
  std::vector<std::string> names;
  for (int i = 0; i < results; ++i) {
    names.push_back(name + ":" + std::to_string(i));
    node->add_output(names.back());
  }
  return names;
}

std::string ModelWriter::addFloats(const std::string &name, const std::vector<float> &values) {
  onnx::Node *node = startNode("Constant", name, {}, {});
  node->add_output(name);
  onnx::Attribute &attribute = *node->add_attribute();
  attribute.set_name("value");
  attribute.set_type(onnx::Attribute::TENSOR);
  onnx::Tensor &tensor = *attribute.mutable_t();
  tensor.set_data_type(onnx::F32);
  tensor.add_dims(static_cast<int64_t>(values.size()));
  for (float value : values)
    tensor.add_float_data(value);
  return name;
}
