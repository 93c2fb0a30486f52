// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that order or accumulate along one dim.
#include "Families.h"
#include "Numbers.h"
#include <numeric>

using namespace mlir;

namespace partita::interpreter {

namespace {
/// The lines of a tensor along one dim: element i of a line lies at base + i * step.
struct Lines {
  int64_t count, step;
  std::vector<int64_t> bases;
};
} // namespace

static Lines findLines(ArrayRef<int64_t> shape, int64_t dim) {
  Shape outer(shape), strides = stridesOf(shape), index(shape.size(), 0);
  Lines lines{shape[dim], strides[dim], {}};
  outer[dim] = 1;
  if (countElements(outer) == 0)
    return lines;
  do {
    int64_t base = 0;
    for (size_t other = 0; other < index.size(); ++other)
      base += index[other] * strides[other];
    lines.bases.push_back(base);
  } while (nextIndex(index, outer));
  return lines;
}

/// Whether `a` is larger; NaN is larger than all numbers and equal to itself.
template <typename T> static bool isLarger(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    if (std::isnan(a) || std::isnan(b))
      return std::isnan(a) && !std::isnan(b);
  return a > b;
}

Outcome evaluateTopK(graph::TopKOp op, const Call &call) {
  const Tensor &input = call.operands[0];
  int64_t dim = op.getDim(), wanted = call.result.extent[dim];
  Shape expected(input.getShape());
  expected[dim] = wanted;
  if (expected != call.result.extent || wanted > input.getShape()[dim])
    return failShape(op, "the result does not fit " + describe(input));
  Lines from = findLines(input.getShape(), dim), to = findLines(call.result.extent, dim);
  std::vector<int64_t> places(countElements(call.result.extent)), order(from.count);
  withArithmetic(input.getElementType(), [&]<typename T>() {
    std::vector<T> values = unpack<T>(input);
    for (auto [source, target] : llvm::zip(from.bases, to.bases)) {
      std::iota(order.begin(), order.end(), 0);
      auto at = [&, base = source](int64_t place) { return values[base + place * from.step]; };
      std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        T left = at(op.getLargest() ? a : b), right = at(op.getLargest() ? b : a);
        return isLarger(left, right) || (!isLarger(right, left) && a < b);
      });
      for (int64_t i = 0; i < wanted; ++i)
        places[target + i * to.step] = order[i];
    }
    return 0;
  });
  return pack<int64_t>(call.element, call.result.extent, places);
}

Outcome evaluateCumulative(graph::CumulativeOp op, const Call &call) {
  const Tensor &input = call.operands[0];
  if (input.getShape() != ArrayRef<int64_t>(call.result.extent))
    return failShape(op, "operand and result have different shapes");
  Lines lines = findLines(input.getShape(), op.getDim());
  // Another order of the additions: totals of blocks, then within the block.
  std::optional<uint64_t> seed = call.context.arithmetic.reductionSeed;
  int64_t block = seed ? 2 + static_cast<int64_t>(*seed % 7) : lines.count + 1;
  return withArithmetic(call.element, [&]<typename T>() -> Outcome {
    std::vector<T> values = unpack<T>(input), results(values.size());
    T nothing = identityOf<T>(op.getKind(), call.element);
    for (int64_t base : lines.bases) {
      T before = nothing, within = nothing;
      for (int64_t i = 0; i < lines.count; ++i) {
        int64_t place = base + (op.getReverse() ? lines.count - 1 - i : i) * lines.step;
        T without = foldTwo(op.getKind(), before, within);
        within = foldTwo(op.getKind(), within, values[place]);
        results[place] = op.getExclusive() ? without : foldTwo(op.getKind(), before, within);
        if ((i + 1) % block == 0) {
          before = foldTwo(op.getKind(), before, within);
          within = nothing;
        }
      }
    }
    return pack<T>(call.element, call.result.extent, results);
  });
}

} // namespace partita::interpreter
