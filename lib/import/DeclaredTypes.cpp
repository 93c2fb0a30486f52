// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- DeclaredTypes.cpp - The types that a model file states ------------------===//
#include "DeclaredTypes.h"

using namespace partita;
using namespace partita::import;

DeclaredTypes::DeclaredTypes(const onnx::Graph &graph) {
  for (const onnx::ValueInfo &value : graph.value_info())
    declared[value.name()] = &value;
  for (const onnx::ValueInfo &value : graph.output())
    declared[value.name()] = &value;
}

std::optional<std::pair<std::vector<DimSize>, int32_t>> DeclaredTypes::find(const std::string &tensor) const {
  auto found = declared.find(tensor);
  if (found == declared.end() || !found->second->type().has_tensor_type() ||
      !found->second->type().tensor_type().has_shape())
    return std::nullopt;
  const onnx::Type::TensorOf &type = found->second->type().tensor_type();
  std::vector<DimSize> sizes;
  for (const onnx::Shape::Dim &dim : type.shape().dim()) {
    auto bound = dims.find(dim.dim_param());
    if (dim.dim_value() <= 0 && bound == dims.end())
      return std::nullopt;
    sizes.push_back(dim.dim_value() > 0 ? DimSize(dim.dim_value()) : bound->second);
  }
  return std::pair{sizes, type.elem_type()};
}
