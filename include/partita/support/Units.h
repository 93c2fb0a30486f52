// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Units.h - Bytes, seconds and ids as types --------------------------------===//
//
// A number of bytes, a duration and the number of a device are different things: mixing them up does not
// compile. This header needs no LLVM, so the libraries without it (placement, memory, runtime) share it.
// Example:
//
//   Bytes weights{350'000'000'000};
//   Seconds time = Seconds::perRate(weights, 2e12);   // bytes over bytes per second
//   formatBytes(weights);                             // "326 GiB"
//   formatSeconds(time);                              // "175 ms"
//   struct DeviceTag; using DeviceId = Id<DeviceTag>;  // DeviceId{3}, ordered, hashed
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_SUPPORT_UNITS_H
#define PARTITA_SUPPORT_UNITS_H

#include <compare>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>

namespace partita {

/// a*b and a+b, or nothing if the result does not fit.
std::optional<int64_t> multiplyChecked(int64_t a, int64_t b);
std::optional<int64_t> addChecked(int64_t a, int64_t b);
/// a*b and a+b, held at the ends of the range instead of overflowing.
int64_t multiplySaturated(int64_t a, int64_t b);
int64_t addSaturated(int64_t a, int64_t b);

/// A number of bytes. Arithmetic saturates: a sum that exceeds int64 is still larger than every limit.
struct Bytes {
  int64_t value = 0;

  static constexpr Bytes max() { return {std::numeric_limits<int64_t>::max()}; }
  auto operator<=>(const Bytes &) const = default;
  Bytes operator+(Bytes other) const { return {addSaturated(value, other.value)}; }
  Bytes operator-(Bytes other) const {
    return {addSaturated(value, other.value == std::numeric_limits<int64_t>::min() ? std::numeric_limits<int64_t>::max()
                                                                                   : -other.value)};
  }
  Bytes operator*(int64_t factor) const { return {multiplySaturated(value, factor)}; }
  Bytes &operator+=(Bytes other) { return *this = *this + other; }
  Bytes &operator-=(Bytes other) { return *this = *this - other; }
  std::string str() const;
};

/// A duration. Infinity says "never": longer than every finite one.
struct Seconds {
  double value = 0;

  static constexpr Seconds infinity() { return {std::numeric_limits<double>::infinity()}; }
  static constexpr Seconds microseconds(double count) { return {count * 1e-6}; }
  /// The time that `bytes` take at `bytesPerSecond`; zero bytes take none even at rate zero.
  static constexpr Seconds perRate(Bytes bytes, double bytesPerSecond) {
    return {bytes.value == 0 ? 0.0 : static_cast<double>(bytes.value) / bytesPerSecond};
  }
  auto operator<=>(const Seconds &) const = default;
  constexpr Seconds operator+(Seconds other) const { return {value + other.value}; }
  constexpr Seconds operator-(Seconds other) const { return {value - other.value}; }
  constexpr Seconds operator*(double factor) const { return {value * factor}; }
  constexpr Seconds operator/(double divisor) const { return {value / divisor}; }
  constexpr double operator/(Seconds other) const { return value / other.value; }
  Seconds &operator+=(Seconds other) { return *this = *this + other; }
  std::string str() const;
};

/// The position of something in its table; `Tag` says of what. The default is no position (-1).
template <typename Tag> struct Id {
  int32_t value = -1;

  bool isValid() const { return value >= 0; }
  auto operator<=>(const Id &) const = default;
  std::string str() const { return "#" + std::to_string(value); }
};

/// Three significant digits and a binary unit: "0 B", "1023 B", "1.00 KiB", "326 GiB", "unlimited" for the
/// largest value.
std::string formatBytes(Bytes bytes);
/// Three significant digits: "0 s", "250 ns", "1.20 ms", "3.45 s", "2 min 5 s", "3 h 20 min", "never".
std::string formatSeconds(Seconds seconds);
/// Three significant digits and a decimal unit: formatCount(1.25e15, "FLOP/s") is "1.25 PFLOP/s".
std::string formatCount(double count, const std::string &unit = "");

} // namespace partita

// NOLINTBEGIN(bugprone-std-namespace-modification): std::hash is made to be specialized for one's own types.
template <> struct std::hash<partita::Bytes> {
  size_t operator()(const partita::Bytes &bytes) const { return std::hash<int64_t>()(bytes.value); }
};
template <> struct std::hash<partita::Seconds> {
  size_t operator()(const partita::Seconds &seconds) const { return std::hash<double>()(seconds.value); }
};
template <typename Tag> struct std::hash<partita::Id<Tag>> {
  size_t operator()(const partita::Id<Tag> &id) const { return std::hash<int32_t>()(id.value); }
};
// NOLINTEND(bugprone-std-namespace-modification)

#endif // PARTITA_SUPPORT_UNITS_H
