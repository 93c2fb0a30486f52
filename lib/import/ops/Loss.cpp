// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Loss.cpp - Losses: NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss ---===//
#include "OpTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

static Type elementOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()).getElementType(); }

/// Minus the weighted log probability [N, C, ...] of the class that `target` [N, ...] names. The class is picked by a
/// mask, not by its index: it may be `ignored`, whatever number that is, and classes may be split over devices.
static Value makeLikelihoodLoss(NodeContext &node, Value probabilities, Value target, int weightInput) {
  std::string reduction = node.getText("reduction", "mean");
  bool hasIgnored = node.hasAttribute("ignore_index");
  int64_t ignored = node.getInteger("ignore_index", 0);
  if (!probabilities || !target)
    return Value();
  Sizes sizes = node.sizesOf(probabilities), expanded = node.sizesOf(target);
  if (sizes.size() < 2 || expanded.size() + 1 != sizes.size() ||
      (reduction != "none" && reduction != "sum" && reduction != "mean")) {
    node.failShape("scores are " + toText(sizes) + ", targets " + toText(expanded) + ", the reduction " + reduction);
    return Value();
  }
  expanded.insert(expanded.begin() + 1, DimSize(1));
  Type element = elementOf(probabilities), index = elementOf(target);
  Value classes = makePositions(node, sizes[1], 1, static_cast<int64_t>(sizes.size()), index);
  Value wanted = node.reshape(target, expanded);
  Value isPicked = node.elementwise(Kind::eq, {wanted, classes});
  if (hasIgnored)
    isPicked = node.elementwise(Kind::logical_and,
                                {isPicked, node.withNumber(Kind::ne, wanted, static_cast<double>(ignored))});
  Value weight = node.constant(1.0, element);
  if (node.hasInput(weightInput)) {
    Sizes perClass(sizes.size(), DimSize(1));
    perClass[1] = sizes[1];
    weight = node.reshape(node.input(weightInput), perClass);
  }
  Value zero = node.constant(0.0, element);
  Value picked = node.elementwise(Kind::select, {isPicked, node.elementwise(Kind::mul, {probabilities, weight}), zero});
  Value losses = node.elementwise(Kind::neg, {node.reduce(ReduceKind::sum, picked, {1}, false, "losses")});
  if (reduction == "none" || !losses)
    return losses;
  SmallVector<int64_t> all;
  for (size_t dim = 0; dim + 1 < sizes.size(); ++dim)
    all.push_back(static_cast<int64_t>(dim));
  Value total = node.reduce(ReduceKind::sum, losses, all, false, "total");
  if (reduction == "sum")
    return total;
  Value weights = node.elementwise(Kind::select, {isPicked, weight, zero});
  all.push_back(static_cast<int64_t>(all.size()));
  return node.elementwise(Kind::div, {total, node.reduce(ReduceKind::sum, weights, all, false, "weights")});
}

static void importLikelihoodLoss(NodeContext &node) {
  Value x = node.input(0), target = node.input(1);
  node.setResult(0, makeLikelihoodLoss(node, x, target, 2));
}

static void importCrossEntropyLoss(NodeContext &node) {
  Value scores = node.input(0), labels = node.input(1);
  if (!scores || node.sizesOf(scores).size() < 2)
    return scores ? node.failShape("scores have no dim of classes") : node.skip();
  Value probabilities = makeLogSoftmax(node, scores, 1);
  node.setResult(0, makeLikelihoodLoss(node, probabilities, labels, 2));
  if (node.hasResult(1))
    node.setResult(1, probabilities);
}

void partita::import::addLossOps(OpTable &table) {
  table.insert(
      {{"NegativeLogLikelihoodLoss", importLikelihoodLoss}, {"SoftmaxCrossEntropyLoss", importCrossEntropyLoss}});
}
