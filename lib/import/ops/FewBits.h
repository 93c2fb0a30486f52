// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- FewBits.h - Weights of a few bits ---------------------------------------===//
//
// Example: weights [N, K / 2] of two 4-bit numbers to a byte, with a scale for each row:
//   dequantize(node, unpackBits(node, bytes, 4, DimSize(K)), node.constant(8, f32), scale)     // [N, K]
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_OPS_FEWBITS_H
#define PARTITA_LIB_IMPORT_OPS_FEWBITS_H

#include "OpTable.h"

namespace partita::import {

/// The last dim of bytes as numbers of `bits` bits, the lowest bits of a byte first; the first `count` of them.
mlir::Value unpackBits(NodeContext &node, mlir::Value bytes, int64_t bits, const DimSize &count);

/// (q - zero) * scale in the scale's type, all three of one rank with extents that repeat.
mlir::Value dequantize(NodeContext &node, mlir::Value q, mlir::Value zero, mlir::Value scale);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_OPS_FEWBITS_H
