// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Kernel.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "partita/lowering/Passes.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace partita::lowering {
#define GEN_PASS_DEF_FUSEKERNELSPASS
#include "partita/lib/lowering/Passes.h.inc"
} // namespace partita::lowering

namespace {

/// Operations of the body that compute something; conversions and indices do not count.
int64_t countWork(linalg::GenericOp op) {
  int64_t work = 0;
  for (Operation &inner : op.getRegion().front().without_terminator()) {
    if (isa<math::MathDialect>(inner.getDialect()) || inner.getNumRegions() > 0 || isa<tensor::ExtractOp>(inner) ||
        isa<arith::DivFOp, arith::DivSIOp, arith::DivUIOp, arith::RemFOp, arith::RemSIOp, arith::RemUIOp>(inner))
      work += 20;
    else if (!isa<arith::ExtFOp, arith::TruncFOp, arith::ConstantOp, linalg::IndexOp>(inner))
      work += 1;
  }
  return work;
}

/// More than one operand under reductions: a contraction or convolution, whose operands are read many times.
bool readsOperandsAgain(linalg::GenericOp op) { return op.getNumReductionLoops() > 0 && op.getNumDpsInputs() > 1; }

bool shouldFuse(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (!producer || !consumer)
    return false;
  AffineMap map = consumer.getMatchingIndexingMap(operand);
  bool readsOnce = map.getNumResults() == map.getNumDims() && map.isPermutation();
  int64_t work = countWork(producer);
  // Row statistics are inputs of reductions too, but each loop body reads the large operand once.
  if (readsOperandsAgain(consumer) && !readsOnce)
    return false;
  if (producer->hasOneUse() && readsOnce)
    return true;
  // What is recomputed must cost no more than reading it back: no loads beyond one, two operations.
  return work <= 2 && producer.getNumDpsInputs() <= 1;
}

struct FuseKernelsPass : lowering::impl::FuseKernelsPassBase<FuseKernelsPass> {
  void runOnOperation() override {
    if (!isKernel(getOperation()))
      return;
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    linalg::populateElementwiseOpsFusionPatterns(patterns, shouldFuse);
    linalg::GenericOp::getCanonicalizationPatterns(patterns, context);
    tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, context);
    tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns, context);
    tensor::CastOp::getCanonicalizationPatterns(patterns, context);
    context->getLoadedDialect<linalg::LinalgDialect>()->getCanonicalizationPatterns(patterns);
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal(true);
    (void)applyPatternsGreedily(getOperation(), std::move(patterns), config);
  }
};

} // namespace
