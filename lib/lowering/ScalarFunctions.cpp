// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The elementwise functions on single elements.
#include "Scalars.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;
using Kind = graph::ElementwiseKind;

namespace {

/// Shorthands at one place. All operands of a function have one computed type.
struct Functions {
  Scalars &scalars;
  OpBuilder &builder;
  Location location;
  Type element;

  template <typename Op> Value unary(Value x) { return Op::create(builder, location, x); }
  template <typename Op> Value binary(Value a, Value b) { return Op::create(builder, location, a, b); }
  Value number(double value, Value like) { return scalars.number(value, like.getType()); }
  Value integer(int64_t value, Value like) { return scalars.integer(value, like.getType()); }
  Value add(Value a, Value b) { return binary<arith::AddFOp>(a, b); }
  Value mul(Value a, Value b) { return binary<arith::MulFOp>(a, b); }
  Value select(Value condition, Value a, Value b) {
    return arith::SelectOp::create(builder, location, condition, a, b);
  }
  Value compare(arith::CmpFPredicate predicate, Value a, Value b) {
    return arith::CmpFOp::create(builder, location, predicate, a, b);
  }
  Value compare(arith::CmpIPredicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(builder, location, predicate, a, b);
  }
  bool isUnsigned() { return element.isUnsignedInteger() || element.isInteger(1); }

  Value sigmoid(Value x) {
    Value one = number(1, x);
    return binary<arith::DivFOp>(one, add(one, unary<math::ExpOp>(unary<arith::NegFOp>(x))));
  }
  /// x, but not minus infinity, which the formulas of gelu and silu would multiply by zero: both are zero much earlier.
  Value makeFinite(Value x) {
    Value least = number(-1000, x);
    return select(compare(arith::CmpFPredicate::OLT, x, least), least, x);
  }
  Value gelu(Value x) {
    x = makeFinite(x);
    Value scaled = mul(x, number(-0.70710678118654752440, x));
    return mul(mul(number(0.5, x), x), unary<math::ErfcOp>(scaled));
  }
  Value geluTanh(Value x) {
    x = makeFinite(x);
    Value cube = mul(mul(mul(number(0.044715, x), x), x), x);
    Value inner = mul(number(0.79788456080286535588, x), add(x, cube));
    return mul(mul(number(0.5, x), x), add(number(1, x), unary<math::TanhOp>(inner)));
  }
  Value silu(Value x) {
    x = makeFinite(x);
    return binary<arith::DivFOp>(x, add(number(1, x), unary<math::ExpOp>(unary<arith::NegFOp>(x))));
  }

  Value floatUnary(Kind kind, Value x);
  Value integerUnary(Kind kind, Value x);
  Value floatBinary(Kind kind, Value a, Value b);
  Value integerBinary(Kind kind, Value a, Value b);
  Value floatComparison(Kind kind, Value a, Value b);
  Value integerComparison(Kind kind, Value a, Value b);
  Value divideIntegers(Kind kind, Value a, Value b);
  Value powerOfIntegers(Value base, Value exponent);
  Value shift(Kind kind, Value a, Value amount);
};

} // namespace

Value Functions::floatUnary(Kind kind, Value x) {
  Value one = number(1, x), zero = number(0, x);
  switch (kind) {
  case Kind::neg:
    return unary<arith::NegFOp>(x);
  case Kind::abs:
    return unary<math::AbsFOp>(x);
  case Kind::exp:
    return unary<math::ExpOp>(x);
  case Kind::log:
    return unary<math::LogOp>(x);
  case Kind::sqrt:
    return unary<math::SqrtOp>(x);
  case Kind::rsqrt:
    return binary<arith::DivFOp>(one, unary<math::SqrtOp>(x));
  case Kind::reciprocal:
    return binary<arith::DivFOp>(one, x);
  case Kind::tanh:
    return unary<math::TanhOp>(x);
  case Kind::erf:
    return unary<math::ErfOp>(x);
  case Kind::sigmoid:
    return sigmoid(x);
  case Kind::relu:
    return binary<arith::MaximumFOp>(x, zero);
  case Kind::gelu:
    return gelu(x);
  case Kind::gelu_tanh:
    return geluTanh(x);
  case Kind::silu:
    return silu(x);
  case Kind::sin:
    return unary<math::SinOp>(x);
  case Kind::cos:
    return unary<math::CosOp>(x);
  case Kind::tan:
    return unary<math::TanOp>(x);
  case Kind::asin:
    return unary<math::AsinOp>(x);
  case Kind::acos:
    return unary<math::AcosOp>(x);
  case Kind::atan:
    return unary<math::AtanOp>(x);
  case Kind::sinh:
    return unary<math::SinhOp>(x);
  case Kind::cosh:
    return unary<math::CoshOp>(x);
  case Kind::asinh:
    return unary<math::AsinhOp>(x);
  case Kind::acosh:
    return unary<math::AcoshOp>(x);
  case Kind::atanh:
    return unary<math::AtanhOp>(x);
  case Kind::expm1:
    return unary<math::ExpM1Op>(x);
  case Kind::log1p:
    return unary<math::Log1pOp>(x);
  case Kind::floor:
    return unary<math::FloorOp>(x);
  case Kind::ceil:
    return unary<math::CeilOp>(x);
  case Kind::round:
    return unary<math::RoundEvenOp>(x);
  case Kind::sign: {
    Value negative = select(compare(arith::CmpFPredicate::OLT, x, zero), number(-1, x), x);
    return select(compare(arith::CmpFPredicate::OGT, x, zero), one, negative);
  }
  default:
    return {};
  }
}

Value Functions::integerUnary(Kind kind, Value x) {
  Value zero = integer(0, x);
  switch (kind) {
  case Kind::neg:
    return binary<arith::SubIOp>(zero, x);
  case Kind::abs:
    return isUnsigned() ? x : select(compare(arith::CmpIPredicate::slt, x, zero), binary<arith::SubIOp>(zero, x), x);
  case Kind::relu:
    return isUnsigned() ? x : binary<arith::MaxSIOp>(x, zero);
  case Kind::sign: {
    Value one = integer(1, x);
    if (isUnsigned())
      return binary<arith::MinUIOp>(x, one);
    return binary<arith::MinSIOp>(binary<arith::MaxSIOp>(x, integer(-1, x)), one);
  }
  case Kind::logical_not:
    return binary<arith::XOrIOp>(x, integer(-1, x));
  default:
    return {};
  }
}

Value Functions::floatBinary(Kind kind, Value a, Value b) {
  switch (kind) {
  case Kind::add:
    return add(a, b);
  case Kind::sub:
    return binary<arith::SubFOp>(a, b);
  case Kind::mul:
    return mul(a, b);
  case Kind::div:
    return binary<arith::DivFOp>(a, b);
  case Kind::max:
    return binary<arith::MaximumFOp>(a, b);
  case Kind::min:
    return binary<arith::MinimumFOp>(a, b);
  case Kind::pow:
    return binary<math::PowFOp>(a, b);
  case Kind::remainder: {
    Value rest = binary<arith::RemFOp>(a, b), zero = number(0, a);
    Value differ = binary<arith::XOrIOp>(compare(arith::CmpFPredicate::OLT, rest, zero),
                                         compare(arith::CmpFPredicate::OLT, b, zero));
    Value wrong = binary<arith::AndIOp>(compare(arith::CmpFPredicate::UNE, rest, zero), differ);
    return select(wrong, add(rest, b), rest);
  }
  default:
    return {};
  }
}

/// Division by zero stops the run; the smallest number divided by -1 wraps.
Value Functions::divideIntegers(Kind kind, Value a, Value b) {
  Value zero = integer(0, b), one = integer(1, b);
  Value valid = compare(arith::CmpIPredicate::ne, b, zero);
  cf::AssertOp::create(builder, location, valid, "an integer is divided by zero");
  Value divisor = select(valid, b, one);
  if (isUnsigned())
    return kind == Kind::div ? binary<arith::DivUIOp>(a, divisor) : binary<arith::RemUIOp>(a, divisor);
  Value isMinusOne = compare(arith::CmpIPredicate::eq, b, integer(-1, b));
  divisor = select(isMinusOne, one, divisor);
  if (kind == Kind::div)
    return select(isMinusOne, binary<arith::SubIOp>(zero, a), binary<arith::DivSIOp>(a, divisor));
  Value rest = binary<arith::RemSIOp>(a, divisor);
  Value differ = binary<arith::XOrIOp>(compare(arith::CmpIPredicate::slt, rest, zero),
                                       compare(arith::CmpIPredicate::slt, b, zero));
  Value wrong = binary<arith::AndIOp>(compare(arith::CmpIPredicate::ne, rest, zero), differ);
  return select(wrong, binary<arith::AddIOp>(rest, b), rest);
}

/// By squaring, one step per bit of the exponent. A negative exponent truncates 1 / base^n.
Value Functions::powerOfIntegers(Value base, Value exponent) {
  unsigned width = base.getType().getIntOrFloatBitWidth();
  Value one = integer(1, base);
  auto index = [&](int64_t value) { return arith::ConstantIndexOp::create(builder, location, value); };
  auto loop = scf::ForOp::create(builder, location, index(0), index(width), index(1), ValueRange{one, base, exponent},
                                 [&](OpBuilder &inner, Location at, Value, ValueRange state) {
                                   Value isOdd = arith::TruncIOp::create(inner, at, inner.getI1Type(), state[2]);
                                   Value product = arith::MulIOp::create(inner, at, state[0], state[1]);
                                   Value result = arith::SelectOp::create(inner, at, isOdd, product, state[0]);
                                   Value square = arith::MulIOp::create(inner, at, state[1], state[1]);
                                   Value rest = arith::ShRUIOp::create(inner, at, state[2], one);
                                   scf::YieldOp::create(inner, at, ValueRange{result, square, rest});
                                 });
  Value power = loop.getResult(0);
  if (isUnsigned())
    return power;
  // 1 to any power is 1, -1 alternates (as the loop finds), all other numbers truncate to 0.
  Value isUnit = binary<arith::OrIOp>(compare(arith::CmpIPredicate::eq, base, one),
                                      compare(arith::CmpIPredicate::eq, base, integer(-1, base)));
  Value isNegative = compare(arith::CmpIPredicate::slt, exponent, integer(0, exponent));
  return select(binary<arith::AndIOp>(isNegative, binary<arith::XOrIOp>(isUnit, scalars.integer(1, isUnit.getType()))),
                integer(0, base), power);
}

/// The amount is unsigned; a shift by the width or more would be poison.
Value Functions::shift(Kind kind, Value a, Value amount) {
  Value last = integer(a.getType().getIntOrFloatBitWidth() - 1, a);
  Value isInside = compare(arith::CmpIPredicate::ule, amount, last);
  Value clamped = binary<arith::MinUIOp>(amount, last);
  if (kind == Kind::shift_right && !isUnsigned())
    return binary<arith::ShRSIOp>(a, clamped);
  Value shifted = kind == Kind::shift_left ? binary<arith::ShLIOp>(a, clamped) : binary<arith::ShRUIOp>(a, clamped);
  return select(isInside, shifted, integer(0, a));
}

Value Functions::integerBinary(Kind kind, Value a, Value b) {
  switch (kind) {
  case Kind::add:
    return binary<arith::AddIOp>(a, b);
  case Kind::sub:
    return binary<arith::SubIOp>(a, b);
  case Kind::mul:
    return binary<arith::MulIOp>(a, b);
  case Kind::div:
  case Kind::remainder:
    return divideIntegers(kind, a, b);
  case Kind::max:
    return isUnsigned() ? binary<arith::MaxUIOp>(a, b) : binary<arith::MaxSIOp>(a, b);
  case Kind::min:
    return isUnsigned() ? binary<arith::MinUIOp>(a, b) : binary<arith::MinSIOp>(a, b);
  case Kind::pow:
    return powerOfIntegers(a, b);
  case Kind::logical_and:
    return binary<arith::AndIOp>(a, b);
  case Kind::logical_or:
    return binary<arith::OrIOp>(a, b);
  case Kind::logical_xor:
    return binary<arith::XOrIOp>(a, b);
  case Kind::shift_left:
  case Kind::shift_right:
    return shift(kind, a, b);
  default:
    return {};
  }
}

Value Functions::floatComparison(Kind kind, Value a, Value b) {
  switch (kind) {
  case Kind::eq:
    return compare(arith::CmpFPredicate::OEQ, a, b);
  case Kind::ne:
    return compare(arith::CmpFPredicate::UNE, a, b);
  case Kind::lt:
    return compare(arith::CmpFPredicate::OLT, a, b);
  case Kind::le:
    return compare(arith::CmpFPredicate::OLE, a, b);
  case Kind::gt:
    return compare(arith::CmpFPredicate::OGT, a, b);
  case Kind::ge:
    return compare(arith::CmpFPredicate::OGE, a, b);
  default:
    return {};
  }
}

Value Functions::integerComparison(Kind kind, Value a, Value b) {
  using arith::CmpIPredicate;
  switch (kind) {
  case Kind::eq:
    return compare(CmpIPredicate::eq, a, b);
  case Kind::ne:
    return compare(CmpIPredicate::ne, a, b);
  case Kind::lt:
    return compare(isUnsigned() ? CmpIPredicate::ult : CmpIPredicate::slt, a, b);
  case Kind::le:
    return compare(isUnsigned() ? CmpIPredicate::ule : CmpIPredicate::sle, a, b);
  case Kind::gt:
    return compare(isUnsigned() ? CmpIPredicate::ugt : CmpIPredicate::sgt, a, b);
  case Kind::ge:
    return compare(isUnsigned() ? CmpIPredicate::uge : CmpIPredicate::sge, a, b);
  default:
    return {};
  }
}

Value Scalars::emit(Kind kind, Type element, ValueRange operands) {
  Functions functions{*this, builder, location, element};
  bool isFloat = isa<FloatType>(element), isComparison = kind >= Kind::eq && kind <= Kind::ge;
  if (kind == Kind::select)
    return functions.select(operands[0], operands[1], operands[2]);
  if (kind == Kind::clamp)
    return emit(Kind::min, element, {emit(Kind::max, element, {operands[0], operands[1]}), operands[2]});
  if (operands.size() == 1)
    return isFloat ? functions.floatUnary(kind, operands[0]) : functions.integerUnary(kind, operands[0]);
  if (isComparison)
    return isFloat ? functions.floatComparison(kind, operands[0], operands[1])
                   : functions.integerComparison(kind, operands[0], operands[1]);
  return isFloat ? functions.floatBinary(kind, operands[0], operands[1])
                 : functions.integerBinary(kind, operands[0], operands[1]);
}
