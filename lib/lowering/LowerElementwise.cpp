// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constants, positions, elementwise functions and casts; and the choice of the lowering for any op.
#include "OpLowerings.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

Value lowering::lowerConstant(TensorBuilder &tensors, graph::ConstantOp op) {
  RankedTensorType type = getPlainType(op.getType());
  auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!dense)
    return op.emitOpError("E-LOWER: only dense constants can be lowered"), Value();
  // Each rank of a split constant would need its own part: such constants are cut by a slice before.
  if (dense.getType().getShape() != type.getShape())
    return op.emitOpError("E-LOWER: the value is not the whole local tensor"), Value();
  unsigned width = type.getElementType().getIntOrFloatBitWidth();
  if (dense.getElementType().getIntOrFloatBitWidth() < width)
    dense = dense.mapValues(type.getElementType(), [&](const APInt &value) {
      return dense.getElementType().isSignedInteger() ? value.sext(width) : value.zext(width);
    });
  else if (dense.getElementType() != type.getElementType())
    dense = dense.bitcast(type.getElementType());
  return arith::ConstantOp::create(tensors.builder, op.getLoc(), type, dense);
}

Value lowering::lowerIota(TensorBuilder &tensors, graph::IotaOp op) {
  RankedTensorType type = typeOf(op.getResult());
  Type element = type.getElementType(), i64 = tensors.builder.getI64Type();
  Value offset = tensors.offsetOf(type, op.getDim());
  return tensors.map({}, {}, tensors.sizesOf(type), element, [&](Scalars &at, ValueRange) {
    Value local = linalg::IndexOp::create(at.builder, at.location, op.getDim());
    Value position = arith::AddIOp::create(at.builder, at.location, local, offset);
    Value number = arith::IndexCastOp::create(at.builder, at.location, i64, position);
    return at.widen(at.cast(number, IntegerType::get(op.getContext(), 64, IntegerType::Signed), element));
  });
}

Value lowering::lowerElementwise(TensorBuilder &tensors, graph::ElementwiseOp op, ValueRange operands) {
  RankedTensorType type = typeOf(op.getResult());
  Type element = typeOf(op.getInputs().back()).getElementType();
  return tensors.mapSame(llvm::to_vector(operands), tensors.sizesOf(type), type.getElementType(),
                         [&](Scalars &at, ValueRange elements) { return at.emit(op.getKind(), element, elements); });
}

Value lowering::lowerCast(TensorBuilder &tensors, graph::CastOp op, ValueRange operands) {
  RankedTensorType from = typeOf(op.getInput()), to = typeOf(op.getResult());
  return tensors.mapSame(
      {operands[0]}, tensors.sizesOf(to), to.getElementType(), [&](Scalars &at, ValueRange elements) {
        // Elements come widened, which loses nothing.
        bool isWidened = isa<FloatType>(from.getElementType()) && !isSmallestFloat(from.getElementType());
        Type source = isWidened ? elements[0].getType() : from.getElementType();
        return at.widen(at.cast(elements[0], source, to.getElementType()));
      });
}

Value lowering::lowerPartialize(TensorBuilder &tensors, collective::PartializeOp op, ValueRange operands) {
  RankedTensorType from = typeOf(op.getInput()), to = typeOf(op.getResult());
  ArrayRef<plan::PartialAttr> before = plan::getPart(from).getPlacement().getPartial();
  graph::ReduceKind kind = graph::ReduceKind::sum;
  Value isOwner;
  for (plan::PartialAttr partial : plan::getPart(to).getPlacement().getPartial()) {
    if (llvm::is_contained(before, partial))
      continue;
    kind = toReduceKind(partial.getKind());
    // The coordinate along an axis is the offset of a whole dim of one element per coordinate.
    plan::StageOp stage = collective::getStage(op);
    plan::AxisAttr axis = stage ? stage.getMesh().findAxis(partial.getAxis()) : plan::AxisAttr();
    if (!axis)
      return Value();
    MLIRContext *context = op.getContext();
    auto global = RankedTensorType::get({axis.getSize()}, to.getElementType());
    auto split = plan::DimSplitAttr::get(context, {plan::SplitAttr::get(context, axis.getName(), 1)});
    auto part = plan::PartAttr::get(context, global, plan::PlacementAttr::get(context, {split}, {}));
    Value coordinate = tensors.offsetOf(RankedTensorType::get({1}, to.getElementType(), part), 0);
    Value isFirst =
        arith::CmpIOp::create(tensors.builder, op.getLoc(), arith::CmpIPredicate::eq, coordinate, tensors.index(0));
    isOwner = isOwner ? arith::AndIOp::create(tensors.builder, op.getLoc(), isOwner, isFirst).getResult() : isFirst;
  }
  return tensors.mapSame(
      {operands[0]}, tensors.sizesOf(to), to.getElementType(), [&](Scalars &at, ValueRange elements) -> Value {
        Value identity = at.identity(kind, to.getElementType());
        return isOwner ? arith::SelectOp::create(at.builder, at.location, isOwner, elements[0], identity).getResult()
                       : elements[0];
      });
}

Value lowering::lowerLocalSlice(TensorBuilder &tensors, collective::SliceOp op, ValueRange operands) {
  RankedTensorType from = typeOf(op.getInput()), to = typeOf(op.getResult());
  Sizes offsets, strides(from.getRank(), tensors.builder.getIndexAttr(1));
  for (int64_t dim = 0; dim < from.getRank(); ++dim) {
    plan::DimSplitAttr before = plan::getPart(from).getPlacement().getDims()[dim];
    if (before == plan::getPart(to).getPlacement().getDims()[dim]) {
      offsets.push_back(tensors.builder.getIndexAttr(0));
      continue;
    }
    Value begin = tensors.offsetOf(to, dim), base = tensors.offsetOf(from, dim);
    offsets.push_back(arith::SubIOp::create(tensors.builder, op.getLoc(), begin, base).getResult());
  }
  return tensor::ExtractSliceOp::create(tensors.builder, op.getLoc(), getPlainType(to), operands[0], offsets,
                                        tensors.sizesOf(to), strides);
}

Value lowering::lowerOp(TensorBuilder &tensors, Operation *op, ValueRange operands) {
  return TypeSwitch<Operation *, Value>(op)
      .Case([&](graph::ConstantOp op) { return lowerConstant(tensors, op); })
      .Case([&](graph::IotaOp op) { return lowerIota(tensors, op); })
      .Case([&](graph::RandomBitsOp op) { return lowerRandomBits(tensors, op); })
      .Case([&](graph::ElementwiseOp op) { return lowerElementwise(tensors, op, operands); })
      .Case([&](graph::CastOp op) { return lowerCast(tensors, op, operands); })
      .Case([&](graph::BroadcastOp op) { return lowerBroadcast(tensors, op, operands); })
      .Case([&](graph::ReshapeOp op) { return lowerReshape(tensors, op, operands); })
      .Case([&](graph::TransposeOp op) { return lowerTranspose(tensors, op, operands); })
      .Case([&](graph::SliceOp op) { return lowerSlice(tensors, op, operands); })
      .Case([&](graph::ConcatOp op) { return lowerConcat(tensors, op, operands); })
      .Case([&](graph::PadOp op) { return lowerPad(tensors, op, operands); })
      .Case([&](graph::GatherOp op) { return lowerGather(tensors, op, operands); })
      .Case([&](graph::GatherAlongOp op) { return lowerGatherAlong(tensors, op, operands); })
      .Case([&](graph::ScatterAlongOp op) { return lowerScatterAlong(tensors, op, operands); })
      .Case([&](graph::TopKOp op) { return lowerTopK(tensors, op, operands); })
      .Case([&](graph::CumulativeOp op) { return lowerCumulative(tensors, op, operands); })
      .Case([&](graph::ContractionOp op) { return lowerContraction(tensors, op, operands); })
      .Case([&](graph::ConvolutionOp op) { return lowerConvolution(tensors, op, operands); })
      .Case([&](graph::ReduceOp op) { return lowerReduce(tensors, op, operands); })
      .Case([&](graph::WindowReduceOp op) { return lowerWindowReduce(tensors, op, operands); })
      .Case([&](graph::WindowArgmaxOp op) { return lowerWindowArgmax(tensors, op, operands); })
      .Case([&](graph::RecurrentOp op) { return lowerRecurrent(tensors, op, operands); })
      .Case([&](graph::CountedOp op) { return lowerCounted(tensors, op, operands); })
      .Case([&](graph::ExpertsOp op) { return lowerExperts(tensors, op, operands); })
      .Case([&](graph::SoftmaxOp op) { return lowerSoftmax(tensors, op, operands); })
      .Case([&](graph::LayerNormOp op) { return lowerLayerNorm(tensors, op, operands); })
      .Case([&](graph::RmsNormOp op) { return lowerRmsNorm(tensors, op, operands); })
      .Case([&](graph::BatchNormOp op) { return lowerBatchNorm(tensors, op, operands); })
      .Case([&](graph::AttentionOp op) { return lowerAttention(tensors, op, operands); })
      .Case([&](graph::RotaryOp op) { return lowerRotary(tensors, op, operands); })
      .Case([&](collective::SliceOp op) { return lowerLocalSlice(tensors, op, operands); })
      .Case([&](collective::PartializeOp op) { return lowerPartialize(tensors, op, operands); })
      .Default([&](Operation *op) -> Value {
        op->emitOpError("E-LOWER: no lowering to a kernel exists");
        return {};
      });
}
