// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Bounds.h"
#include "Kernel.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
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

/// The outermost parallel loop around an op, or null.
static scf::ForallOp findParallelLoop(Operation *op) {
  scf::ForallOp outermost;
  for (auto loop = op->getParentOfType<scf::ForallOp>(); loop; loop = loop->getParentOfType<scf::ForallOp>())
    outermost = loop;
  return outermost;
}

/// A multiple of the alignment, so that calls and threads may follow each other.
static int64_t alignBytes(int64_t bytes) { return (bytes + 63) / 64 * 64; }

namespace {

struct AssignScratchPass : lowering::impl::AssignScratchPassBase<AssignScratchPass> {
  void runOnOperation() override {
    func::FuncOp kernel = getOperation();
    if (!isKernel(kernel))
      return;
    // By the block whose run they live in: the kernel's, or one iteration of a parallel loop.
    llvm::MapVector<Block *, SmallVector<memref::AllocOp>> allocations;
    kernel.walk([&](memref::AllocOp op) {
      scf::ForallOp loop = findParallelLoop(op);
      allocations[loop ? loop.getBody() : &kernel.getBody().front()].push_back(op);
    });
    kernel.walk([](memref::DeallocOp op) { op.erase(); });
    int64_t bytes = 0, workerBytes = 0;
    for (auto &[block, inBlock] : allocations) {
      bool isBody = block != &kernel.getBody().front();
      FailureOr<int64_t> needed =
          assign(*block, inBlock, isBody ? ContextMember::workerScratch : ContextMember::scratch);
      if (failed(needed))
        return signalPassFailure();
      int64_t &most = isBody ? workerBytes : bytes;
      most = std::max(most, *needed);
    }
    auto i64 = IntegerType::get(&getContext(), 64);
    kernel->setAttr(kScratchAttr, IntegerAttr::get(i64, bytes));
    kernel->setAttr(kWorkerScratchAttr, IntegerAttr::get(i64, workerBytes));
  }

  FailureOr<int64_t> assign(Block &block, ArrayRef<memref::AllocOp> allocations, ContextMember member) {
    FailureOr<std::vector<memory::LiveRange>> ranges = findLiveRanges(block, allocations);
    if (failed(ranges))
      return failure();
    std::optional<memory::ArenaLayout> layout = memory::assignOffsets(*ranges);
    if (!layout)
      return getOperation().emitError("E-TOO-LARGE: the internal buffers of this segment exceed the address space");
    replaceAllocations(block, allocations, *layout, member);
    return alignBytes(layout->totalBytes);
  }

  FailureOr<std::vector<memory::LiveRange>> findLiveRanges(Block &block, ArrayRef<memref::AllocOp> allocations) {
    DenseMap<Operation *, int64_t> position;
    for (Operation &op : block)
      position.try_emplace(&op, position.size());
    std::vector<memory::LiveRange> ranges;
    for (memref::AllocOp allocation : allocations) {
      FailureOr<int64_t> bytes = getBoundBytes(allocation);
      if (failed(bytes))
        return failure();
      memory::LiveRange range;
      range.begin = range.end = position.lookup(block.findAncestorOpInBlock(*allocation));
      range.bytes = *bytes;
      for (Value view : collectViews(allocation))
        for (Operation *user : view.getUsers())
          range.end = std::max(range.end, position.lookup(block.findAncestorOpInBlock(*user)));
      ranges.push_back(range);
    }
    return ranges;
  }

  void replaceAllocations(Block &block, ArrayRef<memref::AllocOp> allocations, const memory::ArenaLayout &layout,
                          ContextMember member) {
    func::FuncOp kernel = getOperation();
    OpBuilder builder(kernel.getContext());
    builder.setInsertionPointToStart(&block);
    Value scratch = loadMember(builder, kernel.getLoc(), lowering::getContext(kernel), member);
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
