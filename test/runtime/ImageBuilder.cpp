// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The image that several tests share.
#include "ImageBuilder.h"

namespace partita::runtime::test {

Image scaleImage() {
  Image image;
  image.producer = "test";
  image.model = "scale";
  image.planId = 7;
  image.symbols = {{"N", 1, 6}};
  image.functionCount = 1;
  image.predicted = {0.001, 0};
  image.notes = {{"cpu", "any"}};
  Layout x = layoutOf({{0, {1}}, {4, {0}}});
  x.dimensions[0].extent.coefficients = {1};
  Stage &stage = addStage(image, "all", {{"tensor", 2}, {"micro", 2, AxisKind::time}}, 0);
  addBuffer(stage, "x", x, image.symbols, 2);
  addBuffer(stage, "y", x, image.symbols, 2);
  addBuffer(stage, "w", layoutOf({{4, {0}}}));
  stage.calls = {{EventKind::forward, {callOf(0, {0, 2, 1}, "scale")}}};
  image.inputs = {{"x", ElementType::f32, {{0, {1}}, {4, {}}}, -1, {{0, 0}}}};
  image.outputs = {{"y=x*w", 0, 1}};
  Weight weight;
  weight.name = "w";
  weight.buffer = 2;
  weight.source = WeightSource::constant;
  const float values[4] = {1, 10, 100, 1000};
  weight.data.assign(reinterpret_cast<const char *>(values), sizeof(values));
  image.weights = {weight};
  image.predicted.arenaBytes = stage.arenaBytes;
  for (int64_t rank = 0; rank < 2; ++rank) {
    addEvent(image, rank, EventKind::init, 0);
    addEvent(image, rank, EventKind::forward, 0, 0, 0);
    addEvent(image, rank, EventKind::forward, 0, 1, 1);
  }
  return image;
}

// Stands for generated code: knows the split rule (two columns a rank, half of the rows a micro-batch).
void scaleColumns(partita_context *context, void *const *buffers) {
  int64_t n = context->symbols[0], rows = context->coordinates[1] == 0 ? (n + 1) / 2 : n / 2;
  auto *x = static_cast<const float *>(buffers[0]), *w = static_cast<const float *>(buffers[1]);
  auto *y = static_cast<float *>(buffers[2]);
  for (int64_t i = 0; i < rows * 2; ++i)
    y[i] = x[i] * w[i % 2];
}

} // namespace partita::runtime::test
