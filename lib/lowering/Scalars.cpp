// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversions, reductions and constants on elements. The elementwise functions are in ScalarFunctions.cpp.
#include "Scalars.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;
using graph::ReduceKind;

bool lowering::isSmallestFloat(Type element) { return isa<FloatType>(element) && element.getIntOrFloatBitWidth() == 8; }

Type lowering::getStoredType(Type element) {
  // 4-bit integers and 8-bit floats are bytes.
  if (auto integer = dyn_cast<IntegerType>(element))
    return IntegerType::get(element.getContext(), integer.getWidth() == 4 ? 8 : integer.getWidth());
  return isSmallestFloat(element) ? IntegerType::get(element.getContext(), 8) : element;
}

Type lowering::getComputedType(Type element) {
  if (isa<BFloat16Type, Float16Type>(element))
    return Float32Type::get(element.getContext());
  return getStoredType(element);
}

ReduceKind lowering::toReduceKind(plan::PartialKind kind) {
  switch (kind) {
  case plan::PartialKind::sum:
    return ReduceKind::sum;
  case plan::PartialKind::max:
    return ReduceKind::max;
  case plan::PartialKind::min:
    return ReduceKind::min;
  case plan::PartialKind::logicalAnd:
    return ReduceKind::logical_and;
  case plan::PartialKind::logicalOr:
    return ReduceKind::logical_or;
  }
  return ReduceKind::sum;
}

Value Scalars::widen(Value stored) {
  Type computed = getComputedType(stored.getType());
  return computed == stored.getType() ? stored : arith::ExtFOp::create(builder, location, computed, stored).getResult();
}

Value Scalars::narrow(Value computed, Type element) {
  Type stored = getStoredType(element);
  if (computed.getType() == stored)
    return computed;
  return arith::TruncFOp::create(builder, location, stored, computed);
}

Value Scalars::number(double value, Type computedFloat) {
  return arith::ConstantOp::create(builder, location, builder.getFloatAttr(computedFloat, value));
}

Value Scalars::integer(int64_t value, Type signless) {
  return arith::ConstantOp::create(builder, location, builder.getIntegerAttr(signless, value));
}

/// Truncates towards zero and saturates; NaN becomes 0.
static Value convertToInteger(OpBuilder &builder, Location location, Value value, IntegerType to, Type result) {
  std::string name = to.isUnsigned() ? "llvm.fptoui.sat" : "llvm.fptosi.sat";
  name += ".i" + std::to_string(to.getWidth()) + (value.getType().isF64() ? ".f64" : ".f32");
  return LLVM::CallIntrinsicOp::create(builder, location, result, builder.getStringAttr(name), ValueRange{value})
      .getResult(0);
}

static Value resizeInteger(OpBuilder &builder, Location location, Value value, IntegerType from, Type result) {
  unsigned width = cast<IntegerType>(result).getWidth();
  if (from.getWidth() == width)
    return value;
  if (from.getWidth() > width)
    return arith::TruncIOp::create(builder, location, result, value);
  bool isUnsigned = from.isUnsigned() || from.getWidth() == 1;
  return isUnsigned ? arith::ExtUIOp::create(builder, location, result, value).getResult()
                    : arith::ExtSIOp::create(builder, location, result, value).getResult();
}

static bool isNibble(Type element) { return element.isSignedInteger(4) || element.isUnsignedInteger(4); }

/// Between a 4-bit integer, a byte that holds its value, and another type.
static Value castNibble(Scalars &scalars, Value value, Type from, Type to) {
  auto toByte = [](Type nibble) -> Type {
    auto signedness = cast<IntegerType>(nibble).getSignedness();
    return IntegerType::get(nibble.getContext(), 8, signedness);
  };
  if (isNibble(from))
    return scalars.cast(value, toByte(from), to);
  OpBuilder &builder = scalars.builder;
  auto nibble = cast<IntegerType>(to);
  if (isa<FloatType>(from)) {
    // Saturates at 4 bits.
    Value wide = isSmallestFloat(from) ? decodeSmallestFloat(scalars, value, from) : scalars.widen(value);
    Value bits = convertToInteger(builder, scalars.location, wide, nibble, builder.getIntegerType(4));
    return nibble.isUnsigned()
               ? arith::ExtUIOp::create(builder, scalars.location, builder.getI8Type(), bits).getResult()
               : arith::ExtSIOp::create(builder, scalars.location, builder.getI8Type(), bits).getResult();
  }
  Value byte = scalars.cast(value, from, toByte(to)), four = scalars.integer(4, builder.getI8Type());
  Value raised = arith::ShLIOp::create(builder, scalars.location, byte, four);
  return nibble.isUnsigned() ? arith::ShRUIOp::create(builder, scalars.location, raised, four).getResult()
                             : arith::ShRSIOp::create(builder, scalars.location, raised, four).getResult();
}

Value Scalars::cast(Value value, Type from, Type to) {
  Type result = getStoredType(to);
  if (from == to)
    return value;
  if (isNibble(from) || isNibble(to))
    return castNibble(*this, value, from, to);
  Type f32 = builder.getF32Type();
  if (isSmallestFloat(from))
    return cast(decodeSmallestFloat(*this, value, from), f32, to);
  if (isSmallestFloat(to))
    return encodeSmallestFloat(*this, cast(value, from, f32), to);
  Value wide = widen(value);
  if (auto integer = dyn_cast<IntegerType>(from)) {
    if (to.isInteger(1)) {
      Value zero = this->integer(0, value.getType());
      return arith::CmpIOp::create(builder, location, arith::CmpIPredicate::ne, value, zero);
    }
    if (isa<IntegerType>(to))
      return resizeInteger(builder, location, value, integer, result);
    bool isUnsigned = integer.isUnsigned() || integer.getWidth() == 1;
    Type computed = getComputedType(to);
    Value number = isUnsigned ? arith::UIToFPOp::create(builder, location, computed, value).getResult()
                              : arith::SIToFPOp::create(builder, location, computed, value).getResult();
    return narrow(number, to);
  }
  if (to.isInteger(1))
    return arith::CmpFOp::create(builder, location, arith::CmpFPredicate::UNE, wide, number(0, wide.getType()));
  if (auto integer = dyn_cast<IntegerType>(to))
    return convertToInteger(builder, location, wide, integer, result);
  // Floats meet in f32 unless both are wider.
  Type computed = getComputedType(to);
  if (computed.isF64() && !wide.getType().isF64())
    wide = arith::ExtFOp::create(builder, location, computed, wide);
  else if (!computed.isF64() && wide.getType().isF64())
    wide = arith::TruncFOp::create(builder, location, computed, wide);
  return narrow(wide, to);
}

Value Scalars::combine(ReduceKind kind, Type element, Value a, Value b) {
  using graph::ElementwiseKind;
  switch (kind) {
  case ReduceKind::sum:
    if (isa<FloatType>(a.getType()))
      return arith::AddFOp::create(builder, location, a, b, arith::FastMathFlags::reassoc);
    return emit(ElementwiseKind::add, element, {a, b});
  case ReduceKind::max:
    return emit(ElementwiseKind::max, element, {a, b});
  case ReduceKind::min:
    return emit(ElementwiseKind::min, element, {a, b});
  case ReduceKind::prod:
    return emit(ElementwiseKind::mul, element, {a, b});
  case ReduceKind::logical_and:
    return emit(ElementwiseKind::logical_and, element, {a, b});
  case ReduceKind::logical_or:
    return emit(ElementwiseKind::logical_or, element, {a, b});
  }
  return {};
}

/// The smallest or largest value of an integer type.
static APInt getExtreme(IntegerType type, bool largest) {
  unsigned width = type.getWidth();
  if (type.isUnsigned())
    return largest ? APInt::getMaxValue(width) : APInt::getMinValue(width);
  return largest ? APInt::getSignedMaxValue(width) : APInt::getSignedMinValue(width);
}

Value Scalars::identity(ReduceKind kind, Type element) {
  Type computed = getComputedType(element);
  bool isExtreme = kind == ReduceKind::max || kind == ReduceKind::min;
  bool isOne = kind == ReduceKind::prod || kind == ReduceKind::logical_and;
  if (isa<FloatType>(computed)) {
    double infinity = std::numeric_limits<double>::infinity();
    return number(isExtreme ? (kind == ReduceKind::max ? -infinity : infinity) : isOne ? 1 : 0, computed);
  }
  if (!isExtreme)
    return integer(isOne ? 1 : 0, computed);
  APInt extreme = getExtreme(llvm::cast<IntegerType>(element), kind == ReduceKind::min);
  return arith::ConstantOp::create(builder, location, builder.getIntegerAttr(computed, extreme));
}
