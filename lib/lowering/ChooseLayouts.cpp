// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Kernel.h"
#include "LayoutWriter.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "partita/lowering/Passes.h"
#include "llvm/ADT/EquivalenceClasses.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace partita::lowering {
#define GEN_PASS_DEF_CHOOSELAYOUTSPASS
#include "partita/lib/lowering/Passes.h.inc"
} // namespace partita::lowering

namespace {

/// One argument or result of a segment, by the number of its kernel's buffer.
using Slot = std::pair<StringRef, int64_t>;

class LayoutChooser {
public:
  explicit LayoutChooser(ModuleOp module) : module(module) {}

  void run() {
    for (func::FuncOp kernel : module.getOps<func::FuncOp>())
      if (auto segment = kernel->getAttrOfType<FlatSymbolRefAttr>(kKernelAttr))
        kernels[segment.getValue().str()] = {kernel, prefers(kernel)};
    for (func::FuncOp stage : module.getOps<func::FuncOp>())
      if (stage->hasAttr(collective::kEventAttr))
        join(stage);
    std::map<std::string, std::map<int64_t, DimOrder>> orders = choose();
    for (auto &[name, entry] : kernels)
      if (entry.second || orders.count(name))
        LayoutWriter(entry.first, orders[name]).run();
  }

private:
  /// Whether the kernel has convolutions.
  static bool prefers(func::FuncOp kernel) {
    return llvm::any_of(kernel.getBody().front(), [](Operation &op) { return op.hasAttr(kLayoutAttr); });
  }

  /// Slots through which one value goes have one order.
  void join(func::FuncOp stage) {
    for (BlockArgument argument : stage.getArguments())
      joinUses(argument, std::nullopt);
    for (func::CallOp call : stage.getOps<func::CallOp>())
      for (OpResult result : call.getResults())
        joinUses(result, Slot{call.getCallee(), call.getNumOperands() + result.getResultNumber()});
  }

  void joinUses(Value value, std::optional<Slot> producer) {
    if (producer)
      slots.insert(*producer);
    for (OpOperand &use : value.getUses()) {
      auto call = dyn_cast<func::CallOp>(use.getOwner());
      if (call) {
        Slot reader{call.getCallee(), use.getOperandNumber()};
        slots.insert(reader);
        readers.insert(reader);
        if (producer)
          slots.unionSets(*producer, reader);
        else
          fixed.insert(reader);
      } else if (producer) {
        // It leaves the stage.
        fixed.insert(*producer);
      }
    }
  }

  /// The rank of what the buffer holds; 0 where the kernel does not use it as one tensor.
  int64_t findRank(const Slot &slot) {
    auto kernel = kernels.find(slot.first.str());
    if (kernel == kernels.end())
      return 0;
    for (Operation &op : kernel->second.first.getBody().front()) {
      auto input = dyn_cast<bufferization::ToTensorOp>(op);
      auto output = dyn_cast<bufferization::MaterializeInDestinationOp>(op);
      Value buffer = input ? input.getBuffer() : output ? output.getDest() : Value();
      if (buffer && getBufferNumber(buffer) == slot.second)
        return cast<ShapedType>(buffer.getType()).getRank();
    }
    return 0;
  }

  /// Values with positions that go from convolutions to convolutions have their channels last, too.
  std::map<std::string, std::map<int64_t, DimOrder>> choose() {
    std::map<std::string, std::map<int64_t, DimOrder>> orders;
    for (const auto *entry : slots) {
      if (!entry->isLeader())
        continue;
      bool isMade = false, isRead = false, isFixed = false;
      int64_t rank = findRank(entry->getData());
      for (const Slot &slot : slots.members(*entry)) {
        bool isPreferred = kernels.count(slot.first.str()) && kernels[slot.first.str()].second;
        (readers.count(slot) ? isRead : isMade) |= isPreferred;
        isFixed |= fixed.count(slot) || findRank(slot) != rank;
      }
      if (isFixed || !isMade || !isRead || rank < 4)
        continue;
      DimOrder order{0};
      for (int64_t dim = 2; dim < rank; ++dim)
        order.push_back(dim);
      order.push_back(1);
      for (const Slot &slot : slots.members(*entry))
        orders[slot.first.str()][slot.second] = order;
    }
    return orders;
  }

  ModuleOp module;
  std::map<std::string, std::pair<func::FuncOp, bool>>
      kernels; ///< By segment: the kernel, whether it has convolutions.
  llvm::EquivalenceClasses<Slot> slots;
  std::set<Slot> readers, fixed;
};

struct ChooseLayoutsPass : lowering::impl::ChooseLayoutsPassBase<ChooseLayoutsPass> {
  void runOnOperation() override { LayoutChooser(getOperation()).run(); }
};

} // namespace
