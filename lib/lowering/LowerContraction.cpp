// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contractions: the order of the loops is chosen so that the innermost one runs along contiguous memory.
//   lhs [m,k], rhs [k,n]  loops m, k, n: rows of rhs are scaled and added to a row of the result
//   lhs [m,k], rhs [n,k]  loops m, n, k: both operands are read along k, the sum stays in a register
//   anything else         loops m, n, k too
// Where block-contractions finds roles for the loops, it takes its own order and packs what lies otherwise.
#include "OpLowerings.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// elements[2] + elements[0] * elements[1], of computed type.
Value lowering::multiplyAndAdd(Scalars &at, ValueRange elements) {
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
  auto endsOrLacks = [&](const std::string &term, char letter) {
    return term.find(letter) == std::string::npos || term.back() == letter;
  };
  if (!alongReduction && !result.empty() && endsOrLacks(lhs, result.back()) && endsOrLacks(rhs, result.back()))
    order = result.substr(0, result.size() - 1) + reduced + result.back();
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
