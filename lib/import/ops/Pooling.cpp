// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Pooling.cpp - MaxPool, AveragePool --------------------------------------===//
#include "OpTable.h"
#include "ops/Windows.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

static Value makeWindowReduce(NodeContext &node, ReduceKind kind, Value image, const Windows &windows,
                              llvm::ArrayRef<int64_t> padding, llvm::StringRef part) {
  Sizes to = node.sizesOf(image);
  to.resize(2, DimSize(1));
  to.insert(to.end(), windows.outputs.begin(), windows.outputs.end());
  RankedTensorType type = node.makeType(to, llvm::cast<RankedTensorType>(image.getType()).getElementType());
  if (!type)
    return Value();
  return node.finish(WindowReduceOp::create(node.getSession().getBuilder(), node.getLocation(), type,
                                            node.partName(part), kind, image, windows.window, windows.strides, padding,
                                            windows.dilations));
}

static std::optional<Windows> readPooling(NodeContext &node, Value image) {
  if (!image)
    return std::nullopt;
  if (!isa<FloatType>(llvm::cast<RankedTensorType>(image.getType()).getElementType())) {
    node.failOp("its input is not a float tensor");
    return std::nullopt;
  }
  return readWindows(node, node.sizesOf(image), node.getIntegers("kernel_shape"));
}

static void importMaxPool(NodeContext &node) {
  node.ignore({"storage_order"});
  Value image = node.input(0);
  std::optional<Windows> windows = readPooling(node, image);
  if (!windows)
    return;
  if (node.hasResult(1))
    return node.failOp("its second result (indices) is not supported");
  node.setResult(0, makeWindowReduce(node, ReduceKind::max, image, *windows, windows->padding, "pool"));
}

/// How many elements each window sums: ones, summed by the same windows. Padding counts where `countsPadding`, but
/// never what ceil_mode added.
static Value countWindow(NodeContext &node, Value image, const Windows &windows, bool countsPadding) {
  Sizes sizes = node.sizesOf(image);
  SmallVector<int64_t> padding(windows.padding);
  sizes[0] = sizes[1] = DimSize(1);
  for (size_t dim = 0; countsPadding && dim < windows.window.size(); ++dim) {
    sizes[dim + 2] = sizes[dim + 2] + DimSize(padding[2 * dim] + padding[2 * dim + 1] - windows.added[dim]);
    padding[2 * dim] = 0;
    padding[2 * dim + 1] = windows.added[dim];
  }
  Type element = llvm::cast<RankedTensorType>(image.getType()).getElementType();
  Value ones = node.broadcast(node.constant(1.0, element), sizes, "ones");
  return ones ? makeWindowReduce(node, ReduceKind::sum, ones, windows, padding, "count") : Value();
}

static void importAveragePool(NodeContext &node) {
  Value image = node.input(0);
  bool countsPadding = node.getInteger("count_include_pad", 0) != 0;
  std::optional<Windows> windows = readPooling(node, image);
  if (!windows)
    return;
  Value sum = makeWindowReduce(node, ReduceKind::sum, image, *windows, windows->padding, "pool");
  auto isZero = [](int64_t value) { return value == 0; };
  bool isUniform = llvm::all_of(windows->added, isZero) && (countsPadding || llvm::all_of(windows->padding, isZero));
  double elements = 1;
  for (int64_t extent : windows->window)
    elements *= static_cast<double>(extent);
  if (isUniform)
    return node.setResult(0, node.withNumber(ElementwiseKind::div, sum, elements));
  node.setResult(0, node.elementwise(ElementwiseKind::div, {sum, countWindow(node, image, *windows, countsPadding)}));
}

void partita::import::addPoolingOps(OpTable &table) {
  table.insert({{"MaxPool", importMaxPool}, {"AveragePool", importAveragePool}});
}
