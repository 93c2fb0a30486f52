// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One conversion for all small float formats, driven by a table of their fields.
#include "partita/runtime/SmallFloat.h"

#include <bit>
#include <cmath>

namespace partita::runtime {

namespace {

enum class Specials { ieee, nanOnly, unsignedZero };

struct Format {
  int exponentBits, mantissaBits, bias;
  Specials specials;
};

Format formatOf(ElementType type) {
  switch (type) {
  case ElementType::bf16:
    return {8, 7, 127, Specials::ieee};
  case ElementType::f16:
    return {5, 10, 15, Specials::ieee};
  case ElementType::f8E4M3FN:
    return {4, 3, 7, Specials::nanOnly};
  case ElementType::f8E5M2:
    return {5, 2, 15, Specials::ieee};
  case ElementType::f8E4M3FNUZ:
    return {4, 3, 8, Specials::unsignedZero};
  default:
    return {5, 2, 16, Specials::unsignedZero};
  }
}

struct Encoder {
  Format format;
  int width = 1 + format.exponentBits + format.mantissaBits;
  uint16_t signBit = uint16_t(1u << (width - 1));
  uint16_t allOnes = uint16_t(signBit - 1);
  uint16_t infinity = uint16_t(((1u << format.exponentBits) - 1) << format.mantissaBits);

  uint16_t nan() const {
    if (format.specials == Specials::unsignedZero)
      return signBit;
    return format.specials == Specials::nanOnly ? allOnes : uint16_t(infinity | 1u << (format.mantissaBits - 1));
  }
  // Largest finite magnitude; the codes grow with the value.
  uint16_t largest() const {
    if (format.specials == Specials::ieee)
      return uint16_t(infinity - 1);
    return format.specials == Specials::nanOnly ? uint16_t(allOnes - 1) : allOnes;
  }
  uint16_t overflow() const { return format.specials == Specials::ieee ? infinity : nan(); }
};

} // namespace

bool isSmallFloat(ElementType type) { return type >= ElementType::bf16 && type <= ElementType::f8E5M2FNUZ; }

float decodeSmallFloat(ElementType type, uint16_t bits) {
  if (type == ElementType::bf16)
    return std::bit_cast<float>(uint32_t(bits) << 16);
  Encoder encoder{formatOf(type)};
  const Format &format = encoder.format;
  uint16_t magnitude = uint16_t(bits & encoder.allOnes);
  bool negative = bits & encoder.signBit;
  if (format.specials == Specials::unsignedZero ? (negative && magnitude == 0) : magnitude > encoder.largest()) {
    bool infinite = format.specials == Specials::ieee && magnitude == encoder.infinity;
    return infinite ? (negative ? -INFINITY : INFINITY) : NAN;
  }
  int exponent = magnitude >> format.mantissaBits;
  int mantissa = magnitude & ((1 << format.mantissaBits) - 1);
  if (exponent > 0)
    mantissa += 1 << format.mantissaBits;
  float value = std::ldexp(float(mantissa), (exponent > 0 ? exponent : 1) - format.bias - format.mantissaBits);
  return negative ? -value : value;
}

uint16_t encodeSmallFloat(ElementType type, float value) {
  if (type == ElementType::bf16 && !std::isnan(value)) {
    uint32_t bits = std::bit_cast<uint32_t>(value);
    return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }
  Encoder encoder{formatOf(type)};
  const Format &format = encoder.format;
  if (std::isnan(value))
    return encoder.nan();
  uint16_t sign = std::signbit(value) ? encoder.signBit : 0;
  float magnitude = std::fabs(value);
  if (std::isinf(magnitude))
    return encoder.overflow() == encoder.nan() ? encoder.nan() : uint16_t(sign | encoder.infinity);
  int exponent = 0;
  std::frexp(magnitude, &exponent); // magnitude = m * 2^exponent with m in [0.5, 1)
  int biased = magnitude == 0 ? 0 : exponent - 1 + format.bias;
  int scale = (biased > 0 ? biased : 1) - format.bias - format.mantissaBits;
  // nearbyint rounds to even in the default mode; a carry out of the mantissa moves into the exponent,
  // which is the next code, so codes can simply be added.
  float units = std::nearbyint(std::ldexp(magnitude, -scale));
  int64_t code = int64_t(units) + (biased > 1 ? int64_t(biased - 1) << format.mantissaBits : 0);
  if (code > encoder.largest())
    return encoder.overflow() == encoder.nan() ? encoder.nan() : uint16_t(sign | encoder.overflow());
  if (code == 0 && format.specials == Specials::unsignedZero)
    return 0;
  return uint16_t(sign | code);
}

} // namespace partita::runtime
