// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The split rule, copies, reductions and small floats, each against the obvious computation.
#include "ImageBuilder.h"
#include "partita/runtime/SmallFloat.h"

#include <cmath>
#include <cstring>

using namespace partita::runtime;
using namespace partita::runtime::test;

namespace {

TEST(Split, DealsOutUnitsOneByOne) {
  for (int64_t length = 0; length <= 17; ++length)
    for (int64_t unit = 1; unit <= 5; ++unit)
      for (int64_t parts = 1; parts <= 7; ++parts) {
        // Units are dealt to the parts in turn; part i then owns a run of as many units.
        std::vector<int64_t> units(size_t(parts), 0);
        for (int64_t first = 0, turn = 0; first < length; first += unit, ++turn)
          ++units[size_t(turn % parts)];
        int64_t begin = 0;
        for (int64_t index = 0; index < parts; ++index) {
          int64_t end = std::min(length, begin + units[size_t(index)] * unit);
          EXPECT_EQ(splitInterval({100, 100 + length}, unit, parts, index), (Interval{100 + begin, 100 + end}))
              << length << " " << unit << " " << parts << " " << index;
          begin = end;
        }
        EXPECT_EQ(begin, length);
      }
}

TEST(Split, GivesTwelveHeadsToFiveRanks) {
  std::vector<Axis> axes = {{"tensor", 5}};
  Layout layout = layoutOf({{768, {0}, 64}});
  std::vector<int64_t> heads;
  for (int64_t rank = 0; rank < 5; ++rank)
    heads.push_back(localBox(layout, axes, &rank, nullptr)[0].length() / 64);
  EXPECT_EQ(heads, (std::vector<int64_t>{3, 3, 2, 2, 2}));
}

TEST(Split, NestsInOrder) {
  std::vector<Axis> axes = {{"a", 2}, {"b", 3}};
  Layout layout = layoutOf({{7, {1, 0}}}); // 3, 2, 2 over b, then halves over a.
  std::vector<std::pair<int64_t, int64_t>> parts;
  for (int64_t b = 0; b < 3; ++b)
    for (int64_t a = 0; a < 2; ++a) {
      int64_t coordinates[2] = {a, b};
      Interval part = localBox(layout, axes, coordinates, nullptr)[0];
      parts.push_back({part.begin, part.end});
    }
  EXPECT_EQ(parts, (std::vector<std::pair<int64_t, int64_t>>{{0, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 6}, {6, 7}}));
}

TEST(Regions, CopyEqualsElementByElement) {
  const Box sourceBox = {{2, 7}, {0, 4}, {1, 4}}, destinationBox = {{0, 6}, {1, 4}, {1, 4}};
  Box region;
  ASSERT_TRUE(intersectBoxes(sourceBox, destinationBox, region));
  std::vector<int16_t> source(size_t(boxElements(sourceBox))), result(size_t(boxElements(destinationBox)), -1);
  for (size_t i = 0; i < source.size(); ++i)
    source[i] = int16_t(i);
  copyRegion(2, region, {source.data(), sourceBox}, result.data(), destinationBox);
  for (int64_t i = 0; i < 6; ++i)
    for (int64_t j = 1; j < 4; ++j)
      for (int64_t k = 1; k < 4; ++k) {
        int64_t expected = i >= 2 ? ((i - 2) * 4 + j) * 3 + (k - 1) : -1;
        EXPECT_EQ(result[size_t((i * 3 + j - 1) * 3 + k - 1)], expected);
      }
}

TEST(Regions, SumsOfHalfPrecisionAreRoundedOnce) {
  // 2048 + 1 + 1 is 2050 in f32, but 2048 in f16 if every sum is rounded.
  Box box = {{0, 1}};
  uint16_t parts[3], result;
  const float values[3] = {2048, 1, 1};
  std::vector<ConstRegion> sources;
  for (int i = 0; i < 3; ++i) {
    parts[i] = encodeSmallFloat(ElementType::f16, values[i]);
    sources.push_back({&parts[i], box});
  }
  reduceRegion(ElementType::f16, ReductionKind::sum, box, sources, &result, box);
  EXPECT_EQ(decodeSmallFloat(ElementType::f16, result), 2050.0f);
}

TEST(Regions, MaximumPropagatesNan) {
  Box box = {{0, 2}};
  const float a[2] = {NAN, 1}, b[2] = {0, NAN};
  float result[2];
  reduceRegion(ElementType::f32, ReductionKind::max, box, {{a, box}, {b, box}}, result, box);
  EXPECT_TRUE(std::isnan(result[0]) && std::isnan(result[1]));
}

TEST(SmallFloat, EveryCodeRoundTrips) {
  for (ElementType type : {ElementType::bf16, ElementType::f16, ElementType::f8E4M3FN, ElementType::f8E5M2,
                           ElementType::f8E4M3FNUZ, ElementType::f8E5M2FNUZ})
    for (uint32_t code = 0; code < (elementBytes(type) == 2 ? 65536u : 256u); ++code) {
      float value = decodeSmallFloat(type, uint16_t(code));
      uint16_t back = encodeSmallFloat(type, value);
      if (std::isnan(value))
        EXPECT_TRUE(std::isnan(decodeSmallFloat(type, back)));
      else
        EXPECT_EQ(back, code) << elementName(type);
    }
}

TEST(SmallFloat, RoundsToTheNearestCode) {
  // Midpoints between neighbours go to the even code, everything else to the nearer one.
  for (ElementType type : {ElementType::f8E4M3FN, ElementType::f8E5M2, ElementType::f16, ElementType::bf16})
    for (uint16_t code = 0; code + 1 < (elementBytes(type) == 2 ? 0x7b00 : 0x7b); ++code) {
      float low = decodeSmallFloat(type, code), high = decodeSmallFloat(type, uint16_t(code + 1));
      float middle = low + (high - low) / 2;
      EXPECT_EQ(encodeSmallFloat(type, middle), code % 2 ? code + 1 : code);
      EXPECT_EQ(encodeSmallFloat(type, std::nextafter(middle, low)), code);
      EXPECT_EQ(encodeSmallFloat(type, -std::nextafter(middle, high)) & (elementBytes(type) == 2 ? 0x7fff : 0x7f),
                code + 1);
    }
  EXPECT_EQ(decodeSmallFloat(ElementType::f8E4M3FN, 0x7e), 448.0f);
  EXPECT_EQ(decodeSmallFloat(ElementType::f8E5M2, 0x7b), 57344.0f);
  EXPECT_EQ(decodeSmallFloat(ElementType::f8E4M3FNUZ, 0x7f), 240.0f);
  EXPECT_TRUE(std::isinf(decodeSmallFloat(ElementType::f16, encodeSmallFloat(ElementType::f16, 65520))));
  EXPECT_TRUE(std::isnan(decodeSmallFloat(ElementType::f8E4M3FN, encodeSmallFloat(ElementType::f8E4M3FN, 500))));
}

/// What lies behind the counts is garbage at the source; it is not copied, and the destination is zero there.
TEST(CountedRegion, CopiesTheRowsThatAreThere) {
  // The source has places 1 and 2 of [4, 3, 2]: three rows of two elements for each.
  Box sourceBox{{1, 3}, {0, 3}, {0, 2}}, destinationBox{{0, 4}, {0, 3}, {0, 2}};
  std::vector<float> source{1, 2, 3, 4, -1, -1, 5, 6, -1, -1, -1, -1};
  for (int64_t second : {0, 1, 2, 3, 9}) {
    std::vector<float> destination(24, 7.0f);
    std::vector<int64_t> counts{2, second};
    int64_t copied = copyCountedRegion(4, sourceBox, {source.data(), sourceBox}, {counts.data(), 1}, destination.data(),
                                       destinationBox);
    EXPECT_EQ(copied, 4 + 2 * std::min<int64_t>(second, 3));
    for (int64_t place = 0; place < 4; ++place)
      for (int64_t row = 0; row < 3; ++row)
        for (int64_t column = 0; column < 2; ++column) {
          float found = destination[size_t((place * 3 + row) * 2 + column)];
          bool isRegion = place == 1 || place == 2;
          bool isThere = isRegion && row < counts[size_t(place - 1)];
          float wanted = isThere ? source[size_t(((place - 1) * 3 + row) * 2 + column)] : isRegion ? 0.0f : 7.0f;
          EXPECT_EQ(found, wanted) << place << " " << row << " " << column << " of " << second;
        }
  }
}

/// Part of the rows only: row numbers are those of the whole tensor.
TEST(CountedRegion, CountsRowsFromTheBeginOfTheTensor) {
  Box sourceBox{{0, 2}, {2, 5}}, region{{0, 2}, {3, 5}};
  std::vector<int32_t> source{1, 2, 3, 4, 5, 6}, destination(4, 9);
  std::vector<int64_t> counts{4, 1};
  EXPECT_EQ(copyCountedRegion(4, region, {source.data(), sourceBox}, {counts.data(), 1}, destination.data(), region),
            1);
  EXPECT_EQ(destination, (std::vector<int32_t>{2, 0, 0, 0}));
  // One count for the whole tensor.
  int64_t all = 4;
  Box line{{0, 6}};
  std::vector<int32_t> result(6, 9);
  EXPECT_EQ(copyCountedRegion(4, line, {source.data(), line}, {&all, 0}, result.data(), line), 4);
  EXPECT_EQ(result, (std::vector<int32_t>{1, 2, 3, 4, 0, 0}));
}

} // namespace
