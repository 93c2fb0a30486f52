// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ImageBuilder.h"
#include "Symbols.h"
#include "partita/dialects/interfaces/SymbolicShape.h"
#include "partita/placement/Attributes.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/xxhash.h"
#include <set>

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace {

class ImageBuilder {
public:
  ImageBuilder(ModuleOp module, std::map<std::string, ArenaUse> *use)
      : module(module), use(use), symbols(collectSymbols(module)), kernels(module) {}

  FailureOr<runtime::Image> build() {
    image.producer = "partita 0.1.0";
    image.model = module.getSymName().value_or("model").str();
    image.functionCount = kernels.bySegment.size();
    for (auto &[segment, kernel] : kernels.bySegment)
      image.workerScratchBytes = std::max<uint64_t>(image.workerScratchBytes, kernel.workerScratch);
    for (SymbolAttr symbol : symbols)
      image.symbols.push_back({symbol.getName().str(), symbol.getMinimum(), symbol.getMaximum()});
    numberChannels();
    if (failed(addDevices()))
      return failure();
    for (plan::StageOp stage : module.getOps<plan::StageOp>())
      if (failed(addStage(stage)))
        return failure();
    for (collective::ProgramOp program : module.getOps<collective::ProgramOp>())
      addEvents(program);
    for (const runtime::Device &device : image.devices)
      image.predicted.arenaBytes = std::max(image.predicted.arenaBytes, countArena(device));
    image.planId = llvm::xxh3_64bits(runtime::serializeImage(image));
    std::string error;
    if (!runtime::validateImage(image, error))
      return module.emitError() << "E-IMAGE: the program's tables are inconsistent: " << error;
    return image;
  }

private:
  void numberChannels() {
    for (collective::ChannelOp channel : module.getOps<collective::ChannelOp>()) {
      channelNumbers[channel.getSymName().str()] = image.channels.size();
      runtime::Channel row;
      row.node = channel.getName().str();
      image.channels.push_back(row);
    }
  }

  LogicalResult addDevices() {
    std::set<int64_t> numbers;
    for (plan::StageOp stage : module.getOps<plan::StageOp>()) {
      stageNumbers[stage.getSymName().str()] = stageNumbers.size();
      numbers.insert(stage.getMesh().getDevices().begin(), stage.getMesh().getDevices().end());
    }
    for (int64_t number : numbers) {
      deviceNumbers[number] = image.devices.size();
      runtime::Device device;
      device.number = number;
      image.devices.push_back(device);
    }
    // Micro-batches of a stage that are in flight at once, from the table.
    for (collective::ProgramOp program : module.getOps<collective::ProgramOp>())
      for (Attribute entry : program.getEvents())
        for (collective::EventAttr event : cast<collective::EventListAttr>(entry).getEvents())
          if (std::optional<int64_t> stage = findStage(event))
            slots[*stage] = std::max(slots[*stage], event.getSlot() + 1);
    return success();
  }

  std::optional<int64_t> findStage(collective::EventAttr event) {
    StringRef target = event.getTarget().getValue();
    bool isTransfer =
        event.getKind() == collective::EventKind::send || event.getKind() == collective::EventKind::receive;
    if (isTransfer) {
      auto channel = module.lookupSymbol<collective::ChannelOp>(target);
      if (!channel)
        return std::nullopt;
      target = event.getKind() == collective::EventKind::send ? channel.getSource() : channel.getDestination();
    }
    auto found = stageNumbers.find(target.str());
    return found == stageNumbers.end() ? std::nullopt : std::optional(found->second);
  }

  LogicalResult addStage(plan::StageOp op) {
    runtime::Stage stage;
    stage.name = op.getSymName().str();
    int64_t number = image.stages.size();
    for (plan::AxisAttr axis : op.getMesh().getAxes())
      stage.axes.push_back(
          {axis.getName().str(), axis.getSize(),
           axis.getKind() == plan::AxisKind::time ? runtime::AxisKind::time : runtime::AxisKind::space});
    for (int64_t device : op.getMesh().getDevices())
      stage.devices.push_back(deviceNumbers[device]);
    for (func::FuncOp function : module.getOps<func::FuncOp>()) {
      auto owner = function->getAttrOfType<FlatSymbolRefAttr>(collective::kStageAttr);
      auto event = function->getAttrOfType<StringAttr>(collective::kEventAttr);
      if (!event || !owner || owner.getValue() != op.getSymName())
        continue;
      if (event.getValue() != "forward")
        return function.emitError() << "E-LOWER: events of kind '" << event.getValue() << "' cannot be lowered";
      if (failed(addFunction(function, op.getMesh(), number, stage)))
        return failure();
    }
    image.stages.push_back(std::move(stage));
    return success();
  }

  LogicalResult addFunction(func::FuncOp function, plan::MeshAttr mesh, int64_t number, runtime::Stage &stage) {
    FailureOr<StageMemory> memory =
        planStageMemory(function, kernels, std::max<int64_t>(slots[number], 1), symbols, stage);
    if (failed(memory))
      return failure();
    if (use)
      (*use)[stage.name] = memory->use;
    runtime::CallList preparing{runtime::EventKind::init, {}}, list{runtime::EventKind::forward, {}};
    for (auto [index, call] : llvm::enumerate(function.getOps<func::CallOp>())) {
      auto kernel = kernels.bySegment.find(call.getCallee().str());
      if (kernel == kernels.bySegment.end())
        return call.emitError() << "E-LOWER: calls '" << call.getCallee() << "', which has no kernel";
      runtime::Call row;
      row.function = kernel->second.number;
      for (Value value : call->getOperands())
        row.arguments.push_back({memory->bufferOf[value], 0, 0});
      for (Value value : call->getResults())
        row.arguments.push_back({memory->bufferOf[value], 0, 0});
      row.scratch = memory->scratchOffsets[index];
      row.node = call.getCallee().str();
      FailureOr<int64_t> first = addCollectives(kernel->second.kernel, mesh, number);
      if (failed(first))
        return failure();
      row.firstCollective = *first;
      if (isInitCall(call))
        row.sameAlong = findSameAlong(call, kernel->second.kernel, mesh);
      (isInitCall(call) ? preparing : list).calls.push_back(std::move(row));
    }
    if (!preparing.calls.empty())
      stage.calls.push_back(std::move(preparing));
    stage.calls.push_back(std::move(list));
    return addInterface(function, *memory, number);
  }

  /// The rows of a kernel's communications in this stage; all calls there share them.
  FailureOr<int64_t> addCollectives(func::FuncOp kernel, plan::MeshAttr mesh, int64_t stage) {
    auto [entry, inserted] = firstCollective.try_emplace({stage, kernel.getSymName().str()}, image.collectives.size());
    if (!inserted)
      return entry->second;
    std::map<int64_t, collective::StartOp> starts;
    kernel.walk([&](collective::StartOp start) { starts[start.getId()] = start; });
    for (auto [id, start] : starts) {
      FailureOr<runtime::Layout> from = toLayout(start, start.getSourceType(), mesh, symbols);
      FailureOr<runtime::Layout> to = toLayout(start, start.getDestinationType(), mesh, symbols);
      if (failed(from) || failed(to))
        return failure();
      runtime::Collective row;
      row.id = image.collectives.size();
      row.stage = stage;
      row.kind = toKind(start.getKind());
      row.from = *from;
      row.to = *to;
      row.node = start.getName().str();
      image.collectives.push_back(std::move(row));
    }
    return entry->second;
  }

  static runtime::CollectiveKind toKind(StringRef kind) {
    return llvm::StringSwitch<runtime::CollectiveKind>(kind)
        .Case("all_gather", runtime::CollectiveKind::allGather)
        .Case("reduce_scatter", runtime::CollectiveKind::reduceScatter)
        .Case("all_reduce", runtime::CollectiveKind::allReduce)
        .Case("all_to_all", runtime::CollectiveKind::allToAll)
        .Default(runtime::CollectiveKind::exchange);
  }

  /// Inputs, weights, outputs and both ends of channels.
  LogicalResult addInterface(func::FuncOp function, StageMemory &memory, int64_t stage) {
    for (BlockArgument argument : function.getArguments()) {
      int64_t buffer = memory.bufferOf[argument];
      unsigned index = argument.getArgNumber();
      if (auto channel = function.getArgAttrOfType<FlatSymbolRefAttr>(index, collective::kChannelAttr)) {
        runtime::Channel &row = image.channels[channelNumbers[channel.getValue().str()]];
        row.destinationStage = stage;
        row.destinationBuffer = buffer;
        continue;
      }
      auto role = function.getArgAttrOfType<StringAttr>(index, kRoleAttr);
      auto name = function.getArgAttrOfType<StringAttr>(index, kNameAttr);
      if (!role || !name)
        return function.emitError() << "E-LOWER: argument " << index << " has no role or no name";
      RankedTensorType global = plan::getPart(argument.getType()).getGlobal();
      if (role.getValue() == kRoleInput)
        addInput(name.str(), global, function.getArgAttrOfType<IntegerAttr>(index, kMaximumAttr), stage, buffer);
      else
        addWeight(name.str(), global, function.getArgAttrOfType<SourceAttr>(index, kSourceAttr), stage, buffer,
                  memory.loadedBefore.lookup(argument));
    }
    Operation *terminator = function.getBody().front().getTerminator();
    for (auto [index, value] : llvm::enumerate(terminator->getOperands())) {
      int64_t buffer = memory.bufferOf[value];
      if (auto channel = function.getResultAttrOfType<FlatSymbolRefAttr>(index, collective::kChannelAttr)) {
        runtime::Channel &row = image.channels[channelNumbers[channel.getValue().str()]];
        row.sourceStage = stage;
        row.sourceBuffer = buffer;
        continue; // Its name is for people; what is sent is no output of the model.
      }
      if (auto name = function.getResultAttrOfType<StringAttr>(index, kNameAttr))
        image.outputs.push_back({name.str(), stage, buffer});
    }
    return success();
  }

  void addInput(const std::string &name, RankedTensorType global, IntegerAttr maximum, int64_t stage, int64_t buffer) {
    auto found = llvm::find_if(image.inputs, [&](const runtime::Input &input) { return input.name == name; });
    if (found == image.inputs.end()) {
      runtime::Input input;
      input.name = name;
      input.elementType = toElementType(global.getElementType());
      for (int64_t dim = 0; dim < global.getRank(); ++dim)
        input.shape.push_back(toExtent(global, dim, symbols));
      input.maximum = maximum ? maximum.getInt() : -1;
      image.inputs.push_back(std::move(input));
      found = std::prev(image.inputs.end());
    }
    found->uses.push_back({stage, buffer});
  }

  void addWeight(const std::string &name, RankedTensorType global, SourceAttr source, int64_t stage, int64_t buffer,
                 int64_t beforeCall) {
    runtime::Weight weight;
    weight.beforeCall = beforeCall;
    weight.name = name;
    weight.stage = stage;
    weight.buffer = buffer;
    if (!source || source.getFile().empty()) {
      // The model has shapes only: the program runs on drawn numbers.
      weight.source = runtime::WeightSource::generated;
      weight.scale = 0.02;
      image.weights.push_back(std::move(weight));
      return;
    }
    std::string path = source.getFile().str();
    auto [entry, inserted] = fileNumbers.try_emplace(path, image.files.size());
    if (inserted)
      image.files.push_back({path, 0, 0});
    weight.file = entry->second;
    weight.offset = source.getOffset();
    weight.bytes = source.getBytes();
    weight.fileShape.assign(source.getShape().asArrayRef().begin(), source.getShape().asArrayRef().end());
    weight.start.assign(source.getStart().asArrayRef().begin(), source.getStart().asArrayRef().end());
    // Until the file itself was seen, it is as large as it must be.
    uint64_t &size = image.files[weight.file].size;
    size = std::max(size, weight.offset + weight.bytes);
    image.weights.push_back(std::move(weight));
  }

  void addEvents(collective::ProgramOp program) {
    for (Attribute entry : program.getEvents()) {
      auto list = cast<collective::EventListAttr>(entry);
      for (int64_t number : list.getDevices()) {
        auto found = deviceNumbers.find(number);
        if (found == deviceNumbers.end())
          continue;
        addDeviceEvents(image.devices[found->second], list);
      }
    }
  }

  void addDeviceEvents(runtime::Device &device, collective::EventListAttr list) {
    std::set<int64_t> initialised;
    std::vector<runtime::Event> rest;
    for (collective::EventAttr event : list.getEvents()) {
      std::optional<int64_t> stage = findStage(event);
      if (!stage)
        continue;
      // Every stage loads its weights once, first, whether the table says so or not.
      if (initialised.insert(*stage).second)
        device.events.push_back({runtime::EventKind::init, *stage});
      if (event.getKind() == collective::EventKind::init)
        continue;
      runtime::Event row{static_cast<runtime::EventKind>(event.getKind()), *stage, event.getMicroBatch(),
                         event.getSlot(), event.getVersion()};
      auto channel = channelNumbers.find(event.getTarget().getValue().str());
      if (channel != channelNumbers.end())
        row.channel = channel->second;
      rest.push_back(row);
    }
    device.events.insert(device.events.end(), rest.begin(), rest.end());
  }

  uint64_t countArena(const runtime::Device &device) {
    uint64_t bytes = 0;
    int64_t index = &device - image.devices.data();
    for (const runtime::Stage &stage : image.stages)
      if (llvm::is_contained(stage.devices, index))
        bytes += stage.arenaBytes;
    return bytes;
  }

  ModuleOp module;
  std::map<std::string, ArenaUse> *use;
  std::vector<SymbolAttr> symbols;
  KernelTable kernels;
  runtime::Image image;
  std::map<std::string, int64_t> stageNumbers, channelNumbers, fileNumbers;
  std::map<int64_t, int64_t> deviceNumbers, slots;
  std::map<std::pair<int64_t, std::string>, int64_t> firstCollective;
};

} // namespace

FailureOr<runtime::Image> lowering::buildImage(ModuleOp module, std::map<std::string, ArenaUse> *use) {
  return ImageBuilder(module, use).build();
}
