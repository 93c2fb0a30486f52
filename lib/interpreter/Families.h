// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One function per op, grouped in files by family. Each is called by evaluate() after the operands' shapes were checked
// against the operand types, with the box of the result.
#ifndef PARTITA_LIB_INTERPRETER_FAMILIES_H
#define PARTITA_LIB_INTERPRETER_FAMILIES_H

#include "Elements.h"
#include "partita/dialects/graph/Graph.h"
#include "partita/interpreter/Evaluate.h"
#include <cstring>

namespace partita::interpreter {

/// What a family's function gets: operands, the context, and where the result lies.
struct Call {
  llvm::ArrayRef<Tensor> operands;
  const Context &context;
  Box result;
  /// Element type in which the result is kept.
  mlir::Type element;
};

using Outcome = llvm::FailureOr<Tensor>;

/// How result positions along a dim read operand 0: `reach` elements from position * stride - low on.
struct WindowedDim {
  int64_t stride = 1, low = 0, reach = 1;
};

/// For each dim from `begin` on the index, in this rank's part of operand 0, of the first element that this rank's
/// first result position reads; negative inside of the padding. Fails when the part lacks an element that exists and is
/// read: a halo that is too small.
llvm::FailureOr<Shape> findFirstReads(mlir::Operation *op, const Call &call, size_t begin,
                                      llvm::ArrayRef<WindowedDim> dims);

/// Reports a shape that the op cannot work on. In a per-device program this is a wrong local type.
mlir::LogicalResult failShape(mlir::Operation *op, const llvm::Twine &what);

// Sources.cpp
Outcome evaluateConstant(graph::ConstantOp op, const Call &call);
Outcome evaluateIota(graph::IotaOp op, const Call &call);
// Random.cpp
Outcome evaluateRandomBits(graph::RandomBitsOp op, const Call &call);
// Contraction.cpp
Outcome evaluateContraction(graph::ContractionOp op, const Call &call);
// Convolution.cpp
Outcome evaluateConvolution(graph::ConvolutionOp op, const Call &call);
// Elementwise.cpp
Outcome evaluateElementwise(graph::ElementwiseOp op, const Call &call);
Outcome evaluateCast(graph::CastOp op, const Call &call);
// Movement.cpp
Outcome evaluateBroadcast(graph::BroadcastOp op, const Call &call);
Outcome evaluateReshape(graph::ReshapeOp op, const Call &call);
Outcome evaluateTranspose(graph::TransposeOp op, const Call &call);
Outcome evaluateSlice(graph::SliceOp op, const Call &call);
Outcome evaluateConcat(graph::ConcatOp op, const Call &call);
Outcome evaluatePad(graph::PadOp op, const Call &call);
// Indexing.cpp
Outcome evaluateGather(graph::GatherOp op, const Call &call);
Outcome evaluateGatherAlong(graph::GatherAlongOp op, const Call &call);
Outcome evaluateScatterAlong(graph::ScatterAlongOp op, const Call &call);
// Ordering.cpp
Outcome evaluateTopK(graph::TopKOp op, const Call &call);
Outcome evaluateCumulative(graph::CumulativeOp op, const Call &call);
// Reductions.cpp
Outcome evaluateReduce(graph::ReduceOp op, const Call &call);
Outcome evaluateWindowReduce(graph::WindowReduceOp op, const Call &call);
// Pooling.cpp
Outcome evaluateWindowArgmax(graph::WindowArgmaxOp op, const Call &call);
// Recurrent.cpp
Outcome evaluateRecurrent(graph::RecurrentOp op, const Call &call);
// Experts.cpp
Outcome evaluateExperts(graph::ExpertsOp op, const Call &call);
Outcome evaluateCounted(graph::CountedOp op, const Call &call);
// Normalisation.cpp
Outcome evaluateSoftmax(graph::SoftmaxOp op, const Call &call);
Outcome evaluateLayerNorm(graph::LayerNormOp op, const Call &call);
Outcome evaluateRmsNorm(graph::RmsNormOp op, const Call &call);
Outcome evaluateBatchNorm(graph::BatchNormOp op, const Call &call);
// Attention.cpp
Outcome evaluateAttention(graph::AttentionOp op, const Call &call);
Outcome evaluateRotary(graph::RotaryOp op, const Call &call);
// Custom.cpp
llvm::FailureOr<llvm::SmallVector<Tensor>> evaluateCustom(graph::CustomOp op, llvm::ArrayRef<Tensor> operands,
                                                          llvm::ArrayRef<Box> results, const Context &context);

/// Softmax of `count` numbers in place, added up in this order. All -infinity gives NaN, as the formula does.
template <typename T> void softmaxInPlace(T *values, llvm::ArrayRef<int64_t> order);

/// c[m,n] += sum_k a[m,k] b[k,n], all contiguous, the sum in the order given (a permutation of 0..k-1).
template <typename T>
void multiplyMatrices(const T *a, const T *b, T *c, int64_t m, int64_t n, llvm::ArrayRef<int64_t> order);

/// Row-major distances between neighbours of each dim.
Shape stridesOf(llvm::ArrayRef<int64_t> shape);

/// Moves to the next index of a row-major walk; false at the end.
bool nextIndex(llvm::MutableArrayRef<int64_t> index, llvm::ArrayRef<int64_t> shape);

/// result[index] = source[positionOf(index)] for every index of `shape`; a negative position leaves a zero.
template <typename PositionOf>
Tensor moveElements(const Tensor &source, llvm::ArrayRef<int64_t> shape, PositionOf positionOf) {
  Tensor result(source.getElementType(), shape);
  if (result.getNumElements() == 0)
    return result;
  int64_t size = source.getElementBytes(), next = 0;
  Shape index(shape.size(), 0);
  do {
    if (int64_t position = positionOf(index); position >= 0)
      std::memcpy(result.getMutableBytes() + next * size, source.getBytes() + position * size, size);
    ++next;
  } while (nextIndex(index, shape));
  return result;
}

} // namespace partita::interpreter

#endif
