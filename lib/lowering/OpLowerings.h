// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How each op of a segment becomes tensor code. `operands` are the plain local tensors of the op's operands; the result
// is that of its result, or null after a diagnostic. Types, extents and offsets are read from the op.
//
// Example: Value y = lowerOp(tensors, op, {x, w});
#ifndef PARTITA_LIB_LOWERING_OPLOWERINGS_H
#define PARTITA_LIB_LOWERING_OPLOWERINGS_H

#include "TensorBuilder.h"
#include "partita/dialects/collective/Collective.h"

namespace partita::lowering {

/// Any graph op, or a communication op that sends nothing.
mlir::Value lowerOp(TensorBuilder &tensors, mlir::Operation *op, mlir::ValueRange operands);

mlir::Value lowerConstant(TensorBuilder &tensors, graph::ConstantOp op);
mlir::Value lowerIota(TensorBuilder &tensors, graph::IotaOp op);
mlir::Value lowerRandomBits(TensorBuilder &tensors, graph::RandomBitsOp op);
mlir::Value lowerElementwise(TensorBuilder &tensors, graph::ElementwiseOp op, mlir::ValueRange operands);
mlir::Value lowerCast(TensorBuilder &tensors, graph::CastOp op, mlir::ValueRange operands);

mlir::Value lowerBroadcast(TensorBuilder &tensors, graph::BroadcastOp op, mlir::ValueRange operands);
mlir::Value lowerReshape(TensorBuilder &tensors, graph::ReshapeOp op, mlir::ValueRange operands);
mlir::Value lowerTranspose(TensorBuilder &tensors, graph::TransposeOp op, mlir::ValueRange operands);
mlir::Value lowerSlice(TensorBuilder &tensors, graph::SliceOp op, mlir::ValueRange operands);
mlir::Value lowerConcat(TensorBuilder &tensors, graph::ConcatOp op, mlir::ValueRange operands);
mlir::Value lowerPad(TensorBuilder &tensors, graph::PadOp op, mlir::ValueRange operands);

mlir::Value lowerGather(TensorBuilder &tensors, graph::GatherOp op, mlir::ValueRange operands);
mlir::Value lowerGatherAlong(TensorBuilder &tensors, graph::GatherAlongOp op, mlir::ValueRange operands);
mlir::Value lowerScatterAlong(TensorBuilder &tensors, graph::ScatterAlongOp op, mlir::ValueRange operands);
mlir::Value lowerTopK(TensorBuilder &tensors, graph::TopKOp op, mlir::ValueRange operands);
mlir::Value lowerCumulative(TensorBuilder &tensors, graph::CumulativeOp op, mlir::ValueRange operands);

mlir::Value lowerContraction(TensorBuilder &tensors, graph::ContractionOp op, mlir::ValueRange operands);
mlir::Value lowerConvolution(TensorBuilder &tensors, graph::ConvolutionOp op, mlir::ValueRange operands);
mlir::Value lowerReduce(TensorBuilder &tensors, graph::ReduceOp op, mlir::ValueRange operands);
mlir::Value lowerWindowReduce(TensorBuilder &tensors, graph::WindowReduceOp op, mlir::ValueRange operands);

mlir::Value lowerWindowArgmax(TensorBuilder &tensors, graph::WindowArgmaxOp op, mlir::ValueRange operands);
mlir::Value lowerRecurrent(TensorBuilder &tensors, graph::RecurrentOp op, mlir::ValueRange operands);

mlir::Value lowerExperts(TensorBuilder &tensors, graph::ExpertsOp op, mlir::ValueRange operands);
mlir::Value lowerCounted(TensorBuilder &tensors, graph::CountedOp op, mlir::ValueRange operands);
mlir::Value lowerSoftmax(TensorBuilder &tensors, graph::SoftmaxOp op, mlir::ValueRange operands);
mlir::Value lowerLayerNorm(TensorBuilder &tensors, graph::LayerNormOp op, mlir::ValueRange operands);
mlir::Value lowerRmsNorm(TensorBuilder &tensors, graph::RmsNormOp op, mlir::ValueRange operands);
mlir::Value lowerBatchNorm(TensorBuilder &tensors, graph::BatchNormOp op, mlir::ValueRange operands);
mlir::Value lowerAttention(TensorBuilder &tensors, graph::AttentionOp op, mlir::ValueRange operands);
mlir::Value lowerRotary(TensorBuilder &tensors, graph::RotaryOp op, mlir::ValueRange operands);

/// One value for each result; none after a diagnostic.
llvm::SmallVector<mlir::Value> lowerCustom(TensorBuilder &tensors, graph::CustomOp op, mlir::ValueRange operands);

mlir::Value lowerLocalSlice(TensorBuilder &tensors, collective::SliceOp op, mlir::ValueRange operands);
mlir::Value lowerPartialize(TensorBuilder &tensors, collective::PartializeOp op, mlir::ValueRange operands);

/// sum over the letters that `result` lacks, in the computed type of `element`; sizes are those of `result`.
struct Product {
  mlir::Value lhs, rhs;
  llvm::StringRef lhsTerm, rhsTerm, resultTerm;
};
mlir::Value contract(TensorBuilder &tensors, const Product &product, const Sizes &sizes, mlir::Type element);

/// elements[2] + elements[0] * elements[1], of computed type.
mlir::Value multiplyAndAdd(Scalars &at, mlir::ValueRange elements);

/// softmax along the dim `dim` of a tensor of computed type.
mlir::Value softmax(TensorBuilder &tensors, mlir::Value input, int64_t dim, const Sizes &sizes, mlir::Type element);

/// How result positions along a dim read an operand: `reach` elements from position * stride - low on; `high` is how
/// far the last position may reach beyond the end of the whole value.
struct WindowedDim {
  int64_t stride = 1, low = 0, high = 0, reach = 1;

  bool isWhole() const { return stride == 1 && low == 0 && high == 0 && reach == 1; }
};

/// Where this rank's first result position begins to read along a dim, counted in its part of the operand; negative
/// inside of the padding.
mlir::OpFoldResult firstRead(TensorBuilder &tensors, mlir::RankedTensorType input, mlir::RankedTensorType result,
                             int64_t dim, const WindowedDim &read);

/// The operand's part inside of all that the result's part reads, `value` (stored type) being outside of the whole
/// operand: so that position p of this rank reads from p * stride on. One entry of `reads` for each dim.
mlir::Value padForReads(TensorBuilder &tensors, mlir::Value input, mlir::Value value, mlir::RankedTensorType inputType,
                        mlir::RankedTensorType resultType, llvm::ArrayRef<WindowedDim> reads);

} // namespace partita::lowering

#endif
