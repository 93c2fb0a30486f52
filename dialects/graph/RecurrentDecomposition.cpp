// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// recurrent spelled in small ops, step by step. Written out this way a cell splits by hidden units, too: each rank has
// the gates of its units, whose products read the states of all units: these are gathered at each step.
#include "partita/dialects/graph/SmallOps.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;

namespace {

/// The operands as they are computed with.
struct Wide {
  Value gates, weights, initial, bias, peepholes;
};

/// The steps of one direction. All values of a step are [N, H].
class Steps {
public:
  Steps(OpBuilder &builder, RecurrentOp op, const Wide &wide, int64_t direction)
      : small(builder, op), op(op), wide(wide), direction(direction), gates(tensorType(wide.gates)),
        batch(*getDimSize(gates, 2)), units(gates.getDimSize(4)) {
    for (int64_t state = 0; state < op.getNumStates(); ++state)
      states.push_back(take(("initial" + Twine(state)).str(), wide.initial, {state, direction}, {batch, units}));
    for (int64_t gate = 0; gate < op.getNumGates(); ++gate)
      weights.push_back(take(("weights" + Twine(gate)).str(), wide.weights, {direction, gate}, {units, units}));
  }

  /// The states after the step at `time`.
  ArrayRef<Value> run(int64_t time) {
    prefix = (Twine(direction) + "/" + Twine(time) + "/").str();
    SmallVector<Value> next;
    if (op.getKind() == CellKind::rnn)
      next = {apply("state", 0, add("sum", gate(time, 0), recurrent("product", states[0], 0)))};
    else if (op.getKind() == CellKind::gru)
      next = {runGru(time)};
    else
      next = runLstm(time);
    if (op.getLengths())
      for (auto [index, state] : llvm::enumerate(states))
        next[index] = keepBeyondEnd(("kept" + Twine(index)).str(), time, next[index], state);
    states = next;
    return states;
  }

private:
  std::string named(StringRef suffix) { return prefix + suffix.str(); }
  RankedTensorType rowType() { return getTensorType({batch, units}, gates.getElementType()); }
  Value binary(StringRef suffix, ElementwiseKind kind, Value a, Value b) {
    return small.binary(named(suffix), kind, a, b);
  }
  Value add(StringRef suffix, Value a, Value b) { return binary(suffix, ElementwiseKind::add, a, b); }
  Value mul(StringRef suffix, Value a, Value b) { return binary(suffix, ElementwiseKind::mul, a, b); }
  Value number(StringRef suffix, double value) { return small.splat(named(suffix), value, rowType()); }

  /// The element of the leading dims at `place`.
  Value take(StringRef suffix, Value x, ArrayRef<int64_t> place, ArrayRef<DimSize> rest) {
    SmallVector<int64_t> starts(place);
    SmallVector<DimSize> sizes(place.size(), DimSize(1));
    starts.append(rest.size(), 0);
    sizes.append(rest.begin(), rest.end());
    return small.reshape(named(suffix), small.slice(named((suffix + "/slice").str()), x, starts, sizes), rest);
  }

  Value gate(int64_t time, int64_t index) {
    std::string suffix = ("gate" + Twine(index)).str();
    SmallVector<int64_t> starts{time, direction, 0, index, 0};
    SmallVector<DimSize> sizes{DimSize(1), DimSize(1), batch, DimSize(1), units};
    return small.reshape(named(suffix), small.slice(named(suffix + "/slice"), wide.gates, starts, sizes),
                         {batch, units});
  }

  Value recurrent(StringRef suffix, Value state, int64_t gate) {
    return small.crossing(ContractionOp::create(small.builder, small.location, rowType(), small.part(named(suffix)),
                                                state, weights[gate], small.builder.getStringAttr("nk,hk->nh")));
  }

  /// A vector [H] of `extra` at `place`, for every sequence.
  Value spread(StringRef suffix, Value extra, ArrayRef<int64_t> place) {
    Value vector = take((suffix + "/vector").str(), extra, place, {units});
    return small.broadcast(named(suffix), vector, rowType(), {1});
  }

  Value clip(StringRef suffix, Value x) {
    double limit = op.getClip().convertToDouble();
    if (limit == 0.0)
      return x;
    Value high = binary((suffix + "/below").str(), ElementwiseKind::min, x, number((suffix + "/high").str(), limit));
    return binary((suffix + "/above").str(), ElementwiseKind::max, high, number((suffix + "/low").str(), -limit));
  }

  Value apply(StringRef suffix, unsigned index, Value x);
  Value runGru(int64_t time);
  SmallVector<Value> runLstm(int64_t time);

  Value keepBeyondEnd(StringRef suffix, int64_t time, Value next, Value state) {
    auto lengths = tensorType(op.getLengths());
    auto scalar = RankedTensorType::get({}, lengths.getElementType());
    APInt step(lengths.getElementTypeBitWidth(), static_cast<uint64_t>(time));
    Value now = ConstantOp::create(small.builder, small.location, scalar, small.part(named((suffix + "/step").str())),
                                   cast<ElementsAttr>(DenseElementsAttr::get(scalar, step)));
    Value steps = small.broadcast(named((suffix + "/steps").str()), now, lengths, {});
    auto flags = getTensorType({batch}, small.builder.getI1Type());
    Value runs =
        ElementwiseOp::create(small.builder, small.location, flags, small.part(named((suffix + "/runs").str())),
                              ElementwiseKind::lt, ValueRange{steps, op.getLengths()});
    Value all = small.broadcast(named((suffix + "/wide").str()), runs,
                                getTensorType({batch, units}, small.builder.getI1Type()), {0});
    return ElementwiseOp::create(small.builder, small.location, rowType(), small.part(named(suffix)),
                                 ElementwiseKind::select, ValueRange{all, next, state});
  }

  SmallOps small;
  RecurrentOp op;
  Wide wide;
  int64_t direction;
  RankedTensorType gates;
  DimSize batch, units;
  std::string prefix = (Twine(direction) + "/").str();
  SmallVector<Value> states, weights;
};

} // namespace

/// Function number `index` of the cell, of a clipped argument.
Value Steps::apply(StringRef suffix, unsigned index, Value x) {
  using Kind = ElementwiseKind;
  x = clip(suffix, x);
  double a = op.getAlpha()[index], b = op.getBeta()[index];
  auto at = [&](const char *what) { return named((suffix + "/" + what).str()); };
  auto scale = [&](const char *what, Value y, double factor) {
    return small.binary(at(what), Kind::mul, y, small.splat(at(what) + "/number", factor, rowType()));
  };
  auto shift = [&](const char *what, Value y, double offset) {
    return small.binary(at(what), Kind::add, y, small.splat(at(what) + "/number", offset, rowType()));
  };
  auto unary = [&](const char *what, Kind kind, Value y) { return small.unary(at(what), kind, y); };
  auto choose = [&](Kind comparison, double limit, Value yes, Value no) -> Value {
    auto flags = getTensorType({batch, units}, small.builder.getI1Type());
    Value bound = small.splat(at("limit"), limit, rowType());
    Value flag = ElementwiseOp::create(small.builder, small.location, flags, small.part(at("flag")), comparison,
                                       ValueRange{x, bound});
    return ElementwiseOp::create(small.builder, small.location, rowType(), small.part(at("choice")), Kind::select,
                                 ValueRange{flag, yes, no});
  };
  switch (op.getFunction(index)) {
  case CellFunction::sigmoid:
    return unary("sigmoid", Kind::sigmoid, x);
  case CellFunction::tanh:
    return unary("tanh", Kind::tanh, x);
  case CellFunction::relu:
    return unary("relu", Kind::relu, x);
  case CellFunction::affine:
    return shift("beta", scale("alpha", x, a), b);
  case CellFunction::leaky_relu:
    return choose(Kind::lt, 0, scale("alpha", x, a), x);
  case CellFunction::thresholded_relu:
    return choose(Kind::gt, a, x, small.splat(at("zero"), 0, rowType()));
  case CellFunction::scaled_tanh:
    return scale("alpha", unary("tanh", Kind::tanh, scale("beta", x, b)), a);
  case CellFunction::hard_sigmoid: {
    Value line = shift("beta", scale("alpha", x, a), b);
    Value low = small.binary(at("max"), Kind::max, line, small.splat(at("zero"), 0, rowType()));
    return small.binary(at("min"), Kind::min, low, small.splat(at("one"), 1, rowType()));
  }
  case CellFunction::elu:
    return choose(Kind::lt, 0, scale("alpha", shift("less_one", unary("exp", Kind::exp, x), -1), a), x);
  case CellFunction::softsign:
    return small.binary(at("div"), Kind::div, x, shift("one_more", unary("abs", Kind::abs, x), 1));
  case CellFunction::softplus: {
    // max(x, 0) + log(1 + exp(-|x|)), which no x lets overflow.
    Value size = unary("exp", Kind::exp, unary("neg", Kind::neg, unary("abs", Kind::abs, x)));
    return small.binary(at("add"), Kind::add, unary("relu", Kind::relu, x),
                        unary("log", Kind::log, shift("one_more", size, 1)));
  }
  }
  return x;
}

Value Steps::runGru(int64_t time) {
  Value state = states[0];
  Value update = apply("update", 0, add("update/sum", gate(time, 0), recurrent("update/product", state, 0)));
  Value reset = apply("reset", 0, add("reset/sum", gate(time, 1), recurrent("reset/product", state, 1)));
  Value share;
  if (op.getResetAfter()) {
    share = recurrent("hidden/product", state, 2);
    if (op.getBias())
      share = add("hidden/biased", share, spread("hidden/bias", wide.bias, {direction}));
    share = mul("hidden/reset", reset, share);
  } else {
    share = recurrent("hidden/product", mul("hidden/reset", reset, state), 2);
  }
  Value hidden = apply("hidden", 1, add("hidden/sum", gate(time, 2), share));
  // (1 - z) * hidden + z * state
  Value rest = binary("rest", ElementwiseKind::sub, number("one", 1), update);
  return add("state", mul("state/new", rest, hidden), mul("state/old", update, state));
}

SmallVector<Value> Steps::runLstm(int64_t time) {
  auto argument = [&](StringRef suffix, int64_t index, int64_t peephole, Value cell) {
    Value sum =
        add((suffix + "/sum").str(), gate(time, index), recurrent((suffix + "/product").str(), states[0], index));
    if (!op.getPeepholes() || peephole < 0)
      return sum;
    Value factor = spread((suffix + "/peephole").str(), wide.peepholes, {direction, peephole});
    return add((suffix + "/seen").str(), sum, mul((suffix + "/look").str(), factor, cell));
  };
  Value input = apply("input", 0, argument("input", 0, 0, states[1]));
  Value forget = op.getCoupled() ? binary("forget", ElementwiseKind::sub, number("one", 1), input)
                                 : apply("forget", 0, argument("forget", 2, 2, states[1]));
  Value fresh = apply("fresh", 1, argument("fresh", 3, -1, Value()));
  Value cell = add("cell", mul("cell/old", forget, states[1]), mul("cell/new", input, fresh));
  Value output = apply("output", 0, argument("output", 1, 1, cell));
  return {mul("state", output, apply("shown", 2, cell)), cell};
}

SmallVector<Value> RecurrentOp::decompose(OpBuilder &builder) {
  auto type = tensorType(getGates());
  int64_t steps = type.getDimSize(0), directions = type.getDimSize(1);
  if (!canBeWrittenOut())
    return {getResult()};
  SmallOps small(builder, *this);
  DimSize batch = *getDimSize(type, 2), units(type.getDimSize(4)), one(1);
  auto widen = [&](StringRef suffix, Value x) { return x ? small.widen(suffix, x) : x; };
  Wide wide{widen("gates", getGates()), widen("weights", getWeights()), widen("initial", getInitial()),
            widen("bias", getBias()), widen("peepholes", getPeepholes())};
  // values[state][time][direction], each [1, 1, 1, N, H].
  std::vector<std::vector<SmallVector<Value>>> values(
      getNumStates(), std::vector<SmallVector<Value>>(steps, SmallVector<Value>(directions)));
  for (int64_t direction = 0; direction < directions; ++direction) {
    Steps cell(builder, *this, wide, direction);
    bool isReverse = getDirection() == Direction::reverse || direction == 1;
    for (int64_t step = 0; step < steps; ++step) {
      int64_t time = isReverse ? steps - 1 - step : step;
      for (auto [state, value] : llvm::enumerate(cell.run(time)))
        values[state][time][direction] =
            small.reshape(("row" + Twine(state) + "/" + Twine(time) + "/" + Twine(direction)).str(), value,
                          {one, one, one, batch, units});
    }
  }
  auto join = [&](const Twine &suffix, ArrayRef<Value> parts, int64_t dim, ArrayRef<DimSize> sizes) -> Value {
    if (parts.size() == 1)
      return parts[0];
    return ConcatOp::create(builder, small.location, getTensorType(sizes, tensorType(parts[0]).getElementType()),
                            small.part(suffix.str()), parts, dim);
  };
  SmallVector<Value> all;
  for (int64_t state = 0; state < getNumStates(); ++state) {
    SmallVector<Value> rows;
    for (int64_t time = 0; time < steps; ++time)
      rows.push_back(join("directions" + Twine(state) + "/" + Twine(time), values[state][time], 2,
                          {one, one, DimSize(directions), batch, units}));
    all.push_back(join("times" + Twine(state), rows, 1, {one, DimSize(steps), DimSize(directions), batch, units}));
  }
  Value result = join("states", all, 0, {DimSize(getNumStates()), DimSize(steps), DimSize(directions), batch, units});
  return small.finish(result, type.getElementType());
}
