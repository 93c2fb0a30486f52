// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Windows.cpp - Strides, padding and dilations of a sliding window --------===//
#include "ops/Windows.h"

using namespace mlir;
using namespace partita;
using namespace partita::import;

/// Bounds of a window's numbers: their products and sums stay far inside 64 bits.
static constexpr int64_t largestStep = int64_t(1) << 24;

bool partita::import::isWindowStep(int64_t value, int64_t least) { return value >= least && value <= largestStep; }

static bool areInRange(llvm::ArrayRef<int64_t> values, int64_t least) {
  return llvm::all_of(values, [&](int64_t value) { return isWindowStep(value, least); });
}

/// auto_pad=SAME_*: as many results as the stride allows, the odd element at the high (or low) end.
static void padSame(Windows &windows, int64_t dim, int64_t extent, bool oddIsHigh) {
  int64_t stride = windows.strides[dim], reach = (windows.window[dim] - 1) * windows.dilations[dim] + 1;
  int64_t outputs = (extent + stride - 1) / stride;
  int64_t total = std::max<int64_t>(0, (outputs - 1) * stride + reach - extent);
  windows.padding[2 * dim] = oddIsHigh ? total / 2 : total - total / 2;
  windows.padding[2 * dim + 1] = total - windows.padding[2 * dim];
}

/// The extent of one spatial dim of the result; nullopt: reported.
static std::optional<DimSize> countOutputs(NodeContext &node, Windows &windows, int64_t dim, const DimSize &extent,
                                           bool isCeil) {
  int64_t stride = windows.strides[dim], reach = (windows.window[dim] - 1) * windows.dilations[dim] + 1;
  int64_t low = windows.padding[2 * dim], high = windows.padding[2 * dim + 1];
  if (!extent.isStatic()) {
    if (stride == 1)
      return extent + DimSize(low + high - reach + 1);
    node.failShape("a window with stride over a symbolic dimension is not supported: bind it with --dim");
    return std::nullopt;
  }
  int64_t room = extent.constant + low + high - reach;
  if (room < 0) {
    node.failShape("a window of " + llvm::Twine(reach) + " elements does not fit into " +
                   llvm::Twine(extent.constant + low + high));
    return std::nullopt;
  }
  int64_t outputs = room / stride + 1;
  // With ceil_mode a last window may stick out, as long as it begins inside the image or its low padding.
  if (isCeil && room % stride != 0 && outputs * stride < extent.constant + low) {
    windows.added[dim] = stride - room % stride;
    windows.padding[2 * dim + 1] += windows.added[dim];
    ++outputs;
  }
  return DimSize(outputs);
}

std::optional<Windows> partita::import::readWindows(NodeContext &node, const Sizes &image,
                                                    llvm::ArrayRef<int64_t> kernel) {
  size_t spatial = kernel.size();
  Windows windows;
  windows.window.assign(kernel.begin(), kernel.end());
  windows.strides = node.getIntegers("strides", SmallVector<int64_t>(spatial, 1));
  windows.dilations = node.getIntegers("dilations", SmallVector<int64_t>(spatial, 1));
  windows.added.assign(spatial, 0);
  SmallVector<int64_t> pads = node.getIntegers("pads", SmallVector<int64_t>(2 * spatial, 0));
  std::string mode = node.getText("auto_pad", "NOTSET");
  bool isCeil = node.getInteger("ceil_mode", 0) != 0;
  if (image.size() != spatial + 2 || windows.strides.size() != spatial || windows.dilations.size() != spatial ||
      pads.size() != 2 * spatial || !areInRange(kernel, 1) || !areInRange(windows.strides, 1) ||
      !areInRange(windows.dilations, 1) || !areInRange(pads, 0)) {
    node.failShape("kernel, strides, pads and dilations do not fit an image of shape " + toText(image));
    return std::nullopt;
  }
  for (size_t dim = 0; dim < spatial; ++dim) {
    windows.padding.push_back(mode == "NOTSET" ? pads[dim] : 0);
    windows.padding.push_back(mode == "NOTSET" ? pads[spatial + dim] : 0);
  }
  bool isSame = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (!isSame && mode != "NOTSET" && mode != "VALID") {
    node.failOp("auto_pad='" + mode + "' is not known");
    return std::nullopt;
  }
  for (size_t dim = 0; dim < spatial; ++dim) {
    if (isSame && !image[dim + 2].isStatic() && windows.strides[dim] != 1) {
      node.failShape("auto_pad over a symbolic dimension is not supported: bind it with --dim");
      return std::nullopt;
    }
    // With stride 1 the padding does not depend on the extent.
    if (isSame)
      padSame(windows, static_cast<int64_t>(dim), image[dim + 2].isStatic() ? image[dim + 2].constant : 1,
              mode == "SAME_UPPER");
    std::optional<DimSize> outputs = countOutputs(node, windows, static_cast<int64_t>(dim), image[dim + 2], isCeil);
    if (!outputs)
      return std::nullopt;
    windows.outputs.push_back(*outputs);
  }
  return windows;
}
