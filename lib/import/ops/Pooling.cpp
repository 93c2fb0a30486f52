// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Pooling.cpp - MaxPool, AveragePool, LpPool, GlobalLpPool --------===//
#include "OpTable.h"
#include "ops/Windows.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

static Type elementOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()).getElementType(); }

static Sizes pooledSizes(NodeContext &node, Value image, const Windows &windows) {
  Sizes to = node.sizesOf(image);
  to.resize(2, DimSize(1));
  to.insert(to.end(), windows.outputs.begin(), windows.outputs.end());
  return to;
}

static Value makeWindowReduce(NodeContext &node, ReduceKind kind, Value image, const Windows &windows,
                              llvm::ArrayRef<int64_t> padding, llvm::StringRef part) {
  if (!image)
    return Value();
  RankedTensorType type = node.makeType(pooledSizes(node, image, windows), elementOf(image));
  if (!type)
    return Value();
  return node.finish(WindowReduceOp::create(node.getSession().getBuilder(), node.getLocation(), type,
                                            node.partName(part), kind, image, windows.window, windows.strides, padding,
                                            windows.dilations));
}

static std::optional<Windows> readPooling(NodeContext &node, Value image) {
  return image ? readWindows(node, node.sizesOf(image), node.getIntegers("kernel_shape")) : std::nullopt;
}

//===-- MaxPool ---------------------------------------------------------------------------------------------------===//

/// Indices as MaxPool counts them: over the whole tensor, the spatial dims row by row or (storage_order 1) column by
/// column. `places` counts row by row inside each channel.
static Value countPlaces(NodeContext &node, Value places, const Sizes &image, bool isColumnMajor) {
  Type index = elementOf(places);
  int64_t inside = 1;
  for (size_t dim = 2; dim < image.size(); ++dim)
    inside *= image[dim].constant;
  if (isColumnMajor) {
    Value total, rest = places;
    for (size_t dim = image.size(); dim-- > 2;) {
      auto extent = static_cast<double>(image[dim].constant);
      int64_t step = 1;
      for (size_t before = 2; before < dim; ++before)
        step *= image[before].constant;
      Value digit = node.withNumber(ElementwiseKind::remainder, rest, extent);
      Value term = node.withNumber(ElementwiseKind::mul, digit, static_cast<double>(step));
      total = total ? node.elementwise(ElementwiseKind::add, {total, term}) : term;
      rest = node.withNumber(ElementwiseKind::div, rest, extent);
    }
    places = total;
  }
  for (size_t dim : {0, 1}) {
    Value number = node.iota(image[dim], index);
    if (!number || (dim == 0 && !image[1].isStatic()))
      return Value();
    double step = static_cast<double>(inside) * static_cast<double>(dim == 0 ? image[1].constant : 1);
    Sizes column(image.size(), DimSize(1));
    column[dim] = image[dim];
    Value base = node.reshape(node.withNumber(ElementwiseKind::mul, number, step), column);
    places = node.elementwise(ElementwiseKind::add, {places, base});
  }
  return places;
}

static void importMaxPool(NodeContext &node) {
  int64_t order = node.getInteger("storage_order", 0);
  Value image = node.input(0);
  std::optional<Windows> windows = readPooling(node, image);
  if (!windows)
    return;
  node.setResult(0, makeWindowReduce(node, ReduceKind::max, image, *windows, windows->padding, "pool"));
  if (!node.hasResult(1))
    return;
  Sizes sizes = node.sizesOf(image);
  for (size_t dim = 1; dim < sizes.size(); ++dim)
    if (!sizes[dim].isStatic())
      return node.failShape("indices into an image of symbolic extents are not supported");
  Type index = IntegerType::get(image.getContext(), 64, IntegerType::Signed);
  RankedTensorType type = node.makeType(pooledSizes(node, image, *windows), index);
  if (!type)
    return;
  Value places = node.finish(WindowArgmaxOp::create(node.getSession().getBuilder(), node.getLocation(), type,
                                                    node.partName("places"), image, windows->window, windows->strides,
                                                    windows->padding, windows->dilations));
  node.setResult(1, places ? countPlaces(node, places, sizes, order != 0) : Value());
}

//===-- AveragePool, LpPool ---------------------------------------------------------------------------------------===//

static bool requireFloat(NodeContext &node, Value image) {
  if (image && !isa<FloatType>(elementOf(image)))
    node.failOp("its input is not a float tensor");
  return image && !node.hasFailed();
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
  Value ones = node.broadcast(node.constant(1.0, elementOf(image)), sizes, "ones");
  return ones ? makeWindowReduce(node, ReduceKind::sum, ones, windows, padding, "count") : Value();
}

static void importAveragePool(NodeContext &node) {
  Value image = node.input(0);
  bool countsPadding = node.getInteger("count_include_pad", 0) != 0;
  std::optional<Windows> windows = requireFloat(node, image) ? readPooling(node, image) : std::nullopt;
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

/// |x|^p, and its sums' p-th root.
static Value raise(NodeContext &node, Value x, double p) {
  Value size = node.elementwise(ElementwiseKind::abs, {x});
  return p == 1.0   ? size
         : p == 2.0 ? node.elementwise(ElementwiseKind::mul, {x, x}, "square")
                    : node.withNumber(ElementwiseKind::pow, size, p);
}

static Value takeRoot(NodeContext &node, Value sum, double p) {
  return p == 1.0   ? sum
         : p == 2.0 ? node.elementwise(ElementwiseKind::sqrt, {sum})
                    : node.withNumber(ElementwiseKind::pow, sum, 1.0 / p);
}

static void importLpPool(NodeContext &node) {
  Value image = node.input(0);
  auto p = static_cast<double>(node.getInteger("p", 2));
  std::optional<Windows> windows = requireFloat(node, image) ? readPooling(node, image) : std::nullopt;
  if (!windows || p < 1)
    return windows ? node.failOp("p is less than 1") : void();
  Value sum = makeWindowReduce(node, ReduceKind::sum, raise(node, image, p), *windows, windows->padding, "pool");
  node.setResult(0, takeRoot(node, sum, p));
}

static void importGlobalLpPool(NodeContext &node) {
  Value image = node.input(0);
  auto p = static_cast<double>(node.getInteger("p", 2));
  if (!requireFloat(node, image))
    return;
  Sizes sizes = node.sizesOf(image);
  if (sizes.size() < 2 || p < 1)
    return node.failShape("its input has shape " + toText(sizes) + ", or p is less than 1");
  SmallVector<int64_t> dims;
  for (size_t dim = 2; dim < sizes.size(); ++dim)
    dims.push_back(static_cast<int64_t>(dim));
  node.setResult(0, takeRoot(node, node.reduce(ReduceKind::sum, raise(node, image, p), dims, /*keepDims=*/true), p));
}

void partita::import::addPoolingOps(OpTable &table) {
  table.insert({{"MaxPool", importMaxPool},
                {"AveragePool", importAveragePool},
                {"LpPool", importLpPool},
                {"GlobalLpPool", importGlobalLpPool}});
}
