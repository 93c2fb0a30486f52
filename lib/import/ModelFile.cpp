// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ModelFile.cpp - An ONNX file, mapped and parsed -------------------------===//
#include "ModelFile.h"

#include "WireScan.h"
#include "partita/support/Error.h"

using namespace partita;
using namespace partita::import;

namespace {
// Sets before 7 are read for the operators that have not changed since; what else they say (`broadcast`, `axis`) is
// refused as an attribute that is not supported.
constexpr int64_t newestIrVersion = 12, oldestOpset = 1, newestOpset = 24;

bool isDefaultDomain(llvm::StringRef domain) { return domain.empty() || domain == "ai.onnx"; }

/// The version of the default operator set that `model` asks for, once everything about versions is checked.
llvm::Expected<int64_t> checkVersions(const onnx::Model &model, llvm::StringRef path) {
  auto fail = [&](const llvm::Twine &what) { return makeError("E-BAD-FILE", "'" + path + "': " + what); };
  if (!model.has_graph() || model.graph().output_size() == 0)
    return fail("holds no graph with an output; is it an ONNX model?");
  if (model.ir_version() < 3 || model.ir_version() > newestIrVersion)
    return fail("ONNX IR version " + llvm::Twine(model.ir_version()) + "; versions 3 to " +
                llvm::Twine(newestIrVersion) + " are read");
  for (const onnx::OperatorSet &set : model.opset_import()) {
    if (!isDefaultDomain(set.domain()))
      continue;
    if (set.version() < oldestOpset || set.version() > newestOpset)
      return fail("ONNX operator set " + llvm::Twine(set.version()) + "; sets " + llvm::Twine(oldestOpset) + " to " +
                  llvm::Twine(newestOpset) + " are read");
    return set.version();
  }
  return fail("names no version of the ONNX operator set");
}
} // namespace

llvm::Expected<ModelFile> ModelFile::open(llvm::StringRef path) {
  ModelFile file;
  file.path = path.str();
  llvm::Expected<MappedFile> mapped = MappedFile::open(path);
  if (!mapped)
    return mapped.takeError();
  file.mapped.emplace(std::move(*mapped));
  if (file.mapped->size() == 0)
    return makeError("E-BAD-FILE", "'" + path + "' is empty");
  llvm::Expected<std::string> trimmed = trimPayloads(file.getBytes());
  if (!trimmed)
    return makeError("E-BAD-FILE",
                     "'" + path + "' is not a readable ONNX model: " + takeError(trimmed.takeError()).message);
  file.model = std::make_unique<onnx::Model>();
  if (!file.model->ParseFromString(*trimmed))
    return makeError("E-BAD-FILE", "'" + path + "' is not an ONNX model: a field does not have the format's type");
  llvm::Expected<int64_t> opset = checkVersions(*file.model, path);
  if (!opset)
    return opset.takeError();
  file.opset = *opset;
  return file;
}
