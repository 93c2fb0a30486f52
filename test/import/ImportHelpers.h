// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ImportHelpers.h - Imports models and keeps what was said ----------------===//
//
// A fixture: imports a model, returns the module's text, collects diagnostics. Example:
//
//   EXPECT_NE(importModel(model).find("partita_graph.contraction"), std::string::npos);
//   EXPECT_EQ(diagnostics, "");
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_TEST_IMPORT_IMPORTHELPERS_H
#define PARTITA_TEST_IMPORT_IMPORTHELPERS_H

#include "TestFiles.h"
#include "partita/import/Import.h"
#include "partita/import/Zoo.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"

#include "gtest/gtest.h"

namespace partita::import {

class ImportTest : public ::testing::Test {
protected:
  ImportTest();

  /// The module's text; empty where the import failed.
  std::string importFile(const std::string &path, const std::vector<std::string> &dims = {});
  std::string importModel(const onnx::Model &model, const std::vector<std::string> &dims = {});
  std::string importZoo(const ZooRequest &request, const std::vector<std::string> &dims = {});

  static int count(llvm::StringRef text, llvm::StringRef what) { return static_cast<int>(text.count(what)); }

  TestFolder folder;
  mlir::MLIRContext context;
  mlir::ScopedDiagnosticHandler handler;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// One line for each diagnostic.
  std::string diagnostics;
};

/// A model with f32 inputs and outputs of these shapes (a negative extent -N is the symbolic dim "dN"), no nodes.
onnx::Model makeModel(const std::vector<std::pair<std::string, std::vector<int64_t>>> &inputs,
                      const std::vector<std::string> &outputs);
/// Adds an attribute to a node.
void setInteger(onnx::Node &node, const std::string &name, int64_t value);
void setIntegers(onnx::Node &node, const std::string &name, const std::vector<int64_t> &values);
void setText(onnx::Node &node, const std::string &name, const std::string &value);
/// A 1-D si64 initializer.
void addIntegers(onnx::Graph &graph, const std::string &name, const std::vector<int64_t> &values);
/// An f32 initializer of this shape: element i is scale * (i % 7 - 3).
void addWeight(onnx::Graph &graph, const std::string &name, const std::vector<int64_t> &dims, float scale = 0.25f);

} // namespace partita::import

#endif // PARTITA_TEST_IMPORT_IMPORTHELPERS_H
