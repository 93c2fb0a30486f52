// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Zoo.h - ONNX files of known architectures, at any size ------------------===//
//
// Writes the graph of a published architecture, with seeded weights or without any, so that plans can be made
// and programs tested without downloading a model. Example, a GPT with 12 heads and 2 layers:
//
//   ZooRequest request{"gpt", {{"layers", "2"}, {"hidden", "48"}, {"heads", "12"}, {"seq", "16"}}, /*seed=*/1};
//   llvm::Expected<ZooSummary> summary = writeZooModel(request, "gpt.onnx");   // {parameters 2523984, ...}
//
// Files are ONNX IR 11, operator set 23; a name in place of a number for `batch` or `seq` makes that dim symbolic.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_IMPORT_ZOO_H
#define PARTITA_IMPORT_ZOO_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace partita::import {

/// What to write. Sizes that are not given have the values of the published model that `name` stands for.
struct ZooRequest {
  /// An architecture (`gpt`) or one published model of it (`gpt3-175b`); see listZoo.
  std::string name;
  /// Size names without dashes (`layers`, `kv-heads`) to values.
  std::map<std::string, std::string> sizes;
  /// The seed of the weights; none: shapes only, for planning.
  std::optional<uint64_t> seed;
};

/// What was written.
struct ZooSummary {
  /// Trainable parameters, as the publications count them; a tied weight counts once.
  uint64_t parameters = 0;
  uint64_t modelBytes = 0;
  /// Bytes of the weights, inside the model file or beside it.
  uint64_t weightBytes = 0;
  /// The file beside the model that holds the weights; empty where they are inside it or absent.
  std::string weightsPath;
};

/// One name that ZooRequest accepts.
struct ZooEntry {
  std::string name;
  std::string description;
  /// Size names with the values this entry starts from.
  std::map<std::string, std::string> sizes;
};

/// Every accepted name, in the order to print.
std::vector<ZooEntry> listZoo();

/// Writes the model to `path` (over a temporary name), and weights of more than 32 MiB to `path`.data beside it.
/// The weights are a function of seed, weight name and element index alone, equal on every machine. Errors:
/// E-ZOO-NAME unknown name; E-ZOO-SIZE unknown size, not a number, or sizes that do not fit together;
/// E-BAD-FILE the file cannot be written.
llvm::Expected<ZooSummary> writeZooModel(const ZooRequest &request, llvm::StringRef path);

/// A configuration file of Hugging Face's transformers (config.json) as a request.
struct ZooConfig {
  ZooRequest request;
  /// Fields that gave the request, and fields that nothing is known of ("vision_config/x" where nested).
  std::vector<std::string> used, notUsed;
};

/// Reads the model_types gpt2, llama, mistral, qwen2, mixtral, bert, vit, clip and resnet. Errors: E-ZOO-CONFIG a
/// field has the wrong type, or a value that the zoo's architecture cannot have; E-BAD-FILE no JSON.
llvm::Expected<ZooConfig> readZooConfig(llvm::StringRef path);

/// Trainable parameters of the ONNX file `path`: elements of its floating-point initializers of rank 1 or more,
/// without the running statistics of batch normalisation. E-BAD-FILE where it cannot be read.
llvm::Expected<uint64_t> countParameters(llvm::StringRef path);

} // namespace partita::import

#endif // PARTITA_IMPORT_ZOO_H
