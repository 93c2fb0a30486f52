// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Kernel.h"
#include "WeightDependence.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "partita/dialects/interfaces/Partita.h"
#include "partita/dialects/plan/Plan.h"
#include "partita/lowering/Passes.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace partita::lowering {
#define GEN_PASS_DEF_HOISTWEIGHTSPASS
#include "partita/lib/lowering/Passes.h.inc"
} // namespace partita::lowering

/// What is kept beside a weight that others still read: no more than this.
static constexpr int64_t kMostBesideSource = 64 << 10;

static bool isWeight(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  auto stage = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
  if (!stage || stage.getArgAttr(argument.getArgNumber(), collective::kChannelAttr))
    return false;
  auto role = stage.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kRoleAttr);
  return role && role.getValue() != kRoleInput;
}

/// The type of a kept value in a stage function: whole on each rank, whatever the ranks hold in it.
static std::optional<Type> getHeldType(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  Type element = type.getElementType();
  if (auto integer = dyn_cast<IntegerType>(element)) {
    if (!llvm::is_contained({8U, 16U, 32U, 64U}, integer.getWidth()))
      return std::nullopt;
    element = IntegerType::get(value.getContext(), integer.getWidth(), IntegerType::Signed);
  }
  auto global = RankedTensorType::get(type.getShape(), element);
  auto whole = plan::PlacementAttr::getReplicated(value.getContext(), type.getRank());
  return RankedTensorType::get(type.getShape(), element, plan::PartAttr::get(value.getContext(), global, whole));
}

namespace {

/// A kernel, the calls of its segment, and what can be kept.
struct Candidate {
  func::FuncOp segment, kernel;
  SmallVector<func::CallOp> calls;
  std::unique_ptr<WeightDependence> dependence;
  std::vector<HeldValue> held;
};

class Hoister {
public:
  explicit Hoister(ModuleOp module) : module(module) {}

  void run() {
    collectCandidates();
    chooseHeld();
    for (auto &[name, candidate] : candidates)
      if (!candidate.held.empty())
        hoist(candidate);
    for (func::FuncOp stage : module.getOps<func::FuncOp>())
      if (stage->hasAttr(collective::kEventAttr))
        orderInitCalls(stage);
  }

private:
  void collectCandidates() {
    std::set<std::string> changing;
    for (func::FuncOp stage : module.getOps<func::FuncOp>())
      if (auto event = stage->getAttrOfType<StringAttr>(collective::kEventAttr))
        for (func::CallOp call : stage.getOps<func::CallOp>()) {
          candidates[call.getCallee().str()].calls.push_back(call);
          // Only what nothing writes after the first step can be prepared before it.
          if (event.getValue() != "forward")
            changing.insert(call.getCallee().str());
        }
    for (func::FuncOp kernel : module.getOps<func::FuncOp>()) {
      auto segment = kernel->getAttrOfType<FlatSymbolRefAttr>(kKernelAttr);
      auto found = segment ? candidates.find(segment.getValue().str()) : candidates.end();
      if (found == candidates.end() || changing.contains(found->first))
        continue;
      Candidate &candidate = found->second;
      candidate.kernel = kernel;
      candidate.segment = module.lookupSymbol<func::FuncOp>(segment);
      std::set<int64_t> weights;
      for (unsigned index = 0; index < candidate.calls.front().getNumOperands(); ++index)
        if (llvm::all_of(candidate.calls, [&](func::CallOp call) { return isWeight(call.getOperand(index)); }))
          weights.insert(index);
      candidate.dependence = std::make_unique<WeightDependence>(kernel, weights);
    }
    std::erase_if(candidates, [](const auto &entry) { return !entry.second.dependence; });
  }

  /// Whether code that is left after hoisting reads this weight.
  bool isReadLater(Value weight) {
    return llvm::any_of(weight.getUses(), [&](OpOperand &use) {
      auto call = dyn_cast<func::CallOp>(use.getOwner());
      auto found = call ? candidates.find(call.getCallee().str()) : candidates.end();
      return found == candidates.end() || found->second.dependence->isRead(use.getOperandNumber());
    });
  }

  /// A large value is kept only instead of what it is made of. Refusing one leaves its sources to be read, which may
  /// turn the balance for others.
  void chooseHeld() {
    llvm::DenseSet<Value> refused;
    for (bool changed = true; changed;) {
      changed = false;
      for (auto &[name, candidate] : candidates)
        candidate.held = candidate.dependence->findHeld(refused);
      for (auto &[name, candidate] : candidates)
        for (const HeldValue &held : candidate.held)
          if (!getHeldType(held.value) || !pays(candidate, held))
            changed |= refused.insert(held.value).second;
    }
  }

  bool pays(const Candidate &candidate, const HeldValue &held) {
    int64_t bytes = *getStaticBytes(held.value.getType());
    if (bytes <= kMostBesideSource)
      return true;
    for (int64_t source : held.sources)
      if (llvm::none_of(candidate.calls, [&](func::CallOp call) { return isReadLater(call.getOperand(source)); }))
        bytes -= candidate.dependence->bytesOf(source);
    return bytes <= 0;
  }

  void hoist(Candidate &candidate) {
    SmallVector<func::FuncOp> preparing;
    for (auto [index, held] : llvm::enumerate(candidate.held))
      preparing.push_back(makeInitKernel(candidate, held, index));
    SmallVector<int64_t> kept = replaceHeld(candidate);
    SmallVector<Type> inputs;
    for (int64_t number : kept)
      inputs.push_back(candidate.segment.getFunctionType().getInput(number));
    for (func::FuncOp segment : preparing)
      inputs.push_back(segment.getFunctionType().getResult(0));
    candidate.segment.setFunctionType(
        FunctionType::get(module.getContext(), inputs, candidate.segment.getFunctionType().getResults()));
    for (func::CallOp call : candidate.calls)
      changeCall(call, candidate.segment, kept, candidate.held, preparing);
  }

  /// The segment, shared with equal ones, that computes one kept value.
  func::FuncOp makeInitKernel(Candidate &candidate, const HeldValue &held, size_t index) {
    OpBuilder builder(candidate.kernel);
    SmallVector<Type> inputs;
    for (int64_t source : held.sources)
      inputs.push_back(candidate.segment.getFunctionType().getInput(source));
    Location location = held.value.getLoc();
    std::string name = candidate.segment.getName().str() + "_init" + std::to_string(index);
    auto segment =
        func::FuncOp::create(builder, location, name, builder.getFunctionType(inputs, *getHeldType(held.value)));
    segment.setPrivate();
    Attribute stage = candidate.segment->getAttr(collective::kStageAttr);
    segment->setAttr(collective::kStageAttr, stage);
    auto kernel = func::FuncOp::create(builder, location, "init", candidate.kernel.getFunctionType());
    kernel->setAttr(collective::kStageAttr, stage);
    writeInitKernel(kernel, candidate.kernel, held);
    std::string text;
    llvm::raw_string_ostream os(text);
    os << segment.getFunctionType() << kernel;
    auto [known, isNew] = initSegments.try_emplace(text, segment);
    if (isNew) {
      kernel.setSymName(name + "_kernel");
      kernel->setAttr(kKernelAttr, FlatSymbolRefAttr::get(segment));
    } else {
      kernel.erase();
      segment.erase();
    }
    return known->second;
  }

  static void writeInitKernel(func::FuncOp kernel, func::FuncOp from, const HeldValue &held) {
    OpBuilder builder(kernel.getContext());
    builder.setInsertionPointToStart(kernel.addEntryBlock());
    IRMapping mapping;
    for (auto argument : from.getOps<bufferization::ToTensorOp>()) {
      std::optional<int64_t> number = getBufferNumber(argument.getBuffer());
      auto source = number ? llvm::find(held.sources, *number) : held.sources.end();
      if (source == held.sources.end())
        continue;
      Value buffer = makeBuffer(builder, argument.getLoc(), kernel, source - held.sources.begin(),
                                cast<MemRefType>(argument.getBuffer().getType()), {});
      mapping.map(argument.getResult(), bufferization::ToTensorOp::create(builder, argument.getLoc(),
                                                                          argument.getType(), buffer, /*restrict=*/true)
                                            .getResult());
    }
    auto type = cast<RankedTensorType>(held.value.getType());
    Value result = makeBuffer(builder, kernel.getLoc(), kernel, held.sources.size(),
                              MemRefType::get(type.getShape(), type.getElementType()), {});
    for (Operation *op : held.ops)
      builder.clone(*op, mapping);
    bufferization::MaterializeInDestinationOp::create(builder, kernel.getLoc(), Type(), mapping.lookup(held.value),
                                                      result, /*restrict=*/true, /*writable=*/true);
    func::ReturnOp::create(builder, kernel.getLoc());
  }

  /// The kernel reads kept values from buffers; returns the old numbers of the arguments that it still needs.
  SmallVector<int64_t> replaceHeld(Candidate &candidate) {
    func::FuncOp kernel = candidate.kernel;
    int64_t numArguments = candidate.segment.getFunctionType().getNumInputs();
    SmallVector<int64_t> kept;
    for (int64_t number = 0; number < numArguments; ++number)
      if (!isDropped(candidate, number))
        kept.push_back(number);
    int64_t firstHeld = kept.size(), firstResult = firstHeld + static_cast<int64_t>(candidate.held.size());
    SmallVector<Value> values;
    OpBuilder builder(kernel.getContext());
    for (auto [index, held] : llvm::enumerate(candidate.held)) {
      builder.setInsertionPoint(held.value.getDefiningOp());
      auto type = cast<RankedTensorType>(held.value.getType());
      // Numbered behind all others until these move up.
      Value buffer = makeBuffer(builder, held.value.getLoc(), kernel, kFirstNew + static_cast<int64_t>(index),
                                MemRefType::get(type.getShape(), type.getElementType()), {});
      held.value.replaceAllUsesWith(
          bufferization::ToTensorOp::create(builder, held.value.getLoc(), type, buffer, /*restrict=*/true));
    }
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(kernel.getBody().front())))
      if (isOpTriviallyDead(&op))
        op.erase();
    renumberBuffers(kernel, [&](int64_t number) -> int64_t {
      if (number >= kFirstNew)
        return firstHeld + number - kFirstNew;
      if (number >= numArguments)
        return firstResult + number - numArguments;
      return llvm::lower_bound(kept, number) - kept.begin();
    });
    return kept;
  }

  /// A weight that was read by what is kept only.
  static bool isDropped(const Candidate &candidate, int64_t number) {
    return !candidate.dependence->isRead(number) && llvm::any_of(candidate.held, [&](const HeldValue &held) {
      return llvm::is_contained(held.sources, number);
    });
  }

  void changeCall(func::CallOp call, func::FuncOp segment, ArrayRef<int64_t> kept, ArrayRef<HeldValue> held,
                  ArrayRef<func::FuncOp> preparing) {
    auto stage = call->getParentOfType<func::FuncOp>();
    SmallVector<Value> operands;
    for (int64_t number : kept)
      operands.push_back(call.getOperand(number));
    OpBuilder builder(call.getContext());
    for (auto [each, init] : llvm::zip(held, preparing)) {
      SmallVector<Value> sources;
      std::vector<const void *> key;
      for (int64_t source : each.sources) {
        sources.push_back(call.getOperand(source));
        key.push_back(sources.back().getAsOpaquePointer());
      }
      func::FuncOp prepared = init;
      func::CallOp &prepare = initCalls[{stage, prepared, key}];
      if (!prepare) {
        builder.setInsertionPointToStart(&stage.getBody().front());
        prepare = func::CallOp::create(builder, call.getLoc(), prepared, sources);
        prepare->setAttr(kInitAttr, builder.getUnitAttr());
      }
      operands.push_back(prepare.getResult(0));
    }
    builder.setInsertionPoint(call);
    auto changed = func::CallOp::create(builder, call.getLoc(), segment, operands);
    call.replaceAllUsesWith(changed.getResults());
    call.erase();
  }

  /// The largest first: while it is prepared, the memory of all others is still free for its source.
  static void orderInitCalls(func::FuncOp stage) {
    SmallVector<func::CallOp> calls;
    for (func::CallOp call : stage.getOps<func::CallOp>())
      if (isInitCall(call))
        calls.push_back(call);
    auto bytesOf = [](func::CallOp call) { return getStaticBytes(call.getResult(0).getType()).value_or(0); };
    llvm::stable_sort(calls, [&](func::CallOp a, func::CallOp b) { return bytesOf(a) > bytesOf(b); });
    for (func::CallOp call : llvm::reverse(calls))
      call->moveBefore(&stage.getBody().front(), stage.getBody().front().begin());
  }

  static constexpr int64_t kFirstNew = 1 << 20;

  ModuleOp module;
  std::map<std::string, Candidate> candidates;
  std::map<std::string, func::FuncOp> initSegments; ///< By their code.
  std::map<std::tuple<Operation *, Operation *, std::vector<const void *>>, func::CallOp> initCalls;
};

struct HoistWeightsPass : lowering::impl::HoistWeightsPassBase<HoistWeightsPass> {
  void runOnOperation() override { Hoister(getOperation()).run(); }
};

} // namespace
