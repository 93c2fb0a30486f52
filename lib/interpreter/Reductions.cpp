// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reductions over dims, over windows, and over the parts of partial values.
#include "Families.h"
#include "Numbers.h"

using namespace mlir;

namespace partita::interpreter {

Outcome evaluateReduce(graph::ReduceOp op, const Call &call) {
  const Tensor &input = call.operands[0];
  Shape strides = stridesOf(input.getShape()), kept, keptSteps, reduced, reducedSteps;
  for (int64_t dim = 0; dim < input.getRank(); ++dim) {
    bool isReduced = llvm::is_contained(op.getDims(), dim);
    (isReduced ? reduced : kept).push_back(input.getShape()[dim]);
    (isReduced ? reducedSteps : keptSteps).push_back(strides[dim]);
  }
  if (kept != call.result.extent)
    return failShape(op, "the kept dims of " + describe(input) + " are not the result's");
  auto positionsOf = [](ArrayRef<int64_t> shape, ArrayRef<int64_t> steps) {
    std::vector<int64_t> positions;
    if (countElements(shape) == 0)
      return positions;
    Shape index(shape.size(), 0);
    do {
      int64_t position = 0;
      for (size_t dim = 0; dim < shape.size(); ++dim)
        position += index[dim] * steps[dim];
      positions.push_back(position);
    } while (nextIndex(index, shape));
    return positions;
  };
  std::vector<int64_t> bases = positionsOf(kept, keptSteps), terms = positionsOf(reduced, reducedSteps);
  std::vector<int64_t> order = summationOrder(terms.size(), call.context.arithmetic);
  return withArithmetic(call.element, [&]<typename T>() -> Outcome {
    std::vector<T> values = unpack<T>(input), results;
    for (int64_t base : bases)
      results.push_back(foldNumbers<T>(op.getKind(), call.element, terms.size(),
                                       [&](int64_t i) { return values[base + terms[order[i]]]; }));
    return pack<T>(call.element, call.result.extent, results);
  });
}

namespace {

/// Positions inside one channel that the window at `at` reads, padding left out.
std::vector<int64_t> readPositions(graph::WindowReduceOp op, ArrayRef<int64_t> spatial, ArrayRef<int64_t> first,
                                   ArrayRef<int64_t> at, ArrayRef<int64_t> order) {
  std::vector<int64_t> positions;
  Shape window(op.getWindow());
  for (int64_t flat : order) {
    int64_t position = 0, rest = flat;
    bool inside = true;
    Shape tap(window.size(), 0);
    for (size_t dim = window.size(); dim-- > 0; rest /= window[dim])
      tap[dim] = rest % window[dim];
    for (size_t dim = 0; dim < window.size(); ++dim) {
      int64_t index = at[dim] * op.getStrides()[dim] + tap[dim] * op.getDilations()[dim] + first[dim];
      inside &= index >= 0 && index < spatial[dim];
      position = position * spatial[dim] + index;
    }
    if (inside)
      positions.push_back(position);
  }
  return positions;
}

} // namespace

Outcome evaluateWindowReduce(graph::WindowReduceOp op, const Call &call) {
  ArrayRef<int64_t> input = call.operands[0].getShape(), result = call.result.extent;
  if (input.take_front(2) != result.take_front(2))
    return failShape(op, "batch or channels of operand and result differ");
  ArrayRef<int64_t> spatial = input.drop_front(2), outputs = result.drop_front(2);
  int64_t channels = input[0] * input[1], channelElements = countElements(spatial);
  std::vector<int64_t> order = summationOrder(countElements(op.getWindow()), call.context.arithmetic);
  SmallVector<WindowedDim> reads;
  for (size_t dim = 0; dim < outputs.size(); ++dim)
    reads.push_back(
        {op.getStrides()[dim], op.getPadding()[2 * dim], (op.getWindow()[dim] - 1) * op.getDilations()[dim] + 1});
  FailureOr<Shape> first = findFirstReads(op, call, 2, reads);
  if (failed(first))
    return failure();
  return withArithmetic(call.element, [&]<typename T>() -> Outcome {
    std::vector<T> values = unpack<T>(call.operands[0]), results(countElements(result));
    if (results.empty())
      return pack<T>(call.element, result, results);
    Shape at(outputs.size(), 0);
    int64_t next = 0, outputElements = countElements(outputs);
    do {
      std::vector<int64_t> positions = readPositions(op, spatial, *first, at, order);
      for (int64_t channel = 0; channel < channels; ++channel)
        results[channel * outputElements + next] =
            foldNumbers<T>(op.getKind(), call.element, positions.size(),
                           [&](int64_t i) { return values[channel * channelElements + positions[i]]; });
      ++next;
    } while (nextIndex(at, outputs));
    return pack<T>(call.element, result, results);
  });
}

static graph::ReduceKind reduceKindOf(plan::PartialKind kind) {
  switch (kind) {
  case plan::PartialKind::sum:
    return graph::ReduceKind::sum;
  case plan::PartialKind::max:
    return graph::ReduceKind::max;
  case plan::PartialKind::min:
    return graph::ReduceKind::min;
  case plan::PartialKind::logicalAnd:
    return graph::ReduceKind::logical_and;
  case plan::PartialKind::logicalOr:
    return graph::ReduceKind::logical_or;
  }
  return graph::ReduceKind::sum;
}

Tensor combine(ArrayRef<Tensor> terms, plan::PartialKind kind) {
  if (terms.size() == 1)
    return terms.front();
  Type element = terms.front().getElementType();
  return withArithmetic(element, [&]<typename T>() {
    std::vector<std::vector<T>> values;
    for (const Tensor &term : terms)
      values.push_back(unpack<T>(term));
    std::vector<T> results(values.front().size());
    for (size_t at = 0; at < results.size(); ++at)
      results[at] =
          foldNumbers<T>(reduceKindOf(kind), element, values.size(), [&](int64_t i) { return values[i][at]; });
    return pack<T>(element, terms.front().getShape(), results);
  });
}

Tensor makeIdentity(Type element, ArrayRef<int64_t> shape, plan::PartialKind kind) {
  return withArithmetic(element, [&]<typename T>() {
    return pack<T>(element, shape, std::vector<T>(countElements(shape), identityOf<T>(reduceKindOf(kind), element)));
  });
}

} // namespace partita::interpreter
