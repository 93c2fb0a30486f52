// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Activations.cpp - gelu, silu and softmax spelled in small ops -----------===//
#include "Patterns.h"

#include <numbers>

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

static void replaceByFunction(Operation *op, ElementwiseKind kind, Value x, Rewriter &rewriter) {
  rewriter.builder.setInsertionPoint(op);
  Value result = ElementwiseOp::create(rewriter.builder, op->getLoc(), op->getResult(0).getType(),
                                       op->getAttrOfType<StringAttr>("name"), kind, ValueRange{x});
  rewriter.replace(op, result);
}

/// The two factors of a product and its number, if it has two.
static std::optional<Product> matchTwoFactors(Operation *op) {
  auto root = dyn_cast<ElementwiseOp>(op);
  if (!root || !isa<FloatType>(typeOf(root).getElementType()) ||
      (root.getKind() != ElementwiseKind::mul && root.getKind() != ElementwiseKind::div))
    return std::nullopt;
  Product product = takeProductApart(root);
  return product.factors.size() == 2 ? std::optional(product) : std::nullopt;
}

/// x for erf(x / sqrt(2)).
static Value matchErrorFunction(Value value) {
  auto erf = matchElementwise(value, ElementwiseKind::erf);
  if (!erf)
    return Value();
  Scaled argument = matchScaled(erf->front());
  return isAbout(argument.factor, std::numbers::sqrt2 / 2.0) ? argument.other : Value();
}

/// Whether `value` is number * x^exponent.
static bool isPower(Value value, double number, Value x, unsigned exponent) {
  Product product = takeProductApart(value);
  unsigned found = 0;
  for (Value factor : product.factors) {
    auto power = matchElementwise(factor, ElementwiseKind::pow);
    std::optional<double> raised = power && (*power)[0] == x ? readNumber((*power)[1]) : std::nullopt;
    if (factor == x)
      ++found;
    else if (raised && (*raised == 2.0 || *raised == 3.0))
      found += static_cast<unsigned>(*raised);
    else
      return false;
  }
  return found == exponent && isAbout(product.number, number);
}

/// Whether `value` is tanh(sqrt(2/pi) * (x + 0.044715 * x^3)), the cube in any of its spellings. Source of the formula:
/// Hendrycks and Gimpel, Gaussian Error Linear Units, arXiv 1606.08415.
static bool isTanhOfGelu(Value value, Value x) {
  constexpr double kCube = 0.044715;
  double factor = std::sqrt(2.0 / std::numbers::pi);
  auto tanh = matchElementwise(value, ElementwiseKind::tanh);
  if (!tanh)
    return false;
  Product product = takeProductApart(tanh->front());
  if (!isAbout(product.number, factor))
    return false;
  if (product.factors.size() == 1) {
    auto sum = matchElementwise(product.factors[0], ElementwiseKind::add);
    return sum &&
           (((*sum)[0] == x && isPower((*sum)[1], kCube, x, 3)) || ((*sum)[1] == x && isPower((*sum)[0], kCube, x, 3)));
  }
  if (product.factors.size() != 2 || !llvm::is_contained(product.factors, x))
    return false;
  auto shifted = matchShifted(product.factors[product.factors[0] == x ? 1 : 0]);
  return shifted && isAbout(shifted->second, 1.0) && isPower(shifted->first, kCube, x, 2);
}

bool partita::import::recognizeGelu(Operation *op, Rewriter &rewriter) {
  std::optional<Product> product = matchTwoFactors(op);
  if (!product || !isAbout(product->number, 0.5))
    return false;
  for (unsigned i : {0u, 1u}) {
    Value x = product->factors[i];
    auto shifted = matchShifted(product->factors[1 - i]);
    if (!shifted || !isAbout(shifted->second, 1.0))
      continue;
    if (matchErrorFunction(shifted->first) == x)
      return replaceByFunction(op, ElementwiseKind::gelu, x, rewriter), true;
    if (isTanhOfGelu(shifted->first, x))
      return replaceByFunction(op, ElementwiseKind::gelu_tanh, x, rewriter), true;
  }
  return false;
}

bool partita::import::recognizeSilu(Operation *op, Rewriter &rewriter) {
  std::optional<Product> product = matchTwoFactors(op);
  if (!product || product->number != 1.0)
    return false;
  for (unsigned i : {0u, 1u})
    if (auto sigmoid = matchElementwise(product->factors[1 - i], ElementwiseKind::sigmoid);
        sigmoid && sigmoid->front() == product->factors[i])
      return replaceByFunction(op, ElementwiseKind::silu, product->factors[i], rewriter), true;
  return false;
}

bool partita::import::recognizeSoftmax(Operation *op, Rewriter &rewriter) {
  auto root = dyn_cast<ElementwiseOp>(op);
  if (!root || root.getKind() != ElementwiseKind::div)
    return false;
  auto exponential = matchElementwise(root.getInputs()[0], ElementwiseKind::exp);
  std::optional<RowReduction> sum = matchRowReduction(Trail(root.getInputs()[1]), ReduceKind::sum);
  if (!exponential || !sum || sum->input != root.getInputs()[0] || sum->dims.size() != 1)
    return false;
  // Without the maximum taken off first, large numbers overflow in the model and would not here.
  auto shifted = matchElementwise(exponential->front(), ElementwiseKind::sub);
  std::optional<RowReduction> maximum =
      shifted ? matchRowReduction(Trail((*shifted)[1]), ReduceKind::max) : std::nullopt;
  if (!maximum || maximum->input != (*shifted)[0] || maximum->dims != sum->dims)
    return false;
  rewriter.builder.setInsertionPoint(op);
  rewriter.replace(op, SoftmaxOp::create(rewriter.builder, op->getLoc(), op->getResult(0).getType(),
                                         op->getAttrOfType<StringAttr>("name"), maximum->input, sum->dims.front()));
  return true;
}
