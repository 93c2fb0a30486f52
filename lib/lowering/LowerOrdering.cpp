// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that order or accumulate along one dim: one line of the operand after the other.
#include "OpLowerings.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;
using graph::ElementwiseKind;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

namespace {

/// The best places of one line, kept in order while the line is walked: each element that beats the worst kept one is
/// inserted before those that it beats. An element beats no equal one, so the lower place stays first.
struct Selection {
  TensorBuilder &tensors;
  Value input, numKept, numElements;
  Type element, placeType;
  int64_t dim;
  bool largest;

  Value constant(Scalars &at, int64_t value) { return arith::ConstantIndexOp::create(at.builder, at.location, value); }

  Value read(Scalars &at, ValueRange line, Value place) {
    SmallVector<Value> position(line);
    position[dim] = place;
    return at.widen(tensor::ExtractOp::create(at.builder, at.location, input, position));
  }

  Value keptPlace(Scalars &at, ValueRange line, Value kept, Value slot) {
    SmallVector<Value> position(line);
    position[dim] = slot;
    Value place = tensor::ExtractOp::create(at.builder, at.location, kept, position);
    return arith::IndexCastUIOp::create(at.builder, at.location, at.builder.getIndexType(), place);
  }

  Value store(Scalars &at, ValueRange line, Value kept, Value slot, Value place) {
    SmallVector<Value> position(line);
    position[dim] = slot;
    Value number = arith::IndexCastUIOp::create(at.builder, at.location, placeType, place);
    return tensor::InsertOp::create(at.builder, at.location, number, kept, position);
  }

  /// NaN is larger than all numbers.
  Value beats(Scalars &at, Value a, Value b) {
    if (!largest)
      std::swap(a, b);
    Value larger = at.emit(ElementwiseKind::gt, element, {a, b});
    if (!isa<FloatType>(element))
      return larger;
    Value aIsNan = arith::CmpFOp::create(at.builder, at.location, arith::CmpFPredicate::UNO, a, a);
    Value bIsNumber = arith::CmpFOp::create(at.builder, at.location, arith::CmpFPredicate::ORD, b, b);
    Value nanWins = arith::AndIOp::create(at.builder, at.location, aIsNan, bIsNumber);
    return arith::OrIOp::create(at.builder, at.location, larger, nanWins);
  }

  /// Whether `value` beats the element kept in the slot before `slot`; false at slot 0, where nothing is read.
  Value beatsBefore(Scalars &at, ValueRange line, Value kept, Value slot, Value value) {
    Value zero = constant(at, 0);
    Value isInside = arith::CmpIOp::create(at.builder, at.location, arith::CmpIPredicate::ugt, slot, zero);
    auto compare = scf::IfOp::create(at.builder, at.location, TypeRange{at.builder.getI1Type()}, isInside, true);
    OpBuilder inside = compare.getThenBodyBuilder(), outside = compare.getElseBodyBuilder();
    Scalars here{inside, at.location};
    Value before = arith::SubIOp::create(inside, at.location, slot, constant(here, 1));
    Value other = read(here, line, keptPlace(here, line, kept, before));
    scf::YieldOp::create(inside, at.location, beats(here, value, other));
    scf::YieldOp::create(outside, at.location,
                         arith::ConstantOp::create(outside, at.location, outside.getBoolAttr(false)).getResult());
    return compare.getResult(0);
  }

  /// Moves those that `value` beats one slot on, from `slot` down, and puts the place there.
  Value insert(Scalars &at, ValueRange line, Value kept, Value slot, Value place, Value value) {
    auto shift = scf::WhileOp::create(at.builder, at.location, TypeRange{kept.getType(), slot.getType()},
                                      ValueRange{kept, slot});
    OpBuilder::InsertionGuard guard(at.builder);
    Block *before = at.builder.createBlock(&shift.getBefore(), {}, shift.getResultTypes(), {at.location, at.location});
    Value goesOn = beatsBefore(at, line, before->getArgument(0), before->getArgument(1), value);
    scf::ConditionOp::create(at.builder, at.location, goesOn, before->getArguments());
    Block *after = at.builder.createBlock(&shift.getAfter(), {}, shift.getResultTypes(), {at.location, at.location});
    Value down = arith::SubIOp::create(at.builder, at.location, after->getArgument(1), constant(at, 1));
    Value moved =
        store(at, line, after->getArgument(0), after->getArgument(1), keptPlace(at, line, after->getArgument(0), down));
    scf::YieldOp::create(at.builder, at.location, ValueRange{moved, down});
    at.builder.setInsertionPointAfter(shift);
    return store(at, line, shift.getResult(0), shift.getResult(1), place);
  }

  /// All elements of one line.
  Value walk(Scalars &at, ValueRange line, Value kept) {
    auto loop = scf::ForOp::create(at.builder, at.location, constant(at, 0), numElements, constant(at, 1), kept);
    OpBuilder inner = OpBuilder::atBlockBegin(loop.getBody());
    Scalars here{inner, at.location};
    Value place = loop.getInductionVar(), value = read(here, line, place), current = loop.getRegionIterArgs()[0];
    // While slots are free, the first free one; then the one behind the last, whose element falls off.
    Value slot = arith::MinUIOp::create(inner, at.location, place, numKept);
    Value isFree = arith::CmpIOp::create(inner, at.location, arith::CmpIPredicate::ult, place, numKept);
    Value isBetter = beatsBefore(here, line, current, slot, value);
    Value isTaken = arith::OrIOp::create(inner, at.location, isFree, isBetter);
    auto take = scf::IfOp::create(inner, at.location, TypeRange{kept.getType()}, isTaken, true);
    OpBuilder then = take.getThenBodyBuilder();
    Scalars inside{then, at.location};
    Value last = arith::SubIOp::create(then, at.location, numKept, constant(inside, 1));
    Value first = arith::MinUIOp::create(then, at.location, place, last);
    Value inserted = insert(inside, line, current, first, place, value);
    scf::YieldOp::create(then, at.location, inserted);
    OpBuilder otherwise = take.getElseBodyBuilder();
    scf::YieldOp::create(otherwise, at.location, current);
    scf::YieldOp::create(inner, at.location, take.getResults());
    return loop.getResult(0);
  }
};

} // namespace

Value lowering::lowerTopK(TensorBuilder &tensors, graph::TopKOp op, ValueRange operands) {
  RankedTensorType input = typeOf(op.getInput()), type = typeOf(op.getResult());
  int64_t dim = op.getDim();
  Selection selection{tensors,
                      operands[0],
                      tensors.toValue(tensors.sizeOf(type, dim)),
                      tensors.toValue(tensors.sizeOf(input, dim)),
                      input.getElementType(),
                      getStoredType(type.getElementType()),
                      dim,
                      op.getLargest()};
  Sizes sizes = tensors.sizesOf(type), lines = sizes;
  lines[dim] = tensors.builder.getIndexAttr(1);
  return tensors.loop(lines, tensors.empty(sizes, type.getElementType()),
                      [&](Scalars &at, ValueRange line, Value kept) { return selection.walk(at, line, kept); });
}

Value lowering::lowerCumulative(TensorBuilder &tensors, graph::CumulativeOp op, ValueRange operands) {
  RankedTensorType type = typeOf(op.getResult());
  Type element = type.getElementType();
  int64_t dim = op.getDim();
  Value count = tensors.toValue(tensors.sizeOf(type, dim)), one = tensors.index(1), zero = tensors.index(0);
  Sizes sizes = tensors.sizesOf(type), lines = sizes;
  lines[dim] = tensors.builder.getIndexAttr(1);
  return tensors.loop(lines, tensors.empty(sizes, element), [&](Scalars &at, ValueRange line, Value target) {
    Value nothing = at.identity(op.getKind(), element);
    auto walk = scf::ForOp::create(at.builder, at.location, zero, count, one, ValueRange{target, nothing});
    OpBuilder inner = OpBuilder::atBlockBegin(walk.getBody());
    Scalars here{inner, at.location};
    Value place = walk.getInductionVar();
    if (op.getReverse()) {
      Value last = arith::SubIOp::create(inner, at.location, count, one);
      place = arith::SubIOp::create(inner, at.location, last, place);
    }
    SmallVector<Value> position(line);
    position[dim] = place;
    Value before = walk.getRegionIterArgs()[1];
    Value own = here.widen(tensor::ExtractOp::create(inner, at.location, operands[0], position));
    Value total = here.combine(op.getKind(), element, before, own);
    Value written =
        tensor::InsertOp::create(inner, at.location, here.narrow(op.getExclusive() ? before : total, element),
                                 walk.getRegionIterArgs()[0], position);
    scf::YieldOp::create(inner, at.location, ValueRange{written, total});
    return walk.getResult(0);
  });
}
