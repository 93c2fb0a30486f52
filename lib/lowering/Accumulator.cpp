// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Accumulator.h"
#include "VectorLoops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;
using arith::CmpIPredicate;
using vector::CombiningKind;

/// Whether processors with such vectors compare their elements as integers of both kinds.
static bool comparesIntegers(VectorType type) {
  if (!type.getElementType().isF32() && !type.getElementType().isF64())
    return false;
  int64_t width = type.getElementTypeBitWidth(), bits = width * type.getNumElements();
  return width == 32 ? bits >= 256 : bits >= 512;
}

Accumulator::Accumulator(OpBuilder &builder, Operation *combiner, VectorType type)
    : builder(builder), combiner(combiner), location(combiner->getLoc()), type(type),
      isMaximum(isa<arith::MaximumFOp>(combiner)),
      isExtreme((isMaximum || isa<arith::MinimumFOp>(combiner)) && comparesIntegers(type)) {}

Accumulator::Values Accumulator::begin() {
  Value neutral = arith::ConstantOp::create(builder, location,
                                            DenseElementsAttr::get(type, makeNeutral(combiner, type.getElementType())));
  if (!isExtreme)
    return {neutral};
  // An infinity is a term that changes nothing.
  Type integers = VectorType::get(type.getShape(), builder.getIntegerType(type.getElementTypeBitWidth()));
  return Values(3, arith::BitcastOp::create(builder, location, integers, neutral));
}

Value Accumulator::combine(Value a, Value b) {
  IRMapping mapping;
  mapping.map(combiner->getOperand(0), a);
  mapping.map(combiner->getOperand(1), b);
  Operation *combined = builder.clone(*combiner, mapping);
  combined->getResult(0).setType(a.getType());
  return combined->getResult(0);
}

Accumulator::Values Accumulator::add(ValueRange parts, Value term) {
  if (!isExtreme)
    return {combine(parts[0], term)};
  Value bits = arith::BitcastOp::create(builder, location, parts[0].getType(), term);
  return merge(parts, {bits, bits, bits});
}

Accumulator::Values Accumulator::merge(ValueRange parts, ValueRange others) {
  if (!isExtreme)
    return {combine(parts[0], others[0])};
  return {arith::MaxSIOp::create(builder, location, parts[0], others[0]),
          arith::MinUIOp::create(builder, location, parts[1], others[1]),
          arith::MaxUIOp::create(builder, location, parts[2], others[2])};
}

Value Accumulator::finish(ValueRange parts) {
  if (!isExtreme)
    return combineLanes(builder, combiner, parts[0]);
  auto reduce = [&](CombiningKind kind, Value part) {
    return vector::ReductionOp::create(builder, location, kind, part);
  };
  return finishExtreme(reduce(CombiningKind::MAXSI, parts[0]), reduce(CombiningKind::MINUI, parts[1]),
                       reduce(CombiningKind::MAXUI, parts[2]));
}

/// Behind infinity lies what is not a number: positive ones behind the largest signed integer of a number, negative
/// ones behind the largest unsigned one.
Value Accumulator::finishExtreme(Value largestSigned, Value smallest, Value largest) {
  Type integer = largest.getType();
  Value zero = arith::ConstantOp::create(builder, location, builder.getIntegerAttr(integer, 0));
  Value limit = arith::BitcastOp::create(
      builder, location, integer,
      arith::ConstantOp::create(builder, location, cast<TypedAttr>(makeNeutral(combiner, type.getElementType()))));
  auto compare = [&](CmpIPredicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(builder, location, predicate, a, b);
  };
  auto select = [&](Value condition, Value a, Value b) {
    return arith::SelectOp::create(builder, location, condition, a, b);
  };
  Value number, isNone, none = isMaximum ? largest : largestSigned;
  if (isMaximum) {
    number = select(compare(CmpIPredicate::sge, largestSigned, zero), largestSigned, smallest);
    isNone = compare(CmpIPredicate::ugt, largest, limit); // limit: minus infinity
  } else {
    number = select(compare(CmpIPredicate::slt, largest, zero), largest, smallest);
    isNone = compare(CmpIPredicate::sgt, largestSigned, limit); // limit: infinity
  }
  return arith::BitcastOp::create(builder, location, type.getElementType(), select(isNone, none, number));
}
