// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Check.h - Everything that is wrong with a model file, at once -----------===//
//
// An import that does not stop at problems: a node that cannot be imported is replaced by inputs of the types that the
// file states for its results (value_info), a symbolic dim without a binding by the extent 1. Example:
//
//   ModelCheck check = checkOnnx(context, "model.onnx");
//   for (const ImportProblem &problem : check.problems)
//     // {"E-IMPORT-OP", "node 'n7' (Foo): operator 'com.example.Foo' is not supported", "n7", "Foo", "com.example"}
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_IMPORT_CHECK_H
#define PARTITA_IMPORT_CHECK_H

#include "partita/import/Import.h"

namespace partita::import {

/// A problem, at a node or (node empty) in the file as a whole.
struct ImportProblem {
  std::string code, message;
  std::string node, type, domain;
  std::vector<std::string> notes = {};
};

/// A node that the outputs need, in the order of import.
struct CheckedNode {
  enum State {
    Imported, ///< as ops of the module, or folded into constants and shapes
    Refused,  ///< has problems of its own
    Skipped   ///< reads a result of unknown type
  };
  std::string name, type, domain;
  State state = Imported;
};

struct ModelCheck {
  /// What could be imported. Ops carry the name of their node as location; the function returns what
  /// nothing uses.
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<ImportProblem> problems;
  std::vector<CheckedNode> nodes;
  /// Symbolic dims that nothing binds: 1 in the module.
  std::vector<std::string> assumedDims;
  /// Trainable parameters of the file, whether or not their nodes can be imported (see countParameters in Zoo.h).
  uint64_t parameters = 0;
  /// Nodes of the file that no output needs.
  int64_t unusedNodes = 0;
};

/// Never fails: problems are returned, none is emitted.
ModelCheck checkOnnx(mlir::MLIRContext &context, llvm::StringRef path, const ImportOptions &options = {});

} // namespace partita::import

#endif // PARTITA_IMPORT_CHECK_H
