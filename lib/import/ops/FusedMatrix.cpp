// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- FusedMatrix.cpp - Products and convolutions of optimised models ---------===//
//
// FusedMatMul, FusedGemm, FusedConv and their likes of the domain com.microsoft. Source of their meaning: onnxruntime,
// docs/ContribOperators.md.
//
//===----------------------------------------------------------------------===//
#include "OpTable.h"
#include "ops/Convolution.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

/// The function called `name` with its numbers, the missing ones by their defaults.
static Value activate(NodeContext &node, Value x, const std::string &name, ArrayRef<double> given) {
  auto number = [&](size_t index, double defaultValue) { return index < given.size() ? given[index] : defaultValue; };
  if (!x || name.empty())
    return x;
  if (name == "Relu")
    return node.elementwise(Kind::relu, {x});
  if (name == "Tanh")
    return node.elementwise(Kind::tanh, {x});
  if (name == "Sigmoid")
    return node.elementwise(Kind::sigmoid, {x});
  if (name == "Clip" && given.size() == 2)
    return node.withNumber(Kind::min, node.withNumber(Kind::max, x, given[0]), given[1]);
  if (name == "LeakyRelu")
    return node.elementwise(Kind::select,
                            {node.withNumber(Kind::ge, x, 0.0), x, node.withNumber(Kind::mul, x, number(0, 0.01))});
  if (name == "HardSigmoid") {
    Value line = node.withNumber(Kind::add, node.withNumber(Kind::mul, x, number(0, 0.2)), number(1, 0.5));
    return node.withNumber(Kind::max, node.withNumber(Kind::min, line, 1.0), 0.0);
  }
  node.failOp("activation '" + name + "' is not supported");
  return Value();
}

//===-- Products --------------------------------------------------------------------------------------------------===//

/// A matrix operand in the order of MatMul: dim 0 moves behind the batches, the last two change places.
static Value turnOperand(NodeContext &node, Value value, bool movesFirst, bool swapsLast) {
  auto rank = value ? static_cast<int64_t>(node.sizesOf(value).size()) : 0;
  if (rank < 2)
    return value;
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (movesFirst)
    std::rotate(order.begin(), order.begin() + 1, order.end() - 1);
  if (swapsLast)
    std::swap(order[rank - 2], order[rank - 1]);
  return node.transpose(value, order);
}

static void importFusedMatMul(NodeContext &node) {
  Value a = node.input(0), b = node.input(1);
  double alpha = node.getFloat("alpha", 1.0);
  a = turnOperand(node, a, node.getInteger("transBatchA", 0) != 0, node.getInteger("transA", 0) != 0);
  b = turnOperand(node, b, node.getInteger("transBatchB", 0) != 0, node.getInteger("transB", 0) != 0);
  Value product = makeMatMul(node, a, b);
  node.setResult(0, alpha == 1.0 ? product : node.withNumber(Kind::mul, product, alpha));
}

static void importFusedGemm(NodeContext &node) {
  SmallVector<double> numbers;
  for (const char *name : {"activation_alpha", "activation_beta", "activation_gamma"})
    if (node.hasAttribute(name))
      numbers.push_back(node.getFloat(name, 0.0));
  node.setResult(0, activate(node, makeGemm(node), node.getText("activation", ""), numbers));
}

//===-- Convolutions ----------------------------------------------------------------------------------------------===//

/// activation(conv(x) + z), z input 3; images are [batch, ..., channels] where `isLast`.
template <bool isLast> static void importFusedConv(NodeContext &node) {
  Value image = node.input(0);
  std::string name = node.getText("activation", "");
  std::vector<double> numbers = node.getFloats("activation_params");
  if (!image)
    return;
  auto rank = static_cast<int64_t>(node.sizesOf(image).size());
  if (rank < 3)
    return node.failShape("its input has shape " + toText(node.sizesOf(image)));
  SmallVector<int64_t> first{0, rank - 1}, last{0};
  for (int64_t dim = 2; dim < rank; ++dim) {
    first.push_back(dim - 1);
    last.push_back(dim);
  }
  last.push_back(1);
  Value result = convolveImage(node, isLast ? node.transpose(image, first, "image") : image);
  if (isLast)
    result = node.transpose(result, last, "result");
  if (node.hasInput(3))
    result = node.elementwise(Kind::add, {result, node.input(3)}, "sum");
  node.setResult(0, activate(node, result, name, numbers));
}

void partita::import::addFusedMatrixOps(OpTable &table) {
  table.insert({{"com.microsoft.FusedMatMul", importFusedMatMul},
                {"com.microsoft.TransposeMatMul", importFusedMatMul},
                {"com.microsoft.FusedGemm", importFusedGemm},
                {"com.microsoft.FusedConv", importFusedConv<false>},
                {"com.microsoft.NhwcConv", importFusedConv<true>},
                {"com.microsoft.NhwcFusedConv", importFusedConv<true>}});
}
