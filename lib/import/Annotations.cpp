// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Annotations.cpp - Multi-device annotations of ONNX files ----------------===//
#include "partita/import/Annotations.h"

#include "ModelFile.h"
#include "partita/support/Error.h"
#include "partita/support/File.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"

#include <map>

using namespace partita;
using namespace partita::import;

static constexpr int64_t mostDevices = 1 << 20;

//===-- Reading ---------------------------------------------------------------------------------------------------===//

/// An entry of `device`: a device, or the (negative) key of a group that holds copies of one shard.
static std::vector<int64_t> readShard(const onnx::ShardingSpec &spec, int64_t entry) {
  for (const onnx::DeviceGroup &group : spec.index_to_device_group_map())
    if (group.key() == entry)
      return {group.value().begin(), group.value().end()};
  return {entry};
}

/// nullopt: it contradicts itself.
static std::optional<TensorSharding> readSharding(const onnx::ShardingSpec &spec) {
  TensorSharding sharding{llvm::json::fixUTF8(spec.tensor_name()), {}, {}};
  int64_t count = 1;
  for (const onnx::ShardedDim &dim : spec.sharded_dim()) {
    int64_t shards = 1;
    // Several entries: parts of a dim that was several dims once; their shards follow each other in row-major order.
    for (const onnx::SimpleSharding &simple : dim.simple_sharding()) {
      if (simple.num_shards() < 1 || simple.num_shards() > mostDevices || shards > mostDevices)
        return std::nullopt;
      shards *= simple.num_shards();
    }
    if (count > mostDevices || shards > mostDevices)
      return std::nullopt;
    count *= shards;
    int64_t extent = dim.simple_sharding_size() == 1 ? dim.simple_sharding(0).dim_value() : 0;
    if (extent < 0)
      return std::nullopt;
    sharding.dims.push_back({dim.axis(), shards, extent});
  }
  for (int64_t entry : spec.device())
    sharding.shards.push_back(readShard(spec, entry));
  // Devices of a tensor that is not split: all of them hold it.
  if (count == 1 && sharding.shards.size() > 1) {
    std::vector<int64_t> all;
    for (const std::vector<int64_t> &shard : sharding.shards)
      all.insert(all.end(), shard.begin(), shard.end());
    sharding.shards = {all};
  }
  for (const std::vector<int64_t> &shard : sharding.shards) {
    if (shard.empty())
      return std::nullopt;
    for (int64_t device : shard)
      if (device < 0 || device >= mostDevices)
        return std::nullopt;
  }
  return static_cast<int64_t>(sharding.shards.size()) == count ? std::optional(sharding) : std::nullopt;
}

static const onnx::DeviceConfiguration *findConfiguration(const onnx::Model &model, llvm::StringRef name) {
  for (const onnx::DeviceConfiguration &candidate : model.configuration())
    if (name.empty() || candidate.name() == name)
      return &candidate;
  return nullptr;
}

/// Nodes whose name no other node has.
static std::vector<const onnx::Node *> listNamedNodes(const onnx::Graph &graph) {
  std::map<std::string, int> uses;
  for (const onnx::Node &node : graph.node())
    ++uses[node.name()];
  std::vector<const onnx::Node *> nodes;
  for (const onnx::Node &node : graph.node())
    if (!node.name().empty() && uses[node.name()] == 1)
      nodes.push_back(&node);
  return nodes;
}

llvm::Expected<ModelAnnotations> partita::import::readAnnotations(llvm::StringRef path, llvm::StringRef configuration) {
  llvm::Expected<ModelFile> file = ModelFile::open(path);
  if (!file)
    return file.takeError();
  ModelAnnotations annotations;
  const onnx::Model &model = file->getModel();
  const onnx::DeviceConfiguration *found = findConfiguration(model, configuration);
  if (!found && !configuration.empty())
    return makeError("E-BAD-FILE", path + ": there is no device configuration '" + configuration + "'");
  if (found) {
    if (!llvm::json::isUTF8(found->name()))
      return makeError("E-BAD-FILE", path + ": the name of a device configuration is not UTF-8");
    annotations.configuration = found->name();
    annotations.devices = found->num_devices();
    if (annotations.devices < 1 || annotations.devices > mostDevices)
      return makeError("E-BAD-FILE", path + ": device configuration '" + annotations.configuration + "' has " +
                                         llvm::Twine(annotations.devices) + " devices");
  }
  for (const onnx::Node *node : listNamedNodes(model.graph())) {
    NodeSharding entry{node->name(),
                       {node->input().begin(), node->input().end()},
                       {node->output().begin(), node->output().end()},
                       {},
                       std::nullopt};
    for (const onnx::NodeDeviceConfiguration &own : node->device_configurations()) {
      if (!found || own.configuration_id() != found->name())
        continue;
      if (own.has_pipeline_stage())
        entry.stage = own.pipeline_stage();
      for (const onnx::ShardingSpec &spec : own.sharding_spec()) {
        std::optional<TensorSharding> sharding = readSharding(spec);
        if (!sharding)
          return makeError("E-BAD-FILE",
                           path + ": node '" + llvm::json::fixUTF8(node->name()) + "': the sharding of '" +
                               llvm::json::fixUTF8(spec.tensor_name()) +
                               "' does not name one device or group for each shard, or has a negative extent");
        entry.tensors.push_back(std::move(*sharding));
      }
    }
    annotations.nodes.push_back(std::move(entry));
  }
  return annotations;
}

//===-- Writing ---------------------------------------------------------------------------------------------------===//

static void writeSharding(onnx::ShardingSpec &spec, const TensorSharding &sharding) {
  spec.set_tensor_name(sharding.tensor);
  int64_t nextKey = -1;
  for (const std::vector<int64_t> &shard : sharding.shards) {
    if (shard.size() == 1) {
      spec.add_device(shard.front());
      continue;
    }
    onnx::DeviceGroup &group = *spec.add_index_to_device_group_map();
    group.set_key(nextKey);
    for (int64_t device : shard)
      group.add_value(device);
    spec.add_device(nextKey--);
  }
  for (const TensorSharding::Dim &dim : sharding.dims) {
    onnx::ShardedDim &sharded = *spec.add_sharded_dim();
    sharded.set_axis(dim.axis);
    onnx::SimpleSharding &simple = *sharded.add_simple_sharding();
    simple.set_num_shards(dim.shards);
    if (dim.extent > 0)
      simple.set_dim_value(dim.extent);
  }
}

static bool hasExternalData(const onnx::Graph &graph) {
  return llvm::any_of(graph.initializer(),
                      [](const onnx::Tensor &tensor) { return tensor.data_location() == onnx::Tensor::EXTERNAL; });
}

static bool areInOneFolder(llvm::StringRef a, llvm::StringRef b) {
  llvm::SmallString<128> first(a), second(b);
  if (llvm::sys::fs::make_absolute(first) || llvm::sys::fs::make_absolute(second))
    return false;
  llvm::sys::path::remove_dots(first, /*remove_dot_dot=*/true);
  llvm::sys::path::remove_dots(second, /*remove_dot_dot=*/true);
  return llvm::sys::path::parent_path(first) == llvm::sys::path::parent_path(second);
}

static void writeConfiguration(onnx::Model &model, const ModelAnnotations &annotations) {
  onnx::DeviceConfiguration *target = nullptr;
  for (onnx::DeviceConfiguration &candidate : *model.mutable_configuration())
    if (candidate.name() == annotations.configuration)
      target = &candidate;
  if (!target)
    target = model.add_configuration();
  target->set_name(annotations.configuration);
  target->set_num_devices(static_cast<int32_t>(annotations.devices));
  target->clear_device();
  model.set_ir_version(std::max<int64_t>(model.ir_version(), 11));
}

llvm::Error partita::import::writeAnnotations(llvm::StringRef path, llvm::StringRef target,
                                              const ModelAnnotations &annotations) {
  llvm::Expected<ModelFile> file = ModelFile::open(path);
  if (!file)
    return file.takeError();
  onnx::Model model;
  // The parsed model refers to big payloads by their place in the file; the copy needs them.
  if (!model.ParseFromArray(file->getBytes().data(), static_cast<int>(file->getBytes().size())))
    return makeError("E-BAD-FILE", path + ": a model of more than 2 GB cannot be written again");
  if (hasExternalData(model.graph()) && !areInOneFolder(path, target))
    return makeError("E-BAD-FILE", "'" + target + "' must lie beside '" + path + "', whose weights it refers to");
  writeConfiguration(model, annotations);
  std::map<std::string, const NodeSharding *> byName;
  for (const NodeSharding &node : annotations.nodes)
    byName[node.node] = &node;
  for (onnx::Node &node : *model.mutable_graph()->mutable_node()) {
    auto *list = node.mutable_device_configurations();
    for (int i = list->size(); i-- > 0;)
      if (list->Get(i).configuration_id() == annotations.configuration)
        list->DeleteSubrange(i, 1);
    auto found = byName.find(node.name());
    if (found == byName.end() || (found->second->tensors.empty() && !found->second->stage))
      continue;
    onnx::NodeDeviceConfiguration &own = *list->Add();
    own.set_configuration_id(annotations.configuration);
    if (found->second->stage)
      own.set_pipeline_stage(static_cast<int32_t>(*found->second->stage));
    for (const TensorSharding &sharding : found->second->tensors)
      writeSharding(*own.add_sharding_spec(), sharding);
  }
  std::string bytes;
  if (!model.SerializeToString(&bytes))
    return makeError("E-BAD-FILE", path + ": a model of more than 2 GB cannot be written again");
  return writeFileAtomically(target, bytes);
}
