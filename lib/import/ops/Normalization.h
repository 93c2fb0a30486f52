// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Normalization.h - What the norms share ----------------------------------===//
//
// Example: normalize(node, x, axis, 1e-5, NormKind::centred, scale, bias) is a layer norm.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_OPS_NORMALIZATION_H
#define PARTITA_LIB_IMPORT_OPS_NORMALIZATION_H

#include "NodeContext.h"

namespace partita::import {

/// Whether the mean is taken away first.
enum class NormKind { centred, rootMeanSquare };

/// The norm over the dims from `axis` on; scale and bias (null: one and zero) broadcast to those dims.
mlir::Value normalize(NodeContext &node, mlir::Value x, int64_t axis, double epsilon, NormKind kind, mlir::Value scale,
                      mlir::Value bias);

/// The norm over groups of channels (dim 1) of x [batch, channels, ...], as [batch, groups, channels / groups, ...].
mlir::Value normalizeGroups(NodeContext &node, mlir::Value x, int64_t groups, double epsilon);

/// x * scale + bias with one element per channel (dim 1), in the element type of x.
mlir::Value scaleChannels(NodeContext &node, mlir::Value x, mlir::Value scale, mlir::Value bias);

/// Sets the results that hold mean (index -1: none) and 1 / sqrt(variance + epsilon), where the node has them.
void setStatistics(NodeContext &node, mlir::Value x, int64_t axis, double epsilon, NormKind kind, int meanResult,
                   int deviationResult);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_OPS_NORMALIZATION_H
