// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values that ranks share: made once for each group, read by all of it, and the numbers are the same as without.
#include "ImageBuilder.h"
#include "ResidentMemory.h"
#include "partita/runtime/Drawing.h"

#include <atomic>
#include <set>

using namespace partita::runtime;
using namespace partita::runtime::test;

namespace {

constexpr int64_t columns = 6, calls = 4;
std::atomic<int64_t> prepared;
const void *seen[calls][4]; // Where each rank read each prepared value.

int64_t rankOf(partita_context *context) { return context->coordinates[0] * 2 + context->coordinates[1]; }

// result = 10 * weight over the columns that the rank has along y.
void prepare(partita_context *context, void *const *buffers) {
  (void)context;
  prepared.fetch_add(1);
  for (int64_t c = 0; c < columns / 2; ++c)
    static_cast<float *>(buffers[1])[c] = 10 * static_cast<const float *>(buffers[0])[c];
}

// out = the sum of all prepared values, in the rank's place of [4, columns / 2].
void sum(partita_context *context, void *const *buffers) {
  auto *out = static_cast<float *>(buffers[calls]);
  std::fill(out, out + columns / 2, 0.0f);
  for (int64_t i = 0; i < calls; ++i) {
    seen[i][rankOf(context)] = buffers[i];
    for (int64_t c = 0; c < columns / 2; ++c)
      out[c] += static_cast<const float *>(buffers[i])[c];
  }
}

// Axes x=2, y=2. Weights are split along y; what is prepared is said to be the same along `sameAlong`.
Image sharedImage(const std::vector<int64_t> &sameAlong) {
  Image image;
  image.functionCount = 2;
  Stage &stage = addStage(image, "all", {{"x", 2}, {"y", 2}}, 0);
  CallList init{EventKind::init, {}};
  Call step = callOf(1, {}, "sum");
  for (int64_t i = 0; i < calls; ++i) {
    int64_t weight = addBuffer(stage, "w", layoutOf({{columns, {1}}}));
    int64_t result = addBuffer(stage, "p", layoutOf({{columns / 2}}));
    init.calls.push_back(callOf(0, {weight, result}, "prepare"));
    init.calls.back().sameAlong = sameAlong;
    step.arguments.push_back({result, 0, 0});
    Weight row;
    row.name = "w" + std::to_string(i);
    row.buffer = weight;
    row.beforeCall = uint64_t(i);
    row.source = WeightSource::constant;
    for (int64_t c = 0; c < columns; ++c) {
      float value = float(i * 100 + c);
      row.data.append(reinterpret_cast<const char *>(&value), 4);
    }
    image.weights.push_back(row);
  }
  int64_t out = addBuffer(stage, "out", layoutOf({{2, {0}}, {columns, {1}}}));
  step.arguments.push_back({out, 0, 0});
  stage.calls = {init, {EventKind::forward, {step}}};
  image.outputs = {{"out", 0, out}};
  for (int64_t rank = 0; rank < 4; ++rank) {
    addEvent(image, rank, EventKind::init, 0);
    addEvent(image, rank, EventKind::forward, 0);
  }
  return image;
}

std::unique_ptr<Program> start(Image image) {
  const static partita_function functions[] = {prepare, sum};
  std::string error;
  prepared = 0;
  EXPECT_TRUE(validateImage(image, error)) << error;
  auto program = Program::create(std::move(image), functions, {}, error);
  EXPECT_TRUE(program) << error;
  return program;
}

void expectSums(Program &program) {
  std::vector<TensorView> outputs;
  std::string error;
  for (int step = 0; step < 2; ++step) {
    ASSERT_TRUE(program.run({}, {}, outputs, error)) << error;
    std::vector<float> y = floatsOf(outputs[0]);
    for (int64_t x = 0; x < 2; ++x)
      for (int64_t c = 0; c < columns; ++c)
        EXPECT_EQ(y[size_t(x * columns + c)], float(10 * (600 + calls * c)));
  }
}

TEST(Sharing, EachRankPreparesForItselfUnlessToldOtherwise) {
  auto program = start(sharedImage({}));
  expectSums(*program);
  EXPECT_EQ(prepared, 4 * calls);
  for (int64_t rank = 0; rank < 4; ++rank)
    EXPECT_EQ(program->sharedBytes(rank), 0u);
}

TEST(Sharing, OneRankOfAGroupPreparesForAll) {
  std::string blob = serializeImage(sharedImage({0})), error;
  Image image;
  ASSERT_TRUE(deserializeImage(blob.data(), blob.size(), image, error)) << error;
  auto program = start(std::move(image));
  expectSums(*program);
  EXPECT_EQ(prepared, 2 * calls);
  uint64_t shared = 0;
  for (int64_t i = 0; i < calls; ++i) {
    EXPECT_EQ(seen[i][0], seen[i][2]);
    EXPECT_EQ(seen[i][1], seen[i][3]);
    EXPECT_NE(seen[i][0], seen[i][1]) << "parts along y are different numbers";
  }
  // Arenas are what they were; what lies elsewhere is told, and the work is dealt out evenly.
  for (int64_t rank = 0; rank < 4; ++rank) {
    EXPECT_EQ(program->arenaBytes(rank), program->image().stages[0].arenaBytes);
    EXPECT_EQ(program->sharedBytes(rank), uint64_t(calls / 2 * 64));
    shared += program->sharedBytes(rank);
  }
  EXPECT_EQ(shared, uint64_t(2 * calls * 64));
}

// Copied weights that only steps read are shared by the ranks over which they are replicated.
TEST(Sharing, CopiedWeightsLieOnce) {
  Image image = sharedImage({});
  Stage &stage = image.stages[0];
  stage.calls.erase(stage.calls.begin());
  for (int64_t i = 0; i < calls; ++i)
    stage.calls[0].calls[0].arguments[size_t(i)].buffer = 2 * i;
  for (Weight &weight : image.weights)
    weight.beforeCall = 0;
  auto program = start(std::move(image));
  std::vector<TensorView> outputs;
  std::string error;
  ASSERT_TRUE(program->run({}, {}, outputs, error)) << error;
  for (int64_t c = 0; c < 2 * columns; ++c)
    EXPECT_EQ(floatsOf(outputs[0])[size_t(c)], float(600 + calls * (c % columns)));
  std::set<const void *> places;
  for (int64_t i = 0; i < calls; ++i) {
    EXPECT_EQ(seen[i][0], seen[i][2]);
    EXPECT_EQ(seen[i][1], seen[i][3]);
    places.insert({seen[i][0], seen[i][1]});
  }
  EXPECT_EQ(places.size(), size_t(2 * calls));
}

// Weights of each rank's own are never shared: an update would change them under the others.
TEST(Sharing, WhatCallsChangeIsNotShared) {
  Image image = sharedImage({});
  Stage &stage = image.stages[0];
  stage.calls.erase(stage.calls.begin());
  for (int64_t i = 0; i < calls; ++i)
    stage.calls[0].calls[0].arguments[size_t(i)].buffer = 2 * i;
  stage.calls.push_back({EventKind::update, {callOf(0, {0, 2}, "change")}});
  for (Weight &weight : image.weights)
    weight.beforeCall = 0;
  auto program = start(std::move(image));
  std::vector<TensorView> outputs;
  std::string error;
  ASSERT_TRUE(program->run({}, {}, outputs, error)) << error;
  for (int64_t i = 0; i < calls; ++i)
    EXPECT_EQ(seen[i][0] == seen[i][2], i >= 2);
}

// Two weights of 32 MiB are drawn and doubled; each is there once for both ranks, and of what was drawn nothing is
// left.
TEST(Sharing, MemoryOfInitIsGivenBack) {
  constexpr int64_t count = 8 << 20, megabyte = 1 << 20;
  Image image;
  image.functionCount = 2;
  Stage &stage = addStage(image, "all", {{"x", 2}}, 0);
  CallList init{EventKind::init, {}};
  for (int64_t i = 0; i < 2; ++i) {
    int64_t weight = addBuffer(stage, "w", layoutOf({{count}})), result = addBuffer(stage, "p", layoutOf({{count}}));
    init.calls.push_back(callOf(0, {weight, result}, "double"));
    init.calls.back().sameAlong = {0};
    Weight row;
    row.name = "w" + std::to_string(i);
    row.buffer = weight;
    row.beforeCall = uint64_t(i);
    row.source = WeightSource::generated;
    row.scale = 1;
    image.weights.push_back(row);
  }
  int64_t out = addBuffer(stage, "out", layoutOf({{2, {0}}, {2}}));
  stage.calls = {init, {EventKind::forward, {callOf(1, {1, 3, out}, "last")}}};
  image.outputs = {{"out", 0, out}};
  for (int64_t rank = 0; rank < 2; ++rank) {
    addEvent(image, rank, EventKind::init, 0);
    addEvent(image, rank, EventKind::forward, 0);
  }
  const partita_function functions[] = {[](partita_context *, void *const *buffers) {
                                          for (int64_t i = 0; i < count; ++i)
                                            static_cast<float *>(buffers[1])[i] =
                                                2 * static_cast<const float *>(buffers[0])[i];
                                        },
                                        [](partita_context *, void *const *buffers) {
                                          for (int64_t i = 0; i < 2; ++i)
                                            static_cast<float *>(buffers[2])[i] =
                                                static_cast<const float *>(buffers[i])[count - 1];
                                        }};
  uint64_t before = residentBytes();
  std::string error;
  auto program = Program::create(std::move(image), functions, {}, error);
  ASSERT_TRUE(program) << error;
  expectResidentAtMost(before + 80 * megabyte);
  std::vector<TensorView> outputs;
  ASSERT_TRUE(program->run({}, {}, outputs, error)) << error;
  for (int64_t i = 0; i < 4; ++i) {
    float drawn = 0;
    drawElement(ElementType::f32, drawingKey(0, "w" + std::to_string(i % 2)), count - 1, 1, &drawn);
    EXPECT_EQ(floatsOf(outputs[0])[size_t(i)], 2 * drawn);
  }
}

TEST(Sharing, RefusesWhatCannotBeShared) {
  auto mistake = [](auto change) {
    Image image = sharedImage({0});
    change(image.stages[0]);
    std::string error;
    EXPECT_FALSE(validateImage(image, error));
    return error;
  };
  EXPECT_NE(mistake([](Stage &stage) { stage.calls[0].calls[1].sameAlong = {2}; }).find("invalid axis"),
            std::string::npos);
  EXPECT_NE(mistake([](Stage &stage) { stage.calls[0].calls[1].sameAlong = {0, 0}; }).find("invalid axis"),
            std::string::npos);
  EXPECT_NE(mistake([](Stage &stage) { stage.calls[1].calls[0].sameAlong = {0}; }).find("in every step"),
            std::string::npos);
  EXPECT_NE(mistake([](Stage &stage) {
              stage.calls[0].calls[1].arguments[1] = stage.calls[0].calls[0].arguments[1];
            }).find("with another call"),
            std::string::npos);
}

} // namespace
