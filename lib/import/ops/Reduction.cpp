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

static Value makeMean(NodeContext &node, Value value, llvm::ArrayRef<int64_t> axes, bool keepDims) {
  std::optional<double> count = countTerms(node, value, axes);
  if (!count)
    return Value();
  return node.withNumber(ElementwiseKind::div, node.reduce(ReduceKind::sum, value, axes, keepDims), *count);
}

static void importReduction(NodeContext &node, ReduceKind kind, bool isMean, bool isSquared) {
  Value x = node.input(0);
  if (!x)
    return;
  std::optional<SmallVector<int64_t>> axes = readAxes(node, static_cast<int64_t>(node.sizesOf(x).size()));
  bool keepDims = node.getInteger("keepdims", 1) != 0;
  if (!axes)
    return;
  if (isSquared)
    x = node.elementwise(ElementwiseKind::mul, {x, x});
  node.setResult(0, isMean ? makeMean(node, x, *axes, keepDims) : node.reduce(kind, x, *axes, keepDims));
}

template <ReduceKind kind> static void importPlain(NodeContext &node) {
  importReduction(node, kind, /*isMean=*/false, /*isSquared=*/false);
}
static void importMean(NodeContext &node) { importReduction(node, ReduceKind::sum, true, false); }
static void importSumSquare(NodeContext &node) { importReduction(node, ReduceKind::sum, false, true); }

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
                {"ReduceMean", importMean},
                {"ReduceSumSquare", importSumSquare},
                {"GlobalAveragePool", importGlobalPool<true>},
                {"GlobalMaxPool", importGlobalPool<false>}});
}
