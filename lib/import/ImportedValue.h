// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ImportedValue.h - What the importer knows of a tensor of the file -------===//
//
// Shapes in ONNX are tensors that nodes compute with. Integers whose values are known while importing (also as
// expressions of symbolic dims) are kept as such and become ops only where somebody needs them as data. Example:
// Shape(x) of x[batch, 16] is known: {shape [2], elements [batch, 16], si64}.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_IMPORTEDVALUE_H
#define PARTITA_LIB_IMPORT_IMPORTEDVALUE_H

#include "OnnxSchema.h"
#include "partita/dialects/interfaces/SymbolicShape.h"

#include <memory>
#include <vector>

namespace partita::import {

/// A tensor with known elements, row-major: integers, bool (0 or 1), or whole numbers of a float type.
struct Known {
  std::vector<int64_t> shape;
  std::vector<DimSize> elements;
  mlir::Type element;

  bool isStatic() const;
  static Known vector(std::vector<DimSize> elements, mlir::Type element);
  static Known scalar(DimSize value, mlir::Type element);
};

/// Tensors with more elements are data, not shapes.
inline constexpr size_t mostKnownElements = 128;

struct ImportedValue {
  /// The value in the module; null until somebody needs it, where one of the next two gives it.
  mlir::Value value;
  std::shared_ptr<const Known> known;
  /// An initializer, or the value of a Constant node.
  const onnx::Tensor *tensor = nullptr;
  /// Float tensors of rank 1 or more among initializers are weights; those of Constant nodes are constants.
  bool isInitializer = false;
  /// Its node could not be imported; what depends on it is skipped without a further report.
  bool isPoisoned = false;
};

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_IMPORTEDVALUE_H
