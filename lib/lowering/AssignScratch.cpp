// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Bounds.h"
#include "Kernel.h"
#include "partita/lowering/Passes.h"
#include "partita/memory/Arena.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace partita::lowering {
#define GEN_PASS_DEF_ASSIGNSCRATCHPASS
#include "partita/lib/lowering/Passes.h.inc"
} // namespace partita::lowering

/// All values that may be views of `buffer`, itself included.
static SmallVector<Value> collectViews(Value buffer) {
  SmallVector<Value> views{buffer};
  for (size_t i = 0; i < views.size(); ++i)
    for (Operation *user : views[i].getUsers())
      for (Value result : user->getResults())
        if (isa<MemRefType>(result.getType()) && !llvm::is_contained(views, result))
          views.push_back(result);
  return views;
}

namespace {

struct AssignScratchPass : lowering::impl::AssignScratchPassBase<AssignScratchPass> {
  void runOnOperation() override {
    func::FuncOp kernel = getOperation();
    if (!isKernel(kernel))
      return;
    SmallVector<memref::AllocOp> allocations;
    kernel.walk([&](memref::AllocOp op) { allocations.push_back(op); });
    kernel.walk([](memref::DeallocOp op) { op.erase(); });
    FailureOr<std::vector<memory::LiveRange>> ranges = findLiveRanges(kernel, allocations);
    if (failed(ranges))
      return signalPassFailure();
    std::optional<memory::ArenaLayout> layout = memory::assignOffsets(*ranges);
    if (!layout) {
      kernel.emitError("E-TOO-LARGE: the internal buffers of this segment exceed the address space");
      return signalPassFailure();
    }
    replaceAllocations(kernel, allocations, *layout);
    // Calls may follow each other at any offset that is a multiple of the alignment.
    int64_t bytes = (layout->totalBytes + 63) / 64 * 64;
    kernel->setAttr(kScratchAttr, IntegerAttr::get(IntegerType::get(&getContext(), 64), bytes));
  }

  FailureOr<std::vector<memory::LiveRange>> findLiveRanges(func::FuncOp kernel, ArrayRef<memref::AllocOp> allocations) {
    Block &body = kernel.getBody().front();
    DenseMap<Operation *, int64_t> position;
    for (Operation &op : body)
      position.try_emplace(&op, position.size());
    std::vector<memory::LiveRange> ranges;
    for (memref::AllocOp allocation : allocations) {
      FailureOr<int64_t> bytes = getBoundBytes(allocation);
      if (failed(bytes))
        return failure();
      memory::LiveRange range;
      range.begin = range.end = position.lookup(body.findAncestorOpInBlock(*allocation));
      range.bytes = *bytes;
      for (Value view : collectViews(allocation))
        for (Operation *user : view.getUsers())
          range.end = std::max(range.end, position.lookup(body.findAncestorOpInBlock(*user)));
      ranges.push_back(range);
    }
    return ranges;
  }

  void replaceAllocations(func::FuncOp kernel, ArrayRef<memref::AllocOp> allocations,
                          const memory::ArenaLayout &layout) {
    if (allocations.empty())
      return;
    OpBuilder builder(kernel.getContext());
    builder.setInsertionPointToStart(&kernel.getBody().front());
    Value scratch = loadMember(builder, kernel.getLoc(), lowering::getContext(kernel), ContextMember::scratch);
    Value bytes = makeBytes(builder, kernel.getLoc(), scratch);
    for (auto [index, offset] : llvm::enumerate(layout.offsets)) {
      memref::AllocOp allocation = allocations[index];
      builder.setInsertionPoint(allocation);
      Value view =
          makeView(builder, allocation.getLoc(), bytes, offset, allocation.getType(), allocation.getDynamicSizes());
      allocation.replaceAllUsesWith(view);
      allocation->erase();
    }
  }
};

} // namespace
