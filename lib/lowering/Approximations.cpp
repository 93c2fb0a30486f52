// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Approximations.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// log(2) in two parts; the product of the first with an exponent is exact.
static constexpr double kLog2High = 0.693359375, kLog2Low = -2.12194440054690583e-4;
static constexpr double kPerLog2 = 1.44269504088896340736;

Approximation::Approximation(OpBuilder &builder, Location location, Type type, bool isFused, bool hasTables)
    : Numbers(builder, location, type, isFused),
      hasTables(hasTables && isFused && type == VectorType::get({16}, Float32Type::get(type.getContext()))) {}

/// x = n log(2) + r with |r| <= log(2) / 2: exp(x) = 2^n (1 + r + r^2 q(r)), |error of q r^2| < 2^-28.
Approximation::Power Approximation::splitExp(Value x) {
  if (hasTables)
    return splitExpByTable(x);
  Rounded n = roundProduct(x, kPerLog2);
  Value rest = multiplyAdd(n.number, number(-kLog2High), x);
  rest = multiplyAdd(n.number, number(-kLog2Low), rest);
  Value q = polynomial(rest, {0.50000001010965011, 0.1666651289333332, 0.041666186993612378, 0.0083695980370638517,
                              0.0013951733324854624});
  Value more = multiplyAdd(mul(rest, rest), q, rest);
  return {add(more, number(1)), n};
}

/// x = n log(2) + r with 16 n an integer and |r| <= log(2) / 32: exp(x) = 2^floor(n) t(n - floor(n)) (1 + r + r^2
/// q(r)), |error of q r^2| < 2^-29. Tang's method (ACM Transactions on Mathematical Software 15, 1989) with a table in
/// a vector.
Approximation::Power Approximation::splitExpByTable(Value x) {
  SmallVector<double> powers;
  for (int i = 0; i < 16; ++i)
    powers.push_back(std::exp2(i / 16.0));
  // A sum with this number keeps four bits behind the point; they are its last bits.
  Value anchor = number(std::ldexp(1.5, 19)), sum = multiplyAdd(x, number(kPerLog2), anchor);
  Value n = sub(sum, anchor), power = lookUp(toBits(sum), powers);
  Value rest = multiplyAdd(n, number(-kLog2High), x);
  rest = multiplyAdd(n, number(-kLog2Low), rest);
  Value q = polynomial(rest, {1, 0.5000168445870865, 0.1666705402690756});
  return {multiplyAdd(mul(power, rest), q, power), {n, Value()}};
}

Value Approximation::lookUp(Value index, ArrayRef<double> table) {
  auto shape = cast<ShapedType>(type);
  SmallVector<float> numbers(table.begin(), table.end());
  Value vector = arith::ConstantOp::create(builder, location, DenseElementsAttr::get(shape, ArrayRef<float>(numbers)));
  return LLVM::CallIntrinsicOp::create(builder, location, type, builder.getStringAttr("llvm.x86.avx512.permvar.sf.512"),
                                       ValueRange{vector, index})
      ->getResult(0);
}

Value Approximation::scale(Value fraction, Rounded exponent) {
  if (hasTables) {
    // Of all lanes, rounded as the thread has it.
    Value all = LLVM::ConstantOp::create(builder, location, builder.getI16Type(), builder.getI16IntegerAttr(-1));
    Value rounding = LLVM::ConstantOp::create(builder, location, builder.getI32Type(), builder.getI32IntegerAttr(4));
    return LLVM::CallIntrinsicOp::create(builder, location, type,
                                         builder.getStringAttr("llvm.x86.avx512.mask.scalef.ps.512"),
                                         ValueRange{fraction, exponent.number, fraction, all, rounding})
        ->getResult(0);
  }
  // In two steps, each of which is a normal number.
  Value half = bits<arith::ShRSIOp>(exponent.bits, integer(1)), rest = bits<arith::SubIOp>(exponent.bits, half);
  for (Value part : {half, rest}) {
    Value biased = bits<arith::AddIOp>(part, integer(127));
    fraction = mul(fraction, fromBits(bits<arith::ShLIOp>(biased, integer(23))));
  }
  return fraction;
}

Value Approximation::exp(Value x) {
  Power power = splitExp(clamp(x, -104, 89));
  return scale(power.fraction, power.exponent);
}

Value Approximation::expNormal(Value x) {
  Power power = splitExp(x);
  if (hasTables)
    return scale(power.fraction, power.exponent);
  return fromBits(bits<arith::AddIOp>(toBits(power.fraction), bits<arith::ShLIOp>(power.exponent.bits, integer(23))));
}

/// x = 2^k (1 + f) with f around 0: log(x) = k log(2) + f - f^2 / 2 + f^3 p(f), relative error of p < 2^-30.
Value Approximation::log(Value x) {
  Value isSubnormal = less(x, number(std::ldexp(1.0, -126)));
  Value normal = select(isSubnormal, mul(x, number(std::ldexp(1.0, 23))), x);
  Value pattern = toBits(normal);
  Value k = bits<arith::ShRSIOp>(bits<arith::SubIOp>(pattern, integer(0x3f3504f3)), integer(23)); // sqrt(1/2)
  Value mantissa = fromBits(bits<arith::SubIOp>(pattern, bits<arith::ShLIOp>(k, integer(23))));
  Value exponent = toFloat(bits<arith::AddIOp>(k, select(isSubnormal, integer(-23), integer(0))));
  Value f = sub(mantissa, number(1)), square = mul(f, f);
  Value p = polynomial(f, {0.33333310387377299, -0.24999986444758739, 0.20002230699823172, -0.1666926233251509,
                           0.14218574198352716, -0.12384084834449066, 0.11873394312206119, -0.11791645080383895,
                           0.06916615756237567});
  Value more = mul(mul(f, square), p);
  more = multiplyAdd(exponent, number(kLog2Low), more);
  more = multiplyAdd(number(-0.5), square, more);
  Value result = multiplyAdd(exponent, number(kLog2High), add(f, more));
  result = select(less(x, number(kInfinity)), result, x);
  result = select(equal(x, number(0)), number(-kInfinity), result);
  return select(less(x, number(0)), number(std::numeric_limits<double>::quiet_NaN()), result);
}

/// x + x^3 p(x^2) for small arguments, else 1 - 2 / (exp(2 x) + 1).
Value Approximation::tanh(Value x) {
  Value magnitude = absolute(x), square = mul(x, x);
  Value p = polynomial(square, {-0.33333278315032567, 0.13331328951909874, -0.053729229316400608, 0.020602005391312218,
                                -0.0056607864678268036});
  Value small = multiplyAdd(mul(square, p), magnitude, magnitude);
  Value limited = select(less(number(10), magnitude), number(10), magnitude);
  Value power = expNormal(add(limited, limited));
  Value large = sub(number(1), div(number(2), add(power, number(1))));
  return copySign(select(less(magnitude, number(0.625)), small, large), x);
}

/// x + x p(x^2) for small arguments, else 1 - exp(-q(x)) with q = -log(erfc).
Value Approximation::erf(Value x) {
  Value magnitude = absolute(x);
  Value p =
      polynomial(mul(x, x), {0.12837916583413291, -0.37612626463899473, 0.11283591199446969, -0.026854013705493206,
                             0.0051886130408317464, -0.00080118401560148841, 7.8564673673874014e-5});
  Value small = multiplyAdd(p, magnitude, magnitude);
  Value limited = select(less(number(4), magnitude), number(4), magnitude);
  Value q = polynomial(limited, {0.00033272371104727832, 1.1271223568337581, 0.63809380456414575, 0.10314775893031328,
                                 -0.021856210231893235, 0.0029518511231127763, -0.0001867743477181227});
  Value large = sub(number(1), expNormal(negate(q)));
  return copySign(select(less(magnitude, number(1)), small, large), x);
}

/// exp(-x^2) h(t) with t = (x - 2.5) / (x + 2.5) and h = exp(x^2) erfc(x) for arguments that are not negative, else
/// 2 - erfc(-x). The substitution is Shepherd's and Laframboise's (Mathematics of Computation 36, 1981).
Value Approximation::erfc(Value x) {
  Value magnitude = absolute(x);
  magnitude = select(less(number(10.1), magnitude), number(10.1), magnitude);
  Value t = div(sub(magnitude, number(2.5)), add(magnitude, number(2.5)));
  Value h = polynomial(t, {0.21080636427337687, -0.37173672948747284, 0.2517131626556058, -0.12503319642281546,
                           0.039923124143457329, -0.0039922199685994755, -0.0026459682135950198, 0.00086858158347069797,
                           0.00023656683739844057, -0.00011065307315262467, -3.7465225300169153e-5});
  // The square in two parts: its rounding would be magnified.
  Value square = mul(magnitude, magnitude), rest;
  if (isFused) {
    rest = multiplyAdd(magnitude, magnitude, negate(square));
  } else {
    Value high = fromBits(bits<arith::AndIOp>(toBits(magnitude), integer(~int64_t(0xfff))));
    Value low = sub(magnitude, high);
    rest = add(sub(mul(high, high), square), mul(add(high, magnitude), low));
  }
  Power power = splitExp(negate(square));
  Value fraction = mul(power.fraction, h);
  Value positive = scale(multiplyAdd(negate(fraction), rest, fraction), power.exponent);
  return select(less(x, number(0)), sub(number(2), positive), positive);
}

/// erfc(magnitude / sqrt(2)) = 2^log2(erfc(magnitude / sqrt(2))) for magnitudes of at most 14.5. The logarithm is a
/// polynomial in each of sixteen intervals that begin at 0, 1/4, ... 1, 3/2, ... 3, 4, ... 7, 9, ... 13: |error| is
/// less than that of its last rounding; 2^r = 1 + r p(r) with an error below 2^-23, p by Estrin's scheme.
Value Approximation::upperTail(Value magnitude) {
  // By power of x, then by the last bit of the exponent of |x| + 1 and the first two of its mantissa.
  static constexpr double logarithm[5][16] = {
      {-0.00164915028, -0.00776869757, -0.0216977522, -0.045130752, -0.0960419774, -0.191534936, -0.304567128,
       -0.424958587, -0.601073682, -0.831225991, -1.04035795, -1.2286855, 5.33372058e-09, -2.36500068e-06,
       -4.62912503e-05, -0.000285831222},
      {-1.14438355, -1.12822688, -1.10044479, -1.06295633, -0.997278392, -0.901270688, -0.810393453, -0.729794145,
       -0.631460547, -0.528164625, -0.451582074, -0.393330157, -1.15110409, -1.15107167, -1.15073586, -1.14948165},
      {-0.470028967, -0.486116022, -0.506963491, -0.5295012, -0.561360419, -0.59767735, -0.625134408, -0.645398736,
       -0.666030884, -0.683461428, -0.693996191, -0.700761259, -0.459225535, -0.459394723, -0.460367799, -0.462843984},
      {-0.0440243632, -0.0368641466, -0.0298885722, -0.0238539614, -0.0169658866, -0.0108402614, -0.00714558922,
       -0.00487792492, -0.00294980942, -0.00163923274, -0.000994053436, -0.000644446351, -0.0524076484, -0.0520032346,
       -0.0507351756, -0.0485500731},
      {0.00405320246, 0.00285115349, 0.00197303668, 0.00136584789, 0.000805750547, 0.000417050294, 0.000230231584,
       0.000134935151, 6.72179958e-05, 3.01736654e-05, 1.53315341e-05, 8.54823702e-06, 0.00686020404, 0.0064834184,
       0.00585598731, 0.00512875151}};
  Value interval = bits<arith::ShRUIOp>(toBits(add(magnitude, number(1))), integer(21));
  Value power = lookUp(interval, logarithm[4]);
  for (int i = 3; i >= 0; --i)
    power = multiplyAdd(power, magnitude, lookUp(interval, logarithm[i]));
  Value whole = math::RoundEvenOp::create(builder, location, power);
  Value r = sub(power, whole), square = mul(r, r);
  Value high = multiplyAdd(square, number(0.0013264727391638122),
                           multiplyAdd(r, number(0.00967151291732474), number(0.05550733745336464)));
  Value p = multiplyAdd(square, high, multiplyAdd(r, number(0.24022242081104886), number(0.693146977596469)));
  return scale(multiplyAdd(r, p, number(1)), {whole, Value()});
}

/// Up to where erfc(|x| / sqrt(2)) is not zero; not-a-number stays.
Value Approximation::limitTail(Value x) {
  Value limit = number(14.5), magnitude = absolute(x);
  return select(less(limit, magnitude), limit, magnitude);
}

Value Approximation::normal(Value x) {
  if (!hasTables)
    return {};
  Value lower = upperTail(limitTail(x));
  return select(less(x, number(0)), lower, sub(number(2), lower));
}

/// max(x, 0) - |x| erfc(|x| / sqrt(2)) / 2: no choice between two sides at the end of a long chain.
Value Approximation::gelu(Value x) {
  if (!hasTables)
    return {};
  Value magnitude = limitTail(x);
  Value positive = select(less(x, number(0)), number(-0.0), x); // A zero keeps the sign of x.
  return multiplyAdd(mul(magnitude, number(-0.5)), upperTail(magnitude), positive);
}
