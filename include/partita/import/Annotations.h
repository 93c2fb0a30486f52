// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Annotations.h - Multi-device annotations of ONNX files ------------------===//
//
// ONNX IR version 11 lets a file say over which devices the tensors of its nodes are split. Example: of a node "fc"
// with input x [8, 64], split by rows over devices 0 and 1, and weight w on both,
//
//   {"fc", {"x", "w"}, {"y"}, {{"x", {{0}, {1}}, {{0, 2, 8}}},
//                              {"w", {{0, 1}}, {}}}, std::nullopt}
//
// Source: onnx.proto of IR version 11, DeviceConfigurationProto and the messages behind it.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_IMPORT_ANNOTATIONS_H
#define PARTITA_IMPORT_ANNOTATIONS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace partita::import {

/// How one tensor lies on devices.
struct TensorSharding {
  struct Dim {
    int64_t axis, shards;
    int64_t extent = 0; ///< of the whole dim; 0: not known, or symbolic
    bool operator==(const Dim &) const = default;
  };
  std::string tensor;
  /// The devices of each shard, shards in row-major order of the dims.
  std::vector<std::vector<int64_t>> shards;
  std::vector<Dim> dims;
  bool operator==(const TensorSharding &) const = default;
};

struct NodeSharding {
  std::string node;
  std::vector<std::string> inputs, outputs;
  std::vector<TensorSharding> tensors;
  std::optional<int64_t> stage;
};

struct ModelAnnotations {
  std::string configuration;
  int64_t devices = 0;
  /// All nodes with a name of their own, annotated or not.
  std::vector<NodeSharding> nodes;
};

/// The annotations of `configuration`, or of the file's first one where that is empty; no devices where the file has
/// none. E-BAD-FILE: no such configuration, or an annotation that contradicts itself.
llvm::Expected<ModelAnnotations> readAnnotations(llvm::StringRef path, llvm::StringRef configuration = "");

/// Writes the model `path` with these annotations as `target`; others of the same configuration name go. External data
/// is named as before and not copied, so that such a model can only be written beside itself. E-BAD-FILE.
llvm::Error writeAnnotations(llvm::StringRef path, llvm::StringRef target, const ModelAnnotations &annotations);

} // namespace partita::import

#endif // PARTITA_IMPORT_ANNOTATIONS_H
