// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Catalog.cpp - The names of the zoo --------------------------------------===//
#include "zoo/Catalog.h"

#include "partita/support/Error.h"
#include "zoo/ReadSizes.h"

#include "llvm/ADT/StringExtras.h"

using namespace partita;
using namespace partita::import;

namespace {

using Sizes = std::map<std::string, std::string>;

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
      {"bert", "BERT base with pooler, 109,482,240 parameters", readBert, {}},
      {"bert-large",
       "BERT large with pooler, 335,141,888 parameters",
       readBert,
       {{"layers", "24"}, {"hidden", "1024"}, {"heads", "16"}}},
      {"vit", "ViT-B/16, 86,567,656 parameters", readVit, {}},
      {"vit-l16", "ViT-L/16, 304,326,632 parameters", readVit, {{"layers", "24"}, {"hidden", "1024"}, {"heads", "16"}}},
      {"clip", "CLIP ViT-B/32, 151,277,313 parameters", readClip, {}},
      {"mobilenet", "MobileNetV3-large, 5,483,032 parameters", readMobilenet, {}},
      {"unet", "U-Net of 2015, 31,030,658 parameters", readUnet, {}},
      {"dlrm", "DLRM on the Criteo Kaggle data, 540,677,217 parameters", readDlrm, {}},
      {"lstm", "LSTM language model of 2014 (large), 66,034,000 parameters", readLstm, {}},
      {"mistral-7b", "Mistral 7B, 7,241,732,096 parameters", readLlama, {{"vocab", "32000"}, {"rope-theta", "10000"}}},
      {"qwen2-7b",
       "Qwen 2 7B, 7,615,616,512 parameters",
       readLlama,
       {{"layers", "28"},
        {"hidden", "3584"},
        {"heads", "28"},
        {"kv-heads", "4"},
        {"ffn", "18944"},
        {"vocab", "152064"},
        {"rope-theta", "1000000"},
        {"norm-epsilon", "1e-6"},
        {"qkv-bias", "yes"}}},
      {"mixtral",
       "Mixtral 8x7B, 46,702,792,704 parameters",
       readLlama,
       {{"vocab", "32000"}, {"rope-theta", "1000000"}, {"experts", "8"}}},
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
