// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tensor.empty and tensor.splat: values of any shape, made where they are needed.
#include "Models.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace partita::adapters {

namespace {

struct EmptySplit : SplitOpInterface::ExternalModel<EmptySplit, tensor::EmptyOp> {
  LoopNest getLoopNest(Operation *op) const {
    LoopNest nest = elementwiseLoopNest(cast<RankedTensorType>(op->getResult(0).getType()), 0, 1);
    fillScalarOperands(nest, op->getNumOperands());
    return nest;
  }

  Operation *createLocal(Operation *op, OpBuilder &builder, ValueRange, TypeRange resultTypes,
                         LocalIndexProvider sizeOf, LocalIndexProvider) const {
    auto type = cast<RankedTensorType>(resultTypes[0]);
    return withAttributesOf(op, tensor::EmptyOp::create(builder, op->getLoc(), type, getDynamicSizes(type, sizeOf)));
  }
};

struct EmptyCost : CostOpInterface::ExternalModel<EmptyCost, tensor::EmptyOp> {
  Work getWork(Operation *, ArrayRef<int64_t>) const { return {0, WorkKind::movement}; }
};

struct SplatSplit : SplitOpInterface::ExternalModel<SplatSplit, tensor::SplatOp> {
  LoopNest getLoopNest(Operation *op) const {
    LoopNest nest = elementwiseLoopNest(cast<RankedTensorType>(op->getResult(0).getType()), 0, 1);
    fillScalarOperands(nest, op->getNumOperands());
    return nest;
  }

  Operation *createLocal(Operation *op, OpBuilder &builder, ValueRange operands, TypeRange resultTypes,
                         LocalIndexProvider sizeOf, LocalIndexProvider) const {
    auto type = cast<RankedTensorType>(resultTypes[0]);
    return withAttributesOf(
        op, tensor::SplatOp::create(builder, op->getLoc(), type, operands.front(), getDynamicSizes(type, sizeOf)));
  }
};

struct SplatCost : CostOpInterface::ExternalModel<SplatCost, tensor::SplatOp> {
  Work getWork(Operation *, ArrayRef<int64_t> extents) const { return {countIterations(extents), WorkKind::movement}; }
};

} // namespace

void attachTensorModels(MLIRContext *context) {
  tensor::EmptyOp::attachInterface<EmptySplit, EmptyCost>(*context);
  tensor::SplatOp::attachInterface<SplatSplit, SplatCost>(*context);
}

} // namespace partita::adapters
