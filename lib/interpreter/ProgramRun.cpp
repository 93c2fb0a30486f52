// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs per-device programs: every device walks its event list, and an event happens when what it needs is there.
#include "Elements.h"
#include "Lockstep.h"
#include "partita/dialects/collective/Collective.h"
#include "partita/support/Error.h"

using namespace mlir;

namespace partita::interpreter {

using collective::EventAttr;
using collective::EventKind;

namespace {

/// A stage with its function and the event lists of its devices.
struct Stage {
  plan::StageOp op;
  func::FuncOp forward;
  int64_t microBatches = 1;
};

/// What one channel carries in one micro-batch, by the rank that sends or receives. Absent: not there yet.
struct Transfer {
  RankTensors produced, sent, received;
};

/// Where one device is in its list.
struct Device {
  int64_t number;
  ArrayRef<EventAttr> events;
  size_t position = 0;

  bool isDone() const { return position == events.size(); }
  EventAttr getEvent() const { return events[position]; }
};

/// All parts of an output that were made so far.
struct Output {
  func::FuncOp function;
  RankedTensorType type;
  plan::MeshAttr mesh;
  std::vector<std::pair<Scope, Tensor>> parts;
};

class Grid {
public:
  Grid(ModuleOp module, const NamedTensors &arguments, const RunOptions &options)
      : module(module), arguments(arguments), options(options) {}

  FailureOr<NamedTensors> run() {
    if (failed(findStages()) || failed(loadArguments()) || failed(findDevices()) || failed(walkEvents()))
      return failure();
    return collectOutputs();
  }

private:
  LogicalResult findStages() {
    for (auto op : module.getOps<plan::StageOp>())
      stages[op.getSymName()] = {op, {}, countMicroBatches(op.getMesh())};
    for (auto function : module.getOps<func::FuncOp>()) {
      auto stage = function->getAttrOfType<FlatSymbolRefAttr>(collective::kStageAttr);
      auto event = function->getAttrOfType<StringAttr>(collective::kEventAttr);
      if (!stage || !event)
        continue;
      auto found = stages.find(stage.getValue());
      if (found == stages.end() || event.getValue() != "forward")
        return function.emitOpError() << "E-NO-EVALUATION: event " << event << " of stage " << stage;
      found->second.forward = function;
    }
    return success();
  }

  bool isReceived(func::FuncOp function, unsigned index) {
    return static_cast<bool>(function.getArgAttrOfType<FlatSymbolRefAttr>(index, collective::kChannelAttr));
  }

  LogicalResult loadArguments() {
    for (auto &[name, stage] : stages)
      for (unsigned index = 0; stage.forward && index < stage.forward.getNumArguments(); ++index)
        if (!isReceived(stage.forward, index) && failed(loadArgument(stage.forward, index)))
          return failure();
    return success();
  }

  /// Takes the whole value of an argument into `wholes` and learns the symbols of its type.
  LogicalResult loadArgument(func::FuncOp function, unsigned index) {
    std::string name = getArgumentName(function, index);
    plan::PartAttr part = plan::getPart(function.getArgumentTypes()[index]);
    if (!part)
      return function.emitOpError() << "E-SPMD-TYPE: argument '" << name << "' carries no part";
    RankedTensorType type = part.getGlobal();
    auto found = arguments.find(name);
    Tensor whole = found != arguments.end() ? found->second : wholes.lookup(name);
    if (!whole.isPresent()) {
      auto source = function.getArgAttrOfType<SourceAttr>(index, kSourceAttr);
      if (!source)
        return function.emitOpError() << "E-BAD-INPUT: no value was given for '" << name << "'";
      llvm::Expected<Tensor> loaded = loadSource(source, type.getElementType(), type.getShape(), options.directory);
      if (!loaded)
        return function.emitOpError() << takeError(loaded.takeError()).str() << " ('" << name << "')";
      whole = *loaded;
    }
    if (std::string problem = bindSymbols(type, whole.getShape(), symbols); !problem.empty())
      return function.emitOpError() << "E-BAD-INPUT: '" << name << "': " << problem;
    wholes[name] = convertElements(whole, getKeptElement(type.getElementType(), options.arithmetic));
    return success();
  }

  LogicalResult findDevices() {
    for (auto program : module.getOps<collective::ProgramOp>())
      for (Attribute entry : program.getEvents()) {
        auto list = dyn_cast<collective::EventListAttr>(entry);
        if (!list)
          return program.emitOpError("E-NO-EVALUATION: an entry of the event table is no event list");
        for (int64_t device : list.getDevices())
          devices.push_back({device, list.getEvents()});
      }
    llvm::sort(devices, [](const Device &a, const Device &b) { return a.number < b.number; });
    return devices.empty() ? module.emitOpError("E-NO-EVALUATION: there is no event table") : success();
  }

  LogicalResult walkEvents() {
    while (llvm::any_of(devices, [](const Device &device) { return !device.isDone(); })) {
      bool progress = false;
      for (Device &device : devices) {
        if (device.isDone())
          continue;
        FailureOr<bool> happened = tryEvent(device);
        if (failed(happened))
          return failure();
        progress |= *happened;
      }
      if (!progress)
        return reportDeadlock();
    }
    return success();
  }

  LogicalResult reportDeadlock() {
    InFlightDiagnostic diagnostic = module.emitOpError("E-DEADLOCK: no device can go on");
    for (const Device &device : devices)
      if (!device.isDone())
        diagnostic.attachNote() << "device " << device.number << " waits at event " << device.position << ": "
                                << device.getEvent();
    return diagnostic;
  }

  FailureOr<bool> tryEvent(Device &device) {
    EventAttr event = device.getEvent();
    switch (event.getKind()) {
    case EventKind::forward:
      return tryForward(event);
    case EventKind::send:
      return trySend(device, event);
    case EventKind::receive:
      return tryReceive(device, event);
    default:
      return module.emitOpError() << "E-NO-EVALUATION: event " << event;
    }
  }

  /// A stage runs when all of its devices are at this event and have received what it reads.
  FailureOr<bool> tryForward(EventAttr event) {
    auto found = stages.find(event.getTarget().getValue());
    if (found == stages.end() || !found->second.forward)
      return module.emitOpError() << "E-NO-EVALUATION: event " << event << " has no function";
    Stage &stage = found->second;
    SmallVector<Device *> members;
    for (int64_t number : stage.op.getMesh().getDevices()) {
      auto device = llvm::find_if(devices, [&](const Device &candidate) { return candidate.number == number; });
      if (device == devices.end() || device->isDone() || device->getEvent() != event)
        return false;
      members.push_back(&*device);
    }
    FailureOr<bool> ran = runStage(stage, event.getMicroBatch());
    if (failed(ran) || !*ran)
      return ran;
    for (Device *device : members)
      ++device->position;
    return true;
  }

  FailureOr<bool> runStage(Stage &stage, int64_t microBatch) {
    plan::MeshAttr mesh = stage.op.getMesh();
    if (microBatch >= stage.microBatches)
      return stage.op.emitOpError() << "E-NO-EVALUATION: has no micro-batch " << microBatch;
    SmallVector<Scope> scopes;
    for (int64_t rank = 0; rank < mesh.getNumRanks(); ++rank)
      scopes.emplace_back(symbols, mesh, coordinatesOf(mesh, rank, microBatch));
    SmallVector<RankTensors> values;
    for (unsigned index = 0; index < stage.forward.getNumArguments(); ++index) {
      FailureOr<RankTensors> value = readArgument(stage.forward, index, scopes, microBatch);
      if (failed(value))
        return failure();
      if (llvm::any_of(*value, [](const Tensor &tensor) { return !tensor.isPresent(); }))
        return false;
      values.push_back(*value);
    }
    FailureOr<SmallVector<RankTensors>> results = runLockstep(stage.forward, values, scopes, options);
    if (failed(results))
      return failure();
    for (auto [index, result] : llvm::enumerate(*results))
      keepResult(stage, index, result, scopes, microBatch);
    return true;
  }

  /// Tensors are absent where a received value is not there yet.
  FailureOr<RankTensors> readArgument(func::FuncOp function, unsigned index, ArrayRef<Scope> scopes,
                                      int64_t microBatch) {
    if (auto channel = function.getArgAttrOfType<FlatSymbolRefAttr>(index, collective::kChannelAttr)) {
      RankTensors received = transfers[{channel.getValue().str(), microBatch}].received;
      received.resize(scopes.size());
      return received;
    }
    auto type = cast<RankedTensorType>(function.getArgumentTypes()[index]);
    const Tensor &whole = wholes[getArgumentName(function, index)];
    RankTensors parts;
    for (const Scope &scope : scopes) {
      std::optional<Box> box = scope.findBox(type);
      if (!box)
        return function.emitOpError() << "E-SPMD-TYPE: " << type << " names an axis that the mesh lacks";
      parts.push_back(box->extent == Shape(whole.getShape()) ? whole : cutBox(whole, box->offset, box->extent));
    }
    return parts;
  }

  void keepResult(Stage &stage, unsigned index, const RankTensors &result, ArrayRef<Scope> scopes, int64_t microBatch) {
    if (auto channel = stage.forward.getResultAttrOfType<FlatSymbolRefAttr>(index, collective::kChannelAttr)) {
      transfers[{channel.getValue().str(), microBatch}].produced = result;
      return;
    }
    Output &output = outputs[getResultName(stage.forward, index)];
    output.function = stage.forward;
    output.type = cast<RankedTensorType>(stage.forward.getResultTypes()[index]);
    output.mesh = stage.op.getMesh();
    for (auto [scope, tensor] : llvm::zip(scopes, result))
      output.parts.emplace_back(scope, tensor);
  }

  /// Number of a device on the mesh of a stage; nullopt when it is not on it.
  std::optional<int64_t> findRank(StringRef stage, int64_t device) {
    auto found = stages.find(stage);
    if (found == stages.end())
      return std::nullopt;
    ArrayRef<int64_t> members = found->second.op.getMesh().getDevices();
    auto position = llvm::find(members, device);
    return position == members.end() ? std::nullopt : std::optional<int64_t>(position - members.begin());
  }

  FailureOr<bool> trySend(Device &device, EventAttr event) {
    auto channel = module.lookupSymbol<collective::ChannelOp>(event.getTarget());
    std::optional<int64_t> rank = channel ? findRank(channel.getSource(), device.number) : std::nullopt;
    if (!rank)
      return module.emitOpError() << "E-NO-EVALUATION: device " << device.number << " cannot do " << event;
    Transfer &transfer = transfers[{channel.getSymName().str(), event.getMicroBatch()}];
    if (transfer.produced.empty())
      return false;
    transfer.sent.resize(transfer.produced.size());
    transfer.sent[*rank] = transfer.produced[*rank];
    ++device.position;
    return true;
  }

  FailureOr<bool> tryReceive(Device &device, EventAttr event) {
    auto channel = module.lookupSymbol<collective::ChannelOp>(event.getTarget());
    std::optional<int64_t> rank = channel ? findRank(channel.getDestination(), device.number) : std::nullopt;
    auto source = channel ? stages.find(channel.getSource()) : stages.end();
    if (!rank || source == stages.end())
      return module.emitOpError() << "E-NO-EVALUATION: device " << device.number << " cannot do " << event;
    int64_t microBatch = event.getMicroBatch();
    Transfer &transfer = transfers[{channel.getSymName().str(), microBatch}];
    plan::MeshAttr from = source->second.op.getMesh(), to = stages.find(channel.getDestination())->second.op.getMesh();
    if (static_cast<int64_t>(transfer.sent.size()) != from.getNumRanks() ||
        llvm::any_of(transfer.sent, [](const Tensor &tensor) { return !tensor.isPresent(); }))
      return false;
    std::vector<Scope> scopes;
    for (int64_t other = 0; other < from.getNumRanks(); ++other)
      scopes.emplace_back(symbols, from, coordinatesOf(from, other, microBatch));
    SmallVector<Piece> pieces;
    for (auto [scope, tensor] : llvm::zip(scopes, transfer.sent))
      pieces.push_back({&scope, &tensor});
    std::optional<Box> box = Scope(symbols, to, coordinatesOf(to, *rank, microBatch))
                                 .findBox(cast<RankedTensorType>(channel.getDestinationType()));
    if (!box)
      return channel.emitOpError("E-SPMD-TYPE: names an axis that the mesh lacks");
    FailureOr<Tensor> part =
        assemble(channel, pieces, cast<RankedTensorType>(channel.getSourceType()), *box, options.checkReplicas);
    if (failed(part))
      return failure();
    transfer.received.resize(to.getNumRanks());
    transfer.received[*rank] = *part;
    ++device.position;
    return true;
  }

  FailureOr<NamedTensors> collectOutputs() {
    NamedTensors results;
    for (auto &[name, output] : outputs) {
      std::optional<Shape> shape = Scope(symbols).findGlobalShape(output.type);
      if (!shape)
        return output.function.emitOpError() << "E-DIM-UNBOUND: the extents of '" << name << "' are not known";
      SmallVector<Piece> pieces;
      for (auto &[scope, tensor] : output.parts)
        pieces.push_back({&scope, &tensor});
      FailureOr<Tensor> whole =
          assemble(output.function, pieces, output.type, {Shape(shape->size(), 0), *shape}, options.checkReplicas);
      if (failed(whole))
        return failure();
      results[name] = *whole;
    }
    return results;
  }

  ModuleOp module;
  const NamedTensors &arguments;
  const RunOptions &options;
  std::map<StringRef, Stage> stages;
  std::vector<Device> devices;
  llvm::StringMap<Tensor> wholes;
  SymbolValues symbols;
  std::map<std::pair<std::string, int64_t>, Transfer> transfers;
  std::map<std::string, Output> outputs;
};

} // namespace

FailureOr<NamedTensors> interpretProgram(ModuleOp module, const NamedTensors &arguments, const RunOptions &options) {
  return Grid(module, arguments, options).run();
}

} // namespace partita::interpreter
