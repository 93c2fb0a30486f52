// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Convolution.cpp - Conv --------------------------------------------------===//
#include "OpTable.h"
#include "ops/Windows.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

/// The extents of the filter's spatial dims, which kernel_shape repeats; nullopt: reported.
static std::optional<SmallVector<int64_t>> readKernel(NodeContext &node, const Sizes &filter) {
  SmallVector<int64_t> kernel;
  for (size_t dim = 2; dim < filter.size(); ++dim) {
    if (!filter[dim].isStatic()) {
      node.failShape("the filter has shape " + toText(filter));
      return std::nullopt;
    }
    kernel.push_back(filter[dim].constant);
  }
  if (filter.size() >= 3 && node.getIntegers("kernel_shape", kernel) == kernel)
    return kernel;
  node.failShape("kernel_shape differs from the filter's shape " + toText(filter));
  return std::nullopt;
}

static void importConv(NodeContext &node) {
  Value image = node.input(0), filter = node.input(1);
  int64_t groups = node.getInteger("group", 1);
  if (!image || !filter)
    return;
  Sizes from = node.sizesOf(image), weights = node.sizesOf(filter);
  std::optional<SmallVector<int64_t>> kernel = readKernel(node, weights);
  if (!kernel)
    return;
  std::optional<Windows> windows = readWindows(node, from, *kernel);
  if (!windows)
    return;
  Type element = llvm::cast<RankedTensorType>(image.getType()).getElementType();
  bool fits = groups >= 1 && weights[0].isStatic() && weights[0].constant % groups == 0 &&
              multiplyChecked(weights[1], DimSize(groups)) == from[1] && isa<FloatType>(element) &&
              llvm::cast<RankedTensorType>(filter.getType()).getElementType() == element;
  if (!fits)
    return node.failShape("an image " + toText(from) + " and a filter " + toText(weights) + " in " +
                          llvm::Twine(groups) + " groups do not fit together");
  Sizes to = {from[0], weights[0]};
  to.insert(to.end(), windows->outputs.begin(), windows->outputs.end());
  RankedTensorType type = node.makeType(to, element);
  if (!type)
    return;
  Value result =
      node.finish(ConvolutionOp::create(node.getSession().getBuilder(), node.getLocation(), type, node.partName("conv"),
                                        image, filter, windows->strides, windows->padding, windows->dilations, groups));
  if (!node.hasInput(2))
    return node.setResult(0, result);
  Value bias = node.input(2);
  if (bias && node.sizesOf(bias) != Sizes{weights[0]})
    return node.failShape("the bias has shape " + toText(node.sizesOf(bias)));
  // Broadcast along the channels in one op, without a reshape of the weight.
  Value wide = bias ? node.finish(BroadcastOp::create(node.getSession().getBuilder(), node.getLocation(), type,
                                                      node.partName("bias"), bias, ArrayRef<int64_t>{1}))
                    : Value();
  node.setResult(0, node.elementwise(ElementwiseKind::add, {result, wide}));
}

void partita::import::addConvolutionOps(OpTable &table) { table.insert({{"Conv", importConv}}); }
