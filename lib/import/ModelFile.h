// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ModelFile.h - An ONNX file, mapped and parsed ---------------------------===//
//
// The file stays mapped for as long as this object lives; the parsed model refers to big payloads by their
// place in it. Example:
//
//   llvm::Expected<ModelFile> file = ModelFile::open("gpt.onnx");
//   llvm::Expected<Payload> weight = locatePayload(*file, file->getModel().graph().initializer(0));
//   // {path "gpt.onnx.data", offset 4096, bytes 154389504}
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_MODELFILE_H
#define PARTITA_LIB_IMPORT_MODELFILE_H

#include "OnnxSchema.h"

#include "partita/support/File.h"

#include "llvm/Support/Error.h"

#include <memory>
#include <optional>
#include <string>

namespace partita::import {

class ModelFile {
public:
  /// Maps, scans and parses `path`. Errors, all E-BAD-FILE with the path: it cannot be read, is no regular file,
  /// is broken (with the byte), has no graph, or has an IR version or opset this importer does not know.
  static llvm::Expected<ModelFile> open(llvm::StringRef path);

  const std::string &getPath() const { return path; }
  const onnx::Model &getModel() const { return *model; }
  llvm::StringRef getBytes() const { return mapped->text(); }
  /// The version of the default operator set.
  int64_t getOpset() const { return opset; }

private:
  std::string path;
  std::optional<MappedFile> mapped;
  std::unique_ptr<onnx::Model> model;
  int64_t opset = 0;
};

/// See countParameters in Zoo.h.
uint64_t countModelParameters(const onnx::Model &model);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_MODELFILE_H
