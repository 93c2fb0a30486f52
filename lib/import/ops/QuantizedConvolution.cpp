// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- QuantizedConvolution.cpp - ConvInteger, QLinearConv ---------------------===//
//
// Both convolve numbers of 8 bits, less their zero points, in 32-bit integers.
//
//===----------------------------------------------------------------------===//
#include "OpTable.h"
#include "ops/Convolution.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

static Type elementOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()).getElementType(); }

/// The input as 32-bit integers, less its zero point (one, or one for each of the dim `channelDim`).
static Value centre(NodeContext &node, int input, int zeroPoint, int64_t channelDim, llvm::StringRef part) {
  Value x = node.input(input);
  if (!x)
    return Value();
  if (!elementOf(x).isInteger(8)) {
    node.failShape("input " + llvm::Twine(input) + " is not of 8-bit integers");
    return Value();
  }
  Type wide = IntegerType::get(x.getContext(), 32, IntegerType::Signed);
  Value numbers = node.cast(x, wide, (part + "/cast").str());
  if (!node.hasInput(zeroPoint))
    return numbers;
  Value zero = node.cast(node.input(zeroPoint), wide, (part + "/zero").str());
  if (!zero || !numbers)
    return Value();
  // One per output channel of the filter, which is its first dim.
  if (node.sizesOf(zero).size() == 1 && !(node.sizesOf(zero)[0] == DimSize(1))) {
    Sizes column(node.sizesOf(numbers).size(), DimSize(1));
    column[channelDim] = node.sizesOf(zero)[0];
    zero = node.reshape(zero, column);
  }
  return node.elementwise(ElementwiseKind::sub, {numbers, zero}, part);
}

/// The convolution of the 32-bit integers `image` and `filter` by the node's attributes.
static Value convolveIntegers(NodeContext &node, Value image, Value filter) {
  int64_t groups = node.getInteger("group", 1);
  std::optional<SmallVector<int64_t>> kernel = filter ? readKernel(node, node.sizesOf(filter)) : std::nullopt;
  std::optional<Windows> windows = image && kernel ? readWindows(node, node.sizesOf(image), *kernel) : std::nullopt;
  return windows ? convolve(node, image, filter, *windows, groups) : Value();
}

static void importConvInteger(NodeContext &node) {
  Value image = centre(node, 0, 2, 1, "image"), filter = centre(node, 1, 3, 0, "filter");
  node.setResult(0, convolveIntegers(node, image, filter));
}

/// y = saturate(round(conv * (x_scale * w_scale / y_scale)) + y_zero_point).
static void importQLinearConv(NodeContext &node) {
  Value image = centre(node, 0, 2, 1, "image"), filter = centre(node, 3, 5, 0, "filter");
  Value sum = convolveIntegers(node, image, filter);
  Value imageScale = node.input(1), filterScale = node.input(4), scale = node.input(6), zero = node.input(7);
  if (sum && node.hasInput(8))
    sum = node.elementwise(ElementwiseKind::add, {sum, spreadChannels(node, node.input(8), sum)}, "bias");
  if (!sum || !imageScale || !filterScale || !scale || !zero)
    return;
  Type real = elementOf(scale), element = elementOf(zero);
  auto scalar = [&](Value value) { return node.reshape(value, {}); };
  Value factor = node.elementwise(
      ElementwiseKind::div,
      {node.elementwise(ElementwiseKind::mul, {filterScale, scalar(imageScale)}, "scales"), scalar(scale)}, "factor");
  Value scaled =
      node.elementwise(ElementwiseKind::mul, {node.cast(sum, real), spreadChannels(node, factor, sum)}, "scaled");
  Value rounded = node.elementwise(ElementwiseKind::round, {scaled});
  Value shifted = node.elementwise(ElementwiseKind::add, {rounded, scalar(node.cast(zero, real))}, "shifted");
  bool isSigned = element.isSignedInteger();
  Value low = node.withNumber(ElementwiseKind::max, shifted, isSigned ? -128 : 0);
  node.setResult(0, node.cast(node.withNumber(ElementwiseKind::min, low, isSigned ? 127 : 255), element));
}

void partita::import::addQuantizedConvolutionOps(OpTable &table) {
  table.insert({{"ConvInteger", importConvInteger}, {"QLinearConv", importQLinearConv}});
}
