// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- DeclaredTypes.h - The types that a model file states --------------------===//
//
// Of outputs and of tensors in between (value_info). Example:
//
//   types.bind("batch", DimSize(4));
//   types.find("hidden");                      // {[4, 768], onnx::F32} for a tensor [batch, 768]
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_DECLAREDTYPES_H
#define PARTITA_LIB_IMPORT_DECLAREDTYPES_H

#include "OnnxSchema.h"
#include "partita/dialects/interfaces/SymbolicShape.h"

#include <map>

namespace partita::import {

class DeclaredTypes {
public:
  explicit DeclaredTypes(const onnx::Graph &graph);

  /// The extent that a name of a dim stands for.
  void bind(const std::string &dim, DimSize size) { dims.insert_or_assign(dim, std::move(size)); }
  /// The shape and the onnx::Element of a tensor, where all of it is known.
  std::optional<std::pair<std::vector<DimSize>, int32_t>> find(const std::string &tensor) const;

private:
  std::map<std::string, const onnx::ValueInfo *> declared;
  std::map<std::string, DimSize> dims;
};

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_DECLAREDTYPES_H
