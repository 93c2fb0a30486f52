// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Units.cpp - Bytes, seconds and ids as types --------------------------------===//
#include "partita/support/Units.h"

#include <cmath>
#include <cstdio>
#include <iterator>

using namespace partita;

namespace {
/// Three significant digits without an exponent, for 0 <= value < 10000.
std::string formatThreeDigits(double value) {
  int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  char text[32];
  std::snprintf(text, sizeof(text), "%.*f", decimals, value);
  return text;
}

std::string formatLong(int64_t seconds) {
  int64_t minutes = seconds / 60, hours = minutes / 60;
  if (hours > 0)
    return std::to_string(hours) + " h " + std::to_string(minutes % 60) + " min";
  return std::to_string(minutes) + " min " + std::to_string(seconds % 60) + " s";
}

std::string formatDuration(double value) {
  if (value == 0)
    return "0 s";
  if (value > 1e15)
    return "never";
  if (value >= 99.95)
    return formatLong(std::llround(value));
  if (value >= 0.9995)
    return formatThreeDigits(value) + " s";
  if (value >= 0.9995e-3)
    return formatThreeDigits(value * 1e3) + " ms";
  if (value >= 0.9995e-6)
    return formatThreeDigits(value * 1e6) + " us";
  return formatThreeDigits(value * 1e9) + " ns";
}
} // namespace

std::optional<int64_t> partita::multiplyChecked(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_mul_overflow(a, b, &result))
    return std::nullopt;
  return result;
}

std::optional<int64_t> partita::addChecked(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_add_overflow(a, b, &result))
    return std::nullopt;
  return result;
}

int64_t partita::multiplySaturated(int64_t a, int64_t b) {
  int64_t end = (a < 0) == (b < 0) ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
  return multiplyChecked(a, b).value_or(end);
}

int64_t partita::addSaturated(int64_t a, int64_t b) {
  int64_t end = a > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
  return addChecked(a, b).value_or(end);
}

std::string Bytes::str() const { return formatBytes(*this); }
std::string Seconds::str() const { return formatSeconds(*this); }

std::string partita::formatBytes(Bytes bytes) {
  static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes == Bytes::max())
    return "unlimited";
  if (bytes.value > -1024 && bytes.value < 1024)
    return std::to_string(bytes.value) + " B";
  std::string sign = bytes.value < 0 ? "-" : "";
  double value = std::abs(static_cast<double>(bytes.value)) / 1024;
  size_t unit = 0;
  // 1023.9 would be printed as 1024 of this unit instead of 1.00 of the next.
  for (; value >= 1023.5 && unit + 1 < std::size(units); ++unit)
    value /= 1024;
  return sign + formatThreeDigits(value) + " " + units[unit];
}

std::string partita::formatSeconds(Seconds seconds) {
  if (std::isnan(seconds.value))
    return "unknown";
  return (seconds.value < 0 ? "-" : "") + formatDuration(std::abs(seconds.value));
}

std::string partita::formatCount(double count, const std::string &unit) {
  static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E", "Z"};
  if (!std::isfinite(count))
    return "unknown" + (unit.empty() ? "" : " " + unit);
  std::string sign = count < 0 ? "-" : "";
  count = std::abs(count);
  size_t prefix = 0;
  for (; count >= 999.5 && prefix + 1 < std::size(prefixes); ++prefix)
    count /= 1000;
  std::string number =
      prefix == 0 && count == std::floor(count) ? std::to_string(int(count)) : formatThreeDigits(count);
  std::string suffix = prefixes[prefix] + unit;
  return sign + (suffix.empty() ? number : number + " " + suffix);
}
