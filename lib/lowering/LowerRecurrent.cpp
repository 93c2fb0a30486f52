// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recurrent cells: a loop over the steps with the states as its carried values. A step is one contraction of all gates
// (two for a gru that resets before) and maps over [direction, batch, unit]. Between steps states are of computed type.
// The weights are brought into panels first: every step reads all of them, and mostly for few rows, so what a step
// takes is reading them in order.
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

/// Units in a panel of weights: a few vectors of any processor.
constexpr int64_t kPanelWidth = 32;
/// Multiplications that are worth another thread: several times what starting it takes.
constexpr int64_t kPartWork = int64_t(1) << 18;

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
  /// The time of `step` where all directions agree.
  Value timeOf(Value step) {
    if (op.getDirection() == graph::Direction::forward)
      return step;
    return arith::SubIOp::create(builder, op.getLoc(), last, step);
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
  /// Puts the weights into panels: [direction, panel, unit of the state, unit in the panel], gate after gate.
  void packWeights();
  Value takePanels(Value tensor, unsigned dim, OpFoldResult first, int64_t count);
  /// How many of so many panels one thread takes at once.
  int64_t countPanelsAtOnce(int64_t panels);
  Value multiplyPanels(Value state, OpFoldResult first, int64_t count);
  /// The recurrent share of the gates `first` .. `first` + `count`.
  Value multiply(Value state, int64_t first, int64_t count);
  /// A step's share of the input: [direction, batch, gate, unit].
  Value takeGates(Value step);
  /// The part of `tensor` at a place in some of its dims, without these.
  Value pick(Value tensor, ArrayRef<std::pair<unsigned, OpFoldResult>> places);
  /// [direction, batch, unit] from inputs of this shape, or [direction, unit].
  Value mapCells(ArrayRef<Value> inputs, Body body);
  SmallVector<Value> makeStep(Value step, ValueRange states);
  Value stepGru(Value step, Value state);
  SmallVector<Value> stepLstm(Value step, ValueRange states);
  Value keepBeyondEnd(Value step, Value next, Value state);

  TensorBuilder &tensors;
  OpBuilder &builder;
  graph::RecurrentOp op;
  RankedTensorType type;
  Type computed;
  Value gates, weights, packed, initial, bias, peepholes, lengths;
  Value times, firstDirection, last;
  Sizes cellSizes, gateSizes;
  int64_t panelsOfGate = 1;
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

Value CellWriter::mapCells(ArrayRef<Value> inputs, Body body) {
  SmallVector<AffineMap> maps;
  for (Value input : inputs)
    maps.push_back(mapOf(tensors.getContext(), "dnh", typeOf(input).getRank() == 3 ? "dnh" : "dh"));
  return tensors.map(inputs, maps, cellSizes, computed, body);
}

Value CellWriter::pick(Value tensor, ArrayRef<std::pair<unsigned, OpFoldResult>> places) {
  Sizes sizes = tensor::getMixedSizes(builder, op.getLoc(), tensor), kept;
  Sizes offsets(sizes.size(), builder.getIndexAttr(0)), strides(sizes.size(), builder.getIndexAttr(1));
  SmallVector<bool> isKept(sizes.size(), true);
  for (auto [dim, place] : places) {
    offsets[dim] = place;
    sizes[dim] = builder.getIndexAttr(1);
    isKept[dim] = false;
  }
  SmallVector<int64_t> shape;
  for (auto [dim, size] : llvm::enumerate(sizes))
    if (isKept[dim])
      shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  auto picked = RankedTensorType::get(shape, typeOf(tensor).getElementType());
  return tensor::ExtractSliceOp::create(builder, op.getLoc(), picked, tensor, offsets, sizes, strides);
}

Value CellWriter::takeInitial(int64_t state) {
  Value source = pick(initial, {{0, builder.getIndexAttr(state)}});
  return mapCells({source}, [](Scalars &, ValueRange elements) { return elements[0]; });
}

void CellWriter::packWeights() {
  std::optional<int64_t> units = getConstantIntValue(cellSizes[2]);
  OpFoldResult width = cellSizes[2];
  panelsOfGate = 1;
  if (units && *units % kPanelWidth == 0) {
    width = builder.getIndexAttr(kPanelWidth);
    panelsOfGate = *units / kPanelWidth;
  }
  OpFoldResult panels = builder.getIndexAttr(op.getNumGates() * panelsOfGate);
  Value split = tensors.reshape(weights, {cellSizes[0], panels, width, cellSizes[2]}, 1, 1);
  packed =
      tensors.map({split}, {mapOf(tensors.getContext(), "dpkh", "dphk")}, {cellSizes[0], panels, cellSizes[2], width},
                  type.getElementType(), [](Scalars &, ValueRange elements) { return elements[0]; });
}

Value CellWriter::takePanels(Value tensor, unsigned dim, OpFoldResult first, int64_t count) {
  Sizes sizes = tensor::getMixedSizes(builder, op.getLoc(), tensor);
  Sizes offsets(sizes.size(), builder.getIndexAttr(0)), strides(sizes.size(), builder.getIndexAttr(1));
  offsets[dim] = first;
  sizes[dim] = builder.getIndexAttr(count);
  return tensor::ExtractSliceOp::create(builder, op.getLoc(), tensor, offsets, sizes, strides);
}

int64_t CellWriter::countPanelsAtOnce(int64_t panels) {
  if (typeOf(packed).getNumDynamicDims() > 0 || typeOf(initial).isDynamicDim(2) || typeOf(packed).getNumElements() == 0)
    return panels;
  int64_t work = typeOf(packed).getNumElements() / typeOf(packed).getDimSize(1) * typeOf(initial).getDimSize(2);
  if (work == 0)
    return panels;
  int64_t count = std::min(panels, std::max<int64_t>(1, kPartWork / work));
  while (panels % count != 0)
    --count;
  return count;
}

Value CellWriter::multiplyPanels(Value state, OpFoldResult first, int64_t count) {
  Value rows = takePanels(packed, 1, first, count);
  Sizes sizes{cellSizes[0], cellSizes[1], builder.getIndexAttr(count),
              tensor::getMixedSize(builder, op.getLoc(), packed, 3)};
  return contract(tensors, {state, rows, "dnk", "dpkh", "dnph"}, sizes, type.getElementType());
}

Value CellWriter::multiply(Value state, int64_t first, int64_t count) {
  int64_t begin = first * panelsOfGate, panels = count * panelsOfGate, atOnce = countPanelsAtOnce(panels);
  Value product;
  if (atOnce == panels) {
    product = multiplyPanels(state, builder.getIndexAttr(begin), panels);
  } else {
    Sizes sizes{cellSizes[0], cellSizes[1], builder.getIndexAttr(panels),
                tensor::getMixedSize(builder, op.getLoc(), packed, 3)};
    Sizes from{builder.getIndexAttr(0)}, to{builder.getIndexAttr(panels)}, step{builder.getIndexAttr(atOnce)};
    Value target = tensors.empty(sizes, computed);
    auto loop = scf::ForallOp::create(builder, op.getLoc(), from, to, step, ValueRange{target}, std::nullopt);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(loop.getTerminator());
    Value part = loop.getInductionVars()[0], place = part;
    if (begin != 0)
      place = arith::AddIOp::create(builder, op.getLoc(), part, tensors.index(begin));
    Value some = multiplyPanels(state, place, atOnce);
    Sizes offsets(4, builder.getIndexAttr(0)), strides(4, builder.getIndexAttr(1));
    offsets[2] = part;
    sizes[2] = builder.getIndexAttr(atOnce);
    builder.setInsertionPointToStart(loop.getTerminator().getBody());
    tensor::ParallelInsertSliceOp::create(builder, op.getLoc(), some, loop.getRegionIterArgs()[0], offsets, sizes,
                                          strides);
    product = loop.getResult(0);
  }
  return tensors.reshape(product, {cellSizes[0], cellSizes[1], builder.getIndexAttr(count), cellSizes[2]}, 2, 0);
}

Value CellWriter::takeGates(Value step) {
  if (op.getDirection() != graph::Direction::both)
    return pick(gates, {{0, timeOf(step)}});
  // The two directions are at different times.
  return tensors.map({}, {}, gateSizes, type.getElementType(), [&](Scalars &scalars, ValueRange) {
    SmallVector<Value> place;
    for (int64_t dim = 0; dim < 4; ++dim)
      place.push_back(position(scalars, dim));
    place.insert(place.begin(), timeOf(scalars, step, place[0]));
    return at(scalars, gates, place);
  });
}

Value CellWriter::stepGru(Value step, Value state) {
  bool resetsAfter = op.getResetAfter();
  Value shares = multiply(state, 0, resetsAfter ? 3 : 2), given = takeGates(step);
  auto gate = [&](Value of, int64_t index) { return pick(of, {{2, builder.getIndexAttr(index)}}); };
  auto sum = [&](Scalars &scalars, Value a, Value b) { return apply(scalars, 0, add(scalars, a, b)); };
  SmallVector<Value> inputs{state, gate(given, 0), gate(shares, 0), gate(given, 2)};
  if (resetsAfter) {
    inputs.append({gate(shares, 2), gate(given, 1), gate(shares, 1)});
  } else {
    Value seen =
        mapCells({state, gate(given, 1), gate(shares, 1)}, [&](Scalars &scalars, ValueRange elements) -> Value {
          return mul(scalars, sum(scalars, elements[1], elements[2]), elements[0]);
        });
    inputs.push_back(gate(multiply(seen, 2, 1), 0));
  }
  if (bias)
    inputs.push_back(bias);
  return mapCells(inputs, [&](Scalars &scalars, ValueRange elements) -> Value {
    Value share = elements[4];
    if (bias)
      share = add(scalars, share, elements.back());
    if (resetsAfter)
      share = mul(scalars, sum(scalars, elements[5], elements[6]), share);
    Value fresh = apply(scalars, 1, add(scalars, elements[3], share));
    Value update = sum(scalars, elements[1], elements[2]);
    return add(scalars, mul(scalars, oneLess(scalars, update), fresh), mul(scalars, update, elements[0]));
  });
}

SmallVector<Value> CellWriter::stepLstm(Value step, ValueRange states) {
  Value shares = multiply(states[0], 0, 4), given = takeGates(step);
  // Sums of both shares of a gate, and of a peephole's where there are some, from `inputs` on.
  SmallVector<Value> inputs;
  auto addGate = [&](int64_t index, int64_t peephole) {
    for (Value of : {given, shares})
      inputs.push_back(pick(of, {{2, builder.getIndexAttr(index)}}));
    if (peepholes && peephole >= 0)
      inputs.push_back(pick(peepholes, {{1, builder.getIndexAttr(peephole)}}));
  };
  auto argument = [&](Scalars &scalars, ValueRange &elements, bool hasPeephole, Value memory) {
    Value sum = add(scalars, elements[0], elements[1]);
    elements = elements.drop_front(2);
    if (!peepholes || !hasPeephole)
      return sum;
    sum = add(scalars, sum, mul(scalars, elements[0], memory));
    elements = elements.drop_front();
    return sum;
  };
  inputs.push_back(states[1]);
  addGate(0, 0);
  if (!op.getCoupled())
    addGate(2, 2);
  addGate(3, -1);
  Value memory = mapCells(inputs, [&](Scalars &scalars, ValueRange elements) -> Value {
    Value old = elements[0];
    elements = elements.drop_front();
    Value input = apply(scalars, 0, argument(scalars, elements, true, old));
    Value forget =
        op.getCoupled() ? oneLess(scalars, input) : apply(scalars, 0, argument(scalars, elements, true, old));
    Value fresh = apply(scalars, 1, argument(scalars, elements, false, Value()));
    return add(scalars, mul(scalars, forget, old), mul(scalars, input, fresh));
  });
  inputs = {memory};
  addGate(1, 1);
  Value state = mapCells(inputs, [&](Scalars &scalars, ValueRange elements) -> Value {
    Value now = elements[0];
    elements = elements.drop_front();
    Value output = apply(scalars, 0, argument(scalars, elements, true, now));
    return mul(scalars, output, apply(scalars, 2, now));
  });
  return {state, memory};
}

Value CellWriter::keepBeyondEnd(Value step, Value next, Value state) {
  return mapCells({next, state}, [&](Scalars &scalars, ValueRange elements) -> Value {
    Value direction = position(scalars, 0), row = position(scalars, 1);
    Value length = tensor::ExtractOp::create(scalars.builder, scalars.location, lengths, row);
    bool isUnsigned = typeOf(op.getLengths()).getElementType().isUnsignedInteger();
    Type index = scalars.builder.getIndexType();
    Value end = isUnsigned ? arith::IndexCastUIOp::create(scalars.builder, scalars.location, index, length).getResult()
                           : arith::IndexCastOp::create(scalars.builder, scalars.location, index, length).getResult();
    Value runs = arith::CmpIOp::create(scalars.builder, scalars.location, arith::CmpIPredicate::slt,
                                       timeOf(scalars, step, direction), end);
    return arith::SelectOp::create(scalars.builder, scalars.location, runs, elements[0], elements[1]);
  });
}

SmallVector<Value> CellWriter::makeStep(Value step, ValueRange states) {
  SmallVector<Value> next;
  if (op.getKind() == CellKind::lstm) {
    next = stepLstm(step, states);
  } else if (op.getKind() == CellKind::gru) {
    next = {stepGru(step, states[0])};
  } else {
    SmallVector<Value> inputs;
    for (Value of : {takeGates(step), multiply(states[0], 0, 1)})
      inputs.push_back(pick(of, {{2, builder.getIndexAttr(0)}}));
    next = {mapCells(inputs, [&](Scalars &scalars, ValueRange elements) -> Value {
      return apply(scalars, 0, add(scalars, elements[0], elements[1]));
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
  packWeights();
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
  if (op.getDirection() == graph::Direction::forward)
    return tensors.round(history, all, type.getElementType());
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
