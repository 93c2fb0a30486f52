// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recurrent cells by their formulas, one step and one unit after the other.
#include "Families.h"
#include "Numbers.h"

using namespace mlir;

namespace partita::interpreter {

namespace {

/// One function of a cell with its two numbers.
template <typename T> struct Function {
  graph::CellFunction kind;
  T alpha, beta, clip;

  T operator()(T x) const {
    if (clip != T(0))
      x = maximum(minimum(x, clip), -clip);
    switch (kind) {
    case graph::CellFunction::sigmoid:
      return T(1) / (T(1) + std::exp(-x));
    case graph::CellFunction::tanh:
      return std::tanh(x);
    case graph::CellFunction::relu:
      return maximum(x, T(0));
    case graph::CellFunction::affine:
      return alpha * x + beta;
    case graph::CellFunction::leaky_relu:
      return x < T(0) ? alpha * x : x;
    case graph::CellFunction::thresholded_relu:
      return x > alpha ? x : T(0);
    case graph::CellFunction::scaled_tanh:
      return alpha * std::tanh(beta * x);
    case graph::CellFunction::hard_sigmoid:
      return minimum(maximum(alpha * x + beta, T(0)), T(1));
    case graph::CellFunction::elu:
      return x < T(0) ? alpha * (std::exp(x) - T(1)) : x;
    case graph::CellFunction::softsign:
      return x / (T(1) + std::abs(x));
    case graph::CellFunction::softplus:
      return maximum(x, T(0)) + std::log1p(std::exp(-std::abs(x)));
    }
    return x;
  }
};

/// All numbers of one recurrent op, and its extents.
template <typename T> struct Network {
  mutable graph::RecurrentOp op; // its getters are not const
  int64_t times, directions, batch, gateCount, units, states;
  std::vector<T> gates, weights, initial, bias, peepholes, result;
  std::vector<int64_t> lengths, order;
  SmallVector<Function<T>> functions;

  T gate(int64_t time, int64_t direction, int64_t sequence, int64_t index, int64_t unit) const {
    return gates[(((time * directions + direction) * batch + sequence) * gateCount + index) * units + unit];
  }
  /// sum over k of weights[direction, gate, unit, k] * state[k].
  T weigh(int64_t direction, int64_t gate, int64_t unit, const std::vector<T> &state) const {
    const T *row = weights.data() + ((direction * gateCount + gate) * units + unit) * units;
    T total = 0;
    for (int64_t k : order)
      total += row[k] * state[k];
    return total;
  }
  T peep(int64_t direction, int64_t index, int64_t unit, T cell) const {
    return peepholes.empty() ? T(0) : peepholes[(direction * 3 + index) * units + unit] * cell;
  }

  void runSequence(int64_t direction, bool isReverse, int64_t sequence);
  void stepGru(int64_t time, int64_t direction, int64_t sequence, std::vector<T> &state) const;
  void stepLstm(int64_t time, int64_t direction, int64_t sequence, std::vector<T> &state, std::vector<T> &cell) const;
};

} // namespace

template <typename T>
void Network<T>::stepGru(int64_t time, int64_t direction, int64_t sequence, std::vector<T> &state) const {
  std::vector<T> update(units), reset(units), seen(units), next(units);
  for (int64_t h = 0; h < units; ++h) {
    update[h] = functions[0](gate(time, direction, sequence, 0, h) + weigh(direction, 0, h, state));
    reset[h] = functions[0](gate(time, direction, sequence, 1, h) + weigh(direction, 1, h, state));
    seen[h] = reset[h] * state[h];
  }
  for (int64_t h = 0; h < units; ++h) {
    T share = op.getResetAfter()
                  ? reset[h] * (weigh(direction, 2, h, state) + (bias.empty() ? T(0) : bias[direction * units + h]))
                  : weigh(direction, 2, h, seen);
    T hidden = functions[1](gate(time, direction, sequence, 2, h) + share);
    next[h] = (T(1) - update[h]) * hidden + update[h] * state[h];
  }
  state = next;
}

template <typename T>
void Network<T>::stepLstm(int64_t time, int64_t direction, int64_t sequence, std::vector<T> &state,
                          std::vector<T> &cell) const {
  std::vector<T> nextState(units), nextCell(units);
  for (int64_t h = 0; h < units; ++h) {
    auto sum = [&](int64_t index) {
      return gate(time, direction, sequence, index, h) + weigh(direction, index, h, state);
    };
    T input = functions[0](sum(0) + peep(direction, 0, h, cell[h]));
    T forget = op.getCoupled() ? T(1) - input : functions[0](sum(2) + peep(direction, 2, h, cell[h]));
    nextCell[h] = forget * cell[h] + input * functions[1](sum(3));
    T output = functions[0](sum(1) + peep(direction, 1, h, nextCell[h]));
    nextState[h] = output * functions[2](nextCell[h]);
  }
  state = nextState;
  cell = nextCell;
}

template <typename T> void Network<T>::runSequence(int64_t direction, bool isReverse, int64_t sequence) {
  std::vector<std::vector<T>> now(states);
  for (int64_t s = 0; s < states; ++s) {
    const T *first = initial.data() + ((s * directions + direction) * batch + sequence) * units;
    now[s].assign(first, first + units);
  }
  for (int64_t step = 0; step < times; ++step) {
    int64_t time = isReverse ? times - 1 - step : step;
    bool runs = lengths.empty() || time < lengths[sequence];
    if (runs && op.getKind() == graph::CellKind::gru)
      stepGru(time, direction, sequence, now[0]);
    else if (runs && op.getKind() == graph::CellKind::lstm)
      stepLstm(time, direction, sequence, now[0], now[1]);
    else if (runs) {
      std::vector<T> next(units);
      for (int64_t h = 0; h < units; ++h)
        next[h] = functions[0](gate(time, direction, sequence, 0, h) + weigh(direction, 0, h, now[0]));
      now[0] = next;
    }
    for (int64_t s = 0; s < states; ++s)
      std::copy(now[s].begin(), now[s].end(),
                result.begin() + (((s * times + time) * directions + direction) * batch + sequence) * units);
  }
}

template <typename T> static Tensor runNetwork(graph::RecurrentOp op, const Call &call, int64_t firstDirection) {
  ArrayRef<int64_t> gates = call.operands[0].getShape();
  Network<T> network{op, gates[0], gates[1], gates[2], gates[3], gates[4], op.getNumStates(), {}, {}, {},
                     {}, {},       {},       {},       {},       {}};
  network.gates = unpack<T>(call.operands[0]);
  network.weights = unpack<T>(call.operands[1]);
  network.initial = unpack<T>(call.operands[2]);
  network.result.resize(countElements(call.result.extent));
  network.order = summationOrder(network.units, call.context.arithmetic);
  size_t next = 3;
  if (op.getBias())
    network.bias = unpack<T>(call.operands[next++]);
  if (op.getPeepholes())
    network.peepholes = unpack<T>(call.operands[next++]);
  if (op.getLengths())
    network.lengths = unpack<int64_t>(call.operands[next]);
  for (unsigned i = 0; i < op.getFunctions().size(); ++i)
    network.functions.push_back({op.getFunction(i), static_cast<T>(op.getAlpha()[i]), static_cast<T>(op.getBeta()[i]),
                                 static_cast<T>(op.getClip().convertToDouble())});
  for (int64_t direction = 0; direction < network.directions; ++direction) {
    bool isReverse = op.getDirection() == graph::Direction::reverse || firstDirection + direction == 1;
    for (int64_t sequence = 0; sequence < network.batch; ++sequence)
      network.runSequence(direction, isReverse, sequence);
  }
  return pack<T>(call.element, call.result.extent, network.result);
}

Outcome evaluateRecurrent(graph::RecurrentOp op, const Call &call) {
  ArrayRef<int64_t> gates = call.operands[0].getShape(), result = call.result.extent;
  Shape weights{gates[1], gates[3], gates[4], gates[4]}, initial{op.getNumStates(), gates[1], gates[2], gates[4]},
      wanted{op.getNumStates(), gates[0], gates[1], gates[2], gates[4]};
  if (call.operands[1].getShape() != ArrayRef<int64_t>(weights) ||
      call.operands[2].getShape() != ArrayRef<int64_t>(initial) || result != ArrayRef<int64_t>(wanted) ||
      gates[3] != op.getNumGates())
    return failShape(op, "gates, weights, initial states and result do not fit together");
  return call.element.isF64() ? runNetwork<double>(op, call, call.result.offset[2])
                              : runNetwork<float>(op, call, call.result.offset[2]);
}

} // namespace partita::interpreter
