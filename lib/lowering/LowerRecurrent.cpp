// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recurrent cells: a loop over the steps with the states as its carried values. A step is one contraction of all gates
// (two for a gru that resets before) and maps over [direction, batch, unit]. Between steps states are of computed type.
#include "OpLowerings.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;
using graph::CellFunction;
using graph::CellKind;
using graph::ElementwiseKind;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

namespace {

/// Builds one op's loop.
class CellWriter {
public:
  CellWriter(TensorBuilder &tensors, graph::RecurrentOp op, ValueRange operands)
      : tensors(tensors), builder(tensors.builder), op(op), type(typeOf(op.getResult())),
        computed(getComputedType(type.getElementType())), gates(operands[0]), weights(operands[1]),
        initial(operands[2]) {
    size_t next = 3;
    for (auto [value, target] : {std::pair(op.getBias(), &bias), {op.getPeepholes(), &peepholes}})
      if (value)
        *target = operands[next++];
    if (op.getLengths())
      lengths = operands[next];
    Sizes sizes = tensors.sizesOf(type);
    times = tensors.toValue(sizes[1]);
    cellSizes = {sizes[2], sizes[3], sizes[4]};
    gateSizes = {sizes[2], sizes[3], builder.getIndexAttr(op.getNumGates()), sizes[4]};
    firstDirection = tensors.offsetOf(type, 2);
    last = arith::SubIOp::create(builder, op.getLoc(), times, tensors.index(1));
  }

  Value write();

private:
  using Step = std::pair<Scalars &, SmallVector<Value>>;

  Value at(Scalars &scalars, Value tensor, ArrayRef<Value> place) {
    return scalars.widen(tensor::ExtractOp::create(scalars.builder, scalars.location, tensor, place));
  }
  static Value position(Scalars &scalars, int64_t dim) {
    return linalg::IndexOp::create(scalars.builder, scalars.location, dim);
  }
  /// The time of `step` in the direction number `direction` of this rank.
  Value timeOf(Scalars &scalars, Value step, Value direction) {
    if (op.getDirection() == graph::Direction::forward)
      return step;
    Value reversed = arith::SubIOp::create(scalars.builder, scalars.location, last, step);
    if (op.getDirection() == graph::Direction::reverse)
      return reversed;
    Value whole = arith::AddIOp::create(scalars.builder, scalars.location, direction, firstDirection);
    Value one = arith::ConstantIndexOp::create(scalars.builder, scalars.location, 1);
    Value isReverse = arith::CmpIOp::create(scalars.builder, scalars.location, arith::CmpIPredicate::eq, whole, one);
    return arith::SelectOp::create(scalars.builder, scalars.location, isReverse, reversed, step);
  }
  Value apply(Scalars &scalars, unsigned index, Value x);
  Value mul(Scalars &scalars, Value a, Value b) { return scalars.emit(ElementwiseKind::mul, computed, {a, b}); }
  Value add(Scalars &scalars, Value a, Value b) { return scalars.emit(ElementwiseKind::add, computed, {a, b}); }
  Value oneLess(Scalars &scalars, Value x) {
    return scalars.emit(ElementwiseKind::sub, computed, {scalars.number(1, computed), x});
  }

  /// State number `state` of `initial`, of computed type.
  Value takeInitial(int64_t state);
  /// The recurrent share of the gates `first` .. `first` + `count`.
  Value multiply(Value state, int64_t first, int64_t count);
  /// Elements of [direction, batch, unit] from body(scalars, [direction, batch, unit]).
  Value mapCells(llvm::function_ref<Value(Scalars &, ArrayRef<Value>)> body);
  /// gates[time, ...] of gate `gate` at a cell.
  Value readGate(Scalars &scalars, Value step, ArrayRef<Value> cell, int64_t gate);
  SmallVector<Value> makeStep(Value step, ValueRange states);
  Value stepGru(Value step, Value state);
  SmallVector<Value> stepLstm(Value step, ValueRange states);
  Value keepBeyondEnd(Value step, Value next, Value state);

  TensorBuilder &tensors;
  OpBuilder &builder;
  graph::RecurrentOp op;
  RankedTensorType type;
  Type computed;
  Value gates, weights, initial, bias, peepholes, lengths;
  Value times, firstDirection, last;
  Sizes cellSizes, gateSizes;
};

} // namespace

Value CellWriter::apply(Scalars &scalars, unsigned index, Value x) {
  using Kind = ElementwiseKind;
  double a = op.getAlpha()[index], b = op.getBeta()[index], limit = op.getClip().convertToDouble();
  auto number = [&](double value) { return scalars.number(value, computed); };
  auto emit = [&](Kind kind, ValueRange operands) { return scalars.emit(kind, computed, operands); };
  if (limit != 0.0)
    x = emit(Kind::max, {emit(Kind::min, {x, number(limit)}), number(-limit)});
  auto choose = [&](Kind comparison, double bound, Value yes, Value no) -> Value {
    Value flag = emit(comparison, {x, number(bound)});
    return arith::SelectOp::create(scalars.builder, scalars.location, flag, yes, no);
  };
  switch (op.getFunction(index)) {
  case CellFunction::sigmoid:
    return emit(Kind::sigmoid, {x});
  case CellFunction::tanh:
    return emit(Kind::tanh, {x});
  case CellFunction::relu:
    return emit(Kind::relu, {x});
  case CellFunction::affine:
    return emit(Kind::add, {emit(Kind::mul, {x, number(a)}), number(b)});
  case CellFunction::leaky_relu:
    return choose(Kind::lt, 0, emit(Kind::mul, {x, number(a)}), x);
  case CellFunction::thresholded_relu:
    return choose(Kind::gt, a, x, number(0));
  case CellFunction::scaled_tanh:
    return emit(Kind::mul, {emit(Kind::tanh, {emit(Kind::mul, {x, number(b)})}), number(a)});
  case CellFunction::hard_sigmoid: {
    Value line = emit(Kind::add, {emit(Kind::mul, {x, number(a)}), number(b)});
    return emit(Kind::min, {emit(Kind::max, {line, number(0)}), number(1)});
  }
  case CellFunction::elu:
    return choose(Kind::lt, 0, emit(Kind::mul, {emit(Kind::sub, {emit(Kind::exp, {x}), number(1)}), number(a)}), x);
  case CellFunction::softsign:
    return emit(Kind::div, {x, emit(Kind::add, {emit(Kind::abs, {x}), number(1)})});
  case CellFunction::softplus: {
    Value size = emit(Kind::exp, {emit(Kind::neg, {emit(Kind::abs, {x})})});
    return emit(Kind::add, {emit(Kind::max, {x, number(0)}), emit(Kind::log, {emit(Kind::add, {size, number(1)})})});
  }
  }
  return x;
}

Value CellWriter::mapCells(llvm::function_ref<Value(Scalars &, ArrayRef<Value>)> body) {
  return tensors.map({}, {}, cellSizes, computed, [&](Scalars &scalars, ValueRange) {
    SmallVector<Value> cell{position(scalars, 0), position(scalars, 1), position(scalars, 2)};
    return body(scalars, cell);
  });
}

Value CellWriter::takeInitial(int64_t state) {
  return mapCells([&](Scalars &scalars, ArrayRef<Value> cell) {
    Value index = arith::ConstantIndexOp::create(scalars.builder, scalars.location, state);
    return at(scalars, initial, {index, cell[0], cell[1], cell[2]});
  });
}

Value CellWriter::multiply(Value state, int64_t first, int64_t count) {
  Value rows = weights;
  if (count != op.getNumGates()) {
    auto zero = builder.getIndexAttr(0);
    Sizes offsets{zero, builder.getIndexAttr(first), zero, zero}, strides(4, builder.getIndexAttr(1));
    Sizes sizes{cellSizes[0], builder.getIndexAttr(count), cellSizes[2], cellSizes[2]};
    rows = tensor::ExtractSliceOp::create(builder, op.getLoc(), weights, offsets, sizes, strides);
  }
  Sizes sizes = gateSizes;
  sizes[2] = builder.getIndexAttr(count);
  return contract(tensors, {state, rows, "dnk", "dghk", "dngh"}, sizes, type.getElementType());
}

Value CellWriter::readGate(Scalars &scalars, Value step, ArrayRef<Value> cell, int64_t gate) {
  Value index = arith::ConstantIndexOp::create(scalars.builder, scalars.location, gate);
  return at(scalars, gates, {timeOf(scalars, step, cell[0]), cell[0], cell[1], index, cell[2]});
}

Value CellWriter::stepGru(Value step, Value state) {
  bool resetsAfter = op.getResetAfter();
  Value product = multiply(state, 0, resetsAfter ? 3 : 2);
  auto gateOf = [&](Scalars &scalars, ArrayRef<Value> cell, int64_t gate) {
    Value index = arith::ConstantIndexOp::create(scalars.builder, scalars.location, gate);
    Value share = at(scalars, product, {cell[0], cell[1], index, cell[2]});
    return apply(scalars, 0, add(scalars, readGate(scalars, step, cell, gate), share));
  };
  Value hidden;
  if (!resetsAfter) {
    Value seen = mapCells([&](Scalars &scalars, ArrayRef<Value> cell) {
      return mul(scalars, gateOf(scalars, cell, 1), at(scalars, state, cell));
    });
    hidden = multiply(seen, 2, 1);
  }
  return mapCells([&](Scalars &scalars, ArrayRef<Value> cell) {
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(scalars.builder, scalars.location, value);
    };
    Value share = resetsAfter ? at(scalars, product, {cell[0], cell[1], constant(2), cell[2]})
                              : at(scalars, hidden, {cell[0], cell[1], constant(0), cell[2]});
    if (bias)
      share = add(scalars, share, at(scalars, bias, {cell[0], cell[2]}));
    if (resetsAfter)
      share = mul(scalars, gateOf(scalars, cell, 1), share);
    Value fresh = apply(scalars, 1, add(scalars, readGate(scalars, step, cell, 2), share));
    Value update = gateOf(scalars, cell, 0);
    return add(scalars, mul(scalars, oneLess(scalars, update), fresh), mul(scalars, update, at(scalars, state, cell)));
  });
}

SmallVector<Value> CellWriter::stepLstm(Value step, ValueRange states) {
  Value product = multiply(states[0], 0, 4);
  auto argument = [&](Scalars &scalars, ArrayRef<Value> cell, int64_t gate, int64_t peephole, Value memory) {
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(scalars.builder, scalars.location, value);
    };
    Value sum = add(scalars, readGate(scalars, step, cell, gate),
                    at(scalars, product, {cell[0], cell[1], constant(gate), cell[2]}));
    if (!peepholes || peephole < 0)
      return sum;
    return add(scalars, sum, mul(scalars, at(scalars, peepholes, {cell[0], constant(peephole), cell[2]}), memory));
  };
  Value memory = mapCells([&](Scalars &scalars, ArrayRef<Value> cell) {
    Value old = at(scalars, states[1], cell);
    Value input = apply(scalars, 0, argument(scalars, cell, 0, 0, old));
    Value forget = op.getCoupled() ? oneLess(scalars, input) : apply(scalars, 0, argument(scalars, cell, 2, 2, old));
    Value fresh = apply(scalars, 1, argument(scalars, cell, 3, -1, Value()));
    return add(scalars, mul(scalars, forget, old), mul(scalars, input, fresh));
  });
  Value state = mapCells([&](Scalars &scalars, ArrayRef<Value> cell) {
    Value now = at(scalars, memory, cell);
    Value output = apply(scalars, 0, argument(scalars, cell, 1, 1, now));
    return mul(scalars, output, apply(scalars, 2, now));
  });
  return {state, memory};
}

Value CellWriter::keepBeyondEnd(Value step, Value next, Value state) {
  return mapCells([&](Scalars &scalars, ArrayRef<Value> cell) -> Value {
    Value length = tensor::ExtractOp::create(scalars.builder, scalars.location, lengths, cell[1]);
    bool isUnsigned = typeOf(op.getLengths()).getElementType().isUnsignedInteger();
    Type index = scalars.builder.getIndexType();
    Value end = isUnsigned ? arith::IndexCastUIOp::create(scalars.builder, scalars.location, index, length).getResult()
                           : arith::IndexCastOp::create(scalars.builder, scalars.location, index, length).getResult();
    Value runs = arith::CmpIOp::create(scalars.builder, scalars.location, arith::CmpIPredicate::slt,
                                       timeOf(scalars, step, cell[0]), end);
    return arith::SelectOp::create(scalars.builder, scalars.location, runs, at(scalars, next, cell),
                                   at(scalars, state, cell));
  });
}

SmallVector<Value> CellWriter::makeStep(Value step, ValueRange states) {
  SmallVector<Value> next;
  if (op.getKind() == CellKind::lstm) {
    next = stepLstm(step, states);
  } else if (op.getKind() == CellKind::gru) {
    next = {stepGru(step, states[0])};
  } else {
    Value product = multiply(states[0], 0, 1);
    next = {mapCells([&](Scalars &scalars, ArrayRef<Value> cell) {
      Value zero = arith::ConstantIndexOp::create(scalars.builder, scalars.location, 0);
      Value share = at(scalars, product, {cell[0], cell[1], zero, cell[2]});
      return apply(scalars, 0, add(scalars, readGate(scalars, step, cell, 0), share));
    })};
  }
  if (lengths)
    for (auto [index, state] : llvm::enumerate(states))
      next[index] = keepBeyondEnd(step, next[index], state);
  return next;
}

Value CellWriter::write() {
  Location location = op.getLoc();
  int64_t numStates = op.getNumStates();
  Sizes all{builder.getIndexAttr(numStates), tensors.sizesOf(type)[1], cellSizes[0], cellSizes[1], cellSizes[2]};
  Value history = tensors.empty(all, computed);
  SmallVector<Value> carried{history};
  for (int64_t state = 0; state < numStates; ++state)
    carried.push_back(takeInitial(state));
  auto loop = scf::ForOp::create(builder, location, tensors.index(0), times, tensors.index(1), carried);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    Value step = loop.getInductionVar();
    ValueRange states = loop.getRegionIterArgs().drop_front();
    SmallVector<Value> next = makeStep(step, states);
    Value rows = loop.getRegionIterArgs()[0];
    auto zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
    SmallVector<Value> results;
    for (auto [index, value] : llvm::enumerate(next)) {
      Sizes offsets{builder.getIndexAttr(static_cast<int64_t>(index)), step, zero, zero, zero};
      Sizes sizes{one, one, cellSizes[0], cellSizes[1], cellSizes[2]}, strides(5, one);
      rows = tensor::InsertSliceOp::create(builder, location, value, rows, offsets, sizes, strides);
      // The next state takes the place of the one before, which bufferization asks of carried values.
      results.push_back(linalg::CopyOp::create(builder, location, value, states[index]).getResult(0));
    }
    results.insert(results.begin(), rows);
    scf::YieldOp::create(builder, location, results);
  }
  history = loop.getResult(0);
  // Steps are in the order of time; a reverse direction wrote its last time first.
  return tensors.map({}, {}, all, type.getElementType(), [&](Scalars &scalars, ValueRange) {
    SmallVector<Value> place;
    for (int64_t dim = 0; dim < 5; ++dim)
      place.push_back(position(scalars, dim));
    place[1] = timeOf(scalars, place[1], place[2]);
    return at(scalars, history, place);
  });
}

Value lowering::lowerRecurrent(TensorBuilder &tensors, graph::RecurrentOp op, ValueRange operands) {
  return CellWriter(tensors, op, operands).write();
}
