// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Softmax and the norms: rows of numbers and their statistics. All of a row is here, whatever the split.
#include "Families.h"
#include "Numbers.h"

using namespace mlir;

namespace partita::interpreter {

template <typename T> void softmaxInPlace(T *values, ArrayRef<int64_t> order) {
  int64_t count = order.size();
  if (count == 0)
    return;
  T largest = values[0], total = 0;
  for (int64_t i = 1; i < count; ++i)
    largest = maximum(largest, values[i]);
  for (int64_t i = 0; i < count; ++i)
    values[i] = std::exp(values[i] - largest);
  for (int64_t i : order)
    total += values[i];
  for (int64_t i = 0; i < count; ++i)
    values[i] /= total;
}

template void softmaxInPlace<float>(float *, ArrayRef<int64_t>);
template void softmaxInPlace<double>(double *, ArrayRef<int64_t>);

/// Calls function.operator()<float or double>().
template <typename Function> static Outcome withFloats(Type element, Function function) {
  return element.isF64() ? function.template operator()<double>() : function.template operator()<float>();
}

Outcome evaluateSoftmax(graph::SoftmaxOp op, const Call &call) {
  const Tensor &input = call.operands[0];
  if (input.getShape() != ArrayRef<int64_t>(call.result.extent))
    return failShape(op, "operand and result differ in shape");
  int64_t dim = op.getDim(), count = input.getShape()[dim], step = stridesOf(input.getShape())[dim];
  std::vector<int64_t> order = summationOrder(count, call.context.arithmetic);
  return withFloats(call.element, [&]<typename T>() -> Outcome {
    std::vector<T> values = unpack<T>(input), row(count);
    int64_t rows = count ? static_cast<int64_t>(values.size()) / count : 0;
    for (int64_t i = 0; i < rows; ++i) {
      T *first = values.data() + i / step * step * count + i % step;
      for (int64_t j = 0; j < count; ++j)
        row[j] = first[j * step];
      softmaxInPlace<T>(row.data(), order);
      for (int64_t j = 0; j < count; ++j)
        first[j * step] = row[j];
    }
    return pack<T>(call.element, call.result.extent, values);
  });
}

/// Normalises rows of the trailing dims: subtracts the mean (layer norm only), divides by sqrt(mean square + epsilon),
/// then scales and shifts.
template <typename Op> static Outcome normaliseRows(Op op, const Call &call, bool centre, double epsilon) {
  const Tensor &input = call.operands[0];
  ArrayRef<int64_t> inner = input.getShape().drop_front(op.getAxis());
  for (const Tensor &statistic : call.operands.drop_front())
    if (statistic.getShape() != inner)
      return failShape(op, "scale and bias have not the shape of the normalised dims");
  if (input.getShape() != ArrayRef<int64_t>(call.result.extent))
    return failShape(op, "operand and result differ in shape");
  int64_t count = countElements(inner);
  std::vector<int64_t> order = summationOrder(count, call.context.arithmetic);
  return withFloats(call.element, [&]<typename T>() -> Outcome {
    std::vector<T> values = unpack<T>(input), scale = unpack<T>(call.operands[1]);
    std::vector<T> bias = call.operands.size() > 2 ? unpack<T>(call.operands[2]) : std::vector<T>(count, T(0));
    int64_t rows = count ? static_cast<int64_t>(values.size()) / count : 0;
    for (int64_t i = 0; i < rows; ++i) {
      T *row = values.data() + i * count;
      T sum = 0, squares = 0;
      for (int64_t j : order)
        sum += row[j];
      T mean = centre ? sum / static_cast<T>(count) : T(0);
      for (int64_t j : order)
        squares += (row[j] - mean) * (row[j] - mean);
      T deviation = std::sqrt(squares / static_cast<T>(count) + static_cast<T>(epsilon));
      for (int64_t j = 0; j < count; ++j)
        row[j] = (row[j] - mean) / deviation * scale[j] + bias[j];
    }
    return pack<T>(call.element, call.result.extent, values);
  });
}

Outcome evaluateLayerNorm(graph::LayerNormOp op, const Call &call) {
  return normaliseRows(op, call, /*centre=*/true, op.getEpsilon().convertToDouble());
}

Outcome evaluateRmsNorm(graph::RmsNormOp op, const Call &call) {
  return normaliseRows(op, call, /*centre=*/false, op.getEpsilon().convertToDouble());
}

Outcome evaluateBatchNorm(graph::BatchNormOp op, const Call &call) {
  const Tensor &input = call.operands[0];
  ArrayRef<int64_t> shape = input.getShape();
  if (shape != ArrayRef<int64_t>(call.result.extent))
    return failShape(op, "operand and result differ in shape");
  for (const Tensor &statistic : call.operands.drop_front())
    if (statistic.getNumElements() != shape[1])
      return failShape(op, "statistics have not one element per channel");
  int64_t inner = countElements(shape.drop_front(2));
  return withFloats(call.element, [&]<typename T>() -> Outcome {
    std::vector<T> values = unpack<T>(input), scale = unpack<T>(call.operands[1]), bias = unpack<T>(call.operands[2]);
    std::vector<T> mean = unpack<T>(call.operands[3]), variance = unpack<T>(call.operands[4]);
    auto epsilon = static_cast<T>(op.getEpsilon().convertToDouble());
    for (size_t i = 0; i < values.size(); ++i) {
      size_t channel = i / inner % shape[1];
      values[i] = (values[i] - mean[channel]) / std::sqrt(variance[channel] + epsilon) * scale[channel] + bias[channel];
    }
    return pack<T>(call.element, call.result.extent, values);
  });
}

} // namespace partita::interpreter
