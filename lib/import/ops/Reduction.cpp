// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Reduction.cpp - ReduceSum, ReduceMean, ... ------------------------------===//
#include "OpTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

/// The dims that a reduction names: an attribute in old sets, an input in new ones. nullopt: reported.
static std::optional<SmallVector<int64_t>> readAxes(NodeContext &node, int64_t rank) {
  SmallVector<int64_t> written = node.getIntegers("axes");
  if (node.hasInput(1)) {
    std::optional<SmallVector<int64_t>> list = node.integers(1);
    if (!list)
      return std::nullopt;
    written = *list;
  }
  bool keepsAll = node.getInteger("noop_with_empty_axes", 0) != 0;
  SmallVector<int64_t> axes;
  if (written.empty() && !keepsAll)
    for (int64_t dim = 0; dim < rank; ++dim)
      axes.push_back(dim);
  for (int64_t axis : written) {
    std::optional<int64_t> dim = node.normalizeAxis(axis, rank);
    if (!dim)
      return std::nullopt;
    axes.push_back(*dim);
  }
  llvm::sort(axes);
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  return axes;
}

/// Elements that one sum has; nullopt where a symbolic dim is among them.
static std::optional<double> countTerms(NodeContext &node, Value value, llvm::ArrayRef<int64_t> axes) {
  Sizes sizes = node.sizesOf(value);
  double count = 1;
  for (int64_t axis : axes) {
    if (!sizes[axis].isStatic()) {
      node.failShape("the mean over a symbolic dimension is not supported: bind it to a number with --dim");
      return std::nullopt;
    }
    count *= static_cast<double>(sizes[axis].constant);
  }
  return count;
}

Value partita::import::makeMean(NodeContext &node, Value value, llvm::ArrayRef<int64_t> axes, bool keepDims) {
  if (!value)
    return Value();
  std::optional<double> count = countTerms(node, value, axes);
  if (!count)
    return Value();
  return node.withNumber(ElementwiseKind::div, node.reduce(ReduceKind::sum, value, axes, keepDims), *count);
}

namespace {
/// What all reductions read.
struct Reduction {
  Value x;
  SmallVector<int64_t> axes;
  bool keepDims;
};
} // namespace

/// nullopt: reported.
static std::optional<Reduction> readReduction(NodeContext &node) {
  Value x = node.input(0);
  bool keepDims = node.getInteger("keepdims", 1) != 0;
  if (!x)
    return std::nullopt;
  std::optional<SmallVector<int64_t>> axes = readAxes(node, static_cast<int64_t>(node.sizesOf(x).size()));
  return axes ? std::optional<Reduction>({x, *axes, keepDims}) : std::nullopt;
}

/// log(sum(exp(x))), with the largest x taken out of the sum; an infinite one stays in.
static Value makeLogSumExp(NodeContext &node, const Reduction &from) {
  Value most = node.reduce(ReduceKind::max, from.x, from.axes, true, "max");
  Value isInfinite = node.withNumber(ElementwiseKind::eq, node.elementwise(ElementwiseKind::abs, {most}),
                                     std::numeric_limits<double>::infinity());
  Value zero = most ? node.constant(0.0, llvm::cast<RankedTensorType>(most.getType()).getElementType()) : Value();
  most = node.elementwise(ElementwiseKind::select, {isInfinite, zero, most});
  Value shifted = node.elementwise(ElementwiseKind::exp, {node.elementwise(ElementwiseKind::sub, {from.x, most})});
  Value sum =
      node.elementwise(ElementwiseKind::log, {node.reduce(ReduceKind::sum, shifted, from.axes, from.keepDims, "sum")});
  return node.elementwise(ElementwiseKind::add, {sum, sum ? node.reshape(most, node.sizesOf(sum)) : Value()});
}

enum class Form { plain, mean, sumSquare, l1, l2, logSum, logSumExp };

template <Form form> static Value reduceAs(NodeContext &node, const Reduction &from, ReduceKind kind) {
  auto [x, axes, keepDims] = from;
  auto sum = [&](Value value) { return node.reduce(ReduceKind::sum, value, axes, keepDims); };
  switch (form) {
  case Form::mean:
    return makeMean(node, x, axes, keepDims);
  case Form::sumSquare:
    return sum(node.elementwise(ElementwiseKind::mul, {x, x}));
  case Form::l1:
    return sum(node.elementwise(ElementwiseKind::abs, {x}));
  case Form::l2:
    return node.elementwise(ElementwiseKind::sqrt, {sum(node.elementwise(ElementwiseKind::mul, {x, x}))});
  case Form::logSum:
    return node.elementwise(ElementwiseKind::log, {sum(x)});
  case Form::logSumExp:
    return makeLogSumExp(node, from);
  case Form::plain:
    return node.reduce(kind, x, axes, keepDims);
  }
  return Value();
}

template <Form form> static void importForm(NodeContext &node) {
  if (std::optional<Reduction> from = readReduction(node))
    node.setResult(0, reduceAs<form>(node, *from, ReduceKind::sum));
}

/// The largest of bools is whether one holds, the smallest whether all do.
template <ReduceKind kind> static void importPlain(NodeContext &node) {
  std::optional<Reduction> from = readReduction(node);
  if (!from)
    return;
  bool isBool = llvm::cast<RankedTensorType>(from->x.getType()).getElementType().isInteger(1);
  ReduceKind logical = kind == ReduceKind::max ? ReduceKind::logical_or : ReduceKind::logical_and;
  bool isExtreme = kind == ReduceKind::max || kind == ReduceKind::min;
  node.setResult(0, reduceAs<Form::plain>(node, *from, isBool && isExtreme ? logical : kind));
}

/// (x - mean) / (standard deviation + 1e-9), over batch and space.
static void importMeanVarianceNorm(NodeContext &node) {
  SmallVector<int64_t> axes = node.getIntegers("axes", {0, 2, 3});
  Value x = node.input(0);
  if (!x)
    return;
  for (int64_t &axis : axes) {
    std::optional<int64_t> dim = node.normalizeAxis(axis, static_cast<int64_t>(node.sizesOf(x).size()));
    if (!dim)
      return;
    axis = *dim;
  }
  llvm::sort(axes);
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  Value centered = node.elementwise(ElementwiseKind::sub, {x, makeMean(node, x, axes, true)});
  Value square = node.elementwise(ElementwiseKind::mul, {centered, centered});
  Value deviation = node.elementwise(ElementwiseKind::sqrt, {makeMean(node, square, axes, true)});
  node.setResult(
      0, node.elementwise(ElementwiseKind::div, {centered, node.withNumber(ElementwiseKind::add, deviation, 1e-9)}));
}

template <bool isMean> static void importGlobalPool(NodeContext &node) {
  Value x = node.input(0);
  if (!x)
    return;
  SmallVector<int64_t> axes;
  for (size_t dim = 2; dim < node.sizesOf(x).size(); ++dim)
    axes.push_back(static_cast<int64_t>(dim));
  node.setResult(0, isMean ? makeMean(node, x, axes, true) : node.reduce(ReduceKind::max, x, axes, true));
}

void partita::import::addReductionOps(OpTable &table) {
  table.insert({{"ReduceSum", importPlain<ReduceKind::sum>},
                {"ReduceMax", importPlain<ReduceKind::max>},
                {"ReduceMin", importPlain<ReduceKind::min>},
                {"ReduceProd", importPlain<ReduceKind::prod>},
                {"ReduceMean", importForm<Form::mean>},
                {"ReduceSumSquare", importForm<Form::sumSquare>},
                {"ReduceL1", importForm<Form::l1>},
                {"ReduceL2", importForm<Form::l2>},
                {"ReduceLogSum", importForm<Form::logSum>},
                {"ReduceLogSumExp", importForm<Form::logSumExp>},
                {"MeanVarianceNormalization", importMeanVarianceNorm},
                {"GlobalAveragePool", importGlobalPool<true>},
                {"GlobalMaxPool", importGlobalPool<false>}});
}
