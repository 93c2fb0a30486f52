// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Programs of several stages: channels, slots, micro-batches, symbolic dimensions, failures, deadlocks.
#include "ImageBuilder.h"

#include <algorithm>
#include <atomic>
#include <sched.h>
#include <thread>

using namespace partita::runtime;
using namespace partita::runtime::test;

namespace {

constexpr int64_t rows = 7, columns = 5, micro = 3;

// Actual elements of the first argument, by the layout of a buffer of the stage that is told by `version`.
const Image *current;
int64_t localElements(partita_context *context, size_t stage, size_t buffer) {
  const Stage &where = current->stages[stage];
  return boxElements(localBox(where.buffers[buffer].layout, where.axes, context->coordinates, context->symbols));
}

void addOne(partita_context *context, void *const *buffers) {
  auto *x = static_cast<const float *>(buffers[0]);
  auto *y = static_cast<float *>(buffers[1]);
  for (int64_t i = 0, n = localElements(context, 0, 1); i < n; ++i)
    y[i] = x[i] + 1;
}

void doubled(partita_context *context, void *const *buffers) {
  auto *x = static_cast<const float *>(buffers[0]);
  auto *y = static_cast<float *>(buffers[1]);
  for (int64_t i = 0, n = localElements(context, 1, 0); i < n; ++i)
    y[i] = 2 * x[i];
}

void doubledUnlessRankOne(partita_context *context, void *const *buffers) {
  if (context->coordinates[0] == 1 && context->microBatch == 1)
    return partita_fail(context, "made to fail");
  doubled(context, buffers);
}

// y = 2 * (x + 1) over [7, 5]: stage 0 adds on `front` ranks (columns split), stage 1 doubles on `back`
// ranks (rows split), in three micro-batches of rows, with `slots` slots.
Image pipelineImage(int64_t front, int64_t back, int64_t backFirst, int64_t slots) {
  Image image;
  image.functionCount = 2;
  Layout byColumns = layoutOf({{rows, {1}}, {columns, {0}}}), byRows = layoutOf({{rows, {1, 0}}, {columns}});
  Stage &first = addStage(image, "front", {{"x", front}, {"micro", micro, AxisKind::time}}, 0);
  addBuffer(first, "x", byColumns, {}, slots);
  addBuffer(first, "h", byColumns, {}, slots);
  first.calls = {{EventKind::forward, {callOf(0, {0, 1}, "add")}}};
  Stage &second = addStage(image, "back", {{"y", back}, {"micro", micro, AxisKind::time}}, backFirst);
  addBuffer(second, "h", byRows, {}, slots);
  addBuffer(second, "y", byRows, {}, slots);
  second.calls = {{EventKind::forward, {callOf(1, {0, 1}, "double")}}};
  image.inputs = {{"x", ElementType::f32, {{rows, {}}, {columns, {}}}, -1, {{0, 0}}}};
  image.outputs = {{"y", 1, 1}};
  image.channels = {{0, 1, 1, 0, "h"}};
  for (int64_t m = 0; m < micro; ++m) {
    for (int64_t rank = 0; rank < front; ++rank) {
      addEvent(image, rank, EventKind::forward, 0, m, m % slots);
      addEvent(image, rank, EventKind::send, 0, m, m % slots, 0);
    }
    for (int64_t rank = backFirst; rank < backFirst + back; ++rank) {
      addEvent(image, rank, EventKind::receive, 1, m, m % slots, 0);
      addEvent(image, rank, EventKind::forward, 1, m, m % slots);
    }
  }
  return image;
}

TensorView inputOf(std::vector<float> &values, const std::vector<int64_t> &shape) {
  values.resize(size_t(elementCount(shape)));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = float(i) * 0.5f;
  return {ElementType::f32, shape, values.data(), nullptr};
}

void expectDoubled(Image image) {
  const partita_function functions[] = {addOne, doubled};
  std::string error;
  ASSERT_TRUE(validateImage(image, error)) << error;
  auto program = Program::create(std::move(image), functions, {}, error);
  ASSERT_TRUE(program) << error;
  current = &program->image();
  std::vector<float> x;
  TensorView input = inputOf(x, {rows, columns});
  std::vector<TensorView> outputs;
  for (int step = 0; step < 5; ++step) {
    x[0] = float(step); // Another value each step: nothing stale may come through.
    ASSERT_TRUE(program->run({input}, {}, outputs, error)) << error;
    std::vector<float> y = floatsOf(outputs[0]);
    for (size_t i = 0; i < x.size(); ++i)
      ASSERT_EQ(y[i], 2 * (x[i] + 1)) << "step " << step << " element " << i;
  }
}

TEST(Program, PipelinesTwoStagesOfTwoRanks) {
  expectDoubled(pipelineImage(2, 2, 2, 1));
  expectDoubled(pipelineImage(2, 2, 2, 2));
}

TEST(Program, PipelinesStagesOfUnequalSize) {
  expectDoubled(pipelineImage(3, 1, 3, 2));
  expectDoubled(pipelineImage(1, 4, 1, 3));
  expectDoubled(pipelineImage(5, 2, 5, 1));
}

TEST(Program, PipelinesStagesThatShareDevices) {
  expectDoubled(pipelineImage(2, 2, 0, 1));
  expectDoubled(pipelineImage(3, 2, 1, 2));
}

TEST(Program, ReducesPartialValuesInAChannel) {
  Image image = pipelineImage(2, 2, 2, 1);
  // x is 5 / 2 columns wide on each rank; instead both ranks hold all of it as a summand.
  Layout partial = layoutOf({{rows, {1}}, {columns}}, {{0, ReductionKind::sum}});
  image.stages[0].buffers[0].layout = layoutOf({{rows, {1}}, {columns}});
  image.stages[0].buffers[1].layout = partial;
  const partita_function functions[] = {addOne, doubled};
  std::string error;
  auto program = Program::create(image, functions, {}, error);
  ASSERT_TRUE(program) << error;
  current = &program->image();
  std::vector<float> x;
  TensorView input = inputOf(x, {rows, columns});
  std::vector<TensorView> outputs;
  ASSERT_TRUE(program->run({input}, {}, outputs, error)) << error;
  for (size_t i = 0; i < x.size(); ++i)
    ASSERT_EQ(floatsOf(outputs[0])[i], 4 * (x[i] + 1));
}

TEST(Program, ReservesExactlyTheArenas) {
  Image image = pipelineImage(3, 2, 1, 2);
  uint64_t front = image.stages[0].arenaBytes, back = image.stages[1].arenaBytes;
  const partita_function functions[] = {addOne, doubled};
  std::string error;
  auto program = Program::create(image, functions, {}, error);
  ASSERT_TRUE(program) << error;
  EXPECT_EQ(program->arenaBytes(0), front);
  EXPECT_EQ(program->arenaBytes(1), front + back);
}

TEST(Program, FailureOfOneRankEndsAllAndTheNextRunIsClean) {
  static bool armed;
  const partita_function failing[] = {addOne, [](partita_context *context, void *const *buffers) {
                                        (armed ? doubledUnlessRankOne : doubled)(context, buffers);
                                      }};
  std::string error;
  auto program = Program::create(pipelineImage(2, 2, 2, 1), failing, {}, error);
  ASSERT_TRUE(program) << error;
  current = &program->image();
  std::vector<float> x;
  TensorView input = inputOf(x, {rows, columns});
  std::vector<TensorView> outputs;
  for (int round = 0; round < 20; ++round) {
    armed = true;
    ASSERT_FALSE(program->run({input}, {}, outputs, error));
    EXPECT_EQ(error, "E-RUN: rank 3, stage 'back', forward, micro-batch 1, node 'double': made to fail");
    armed = false;
    ASSERT_TRUE(program->run({input}, {}, outputs, error)) << error;
    EXPECT_EQ(floatsOf(outputs[0])[34], 2 * (x[34] + 1));
  }
}

TEST(Program, SourcesOutliveCopiesWhenARankFails) {
  constexpr int64_t count = 1 << 16;
  Image image;
  image.functionCount = 1;
  addStage(image, "three", {{"x", 3}}, 0).calls = {{EventKind::forward, {callOf(0, {}, "")}}};
  image.collectives = {
      {0, 0, CollectiveKind::allReduce, layoutOf({{count}}, {{0, ReductionKind::sum}}), layoutOf({{count}}), "big"}};
  for (int64_t rank = 0; rank < 3; ++rank)
    addEvent(image, rank, EventKind::forward, 0);
  // Rank 2 fails while others read its source, which is gone as soon as partita_fail() has returned.
  const partita_function functions[] = {[](partita_context *context, void *const *) {
    std::vector<float> source(count, 1.0f), result(count);
    partita_collective_start(context, 0, source.data(), result.data());
    if (context->coordinates[0] != 2)
      return partita_collective_wait(context, 0);
    for (int i = 0; i < 20; ++i)
      sched_yield();
    partita_fail(context, "made to fail");
  }};
  std::string error;
  auto program = Program::create(image, functions, {}, error);
  ASSERT_TRUE(program) << error;
  std::vector<TensorView> outputs;
  for (int round = 0; round < 50; ++round)
    ASSERT_FALSE(program->run({}, {}, outputs, error));
}

TEST(Program, StoresReplicatedOutputsFromOneOwner) {
  Image image;
  image.functionCount = 1;
  Stage &stage = addStage(image, "mesh", {{"x", 2}, {"y", 3}, {"micro", 2, AxisKind::time}}, 0);
  addBuffer(stage, "out", layoutOf({{2, {0}}}));
  stage.calls = {{EventKind::forward, {callOf(0, {0}, "")}}};
  image.outputs = {{"out", 0, 0}};
  for (int64_t rank = 0; rank < 6; ++rank)
    for (int64_t m = 0; m < 2; ++m)
      addEvent(image, rank, EventKind::forward, 0, m);
  const partita_function functions[] = {[](partita_context *context, void *const *buffers) {
    const int64_t *at = context->coordinates;
    *static_cast<float *>(buffers[0]) = float(at[0] * 100 + at[1] * 10 + at[2]);
  }};
  std::string error;
  auto program = Program::create(image, functions, {}, error);
  ASSERT_TRUE(program) << error;
  std::vector<TensorView> outputs;
  ASSERT_TRUE(program->run({}, {}, outputs, error)) << error;
  EXPECT_EQ(floatsOf(outputs[0]), (std::vector<float>{0, 100}));
}

TEST(Program, ReportsADeadlockWithRanksAndNodes) {
  Image image = pipelineImage(2, 2, 2, 1);
  // Rank 1 never sends micro-batch 2, so both receivers wait for it.
  image.devices[1].events.pop_back();
  const partita_function functions[] = {addOne, doubled};
  std::string error;
  auto program = Program::create(image, functions, {}, error);
  ASSERT_TRUE(program) << error;
  current = &program->image();
  std::vector<float> x;
  std::vector<TensorView> outputs;
  ASSERT_FALSE(program->run({inputOf(x, {rows, columns})}, {}, outputs, error));
  EXPECT_EQ(error.rfind("E-DEADLOCK", 0), 0u) << error;
  EXPECT_NE(error.find("rank 2 in fetch of channel 0 (node 'h', micro-batch 2)"), std::string::npos) << error;
}

TEST(Program, TakesSymbolicExtentsFromItsInputs) {
  const partita_function functions[] = {scaleColumns};
  std::string error;
  auto program = Program::create(scaleImage(), functions, {}, error);
  ASSERT_TRUE(program) << error;
  std::vector<TensorView> outputs;
  for (int64_t n : {6, 1, 5, 2, 6}) {
    std::vector<float> x;
    std::vector<TensorView> inputs = {inputOf(x, {n, 4})};
    std::vector<int64_t> symbols;
    ASSERT_TRUE(bindSymbols(program->image(), inputs, symbols, error)) << error;
    ASSERT_TRUE(program->run(inputs, symbols, outputs, error)) << error;
    EXPECT_EQ(outputs[0].shape, (std::vector<int64_t>{n, 4}));
    const float scale[4] = {1, 10, 100, 1000};
    std::vector<float> y = floatsOf(outputs[0]);
    for (size_t i = 0; i < x.size(); ++i)
      ASSERT_EQ(y[i], x[i] * scale[i % 4]);
  }
}

TEST(Program, RefusesInputsThatDoNotFit) {
  Image image = scaleImage();
  std::vector<int64_t> symbols;
  std::vector<float> x;
  std::string error;
  for (const std::vector<int64_t> &shape : {std::vector<int64_t>{7, 4}, {0, 4}, {3, 5}, {3}, {3, 4, 1}}) {
    EXPECT_FALSE(bindSymbols(image, {inputOf(x, shape)}, symbols, error));
    EXPECT_EQ(error.rfind("E-INPUT: input 'x'", 0), 0u) << error;
  }
  TensorView wrong = inputOf(x, {3, 4});
  wrong.elementType = ElementType::si32;
  EXPECT_FALSE(bindSymbols(image, {wrong}, symbols, error));
  image.inputs.push_back({"z", ElementType::si64, {{1, {2}}}, 9, {}});
  int64_t indices[7] = {0, 9, -10, 1, 2, 3, 4};
  TensorView z{ElementType::si64, {7}, indices, nullptr};
  ASSERT_TRUE(bindSymbols(image, {inputOf(x, {3, 4}), z}, symbols, error)) << error;
  EXPECT_EQ(symbols, std::vector<int64_t>{3});
  EXPECT_FALSE(bindSymbols(image, {inputOf(x, {4, 4}), z}, symbols, error)); // 7 = 1 + 2 * 3.
  indices[6] = 10;
  EXPECT_FALSE(bindSymbols(image, {inputOf(x, {3, 4}), z}, symbols, error));
  EXPECT_NE(error.find("value 10"), std::string::npos) << error;
}

// Every body fills its scratch, lets others run, and finds it as it left it; a loop inside of a body runs on the body's
// own thread and sees the same scratch.
TEST(Program, BodiesThatRunAtOnceHaveScratchOfTheirOwn) {
  static std::atomic<int64_t> wrong, inner;
  Image image;
  image.functionCount = 1;
  image.workerScratchBytes = 4096 + 64;
  addStage(image, "one", {}, 0).calls = {{EventKind::forward, {callOf(0, {}, "")}}};
  addEvent(image, 0, EventKind::forward, 0);
  const partita_function functions[] = {[](partita_context *context, void *const *) {
    context->workerScratch[0] = 1; // Outside of loops it is that of the first thread.
    partita_parallel_for(
        context, 0, 64, 1,
        [](partita_context *own, int64_t begin, int64_t, void *) {
          auto *scratch = reinterpret_cast<int64_t *>(own->workerScratch);
          wrong += int64_t(reinterpret_cast<uintptr_t>(scratch) % 64 != 0);
          std::fill(scratch, scratch + 520, begin);
          partita_parallel_for(
              own, 0, 5, 2,
              [](partita_context *nested, int64_t first, int64_t last, void *outer) {
                wrong += int64_t(nested->workerScratch != static_cast<partita_context *>(outer)->workerScratch);
                inner += last - first;
              },
              own);
          std::this_thread::yield();
          wrong += std::count_if(scratch, scratch + 520, [&](int64_t value) { return value != begin; });
        },
        nullptr);
  }};
  for (int64_t threads : {1, 2, 3, 8}) {
    inner = 0;
    std::string error;
    ProgramOptions options;
    options.threads = threads;
    auto program = Program::create(image, functions, options, error);
    ASSERT_TRUE(program) << error;
    EXPECT_EQ(program->workerScratchBytes(0), uint64_t(program->threadsPerRank()) * 8192);
    std::vector<TensorView> outputs;
    for (int step = 0; step < 10; ++step)
      ASSERT_TRUE(program->run({}, {}, outputs, error)) << error;
    EXPECT_EQ(inner, 10 * 64 * 5);
    EXPECT_EQ(wrong, 0) << threads;
  }
}

TEST(Program, ParallelLoopsCoverTheRangeInFixedPieces) {
  static std::vector<std::atomic<int>> touched(1000);
  static std::atomic<bool> wrong;
  Image image;
  image.functionCount = 1;
  addStage(image, "one", {}, 0).calls = {{EventKind::forward, {callOf(0, {}, "")}}};
  addEvent(image, 0, EventKind::forward, 0);
  const partita_function functions[] = {[](partita_context *context, void *const *) {
    partita_parallel_for(
        context, 3, 1000, 7,
        [](partita_context *, int64_t begin, int64_t end, void *) {
          if ((begin - 3) % 7 != 0 || (end - begin != 7 && end != 1000))
            wrong = true;
          for (int64_t i = begin; i < end; ++i)
            ++touched[size_t(i)];
        },
        nullptr);
    partita_parallel_for(context, 5, 5, 0, nullptr, nullptr);
  }};
  for (int64_t threads : {1, 2, 4}) {
    for (auto &count : touched)
      count = 0;
    std::string error;
    ProgramOptions options;
    options.threads = threads;
    auto program = Program::create(image, functions, options, error);
    ASSERT_TRUE(program) << error;
    EXPECT_EQ(program->threadsPerRank(), threads);
    std::vector<TensorView> outputs;
    for (int step = 0; step < 10; ++step)
      ASSERT_TRUE(program->run({}, {}, outputs, error)) << error;
    for (size_t i = 0; i < 1000; ++i)
      ASSERT_EQ(touched[i], i >= 3 ? 10 : 0);
  }
  EXPECT_FALSE(wrong);
}

} // namespace

namespace {
std::atomic<const void *> seenInput, seenOutput; // Of the rank that came last.

void reversed(partita_context *context, void *const *buffers) {
  seenInput = buffers[0];
  auto *x = static_cast<const float *>(buffers[0]);
  auto *y = static_cast<float *>(buffers[1]);
  seenOutput = y;
  int64_t count = localElements(context, 0, 0);
  for (int64_t i = 0; i < count; ++i)
    y[i] = x[count - 1 - i];
}

Image reversingImage(int64_t ranks) {
  Image image;
  image.functionCount = 1;
  Layout layout = layoutOf({{rows, {0}}});
  Stage &stage = addStage(image, "only", {{"x", ranks}}, 0);
  addBuffer(stage, "x", layout, {}, 1);
  addBuffer(stage, "y", layout, {}, 1);
  stage.calls = {{EventKind::forward, {callOf(0, {0, 1}, "reverse")}}};
  image.inputs = {{"x", ElementType::f32, {{rows, {}}}, -1, {{0, 0}}}};
  image.outputs = {{"y", 0, 1}};
  for (int64_t rank = 0; rank < ranks; ++rank)
    addEvent(image, rank, EventKind::forward, 0, 0, 0);
  return image;
}
} // namespace

TEST(Program, CallsWorkInTheCallersTensorsWhereARankHasAllOfThem) {
  const partita_function functions[] = {reversed};
  std::string error;
  auto program = Program::create(reversingImage(1), functions, {}, error);
  ASSERT_TRUE(program) << error;
  current = &program->image();
  std::shared_ptr<char> memory = allocateAligned((rows + 1) * sizeof(float));
  auto *x = reinterpret_cast<float *>(memory.get());
  for (int64_t offset : {0, 1}) {
    for (int64_t i = 0; i < rows; ++i)
      x[offset + i] = float(i);
    std::vector<TensorView> outputs;
    ASSERT_TRUE(program->run({{ElementType::f32, {rows}, x + offset, nullptr}}, {}, outputs, error)) << error;
    EXPECT_EQ(seenInput.load() == x + offset, offset == 0) << "only where it is aligned as the arena is";
    EXPECT_EQ(seenOutput.load(), outputs[0].data);
    for (int64_t i = 0; i < rows; ++i)
      EXPECT_EQ(static_cast<const float *>(outputs[0].data)[i], float(rows - 1 - i));
  }
}

TEST(Program, AnOutputMayBeTheNextInput) {
  const partita_function functions[] = {reversed};
  std::string error;
  auto program = Program::create(reversingImage(1), functions, {}, error);
  ASSERT_TRUE(program) << error;
  current = &program->image();
  std::vector<float> x;
  std::vector<TensorView> outputs;
  ASSERT_TRUE(program->run({inputOf(x, {rows})}, {}, outputs, error)) << error;
  std::vector<TensorView> again = outputs;
  ASSERT_TRUE(program->run(again, {}, outputs, error)) << error;
  for (int64_t i = 0; i < rows; ++i)
    EXPECT_EQ(static_cast<const float *>(outputs[0].data)[i], x[size_t(i)]);
}

TEST(Program, PartsOfATensorAreCopied) {
  const partita_function functions[] = {reversed};
  std::string error;
  auto program = Program::create(reversingImage(2), functions, {}, error);
  ASSERT_TRUE(program) << error;
  current = &program->image();
  std::vector<float> x;
  std::vector<TensorView> outputs;
  ASSERT_TRUE(program->run({inputOf(x, {rows})}, {}, outputs, error)) << error;
  // Rank 0 has four rows, rank 1 three; each reverses its own.
  for (int64_t i = 0; i < rows; ++i)
    EXPECT_EQ(static_cast<const float *>(outputs[0].data)[i], x[size_t(i < 4 ? 3 - i : 10 - i)]);
}
