// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Kernel.h"
#include "PlaceParts.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "partita/lowering/Passes.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace partita::lowering {
#define GEN_PASS_DEF_BUFFERIZEKERNELSPASS
#include "partita/lib/lowering/Passes.h.inc"
} // namespace partita::lowering

/// The tensor.empty in whose buffer `value` is computed, or null.
static tensor::EmptyOp findBuffer(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (auto empty = dyn_cast<tensor::EmptyOp>(op))
      return empty;
    if (auto wait = dyn_cast<collective::WaitOp>(op))
      value = wait.getDestination();
    else if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
      value = insert.getDest();
    else if (auto loop = dyn_cast<scf::ForallOp>(op))
      value = loop.getTiedOpOperand(cast<OpResult>(value))->get();
    else if (auto styled = dyn_cast<DestinationStyleOpInterface>(op))
      value = styled.getTiedOpOperand(cast<OpResult>(value))->get();
    else
      return {};
  }
  return {};
}

/// Results are computed where the caller wants them, instead of being copied there at the end.
static void computeInPlace(func::FuncOp kernel) {
  OpBuilder builder(kernel.getContext());
  for (auto materialize : llvm::make_early_inc_range(kernel.getOps<bufferization::MaterializeInDestinationOp>())) {
    tensor::EmptyOp empty = findBuffer(materialize.getSource());
    if (!empty || empty.getType() != materialize.getSource().getType())
      continue;
    builder.setInsertionPoint(empty);
    Value target = bufferization::ToTensorOp::create(builder, empty.getLoc(), empty.getType(), materialize.getDest(),
                                                     /*restrict=*/true, /*writable=*/true);
    empty.replaceAllUsesWith(target);
    empty.erase();
  }
}

namespace {

/// A copy of a buffer onto itself.
struct DropSelfCopy : OpRewritePattern<memref::CopyOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(memref::CopyOp op, PatternRewriter &rewriter) const override {
    if (op.getSource() != op.getTarget())
      return failure();
    rewriter.eraseOp(op);
    return success();
  }
};

struct BufferizeKernelsPass : lowering::impl::BufferizeKernelsPassBase<BufferizeKernelsPass> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    FrozenRewritePatternSet patterns = collectPatterns(context);
    for (func::FuncOp kernel : getOperation().getOps<func::FuncOp>()) {
      if (!isKernel(kernel))
        continue;
      placeParts(kernel);
      computeInPlace(kernel);
      bufferization::OneShotBufferizationOptions options;
      bufferization::BufferizationState state;
      if (failed(bufferization::runOneShotBufferize(kernel, options, state)))
        return signalPassFailure();
      // A tile that was computed in its place is copied onto itself, by two views that are one.
      simplify(kernel);
      (void)applyPatternsGreedily(kernel, patterns);
      simplify(kernel);
    }
  }

  static void simplify(func::FuncOp kernel) {
    IRRewriter rewriter(kernel.getContext());
    DominanceInfo dominance(kernel);
    eliminateCommonSubExpressions(rewriter, dominance, kernel);
  }

  static FrozenRewritePatternSet collectPatterns(MLIRContext *context) {
    RewritePatternSet patterns(context);
    patterns.add<DropSelfCopy>(context);
    for (RegisteredOperationName op : context->getRegisteredOperations())
      if (isa<memref::MemRefDialect, arith::ArithDialect, bufferization::BufferizationDialect>(op.getDialect()))
        op.getCanonicalizationPatterns(patterns, context);
    return patterns;
  }
};

} // namespace
