// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Catalog.cpp - The names of the zoo --------------------------------------===//
#include "zoo/Catalog.h"

#include "partita/support/Error.h"
#include "zoo/Architectures.h"
#include "zoo/SizeReader.h"

#include "llvm/ADT/StringExtras.h"

using namespace partita;
using namespace partita::import;

namespace {

using Sizes = std::map<std::string, std::string>;

/// Reads the sizes of one architecture and, unless `writer` is null, builds its graph.
using Architecture = llvm::Error (*)(SizeReader &reader, ModelWriter *writer);

llvm::Error readMlp(SizeReader &reader, ModelWriter *writer) {
  MlpSizes sizes;
  reader.read("batch", sizes.batch);
  reader.read("layers", sizes.layers);
  reader.read("hidden", sizes.hidden);
  reader.read("input", sizes.input);
  reader.read("output", sizes.output);
  reader.read("mlp", sizes.activation, {"relu", "gelu", "tanh"});
  llvm::Error error = reader.finish();
  if (!error && writer)
    buildMlp(*writer, sizes);
  return error;
}

llvm::Error readGpt(SizeReader &reader, ModelWriter *writer) {
  GptSizes sizes;
  reader.read("batch", sizes.batch);
  reader.read("seq", sizes.seq);
  reader.read("layers", sizes.layers);
  reader.read("hidden", sizes.hidden);
  reader.read("heads", sizes.heads);
  sizes.ffn = 4 * sizes.hidden;
  reader.read("ffn", sizes.ffn);
  reader.read("vocab", sizes.vocab);
  if (!sizes.seq.isSymbolic())
    sizes.positions = std::max(sizes.positions, sizes.seq.size);
  reader.read("positions", sizes.positions);
  reader.read("mlp", sizes.mlp, {"gelu", "squared-relu"});
  reader.require(sizes.hidden % sizes.heads == 0, "--hidden must be a multiple of --heads");
  reader.require(sizes.seq.isSymbolic() || sizes.seq.size <= sizes.positions, "--seq must not exceed --positions");
  llvm::Error error = reader.finish();
  if (!error && writer)
    buildGpt(*writer, sizes);
  return error;
}

llvm::Error readLlama(SizeReader &reader, ModelWriter *writer) {
  LlamaSizes sizes;
  reader.read("batch", sizes.batch);
  reader.read("seq", sizes.seq);
  reader.read("layers", sizes.layers);
  reader.read("hidden", sizes.hidden);
  reader.read("heads", sizes.heads);
  reader.read("kv-heads", sizes.kvHeads);
  reader.read("ffn", sizes.ffn);
  reader.read("vocab", sizes.vocab);
  reader.read("rope-theta", sizes.ropeTheta);
  reader.read("mlp", sizes.mlp, {"swiglu", "geglu"});
  reader.require(sizes.heads % sizes.kvHeads == 0, "--heads must be a multiple of --kv-heads");
  reader.require(sizes.hidden % sizes.heads == 0 && (sizes.hidden / sizes.heads) % 2 == 0,
                 "--hidden must be an even multiple of --heads");
  llvm::Error error = reader.finish();
  if (!error && writer)
    buildLlama(*writer, sizes);
  return error;
}

llvm::Error readResnet(SizeReader &reader, ModelWriter *writer) {
  ResnetSizes sizes;
  reader.read("batch", sizes.batch);
  reader.read("layers", sizes.layers);
  reader.read("width", sizes.width);
  reader.read("image", sizes.image);
  reader.read("classes", sizes.classes);
  reader.require(!getResnetBlocks(sizes.layers).empty(), "--layers of a resnet is 10, 14, 18, 34, 50, 101 or 152");
  llvm::Error error = reader.finish();
  if (!error && writer)
    buildResnet(*writer, sizes);
  return error;
}

struct Entry {
  const char *name, *description;
  Architecture architecture;
  Sizes sizes; // what differs from the architecture's own defaults
};

Entry makeGpt(const char *name, const char *description, const char *layers, const char *hidden, const char *heads,
              const char *seq) {
  return {name, description, readGpt, {{"layers", layers}, {"hidden", hidden}, {"heads", heads}, {"seq", seq}}};
}

Entry makeLlama(const char *name, const char *description, Sizes sizes) {
  return {name, description, readLlama, std::move(sizes)};
}

std::vector<Entry> listEntries() {
  return {
      {"mlp", "fully connected layers", readMlp, {}},
      {"gpt", "GPT-2 small, 124,439,808 parameters", readGpt, {}},
      makeGpt("gpt2", "the same as gpt", "12", "768", "12", "1024"),
      makeGpt("gpt2-medium", "GPT-2 medium, 354,823,168 parameters", "24", "1024", "16", "1024"),
      makeGpt("gpt2-large", "GPT-2 large, 774,030,080 parameters", "36", "1280", "20", "1024"),
      makeGpt("gpt2-xl", "GPT-2 XL, 1,557,611,200 parameters", "48", "1600", "25", "1024"),
      makeGpt("gpt3-175b", "GPT-3, 174.6 billion parameters", "96", "12288", "96", "2048"),
      {"llama", "Llama 3 8B, 8,030,261,248 parameters", readLlama, {}},
      makeLlama("llama3-8b", "the same as llama", {}),
      makeLlama("llama3-70b", "Llama 3 70B, 70,553,706,496 parameters",
                {{"layers", "80"}, {"hidden", "8192"}, {"heads", "64"}, {"ffn", "28672"}}),
      makeLlama("llama2-7b", "Llama 2 7B, 6,738,415,616 parameters",
                {{"kv-heads", "32"}, {"ffn", "11008"}, {"vocab", "32000"}, {"rope-theta", "10000"}}),
      {"resnet", "ResNet-50, 25,557,032 parameters", readResnet, {}},
      {"resnet18", "ResNet-18, 11,689,512 parameters", readResnet, {{"layers", "18"}}},
      {"resnet50", "the same as resnet", readResnet, {}},
  };
}

} // namespace

std::vector<ZooEntry> partita::import::listZoo() {
  std::vector<ZooEntry> list;
  for (const Entry &entry : listEntries()) {
    SizeReader reader(entry.name, entry.sizes);
    // Reading without a writer checks the entry's own sizes and collects the names.
    llvm::consumeError(entry.architecture(reader, nullptr));
    Sizes sizes = entry.sizes;
    sizes.insert(reader.getDefaults().begin(), reader.getDefaults().end());
    list.push_back({entry.name, entry.description, std::move(sizes)});
  }
  return list;
}

llvm::Expected<ModelWriter> partita::import::buildZooModel(const ZooRequest &request) {
  std::vector<std::string> names;
  for (const Entry &entry : listEntries()) {
    names.push_back(entry.name);
    if (entry.name != request.name)
      continue;
    Sizes sizes = request.sizes;
    sizes.insert(entry.sizes.begin(), entry.sizes.end());
    SizeReader reader(request.name, std::move(sizes));
    ModelWriter writer(request.name);
    if (llvm::Error error = entry.architecture(reader, &writer))
      return error;
    return writer;
  }
  std::vector<std::string> notes;
  for (const std::string &near : findNearestNames(request.name, names))
    notes.push_back("did you mean '" + near + "'?");
  return makeError("E-ZOO-NAME", "the zoo has no '" + request.name + "'; it has " + llvm::join(names, ", "), notes);
}
