// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Drawn numbers: fast ways give what the definition of one element gives, for every type, wherever a part begins.
#include "partita/runtime/Drawing.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace partita::runtime;

namespace {

constexpr int64_t count = 77; // No multiple of a vector.

std::string oneByOne(ElementType type, uint64_t key, const std::vector<int64_t> &indices, double scale) {
  size_t bytes = size_t(elementBytes(type));
  std::string elements(indices.size() * bytes, '\0');
  for (size_t i = 0; i < indices.size(); ++i)
    drawElement(type, key, indices[i], scale, elements.data() + i * bytes);
  return elements;
}

TEST(Drawing, ManyElementsAreTheSameAsOneByOne) {
  for (int type = 0; type <= int(ElementType::boolean); ++type)
    for (int64_t begin : {int64_t(0), int64_t(5), (int64_t(1) << 40) + 3})
      for (double scale : {0.02, 1.0, 7.0}) {
        uint64_t key = drawingKey(uint64_t(type), "w");
        std::vector<int64_t> indices;
        for (int64_t i = 0; i < count; ++i)
          indices.push_back(begin + i);
        std::string actual(size_t(count * elementBytes(ElementType(type))) + 1, '!');
        drawElements(ElementType(type), key, begin, count, scale, actual.data());
        EXPECT_EQ(actual, oneByOne(ElementType(type), key, indices, scale) + '!') << elementName(ElementType(type));
      }
}

TEST(Drawing, PartsAreThoseOfTheWhole) {
  Box global = {{0, 3}, {0, 4}, {0, 5}, {0, 6}};
  for (const Box &box : {global, Box{{1, 3}, {0, 4}, {0, 5}, {0, 6}}, Box{{0, 3}, {2, 4}, {1, 3}, {0, 6}},
                         Box{{2, 3}, {1, 2}, {0, 5}, {5, 6}}, Box{{0, 3}, {0, 4}, {0, 5}, {2, 5}}}) {
    std::vector<int64_t> indices;
    for (int64_t a = box[0].begin; a < box[0].end; ++a)
      for (int64_t b = box[1].begin; b < box[1].end; ++b)
        for (int64_t c = box[2].begin; c < box[2].end; ++c)
          for (int64_t d = box[3].begin; d < box[3].end; ++d)
            indices.push_back(((a * 4 + b) * 5 + c) * 6 + d);
    for (ElementType type : {ElementType::f32, ElementType::bf16, ElementType::si8}) {
      std::string actual(indices.size() * size_t(elementBytes(type)), '\0');
      drawBox(type, 11, global, box, 3, actual.data());
      EXPECT_EQ(actual, oneByOne(type, 11, indices, 3));
    }
  }
  float scalar = -1, expected = -2;
  drawBox(ElementType::f32, 11, {}, {}, 3, &scalar);
  drawElement(ElementType::f32, 11, 0, 3, &expected);
  EXPECT_EQ(scalar, expected);
}

// What programs drew in earlier versions: plans and results of models without weights stay what they were.
TEST(Drawing, StaysWhatItWas) {
  float real;
  drawElement(ElementType::f32, drawingKey(3, "w"), 2, 0.5, &real);
  uint32_t bits;
  std::memcpy(&bits, &real, 4);
  EXPECT_EQ(bits, 0x3dd2d078u);
  int64_t integer;
  drawElement(ElementType::si64, drawingKey(0, "ids"), 100, 1000, &integer);
  EXPECT_EQ(integer, 920);
}

} // namespace
