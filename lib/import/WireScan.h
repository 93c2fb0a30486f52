// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- WireScan.h - A model file without its big payloads ----------------------===//
//
// protobuf stops at 2 GB and copies what it reads; weights must stay in the mapped file. So the file's wire
// format (tag, length, bytes) is walked first, and a copy is made in which each big tensor payload is replaced
// by its place in the file. Only that copy is parsed. Example, a tensor of 4,000 bytes at byte 120:
//
//   file:    Tensor { dims: 1000  data_type: F32  raw_data: <4000 bytes> }
//   trimmed: Tensor { dims: 1000  data_type: F32  mapped_offset: 120  mapped_bytes: 4000 }
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_WIRESCAN_H
#define PARTITA_LIB_IMPORT_WIRESCAN_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>

namespace partita::import {

/// Payloads longer than this many bytes stay in the file; shorter ones may become constants of the program.
inline constexpr uint64_t inlineByteLimit = 1024;

/// What bounds the walk; a file that exceeds one is refused.
struct WireLimits {
  /// Nesting of messages (a graph in an attribute of a node costs three). Below protobuf's own 100.
  unsigned depth = 90;
  /// Messages walked into.
  uint64_t messages = uint64_t(1) << 24;
  /// Bytes of the trimmed copy.
  uint64_t trimmedBytes = uint64_t(1) << 30;
};

/// The bytes of `file` (an ONNX model) with Tensor.mapped_offset and Tensor.mapped_bytes (bytes from the start of
/// `file`) added beside `raw_data`, packed `float_data` and packed `double_data`, and in place of those longer than
/// `inlineByteLimit`; the two fields are dropped where the file brings them. Messages searched: graphs, nodes,
/// attributes, functions, training information, at any depth; everything else is copied as it is. Integers packed as
/// varints have no fixed width and stay. Error: E-BAD-FILE with the byte at which the format is broken, or the limit.
llvm::Expected<std::string> trimPayloads(llvm::StringRef file, const WireLimits &limits = {});

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_WIRESCAN_H
