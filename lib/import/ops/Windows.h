// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Windows.h - Strides, padding and dilations of a sliding window ----------===//
//
// Convolutions and pooling share how a window moves over the spatial dims. Example: kernel 3, stride 2, pads 1, image
// 224: {window [3], strides [2], padding [1, 1], dilations [1], outputs [112]}.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_OPS_WINDOWS_H
#define PARTITA_LIB_IMPORT_OPS_WINDOWS_H

#include "NodeContext.h"

namespace partita::import {

struct Windows {
  llvm::SmallVector<int64_t> window, strides, dilations;
  /// Low, high for each spatial dim; at the high end with what ceil_mode adds.
  llvm::SmallVector<int64_t> padding;
  /// What ceil_mode added at the high end of each spatial dim.
  llvm::SmallVector<int64_t> added;
  /// Extents of the result's spatial dims.
  Sizes outputs;
};

/// Whether a window's number is at least `least` and small enough that products and sums stay far inside 64 bits.
bool isWindowStep(int64_t value, int64_t least);

/// Reads the attributes of a window of extents `kernel` over `image` [batch, channels, spatial...]. nullopt: reported.
std::optional<Windows> readWindows(NodeContext &node, const Sizes &image, llvm::ArrayRef<int64_t> kernel);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_OPS_WINDOWS_H
