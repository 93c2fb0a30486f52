// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- TensorPayload.cpp - Where a tensor's elements are -----------------------===//
#include "TensorPayload.h"

#include "WireScan.h"
#include "partita/support/Error.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace partita;
using namespace partita::import;

std::optional<unsigned> partita::import::getElementBits(int32_t element) {
  switch (element) {
  case onnx::UI4:
  case onnx::SI4:
  case onnx::F4E2M1:
    return 4;
  case onnx::UI8:
  case onnx::SI8:
  case onnx::BOOLEAN:
  case onnx::F8E4M3FN:
  case onnx::F8E4M3FNUZ:
  case onnx::F8E5M2:
  case onnx::F8E5M2FNUZ:
  case onnx::F8E8M0:
    return 8;
  case onnx::UI16:
  case onnx::SI16:
  case onnx::F16:
  case onnx::BF16:
    return 16;
  case onnx::F32:
  case onnx::SI32:
  case onnx::UI32:
    return 32;
  case onnx::F64:
  case onnx::SI64:
  case onnx::UI64:
  case onnx::C64:
    return 64;
  case onnx::C128:
    return 128;
  default:
    return std::nullopt;
  }
}

std::optional<uint64_t> partita::import::countElements(const google::protobuf::RepeatedField<int64_t> &dims) {
  uint64_t count = 1;
  bool isEmpty = false;
  for (int64_t dim : dims) {
    if (dim < 0)
      return std::nullopt;
    isEmpty |= dim == 0;
    if (dim != 0 && count > (uint64_t(1) << 62) / static_cast<uint64_t>(dim))
      return std::nullopt;
    count *= dim == 0 ? 1 : static_cast<uint64_t>(dim);
  }
  return isEmpty ? 0 : count;
}

namespace {

llvm::Error fail(const onnx::Tensor &tensor, const llvm::Twine &what) {
  return makeError("E-BAD-FILE", "tensor '" + llvm::Twine(tensor.name()) + "': " + what);
}

/// Appends the lowest `bits` of each value, little-endian.
template <typename Values> void appendElements(std::string &out, const Values &values, unsigned bits) {
  for (auto value : values) {
    uint64_t word = 0;
    static_assert(sizeof(value) <= sizeof(word));
    memcpy(&word, &value, sizeof(value));
    for (unsigned done = 0; done < bits; done += 8, word >>= 8)
      out.push_back(static_cast<char>(word));
  }
}

/// The typed lists of the message as bytes. The list used is fixed by the element type; the 4 bit types hold one
/// packed byte (two elements) in each int32.
std::string gatherTypedData(const onnx::Tensor &tensor, unsigned bits) {
  std::string out;
  switch (tensor.data_type()) {
  case onnx::F32:
  case onnx::C64:
    appendElements(out, tensor.float_data(), 32);
    break;
  case onnx::F64:
  case onnx::C128:
    appendElements(out, tensor.double_data(), 64);
    break;
  case onnx::SI64:
    appendElements(out, tensor.int64_data(), 64);
    break;
  case onnx::UI32:
  case onnx::UI64:
    appendElements(out, tensor.uint64_data(), bits);
    break;
  default:
    appendElements(out, tensor.int32_data(), std::max(bits, 8u));
    break;
  }
  return out;
}

/// An external location is a path below the model's folder: a model from elsewhere must not name other files.
llvm::Error checkLocation(const onnx::Tensor &tensor, llvm::StringRef location) {
  if (location.empty())
    return fail(tensor, "external data without a location");
  if (location.contains('\0') || location.contains('\\') || llvm::sys::path::is_absolute(location))
    return fail(tensor, "external data at '" + location + "', which is not a relative path");
  for (auto part = llvm::sys::path::begin(location), end = llvm::sys::path::end(location); part != end; ++part)
    if (*part == "..")
      return fail(tensor, "external data at '" + location + "', outside the model's folder");
  return llvm::Error::success();
}

llvm::Expected<Payload> locateExternal(const ModelFile &file, const onnx::Tensor &tensor, uint64_t expected) {
  Payload payload;
  payload.place = Payload::OnDisk;
  payload.bytes = expected;
  std::string location;
  for (const onnx::Property &property : tensor.external_data()) {
    if (property.key() == "location")
      location = property.value();
    uint64_t *number = property.key() == "offset"   ? &payload.offset
                       : property.key() == "length" ? &payload.bytes
                                                    : nullptr;
    if (number && !llvm::to_integer(property.value(), *number, 10))
      return fail(tensor, "external data with " + llvm::Twine(property.key()) + " '" + property.value() + "'");
  }
  if (llvm::Error error = checkLocation(tensor, location))
    return error;
  if (payload.bytes != expected)
    return fail(tensor,
                "external data of " + llvm::Twine(payload.bytes) + " bytes; its shape needs " + llvm::Twine(expected));
  llvm::SmallString<128> path(llvm::sys::path::parent_path(file.getPath()));
  llvm::sys::path::append(path, location);
  payload.path = path.str().str();
  llvm::sys::fs::file_status status;
  if (std::error_code code = llvm::sys::fs::status(path, status))
    return fail(tensor, "cannot read its data in '" + path + "': " + code.message());
  if (!llvm::sys::fs::is_regular_file(status))
    return fail(tensor, "its data in '" + path + "' is not a regular file");
  if (payload.offset > status.getSize() || payload.bytes > status.getSize() - payload.offset)
    return fail(tensor, "bytes " + llvm::Twine(payload.offset) + " to " + llvm::Twine(payload.offset + payload.bytes) +
                            " of '" + path + "', which has only " + llvm::Twine(status.getSize()));
  return payload;
}

bool isMarkedMissing(const onnx::Tensor &tensor) {
  for (const onnx::Property &property : tensor.metadata_props())
    if (property.key() == weightsKey && property.value() == "none")
      return true;
  return false;
}

} // namespace

llvm::Expected<Payload> partita::import::locatePayload(const ModelFile &file, const onnx::Tensor &tensor) {
  std::optional<unsigned> bits = getElementBits(tensor.data_type());
  if (!bits)
    return fail(tensor, "element type " + llvm::Twine(tensor.data_type()) + " is not a number type");
  std::optional<uint64_t> count = countElements(tensor.dims());
  if (!count || *count > (uint64_t(1) << 62) / *bits)
    return fail(tensor, "its shape has a negative dimension or too many elements");
  if (tensor.has_segment())
    return fail(tensor, "is stored in segments, which is not read");
  uint64_t expected = (*count * *bits + 7) / 8;
  Payload payload;
  payload.bytes = expected;
  if (isMarkedMissing(tensor))
    return payload;
  if (tensor.data_location() == onnx::Tensor::EXTERNAL)
    return locateExternal(file, tensor, expected);
  uint64_t found = tensor.mapped_bytes();
  if (tensor.has_mapped_bytes()) {
    payload.place = Payload::OnDisk;
    payload.path = file.getPath();
    payload.offset = tensor.mapped_offset();
  }
  // Short payloads, and integers stored with variable width, are in the message itself.
  if (found <= inlineByteLimit) {
    payload.place = Payload::Inline;
    payload.inlineBytes = tensor.has_raw_data() ? tensor.raw_data() : gatherTypedData(tensor, *bits);
    found = payload.inlineBytes.size();
  }
  if (found != expected)
    return fail(tensor, "has " + llvm::Twine(found) + " bytes of data; its shape needs " + llvm::Twine(expected));
  return payload;
}

llvm::Expected<std::string> partita::import::readPayload(const Payload &payload, uint64_t limit) {
  if (payload.bytes > limit)
    return makeError("E-BAD-FILE", "a table of " + llvm::Twine(payload.bytes) + " bytes; at most " +
                                       llvm::Twine(limit) + " are read while importing");
  if (payload.place == Payload::Inline)
    return payload.inlineBytes;
  if (payload.place == Payload::Missing)
    return makeError("E-BAD-FILE", "its elements are not in the file (written with --weights none)");
  auto buffer = llvm::MemoryBuffer::getFileSlice(payload.path, payload.bytes, payload.offset);
  if (!buffer)
    return makeError("E-BAD-FILE", "cannot read '" + payload.path + "': " + buffer.getError().message());
  return (*buffer)->getBuffer().str();
}
