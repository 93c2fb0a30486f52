// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Recurrent.cpp - RNN, GRU, LSTM ------------------------------------------===//
//
// What the inputs give to the gates is one contraction over all steps, which splits by steps, batch, direction and
// unit; only the states' share is inside of the recurrent op.
//
//===----------------------------------------------------------------------===//
#include "OpTable.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

static RankedTensorType typeOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()); }

namespace {

/// A function of a gate with its numbers, as ONNX names and defaults them.
struct GateFunction {
  CellFunction kind;
  double alpha, beta;
};

/// One RNN, GRU or LSTM node.
class RecurrentNode {
public:
  RecurrentNode(NodeContext &node, CellKind kind) : node(node), kind(kind) {}
  void import();

private:
  bool readSizes();
  bool readDirection();
  bool readFunctions();
  std::optional<GateFunction> findFunction(llvm::StringRef name);
  /// The functions of all directions are the same ones.
  bool areAlike();
  Value makeGates();
  Value makeStates();
  /// Biases of the input (part 0) or of the states (part 1), [D, G, H].
  Value readBias(int part);
  Value readPeepholes();
  void setResults(Value states);
  /// State `state` after the last step of each direction, [D, N, H].
  Value lastState(Value states, int64_t state);
  Value cutOut(Value value, llvm::ArrayRef<int64_t> starts, const Sizes &sizes, llvm::StringRef part) {
    return node.slice(value, starts, SmallVector<int64_t>(starts.size(), 1), sizes, part);
  }

  NodeContext &node;
  CellKind kind;
  Value x, weights, recurrence, bias, lengths;
  Direction direction = Direction::forward;
  int64_t directions = 1, gates = 1, numStates = 1;
  DimSize steps, batch, units, inputs;
  bool isBatchFirst = false, resetsAfter = false, isCoupled = false;
  double clip = 0.0;
  std::vector<GateFunction> functions;
};

} // namespace

std::optional<GateFunction> RecurrentNode::findFunction(llvm::StringRef name) {
  // Source of the defaults: the ONNX operator specification, attributes activation_alpha and activation_beta.
  return llvm::StringSwitch<std::optional<GateFunction>>(name.lower())
      .Case("sigmoid", GateFunction{CellFunction::sigmoid, 0, 0})
      .Case("tanh", GateFunction{CellFunction::tanh, 0, 0})
      .Case("relu", GateFunction{CellFunction::relu, 0, 0})
      .Case("affine", GateFunction{CellFunction::affine, 1, 0})
      .Case("leakyrelu", GateFunction{CellFunction::leaky_relu, 0.01, 0})
      .Case("thresholdedrelu", GateFunction{CellFunction::thresholded_relu, 1, 0})
      .Case("scaledtanh", GateFunction{CellFunction::scaled_tanh, 1, 1})
      .Case("hardsigmoid", GateFunction{CellFunction::hard_sigmoid, 0.2, 0.5})
      .Case("elu", GateFunction{CellFunction::elu, 1, 0})
      .Case("softsign", GateFunction{CellFunction::softsign, 0, 0})
      .Case("softplus", GateFunction{CellFunction::softplus, 0, 0})
      .Default(std::nullopt);
}

bool RecurrentNode::areAlike() {
  size_t each = functions.size() / static_cast<size_t>(directions);
  for (size_t i = each; i < functions.size(); ++i) {
    const GateFunction &first = functions[i - each], &second = functions[i];
    if (first.kind != second.kind || first.alpha != second.alpha || first.beta != second.beta)
      return false;
  }
  functions.resize(each);
  return true;
}

bool RecurrentNode::readFunctions() {
  size_t each = kind == CellKind::rnn   ? 1
                : kind == CellKind::gru ? 2
                                        : 3,
         count = each * static_cast<size_t>(directions);
  std::vector<std::string> names = node.getTexts("activations");
  std::vector<double> alphas = node.getFloats("activation_alpha"), betas = node.getFloats("activation_beta");
  if (names.empty())
    for (size_t i = 0; i < count; ++i)
      names.push_back(kind == CellKind::rnn || i % each > 0 ? "Tanh" : "Sigmoid");
  if (names.size() != count) {
    node.fail("E-BAD-FILE", llvm::Twine(names.size()) + " activations for " + llvm::Twine(count) + " gates");
    return false;
  }
  size_t nextAlpha = 0, nextBeta = 0;
  for (const std::string &name : names) {
    std::optional<GateFunction> function = findFunction(name);
    if (!function) {
      node.failOp("activation '" + name + "' is not known");
      return false;
    }
    // The lists hold numbers of those functions only that have them.
    bool hasBeta = function->kind == CellFunction::affine || function->kind == CellFunction::scaled_tanh ||
                   function->kind == CellFunction::hard_sigmoid;
    bool hasAlpha = hasBeta || function->kind == CellFunction::leaky_relu || function->kind == CellFunction::elu ||
                    function->kind == CellFunction::thresholded_relu;
    if (hasAlpha && nextAlpha < alphas.size())
      function->alpha = alphas[nextAlpha++];
    if (hasBeta && nextBeta < betas.size())
      function->beta = betas[nextBeta++];
    functions.push_back(*function);
  }
  if (areAlike())
    return true;
  node.failOp("activations that differ between the directions are not supported");
  return false;
}

bool RecurrentNode::readDirection() {
  std::string name = node.getText("direction", "forward");
  direction = name == "bidirectional" ? Direction::both : name == "reverse" ? Direction::reverse : Direction::forward;
  directions = direction == Direction::both ? 2 : 1;
  if (direction == Direction::forward && name != "forward") {
    node.failOp("direction '" + name + "' is not known");
    return false;
  }
  gates = kind == CellKind::rnn ? 1 : kind == CellKind::gru ? 3 : 4;
  numStates = kind == CellKind::lstm ? 2 : 1;
  isBatchFirst = node.getInteger("layout", 0) != 0;
  resetsAfter = kind == CellKind::gru && node.getInteger("linear_before_reset", 0) != 0;
  isCoupled = kind == CellKind::lstm && node.getInteger("input_forget", 0) != 0;
  clip = node.getFloat("clip", 0.0);
  node.ignore({"output_sequence"}); // of sets before 7
  return true;
}

bool RecurrentNode::readSizes() {
  x = node.input(0);
  weights = node.input(1);
  recurrence = node.input(2);
  if (!x || !weights || !recurrence)
    return false;
  if (isBatchFirst && typeOf(x).getRank() == 3)
    x = node.transpose(x, {1, 0, 2}, "input");
  Sizes of = node.sizesOf(x), w = node.sizesOf(weights), r = node.sizesOf(recurrence);
  bool fits = of.size() == 3 && w.size() == 3 && r.size() == 3 && r[2].isStatic() && w[2] == of[2] &&
              w[0] == DimSize(directions) && r[0] == w[0] && w[1] == r[1] && w[1] == r[2] * gates;
  int64_t hidden = fits ? node.getInteger("hidden_size", r[2].constant) : 0;
  if (!fits || hidden != r[2].constant) {
    node.failShape("an input " + toText(of) + ", weights " + toText(w) + " and " + toText(r) + " do not fit together");
    return false;
  }
  steps = of[0];
  batch = of[1];
  inputs = of[2];
  units = r[2];
  if (node.hasInput(4))
    lengths = node.input(4);
  return !node.hasFailed();
}

Value RecurrentNode::readBias(int part) {
  if (!bias && node.hasInput(3)) {
    bias = node.input(3);
    if (!bias || node.sizesOf(bias) != Sizes{DimSize(directions), units * (2 * gates)})
      return bias ? (node.failShape("the biases have shape " + toText(node.sizesOf(bias))), Value()) : Value();
  }
  if (!bias)
    return Value();
  Value half = cutOut(bias, {0, part * gates * units.constant}, {DimSize(directions), units * gates}, "bias/half");
  return node.reshape(half, {DimSize(directions), DimSize(gates), units}, "bias/gates");
}

Value RecurrentNode::makeGates() {
  Value byGate = node.reshape(weights, {DimSize(directions), DimSize(gates), units, inputs}, "weights/gates");
  Value sums = node.contract(x, byGate, "tni,dghi->tdngh", "gates");
  Value added = readBias(0), recurrent = readBias(1);
  if (!sums || !added || !recurrent)
    return node.hasFailed() ? Value() : sums;
  // A gru that resets after the product resets the bias of the last gate with it.
  if (resetsAfter) {
    Value first = cutOut(recurrent, {0, 0, 0}, {DimSize(directions), DimSize(2), units}, "bias/first");
    recurrent = node.pad(first, {0, 0, 0}, {0, 1, 0}, "bias/padded");
  }
  added = node.elementwise(ElementwiseKind::add, {added, recurrent}, "bias");
  RankedTensorType type = typeOf(sums);
  Value wide =
      added ? node.finish(BroadcastOp::create(node.getSession().getBuilder(), node.getLocation(), type,
                                              node.partName("bias/broadcast"), added, ArrayRef<int64_t>{1, 3, 4}))
            : Value();
  return node.elementwise(ElementwiseKind::add, {sums, wide}, "gates/biased");
}

Value RecurrentNode::makeStates() {
  Type element = typeOf(x).getElementType();
  Sizes one = {DimSize(1), DimSize(directions), batch, units};
  SmallVector<Value> states;
  for (int state = 0; state < numStates; ++state) {
    int index = 5 + state;
    Value initial = node.hasInput(index) ? node.input(index) : node.constant(0.0, element);
    if (initial && isBatchFirst && typeOf(initial).getRank() == 3)
      initial = node.transpose(initial, {1, 0, 2}, "initial/transpose");
    if (initial && !node.hasInput(index))
      initial = node.broadcast(initial, one, "initial/zero");
    states.push_back(node.reshape(initial, one, "initial"));
  }
  return node.concat(states, 0, "initial/states");
}

/// ONNX has them in the order i, o, f.
Value RecurrentNode::readPeepholes() {
  if (kind != CellKind::lstm || !node.hasInput(7))
    return Value();
  Value all = node.input(7);
  return node.reshape(all, {DimSize(directions), DimSize(3), units}, "peepholes");
}

Value RecurrentNode::lastState(Value states, int64_t state) {
  SmallVector<Value> ends;
  if (!steps.isStatic() || steps.constant < 1) {
    node.failShape("the last state of a sequence of " + toText(steps) + " steps is not at a known place");
    return Value();
  }
  for (int64_t index = 0; index < directions; ++index) {
    bool isReverse = direction == Direction::reverse || index == 1;
    Value end = cutOut(states, {state, isReverse ? 0 : steps.constant - 1, index, 0, 0},
                       {DimSize(1), DimSize(1), DimSize(1), batch, units}, "end");
    ends.push_back(node.reshape(end, {DimSize(1), batch, units}, "end/reshape"));
  }
  Value joined = node.concat(ends, 0, "ends");
  return isBatchFirst ? node.transpose(joined, {1, 0, 2}, "ends/transpose") : joined;
}

void RecurrentNode::setResults(Value states) {
  if (node.hasResult(0)) {
    Sizes sizes = {steps, DimSize(directions), batch, units}, one = sizes;
    one.insert(one.begin(), DimSize(1));
    Value y = node.reshape(cutOut(states, {0, 0, 0, 0, 0}, one, "states"), sizes, "sequence");
    if (lengths && y) {
      // Beyond the end of a sequence its result is zero.
      Value times = node.reshape(node.iota(steps, typeOf(lengths).getElementType()), {steps, DimSize(1)});
      Value runs = node.elementwise(ElementwiseKind::lt, {times, lengths}, "runs");
      Value flags = node.reshape(runs, {steps, DimSize(1), batch, DimSize(1)});
      Value zero = node.constant(0.0, typeOf(y).getElementType());
      y = node.elementwise(ElementwiseKind::select, {flags, y, zero}, "masked");
    }
    node.setResult(0, isBatchFirst ? node.transpose(y, {2, 0, 1, 3}, "sequence/transpose") : y);
  }
  for (int64_t state = 0; state < numStates; ++state)
    if (node.hasResult(static_cast<int>(1 + state)))
      node.setResult(static_cast<int>(1 + state), lastState(states, state));
}

void RecurrentNode::import() {
  if (!readDirection() || !readFunctions() || !readSizes())
    return;
  Value sums = makeGates(), initial = makeStates(), peepholes = readPeepholes(), hiddenBias;
  Value byGate = node.reshape(recurrence, {DimSize(directions), DimSize(gates), units, units}, "recurrence/gates");
  if (resetsAfter && bias) {
    Value last = cutOut(readBias(1), {0, 2, 0}, {DimSize(directions), DimSize(1), units}, "bias/last");
    hiddenBias = node.reshape(last, {DimSize(directions), units}, "bias/hidden");
  }
  if (node.hasFailed() || !sums || !initial || !byGate)
    return;
  OpBuilder &builder = node.getSession().getBuilder();
  SmallVector<StringRef> kinds;
  SmallVector<double> alphas, betas;
  for (const GateFunction &function : functions) {
    kinds.push_back(stringifyCellFunction(function.kind));
    alphas.push_back(function.alpha);
    betas.push_back(function.beta);
  }
  RankedTensorType type =
      node.makeType({DimSize(numStates), steps, DimSize(directions), batch, units}, typeOf(x).getElementType());
  if (!type)
    return;
  Value states = node.finish(RecurrentOp::create(
      builder, node.getLocation(), type, node.partName("cell"), kind, sums, byGate, initial, hiddenBias, peepholes,
      lengths, direction, builder.getStrArrayAttr(kinds), alphas, betas, llvm::APFloat(clip), resetsAfter, isCoupled));
  if (states)
    setResults(states);
}

template <CellKind kind> static void importRecurrent(NodeContext &node) { RecurrentNode(node, kind).import(); }

void partita::import::addRecurrentOps(OpTable &table) {
  table.insert({{"RNN", importRecurrent<CellKind::rnn>},
                {"GRU", importRecurrent<CellKind::gru>},
                {"LSTM", importRecurrent<CellKind::lstm>}});
}
