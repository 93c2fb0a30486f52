// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Approximations.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

static Type withElement(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return VectorType::get(vector.getShape(), element);
  return element;
}

Numbers::Numbers(OpBuilder &builder, Location location, Type type, bool isFused)
    : builder(builder), location(location), type(type), isFused(isFused), isWide(getElementTypeOrSelf(type).isF64()) {
  integers = withElement(type, builder.getIntegerType(isWide ? 64 : 32));
}

static TypedAttr spread(Type type, TypedAttr value) {
  if (auto vector = dyn_cast<VectorType>(type))
    return DenseElementsAttr::get(vector, value);
  return value;
}

Value Numbers::number(double value) {
  TypedAttr attribute = builder.getFloatAttr(getElementTypeOrSelf(type), value);
  return arith::ConstantOp::create(builder, location, spread(type, attribute));
}

Value Numbers::integer(int64_t value) {
  TypedAttr attribute = builder.getIntegerAttr(getElementTypeOrSelf(integers), value);
  return arith::ConstantOp::create(builder, location, spread(integers, attribute));
}

Value Numbers::multiplyAdd(Value a, Value b, Value c) {
  if (isFused)
    return math::FmaOp::create(builder, location, a, b, c);
  return add(mul(a, b), c);
}

Value Numbers::absolute(Value a) { return math::AbsFOp::create(builder, location, a); }

Value Numbers::floor(Value a) { return math::FloorOp::create(builder, location, a); }

Value Numbers::polynomial(Value x, ArrayRef<double> coefficients) {
  Value sum = number(coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = multiplyAdd(sum, x, number(coefficient));
  return sum;
}

Value Numbers::clamp(Value a, double low, double high) {
  Value least = number(low), most = number(high);
  a = select(less(a, least), least, a);
  return select(less(most, a), most, a);
}

Value Numbers::copySign(Value magnitude, Value sign) {
  Value highest = integer(isWide ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int32_t>::min());
  return fromBits(bits<arith::OrIOp>(toBits(magnitude), bits<arith::AndIOp>(toBits(sign), highest)));
}

Numbers::Rounded Numbers::roundProduct(Value a, double factor) {
  // A sum with this number keeps no bits behind the point, and its last bits are the integer.
  Value anchor = number(std::ldexp(1.5, isWide ? 52 : 23));
  Value sum = multiplyAdd(a, number(factor), anchor);
  return {sub(sum, anchor), bits<arith::SubIOp>(toBits(sum), toBits(anchor))};
}
