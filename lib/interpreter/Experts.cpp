// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layers of experts by their formula: one token, one choice and one unit after the other.
#include "Families.h"
#include "Numbers.h"

using namespace mlir;

namespace partita::interpreter {

template <typename T> static T activate(graph::ExpertFunction function, T x) {
  switch (function) {
  case graph::ExpertFunction::identity:
    return x;
  case graph::ExpertFunction::relu:
    return maximum(x, T(0));
  case graph::ExpertFunction::gelu:
    return x * T(0.5) * (T(1) + std::erf(x / std::sqrt(T(2))));
  case graph::ExpertFunction::gelu_tanh:
    return x * T(0.5) * (T(1) + std::tanh(std::sqrt(T(2) / T(M_PI)) * (x + T(0.044715) * x * x * x)));
  case graph::ExpertFunction::silu:
    return x / (T(1) + std::exp(-x));
  }
  return x;
}

namespace {

/// All numbers of one op. A weight of one set serves all sets.
template <typename T> struct Layer {
  graph::ExpertFunction function;
  int64_t experts, units, inputs, outputs, weightSets;
  std::vector<T> gate, gateBias, up, upBias, down;
  std::vector<int64_t> inputOrder, unitOrder;

  int64_t expertOf(int64_t set, int64_t expert) const { return (weightSets == 1 ? 0 : set) * experts + expert; }

  T weigh(const std::vector<T> &weights, const std::vector<T> &bias, int64_t row, const T *token) const {
    T total = bias.empty() ? T(0) : bias[row];
    for (int64_t h : inputOrder)
      total += weights[row * inputs + h] * token[h];
    return total;
  }

  /// Adds share * expert(token) to `result`.
  void add(int64_t set, int64_t expert, T share, const T *token, T *result) const {
    int64_t number = expertOf(set, expert);
    std::vector<T> wide(units);
    for (int64_t f = 0; f < units; ++f) {
      wide[f] = activate(function, weigh(gate, gateBias, number * units + f, token));
      if (!up.empty())
        wide[f] *= weigh(up, upBias, number * units + f, token);
    }
    for (int64_t o = 0; o < outputs; ++o) {
      T total = 0;
      for (int64_t f : unitOrder)
        total += down[(number * outputs + o) * units + f] * wide[f];
      result[o] += share * total;
    }
  }
};

} // namespace

template <typename T> static Tensor runLayer(graph::ExpertsOp op, const Call &call, int64_t firstExpert) {
  size_t next = 2;
  auto take = [&](Value operand) { return operand ? unpack<T>(call.operands[next++]) : std::vector<T>(); };
  std::vector<T> tokens = unpack<T>(call.operands[0]), shares = take(op.getShares());
  std::vector<int64_t> places = unpack<int64_t>(call.operands[1]);
  ArrayRef<int64_t> gate = call.operands[next].getShape(), result = call.result.extent;
  Layer<T> layer{op.getFunction(), gate[1], gate[2], gate[3], result[2], gate[0], {}, {}, {}, {}, {}, {}, {}};
  layer.gate = take(op.getGate());
  layer.gateBias = take(op.getGateBias());
  layer.up = take(op.getUp());
  layer.upBias = take(op.getUpBias());
  layer.down = take(op.getDown());
  layer.inputOrder = summationOrder(layer.inputs, call.context.arithmetic);
  layer.unitOrder = summationOrder(layer.units, call.context.arithmetic);
  int64_t choices = call.operands[1].getShape()[2];
  std::vector<int64_t> choiceOrder = summationOrder(choices, call.context.arithmetic);
  std::vector<T> values(countElements(result));
  for (int64_t row = 0; row < result[0] * result[1]; ++row)
    for (int64_t k : choiceOrder) {
      int64_t expert = places[row * choices + k] - firstExpert;
      if (expert >= 0 && expert < layer.experts)
        layer.add(row / std::max<int64_t>(1, result[1]), expert, shares.empty() ? T(1) : shares[row * choices + k],
                  tokens.data() + row * layer.inputs, values.data() + row * layer.outputs);
    }
  return pack<T>(call.element, result, values);
}

Outcome evaluateExperts(graph::ExpertsOp op, const Call &call) {
  auto shapeOf = [&](Value operand) -> ArrayRef<int64_t> {
    for (OpOperand &use : op->getOpOperands())
      if (use.get() == operand)
        return call.operands[use.getOperandNumber()].getShape();
    return {};
  };
  ArrayRef<int64_t> tokens = shapeOf(op.getTokens()), places = shapeOf(op.getPlaces()), gate = shapeOf(op.getGate()),
                    result = call.result.extent;
  Shape choices{tokens[0], tokens[1], places[2]}, rows{gate[0], gate[1], gate[2]},
      weights{gate[0], gate[1], gate[2], tokens[2]}, down{gate[0], gate[1], result[2], gate[2]},
      wanted{tokens[0], tokens[1], result[2]};
  auto fits = [&](Value operand, const Shape &shape) { return !operand || shapeOf(operand) == ArrayRef(shape); };
  if (!fits(op.getPlaces(), choices) || !fits(op.getShares(), choices) || !fits(op.getGate(), weights) ||
      !fits(op.getGateBias(), rows) || !fits(op.getUp(), weights) || !fits(op.getUpBias(), rows) ||
      !fits(op.getDown(), down) || result != ArrayRef(wanted) || (gate[0] != 1 && gate[0] != tokens[0]))
    return failShape(op, "tokens, places, weights and result do not fit together");
  std::optional<Box> box = call.context.scope.findBox(cast<RankedTensorType>(op.getGate().getType()));
  if (!box)
    return failShape(op, "which experts are here is not known");
  return call.element.isF64() ? runLayer<double>(op, call, box->offset[1]) : runLayer<float>(op, call, box->offset[1]);
}

Outcome evaluateCounted(graph::CountedOp op, const Call &call) {
  ArrayRef<int64_t> input = call.operands[0].getShape(), counts = call.operands[1].getShape();
  if (input != ArrayRef(call.result.extent) || input.take_front(counts.size()) != counts)
    return failShape(op, "input, counts and result do not fit together");
  std::vector<int64_t> numbers = unpack<int64_t>(call.operands[1]);
  Shape strides = stridesOf(input), ofCounts = stridesOf(counts);
  int64_t firstRow = call.result.offset[counts.size()];
  return moveElements(call.operands[0], input, [&](const Shape &index) {
    int64_t place = 0, position = 0;
    for (size_t dim = 0; dim < counts.size(); ++dim)
      place += index[dim] * ofCounts[dim];
    for (size_t dim = 0; dim < input.size(); ++dim)
      position += index[dim] * strides[dim];
    return firstRow + index[counts.size()] < numbers[place] ? position : -1;
  });
}

} // namespace partita::interpreter
