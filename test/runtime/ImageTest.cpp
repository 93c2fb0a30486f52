// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The blob form of images, and the rules that an image must keep.
#include "ImageBuilder.h"

#include <functional>
#include <random>

using namespace partita::runtime;
using namespace partita::runtime::test;

namespace {

// An image with every kind of entry.
Image fullImage() {
  Image image = scaleImage();
  image.files = {{"m.onnx", 1000, 5}};
  Weight weight;
  weight.name = "v";
  weight.buffer = 2;
  weight.file = 0;
  weight.offset = 8;
  weight.bytes = 24;
  weight.fileShape = {6};
  weight.start = {2};
  image.weights.push_back(weight);
  image.collectives = {
      {0, 0, CollectiveKind::allReduce, layoutOf({{5}}, {{0, ReductionKind::max}}), layoutOf({{5}}), "node"}};
  image.channels = {{0, 1, 0, 0, "self"}};
  return image;
}

TEST(Image, RoundTripsThroughBytes) {
  std::string bytes = serializeImage(fullImage()), error;
  Image back;
  ASSERT_TRUE(deserializeImage(bytes.data(), bytes.size(), back, error)) << error;
  EXPECT_EQ(bytes, serializeImage(back));
  EXPECT_EQ(back.weights[1].start, std::vector<int64_t>{2});
  EXPECT_EQ(back.collectives[0].from.partial[0].kind, ReductionKind::max);
  EXPECT_EQ(back.outputs[0].name, "y=x*w");
}

TEST(Image, RefusesEveryTruncationAndExtension) {
  std::string bytes = serializeImage(fullImage()), error;
  Image back;
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::string part(bytes, 0, size); // Its own allocation, so that a sanitizer sees reads beyond it.
    EXPECT_FALSE(deserializeImage(part.data(), part.size(), back, error)) << size;
    EXPECT_EQ(error.rfind("E-BAD-FILE", 0), 0u);
  }
  bytes += '\0';
  EXPECT_FALSE(deserializeImage(bytes.data(), bytes.size(), back, error));
}

TEST(Image, SurvivesDamage) {
  std::string bytes = serializeImage(fullImage()), error;
  std::mt19937 random(1);
  Image back;
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = bytes;
    for (int flips = 1 + int(random() % 3); flips > 0; --flips)
      damaged[random() % damaged.size()] = char(random() % 4 ? random() : 0xff);
    if (!deserializeImage(damaged.data(), damaged.size(), back, error))
      EXPECT_EQ(error.rfind("E-BAD-FILE", 0), 0u);
  }
}

TEST(Image, KnowsItsRules) {
  std::string error;
  ASSERT_TRUE(validateImage(fullImage(), error)) << error;
  const std::pair<const char *, std::function<void(Image &)>> breakings[] = {
      {"symbol bounds", [](Image &i) { i.symbols[0].minimum = 9; }},
      {"device count", [](Image &i) { i.stages[0].devices.pop_back(); }},
      {"device twice", [](Image &i) { i.stages[0].devices[1] = 0; }},
      {"device range", [](Image &i) { i.stages[0].devices[1] = 7; }},
      {"axis size", [](Image &i) { i.stages[0].axes[0].size = 0; }},
      {"arena alignment", [](Image &i) { i.stages[0].arenaBytes += 8; }},
      {"arena size", [](Image &i) { i.stages[0].arenaBytes -= 64; }},
      {"buffer bytes", [](Image &i) { i.stages[0].buffers[0].bytes = 16; }},
      {"buffer overflow", [](Image &i) { i.stages[0].buffers[0].offset = UINT64_MAX - 3; }},
      {"buffer alignment", [](Image &i) { i.stages[0].buffers[2].offset -= 2; }},
      {"split axis", [](Image &i) { i.stages[0].buffers[0].layout.dimensions[0].splits[0].axis = 5; }},
      {"split unit", [](Image &i) { i.stages[0].buffers[0].layout.dimensions[0].splits[0].unit = 0; }},
      {"axis used twice", [](Image &i) { i.stages[0].buffers[0].layout.dimensions[0].splits[0].axis = 0; }},
      {"huge extent", [](Image &i) { i.stages[0].buffers[2].layout.dimensions[0].extent.constant = INT64_MAX; }},
      {"coefficients", [](Image &i) { i.stages[0].buffers[0].layout.dimensions[0].extent.coefficients = {1, 1}; }},
      {"huge coefficient", [](Image &i) { i.inputs[0].shape[0].coefficients = {INT64_MIN}; }},
      {"worker scratch", [](Image &i) { i.workerScratchBytes = 65; }},
      {"function", [](Image &i) { i.functionCount = 0; }},
      {"argument", [](Image &i) { i.stages[0].calls[0].calls[0].arguments[0].buffer = 9; }},
      {"raw argument", [](Image &i) { i.stages[0].calls[0].calls[0].arguments[0] = {-1, 0, 1 << 20}; }},
      {"scratch", [](Image &i) { i.stages[0].calls[0].calls[0].scratch = 1 << 30; }},
      {"two lists", [](Image &i) { i.stages[0].calls.push_back(i.stages[0].calls[0]); }},
      {"event stage", [](Image &i) { i.devices[0].events[0].stage = 3; }},
      {"event micro-batch", [](Image &i) { i.devices[0].events[1].microBatch = 2; }},
      {"event slot", [](Image &i) { i.devices[0].events[1].slot = 2; }},
      {"event channel", [](Image &i) { i.devices[0].events[1].kind = EventKind::send; }},
      {"input buffer", [](Image &i) { i.inputs[0].uses[0].buffer = 3; }},
      {"input type", [](Image &i) { i.inputs[0].elementType = ElementType::f64; }},
      {"input shape", [](Image &i) { i.inputs[0].shape[1].constant = 5; }},
      {"output buffer", [](Image &i) { i.outputs[0].buffer = -1; }},
      {"constant size", [](Image &i) { i.weights[0].data.pop_back(); }},
      {"weight box", [](Image &i) { i.weights[1].start = {3}; }},
      {"weight bytes", [](Image &i) { i.weights[1].bytes = 28; }},
      {"weight in file", [](Image &i) { i.weights[1].offset = 990; }},
      {"weight file", [](Image &i) { i.weights[1].file = 1; }},
      {"symbolic weight", [](Image &i) { i.weights[0].buffer = 0; }},
      {"collective id", [](Image &i) { i.collectives[0].id = 1; }},
      {"collective shape", [](Image &i) { i.collectives[0].to.dimensions[0].extent.constant = 4; }},
      {"collective partial", [](Image &i) { std::swap(i.collectives[0].from, i.collectives[0].to); }},
      {"reduction over time", [](Image &i) { i.collectives[0].from.partial[0].axis = 1; }},
      {"channel buffer", [](Image &i) { i.channels[0].sourceBuffer = 8; }},
      {"channel shape", [](Image &i) { i.channels[0].sourceBuffer = 2; }},
  };
  for (const auto &[what, breakIt] : breakings) {
    Image image = fullImage();
    breakIt(image);
    error.clear();
    EXPECT_FALSE(validateImage(image, error)) << what;
    EXPECT_EQ(error.rfind("E-BAD-FILE", 0), 0u) << what;
  }
}

} // namespace
