// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Choices.cpp - What selects, and what does nothing -----------------------===//
//
// tf2onnx writes select(c, x, y) as float(c) * x + float(not c) * y, with what is known folded: for a mask of zeros and
// ones m * x + k, where k is 0 wherever m is 1. Both are the choice for finite x and y; where the one that is not
// chosen is infinite, the model has NaN and the choice has not. Paddle writes a product as x * a + 0.
#include "KnownValue.h"
#include "Patterns.h"

#include "partita/dialects/interfaces/Partita.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

/// The operand that an op of these operands gives back as it is; null where there is none.
static Value findUnchanged(ElementwiseOp op) {
  auto isConstant = [&](unsigned operand, double number) {
    std::optional<double> found = readConstant(op.getInputs()[operand]);
    return found && *found == number;
  };
  bool isBool = typeOf(op.getResult()).getElementType().isInteger(1);
  auto eitherSide = [&](double number) {
    for (unsigned i : {0u, 1u})
      if (isConstant(i, number))
        return Value(op.getInputs()[1 - i]);
    return Value();
  };
  switch (op.getKind()) {
  case ElementwiseKind::add:
    return isBool ? Value() : eitherSide(0.0);
  case ElementwiseKind::mul:
    return isBool ? Value() : eitherSide(1.0);
  case ElementwiseKind::sub:
    return isConstant(1, 0.0) ? Value(op.getInputs()[0]) : Value();
  case ElementwiseKind::div:
    return isConstant(1, 1.0) ? Value(op.getInputs()[0]) : Value();
  case ElementwiseKind::logical_and:
    return eitherSide(1.0);
  case ElementwiseKind::logical_or:
    return eitherSide(0.0);
  case ElementwiseKind::select: {
    if (op.getInputs()[1] == op.getInputs()[2])
      return op.getInputs()[1];
    std::optional<double> chosen = readConstant(op.getInputs()[0]);
    return chosen ? Value(op.getInputs()[*chosen == 0.0 ? 2 : 1]) : Value();
  }
  default:
    return Value();
  }
}

bool partita::import::recognizeIdentity(Operation *op, Rewriter &) {
  auto root = dyn_cast<ElementwiseOp>(op);
  Value same = root ? findUnchanged(root) : Value();
  if (!same || same.getType() != root.getResult().getType())
    return false;
  root.getResult().replaceAllUsesWith(same);
  root.erase();
  return true;
}

/// x for cast(c) * x, where c is a truth value.
static Value matchFlagged(Value value, Value &flag) {
  auto product = matchElementwise(value, ElementwiseKind::mul);
  for (unsigned i : {0u, 1u}) {
    auto cast = product ? (*product)[i].getDefiningOp<CastOp>() : CastOp();
    if (!cast || !typeOf(cast.getInput()).getElementType().isInteger(1))
      continue;
    flag = cast.getInput();
    return (*product)[1 - i];
  }
  return Value();
}

/// Whether `value` is `not` of the other, repeated before that or behind it.
static bool isNegation(Value value, Value of) {
  View view = viewOf(value), whole = viewOf(of);
  auto negated = matchElementwise(view.core, ElementwiseKind::logical_not);
  if (!negated)
    return false;
  View inner = viewThrough(view, negated->front());
  return inner.core == whole.core && inner.dims == whole.dims;
}

/// Whether every element of `mask` is 0 or 1, both occur, and `rest` is 0 where it is 1.
static bool isChoice(const interpreter::Tensor &mask, const interpreter::Tensor &rest) {
  std::vector<double> flags = mask.toDoubles(), numbers = rest.toDoubles();
  bool hasZero = false, hasOne = false;
  for (size_t i = 0; i < flags.size(); ++i) {
    if (flags[i] != 0.0 && (flags[i] != 1.0 || numbers[i] != 0.0))
      return false;
    (flags[i] == 0.0 ? hasZero : hasOne) = true;
  }
  return hasZero && hasOne;
}

/// For mask * x + rest, both known and of the same dims, the truth value select(mask, x, rest) chooses by.
static Value matchKnownFlag(ElementwiseOp sum, Value wideMask, Value rest, Rewriter &rewriter) {
  View mask = viewOf(wideMask), other = viewOf(rest);
  if (mask.dims.size() < 2 || mask.dims != other.dims || typeOf(mask.core).getShape() != typeOf(other.core).getShape())
    return Value();
  std::optional<interpreter::Tensor> flags = evaluateKnown(mask.core, /*readsFiles=*/true);
  std::optional<interpreter::Tensor> numbers = flags ? evaluateKnown(other.core, /*readsFiles=*/true) : std::nullopt;
  if (!numbers || !isChoice(*flags, *numbers))
    return Value();
  OpBuilder &builder = rewriter.builder;
  builder.setInsertionPoint(sum);
  RankedTensorType type = typeOf(mask.core);
  Value zero = makeSplat(builder, sum, rewriter.names, "zero", type, 0.0);
  Value flag =
      ElementwiseOp::create(builder, sum.getLoc(), RankedTensorType::get(type.getShape(), builder.getI1Type()),
                            rewriter.names.derive(sum, "flag"), ElementwiseKind::ne, ValueRange{mask.core, zero});
  return widen(builder, sum, rewriter.names, "flag/broadcast", flag, mask.dims, typeOf(sum.getResult()));
}

bool partita::import::recognizeChoice(Operation *op, Rewriter &rewriter) {
  auto sum = dyn_cast<ElementwiseOp>(op);
  if (!sum || sum.getKind() != ElementwiseKind::add)
    return false;
  Value flag, chosen, other;
  for (unsigned i : {0u, 1u}) {
    Value otherFlag;
    chosen = matchFlagged(sum.getInputs()[i], flag);
    other = chosen ? matchFlagged(sum.getInputs()[1 - i], otherFlag) : Value();
    if (other && isNegation(otherFlag, flag))
      break;
    auto product = isa<FloatType>(typeOf(sum.getResult()).getElementType())
                       ? matchElementwise(sum.getInputs()[i], ElementwiseKind::mul)
                       : std::nullopt;
    other = Value();
    for (unsigned k : {0u, 1u})
      if (product && !other && (flag = matchKnownFlag(sum, (*product)[k], sum.getInputs()[1 - i], rewriter))) {
        chosen = (*product)[1 - k];
        other = sum.getInputs()[1 - i];
      }
    if (other)
      break;
  }
  if (!other)
    return false;
  rewriter.builder.setInsertionPoint(op);
  rewriter.replace(op, ElementwiseOp::create(rewriter.builder, op->getLoc(), op->getResult(0).getType(),
                                             op->getAttrOfType<StringAttr>("name"), ElementwiseKind::select,
                                             ValueRange{flag, chosen, other}));
  return true;
}

/// i for select(i < 0, i + extent, i), the test of any signed type: a gather counts from the end by itself.
static Value matchWrapped(Value value, int64_t extent) {
  auto chosen = matchElementwise(value, ElementwiseKind::select);
  auto test = chosen ? matchElementwise((*chosen)[0], ElementwiseKind::lt) : std::nullopt;
  auto shifted = test ? matchShifted((*chosen)[1]) : std::nullopt;
  if (!shifted || shifted->first != (*chosen)[2] || shifted->second != static_cast<double>(extent) ||
      !isNumber((*test)[1], 0.0))
    return Value();
  Value index = (*chosen)[2], tested = (*test)[0];
  auto cast = tested.getDefiningOp<CastOp>();
  auto type = cast ? typeOf(tested).getElementType() : Type();
  bool keepsSign = type && (type.isF32() || type.isF64() || type.isSignedInteger(64));
  return tested == index || (keepsSign && cast.getInput() == index) ? index : Value();
}

bool partita::import::recognizeIndex(Operation *op, Rewriter &) {
  auto gather = dyn_cast<GatherOp>(op);
  int64_t extent = gather ? typeOf(gather.getInput()).getDimSize(static_cast<int64_t>(gather.getAxis())) : 0;
  Value index = extent > 0 ? matchWrapped(gather.getIndices(), extent) : Value();
  if (!index)
    return false;
  gather.getIndicesMutable().assign(index);
  auto argument = dyn_cast<BlockArgument>(index);
  auto function = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
  if (!function)
    return true;
  // Random inputs keep to what the table has rows for.
  auto known = function.getArgAttrOfType<IntegerAttr>(argument.getArgNumber(), kMaximumAttr);
  int64_t largest = known ? std::min(known.getInt(), extent - 1) : extent - 1;
  function.setArgAttr(argument.getArgNumber(), kMaximumAttr, Builder(op->getContext()).getI64IntegerAttr(largest));
  return true;
}
