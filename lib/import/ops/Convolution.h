// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Convolution.h - What the convolution operators share --------------------===//
//
// Example: convolve(node, image, filter, *readWindows(node, node.sizesOf(image), *readKernel(node, weights)), 1)
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_OPS_CONVOLUTION_H
#define PARTITA_LIB_IMPORT_OPS_CONVOLUTION_H

#include "ops/Windows.h"

namespace partita::import {

/// The extents of the filter's spatial dims, which kernel_shape repeats; nullopt: reported.
std::optional<llvm::SmallVector<int64_t>> readKernel(NodeContext &node, const Sizes &filter);

/// The convolution op; null: reported.
mlir::Value convolve(NodeContext &node, mlir::Value image, mlir::Value filter, const Windows &windows, int64_t groups);

/// What a Conv node gives for `image` [batch, channels, ...] with its filter and bias (inputs 1 and 2); null: reported.
mlir::Value convolveImage(NodeContext &node, mlir::Value image);

/// One element per channel (or one for all), repeated to the shape of `like`, in its own element type.
mlir::Value spreadChannels(NodeContext &node, mlir::Value channels, mlir::Value like);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_OPS_CONVOLUTION_H
