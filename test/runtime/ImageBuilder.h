// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Small helpers to write images by hand in tests.
//
// Worked example: layoutOf({{6, {0}}, {4}}) is f32[6, 4] with dimension 0 split over axis 0.
#ifndef PARTITA_TEST_RUNTIME_IMAGEBUILDER_H
#define PARTITA_TEST_RUNTIME_IMAGEBUILDER_H

#include "partita/runtime/Program.h"
#include "partita/runtime/Route.h"

#include <gtest/gtest.h>

namespace partita::runtime::test {

struct DimensionOf {
  int64_t extent;
  std::vector<int64_t> axes = {};
  int64_t unit = 1;
};

inline Layout layoutOf(std::vector<DimensionOf> dimensions, std::vector<PartialAxis> partial = {},
                       ElementType type = ElementType::f32) {
  Layout layout;
  layout.elementType = type;
  layout.partial = partial;
  for (const DimensionOf &dimension : dimensions) {
    layout.dimensions.push_back({{dimension.extent, {}}, {}});
    for (int64_t axis : dimension.axes)
      layout.dimensions.back().splits.push_back({axis, dimension.unit});
  }
  return layout;
}

/// A stage on devices first, first + 1, ... without buffers; appends the devices that are missing.
inline Stage &addStage(Image &image, std::string name, std::vector<Axis> axes, int64_t first) {
  Stage stage;
  stage.name = name;
  stage.axes = axes;
  int64_t ranks = 1;
  for (const Axis &axis : axes)
    ranks *= axis.kind == AxisKind::space ? axis.size : 1;
  for (int64_t rank = 0; rank < ranks; ++rank)
    stage.devices.push_back(first + rank);
  while (int64_t(image.devices.size()) < first + ranks)
    image.devices.push_back({int64_t(image.devices.size()), {}});
  image.stages.push_back(stage);
  return image.stages.back();
}

/// Appends a buffer, not sharing memory with any other. Bytes are those of the whole tensor.
inline int64_t addBuffer(Stage &stage, std::string name, Layout layout, const std::vector<Symbol> &symbols = {},
                         int64_t slots = 1) {
  std::vector<int64_t> bounds;
  for (const Symbol &symbol : symbols)
    bounds.push_back(symbol.maximum);
  Buffer buffer;
  buffer.name = name;
  buffer.layout = layout;
  buffer.offset = stage.arenaBytes;
  buffer.bytes = uint64_t(boxElements(globalBox(layout, bounds.data())) * elementBytes(layout.elementType));
  buffer.bytes = (buffer.bytes + 63) / 64 * 64;
  buffer.slots = slots;
  buffer.slotStride = slots > 1 ? buffer.bytes : 0;
  stage.arenaBytes += buffer.bytes * uint64_t(slots);
  stage.buffers.push_back(buffer);
  return int64_t(stage.buffers.size()) - 1;
}

inline Call callOf(int64_t function, std::vector<int64_t> buffers, std::string node) {
  Call call;
  call.function = function;
  call.node = node;
  for (int64_t buffer : buffers)
    call.arguments.push_back({buffer, 0, 0});
  return call;
}

inline void addEvent(Image &image, int64_t device, EventKind kind, int64_t stage, int64_t microBatch = 0,
                     int64_t slot = 0, int64_t channel = -1) {
  image.devices[size_t(device)].events.push_back({kind, stage, microBatch, slot, 0, channel});
}

inline std::vector<float> floatsOf(const TensorView &view) {
  auto *data = static_cast<const float *>(view.data);
  return std::vector<float>(data, data + elementCount(view.shape));
}

/// x[N, 4] * w[4] on two ranks, columns split, two slots; N symbolic in 1..6 over two micro-batches.
/// Function 0 is scaleColumns().
Image scaleImage();
void scaleColumns(partita_context *context, void *const *buffers);

} // namespace partita::runtime::test

#endif // PARTITA_TEST_RUNTIME_IMAGEBUILDER_H
