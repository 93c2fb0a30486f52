// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- PackedIntegers.h - Integers that share bytes ----------------------------===//
//
// A file has two 4-bit integers in a byte, a tensor of the dialect has a byte for each. Example:
//   unpackNibbles(session, bytes [ui8, 3], tensor<5xsi4>, "w")   // bytes 0x21, 0xf3, 0x0e are 1, 2, 3, -1, -2
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_PACKEDINTEGERS_H
#define PARTITA_LIB_IMPORT_PACKEDINTEGERS_H

#include "ImportSession.h"

namespace partita::import {

/// The numbers in `bytes` (ui8, one dim), the low half of a byte first, as a tensor of `type`; null for null.
mlir::Value unpackNibbles(ImportSession &session, mlir::Value bytes, mlir::RankedTensorType type, llvm::StringRef name);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_PACKEDINTEGERS_H
