// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/dialects/graph/Support.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;

using Kind = ElementwiseKind;

static unsigned numOperandsOf(Kind kind) {
  auto value = static_cast<uint32_t>(kind);
  return value < 32 ? 1 : value < 64 ? 2 : 3;
}

static bool isComparison(Kind kind) {
  auto value = static_cast<uint32_t>(kind);
  return value >= 48 && value < 64;
}

/// Rule GRAPH-7: the kind is defined for the element type.
static bool isDefinedFor(Kind kind, Type element) {
  if (isStoredOnly(element))
    return kind == Kind::select;
  switch (kind) {
  case Kind::logical_not:
  case Kind::logical_and:
  case Kind::logical_or:
  case Kind::logical_xor:
    return isa<IntegerType>(element);
  case Kind::shift_left:
  case Kind::shift_right:
    return isa<IntegerType>(element) && !element.isInteger(1);
  case Kind::eq:
  case Kind::ne:
  case Kind::select:
    return true;
  case Kind::neg:
  case Kind::abs:
  case Kind::sign:
  case Kind::relu:
  case Kind::add:
  case Kind::sub:
  case Kind::mul:
  case Kind::div:
  case Kind::max:
  case Kind::min:
  case Kind::pow:
  case Kind::remainder:
  case Kind::lt:
  case Kind::le:
  case Kind::gt:
  case Kind::ge:
  case Kind::clamp:
    return !element.isInteger(1);
  default:
    return isa<FloatType>(element);
  }
}

LogicalResult ElementwiseOp::verify() {
  if (getInputs().size() != numOperandsOf(getKind()))
    return emitOpError() << "GRAPH-7: " << stringifyElementwiseKind(getKind()) << " takes " << numOperandsOf(getKind())
                         << " operands, got " << getInputs().size();
  auto result = tensorType(getResult());
  for (auto [index, input] : llvm::enumerate(getInputs()))
    if (failed(verifySameShape(*this, tensorType(input), result, ("operand " + Twine(index)).str())))
      return failure();
  auto data = tensorType(getInputs().back());
  if (!isDefinedFor(getKind(), data.getElementType()))
    return emitOpError() << "GRAPH-7: " << stringifyElementwiseKind(getKind()) << " is not defined for "
                         << data.getElementType();
  for (auto [index, input] : llvm::enumerate(getInputs())) {
    bool isCondition = getKind() == Kind::select && index == 0;
    if (isCondition && !tensorType(input).getElementType().isInteger(1))
      return emitOpError("GRAPH-2: the condition of select is bool");
    if (!isCondition && failed(verifySameElement(*this, tensorType(input), data)))
      return failure();
  }
  if (isComparison(getKind())) {
    if (!result.getElementType().isInteger(1))
      return emitOpError("GRAPH-2: a comparison gives bool");
    return success();
  }
  return verifySameElement(*this, result, data);
}

LoopNest ElementwiseOp::getLoopNest() {
  LoopNest nest = elementwiseLoopNest(tensorType(getResult()), getInputs().size(), 1);
  switch (getKind()) {
  case Kind::add:
  case Kind::sub:
    nest.linearOperands = {{0, 1}};
    break;
  case Kind::mul:
    nest.linearOperands = {{0}, {1}};
    break;
  case Kind::neg:
    nest.linearOperands = {{0}};
    break;
  case Kind::div:
    // Integer division truncates, which is not linear.
    if (isa<FloatType>(tensorType(getResult()).getElementType()))
      nest.linearOperands = {{0}};
    break;
  case Kind::select:
    nest.linearOperands = {{1, 2}};
    break;
  default:
    break;
  }
  return nest;
}

Work ElementwiseOp::getWork(ArrayRef<int64_t> extents) {
  // Transcendental functions cost about ten vector operations each (polynomial of degree 5-7 plus range reduction).
  switch (getKind()) {
  case Kind::exp:
  case Kind::log:
  case Kind::tanh:
  case Kind::erf:
  case Kind::sigmoid:
  case Kind::gelu:
  case Kind::gelu_tanh:
  case Kind::silu:
  case Kind::sin:
  case Kind::cos:
  case Kind::tan:
  case Kind::asin:
  case Kind::acos:
  case Kind::atan:
  case Kind::sinh:
  case Kind::cosh:
  case Kind::asinh:
  case Kind::acosh:
  case Kind::atanh:
  case Kind::expm1:
  case Kind::log1p:
  case Kind::pow:
    return {10 * product(extents), WorkKind::vector};
  default:
    return {product(extents), WorkKind::vector};
  }
}

//===-- cast ------------------------------------------------------------------------------------------------------===//

LogicalResult CastOp::verify() {
  return verifySameShape(*this, tensorType(getInput()), tensorType(getResult()), "the operand");
}

LoopNest CastOp::getLoopNest() { return elementwiseLoopNest(tensorType(getResult()), 1, 1); }

Work CastOp::getWork(ArrayRef<int64_t> extents) { return {product(extents), WorkKind::vector}; }
