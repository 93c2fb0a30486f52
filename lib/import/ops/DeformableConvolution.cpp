// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- DeformableConvolution.cpp - DeformConv ----------------------------------===//
//
// A convolution whose taps are read beside their places, by offsets that the model computes, between elements.
// Source: Dai et al.: Deformable convolutional networks (2017); ONNX operator specification, DeformConv-19.
//
//===----------------------------------------------------------------------===//
#include "ops/Sampling.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

namespace {
/// Static extents; spatial lists have two entries.
struct Deformable {
  Sizes image, filter;
  SmallVector<int64_t> kernel, strides, pads, dilations, extents, outputs;
  int64_t group, offsetGroup, taps;
  DimSize places = DimSize(0);
};
} // namespace

static std::optional<Deformable> readDeformable(NodeContext &node, Value x, Value w) {
  Deformable conv;
  conv.image = node.sizesOf(x);
  conv.filter = node.sizesOf(w);
  conv.group = node.getInteger("group", 1);
  conv.offsetGroup = node.getInteger("offset_group", 1);
  conv.strides = node.getIntegers("strides", {1, 1});
  conv.pads = node.getIntegers("pads", {0, 0, 0, 0});
  conv.dilations = node.getIntegers("dilations", {1, 1});
  auto fail = [&](const llvm::Twine &message) { return node.failShape(message), std::nullopt; };
  if (conv.image.size() != 4 || conv.filter.size() != 4)
    return fail("only images of two spatial dims are supported, not " + toText(conv.image));
  for (size_t dim = 1; dim < 4; ++dim)
    if (!conv.image[dim].isStatic() || !conv.filter[dim].isStatic() || !conv.filter[0].isStatic())
      return fail("channels and spatial dims must be numbers");
  conv.kernel = {conv.filter[2].constant, conv.filter[3].constant};
  conv.extents = {conv.image[2].constant, conv.image[3].constant};
  SmallVector<int64_t> said = node.getIntegers("kernel_shape", conv.kernel);
  int64_t channels = conv.image[1].constant;
  auto inRange = [](ArrayRef<int64_t> list, size_t count, int64_t least) {
    return list.size() == count && llvm::all_of(list, [&](int64_t n) { return n >= least && n < (1 << 20); });
  };
  bool isRight = inRange(conv.extents, 2, 0) && channels < (1 << 24) && inRange(conv.strides, 2, 1) &&
                 inRange(conv.dilations, 2, 1) && inRange(conv.pads, 4, 0) && inRange(conv.kernel, 2, 1) &&
                 said == conv.kernel && conv.group > 0 && conv.offsetGroup > 0 && channels > 0 &&
                 channels % conv.group == 0 && channels % conv.offsetGroup == 0 &&
                 conv.filter[0].constant % conv.group == 0 && conv.filter[1].constant == channels / conv.group;
  if (!isRight)
    return fail("an image " + toText(conv.image) + " does not fit the filter " + toText(conv.filter) +
                " and the attributes");
  conv.taps = conv.kernel[0] * conv.kernel[1];
  for (size_t dim = 0; dim < 2; ++dim) {
    int64_t reach = (conv.kernel[dim] - 1) * conv.dilations[dim] + 1;
    int64_t padded = conv.extents[dim] + conv.pads[dim] + conv.pads[dim + 2];
    if (padded < reach)
      return fail("the filter is larger than the image");
    conv.outputs.push_back((padded - reach) / conv.strides[dim] + 1);
  }
  std::optional<DimSize> places =
      divideProducts({DimSize(conv.taps), DimSize(conv.outputs[0]), DimSize(conv.outputs[1])}, {});
  if (!places || !multiplyChecked(conv.image[0], DimSize(2 * conv.taps * conv.offsetGroup)))
    return fail("there are too many samples");
  conv.places = *places;
  return conv;
}

/// Where the taps lie along one spatial dim before they are moved: [kernel rows, kernel columns, rows, columns].
static Value tapPositions(NodeContext &node, const Deformable &conv, size_t dim, Type element) {
  Sizes all{DimSize(conv.kernel[0]), DimSize(conv.kernel[1]), DimSize(conv.outputs[0]), DimSize(conv.outputs[1])};
  auto steps = [&](int64_t count, int64_t step, int64_t place) {
    Value line = node.withNumber(Kind::mul, node.iota(DimSize(count), element), static_cast<double>(step));
    return node.spread(line, all, {place});
  };
  Value inside = steps(conv.kernel[dim], conv.dilations[dim], static_cast<int64_t>(dim));
  Value outside = steps(conv.outputs[dim], conv.strides[dim], static_cast<int64_t>(dim) + 2);
  Value position = node.elementwise(Kind::add, {inside, outside});
  return node.withNumber(Kind::sub, position, static_cast<double>(conv.pads[dim]));
}

/// All samples of the image, [batch * offset groups, channels of a group, taps * rows * columns].
static Value sampleImage(NodeContext &node, const Deformable &conv, Value x, Value offset) {
  Type element = node.elementOf(x);
  std::optional<DimSize> parts = multiplyChecked(conv.image[0], DimSize(conv.offsetGroup));
  if (!parts)
    return Value();
  Sizes grid{*parts, DimSize(conv.taps), DimSize(2), DimSize(conv.outputs[0] * conv.outputs[1])};
  Value moves = node.reshape(offset, grid, "moves");
  if (!moves)
    return Value();
  Sizes flat{*parts, conv.places};
  std::vector<std::vector<Tap>> taps;
  for (size_t dim = 0; dim < 2; ++dim) {
    Value move = node.reshape(node.cut(moves, 2, static_cast<int64_t>(dim), DimSize(1)), flat);
    Value home = node.reshape(tapPositions(node, conv, dim, element), {conv.places});
    Value position = node.elementwise(Kind::add, {move, node.spread(home, flat, {1})});
    if (!position)
      return Value();
    taps.push_back(makeTaps(node, {"linear", "zeros", false}, position, conv.extents[dim]));
  }
  Value image = node.reshape(
      x, {*parts, DimSize(conv.image[1].constant / conv.offsetGroup), DimSize(conv.extents[0] * conv.extents[1])});
  return image ? sumTaps(node, image, taps, conv.extents) : Value();
}

static void importDeformConv(NodeContext &node) {
  Value x = node.input(0), w = node.input(1), offset = node.input(2);
  if (!x || !w || !offset)
    return;
  std::optional<Deformable> conv = readDeformable(node, x, w);
  if (!conv)
    return;
  Sizes wanted{conv->image[0], DimSize(2 * conv->taps * conv->offsetGroup), DimSize(conv->outputs[0]),
               DimSize(conv->outputs[1])};
  if (node.sizesOf(offset) != wanted)
    return node.failShape("offsets have shape " + toText(node.sizesOf(offset)) + ", not " + toText(wanted));
  Value samples = sampleImage(node, *conv, x, offset);
  if (node.hasInput(4) && samples) {
    Value mask = node.reshape(node.input(4), {node.sizesOf(samples)[0], conv->places}, "mask");
    samples = mask ? node.elementwise(Kind::mul, {samples, node.spread(mask, node.sizesOf(samples), {0, 2})}) : Value();
  }
  DimSize group(conv->group), outputs(conv->filter[0].constant / conv->group), taps(conv->taps);
  samples = node.reshape(samples,
                         {conv->image[0], group, conv->filter[1], taps, DimSize(conv->outputs[0] * conv->outputs[1])});
  Value filter = node.reshape(w, {group, outputs, conv->filter[1], taps}, "filter");
  Value y = node.reshape(node.contract(samples, filter, "ngctp,goct->ngop"),
                         {conv->image[0], conv->filter[0], wanted[2], wanted[3]});
  if (node.hasInput(3) && y) {
    Value bias = node.input(3);
    if (!bias || node.sizesOf(bias) != Sizes{conv->filter[0]})
      return bias ? node.failShape("the bias has shape " + toText(node.sizesOf(bias))) : void();
    y = node.elementwise(Kind::add, {y, node.spread(bias, node.sizesOf(y), {1})}, "biased");
  }
  node.setResult(0, y);
}

void partita::import::addDeformableConvolutionOps(OpTable &table) { table.insert({{"DeformConv", importDeformConv}}); }
