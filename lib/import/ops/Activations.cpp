// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Activations.cpp - Activation functions as chains of elementwise ops -----===//
#include "OpTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

/// x where x > bound (or >=), else `otherwise`.
static Value keepAbove(NodeContext &node, Value x, double bound, Value otherwise, Kind comparison = Kind::gt) {
  return node.elementwise(Kind::select, {node.withNumber(comparison, x, bound), x, otherwise});
}

static void importLeakyRelu(NodeContext &node) {
  Value x = node.input(0);
  Value scaled = node.withNumber(Kind::mul, x, node.getFloat("alpha", 0.01));
  node.setResult(0, keepAbove(node, x, 0.0, scaled, Kind::ge));
}

/// The slope has the shape of x, or one that repeats along x's dims.
static void importPRelu(NodeContext &node) {
  Value x = node.input(0), slope = node.input(1);
  // Before set 7 a list is one slope for each channel.
  if (x && slope && node.getOpset() < 7 && node.sizesOf(slope).size() == 1 && node.sizesOf(x).size() > 2) {
    Sizes perChannel(node.sizesOf(x).size() - 1, DimSize(1));
    perChannel[0] = node.sizesOf(slope)[0];
    slope = node.reshape(slope, perChannel);
  }
  node.setResult(0, keepAbove(node, x, 0.0, node.elementwise(Kind::mul, {x, slope}), Kind::ge));
}

/// scale * (alpha * (exp(x / width) - 1) below 0, x above).
static void importExponential(NodeContext &node, double alpha, double width, double scale) {
  Value x = node.input(0);
  Value below = node.elementwise(Kind::expm1, {width == 1.0 ? x : node.withNumber(Kind::div, x, width)});
  Value result = keepAbove(node, x, 0.0, node.withNumber(Kind::mul, below, alpha));
  node.setResult(0, scale == 1.0 ? result : node.withNumber(Kind::mul, result, scale));
}

static void importElu(NodeContext &node) { importExponential(node, node.getFloat("alpha", 1.0), 1.0, 1.0); }

static void importCelu(NodeContext &node) {
  double alpha = node.getFloat("alpha", 1.0);
  importExponential(node, alpha, alpha, 1.0);
}

/// Klambauer et al., arXiv 1706.02515.
static void importSelu(NodeContext &node) {
  importExponential(node, node.getFloat("alpha", 1.67326319217681884765625), 1.0,
                    node.getFloat("gamma", 1.05070102214813232421875));
}

static void importThresholdedRelu(NodeContext &node) {
  Value x = node.input(0);
  node.setResult(0, keepAbove(node, x, node.getFloat("alpha", 1.0), node.withNumber(Kind::mul, x, 0.0)));
}

/// log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), which does not overflow.
static Value makeSoftplus(NodeContext &node, Value x) {
  Value decayed = node.elementwise(Kind::exp, {node.elementwise(Kind::neg, {node.elementwise(Kind::abs, {x})})});
  return node.elementwise(Kind::add, {node.elementwise(Kind::relu, {x}), node.elementwise(Kind::log1p, {decayed})});
}

static void importSoftplus(NodeContext &node) { node.setResult(0, makeSoftplus(node, node.input(0))); }

/// x tanh(softplus(x)): Misra, arXiv 1908.08681.
static void importMish(NodeContext &node) {
  Value x = node.input(0);
  node.setResult(0, node.elementwise(Kind::mul, {x, node.elementwise(Kind::tanh, {makeSoftplus(node, x)})}));
}

static void importSoftsign(NodeContext &node) {
  Value x = node.input(0);
  node.setResult(0,
                 node.elementwise(Kind::div, {x, node.withNumber(Kind::add, node.elementwise(Kind::abs, {x}), 1.0)}));
}

/// x + bias below -lambd, x - bias above lambd, 0 between.
static void importShrink(NodeContext &node) {
  Value x = node.input(0);
  double bias = node.getFloat("bias", 0.0), bound = node.getFloat("lambd", 0.5);
  Value zero = node.withNumber(Kind::mul, x, 0.0);
  Value above =
      node.elementwise(Kind::select, {node.withNumber(Kind::gt, x, bound), node.withNumber(Kind::sub, x, bias), zero});
  node.setResult(0, node.elementwise(Kind::select, {node.withNumber(Kind::lt, x, -bound),
                                                    node.withNumber(Kind::add, x, bias), above}));
}

/// max(0, min(1, alpha * x + beta)).
static Value makeHardSigmoid(NodeContext &node, Value x, double alpha, double beta) {
  Value line = node.withNumber(Kind::add, node.withNumber(Kind::mul, x, alpha), beta);
  return node.withNumber(Kind::max, node.withNumber(Kind::min, line, 1.0), 0.0);
}

static void importHardSigmoid(NodeContext &node) {
  node.setResult(0, makeHardSigmoid(node, node.input(0), node.getFloat("alpha", 0.2), node.getFloat("beta", 0.5)));
}

static void importHardSwish(NodeContext &node) {
  Value x = node.input(0);
  node.setResult(0, node.elementwise(Kind::mul, {x, makeHardSigmoid(node, x, 1.0 / 6.0, 0.5)}));
}

static void importGelu(NodeContext &node) {
  std::string form = node.getText("approximate", "none");
  if (form != "none" && form != "tanh")
    return node.failOp("approximate='" + form + "' is not known");
  node.setResult(0, node.elementwise(form == "tanh" ? Kind::gelu_tanh : Kind::gelu, {node.input(0)}));
}

/// x sigmoid(alpha x).
static void importSwish(NodeContext &node) {
  Value x = node.input(0);
  double alpha = node.getFloat("alpha", 1.0);
  if (alpha == 1.0)
    return node.setResult(0, node.elementwise(Kind::silu, {x}));
  Value gate = node.elementwise(Kind::sigmoid, {node.withNumber(Kind::mul, x, alpha)});
  node.setResult(0, node.elementwise(Kind::mul, {x, gate}));
}

void partita::import::addActivationOps(OpTable &table) {
  table.insert({{"LeakyRelu", importLeakyRelu},
                {"PRelu", importPRelu},
                {"Elu", importElu},
                {"Celu", importCelu},
                {"Selu", importSelu},
                {"ThresholdedRelu", importThresholdedRelu},
                {"Softplus", importSoftplus},
                {"Mish", importMish},
                {"Softsign", importSoftsign},
                {"Shrink", importShrink},
                {"HardSigmoid", importHardSigmoid},
                {"HardSwish", importHardSwish},
                {"Gelu", importGelu},
                {"Swish", importSwish}});
}
