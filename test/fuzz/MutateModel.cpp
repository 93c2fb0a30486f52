// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "MutateModel.h"
#include "partita/import/Import.h"
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

using namespace partita;
using namespace partita::fuzz;

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maximum);

namespace {

/// Everything in a model that is changed, bodies and functions included.
struct Parts {
  std::vector<onnx::Node *> nodes;
  std::vector<onnx::Attribute *> attributes;
  std::vector<onnx::Tensor *> tensors;
  std::vector<onnx::ValueInfo *> types;
  std::vector<std::string> names = {""};
};

class Mutator {
public:
  Mutator(onnx::Model &model, std::mt19937 &random) : model(model), random(random) {
    collect(*model.mutable_graph());
    for (onnx::Function &function : *model.mutable_functions())
      collect(*function.mutable_node());
  }

  size_t draw(size_t count) { return random() % count; }
  template <typename List> auto &pick(List &list) { return list[static_cast<int>(draw(list.size()))]; }

  void run() {
    switch (draw(8)) {
    case 0:
    case 1:
      return parts.nodes.empty() ? void() : changeNode(*pick(parts.nodes));
    case 2:
    case 3:
      return parts.attributes.empty() ? void() : changeAttribute(*pick(parts.attributes));
    case 4:
      return parts.tensors.empty() ? void() : changeTensor(*pick(parts.tensors));
    case 5:
      return parts.types.empty() ? void() : changeType(*pick(parts.types));
    case 6:
      return parts.nodes.empty() ? void() : changeDevices(*pick(parts.nodes));
    default:
      return changeFile();
    }
  }

private:
  int64_t drawInteger(int64_t near) {
    static constexpr int64_t special[] = {
        0, 1, -1, 2, 3, 4, 8, 127, 255, 65536, INT32_MAX, int64_t(1) << 40, INT64_MIN, INT64_MAX};
    switch (draw(4)) {
    case 0:
      return special[draw(std::size(special))];
    case 1:
      return near == INT64_MIN ? near : -near;
    default:
      return static_cast<int64_t>(static_cast<uint64_t>(near) + draw(7) - 3);
    }
  }

  template <typename Nodes> void collect(Nodes &nodes) {
    for (onnx::Node &node : nodes) {
      parts.nodes.push_back(&node);
      parts.names.insert(parts.names.end(), node.output().begin(), node.output().end());
      for (onnx::Attribute &attribute : *node.mutable_attribute()) {
        parts.attributes.push_back(&attribute);
        if (attribute.has_t())
          parts.tensors.push_back(attribute.mutable_t());
        if (attribute.has_g())
          collect(*attribute.mutable_g());
      }
    }
  }

  void collect(onnx::Graph &graph) {
    collect(*graph.mutable_node());
    for (onnx::Tensor &tensor : *graph.mutable_initializer()) {
      parts.tensors.push_back(&tensor);
      parts.names.push_back(tensor.name());
    }
    for (auto *list : {graph.mutable_input(), graph.mutable_output(), graph.mutable_value_info()})
      for (onnx::ValueInfo &type : *list) {
        parts.types.push_back(&type);
        parts.names.push_back(type.name());
      }
  }

  void setOperator(onnx::Node &node) {
    static const std::vector<std::string> known = import::listImportedOperators();
    const std::string &name = pick(known);
    size_t point = name.rfind('.');
    node.set_domain(point == std::string::npos ? "" : name.substr(0, point));
    node.set_op_type(point == std::string::npos ? name : name.substr(point + 1));
  }

  void changeNode(onnx::Node &node) {
    switch (draw(7)) {
    case 0:
      return setOperator(node);
    case 1:
      return node.input_size() ? node.set_input(static_cast<int>(draw(node.input_size())), pick(parts.names)) : void();
    case 2:
      return node.add_input(pick(parts.names));
    case 3:
      return node.input_size() ? node.mutable_input()->RemoveLast() : void();
    case 4:
      return node.attribute_size() ? node.mutable_attribute()->RemoveLast() : void();
    case 5:
      return node.add_output("extra" + std::to_string(draw(4)));
    default: {
      // Attributes of another node fit more often than made-up ones.
      if (parts.attributes.empty())
        return;
      onnx::Attribute copy = *pick(parts.attributes);
      *node.add_attribute() = copy;
    }
    }
  }

  template <typename List> void changeList(List &list) {
    if (list.empty() || draw(4) == 0)
      return list.Add(static_cast<int64_t>(drawInteger(1)));
    if (draw(4) == 0)
      return list.RemoveLast();
    auto &element = pick(list);
    element = drawInteger(static_cast<int64_t>(element));
  }

  void changeAttribute(onnx::Attribute &attribute) {
    static const std::vector<std::string> texts = {
        "",        "SAME_UPPER", "VALID",        "NOTSET", "reverse", "bidirectional", "linear", "cubic", "nearest",
        "reflect", "edge",       "wrap",         "mean",   "none",    "add",           "mul",    "max",   "Tanh",
        "Relu",    "silu",       "bij,bjk->bik", "ii->i",  "...",     "DCR",           "CRD"};
    if (attribute.has_i())
      return attribute.set_i(drawInteger(attribute.i()));
    if (attribute.has_f())
      return attribute.set_f(static_cast<float>(drawInteger(2)) / static_cast<float>(draw(3)));
    if (attribute.has_s())
      return attribute.set_s(pick(texts));
    if (attribute.floats_size())
      return attribute.mutable_floats()->RemoveLast();
    if (attribute.strings_size())
      return attribute.set_strings(static_cast<int>(draw(attribute.strings_size())), pick(texts));
    if (!attribute.has_g() && !attribute.has_t())
      changeList(*attribute.mutable_ints());
  }

  void changeTensor(onnx::Tensor &tensor) {
    switch (draw(4)) {
    case 0:
      return changeList(*tensor.mutable_dims());
    case 1:
      return tensor.set_data_type(static_cast<int32_t>(draw(26)));
    case 2:
      if (tensor.raw_data().empty())
        return changeList(*tensor.mutable_int64_data());
      (*tensor.mutable_raw_data())[draw(tensor.raw_data().size())] = static_cast<char>(draw(256));
      return;
    default:
      return tensor.mutable_raw_data()->resize(tensor.raw_data().size() + draw(9));
    }
  }

  void changeType(onnx::ValueInfo &value) {
    onnx::Type::TensorOf &type = *value.mutable_type()->mutable_tensor_type();
    auto &dims = *type.mutable_shape()->mutable_dim();
    switch (draw(4)) {
    case 0:
      return type.set_elem_type(static_cast<int32_t>(draw(26)));
    case 1:
      return dims.Add()->set_dim_value(static_cast<int64_t>(draw(5)));
    case 2:
      return dims.empty() ? void() : dims.RemoveLast();
    default:
      if (dims.empty())
        return;
      onnx::Shape::Dim &dim = pick(dims);
      return draw(2) ? dim.set_dim_value(drawInteger(dim.dim_value())) : dim.set_dim_param(draw(2) ? "batch" : "seq");
    }
  }

  void changeDevices(onnx::Node &node) {
    if (!node.device_configurations_size() || !node.device_configurations(0).sharding_spec_size()) {
      onnx::ShardingSpec &added = *node.add_device_configurations()->add_sharding_spec();
      added.set_tensor_name(pick(parts.names));
      return;
    }
    onnx::NodeDeviceConfiguration &configuration = pick(*node.mutable_device_configurations());
    if (!configuration.sharding_spec_size())
      return configuration.set_pipeline_stage(static_cast<int32_t>(drawInteger(1)));
    onnx::ShardingSpec &spec = pick(*configuration.mutable_sharding_spec());
    if (draw(3) == 0 || !spec.sharded_dim_size())
      return draw(2) ? changeList(*spec.mutable_device()) : spec.add_sharded_dim()->set_axis(drawInteger(1));
    onnx::ShardedDim &dim = pick(*spec.mutable_sharded_dim());
    if (draw(2) || !dim.simple_sharding_size())
      return draw(2) ? dim.set_axis(drawInteger(dim.axis())) : dim.add_simple_sharding()->set_num_shards(2);
    onnx::SimpleSharding &sharding = pick(*dim.mutable_simple_sharding());
    draw(2) ? sharding.set_num_shards(drawInteger(sharding.num_shards()))
            : sharding.set_dim_value(drawInteger(sharding.dim_value()));
  }

  void changeFile() {
    if (!model.opset_import_size() || draw(2))
      return model.configuration_size()
                 ? model.mutable_configuration(0)->set_num_devices(static_cast<int32_t>(drawInteger(2)))
                 : void();
    onnx::OperatorSet &set = pick(*model.mutable_opset_import());
    set.set_version(7 + static_cast<int64_t>(draw(18)));
  }

  onnx::Model &model;
  std::mt19937 &random;
  Parts parts;
};

} // namespace

void fuzz::mutateModel(onnx::Model &model, std::mt19937 &random) { Mutator(model, random).run(); }

size_t fuzz::mutateModelBytes(uint8_t *data, size_t size, size_t maximum, unsigned seed) {
  std::mt19937 random(seed);
  onnx::Model model;
  if (random() % 8 == 0 || !model.ParseFromArray(data, static_cast<int>(size)) || !model.has_graph())
    return LLVMFuzzerMutate(data, size, maximum);
  for (unsigned changes = 1 + random() % 4; changes > 0; --changes)
    mutateModel(model, random);
  std::string bytes = model.SerializeAsString();
  if (bytes.size() > maximum)
    return LLVMFuzzerMutate(data, size, maximum);
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}

void fuzz::crossModels(onnx::Model &model, const onnx::Model &other, std::mt19937 &random) {
  const onnx::Graph &from = other.graph();
  if (!from.node_size())
    return;
  onnx::Graph &to = *model.mutable_graph();
  const onnx::Node &node = from.node(static_cast<int>(random() % static_cast<unsigned>(from.node_size())));
  *to.add_node() = node;
  for (const onnx::Tensor &tensor : from.initializer())
    if (std::find(node.input().begin(), node.input().end(), tensor.name()) != node.input().end())
      *to.add_initializer() = tensor;
  // The outputs are what is imported.
  if (to.output_size() && node.output_size())
    to.mutable_output(0)->set_name(node.output(0));
}

size_t fuzz::crossModelBytes(llvm::ArrayRef<uint8_t> model, llvm::ArrayRef<uint8_t> other,
                             llvm::MutableArrayRef<uint8_t> out, unsigned seed) {
  std::mt19937 random(seed);
  onnx::Model first, second;
  if (!first.ParseFromArray(model.data(), static_cast<int>(model.size())) ||
      !second.ParseFromArray(other.data(), static_cast<int>(other.size())))
    return 0;
  crossModels(first, second, random);
  std::string bytes = first.SerializeAsString();
  if (bytes.size() > out.size())
    return 0;
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return bytes.size();
}
