// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "HoistChoice.h"
#include "Kernel.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "partita/lowering/Passes.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace partita::lowering {
#define GEN_PASS_DEF_HOISTWEIGHTSPASS
#include "partita/lib/lowering/Passes.h.inc"
} // namespace partita::lowering

namespace {

class Hoister {
public:
  explicit Hoister(ModuleOp module) : module(module), choice(module) {}

  void run() {
    choice.choose();
    for (auto &[name, candidate] : choice.getCandidates())
      if (!candidate.held.empty())
        hoist(candidate);
    for (func::FuncOp stage : module.getOps<func::FuncOp>())
      if (stage->hasAttr(collective::kEventAttr))
        orderInitCalls(stage);
  }

private:
  void hoist(HoistCandidate &candidate) {
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
  func::FuncOp makeInitKernel(HoistCandidate &candidate, const HeldValue &held, size_t index) {
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
  SmallVector<int64_t> replaceHeld(HoistCandidate &candidate) {
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
  static bool isDropped(const HoistCandidate &candidate, int64_t number) {
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
  HoistChoice choice;
  std::map<std::string, func::FuncOp> initSegments; ///< By their code.
  std::map<std::tuple<Operation *, Operation *, std::vector<const void *>>, func::CallOp> initCalls;
};

struct HoistWeightsPass : lowering::impl::HoistWeightsPassBase<HoistWeightsPass> {
  void runOnOperation() override { Hoister(getOperation()).run(); }
};

} // namespace
