// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 8-bit floats by integer arithmetic on the bits of f32: LLVM has no such types.
//
// Example, E4M3FN (bias 7): 0x38 << 20 is the f32 with exponent field 7, that is 2^(7 - 127); times 2^(127 - 7) it
// is 1.
#include "Scalars.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace {

struct Format {
  int mantissaBits, bias;
  int64_t largest; ///< Bits of the largest finite number.
  int64_t nan;     ///< Bits of the NaN that is written.
  bool hasInfinity, hasNegativeZero;
};

Format formatOf(Type element) {
  if (isa<Float8E4M3FNType>(element))
    return {3, 7, 0x7e, 0x7f, false, true};
  if (isa<Float8E5M2Type>(element))
    return {2, 15, 0x7b, 0x7e, true, true};
  return isa<Float8E4M3FNUZType>(element) ? Format{3, 8, 0x7f, 0x80, false, false}
                                          : Format{2, 16, 0x7f, 0x80, false, false};
}

/// Shorthands on i32 and f32 at one place.
struct Bits {
  Scalars &scalars;
  OpBuilder &builder = scalars.builder;
  Location location = scalars.location;
  Type i32 = builder.getI32Type(), f32 = builder.getF32Type();

  Value integer(int64_t value) { return scalars.integer(value, i32); }
  Value number(double value) { return scalars.number(value, f32); }
  template <typename Op> Value binary(Value a, Value b) { return Op::create(builder, location, a, b); }
  Value cast(Value value, Type type) { return arith::BitcastOp::create(builder, location, type, value); }
  Value compare(arith::CmpIPredicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(builder, location, predicate, a, b);
  }
  Value select(Value condition, Value a, Value b) {
    return arith::SelectOp::create(builder, location, condition, a, b);
  }
};

} // namespace

Value lowering::decodeSmallestFloat(Scalars &scalars, Value byte, Type element) {
  Bits bits{scalars};
  Format format = formatOf(element);
  Value all = arith::ExtUIOp::create(bits.builder, bits.location, bits.i32, byte);
  Value magnitude = bits.binary<arith::AndIOp>(all, bits.integer(0x7f));
  Value raised = bits.binary<arith::ShLIOp>(magnitude, bits.integer(23 - format.mantissaBits));
  Value number =
      bits.binary<arith::MulFOp>(bits.cast(raised, bits.f32), bits.number(std::ldexp(1.0, 127 - format.bias)));
  if (format.hasInfinity) {
    Value isInfinite = bits.compare(arith::CmpIPredicate::eq, magnitude, bits.integer(format.largest + 1));
    number = bits.select(isInfinite, bits.number(std::numeric_limits<double>::infinity()), number);
  }
  Value isNaN = format.hasNegativeZero ? bits.compare(arith::CmpIPredicate::ugt, magnitude,
                                                      bits.integer(format.largest + (format.hasInfinity ? 1 : 0)))
                                       : bits.compare(arith::CmpIPredicate::eq, all, bits.integer(format.nan));
  number = bits.select(isNaN, bits.number(std::numeric_limits<double>::quiet_NaN()), number);
  Value sign = bits.binary<arith::ShLIOp>(bits.binary<arith::AndIOp>(all, bits.integer(0x80)), bits.integer(24));
  return bits.cast(bits.binary<arith::OrIOp>(bits.cast(number, bits.i32), sign), bits.f32);
}

/// The exponent and mantissa of `magnitude` (bits of a positive f32) as a code, rounded to nearest even.
static Value roundMagnitude(Bits &bits, Value magnitude, const Format &format) {
  int dropped = 23 - format.mantissaBits;
  // Normal: the dropped bits round by an addition that carries, then the exponent is rebased.
  Value odd =
      bits.binary<arith::AndIOp>(bits.binary<arith::ShRUIOp>(magnitude, bits.integer(dropped)), bits.integer(1));
  Value half = bits.binary<arith::AddIOp>(odd, bits.integer((int64_t(1) << (dropped - 1)) - 1));
  Value rounded = bits.binary<arith::ShRUIOp>(bits.binary<arith::AddIOp>(magnitude, half), bits.integer(dropped));
  Value normal = bits.binary<arith::SubIOp>(rounded, bits.integer(int64_t(127 - format.bias) << format.mantissaBits));
  // Subnormal: a sum with a number whose last place is the smallest subnormal rounds to whole subnormals.
  double least = std::ldexp(1.0, 1 - format.bias - format.mantissaBits), base = least * (int64_t(1) << 23);
  Value sum = bits.binary<arith::AddFOp>(bits.cast(magnitude, bits.f32), bits.number(base));
  Value subnormal = bits.binary<arith::SubIOp>(bits.cast(sum, bits.i32), bits.cast(bits.number(base), bits.i32));
  Value smallestNormal = bits.integer(int64_t(127 + 1 - format.bias) << 23);
  return bits.select(bits.compare(arith::CmpIPredicate::ult, magnitude, smallestNormal), subnormal, normal);
}

Value lowering::encodeSmallestFloat(Scalars &scalars, Value f32, Type element) {
  Bits bits{scalars};
  Format format = formatOf(element);
  Value all = bits.cast(f32, bits.i32);
  Value magnitude = bits.binary<arith::AndIOp>(all, bits.integer(0x7fffffff));
  Value code = roundMagnitude(bits, magnitude, format);
  Value sign = bits.binary<arith::AndIOp>(bits.binary<arith::ShRUIOp>(all, bits.integer(24)), bits.integer(0x80));
  Value isBeyond =
      bits.binary<arith::OrIOp>(bits.compare(arith::CmpIPredicate::ugt, code, bits.integer(format.largest)),
                                bits.compare(arith::CmpIPredicate::uge, magnitude, bits.integer(0x7f800000)));
  Value beyond = bits.integer(format.hasInfinity ? format.largest + 1 : format.nan);
  Value isZero = bits.compare(arith::CmpIPredicate::eq, code, bits.integer(0));
  Value isPlain = bits.select(isBeyond, bits.integer(format.hasInfinity ? 1 : 0),
                              bits.integer(1)); // whether the sign is kept
  if (!format.hasNegativeZero)
    isPlain = bits.select(isZero, bits.integer(0), isPlain);
  code = bits.select(isBeyond, beyond, code);
  Value keptSign = bits.binary<arith::MulIOp>(sign, isPlain);
  Value isNaN = bits.compare(arith::CmpIPredicate::ugt, magnitude, bits.integer(0x7f800000));
  Value result = bits.select(isNaN, bits.integer(format.nan), bits.binary<arith::OrIOp>(code, keptSign));
  return arith::TruncIOp::create(bits.builder, bits.location, bits.builder.getI8Type(), result);
}
