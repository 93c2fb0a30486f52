// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// SplitMix64 as a function of the index.
#include "partita/runtime/Drawing.h"
#include "partita/runtime/SmallFloat.h"

#include <algorithm>
#include <cstring>

namespace partita::runtime {

namespace {

constexpr uint64_t golden = 0x9e3779b97f4a7c15u;

// The mixing function of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators).
[[gnu::always_inline]] inline uint64_t mix(uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
  value = (value ^ value >> 27) * 0x94d049bb133111ebu;
  return value ^ value >> 31;
}

[[gnu::always_inline]] inline uint64_t bitsAt(uint64_t key, int64_t index) {
  return mix(key + golden * (uint64_t(index) + 1));
}

// In [-scale, scale). 53 bits are exact in a double, and so is everything up to the last product, fused or not.
[[gnu::always_inline]] inline double realOf(uint64_t bits, double scale) {
  double unit = double(int64_t(bits >> 11)) * 0x1p-53;
  return (2 * unit - 1) * scale;
}

template <typename T> void store(void *element, T value) { std::memcpy(element, &value, sizeof(T)); }

template <typename T>
[[gnu::always_inline]] inline void drawReals(uint64_t key, int64_t index, int64_t count, double scale, T *out) {
  for (int64_t i = 0; i < count; ++i)
    out[i] = T(realOf(bitsAt(key, index + i), scale));
}

// With 64-bit products of vectors, of which a processor without AVX-512 has none.
template <typename T>
[[gnu::target("avx512f,avx512dq,avx512vl")]] void drawWide(uint64_t key, int64_t index, int64_t count, double scale,
                                                           T *out) {
  drawReals(key, index, count, scale, out);
}

template <typename T> void drawNarrow(uint64_t key, int64_t index, int64_t count, double scale, T *out) {
  drawReals(key, index, count, scale, out);
}

template <typename T> void drawFloats(uint64_t key, int64_t index, int64_t count, double scale, T *out) {
  static const bool isWide = __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  (isWide ? drawWide<T> : drawNarrow<T>)(key, index, count, scale, out);
}

} // namespace

uint64_t hashBytes(uint64_t hash, const void *data, uint64_t count) {
  constexpr uint64_t prime = 1099511628211u;
  for (uint64_t i = 0; i < count; ++i)
    hash = (hash ^ static_cast<const unsigned char *>(data)[i]) * prime;
  return hash;
}

uint64_t drawingKey(uint64_t seed, const std::string &name) {
  return mix(hashBytes(fnvStart, name.data(), name.size()) + mix(seed + golden));
}

void drawElement(ElementType type, uint64_t key, int64_t index, double scale, void *element) {
  uint64_t bits = bitsAt(key, index);
  double real = realOf(bits, scale);
  if (type == ElementType::f64)
    return store(element, real);
  if (type == ElementType::f32)
    return store(element, float(real));
  if (isSmallFloat(type)) {
    uint16_t encoded = encodeSmallFloat(type, float(real));
    return elementBytes(type) == 2 ? store(element, encoded) : store(element, uint8_t(encoded));
  }
  uint64_t largest = type == ElementType::boolean ? 1 : uint64_t(std::max(scale, 0.0));
  uint64_t integer = largest == UINT64_MAX ? bits : bits % (largest + 1);
  std::memcpy(element, &integer, size_t(elementBytes(type))); // Little-endian: the low bytes.
}

void drawElements(ElementType type, uint64_t key, int64_t index, int64_t count, double scale, void *elements) {
  if (type == ElementType::f64)
    return drawFloats(key, index, count, scale, static_cast<double *>(elements));
  if (type == ElementType::f32)
    return drawFloats(key, index, count, scale, static_cast<float *>(elements));
  for (int64_t i = 0, bytes = elementBytes(type); i < count; ++i)
    drawElement(type, key, index + i, scale, static_cast<char *>(elements) + i * bytes);
}

void drawBox(ElementType type, uint64_t key, const Box &global, const Box &box, double scale, void *elements) {
  if (boxElements(box) == 0)
    return;
  // Trailing dims that the box covers whole make one row with the dim before them.
  size_t outer = box.size();
  int64_t rowLength = 1;
  for (bool isWhole = true; outer > 0 && isWhole;) {
    --outer;
    isWhole = box[outer].length() == global[outer].length();
    rowLength *= box[outer].length();
  }
  int64_t rows = boxElements(box) / rowLength, bytes = elementBytes(type);
  auto *out = static_cast<char *>(elements);
  for (int64_t row = 0; row < rows; ++row, out += rowLength * bytes) {
    int64_t rest = row, index = 0, stride = 1;
    for (size_t d = box.size(); d-- > 0;) {
      index += (box[d].begin - global[d].begin) * stride;
      if (d < outer) {
        index += rest % box[d].length() * stride;
        rest /= box[d].length();
      }
      stride *= global[d].length();
    }
    drawElements(type, key, index, rowLength, scale, out);
  }
}

} // namespace partita::runtime
