// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- WireScan.cpp - A model file without its big payloads --------------------===//
#include "WireScan.h"

#include "partita/support/Error.h"

#include "llvm/ADT/Twine.h"

#include <vector>

using namespace partita;
using namespace partita::import;

namespace {

enum class Message { Opaque, Model, Graph, Node, Attribute, Tensor, SparseTensor, Function, Training };
enum WireType : unsigned { Varint = 0, Fixed64 = 1, Delimited = 2, Fixed32 = 5 };

constexpr uint64_t mappedOffsetField = 2001, mappedBytesField = 2002;

/// Which message field `field` of `message` holds, or Opaque where the walk need not look inside.
Message getChild(Message message, uint64_t field) {
  switch (message) {
  case Message::Model:
    return field == 7    ? Message::Graph
           : field == 20 ? Message::Training
           : field == 25 ? Message::Function
                         : Message::Opaque;
  case Message::Graph:
    return field == 1    ? Message::Node
           : field == 5  ? Message::Tensor
           : field == 15 ? Message::SparseTensor
                         : Message::Opaque;
  case Message::Function:
    return field == 7 ? Message::Node : field == 11 ? Message::Attribute : Message::Opaque;
  case Message::Node:
    return field == 5 ? Message::Attribute : Message::Opaque;
  case Message::Attribute:
    if (field == 5 || field == 10)
      return Message::Tensor;
    if (field == 6 || field == 11)
      return Message::Graph;
    return field == 22 || field == 23 ? Message::SparseTensor : Message::Opaque;
  case Message::SparseTensor:
    return field == 1 || field == 2 ? Message::Tensor : Message::Opaque;
  case Message::Training:
    return field == 1 || field == 2 ? Message::Graph : Message::Opaque;
  case Message::Tensor:
  case Message::Opaque:
    return Message::Opaque;
  }
  return Message::Opaque;
}

/// raw_data, float_data, double_data: little-endian elements of fixed width, usable in place.
bool isPayload(Message message, uint64_t field) {
  return message == Message::Tensor && (field == 9 || field == 4 || field == 10);
}

void appendVarint(std::string &out, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

unsigned getVarintSize(uint64_t value) {
  unsigned size = 1;
  for (; value >= 0x80; value >>= 7)
    ++size;
  return size;
}

/// One piece of the trimmed copy: bytes of the file, the header of a message, or the place of a payload.
struct Piece {
  enum Kind { Copy, Open, Place } kind;
  uint64_t first;  // Copy: begin; Open: index in `sizes`; Place: offset
  uint64_t second; // Copy: end;   Open: field number;     Place: bytes
};

struct Frame {
  Message message;
  uint64_t end;
  uint64_t index; // in `sizes`
  uint64_t field; // its number in the enclosing message
  bool hasPayload;
};

class Walk {
public:
  Walk(llvm::StringRef file, const WireLimits &limits) : file(file), limits(limits) {}

  llvm::Error run();
  std::string emit() const;

private:
  llvm::Error stepField();
  llvm::Error stepDelimited(uint64_t start, uint64_t field, uint64_t length);
  llvm::Expected<uint64_t> readVarint();
  llvm::Error fail(const llvm::Twine &what) const {
    return makeError("E-BAD-FILE", "byte " + llvm::Twine(position) + ": " + what);
  }
  void addCopy(uint64_t begin, uint64_t end);
  void closeFrames();

  llvm::StringRef file;
  WireLimits limits;
  uint64_t position = 0;
  std::vector<Frame> stack;
  std::vector<Piece> pieces;
  std::vector<uint64_t> sizes; // trimmed bytes of each message, final once it is closed
  uint64_t total = 0;          // trimmed bytes so far, without the headers of open messages
};

llvm::Expected<uint64_t> Walk::readVarint() {
  uint64_t value = 0, end = stack.back().end;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (position >= end)
      return fail("the message ends inside a number");
    auto byte = static_cast<uint8_t>(file[position++]);
    value |= uint64_t(byte & 0x7f) << shift;
    if (byte < 0x80)
      return value;
  }
  return fail("a number is longer than 10 bytes");
}

void Walk::addCopy(uint64_t begin, uint64_t end) {
  sizes[stack.back().index] += end - begin;
  total += end - begin;
  if (!pieces.empty() && pieces.back().kind == Piece::Copy && pieces.back().second == begin)
    pieces.back().second = end;
  else
    pieces.push_back({Piece::Copy, begin, end});
}

llvm::Error Walk::stepDelimited(uint64_t start, uint64_t field, uint64_t length) {
  Frame &frame = stack.back();
  if (length > frame.end - position)
    return fail("a field of " + llvm::Twine(length) + " bytes does not fit into the " +
                llvm::Twine(frame.end - position) + " bytes left: the file is damaged or cut off");
  if (isPayload(frame.message, field) && length > 0) {
    if (frame.hasPayload)
      return fail("a tensor has two payloads");
    frame.hasPayload = true;
    uint64_t begin = position;
    position += length;
    if (length <= inlineByteLimit)
      addCopy(start, position);
    pieces.push_back({Piece::Place, begin, length});
    uint64_t size = 4 + getVarintSize(begin) + getVarintSize(length);
    sizes[frame.index] += size;
    total += size;
    return llvm::Error::success();
  }
  Message child = getChild(frame.message, field);
  if (child == Message::Opaque) {
    position += length;
    addCopy(start, position);
    return llvm::Error::success();
  }
  if (stack.size() >= limits.depth)
    return fail("messages are nested more than " + llvm::Twine(limits.depth) + " deep");
  if (sizes.size() >= limits.messages)
    return fail("more than " + llvm::Twine(limits.messages) + " messages");
  pieces.push_back({Piece::Open, sizes.size(), field});
  stack.push_back({child, position + length, sizes.size(), field, false});
  sizes.push_back(0);
  return llvm::Error::success();
}

llvm::Error Walk::stepField() {
  uint64_t start = position;
  llvm::Expected<uint64_t> tag = readVarint();
  if (!tag)
    return tag.takeError();
  uint64_t field = *tag >> 3;
  if (field == 0 || field >= (uint64_t(1) << 29))
    return fail("not a field of a message; is this an ONNX file?");
  bool isOurs = stack.back().message == Message::Tensor && (field == mappedOffsetField || field == mappedBytesField);
  uint64_t width = 0;
  switch (*tag & 7) {
  case Varint:
    if (llvm::Expected<uint64_t> value = readVarint(); !value)
      return value.takeError();
    break;
  case Fixed64:
    width = 8;
    break;
  case Fixed32:
    width = 4;
    break;
  case Delimited: {
    llvm::Expected<uint64_t> length = readVarint();
    if (!length)
      return length.takeError();
    if (!isOurs)
      return stepDelimited(start, field, *length);
    width = *length;
    break;
  }
  default:
    return fail("a field has a wire type that ONNX does not use");
  }
  if (width > stack.back().end - position)
    return fail("the message ends inside a field");
  position += width;
  if (!isOurs)
    addCopy(start, position);
  return llvm::Error::success();
}

void Walk::closeFrames() {
  while (stack.size() > 1 && position == stack.back().end) {
    Frame closed = stack.back();
    stack.pop_back();
    uint64_t header = getVarintSize(closed.field << 3 | Delimited) + getVarintSize(sizes[closed.index]);
    sizes[stack.back().index] += header + sizes[closed.index];
    total += header;
  }
}

llvm::Error Walk::run() {
  stack.push_back({Message::Model, file.size(), 0, 0, false});
  sizes.push_back(0);
  while (true) {
    closeFrames();
    if (position == stack.back().end)
      return llvm::Error::success();
    if (llvm::Error error = stepField())
      return error;
    if (total > limits.trimmedBytes)
      return fail("the model is more than " + llvm::Twine(limits.trimmedBytes) + " bytes without its weights");
  }
}

std::string Walk::emit() const {
  std::string out;
  out.reserve(total);
  for (const Piece &piece : pieces) {
    switch (piece.kind) {
    case Piece::Copy:
      out.append(file.data() + piece.first, piece.second - piece.first);
      break;
    case Piece::Open:
      appendVarint(out, piece.second << 3 | Delimited);
      appendVarint(out, sizes[piece.first]);
      break;
    case Piece::Place:
      appendVarint(out, mappedOffsetField << 3);
      appendVarint(out, piece.first);
      appendVarint(out, mappedBytesField << 3);
      appendVarint(out, piece.second);
      break;
    }
  }
  return out;
}

} // namespace

llvm::Expected<std::string> partita::import::trimPayloads(llvm::StringRef file, const WireLimits &limits) {
  Walk walk(file, limits);
  if (llvm::Error error = walk.run())
    return error;
  return walk.emit();
}
