// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- TestFiles.h - Model files for tests of the importer ---------------------===//
//
// A folder of one test, removed at its end, and shorthands. Example:
//
//   TestFolder folder;
//   std::string path = folder.write("m.onnx", model.SerializeAsString());
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_TEST_IMPORT_TESTFILES_H
#define PARTITA_TEST_IMPORT_TESTFILES_H

#include "OnnxSchema.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace partita::import {

class TestFolder {
public:
  TestFolder();
  ~TestFolder();
  std::string path(llvm::StringRef name) const;
  std::string write(llvm::StringRef name, llvm::StringRef bytes) const;

private:
  std::string root;
};

/// A model of operator set 23 with an f32 input `x` and an output `y` of 4 elements, without nodes.
onnx::Model makeEmptyModel();
/// Appends a node with these inputs and outputs.
onnx::Node &addNode(onnx::Graph &graph, const std::string &type, const std::vector<std::string> &inputs,
                    const std::vector<std::string> &outputs);
/// Appends a 1-D f32 initializer of `size` elements, stored as raw_data: 0, 1, 2, ...
onnx::Tensor &addRamp(onnx::Graph &graph, const std::string &name, int64_t size);

/// "CODE: message" and its notes; empty for success.
std::string takeText(llvm::Error error);

} // namespace partita::import

#endif // PARTITA_TEST_IMPORT_TESTFILES_H
