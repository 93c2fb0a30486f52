// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- TensorPayload.h - Where a tensor's elements are -------------------------===//
//
// Elements of an ONNX tensor are in the message (raw or typed), in the model's own file, in an external file, or
// absent (a graph written without weights). One answer for all four. Example, 3 x 768 f32 outside the model:
//
//   {place OnDisk, path "models/gpt.onnx.data", offset 8192, bytes 9216, inlineBytes ""}
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_TENSORPAYLOAD_H
#define PARTITA_LIB_IMPORT_TENSORPAYLOAD_H

#include "ModelFile.h"

#include <optional>

namespace partita::import {

struct Payload {
  enum Place { Inline, OnDisk, Missing };
  Place place = Missing;
  /// Inline: the elements, little-endian, row-major, 4 bit elements two to a byte. At most a few KiB unless the
  /// model stores a long list of varints.
  std::string inlineBytes;
  /// OnDisk: file, first byte and length there. Inline: the same where the elements also lie dense in the model's
  /// file, else an empty path.
  std::string path;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

/// The key of Tensor.metadata_props that marks a weight whose elements were never written; its value is "none".
inline constexpr char weightsKey[] = "partita.weights";

/// Bits of one element of an `onnx::Element`, or nullopt where it has no fixed width (text) or is unknown.
std::optional<unsigned> getElementBits(int32_t element);

/// Elements of `dims`, or nullopt where one is negative or the count exceeds 2^62.
std::optional<uint64_t> countElements(const google::protobuf::RepeatedField<int64_t> &dims);

/// Where the elements of `tensor` are, once sizes and paths are checked: the payload has exactly the bytes the
/// shape needs; external files lie in the model's folder or below. Errors: E-BAD-FILE.
llvm::Expected<Payload> locatePayload(const ModelFile &file, const onnx::Tensor &tensor);

/// The bytes of a payload that is inline or on disk (read from there): small tables that the importer itself has
/// to know. E-BAD-FILE where they are missing or more than `limit` bytes.
llvm::Expected<std::string> readPayload(const Payload &payload, uint64_t limit);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_TENSORPAYLOAD_H
