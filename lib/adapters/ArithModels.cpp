// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constants: a splat splits like any value, other data stays whole.
#include "Models.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;

namespace partita::adapters {

/// The same data under another type of that shape; null for a form of data that cannot be retyped.
static TypedAttr retype(TypedAttr data, RankedTensorType type) {
  if (auto splat = dyn_cast<SplatElementsAttr>(data))
    return DenseElementsAttr::get(type, splat.getSplatValue<Attribute>());
  if (cast<ShapedType>(data.getType()).getShape() != type.getShape())
    return {};
  if (auto dense = dyn_cast<DenseElementsAttr>(data))
    return DenseElementsAttr::getFromRawBuffer(type, dense.getRawData());
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(data))
    return DenseResourceElementsAttr::get(type, resource.getRawHandle());
  return {};
}

namespace {

struct ConstantSplit : SplitOpInterface::ExternalModel<ConstantSplit, arith::ConstantOp> {
  LoopNest getLoopNest(Operation *op) const {
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!type) {
      LoopNest scalar;
      scalar.results.resize(1);
      return scalar;
    }
    LoopNest nest = elementwiseLoopNest(type, 0, 1);
    if (!isa<SplatElementsAttr>(cast<arith::ConstantOp>(op).getValue()))
      for (Loop &loop : nest.loops) {
        loop.kind = LoopKind::whole;
        loop.reason = "the constant's elements differ, so each rank keeps all of them";
      }
    return nest;
  }

  Operation *createLocal(Operation *op, OpBuilder &builder, ValueRange operands, TypeRange resultTypes,
                         LocalIndexProvider sizeOf, LocalIndexProvider) const {
    auto type = dyn_cast<RankedTensorType>(resultTypes[0]);
    if (!type)
      return builder.clone(*op);
    TypedAttr data = cast<arith::ConstantOp>(op).getValue();
    if (type.hasStaticShape()) {
      TypedAttr local = retype(data, type);
      return local ? withAttributesOf(op, arith::ConstantOp::create(builder, op->getLoc(), type, local)) : nullptr;
    }
    auto splat = dyn_cast<SplatElementsAttr>(data);
    auto element = splat ? dyn_cast<TypedAttr>(splat.getSplatValue<Attribute>()) : TypedAttr();
    if (!element)
      return nullptr;
    // A constant has a static shape; a part that differs between ranks is filled at its own size.
    Value scalar = arith::ConstantOp::create(builder, op->getLoc(), element);
    return withAttributesOf(
        op, tensor::SplatOp::create(builder, op->getLoc(), type, scalar, getDynamicSizes(type, sizeOf)));
  }
};

struct ConstantCost : CostOpInterface::ExternalModel<ConstantCost, arith::ConstantOp> {
  Work getWork(Operation *, ArrayRef<int64_t>) const { return {0, WorkKind::movement}; }
};

} // namespace

void attachArithModels(MLIRContext *context) {
  arith::ConstantOp::attachInterface<ConstantSplit, ConstantCost>(*context);
  // Splats are of the tensor dialect, which the program may not have used before.
  context->loadDialect<tensor::TensorDialect>();
}

} // namespace partita::adapters
