// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Elements.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <cstring>
#include <limits>

using namespace mlir;

namespace partita::interpreter {

namespace {

/// What stands beside the finite numbers: infinities and NaN as in IEEE 754; one NaN for each sign and nothing
/// infinite; or one NaN where the negative zero would be.
enum class Specials { infinities, nanOnly, unsignedZero };

/// A binary format of 8 or 16 bits: significand bits with the hidden one. The 8-bit formats: Micikevicius et al., arXiv
/// 2209.05433; FNUZ: Noune et al., arXiv 2206.02915.
struct SmallFormat {
  int width, significandBits, minimumExponent, exponentBias;
  double largest;
  Specials specials = Specials::infinities;

  uint16_t signBit() const { return static_cast<uint16_t>(1 << (width - 1)); }
  uint16_t magnitudeMask() const { return static_cast<uint16_t>(signBit() - 1); }
  int fractionBits() const { return significandBits - 1; }
  /// Infinity, where there is one.
  uint16_t exponentMask() const { return static_cast<uint16_t>(magnitudeMask() >> fractionBits() << fractionBits()); }
  uint16_t nan() const {
    return specials == Specials::infinities ? static_cast<uint16_t>(exponentMask() | (1 << (fractionBits() - 1)))
           : specials == Specials::nanOnly  ? magnitudeMask()
                                            : signBit();
  }
  bool isNaN(uint16_t bits) const {
    return specials == Specials::infinities ? (bits & magnitudeMask()) > exponentMask()
           : specials == Specials::nanOnly  ? (bits & magnitudeMask()) == magnitudeMask()
                                            : bits == signBit();
  }
};

constexpr SmallFormat kBrain{16, 8, -126, 127, 0x1.FEp127};
constexpr SmallFormat kHalf{16, 11, -14, 15, 65504.0};
constexpr SmallFormat kE4M3{8, 4, -6, 7, 448.0, Specials::nanOnly};
constexpr SmallFormat kE4M3Z{8, 4, -7, 8, 240.0, Specials::unsignedZero};
constexpr SmallFormat kE5M2{8, 3, -14, 15, 57344.0};
constexpr SmallFormat kE5M2Z{8, 3, -15, 16, 57344.0, Specials::unsignedZero};

/// The nearest value of the format, ties to even; infinite beyond the largest. By the definition: a multiple of the
/// last place's weight.
double roundTo(const SmallFormat &format, double value) {
  if (!std::isfinite(value) || value == 0)
    return value;
  int lastPlace = std::max(std::ilogb(value), format.minimumExponent) - format.fractionBits();
  double rounded = std::ldexp(std::nearbyint(std::ldexp(value, -lastPlace)), lastPlace);
  return std::fabs(rounded) > format.largest ? std::copysign(HUGE_VAL, value) : rounded;
}

uint16_t encode(const SmallFormat &format, double value) {
  value = roundTo(format, value);
  uint16_t sign = std::signbit(value) ? format.signBit() : 0;
  if (std::isnan(value) || (std::isinf(value) && format.specials != Specials::infinities))
    return format.specials == Specials::infinities ? sign | format.nan() : format.nan();
  if (std::isinf(value))
    return sign | format.exponentMask();
  if (value == 0)
    return format.specials == Specials::unsignedZero ? 0 : sign;
  int exponent = std::max(std::ilogb(value), format.minimumExponent);
  // A subnormal's significand lacks the hidden bit, which the addition below accounts for.
  auto significand = static_cast<uint32_t>(std::ldexp(std::fabs(value), format.fractionBits() - exponent));
  auto biased = static_cast<uint32_t>(exponent + format.exponentBias - 1);
  return sign | static_cast<uint16_t>((biased << format.fractionBits()) + significand);
}

double decode(const SmallFormat &format, uint16_t bits) {
  int fractionBits = format.fractionBits();
  uint16_t magnitudeBits = bits & format.magnitudeMask();
  int biased = magnitudeBits >> fractionBits, fraction = bits & ((1 << fractionBits) - 1);
  double magnitude;
  if (format.isNaN(bits))
    return std::numeric_limits<double>::quiet_NaN();
  if (format.specials == Specials::infinities && magnitudeBits == format.exponentMask())
    magnitude = HUGE_VAL;
  else if (biased == 0)
    magnitude = std::ldexp(fraction, format.minimumExponent - fractionBits);
  else
    magnitude = std::ldexp(fraction + (1 << fractionBits), biased - format.exponentBias - fractionBits);
  return bits & format.signBit() ? -magnitude : magnitude;
}

template <typename Stored> Stored load(const uint8_t *bytes, int64_t index) {
  Stored value;
  std::memcpy(&value, bytes + index * sizeof(Stored), sizeof(Stored));
  return value;
}

template <typename Stored, typename T> std::vector<T> loadAll(const Tensor &tensor) {
  std::vector<T> values(tensor.getNumElements());
  const uint8_t *bytes = tensor.getBytes();
  // An empty vector has no address to copy to.
  if (values.empty())
    return values;
  if constexpr (std::is_same_v<Stored, T>)
    std::memcpy(values.data(), bytes, values.size() * sizeof(T));
  else
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<T>(load<Stored>(bytes, i));
  return values;
}

template <typename Stored, typename T> void storeAll(Tensor &tensor, const std::vector<T> &values) {
  uint8_t *bytes = tensor.getMutableBytes();
  for (size_t i = 0; i < values.size(); ++i) {
    auto stored = static_cast<Stored>(values[i]);
    std::memcpy(bytes + i * sizeof(Stored), &stored, sizeof(Stored));
  }
}

/// Float to integer: towards zero, saturating, NaN to 0.
template <typename Integer> Integer truncateToInteger(double value) {
  if (std::isnan(value))
    return 0;
  // 2^63 and 2^64 are doubles, the largest integers below them are not.
  double limit = std::ldexp(1.0, std::numeric_limits<Integer>::digits);
  if (value >= limit)
    return std::numeric_limits<Integer>::max();
  if (value <= static_cast<double>(std::numeric_limits<Integer>::min()))
    return std::numeric_limits<Integer>::min();
  return static_cast<Integer>(value);
}

const SmallFormat *findSmallFormat(Type element) {
  return llvm::TypeSwitch<Type, const SmallFormat *>(element)
      .Case([](BFloat16Type) { return &kBrain; })
      .Case([](Float16Type) { return &kHalf; })
      .Case([](Float8E4M3FNType) { return &kE4M3; })
      .Case([](Float8E4M3FNUZType) { return &kE4M3Z; })
      .Case([](Float8E5M2Type) { return &kE5M2; })
      .Case([](Float8E5M2FNUZType) { return &kE5M2Z; })
      .Default([](Type) { return nullptr; });
}

} // namespace

template <typename T> std::vector<T> unpack(const Tensor &tensor) {
  Type element = tensor.getElementType();
  if (element.isF64())
    return loadAll<double, T>(tensor);
  if (element.isF32())
    return loadAll<float, T>(tensor);
  if (const SmallFormat *format = findSmallFormat(element)) {
    std::vector<T> values(tensor.getNumElements());
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<T>(decode(*format, format->width == 8 ? load<uint8_t>(tensor.getBytes(), i)
                                                                    : load<uint16_t>(tensor.getBytes(), i)));
    return values;
  }
  bool isSigned = element.isSignedInteger();
  switch (tensor.getElementBytes()) {
  case 1:
    return isSigned ? loadAll<int8_t, T>(tensor) : loadAll<uint8_t, T>(tensor);
  case 2:
    return isSigned ? loadAll<int16_t, T>(tensor) : loadAll<uint16_t, T>(tensor);
  case 4:
    return isSigned ? loadAll<int32_t, T>(tensor) : loadAll<uint32_t, T>(tensor);
  default:
    return isSigned ? loadAll<int64_t, T>(tensor) : loadAll<uint64_t, T>(tensor);
  }
}

template <typename T> Tensor pack(Type element, ArrayRef<int64_t> shape, const std::vector<T> &values) {
  Tensor tensor(element, shape);
  if (element.isF64()) {
    storeAll<double>(tensor, values);
  } else if (element.isF32()) {
    storeAll<float>(tensor, values);
  } else if (const SmallFormat *format = findSmallFormat(element)) {
    std::vector<uint16_t> bits(values.size());
    for (size_t i = 0; i < values.size(); ++i)
      bits[i] = encode(*format, static_cast<double>(values[i]));
    if (format->width == 8)
      storeAll<uint8_t>(tensor, bits);
    else
      storeAll<uint16_t>(tensor, bits);
  } else if (element.isInteger(1)) {
    std::vector<uint8_t> flags(values.size());
    for (size_t i = 0; i < values.size(); ++i)
      flags[i] = values[i] != T(0);
    storeAll<uint8_t>(tensor, flags);
  } else if constexpr (std::is_integral_v<T>) {
    // Narrowing an unsigned number keeps the low bits, which is what wrapping means.
    std::vector<uint64_t> bits(values.begin(), values.end());
    // A 4-bit integer is a byte that holds its value.
    if (element.getIntOrFloatBitWidth() == 4)
      for (uint64_t &number : bits)
        number = element.isSignedInteger() ? static_cast<uint64_t>(llvm::SignExtend64<4>(number)) : number & 15;
    switch (tensor.getElementBytes()) {
    case 1:
      storeAll<uint8_t>(tensor, bits);
      break;
    case 2:
      storeAll<uint16_t>(tensor, bits);
      break;
    case 4:
      storeAll<uint32_t>(tensor, bits);
      break;
    default:
      storeAll<uint64_t>(tensor, bits);
    }
  } else {
    std::vector<int64_t> integers(values.size());
    for (size_t i = 0; i < values.size(); ++i)
      integers[i] = element.isSignedInteger()
                        ? truncateToInteger<int64_t>(static_cast<double>(values[i]))
                        : static_cast<int64_t>(truncateToInteger<uint64_t>(static_cast<double>(values[i])));
    return pack<int64_t>(element, shape, integers);
  }
  return tensor;
}

template std::vector<double> unpack<double>(const Tensor &);
template std::vector<float> unpack<float>(const Tensor &);
template std::vector<int64_t> unpack<int64_t>(const Tensor &);
template std::vector<uint64_t> unpack<uint64_t>(const Tensor &);
template Tensor pack<double>(Type, ArrayRef<int64_t>, const std::vector<double> &);
template Tensor pack<float>(Type, ArrayRef<int64_t>, const std::vector<float> &);
template Tensor pack<int64_t>(Type, ArrayRef<int64_t>, const std::vector<int64_t> &);
template Tensor pack<uint64_t>(Type, ArrayRef<int64_t>, const std::vector<uint64_t> &);

/// Clamps to the range of a narrow integer, so that a float's cast saturates there and not at 64 bits.
static double clampToRange(double value, Type element) {
  unsigned bits = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
  if (bits == 64 || std::isnan(value))
    return value;
  double low = element.isSignedInteger() ? -std::ldexp(1.0, bits - 1) : 0;
  double high = std::ldexp(1.0, element.isSignedInteger() ? bits - 1 : bits) - 1;
  return std::fmin(std::fmax(value, low), high);
}

Tensor convertElements(const Tensor &tensor, Type element) {
  if (tensor.getElementType() == element)
    return tensor;
  if (!isa<FloatType>(tensor.getElementType())) {
    return withArithmetic(tensor.getElementType(),
                          [&]<typename T>() { return pack<T>(element, tensor.getShape(), unpack<T>(tensor)); });
  }
  // One rounding: the source is exact as a double.
  std::vector<double> values = unpack<double>(tensor);
  if (!isa<FloatType>(element) && !element.isInteger(1))
    for (double &value : values)
      value = clampToRange(value, element);
  return pack<double>(element, tensor.getShape(), values);
}

} // namespace partita::interpreter
