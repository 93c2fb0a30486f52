// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Grouped convolution: for each image and group the windows become the columns of a matrix, which the filter
// multiplies.
#include "Families.h"

using namespace mlir;

namespace partita::interpreter {

namespace {

/// Shapes of one convolution. The number of groups follows from the channels, because a part of a grouped convolution
/// may hold only some of the groups while its attribute counts all.
struct Geometry {
  int64_t images, groups, inputChannels, outputChannels;
  Shape input, kernel, output;
  ArrayRef<int64_t> strides, dilations;
  /// What the first output position reads first, in each spatial dim.
  Shape first;

  int64_t inputElements() const { return countElements(input); }
  int64_t kernelElements() const { return countElements(kernel); }
  int64_t outputElements() const { return countElements(output); }
};

/// Position in the image that kernel position `tap` reads for output position `at`; -1 outside.
int64_t readPosition(const Geometry &geometry, ArrayRef<int64_t> at, ArrayRef<int64_t> tap) {
  int64_t position = 0;
  for (size_t dim = 0; dim < at.size(); ++dim) {
    int64_t index = at[dim] * geometry.strides[dim] + tap[dim] * geometry.dilations[dim] + geometry.first[dim];
    if (index < 0 || index >= geometry.input[dim])
      return -1;
    position = position * geometry.input[dim] + index;
  }
  return position;
}

/// columns[(channel, tap), output position] of the channels of one group.
template <typename T> std::vector<T> gatherColumns(const Geometry &geometry, const T *channels) {
  int64_t width = geometry.outputElements(), taps = geometry.kernelElements();
  std::vector<T> columns(geometry.inputChannels * taps * width, T(0));
  if (columns.empty())
    return columns;
  Shape tap(geometry.kernel.size(), 0), at(geometry.output.size(), 0);
  int64_t row = 0;
  do {
    int64_t column = 0;
    do {
      int64_t position = readPosition(geometry, at, tap);
      for (int64_t channel = 0; position >= 0 && channel < geometry.inputChannels; ++channel)
        columns[(channel * taps + row) * width + column] = channels[channel * geometry.inputElements() + position];
      ++column;
    } while (nextIndex(at, geometry.output));
    ++row;
  } while (nextIndex(tap, geometry.kernel));
  return columns;
}

template <typename T> Tensor convolve(const Geometry &geometry, const Call &call) {
  std::vector<T> input = unpack<T>(call.operands[0]), filter = unpack<T>(call.operands[1]);
  std::vector<T> result(countElements(call.result.extent), T(0));
  int64_t depth = geometry.inputChannels * geometry.kernelElements(), width = geometry.outputElements();
  std::vector<int64_t> order = summationOrder(depth, call.context.arithmetic);
  for (int64_t image = 0; image < geometry.images; ++image)
    for (int64_t group = 0; group < geometry.groups; ++group) {
      int64_t block = image * geometry.groups + group;
      std::vector<T> columns =
          gatherColumns(geometry, input.data() + block * geometry.inputChannels * geometry.inputElements());
      multiplyMatrices<T>(filter.data() + group * geometry.outputChannels * depth, columns.data(),
                          result.data() + block * geometry.outputChannels * width, geometry.outputChannels, width,
                          order);
    }
  return pack<T>(call.element, call.result.extent, result);
}

} // namespace

Outcome evaluateConvolution(graph::ConvolutionOp op, const Call &call) {
  ArrayRef<int64_t> input = call.operands[0].getShape(), filter = call.operands[1].getShape(),
                    result = call.result.extent;
  Tensor zeros(call.element, result);
  // Without input channels (an empty part of them) every sum is empty.
  if (zeros.getNumElements() == 0 || (filter[1] == 0 && input[1] == 0))
    return zeros;
  int64_t groups = filter[1] > 0 ? input[1] / filter[1] : 0;
  bool fits = groups > 0 && input[0] == result[0] && input[1] == groups * filter[1] && filter[0] == result[1] &&
              filter[0] % groups == 0;
  if (!fits)
    return failShape(op, "input, filter and result do not fit together");
  SmallVector<WindowedDim> reads;
  for (size_t dim = 0; dim < op.getStrides().size(); ++dim)
    reads.push_back(
        {op.getStrides()[dim], op.getPadding()[2 * dim], (filter[dim + 2] - 1) * op.getDilations()[dim] + 1});
  FailureOr<Shape> first = findFirstReads(op, call, 2, reads);
  if (failed(first))
    return failure();
  Geometry geometry{input[0],
                    groups,
                    filter[1],
                    filter[0] / groups,
                    Shape(input.drop_front(2)),
                    Shape(filter.drop_front(2)),
                    Shape(result.drop_front(2)),
                    op.getStrides(),
                    op.getDilations(),
                    *first};
  Type element = call.operands[0].getElementType();
  if (element.isF64())
    return convolve<double>(geometry, call);
  if (isa<FloatType>(element))
    return convolve<float>(geometry, call);
  // Wrapping products and sums are the same bits for signed and unsigned numbers.
  return convolve<uint64_t>(geometry, call);
}

} // namespace partita::interpreter
