// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Offsets of a stage's values. Time is counted in calls: first those that prepare weights, then one moment in which
// inputs are loaded and values received, then all other calls, then one moment after the last (outputs are stored; what
// is sent lies until it was read, while what the next micro-batches need arrives). A weight that only preparing calls
// read lies where later values will.
#include "Bounds.h"
#include "ImageBuilder.h"
#include "partita/memory/Arena.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace {

enum class Class { weight, input, activation, scratch };

/// One range of the arena: a buffer (all its slots) or the scratch memory of a call.
struct Piece {
  Class kind = Class::activation;
  int64_t buffer = -1, call = -1;
  memory::LiveRange range;
};

class Planner {
public:
  Planner(func::FuncOp function, const KernelTable &kernels, int64_t slots, const std::vector<SymbolAttr> &symbols,
          runtime::Stage &stage)
      : function(function), kernels(kernels), slots(slots), symbols(symbols), stage(stage),
        calls(function.getOps<func::CallOp>()), begin(llvm::count_if(calls, isInitCall)),
        end(static_cast<int64_t>(calls.size()) + 1) {}

  FailureOr<StageMemory> run() {
    mesh = collective::getStage(function).getMesh();
    int64_t preparing = 0, computing = begin;
    for (func::CallOp call : calls)
      position[call] = isInitCall(call) ? preparing++ : ++computing;
    position[function.getBody().front().getTerminator()] = end;
    for (BlockArgument argument : function.getArguments())
      if (failed(addArgument(argument)))
        return failure();
    for (func::CallOp call : calls) {
      addScratch(call, static_cast<int64_t>(memory.scratchOffsets.size()));
      memory.scratchOffsets.push_back(0);
      for (OpResult result : call->getResults())
        if (failed(addResult(call, result)))
          return failure();
    }
    if (failed(assign()))
      return failure();
    return std::move(memory);
  }

private:
  int64_t lastUse(Value value, int64_t atLeast) {
    for (Operation *user : value.getUsers())
      atLeast = std::max(atLeast, position.lookup(user));
    return atLeast;
  }

  /// True if the value leaves through a channel.
  bool isSent(Value value) {
    for (OpOperand &use : value.getUses())
      if (isa<func::ReturnOp>(use.getOwner()) &&
          function.getResultAttr(use.getOperandNumber(), collective::kChannelAttr))
        return true;
    return false;
  }

  LogicalResult addArgument(BlockArgument argument) {
    unsigned index = argument.getArgNumber();
    auto role = function.getArgAttrOfType<StringAttr>(index, kRoleAttr);
    bool isReceived = static_cast<bool>(function.getArgAttr(index, collective::kChannelAttr));
    auto name = function.getArgAttrOfType<StringAttr>(index, kNameAttr);
    std::string text = name ? name.str() : "argument_" + std::to_string(index);
    if (isReceived)
      return addBuffer(argument, text, Class::input, begin, end, slots);
    if (role && role.getValue() != kRoleInput)
      return addWeight(argument, text);
    if (isSent(argument))
      return addBuffer(argument, text, Class::input, begin, end, slots);
    return addBuffer(argument, text, Class::input, begin, lastUse(argument, begin), 1);
  }

  LogicalResult addWeight(BlockArgument argument, const std::string &text) {
    auto isPreparing = [](Operation *user) { return isInitCall(user); };
    if (argument.use_empty() || !llvm::all_of(argument.getUsers(), isPreparing))
      return addBuffer(argument, text, Class::weight, 0, end, 1);
    int64_t first = end;
    for (Operation *user : argument.getUsers())
      first = std::min(first, position.lookup(user));
    memory.loadedBefore[argument] = first;
    return addBuffer(argument, text, Class::weight, first, lastUse(argument, first), 1);
  }

  LogicalResult addResult(func::CallOp call, OpResult result) {
    int64_t at = position.lookup(call);
    std::string text = call.getCallee().str() + "_" + std::to_string(result.getResultNumber());
    if (isInitCall(call))
      return addBuffer(result, text, Class::weight, at, end, 1);
    // Another micro-batch may arrive while this one is sent, so the whole walk counts.
    if (isSent(result))
      return addBuffer(result, text, Class::input, begin, end, slots);
    bool isOutput = llvm::any_of(result.getUsers(), [](Operation *user) { return isa<func::ReturnOp>(user); });
    return addBuffer(result, text, isOutput ? Class::input : Class::activation, at, lastUse(result, at), 1);
  }

  LogicalResult addBuffer(Value value, const std::string &name, Class kind, int64_t first, int64_t last,
                          int64_t slotsOfBuffer) {
    FailureOr<runtime::Layout> layout = toLayout(function, value.getType(), mesh, symbols);
    FailureOr<int64_t> bytes = getBoundBytes(function, value.getType());
    if (failed(layout) || failed(bytes))
      return failure();
    runtime::Buffer buffer;
    buffer.name = name;
    buffer.layout = *layout;
    buffer.bytes = *bytes;
    buffer.slots = slotsOfBuffer;
    buffer.slotStride = slotsOfBuffer > 1 ? llvm::alignTo(*bytes, 64) : 0;
    Piece piece{kind, static_cast<int64_t>(stage.buffers.size()), -1, {}};
    piece.range = {first, last, static_cast<int64_t>(buffer.slotStride) * (slotsOfBuffer - 1) + *bytes};
    memory.bufferOf[value] = piece.buffer;
    stage.buffers.push_back(buffer);
    pieces.push_back(piece);
    return success();
  }

  void addScratch(func::CallOp call, int64_t index) {
    Piece piece{Class::scratch, -1, index, {}};
    auto kernel = kernels.bySegment.find(call.getCallee().str());
    int64_t bytes = kernel == kernels.bySegment.end() ? 0 : kernel->second.scratch;
    piece.range = {position.lookup(call), position.lookup(call), bytes};
    pieces.push_back(piece);
  }

  LogicalResult assign() {
    std::vector<memory::LiveRange> ranges;
    for (const Piece &piece : pieces)
      ranges.push_back(piece.range);
    std::optional<memory::ArenaLayout> layout = memory::assignOffsets(ranges);
    if (!layout)
      return function.emitError("E-TOO-LARGE: the values of this stage exceed the address space");
    for (auto [piece, offset] : llvm::zip(pieces, layout->offsets)) {
      if (piece.buffer >= 0)
        stage.buffers[piece.buffer].offset = offset;
      else
        memory.scratchOffsets[piece.call] = offset;
    }
    stage.arenaBytes = llvm::alignTo(layout->totalBytes, 64);
    describePeak(*layout);
    return success();
  }

  void describePeak(const memory::ArenaLayout &layout) {
    std::vector<int64_t> live(end + 1, 0);
    for (const Piece &piece : pieces)
      for (int64_t at = piece.range.begin; at <= piece.range.end; ++at)
        live[at] += piece.range.bytes;
    int64_t peak = std::max_element(live.begin(), live.end()) - live.begin();
    ArenaUse &use = memory.use;
    uint64_t *classes[] = {&use.weights, &use.inputs, &use.activations, &use.scratch};
    for (const Piece &piece : pieces)
      if (piece.range.begin <= peak && peak <= piece.range.end)
        *classes[static_cast<int>(piece.kind)] += piece.range.bytes;
    use.peakLive = layout.peakLiveBytes;
    use.arena = stage.arenaBytes;
  }

  func::FuncOp function;
  const KernelTable &kernels;
  int64_t slots;
  const std::vector<SymbolAttr> &symbols;
  runtime::Stage &stage;
  SmallVector<func::CallOp> calls;
  int64_t begin, end;
  plan::MeshAttr mesh;
  DenseMap<Operation *, int64_t> position;
  std::vector<Piece> pieces;
  StageMemory memory;
};

} // namespace

KernelTable::KernelTable(ModuleOp module) {
  int64_t number = 0;
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    if (!isKernel(function))
      continue;
    auto scratch = function->getAttrOfType<IntegerAttr>(kScratchAttr);
    auto segment = function->getAttrOfType<FlatSymbolRefAttr>(kKernelAttr);
    auto worker = function->getAttrOfType<IntegerAttr>(kWorkerScratchAttr);
    bySegment[segment.getValue().str()] = {number++, scratch ? scratch.getInt() : 0, worker ? worker.getInt() : 0,
                                           function};
  }
}

FailureOr<StageMemory> lowering::planStageMemory(func::FuncOp function, const KernelTable &kernels, int64_t slots,
                                                 const std::vector<SymbolAttr> &symbols, runtime::Stage &stage) {
  return Planner(function, kernels, slots, symbols, stage).run();
}
