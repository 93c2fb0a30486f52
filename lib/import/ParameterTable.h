// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ParameterTable.h - Arguments of the imported function -------------------===//
//
// Inputs first, then weights in the order of their first use; a weight is one argument however often it is used.
// Example: table.addParameter("wte", kRoleParameter, f32, source, location) is the same value at every call.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_PARAMETERTABLE_H
#define PARTITA_LIB_IMPORT_PARAMETERTABLE_H

#include "mlir/IR/Block.h"
#include "mlir/IR/Builders.h"
#include "partita/dialects/interfaces/SymbolicShape.h"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace partita::import {

class ParameterTable {
public:
  explicit ParameterTable(mlir::Block &body) : body(body) {}

  mlir::Value addInput(llvm::StringRef name, mlir::RankedTensorType type, mlir::Location location);
  /// The argument that holds `source` (empty file: no data), made at the first call for this name.
  mlir::Value addParameter(llvm::StringRef name, llvm::StringRef role, mlir::Type element, SourceAttr source,
                           mlir::Location location);

  /// Whether `value` is a weight or constant in a file.
  bool isParameter(mlir::Value value) const;
  void setRole(mlir::Value parameter, llvm::StringRef role);
  /// The largest valid value of an integer input; the smallest of several bounds counts.
  void boundInput(mlir::Value input, int64_t largest);

  /// Removes parameters without uses, and returns the attributes of the remaining arguments, in order.
  std::vector<mlir::DictionaryAttr> finish();

private:
  struct Argument {
    std::string name, role;
    SourceAttr source; // null for inputs
    int64_t largest = -1;
  };
  Argument *find(mlir::Value value);

  mlir::Block &body;
  std::vector<Argument> arguments;
  std::map<std::string, mlir::Value> byName;
};

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_PARAMETERTABLE_H
