// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The blob form of an image. Each struct lists its fields once, in describe(); a writer and a reader
// are applied to the same list, so the two cannot drift apart. Every integer takes eight bytes,
// little-endian; enumerations take one; strings and lists are preceded by their length.
#include "partita/runtime/Image.h"

#include <bit>

namespace partita::runtime {

namespace {

constexpr char magic[8] = {'P', 'A', 'R', 'T', 'I', 'T', 'A', '\n'};
constexpr int64_t formatVersion = 4;

template <typename A> void describe(A &archive, Symbol &symbol) {
  archive(symbol.name, symbol.minimum, symbol.maximum);
}
template <typename A> void describe(A &archive, Extent &extent) { archive(extent.constant, extent.coefficients); }
template <typename A> void describe(A &archive, Split &split) { archive(split.axis, split.unit); }
template <typename A> void describe(A &archive, Window &window) {
  archive(window.stride, window.low, window.high, window.reach);
}
template <typename A> void describe(A &archive, Dimension &dimension) {
  archive(dimension.extent, dimension.splits, dimension.window);
}
template <typename A> void describe(A &archive, PartialAxis &partial) {
  archive(partial.axis);
  archive.enumeration(partial.kind, ReductionKind::logicalOr);
}
template <typename A> void describe(A &archive, Layout &layout) {
  archive.enumeration(layout.elementType, ElementType::boolean);
  archive(layout.dimensions, layout.partial);
}
template <typename A> void describe(A &archive, Axis &axis) {
  archive(axis.name, axis.size);
  archive.enumeration(axis.kind, AxisKind::time);
}
template <typename A> void describe(A &archive, Buffer &buffer) {
  archive(buffer.name, buffer.layout, buffer.offset, buffer.bytes, buffer.slotStride, buffer.slots);
}
template <typename A> void describe(A &archive, Argument &argument) {
  archive(argument.buffer, argument.offset, argument.slotStride);
}
template <typename A> void describe(A &archive, Call &call) {
  archive(call.function, call.arguments, call.scratch, call.firstCollective, call.node, call.sameAlong);
}
template <typename A> void describe(A &archive, CallList &list) {
  archive.enumeration(list.kind, EventKind::update);
  archive(list.calls);
}
template <typename A> void describe(A &archive, Stage &stage) {
  archive(stage.name, stage.axes, stage.devices, stage.arenaBytes, stage.buffers, stage.calls);
}
template <typename A> void describe(A &archive, Event &event) {
  archive.enumeration(event.kind, EventKind::update);
  archive(event.stage, event.microBatch, event.slot, event.version, event.channel);
}
template <typename A> void describe(A &archive, Device &device) { archive(device.number, device.events); }
template <typename A> void describe(A &archive, StageBuffer &use) { archive(use.stage, use.buffer); }
template <typename A> void describe(A &archive, Input &input) {
  archive(input.name);
  archive.enumeration(input.elementType, ElementType::boolean);
  archive(input.shape, input.maximum, input.uses);
}
template <typename A> void describe(A &archive, Output &output) { archive(output.name, output.stage, output.buffer); }
template <typename A> void describe(A &archive, Weight &weight) {
  archive(weight.name, weight.stage, weight.buffer, weight.beforeCall);
  archive.enumeration(weight.source, WeightSource::generated);
  archive(weight.file, weight.offset, weight.bytes, weight.fileShape, weight.start, weight.data, weight.seed,
          weight.scale);
}
template <typename A> void describe(A &archive, WeightFile &file) { archive(file.path, file.size, file.checksum); }
template <typename A> void describe(A &archive, Collective &collective) {
  archive(collective.id, collective.stage);
  archive.enumeration(collective.kind, CollectiveKind::exchange);
  archive(collective.from, collective.to, collective.node);
}
template <typename A> void describe(A &archive, Channel &channel) {
  archive(channel.sourceStage, channel.sourceBuffer, channel.destinationStage, channel.destinationBuffer, channel.node);
}
template <typename A> void describe(A &archive, Prediction &predicted) {
  archive(predicted.stepSeconds, predicted.arenaBytes);
}
template <typename A> void describe(A &archive, std::pair<std::string, std::string> &note) {
  archive(note.first, note.second);
}
template <typename A> void describe(A &archive, Image &image) {
  archive(image.producer, image.model, image.planId, image.symbols, image.stages, image.devices, image.inputs,
          image.outputs, image.weights, image.files, image.collectives, image.channels, image.predicted,
          image.functionCount, image.workerScratchBytes, image.notes);
}

class Writer {
public:
  std::string bytes;

  template <typename... Fields> void operator()(Fields &...fields) { (field(fields), ...); }
  template <typename E> void enumeration(E &value, E) { bytes.push_back(char(value)); }

private:
  void field(uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8)
      bytes.push_back(char(value >> shift & 0xff));
  }
  void field(int64_t value) { field(uint64_t(value)); }
  void field(double value) { field(std::bit_cast<uint64_t>(value)); }
  void field(std::string &text) {
    field(uint64_t(text.size()));
    bytes += text;
  }
  template <typename T> void field(std::vector<T> &list) {
    field(uint64_t(list.size()));
    for (T &element : list)
      field(element);
  }
  template <typename T> void field(T &structure) { describe(*this, structure); }
};

class Reader {
public:
  Reader(const unsigned char *data, size_t size) : cursor(data), end(data + size) {}

  bool valid() const { return ok; }
  bool atEnd() const { return cursor == end; }

  template <typename... Fields> void operator()(Fields &...fields) { (field(fields), ...); }
  template <typename E> void enumeration(E &value, E last) {
    if (!take(1))
      return;
    ok = *cursor <= uint8_t(last);
    value = ok ? E(*cursor) : E(0);
    ++cursor;
  }

private:
  const unsigned char *cursor, *end;
  bool ok = true;

  bool take(uint64_t count) { return ok = ok && count <= uint64_t(end - cursor); }

  void field(uint64_t &value) {
    value = 0;
    if (!take(8))
      return;
    for (int shift = 0; shift < 64; shift += 8)
      value |= uint64_t(*cursor++) << shift;
  }
  void field(int64_t &value) {
    uint64_t bits;
    field(bits);
    value = int64_t(bits);
  }
  void field(double &value) {
    uint64_t bits;
    field(bits);
    value = std::bit_cast<double>(bits);
  }
  void field(std::string &text) {
    uint64_t count;
    field(count);
    if (!take(count))
      return;
    text.assign(reinterpret_cast<const char *>(cursor), count);
    cursor += count;
  }
  // Grown element by element: a hostile length runs into the end of the blob before it takes memory.
  template <typename T> void field(std::vector<T> &list) {
    uint64_t count;
    field(count);
    list.clear();
    for (uint64_t i = 0; ok && i < count; ++i)
      field(list.emplace_back());
  }
  template <typename T> void field(T &structure) { describe(*this, structure); }
};

} // namespace

std::string serializeImage(const Image &image) {
  Writer writer;
  writer.bytes.assign(magic, sizeof(magic));
  int64_t version = formatVersion;
  Image copy = image; // describe() takes mutable fields so that one list serves both directions.
  writer(version, copy);
  return writer.bytes;
}

bool deserializeImage(const void *data, size_t size, Image &image, std::string &error) {
  auto *bytes = static_cast<const unsigned char *>(data);
  if (size < sizeof(magic) || std::string(magic, sizeof(magic)) != std::string(bytes, bytes + sizeof(magic))) {
    error = "E-BAD-FILE: this is not a program image";
    return false;
  }
  Reader reader(bytes + sizeof(magic), size - sizeof(magic));
  int64_t version = 0;
  reader(version);
  if (!reader.valid() || version != formatVersion) {
    error = "E-BAD-FILE: the program image has version " + std::to_string(version) + ", this runtime reads version " +
            std::to_string(formatVersion);
    return false;
  }
  image = Image();
  reader(image);
  if (!reader.valid() || !reader.atEnd()) {
    error = "E-BAD-FILE: the program image is damaged";
    return false;
  }
  return validateImage(image, error);
}

} // namespace partita::runtime
