// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Small functions of numbers that several families share: wrapping integers, NaN-propagating extremes, reductions.
//
// Example: foldNumbers<float>(ReduceKind::max, f32, 3, [&](int64_t i) { return x[i]; }) is the largest of three.
#ifndef PARTITA_LIB_INTERPRETER_NUMBERS_H
#define PARTITA_LIB_INTERPRETER_NUMBERS_H

#include "partita/dialects/graph/Graph.h"
#include <cmath>
#include <limits>

namespace partita::interpreter {

/// Integers wrap: arithmetic happens in unsigned numbers, whose overflow is defined.
template <typename T> uint64_t bitsOf(T value) { return static_cast<uint64_t>(value); }

template <typename T> T maximum(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    if (std::isnan(a) || std::isnan(b))
      return std::numeric_limits<T>::quiet_NaN();
  return a < b ? b : a;
}

template <typename T> T minimum(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    if (std::isnan(a) || std::isnan(b))
      return std::numeric_limits<T>::quiet_NaN();
  return b < a ? b : a;
}

template <typename T> T addNumbers(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return a + b;
  else
    return static_cast<T>(bitsOf(a) + bitsOf(b));
}

template <typename T> T multiplyNumbers(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return a * b;
  else
    return static_cast<T>(bitsOf(a) * bitsOf(b));
}

/// The largest (or smallest) number of an element type; floats have infinities.
template <typename T> T extremeOf(mlir::Type element, bool largest) {
  if constexpr (std::is_floating_point_v<T>) {
    return largest ? std::numeric_limits<T>::infinity() : -std::numeric_limits<T>::infinity();
  } else {
    unsigned bits = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
    if (element.isSignedInteger())
      return static_cast<T>(largest ? (uint64_t(1) << (bits - 1)) - 1 : uint64_t(0) - (uint64_t(1) << (bits - 1)));
    return largest ? static_cast<T>(~uint64_t(0) >> (64 - bits)) : T(0);
  }
}

/// What folding nothing gives.
template <typename T> T identityOf(graph::ReduceKind kind, mlir::Type element) {
  switch (kind) {
  case graph::ReduceKind::max:
    return extremeOf<T>(element, /*largest=*/false);
  case graph::ReduceKind::min:
    return extremeOf<T>(element, /*largest=*/true);
  case graph::ReduceKind::prod:
  case graph::ReduceKind::logical_and:
    return T(1);
  default:
    return T(0);
  }
}

template <typename T> T foldTwo(graph::ReduceKind kind, T a, T b) {
  switch (kind) {
  case graph::ReduceKind::sum:
    return addNumbers(a, b);
  case graph::ReduceKind::prod:
    return multiplyNumbers(a, b);
  case graph::ReduceKind::max:
    return maximum(a, b);
  case graph::ReduceKind::min:
    return minimum(a, b);
  case graph::ReduceKind::logical_and:
    return a != T(0) && b != T(0);
  case graph::ReduceKind::logical_or:
    return a != T(0) || b != T(0);
  }
  return a;
}

/// Folds at(0), ..., at(count - 1) in this order, beginning with the first, so that no identity is rounded in.
template <typename T, typename At> T foldNumbers(graph::ReduceKind kind, mlir::Type element, int64_t count, At at) {
  if (count == 0)
    return identityOf<T>(kind, element);
  T total = at(0);
  for (int64_t i = 1; i < count; ++i)
    total = foldTwo(kind, total, static_cast<T>(at(i)));
  return total;
}

} // namespace partita::interpreter

#endif
