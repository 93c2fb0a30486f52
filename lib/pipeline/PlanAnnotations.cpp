// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A plan as annotations: where each node reads and leaves its tensors.
#include "Annotations.h"
#include "partita/dialects/interfaces/Interfaces.h"
#include "partita/dialects/interfaces/Partita.h"
#include "partita/placement/Expansion.h"
#include <map>

using namespace mlir;

namespace partita {

namespace {

struct StageMesh {
  int64_t index;
  placement::Mesh mesh;
};

class AnnotationWriter {
public:
  AnnotationWriter(func::FuncOp function) {
    for (auto stage : function->getParentOfType<ModuleOp>().getOps<plan::StageOp>())
      stages.try_emplace(stage.getSymName().str(),
                         StageMesh{static_cast<int64_t>(stages.size()), placement::toMesh(stage.getMesh())});
    for (unsigned index = 0; index < function.getNumArguments(); ++index)
      if (auto name = function.getArgAttrOfType<StringAttr>(index, kNameAttr))
        values[name.str()] = function.getArgument(index);
    for (Operation &op : function.getBody().front()) {
      opOfName[getModelName(&op).str()] = &op;
      if (auto location = dyn_cast<NameLoc>(op.getLoc()))
        opsOfNode[location.getName().str()].push_back(&op);
    }
  }

  int64_t countDevices() const {
    int64_t devices = 1;
    for (const auto &[name, stage] : stages)
      for (int64_t device : stage.mesh.devices)
        devices = std::max(devices, device + 1);
    return devices;
  }

  bool hasPipeline() const { return stages.size() > 1; }

  void defineOutputs(const import::NodeSharding &node) {
    for (auto [index, output] : llvm::enumerate(node.outputs)) {
      auto found = opOfName.find(node.outputs.size() > 1 ? node.node + "/" + std::to_string(index) : node.node);
      if (found != opOfName.end())
        values[output] = found->second->getResult(0);
    }
  }

  void annotate(import::NodeSharding &node) {
    node.tensors.clear();
    node.stage.reset();
    for (const std::vector<std::string> &names : {node.inputs, node.outputs})
      for (const std::string &name : names)
        if (auto value = values.find(name); value != values.end() && !hasTensor(node, name))
          addTensor(node, name, value->second);
  }

private:
  static bool hasTensor(const import::NodeSharding &node, const std::string &name) {
    return llvm::any_of(node.tensors, [&](const import::TensorSharding &known) { return known.tensor == name; });
  }

  void addTensor(import::NodeSharding &node, const std::string &name, Value value) {
    for (Operation *op : opsOfNode[node.node]) {
      auto stage = stages.find(op->getAttrOfType<FlatSymbolRefAttr>(plan::kStageAttr).getValue().str());
      auto split = dyn_cast<SplitOpInterface>(op);
      if (!split || stage == stages.end())
        continue;
      std::optional<placement::Placement> placed = findPlacement(op, split.getLoopNest(), value, stage->second.mesh);
      if (!placed)
        continue;
      if (hasPipeline())
        node.stage = stage->second.index;
      node.tensors.push_back(toSharding(name, cast<RankedTensorType>(value.getType()), *placed, stage->second.mesh));
      return;
    }
  }

  /// Where an op reads or leaves a value.
  static std::optional<placement::Placement> findPlacement(Operation *op, const LoopNest &nest, Value value,
                                                           const placement::Mesh &mesh) {
    auto loops = op->getAttrOfType<plan::LoopsAttr>(plan::kLoopsAttr);
    std::optional<placement::LoopAssignment> assignment =
        loops ? placement::toAssignment(loops, mesh) : placement::LoopAssignment(nest.loops.size());
    if (!assignment)
      return std::nullopt;
    std::optional<placement::OpPlacements> placed = placement::placePlannedOp(
        op, nest, *assignment, mesh, std::vector<std::map<int, placement::PartialKind>>(op->getNumOperands()));
    if (!placed)
      return std::nullopt;
    for (auto [result, placement] : llvm::zip(op->getResults(), placed->results))
      if (result == value)
        return placement;
    for (auto [operand, placement] : llvm::zip(op->getOperands(), placed->operands))
      if (operand == value)
        return placement;
    return std::nullopt;
  }

  /// Shards in row-major order of the dims that are cut; all devices with the same coordinates on their axes hold
  /// copies.
  static import::TensorSharding toSharding(const std::string &name, RankedTensorType type,
                                           const placement::Placement &placement, const placement::Mesh &mesh) {
    import::TensorSharding sharding{name, {}, {}};
    std::vector<std::vector<int>> axesOfDim;
    int64_t count = 1;
    for (auto [dim, split] : llvm::enumerate(placement.dims)) {
      std::vector<int> axes;
      int64_t shards = 1;
      for (const placement::Split &cut : split)
        if (mesh.axes[cut.axis].kind == placement::AxisKind::space) {
          axes.push_back(cut.axis);
          shards *= mesh.axes[cut.axis].size;
        }
      if (shards == 1)
        continue;
      int64_t extent = type.isDynamicDim(dim) ? 0 : type.getDimSize(dim);
      sharding.dims.push_back({static_cast<int64_t>(dim), shards, extent});
      axesOfDim.push_back(axes);
      count *= shards;
    }
    sharding.shards.resize(count);
    for (auto [rank, device] : llvm::enumerate(mesh.devices)) {
      std::vector<int64_t> coordinates = getCoordinates(static_cast<int64_t>(rank), mesh);
      int64_t shard = 0;
      for (const std::vector<int> &axes : axesOfDim)
        for (int axis : axes)
          shard = shard * mesh.axes[axis].size + coordinates[axis];
      sharding.shards[shard].push_back(device);
    }
    return sharding;
  }

  /// Of a rank on the space axes, which are row-major.
  static std::vector<int64_t> getCoordinates(int64_t rank, const placement::Mesh &mesh) {
    std::vector<int64_t> coordinates(mesh.axes.size(), 0);
    for (size_t axis = mesh.axes.size(); axis-- > 0;) {
      if (mesh.axes[axis].kind != placement::AxisKind::space)
        continue;
      coordinates[axis] = rank % mesh.axes[axis].size;
      rank /= mesh.axes[axis].size;
    }
    return coordinates;
  }

  std::map<std::string, StageMesh> stages;
  std::map<std::string, Value> values;
  std::map<std::string, Operation *> opOfName;
  std::map<std::string, std::vector<Operation *>> opsOfNode;
};

} // namespace

import::ModelAnnotations makeAnnotations(func::FuncOp function, import::ModelAnnotations file,
                                         StringRef configuration) {
  AnnotationWriter writer(function);
  file.configuration = configuration.str();
  file.devices = writer.countDevices();
  for (const import::NodeSharding &node : file.nodes)
    writer.defineOutputs(node);
  for (import::NodeSharding &node : file.nodes)
    writer.annotate(node);
  return file;
}

} // namespace partita
