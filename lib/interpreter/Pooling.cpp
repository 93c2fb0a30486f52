// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the largest element of a window lies.
#include "Families.h"
#include <cmath>

using namespace mlir;

namespace partita::interpreter {

namespace {

/// Places inside one channel that the window at `at` reads, in the window's order, padding left out.
std::vector<int64_t> listPlaces(graph::WindowArgmaxOp op, ArrayRef<int64_t> spatial, ArrayRef<int64_t> at) {
  std::vector<int64_t> places;
  Shape window(op.getWindow()), tap(window.size(), 0);
  do {
    int64_t place = 0;
    bool inside = true;
    for (size_t dim = 0; dim < window.size(); ++dim) {
      int64_t index = at[dim] * op.getStrides()[dim] + tap[dim] * op.getDilations()[dim] - op.getPadding()[2 * dim];
      inside &= index >= 0 && index < spatial[dim];
      place = place * spatial[dim] + index;
    }
    if (inside)
      places.push_back(place);
  } while (nextIndex(tap, window));
  return places;
}

template <typename T> bool isNumber(T value) {
  if constexpr (std::is_floating_point_v<T>)
    return !std::isnan(value);
  else
    return true;
}

/// The first of the largest; the first that is no number before any number.
template <typename T> int64_t findLargest(const T *channel, ArrayRef<int64_t> places) {
  int64_t best = -1;
  for (int64_t place : places) {
    bool isBetter =
        best < 0 || (isNumber(channel[best]) && (!isNumber(channel[place]) || channel[place] > channel[best]));
    best = isBetter ? place : best;
  }
  return std::max<int64_t>(best, 0);
}

} // namespace

Outcome evaluateWindowArgmax(graph::WindowArgmaxOp op, const Call &call) {
  ArrayRef<int64_t> input = call.operands[0].getShape(), result = call.result.extent;
  if (input.take_front(2) != result.take_front(2))
    return failShape(op, "batch or channels of operand and result differ");
  ArrayRef<int64_t> spatial = input.drop_front(2), outputs = result.drop_front(2);
  return withArithmetic(call.operands[0].getElementType(), [&]<typename T>() -> Outcome {
    std::vector<T> values = unpack<T>(call.operands[0]);
    std::vector<int64_t> results(countElements(result));
    if (results.empty())
      return pack<int64_t>(call.element, result, results);
    int64_t channelElements = countElements(spatial), outputElements = countElements(outputs), next = 0;
    Shape at(outputs.size(), 0);
    do {
      std::vector<int64_t> places = listPlaces(op, spatial, at);
      for (int64_t channel = 0; channel < input[0] * input[1]; ++channel)
        results[channel * outputElements + next] = findLargest<T>(values.data() + channel * channelElements, places);
      ++next;
    } while (nextIndex(at, outputs));
    return pack<int64_t>(call.element, result, results);
  });
}

} // namespace partita::interpreter
