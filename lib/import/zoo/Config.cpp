// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Config.cpp - Hugging Face model configurations as sizes of the zoo ------===//
#include "zoo/ConfigFields.h"

#include "partita/import/Zoo.h"
#include "partita/support/Error.h"
#include "partita/support/Json.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace partita;
using namespace partita::import;

namespace {

/// Reads one configuration; mistakes are recorded in the document.
class ConfigReader {
public:
  ConfigReader(const ConfigModel &model, ZooConfig &config) : model(model), config(config) {}
  void read(JsonReader object, const std::string &prefix);

private:
  void readField(JsonReader value, const ConfigField &field, const std::string &name);
  void readChoice(JsonReader value, const ConfigField &field);
  void checkValue(JsonReader value, const ConfigField &field);

  const ConfigModel &model;
  ZooConfig &config;
};

bool isNeutral(llvm::StringRef name) {
  for (llvm::StringRef part : {"_token_id", "dropout", "initializer", "_version", "dtype", "output_", "label2id",
                               "_drop", "problem_type", "_loss"})
    if (name.contains(part))
      return true;
  return llvm::is_contained(listNeutralFields(), name);
}

/// A text as it is, anything else as JSON without spaces.
std::string spell(JsonReader value) {
  std::string text = value.isString() ? value.asString() : value.get()->compactStr();
  if (!value.isString())
    llvm::erase(text, ' ');
  return text;
}

void ConfigReader::readChoice(JsonReader value, const ConfigField &field) {
  llvm::SmallVector<llvm::StringRef> pairs;
  std::vector<std::string> known;
  std::string given = spell(value);
  llvm::StringRef(field.choices).split(pairs, ' ');
  for (llvm::StringRef pair : pairs) {
    auto [name, size] = pair.split('=');
    known.push_back(name.str());
    if (name == given)
      config.request.sizes[field.size] = size.str();
  }
  if (!llvm::is_contained(known, given))
    value.failExpected("one of " + llvm::join(known, ", "));
}

void ConfigReader::checkValue(JsonReader value, const ConfigField &field) {
  llvm::SmallVector<llvm::StringRef> values;
  llvm::StringRef(field.choices).split(values, '|');
  std::string given = spell(value);
  if (!llvm::is_contained(values, value.isString() ? '"' + given + '"' : given))
    value.failExpected(field.choices + ", which is all that the zoo's '" + model.architecture + "' has");
}

void ConfigReader::readField(JsonReader value, const ConfigField &field, const std::string &name) {
  config.used.push_back(name);
  std::map<std::string, std::string> &sizes = config.request.sizes;
  switch (field.kind) {
  case ConfigField::Integer: {
    int64_t given = value.asInteger(1, INT32_MAX), other;
    // Two fields may bound one size; the smaller bound holds.
    bool isBound = field.size == "positions" && llvm::to_integer(sizes[field.size], other);
    sizes[field.size] = std::to_string(isBound ? std::min(given, other) : given);
    return;
  }
  case ConfigField::Whole: // such as "rope_theta": 1000000.0
    sizes[field.size] = std::to_string(static_cast<int64_t>(value.asDouble(1.0, INT32_MAX)));
    return;
  case ConfigField::Number:
    sizes[field.size] = JsonValue(value.asDouble(0.0, 1.0)).compactStr();
    return;
  case ConfigField::Flag:
    sizes[field.size] = value.asBoolean() ? "yes" : "no";
    return;
  case ConfigField::Count:
    sizes[field.size] = std::to_string(value.members().size());
    return;
  case ConfigField::Choice:
    return readChoice(value, field);
  case ConfigField::Must:
    return checkValue(value, field);
  }
}

void ConfigReader::read(JsonReader object, const std::string &prefix) {
  for (const auto &[name, value] : object.members()) {
    std::string path = prefix + name;
    auto field = llvm::find_if(model.fields, [&](const ConfigField &f) { return f.name == path; });
    bool isTower = value.isObject() && llvm::is_contained(model.objects, path);
    if (isTower)
      read(value, path + "/");
    else if (field == model.fields.end() && !isNeutral(name))
      config.notUsed.push_back(path);
    else if (field != model.fields.end() && !value.isNull())
      readField(value, *field, path);
  }
}

/// Sizes that the configuration gives by others.
llvm::Error completeSizes(ZooConfig &config) {
  std::map<std::string, std::string> &sizes = config.request.sizes;
  std::map<std::string, std::string> defaults;
  for (const ZooEntry &entry : listZoo())
    if (entry.name == config.request.name)
      defaults = entry.sizes;
  // As many key heads as heads, where nothing else is said.
  if (sizes.count("kv-heads") && sizes["kv-heads"].empty())
    sizes["kv-heads"] = sizes.count("heads") ? sizes["heads"] : defaults["heads"];
  // A model may be shorter than the zoo's default input.
  int64_t positions, seq;
  if (llvm::to_integer(sizes.count("positions") ? sizes["positions"] : "", positions) &&
      llvm::to_integer(defaults["seq"], seq) && positions < seq)
    sizes["seq"] = std::to_string(positions);
  auto type = sizes.find("layer-type");
  if (type == sizes.end())
    return llvm::Error::success();
  bool isBasic = type->second == "basic";
  sizes.erase(type);
  std::string &layers = sizes["layers"];
  static const std::map<std::string, std::string> basic = {{"14", "10"}, {"18", "18"}, {"50", "34"}};
  auto found = basic.find(layers);
  if (isBasic ? found == basic.end() : layers == "18")
    return makeError("E-ZOO-CONFIG", "a resnet of these depths and this layer_type is not in the zoo");
  if (isBasic)
    layers = found->second;
  return llvm::Error::success();
}

} // namespace

llvm::Expected<ZooConfig> partita::import::readZooConfig(llvm::StringRef path) {
  llvm::Expected<JsonDocument> document = JsonDocument::readFile(path);
  if (!document)
    return document.takeError();
  JsonReader root = document->root();
  std::string type = root.field("model_type").asString();
  std::vector<std::string> known;
  const ConfigModel *model = nullptr;
  for (const ConfigModel &candidate : listConfigModels()) {
    known.push_back(candidate.type);
    if (candidate.type == type)
      model = &candidate;
  }
  if (document->failed())
    return document->finish();
  if (!model)
    return makeError("E-ZOO-CONFIG",
                     path + ": at /model_type: the zoo has no '" + type + "'; it reads " + llvm::join(known, ", "));
  ZooConfig config;
  config.request.name = model->architecture;
  config.request.sizes = model->sizes;
  ConfigReader(*model, config).read(root, "");
  if (llvm::Error error = document->finish()) {
    PartitaError mistake = takeError(std::move(error));
    return makeError("E-ZOO-CONFIG", mistake.message, mistake.notes);
  }
  if (llvm::Error error = completeSizes(config))
    return error;
  return config;
}
