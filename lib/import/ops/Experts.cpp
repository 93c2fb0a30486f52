// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Experts.cpp - Mixtures of experts (com.microsoft) ------------------------===//
#include "ops/FewBits.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

namespace {

/// The weights and biases of one layer, [1, experts, ...]; null where there are none.
struct Weights {
  Value gate, gateBias, up, upBias, down, downBias;
};

/// Experts and their shares, [set, token, choice].
struct Routing {
  Value places, shares;
};

} // namespace

static std::optional<ExpertFunction> findFunction(const std::string &name) {
  if (name == "identity")
    return ExpertFunction::identity;
  if (name == "relu")
    return ExpertFunction::relu;
  // ONNX Runtime computes gelu by tanh here.
  if (name == "gelu")
    return ExpertFunction::gelu_tanh;
  if (name == "silu" || name == "swiglu")
    return ExpertFunction::silu;
  return std::nullopt;
}

/// An input as [1, experts, ...] of `rank` dims; null where it is missing or reported.
static Value readWeight(NodeContext &node, int index, size_t rank, Type element) {
  if (!node.hasInput(index))
    return Value();
  Value value = node.input(index);
  if (!value)
    return Value();
  Sizes sizes = node.sizesOf(value);
  if (sizes.size() != rank) {
    node.failShape("input " + llvm::Twine(index) + " has shape " + toText(sizes));
    return Value();
  }
  sizes.insert(sizes.begin(), DimSize(1));
  return node.cast(node.reshape(value, sizes, "weight_" + std::to_string(index)), element);
}

/// Every second row of the units from `first` on, or one half of them: of a gate and a factor in one weight.
static Value takeHalf(NodeContext &node, Value weight, bool isInterleaved, int64_t half, llvm::StringRef part) {
  if (!weight)
    return Value();
  DimSize units = node.sizesOf(weight)[2];
  DimSize count(units.constant / 2);
  return isInterleaved ? node.cut(weight, 2, half, count, 2, part)
                       : node.cut(weight, 2, half * count.constant, count, 1, part);
}

/// A weight of a few bits with its scales behind it, one for each row or for each block of one: numbers about the
/// middle of their range. As readWeight.
static Value readQuantized(NodeContext &node, int index, int64_t bits, int64_t block, Type element) {
  if (!node.hasInput(index))
    return Value();
  Value bytes = node.input(index), scale = node.input(index + 1);
  if (!bytes || !scale)
    return Value();
  Sizes sizes = node.sizesOf(bytes), steps = node.sizesOf(scale);
  std::optional<DimSize> count = multiplyChecked(sizes.back(), DimSize(8 / bits));
  bool isBlocked = steps.size() == 3;
  std::optional<DimSize> width = isBlocked ? multiplyChecked(steps.back(), DimSize(block)) : count;
  if (sizes.size() != 3 || !node.elementOf(bytes).isInteger(8) || !count || !width || !(*width == *count) ||
      !isa<FloatType>(node.elementOf(scale)) || (!isBlocked && steps.size() != 2)) {
    node.failShape("input " + llvm::Twine(index) + " of shape " + toText(sizes) + " does not fit scales of shape " +
                   toText(steps));
    return Value();
  }
  Sizes parts = steps, column = steps, whole{DimSize(1), sizes[0], sizes[1], *count};
  parts.push_back(isBlocked ? DimSize(block) : *count);
  column.push_back(DimSize(1));
  Value q = node.reshape(unpackBits(node, bytes, bits, *count), parts, "blocks");
  Value middle = node.constant(static_cast<double>(1 << (bits - 1)), node.elementOf(scale));
  Value weight = dequantize(node, q, middle, node.reshape(scale, column, "scales"));
  return node.cast(node.reshape(weight, whole, "weight_" + std::to_string(index)), element);
}

/// MoE has weights and biases in turn; QMoE a weight, its scales, a bias.
static std::optional<Weights> readInputs(NodeContext &node, Type element) {
  if (node.getNode().op_type() == "MoE")
    return Weights{readWeight(node, 2, 3, element), readWeight(node, 3, 2, element), readWeight(node, 6, 3, element),
                   readWeight(node, 7, 2, element), readWeight(node, 4, 3, element), readWeight(node, 5, 2, element)};
  int64_t bits = node.getInteger("expert_weight_bits", 4), block = node.getInteger("block_size", 0);
  bool hasMore = false;
  for (int index = 11; index < node.countInputs(); ++index)
    hasMore |= node.hasInput(index);
  if ((bits != 4 && bits != 8) || block < 0 || block > (1 << 20) || hasMore) {
    node.failOp("weights of " + llvm::Twine(bits) + " bits in blocks of " + llvm::Twine(block) +
                ", or with zero points, are not supported");
    return std::nullopt;
  }
  auto weight = [&](int index) { return readQuantized(node, index, bits, block, element); };
  return Weights{weight(2), readWeight(node, 4, 2, element), weight(8), readWeight(node, 10, 2, element),
                 weight(5), readWeight(node, 7, 2, element)};
}

static std::optional<Weights> readWeights(NodeContext &node, Type element, bool isSwiglu) {
  int64_t fusion = node.getInteger("swiglu_fusion", 0);
  std::optional<Weights> read = readInputs(node, element);
  if (!read)
    return std::nullopt;
  Weights weights = *read;
  if (node.hasFailed() || !weights.gate || !weights.down)
    return std::nullopt;
  if (isSwiglu && fusion != 0) {
    if (weights.up || !node.sizesOf(weights.gate)[2].isStatic() || node.sizesOf(weights.gate)[2].constant % 2 != 0) {
      node.failShape("fused weights of swiglu have two rows for each unit, and no fc3 beside them");
      return std::nullopt;
    }
    Value both = weights.gate, bias = weights.gateBias;
    weights.gate = takeHalf(node, both, fusion == 1, 0, "gate");
    weights.up = takeHalf(node, both, fusion == 1, 1, "up");
    weights.gateBias = takeHalf(node, bias, fusion == 1, 0, "gate_bias");
    weights.upBias = takeHalf(node, bias, fusion == 1, 1, "up_bias");
  }
  if (isSwiglu && !weights.up) {
    node.failOp("swiglu without fc3 is not defined where swiglu_fusion is 0");
    return std::nullopt;
  }
  return weights;
}

/// The k best experts of each token. Shares are of all experts, or of the chosen ones where they are normalized.
static Routing route(NodeContext &node, Value logits, int64_t k, bool isNormalized, Type element) {
  auto softmax = [&](Value value, llvm::StringRef part) {
    return node.finish(SoftmaxOp::create(node.getSession().getBuilder(), node.getLocation(), value.getType(),
                                         node.partName(part), value, 2));
  };
  Value places = node.topK(logits, 2, DimSize(k), true, "places");
  Value scores = isNormalized ? logits : softmax(logits, "scores");
  Value shares = node.gatherAlong(scores, places, 2, {0, 1, 2}, "chosen");
  return {places, node.cast(isNormalized ? softmax(shares, "shares") : shares, element, "shares/cast")};
}

static void checkAttributes(NodeContext &node, bool isSwiglu) {
  if (node.getInteger("use_sparse_mixer", 0) != 0)
    node.failOp("use_sparse_mixer is not supported");
  double alpha = node.getFloat("activation_alpha", 1.0), beta = node.getFloat("activation_beta", 0.0);
  bool isPlain = alpha == 1.0 && beta == 0.0 && !node.hasAttribute("swiglu_limit");
  if (isSwiglu && (!isPlain || node.getInteger("swiglu_limit_after_activation", 0) != 0))
    node.failOp("swiglu with other numbers than alpha 1, beta 0 and without a limit is not supported");
  node.ignore({"swiglu_limit", "swiglu_limit_after_activation", "swiglu_fusion"});
}

static void importExperts(NodeContext &node) {
  Value x = node.input(0), logits = node.input(1);
  std::string name = node.getText("activation_type", "relu");
  int64_t k = node.getInteger("k", 1);
  bool isNormalized = node.getInteger("normalize_routing_weights", 0) != 0, isSwiglu = name == "swiglu";
  std::optional<ExpertFunction> function = findFunction(name);
  checkAttributes(node, isSwiglu);
  if (!function)
    node.failOp("activation_type '" + name + "' is not supported");
  if (!x || !logits || node.hasFailed())
    return;
  Type element = node.elementOf(x);
  Sizes whole = node.sizesOf(x), scores = node.sizesOf(logits);
  if ((whole.size() != 2 && whole.size() != 3) || scores.size() != 2 || !isa<FloatType>(element))
    return node.failShape("tokens have shape " + toText(whole) + " and scores " + toText(scores));
  Sizes tokens = whole;
  if (tokens.size() == 2)
    tokens.insert(tokens.begin(), DimSize(1));
  std::optional<Weights> weights = readWeights(node, element, isSwiglu);
  if (!weights)
    return;
  Sizes gate = node.sizesOf(weights->gate), down = node.sizesOf(weights->down);
  Sizes wantedGate{DimSize(1), scores[1], gate[2], tokens[2]}, wantedDown{DimSize(1), scores[1], down[2], gate[2]},
      rows{DimSize(1), scores[1], gate[2]}, outputs{DimSize(1), scores[1], down[2]};
  auto fits = [&](Value value, const Sizes &sizes) { return !value || node.sizesOf(value) == sizes; };
  if (!fits(weights->gate, wantedGate) || !fits(weights->down, wantedDown) || !fits(weights->up, wantedGate) ||
      !fits(weights->gateBias, rows) || !fits(weights->upBias, rows) || !fits(weights->downBias, outputs) || k < 1 ||
      !scores[1].isStatic() || k > scores[1].constant)
    return node.failShape("tokens " + toText(whole) + ", scores " + toText(scores) + ", fc1 " + toText(gate) +
                          " and fc2 " + toText(down) + " do not fit together, or k is not among the experts");
  Routing routing =
      route(node, node.reshape(logits, {tokens[0], tokens[1], scores[1]}, "scores/reshape"), k, isNormalized, element);
  Sizes results{tokens[0], tokens[1], down[2]};
  if (!routing.shares)
    return;
  Value sum = node.finish(
      ExpertsOp::create(node.getSession().getBuilder(), node.getLocation(), node.makeType(results, element),
                        node.partName("experts"), *function, node.reshape(x, tokens, "tokens"), routing.places,
                        routing.shares, weights->gate, weights->gateBias, weights->up, weights->upBias, weights->down));
  if (weights->downBias) {
    Value table = node.reshape(weights->downBias, {scores[1], down[2]}, "bias/table");
    Value bias =
        node.contract(routing.shares, node.gather(table, routing.places, 0, "bias"), "stk,stko->sto", "biases");
    sum = node.elementwise(Kind::add, {sum, bias}, "biased");
  }
  Sizes result = whole;
  result.back() = down[2];
  node.setResult(0, node.reshape(sum, result, "result"));
}

void partita::import::addExpertOps(OpTable &table) {
  table.insert({{"com.microsoft.MoE", importExperts}, {"com.microsoft.QMoE", importExperts}});
}
