// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights in files: read where they lie or copied, the numbers are the same, and memory follows what is touched.
#include "partita/runtime/Weights.h"
#include "ImageBuilder.h"
#include "ResidentMemory.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <numeric>
#include <unistd.h>

using namespace partita::runtime;
using namespace partita::runtime::test;

namespace {

constexpr int64_t ranks = 4, width = 16, rowBytes = width * 4;

int64_t localRows(partita_context *context, int64_t rows) {
  return splitInterval({0, rows}, 1, ranks, context->coordinates[0]).length();
}

// y = the first and the last row of this rank's part of the table, as one row.
void readEnds(partita_context *context, void *const *buffers, int64_t rows) {
  auto *table = static_cast<const float *>(buffers[0]);
  auto *y = static_cast<float *>(buffers[1]);
  std::memcpy(y, table, rowBytes);
  std::memcpy(y + width, table + (localRows(context, rows) - 1) * width, rowBytes);
}

class WeightsTest : public testing::Test {
protected:
  std::string path = testing::TempDir() + "partita-weights-" + std::to_string(getpid());
  int descriptor = -1;

  void SetUp() override { descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600); }
  void TearDown() override {
    close(descriptor);
    unlink(path.c_str());
  }

  // A file of zeros but for the rows named in `filled`, in which element c of row r is r + c / 16.
  void writeTable(int64_t rows, uint64_t offset, const std::vector<int64_t> &filled) {
    ASSERT_EQ(ftruncate(descriptor, int64_t(offset) + rows * rowBytes), 0);
    for (int64_t row : filled) {
      float values[width];
      for (int64_t c = 0; c < width; ++c)
        values[c] = float(row) + float(c) / 16;
      ASSERT_EQ(pwrite(descriptor, values, sizeof(values), int64_t(offset) + row * rowBytes), int64_t(rowBytes));
    }
  }

  // The table split by rows over four ranks; each puts its first and last row into its part of the output.
  Image tableImage(int64_t rows, uint64_t offset) {
    Image image;
    image.functionCount = 1;
    Stage &stage = addStage(image, "all", {{"rows", ranks}}, 0);
    addBuffer(stage, "table", layoutOf({{rows, {0}}, {width}}));
    addBuffer(stage, "y", layoutOf({{ranks, {0}}, {2 * width}}));
    stage.calls = {{EventKind::forward, {callOf(0, {0, 1}, "ends")}}};
    image.outputs = {{"y", 0, 1}};
    Weight weight;
    weight.name = "table";
    weight.file = 0;
    weight.offset = offset;
    weight.bytes = uint64_t(rows * rowBytes);
    weight.fileShape = {rows, width};
    image.weights = {weight};
    image.files = {{path, offset + weight.bytes, 0}};
    for (int64_t rank = 0; rank < ranks; ++rank) {
      addEvent(image, rank, EventKind::init, 0);
      addEvent(image, rank, EventKind::forward, 0);
    }
    return image;
  }

  void expectEnds(int64_t rows, const std::vector<float> &y) {
    ASSERT_EQ(y.size(), size_t(ranks * 2 * width));
    for (int64_t rank = 0; rank < ranks; ++rank) {
      Interval part = splitInterval({0, rows}, 1, ranks, rank);
      for (int64_t c = 0; c < width; ++c) {
        EXPECT_EQ(y[size_t(rank * 2 * width + c)], float(part.begin) + float(c) / 16);
        EXPECT_EQ(y[size_t((rank * 2 + 1) * width + c)], float(part.end - 1) + float(c) / 16);
      }
    }
  }

  std::vector<float> run(Image image, partita_function function) {
    std::string error;
    EXPECT_TRUE(validateImage(image, error)) << error;
    auto program = Program::create(std::move(image), &function, {}, error);
    EXPECT_TRUE(program) << error;
    std::vector<TensorView> outputs;
    if (!program || !program->run({}, {}, outputs, error)) {
      ADD_FAILURE() << error;
      return {};
    }
    return floatsOf(outputs[0]);
  }
};

constexpr int64_t fewRows = 30;
void readEndsOfFew(partita_context *context, void *const *buffers) { readEnds(context, buffers, fewRows); }

TEST_F(WeightsTest, ArePartsOfTheFileWhereTheyLieInOnePiece) {
  std::vector<int64_t> all(fewRows);
  std::iota(all.begin(), all.end(), 0);
  // At a cache line: in the file. Four bytes further: copied.
  for (uint64_t offset : {128u, 132u}) {
    writeTable(fewRows, offset, all);
    expectEnds(fewRows, run(tableImage(fewRows, offset), readEndsOfFew));
  }
}

TEST_F(WeightsTest, FindsWhatLiesInOnePiece) {
  writeTable(6, 64, {});
  Image image = tableImage(6, 64);
  WeightFiles files;
  std::string error;
  ASSERT_TRUE(files.open(image, "", "", error)) << error;
  Box global = {{0, 6}, {0, width}};
  auto find = [&](const Box &box, Weight weight) { return files.find(weight, ElementType::f32, global, box); };
  const Weight &weight = image.weights[0];
  const char *whole = find(global, weight);
  ASSERT_TRUE(whole);
  EXPECT_EQ(find({{2, 5}, {0, width}}, weight), whole + 2 * rowBytes);
  EXPECT_EQ(find({{2, 3}, {0, 4}}, weight), whole + 2 * rowBytes);
  EXPECT_FALSE(find({{2, 3}, {4, 8}}, weight)) << "not at a multiple of 64 bytes";
  EXPECT_FALSE(find({{2, 4}, {0, 4}}, weight)) << "two pieces";
  EXPECT_FALSE(find({{2, 2}, {0, width}}, weight)) << "nothing";
  // The tensor is the lower half of the one in the file.
  Weight half = weight;
  half.start = {3, 0};
  EXPECT_EQ(files.find(half, ElementType::f32, {{0, 3}, {0, width}}, {{1, 3}, {0, width}}), whole + 4 * rowBytes);
  Weight drawn = weight;
  drawn.source = WeightSource::generated;
  EXPECT_FALSE(find(global, drawn));
}

// 1 TiB, of which a step reads eight rows.
constexpr int64_t manyRows = (int64_t(1) << 40) / rowBytes;
void readEndsOfMany(partita_context *context, void *const *buffers) { readEnds(context, buffers, manyRows); }

TEST_F(WeightsTest, TakeNoMemoryForWhatIsNotTouched) {
  std::vector<int64_t> filled;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    Interval part = splitInterval({0, manyRows}, 1, ranks, rank);
    filled.push_back(part.begin);
    filled.push_back(part.end - 1);
  }
  writeTable(manyRows, 4096, filled);
  uint64_t before = residentBytes();
  expectEnds(manyRows, run(tableImage(manyRows, 4096), readEndsOfMany));
  expectResidentAtMost(before + (uint64_t(32) << 20));
}

// Changes nothing, but could: a weight that a call of kind update is given is a copy of its own.
TEST_F(WeightsTest, AreCopiedWhereACallCouldChangeThem) {
  std::vector<int64_t> all(fewRows);
  std::iota(all.begin(), all.end(), 0);
  writeTable(fewRows, 64, all);
  Image image = tableImage(fewRows, 64);
  image.stages[0].calls.insert(image.stages[0].calls.begin(), {EventKind::update, {callOf(1, {0, 1}, "add nothing")}});
  for (Device &device : image.devices)
    device.events.insert(device.events.begin() + 1, {EventKind::update, 0});
  image.functionCount = 2;
  std::string error;
  const partita_function functions[] = {readEndsOfFew, [](partita_context *context, void *const *buffers) {
                                          for (int64_t i = 0, n = localRows(context, fewRows) * width; i < n; ++i)
                                            static_cast<float *>(buffers[0])[i] += 0;
                                        }};
  auto program = Program::create(std::move(image), functions, {}, error);
  ASSERT_TRUE(program) << error;
  std::vector<TensorView> outputs;
  ASSERT_TRUE(program->run({}, {}, outputs, error)) << error;
  expectEnds(fewRows, floatsOf(outputs[0]));
}

// What an init call prepares is there in every step. What it reads is not: the pages of the file go back, and in the
// arena, where the table would be copied to, it shares its memory with the output.
TEST_F(WeightsTest, AreGivenBackWhenOnlyInitReadsThem) {
  constexpr int64_t rows = (int64_t(256) << 20) / rowBytes;
  std::vector<int64_t> filled;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    Interval part = splitInterval({0, rows}, 1, ranks, rank);
    filled.push_back(part.begin);
    filled.push_back(part.end - 1);
  }
  const partita_function functions[] = {
      [](partita_context *context, void *const *buffers) {
        volatile float sum = 0;
        for (int64_t i = 0, n = localRows(context, rows) * width; i < n; i += 512)
          sum = sum + static_cast<float *>(buffers[0])[i];
        readEnds(context, buffers, rows);
      },
      [](partita_context *, void *const *buffers) { memcpy(buffers[1], buffers[0], 2 * rowBytes); }};
  writeTable(rows, 4096, filled);
  Image image = tableImage(rows, 4096);
  image.functionCount = 2;
  Stage &stage = image.stages[0];
  addBuffer(stage, "ends", layoutOf({{ranks, {0}}, {2 * width}}));
  stage.buffers[1].offset = stage.buffers[0].offset;
  stage.calls = {{EventKind::init, {callOf(0, {0, 2}, "prepare")}}, {EventKind::forward, {callOf(1, {2, 1}, "copy")}}};
  std::string error;
  ASSERT_TRUE(validateImage(image, error)) << error;
  uint64_t before = residentBytes();
  auto program = Program::create(std::move(image), functions, {}, error);
  ASSERT_TRUE(program) << error;
  for (int step = 0; step < 2; ++step) {
    std::vector<TensorView> outputs;
    ASSERT_TRUE(program->run({}, {}, outputs, error)) << error;
    expectEnds(rows, floatsOf(outputs[0]));
  }
  expectResidentAtMost(before + (uint64_t(32) << 20));
}

// Columns of a tensor of many blocks: what is copied block by block is whole.
TEST_F(WeightsTest, AreCopiedBlockByBlock) {
  constexpr int64_t rows = (int64_t(40) << 20) / rowBytes;
  writeTable(rows, 64, {0, 1, rows / 2, rows - 1});
  Image image = tableImage(rows, 64);
  WeightFiles files;
  std::string error;
  ASSERT_TRUE(files.open(image, "", "", error)) << error;
  std::vector<float> columns(size_t(rows * 2), -1);
  files.load(image.weights[0], ElementType::f32, {{0, rows}, {0, width}}, {{0, rows}, {3, 5}}, columns.data());
  for (int64_t row = 0; row < rows; ++row) {
    bool isFilled = row < 2 || row == rows / 2 || row == rows - 1;
    ASSERT_EQ(columns[size_t(row * 2)], isFilled ? float(row) + 3.0f / 16 : 0);
    ASSERT_EQ(columns[size_t(row * 2 + 1)], isFilled ? float(row) + 4.0f / 16 : 0);
  }
}

} // namespace
