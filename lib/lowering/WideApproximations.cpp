// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Approximations.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// log(2) in two parts; the product of the first with an exponent is exact.
static constexpr double kLog2High = 0.6931471803691238164901733, kLog2Low = 1.908214929270587816144266e-10;

/// As in f32, with |error| < 2^-51. The result of an argument beyond 200 is neither 0 nor infinity, but in f32 it is.
Value WideApproximation::exp(Value x) {
  x = clamp(x, -200, 200);
  Rounded n = roundProduct(x, 1.44269504088896340736);
  Value rest = multiplyAdd(n.number, number(-kLog2High), x);
  rest = multiplyAdd(n.number, number(-kLog2Low), rest);
  Value q = polynomial(rest, {0.50000000000000171, 0.16666666666605661, 0.041666666666464786, 0.0083333333737586394,
                              0.0013888888961994262, 0.00019841181046713942, 2.4801473654495219e-5,
                              2.7636856194857214e-6, 2.7637191211669203e-7});
  Value power = add(multiplyAdd(mul(rest, rest), q, rest), number(1));
  return fromBits(bits<arith::AddIOp>(toBits(power), bits<arith::ShLIOp>(n.bits, integer(52))));
}

/// x = 2^k m: k log(2) + 2 atanh((m - 1) / (m + 1)), relative error of atanh < 2^-59. Zero gives -infinity.
Value WideApproximation::logPositive(Value x) {
  Value pattern = toBits(x);
  Value k = bits<arith::ShRSIOp>(bits<arith::SubIOp>(pattern, toBits(number(0.70710678118654752440))), integer(52));
  Value mantissa = fromBits(bits<arith::SubIOp>(pattern, bits<arith::ShLIOp>(k, integer(52))));
  Value s = div(sub(mantissa, number(1)), add(mantissa, number(1))), square = mul(s, s);
  Value p = polynomial(square, {0.33333333333333686, 0.19999999999697294, 0.14285714373638324, 0.11111099015752252,
                                0.090917972115637517, 0.076566167761975831, 0.074022853962629646});
  Value twice = add(s, s), exponent = toFloat(k);
  Value fraction = multiplyAdd(mul(twice, square), p, twice);
  Value result = multiplyAdd(exponent, number(kLog2High), multiplyAdd(exponent, number(kLog2Low), fraction));
  // Infinity and what is not a number stay.
  result = select(less(x, number(kInfinity)), result, x);
  return select(equal(x, number(0)), number(-kInfinity), result);
}

/// x = n pi/2 + r with |r| <= pi/4, pi/2 in three parts of which the first two have exact products with n.
Value WideApproximation::quarter(Value x, int64_t shift, bool isQuotient) {
  Rounded n = roundProduct(x, 0.63661977236758134308);
  Value rest = multiplyAdd(n.number, number(-1.57079632673412561416626), x);
  rest = multiplyAdd(n.number, number(-6.077100503593460545381788e-11), rest);
  rest = multiplyAdd(n.number, number(-2.9127320560933561582586e-20), rest);
  Value square = mul(rest, rest);
  Value p = polynomial(square, {-0.16666666666627737, 0.0083333333245698004, -0.00019841263434098667,
                                2.7555274197584428e-6, -2.4755540165813895e-8});
  Value q = polynomial(square, {0.041666666666595106, -0.0013888888877341949, 2.4801580559309677e-5,
                                -2.7555491909403679e-7, 2.0642882029061231e-9});
  Value sine = mul(rest, multiplyAdd(square, p, number(1)));
  Value cosine = multiplyAdd(mul(square, square), q, multiplyAdd(square, number(-0.5), number(1)));
  Value turns = bits<arith::AddIOp>(n.bits, integer(shift));
  Value isOdd = arith::CmpIOp::create(builder, location, arith::CmpIPredicate::ne,
                                      bits<arith::AndIOp>(turns, integer(1)), integer(0));
  if (isQuotient) // Odd quarters: -cos / sin.
    return div(select(isOdd, negate(cosine), sine), select(isOdd, sine, cosine));
  Value sign = bits<arith::ShLIOp>(bits<arith::AndIOp>(turns, integer(2)), integer(62));
  return fromBits(bits<arith::XOrIOp>(toBits(select(isOdd, cosine, sine)), sign));
}

/// exp(y log|x|) with the sign and the special cases of IEEE 754's pow.
Value WideApproximation::pow(Value x, Value y) {
  Value magnitude = absolute(x), one = number(1), zero = number(0);
  Value product = mul(y, logPositive(magnitude));
  // An infinite power of -1 is 1.
  product = select(equal(magnitude, one), mul(zero, select(equal(absolute(y), number(kInfinity)), zero, y)), product);
  Value result = exp(product);
  Value half = mul(y, number(0.5));
  Value isInteger = equal(floor(y), y);
  Value isOdd = bits<arith::AndIOp>(isInteger, compare(arith::CmpFPredicate::UNE, floor(half), half));
  Value isSigned = arith::CmpIOp::create(builder, location, arith::CmpIPredicate::slt, toBits(x), integer(0));
  result = select(bits<arith::AndIOp>(isSigned, isOdd), negate(result), result);
  Value isReal = bits<arith::OrIOp>(isInteger, equal(magnitude, number(kInfinity)));
  Value isPositive = compare(arith::CmpFPredicate::UGE, x, zero);
  result = select(bits<arith::OrIOp>(isReal, isPositive), result, number(std::numeric_limits<double>::quiet_NaN()));
  Value isOne = bits<arith::OrIOp>(equal(x, one), equal(y, zero));
  return select(isOne, one, result);
}

/// Near zero the first terms of the series, which lose nothing to a difference.
Value WideApproximation::expm1(Value x) {
  Value near = mul(x, polynomial(x, {1, 1.0 / 2, 1.0 / 6, 1.0 / 24}));
  return select(less(absolute(x), number(0x1p-10)), near, sub(exp(x), number(1)));
}

Value WideApproximation::log1p(Value x) {
  Value near = mul(x, polynomial(x, {1, -1.0 / 2, 1.0 / 3, -1.0 / 4, 1.0 / 5}));
  Value sum = add(x, number(1));
  Value far = select(less(sum, number(0)), number(std::numeric_limits<double>::quiet_NaN()), logPositive(sum));
  return select(less(absolute(x), number(0x1p-10)), near, far);
}

Value WideApproximation::sinh(Value x) {
  Value near = mul(x, polynomial(mul(x, x), {1, 1.0 / 6, 1.0 / 120, 1.0 / 5040}));
  Value far = mul(number(0.5), sub(exp(x), exp(negate(x))));
  return select(less(absolute(x), number(0.25)), near, far);
}

Value WideApproximation::cosh(Value x) { return mul(number(0.5), add(exp(x), exp(negate(x)))); }
