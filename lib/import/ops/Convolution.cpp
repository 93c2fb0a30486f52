// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Convolution.cpp - Conv, ConvTranspose and the quantized ones ------------===//
#include "ops/Convolution.h"
#include "OpTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

static RankedTensorType typeOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()); }

std::optional<SmallVector<int64_t>> partita::import::readKernel(NodeContext &node, const Sizes &filter) {
  SmallVector<int64_t> kernel;
  for (size_t dim = 2; dim < filter.size(); ++dim) {
    if (!filter[dim].isStatic()) {
      node.failShape("the filter has shape " + toText(filter));
      return std::nullopt;
    }
    kernel.push_back(filter[dim].constant);
  }
  if (filter.size() >= 3 && node.getIntegers("kernel_shape", kernel) == kernel)
    return kernel;
  node.failShape("kernel_shape differs from the filter's shape " + toText(filter));
  return std::nullopt;
}

Value partita::import::convolve(NodeContext &node, Value image, Value filter, const Windows &windows, int64_t groups) {
  Sizes from = node.sizesOf(image), weights = node.sizesOf(filter);
  Type element = typeOf(image).getElementType();
  bool fits = groups >= 1 && weights[0].isStatic() && weights[0].constant % groups == 0 &&
              multiplyChecked(weights[1], DimSize(groups)) == from[1] && typeOf(filter).getElementType() == element;
  if (!fits) {
    node.failShape("an image " + toText(from) + " and a filter " + toText(weights) + " in " + llvm::Twine(groups) +
                   " groups do not fit together");
    return Value();
  }
  Sizes to = {from[0], weights[0]};
  to.insert(to.end(), windows.outputs.begin(), windows.outputs.end());
  RankedTensorType type = node.makeType(to, element);
  if (!type)
    return Value();
  return node.finish(ConvolutionOp::create(node.getSession().getBuilder(), node.getLocation(), type,
                                           node.partName("conv"), image, filter, windows.strides, windows.padding,
                                           windows.dilations, groups));
}

Value partita::import::spreadChannels(NodeContext &node, Value channels, Value like) {
  if (!channels || !like)
    return Value();
  Sizes sizes = node.sizesOf(like);
  if (node.sizesOf(channels) == Sizes{DimSize(1)})
    channels = node.reshape(channels, {});
  bool isScalar = node.sizesOf(channels).empty();
  if (!isScalar && (sizes.size() < 2 || node.sizesOf(channels) != Sizes{sizes[1]})) {
    node.failShape("one element per channel is expected, found " + toText(node.sizesOf(channels)) + " for " +
                   toText(sizes));
    return Value();
  }
  RankedTensorType type = node.makeType(sizes, typeOf(channels).getElementType());
  SmallVector<int64_t> dims;
  if (!isScalar)
    dims.push_back(1);
  return type ? node.finish(BroadcastOp::create(node.getSession().getBuilder(), node.getLocation(), type,
                                                node.partName("channels"), channels, dims))
              : Value();
}

/// Adds the bias, where there is one: a broadcast along the channels, without a reshape of the weight.
static Value addBias(NodeContext &node, Value result, int index) {
  if (!result || !node.hasInput(index))
    return result;
  return node.elementwise(ElementwiseKind::add, {result, spreadChannels(node, node.input(index), result)});
}

Value partita::import::convolveImage(NodeContext &node, Value image) {
  Value filter = node.input(1);
  int64_t groups = node.getInteger("group", 1);
  if (!image || !filter)
    return Value();
  std::optional<SmallVector<int64_t>> kernel = readKernel(node, node.sizesOf(filter));
  std::optional<Windows> windows = kernel ? readWindows(node, node.sizesOf(image), *kernel) : std::nullopt;
  return windows ? addBias(node, convolve(node, image, filter, *windows, groups), 2) : Value();
}

static void importConv(NodeContext &node) { node.setResult(0, convolveImage(node, node.input(0))); }

//===-- ConvTranspose ---------------------------------------------------------------------------------------------===//

namespace {

/// A transposed convolution is a convolution, with stride 1 and the filter turned round, of the image with
/// stride - 1 zeros between its elements. Source: Dumoulin and Visin, A guide to convolution arithmetic, arXiv
/// 1603.07285, section 4.
struct Transposed {
  NodeContext &node;
  int64_t groups;
  SmallVector<int64_t> kernel, strides, dilations, extra;
  /// What the result loses at its ends.
  SmallVector<int64_t> low, high;

  bool readAttributes(const Sizes &image);
  /// Low and high of one dim from auto_pad and output_shape.
  bool readPadding(const Sizes &image);
  Value insertZeros(Value image);
  Value turnFilter(Value filter);
  Value cut(Value image, SmallVector<int64_t> &padding);
};

} // namespace

bool Transposed::readAttributes(const Sizes &image) {
  size_t spatial = kernel.size();
  strides = node.getIntegers("strides", SmallVector<int64_t>(spatial, 1));
  dilations = node.getIntegers("dilations", SmallVector<int64_t>(spatial, 1));
  extra = node.getIntegers("output_padding", SmallVector<int64_t>(spatial, 0));
  bool fits = image.size() == spatial + 2 && strides.size() == spatial && dilations.size() == spatial &&
              extra.size() == spatial;
  for (size_t dim = 0; fits && dim < spatial; ++dim)
    fits = isWindowStep(strides[dim], 1) && isWindowStep(dilations[dim], 1) && isWindowStep(extra[dim], 0) &&
           isWindowStep(kernel[dim], 1) && image[dim + 2].minimum().value_or(0) > 0 &&
           image[dim + 2].maximum().value_or(int64_t(1) << 30) < (int64_t(1) << 30);
  if (!fits)
    node.failShape("kernel, strides, dilations and output_padding do not fit an image of shape " + toText(image));
  return fits && readPadding(image);
}

bool Transposed::readPadding(const Sizes &image) {
  size_t spatial = kernel.size();
  std::string mode = node.getText("auto_pad", "NOTSET");
  SmallVector<int64_t> pads = node.getIntegers("pads", SmallVector<int64_t>(2 * spatial, 0));
  SmallVector<int64_t> wanted = node.getIntegers("output_shape");
  if (wanted.size() == spatial + 2) // also written with batch and channels
    wanted.erase(wanted.begin(), wanted.begin() + 2);
  bool isSame = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (pads.size() != 2 * spatial || (!wanted.empty() && wanted.size() != spatial) ||
      (!isSame && mode != "NOTSET" && mode != "VALID")) {
    node.failShape("auto_pad='" + mode + "', pads and output_shape do not fit " + llvm::Twine(spatial) + " dims");
    return false;
  }
  for (size_t dim = 0; dim < spatial; ++dim) {
    DimSize extent = image[dim + 2];
    DimSize full = (extent + DimSize(-1)) * strides[dim] + DimSize(extra[dim] + (kernel[dim] - 1) * dilations[dim] + 1);
    bool isGiven = !wanted.empty() || isSame;
    // What the result is short of the full one does not depend on the extent for SAME.
    DimSize excess = full + (wanted.empty() ? extent * strides[dim] : DimSize(wanted[dim])) * -1;
    if (isGiven && !excess.isStatic()) {
      node.failShape("output_shape of a symbolic dimension is not supported: bind it with --dim");
      return false;
    }
    int64_t total = isGiven ? excess.constant : 0;
    // The odd element goes to the end for SAME_UPPER, else to the begin.
    // A result that is larger than the full one grows at its end.
    int64_t most = std::max<int64_t>(total, 0), half = mode == "SAME_UPPER" ? most / 2 : most - most / 2;
    low.push_back(isGiven ? half : mode == "VALID" ? 0 : pads[dim]);
    high.push_back(isGiven ? total - low.back() : mode == "VALID" ? 0 : pads[spatial + dim]);
    DimSize result = full + DimSize(-low.back() - high.back());
    if (result.minimum().value_or(0) < 1 || !isWindowStep(std::abs(low.back()), 0) ||
        !isWindowStep(std::abs(high.back()), 0)) {
      node.failShape("its result would have an extent of " + toText(result));
      return false;
    }
  }
  return true;
}

/// [.., H, ..] with strides - 1 zeros behind each element: a trailing dim of one is padded and merged.
Value Transposed::insertZeros(Value image) {
  for (size_t dim = 0; dim < kernel.size() && image; ++dim) {
    if (strides[dim] == 1)
      continue;
    Sizes sizes = node.sizesOf(image), merged = sizes;
    sizes.insert(sizes.begin() + static_cast<ptrdiff_t>(dim) + 3, DimSize(1));
    Value column = node.reshape(image, sizes, "spread");
    SmallVector<int64_t> before(sizes.size(), 0), after(sizes.size(), 0);
    after[dim + 3] = strides[dim] - 1;
    sizes[dim + 3] = DimSize(strides[dim]);
    merged[dim + 2] = merged[dim + 2] * strides[dim];
    image = node.reshape(node.pad(column, before, after), merged, "spread");
  }
  return image;
}

/// [G * I, O, k...] as [G * O, I, k...], the kernel dims reversed.
Value Transposed::turnFilter(Value filter) {
  Sizes sizes = node.sizesOf(filter);
  std::optional<DimSize> inputs = divideExactly(sizes[0], DimSize(groups));
  std::optional<DimSize> outputs = multiplyChecked(sizes[1], DimSize(groups));
  if (!inputs || !outputs) {
    node.failShape("a filter " + toText(sizes) + " does not have " + llvm::Twine(groups) + " groups");
    return Value();
  }
  Sizes grouped = sizes, turned = sizes;
  grouped[0] = *inputs;
  grouped.insert(grouped.begin(), DimSize(groups));
  turned[0] = *outputs;
  turned[1] = *inputs;
  SmallVector<int64_t> permutation{0, 2, 1}, starts(sizes.size(), 0), steps(sizes.size(), 1);
  for (size_t dim = 2; dim < sizes.size(); ++dim) {
    permutation.push_back(static_cast<int64_t>(dim + 1));
    starts[dim] = kernel[dim - 2] - 1;
    steps[dim] = kernel[dim - 2] > 1 ? -1 : 1;
  }
  Value swapped = node.transpose(node.reshape(filter, grouped, "filter/groups"), permutation, "filter/transpose");
  return node.slice(node.reshape(swapped, turned, "filter/merge"), starts, steps, turned, "filter/turn");
}

/// A negative padding takes elements away instead.
Value Transposed::cut(Value image, SmallVector<int64_t> &padding) {
  if (!image)
    return image;
  Sizes sizes = node.sizesOf(image);
  SmallVector<int64_t> starts(sizes.size(), 0), steps(sizes.size(), 1);
  for (size_t dim = 0; dim < kernel.size(); ++dim)
    for (int64_t end : {0, 1}) {
      int64_t &count = padding[2 * dim + end];
      if (count >= 0)
        continue;
      if (!sizes[dim + 2].isStatic()) {
        node.failShape("pads that take more than the filter adds to a symbolic dimension are not supported: bind it "
                       "with --dim");
        return Value();
      }
      sizes[dim + 2] = sizes[dim + 2] + DimSize(count);
      starts[dim + 2] -= end == 0 ? count : 0;
      count = 0;
    }
  return node.slice(image, starts, steps, sizes, "cut");
}

static void importConvTranspose(NodeContext &node) {
  Value image = node.input(0), filter = node.input(1);
  int64_t groups = node.getInteger("group", 1);
  if (!image || !filter || groups < 1)
    return image && filter ? node.failShape("group is not positive") : void();
  std::optional<SmallVector<int64_t>> kernel = readKernel(node, node.sizesOf(filter));
  Transposed form{node, groups, kernel.value_or(SmallVector<int64_t>()), {}, {}, {}, {}, {}};
  if (!kernel || !form.readAttributes(node.sizesOf(image)))
    return;
  Windows windows;
  windows.window = *kernel;
  windows.strides.assign(kernel->size(), 1);
  windows.dilations = form.dilations;
  Value spread = form.insertZeros(image);
  for (size_t dim = 0; dim < kernel->size(); ++dim) {
    int64_t reach = ((*kernel)[dim] - 1) * form.dilations[dim];
    windows.padding.push_back(reach - form.low[dim]);
    // The zeros behind the last element are there already.
    windows.padding.push_back(reach - form.high[dim] + form.extra[dim] - (form.strides[dim] - 1));
  }
  spread = form.cut(spread, windows.padding);
  if (!spread)
    return;
  for (size_t dim = 0; dim < kernel->size(); ++dim)
    windows.outputs.push_back(
        node.sizesOf(spread)[dim + 2] +
        DimSize(windows.padding[2 * dim] + windows.padding[2 * dim + 1] - ((*kernel)[dim] - 1) * form.dilations[dim]));
  Value turned = form.turnFilter(filter);
  if (turned)
    node.setResult(0, addBias(node, convolve(node, spread, turned, windows, groups), 2));
}

void partita::import::addConvolutionOps(OpTable &table) {
  table.insert({{"Conv", importConv}, {"ConvTranspose", importConvTranspose}});
  addQuantizedConvolutionOps(table);
}
