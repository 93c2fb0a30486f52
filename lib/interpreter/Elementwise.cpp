// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementwise functions, one switch for each number of operands.
#include "Families.h"
#include "Numbers.h"

using namespace mlir;

namespace partita::interpreter {

using Kind = graph::ElementwiseKind;

namespace {

template <typename T> T applyFloatUnary(Kind kind, T x) {
  switch (kind) {
  case Kind::exp:
    return std::exp(x);
  case Kind::log:
    return std::log(x);
  case Kind::sqrt:
    return std::sqrt(x);
  case Kind::rsqrt:
    return T(1) / std::sqrt(x);
  case Kind::reciprocal:
    return T(1) / x;
  case Kind::tanh:
    return std::tanh(x);
  case Kind::erf:
    return std::erf(x);
  case Kind::sigmoid:
    return T(1) / (T(1) + std::exp(-x));
  case Kind::gelu:
    // erfc keeps the digits that 1 + erf loses for negative x; infinity times zero would be NaN.
    return std::isinf(x) ? maximum(x, T(0)) : T(0.5) * x * std::erfc(-x * T(0.70710678118654752440));
  case Kind::gelu_tanh:
    // Hendrycks and Gimpel, arXiv 1606.08415: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
    return std::isinf(x) ? maximum(x, T(0))
                         : T(0.5) * x * (T(1) + std::tanh(T(0.79788456080286535588) * (x + T(0.044715) * x * x * x)));
  case Kind::silu:
    return std::isinf(x) ? maximum(x, T(0)) : x / (T(1) + std::exp(-x));
  case Kind::sin:
    return std::sin(x);
  case Kind::cos:
    return std::cos(x);
  case Kind::tan:
    return std::tan(x);
  case Kind::asin:
    return std::asin(x);
  case Kind::acos:
    return std::acos(x);
  case Kind::atan:
    return std::atan(x);
  case Kind::sinh:
    return std::sinh(x);
  case Kind::cosh:
    return std::cosh(x);
  case Kind::asinh:
    return std::asinh(x);
  case Kind::acosh:
    return std::acosh(x);
  case Kind::atanh:
    return std::atanh(x);
  case Kind::expm1:
    return std::expm1(x);
  case Kind::log1p:
    return std::log1p(x);
  case Kind::floor:
    return std::floor(x);
  case Kind::ceil:
    return std::ceil(x);
  case Kind::round:
    return std::nearbyint(x);
  default:
    return x;
  }
}

template <typename T> T applyUnary(Kind kind, T x, bool isBool) {
  constexpr bool isFloat = std::is_floating_point_v<T>;
  switch (kind) {
  case Kind::neg:
    if constexpr (isFloat)
      return -x;
    else
      return static_cast<T>(0 - bitsOf(x));
  case Kind::abs:
    if constexpr (isFloat)
      return std::fabs(x);
    else
      return x < T(0) ? static_cast<T>(0 - bitsOf(x)) : x;
  case Kind::relu:
    return maximum(x, T(0));
  case Kind::sign:
    return x > T(0) ? T(1) : x < T(0) ? static_cast<T>(-1) : x;
  case Kind::logical_not:
    if constexpr (!isFloat)
      return isBool ? x == T(0) : static_cast<T>(~x);
    else
      return x;
  default:
    if constexpr (isFloat)
      return applyFloatUnary(kind, x);
    else
      return x;
  }
}

/// Integer power by squaring, wrapping. A negative exponent truncates 1 / x^n.
template <typename T> T powerOfInteger(T base, T exponent) {
  if (exponent < T(0)) {
    if (base == T(1))
      return base;
    return base == static_cast<T>(-1) ? (exponent % 2 == 0 ? T(1) : base) : T(0);
  }
  uint64_t result = 1, factor = bitsOf(base);
  for (uint64_t rest = bitsOf(exponent); rest; rest >>= 1, factor *= factor)
    if (rest & 1)
      result *= factor;
  return static_cast<T>(result);
}

/// a / b truncated. The smallest number divided by -1 wraps to itself.
template <typename T> T divideIntegers(T a, T b) {
  return std::is_signed_v<T> && b == static_cast<T>(-1) ? static_cast<T>(0 - bitsOf(a)) : a / b;
}

/// The remainder with the divisor's sign.
template <typename T> T remainderOf(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    T rest = std::fmod(a, b);
    return rest != T(0) && (rest < T(0)) != (b < T(0)) ? rest + b : rest;
  } else {
    T rest = std::is_signed_v<T> && b == static_cast<T>(-1) ? T(0) : a % b;
    return rest != T(0) && (rest < T(0)) != (b < T(0)) ? rest + b : rest;
  }
}

/// Bits of integers; bool is one bit.
template <typename T> T applyBitwise(Kind kind, T a, T b, unsigned width) {
  bool isBeyond = bitsOf(b) >= width;
  switch (kind) {
  case Kind::logical_and:
    return static_cast<T>(a & b);
  case Kind::logical_or:
    return static_cast<T>(a | b);
  case Kind::logical_xor:
    return static_cast<T>(a ^ b);
  case Kind::shift_left:
    return isBeyond ? T(0) : static_cast<T>(bitsOf(a) << bitsOf(b));
  case Kind::shift_right:
    return isBeyond ? (a < T(0) ? static_cast<T>(-1) : T(0)) : static_cast<T>(a >> b);
  default:
    return a;
  }
}

template <typename T> T applyBinary(Kind kind, T a, T b, unsigned width) {
  constexpr bool isFloat = std::is_floating_point_v<T>;
  switch (kind) {
  case Kind::add:
    if constexpr (isFloat)
      return a + b;
    else
      return static_cast<T>(bitsOf(a) + bitsOf(b));
  case Kind::sub:
    if constexpr (isFloat)
      return a - b;
    else
      return static_cast<T>(bitsOf(a) - bitsOf(b));
  case Kind::mul:
    if constexpr (isFloat)
      return a * b;
    else
      return static_cast<T>(bitsOf(a) * bitsOf(b));
  case Kind::div:
    if constexpr (isFloat)
      return a / b;
    else
      return divideIntegers(a, b);
  case Kind::max:
    return maximum(a, b);
  case Kind::min:
    return minimum(a, b);
  case Kind::pow:
    if constexpr (isFloat)
      return std::pow(a, b);
    else
      return powerOfInteger(a, b);
  case Kind::remainder:
    return remainderOf(a, b);
  default:
    if constexpr (isFloat)
      return a;
    else
      return applyBitwise(kind, a, b, width);
  }
}

template <typename T> bool compareValues(Kind kind, T a, T b) {
  switch (kind) {
  case Kind::eq:
    return a == b;
  case Kind::ne:
    return a != b;
  case Kind::lt:
    return a < b;
  case Kind::le:
    return a <= b;
  case Kind::gt:
    return a > b;
  default:
    return a >= b;
  }
}

template <typename T> Tensor applyOne(Kind kind, const Call &call) {
  std::vector<T> values = unpack<T>(call.operands[0]);
  for (T &value : values)
    value = applyUnary(kind, value, call.element.isInteger(1));
  return pack<T>(call.element, call.result.extent, values);
}

template <typename T> Outcome applyTwo(graph::ElementwiseOp op, const Call &call) {
  Kind kind = op.getKind();
  std::vector<T> a = unpack<T>(call.operands[0]), b = unpack<T>(call.operands[1]);
  bool divides = kind == Kind::div || kind == Kind::remainder;
  if (divides && std::is_integral_v<T> && llvm::is_contained(b, T(0)))
    return op.emitOpError("E-DIVIDE-BY-ZERO: an integer is divided by zero");
  if (static_cast<uint32_t>(kind) >= static_cast<uint32_t>(Kind::eq)) {
    std::vector<uint64_t> flags(a.size());
    for (size_t i = 0; i < a.size(); ++i)
      flags[i] = compareValues(kind, a[i], b[i]);
    return pack<uint64_t>(call.element, call.result.extent, flags);
  }
  for (size_t i = 0; i < a.size(); ++i)
    a[i] = applyBinary(kind, a[i], b[i], call.element.getIntOrFloatBitWidth());
  return pack<T>(call.element, call.result.extent, a);
}

template <typename T> Tensor applyThree(Kind kind, const Call &call) {
  std::vector<T> a = unpack<T>(call.operands[1]), b = unpack<T>(call.operands[2]);
  if (kind == Kind::select) {
    std::vector<uint64_t> condition = unpack<uint64_t>(call.operands[0]);
    for (size_t i = 0; i < a.size(); ++i)
      a[i] = condition[i] ? a[i] : b[i];
  } else {
    std::vector<T> x = unpack<T>(call.operands[0]);
    for (size_t i = 0; i < a.size(); ++i)
      a[i] = minimum(maximum(x[i], a[i]), b[i]);
  }
  return pack<T>(call.element, call.result.extent, a);
}

} // namespace

Outcome evaluateElementwise(graph::ElementwiseOp op, const Call &call) {
  for (const Tensor &operand : call.operands)
    if (operand.getShape() != ArrayRef<int64_t>(call.result.extent))
      return failShape(op, "operand " + describe(operand) + " has not the result's shape");
  return withArithmetic(call.operands.back().getElementType(), [&]<typename T>() -> Outcome {
    switch (call.operands.size()) {
    case 1:
      return applyOne<T>(op.getKind(), call);
    case 2:
      return applyTwo<T>(op, call);
    default:
      return applyThree<T>(op.getKind(), call);
    }
  });
}

Outcome evaluateCast(graph::CastOp op, const Call &call) {
  if (call.operands[0].getShape() != ArrayRef<int64_t>(call.result.extent))
    return failShape(op, "operand " + describe(call.operands[0]) + " has not the result's shape");
  return convertElements(call.operands[0], call.element);
}

} // namespace partita::interpreter
