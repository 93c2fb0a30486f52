// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that order or accumulate along one dim: one line of the operand after the other.
#include "OpLowerings.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;
using graph::ElementwiseKind;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// More kept elements than these are found by sorting all.
static constexpr int64_t kMostInserted = 16;

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

  /// All elements of one line by merging runs of 1, 2, 4... places (Knuth, volume 3, 5.2.4); then the first ones are
  /// kept. Of equal elements the lower place comes first.
  Value sort(Scalars &at, ValueRange line, Value kept) {
    OpBuilder &builder = at.builder;
    Value zero = constant(at, 0), one = constant(at, 1);
    OpFoldResult extent = getAsOpFoldResult(numElements);
    Value order = tensor::EmptyOp::create(builder, at.location, {extent}, builder.getIndexType());
    Value spare = tensor::EmptyOp::create(builder, at.location, {extent}, builder.getIndexType());
    order = repeat(at, zero, numElements, one, {order}, [&](Scalars &here, Value place, ValueRange state) -> Values {
      return {put(here, place, state[0], place)};
    })[0];
    // As many passes as n - 1 has digits in base 2.
    Value last = arith::SubIOp::create(builder, at.location, numElements, one);
    Value number = arith::IndexCastOp::create(builder, at.location, builder.getI64Type(), last);
    Value leading = math::CountLeadingZerosOp::create(builder, at.location, number);
    Value digits =
        arith::SubIOp::create(builder, at.location, constant(at, 64),
                              arith::IndexCastOp::create(builder, at.location, builder.getIndexType(), leading));
    order = repeat(at, zero, digits, one, {order, spare}, [&](Scalars &here, Value pass, ValueRange state) -> Values {
      Value width = arith::ShLIOp::create(here.builder, here.location, one, pass);
      Value merged = mergeRuns(here, line, width, state[0], state[1]);
      Value copied = linalg::CopyOp::create(here.builder, here.location, merged, state[0]).getResult(0);
      return {copied, merged};
    })[0];
    return repeat(at, zero, numKept, one, {kept}, [&](Scalars &here, Value slot, ValueRange state) -> Values {
      return {store(here, line, state[0], slot, take(here, order, slot))};
    })[0];
  }

private:
  using Values = SmallVector<Value>;
  using Step = llvm::function_ref<Values(Scalars &, Value, ValueRange)>;

  Value take(Scalars &at, Value places, Value index) {
    return tensor::ExtractOp::create(at.builder, at.location, places, index);
  }
  Value put(Scalars &at, Value place, Value places, Value index) {
    return tensor::InsertOp::create(at.builder, at.location, place, places, index);
  }

  Values repeat(Scalars &at, Value from, Value to, Value step, Values state, Step write) {
    auto loop = scf::ForOp::create(at.builder, at.location, from, to, step, state);
    OpBuilder inner = OpBuilder::atBlockBegin(loop.getBody());
    Scalars here{inner, at.location};
    Values results = write(here, loop.getInductionVar(), loop.getRegionIterArgs());
    scf::YieldOp::create(inner, at.location, results);
    return Values(loop.getResults());
  }

  /// Pairs of sorted runs of `width` places, out of `order` into `target`.
  Value mergeRuns(Scalars &at, ValueRange line, Value width, Value order, Value target) {
    Value step = arith::AddIOp::create(at.builder, at.location, width, width);
    return repeat(at, constant(at, 0), numElements, step, {target}, [&](Scalars &here, Value begin, ValueRange state) {
      auto bound = [&](Value distance) -> Value {
        Value end = arith::AddIOp::create(here.builder, here.location, begin, distance);
        return arith::MinUIOp::create(here.builder, here.location, end, numElements);
      };
      Value middle = bound(width), end = bound(step);
      Values merged = repeat(here, begin, end, constant(here, 1), {state[0], begin, middle},
                             [&](Scalars &inner, Value slot, ValueRange heads) {
                               return mergeOne(inner, line, order, middle, end, slot, heads);
                             });
      return Values{merged[0]};
    })[0];
  }

  /// The better head of two runs goes to `slot`. State: what is written to, and the heads.
  Values mergeOne(Scalars &at, ValueRange line, Value order, Value middle, Value end, Value slot, ValueRange state) {
    OpBuilder &builder = at.builder;
    auto compare = [&](arith::CmpIPredicate predicate, Value a, Value b) -> Value {
      return arith::CmpIOp::create(builder, at.location, predicate, a, b);
    };
    Value last = arith::SubIOp::create(builder, at.location, numElements, constant(at, 1));
    // A run that is used up is not chosen, whatever is read behind it.
    auto head = [&](Value place) {
      return take(at, order, arith::MinUIOp::create(builder, at.location, place, last).getResult());
    };
    Value first = head(state[1]), second = head(state[2]);
    Value isBetter = beats(at, read(at, line, second), read(at, line, first));
    Value isAlone = compare(arith::CmpIPredicate::uge, state[1], middle);
    Value wins = arith::OrIOp::create(builder, at.location, isAlone, isBetter);
    Value takesSecond =
        arith::AndIOp::create(builder, at.location, compare(arith::CmpIPredicate::ult, state[2], end), wins);
    Value written = put(at, arith::SelectOp::create(builder, at.location, takesSecond, second, first), state[0], slot);
    Value step = arith::IndexCastUIOp::create(builder, at.location, builder.getIndexType(), takesSecond);
    Value other = arith::SubIOp::create(builder, at.location, constant(at, 1), step);
    return {written, arith::AddIOp::create(builder, at.location, state[1], other),
            arith::AddIOp::create(builder, at.location, state[2], step)};
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
  // Insertion takes a step for each kept element in the worst case.
  std::optional<int64_t> numKept = getConstantIntValue(sizes[dim]);
  bool insertsEach = numKept && *numKept <= kMostInserted;
  return tensors.loop(lines, tensors.empty(sizes, type.getElementType()),
                      [&](Scalars &at, ValueRange line, Value kept) {
                        return insertsEach ? selection.walk(at, line, kept) : selection.sort(at, line, kept);
                      });
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
