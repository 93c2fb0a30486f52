// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contractions: the order of the loops is chosen so that the innermost one runs along contiguous memory.
//   lhs [m,k], rhs [k,n]  loops m, k, n: rows of rhs are scaled and added to a row of the result
//   lhs [m,k], rhs [n,k]  loops m, n, k: both operands are read along k, the sum stays in a register
//   anything else         the operand that holds the result's last dim is transposed first
#include "OpLowerings.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Makes `letter` the last dim of the operand.
static void moveLast(TensorBuilder &tensors, Value &operand, std::string &term, char letter) {
  std::string moved;
  for (char other : term)
    if (other != letter)
      moved += other;
  moved += letter;
  Sizes sizes = tensor::getMixedSizes(tensors.builder, tensors.getLocation(), operand), movedSizes;
  for (char other : moved)
    movedSizes.push_back(sizes[term.find(other)]);
  operand = tensors.map({operand}, {mapOf(tensors.getContext(), moved, term)}, movedSizes,
                        typeOf(operand).getElementType(), [](Scalars &, ValueRange elements) { return elements[0]; });
  term = moved;
}

/// elements[2] + elements[0] * elements[1], of computed type.
static Value multiplyAndAdd(Scalars &at, ValueRange elements) {
  if (!isa<FloatType>(elements[0].getType())) {
    Value term = arith::MulIOp::create(at.builder, at.location, elements[0], elements[1]);
    return arith::AddIOp::create(at.builder, at.location, elements[2], term);
  }
  auto fast = arith::FastMathFlags::contract | arith::FastMathFlags::reassoc;
  Value term = arith::MulFOp::create(at.builder, at.location, elements[0], elements[1], fast);
  return arith::AddFOp::create(at.builder, at.location, elements[2], term, fast);
}

Value lowering::contract(TensorBuilder &tensors, const Product &product, const Sizes &sizes, Type element) {
  std::string lhs = product.lhsTerm.str(), rhs = product.rhsTerm.str(), result = product.resultTerm.str();
  Value left = product.lhs, right = product.rhs;
  std::string reduced;
  for (char letter : lhs)
    if (result.find(letter) == std::string::npos)
      reduced += letter;
  std::string order = result + reduced;
  bool alongReduction = !reduced.empty() && lhs.back() == rhs.back() && lhs.back() == reduced.back();
  if (!alongReduction && !result.empty()) {
    char last = result.back();
    order = result.substr(0, result.size() - 1) + reduced + last;
    for (auto [operand, term] : {std::pair(&left, &lhs), std::pair(&right, &rhs)})
      if (term->find(last) != std::string::npos && term->back() != last)
        moveLast(tensors, *operand, *term, last);
  }
  MLIRContext *context = tensors.getContext();
  return tensors.reduce({left, right}, {mapOf(context, order, lhs), mapOf(context, order, rhs)},
                        mapOf(context, order, result), sizes, graph::ReduceKind::sum, element, multiplyAndAdd);
}

Value lowering::lowerContraction(TensorBuilder &tensors, graph::ContractionOp op, ValueRange operands) {
  auto [terms, result] = op.getSpec().split("->");
  auto [lhs, rhs] = terms.split(',');
  RankedTensorType type = typeOf(op.getResult());
  Sizes sizes = tensors.sizesOf(type);
  Value sum = contract(tensors, {operands[0], operands[1], lhs, rhs, result}, sizes, type.getElementType());
  return tensors.round(sum, sizes, type.getElementType());
}

//===-- convolution -----------------------------------------------------------------------------------------------===//

/// [batch, group * channel, ...] as [batch, group, channel, ...] with `inner` channels per group.
static Value splitChannels(TensorBuilder &tensors, Value tensor, int64_t dim, OpFoldResult groups, OpFoldResult inner) {
  Sizes sizes = tensor::getMixedSizes(tensors.builder, tensors.getLocation(), tensor);
  sizes[dim] = groups;
  sizes.insert(sizes.begin() + dim + 1, inner);
  return tensors.reshape(tensor, sizes, dim, static_cast<int64_t>(sizes.size()) - dim - 2);
}

/// Groups of this rank: all channels of its part, in groups of the filter's size.
static OpFoldResult countLocalGroups(TensorBuilder &tensors, graph::ConvolutionOp op) {
  if (op.getGroups() == 1)
    return tensors.builder.getIndexAttr(1);
  OpFoldResult channels = tensors.sizeOf(typeOf(op.getInput()), 1), inner = tensors.sizeOf(typeOf(op.getFilter()), 1);
  std::optional<int64_t> whole = getConstantIntValue(channels), each = getConstantIntValue(inner);
  if (whole && each && *each > 0)
    return tensors.builder.getIndexAttr(*whole / *each);
  return arith::DivSIOp::create(tensors.builder, op.getLoc(), tensors.toValue(channels), tensors.toValue(inner))
      .getResult();
}

namespace {
/// Loops of a convolution: n, g, co, ci, kernel..., output..., the last contiguous in input and result.
struct ConvolutionLoops {
  AffineMap input, filter, result;
};
} // namespace

static ConvolutionLoops makeConvolutionLoops(graph::ConvolutionOp op) {
  MLIRContext *context = op.getContext();
  unsigned spatial = op.getStrides().size(), numLoops = 4 + 2 * spatial;
  // For one spatial dim or more, all output positions but the last are outermost with n and g.
  auto dim = [&](unsigned loop) { return getAffineDimExpr(loop, context); };
  auto position = [&](unsigned i) { return i + 1 < spatial ? dim(3 + i) : dim(numLoops - 1); };
  unsigned afterPositions = 3 + (spatial ? spatial - 1 : 0);
  AffineExpr channel = dim(afterPositions);
  auto kernel = [&](unsigned i) { return dim(afterPositions + 1 + i); };
  SmallVector<AffineExpr> input{dim(0), dim(1), channel}, filter{dim(1), dim(2), channel},
      result{dim(0), dim(1), dim(2)};
  for (unsigned i = 0; i < spatial; ++i) {
    input.push_back(position(i) * op.getStrides()[i] + kernel(i) * op.getDilations()[i]);
    filter.push_back(kernel(i));
    result.push_back(position(i));
  }
  auto make = [&](ArrayRef<AffineExpr> dims) { return AffineMap::get(numLoops, 0, dims, context); };
  return {make(input), make(filter), make(result)};
}

Value lowering::lowerConvolution(TensorBuilder &tensors, graph::ConvolutionOp op, ValueRange operands) {
  RankedTensorType input = typeOf(op.getInput()), filter = typeOf(op.getFilter()), type = typeOf(op.getResult());
  Type element = type.getElementType();
  OpFoldResult groups = countLocalGroups(tensors, op), inner = tensors.sizeOf(filter, 1);
  Sizes sizes = tensors.sizesOf(type);
  SmallVector<WindowedDim> reads(2);
  for (unsigned i = 0; i < op.getStrides().size(); ++i)
    reads.push_back({op.getStrides()[i], op.getPadding()[2 * i], op.getPadding()[2 * i + 1],
                     (getDimBound(filter, i + 2) - 1) * op.getDilations()[i] + 1});
  Value source = operands[0];
  if (llvm::any_of(op.getPadding(), [](int64_t count) { return count != 0; })) {
    Value zero =
        arith::ConstantOp::create(tensors.builder, op.getLoc(), tensors.builder.getZeroAttr(getStoredType(element)));
    source = padForReads(tensors, source, zero, input, type, reads);
  }
  OpFoldResult outputs = sizes[1];
  if (getConstantIntValue(groups) != 1) {
    std::optional<int64_t> whole = getConstantIntValue(outputs), count = getConstantIntValue(groups);
    int64_t perGroup = getDimBound(plan::getPart(filter).getGlobal(), 0) / static_cast<int64_t>(op.getGroups());
    outputs = tensors.builder.getIndexAttr(whole && count && *count > 0 ? *whole / *count : perGroup);
  }
  source = splitChannels(tensors, source, 1, groups, inner);
  Value weights = splitChannels(tensors, operands[1], 0, groups, outputs);
  Sizes grouped = sizes;
  grouped[1] = groups;
  grouped.insert(grouped.begin() + 2, outputs);
  ConvolutionLoops loops = makeConvolutionLoops(op);
  Value sum = tensors.reduce({source, weights}, {loops.input, loops.filter}, loops.result, grouped,
                             graph::ReduceKind::sum, element, multiplyAndAdd);
  int64_t spatial = op.getStrides().size();
  return tensors.round(tensors.reshape(sum, sizes, 1, spatial), sizes, element);
}
