// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Sampling.h - Images read at computed coordinates ------------------------===//
//
// Example, an image [N, C, H * W] read between its elements at rows y and columns x, both [N, samples]:
//   sumTaps(node, image, {makeTaps(node, linear, y, H), makeTaps(node, linear, x, W)}, {H, W})   // [N, C, samples]
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_OPS_SAMPLING_H
#define PARTITA_LIB_IMPORT_OPS_SAMPLING_H

#include "OpTable.h"

namespace partita::import {

/// One place along one dim that a sample reads, and its weight; both of the samples' shape.
struct Tap {
  mlir::Value place, weight;
};

/// linear, cubic or nearest; zeros, border or reflection.
struct GridSettings {
  std::string mode, padding;
  bool alignsCorners;
};

/// The places that samples at the positions `x` read along a dim of `extent`; empty after a report.
std::vector<Tap> makeTaps(NodeContext &node, const GridSettings &settings, mlir::Value x, int64_t extent);

/// Sum over all combinations of taps of the image [N, C, places] at their place, times their weights [N, samples].
mlir::Value sumTaps(NodeContext &node, mlir::Value image, llvm::ArrayRef<std::vector<Tap>> dims,
                    llvm::ArrayRef<int64_t> extents);

mlir::Value clampTo(NodeContext &node, mlir::Value x, double low, double high);

/// The static extents of dims `from` on; nullopt: reported.
std::optional<llvm::SmallVector<int64_t>> readExtents(NodeContext &node, const Sizes &sizes, size_t from);

void addRegionOps(OpTable &table);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_OPS_SAMPLING_H
