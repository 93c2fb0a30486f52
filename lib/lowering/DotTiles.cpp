// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Dots.h"
#include "TileFunctions.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

static bool isByte(DotOperand operand, Widening widening) {
  return operand.first.isInteger(8) && operand.second == widening;
}

/// What fits into 16 signed bits.
static bool isWord(DotOperand operand) {
  return isByte(operand, Widening::extendSigned) || isByte(operand, Widening::extendUnsigned) ||
         (operand.first.isInteger(16) && operand.second == Widening::extendSigned);
}

Dot lowering::findDot(const CpuTarget &cpu, Type computed, DotOperand a, DotOperand b) {
  if (computed.isF32())
    return cpu.hasBf16Dot && a.first.isBF16() && b.first.isBF16() ? Dot::floats : Dot::none;
  if (!computed.isInteger(32))
    return Dot::none;
  bool isMixed = (isByte(a, Widening::extendUnsigned) && isByte(b, Widening::extendSigned)) ||
                 (isByte(a, Widening::extendSigned) && isByte(b, Widening::extendUnsigned));
  if (cpu.hasVnni && isMixed)
    return Dot::bytes;
  return cpu.hasWordDot && isWord(a) && isWord(b) ? Dot::words : Dot::none;
}

int64_t lowering::countGroup(Dot dot) {
  switch (dot) {
  case Dot::none:
    return 1;
  case Dot::floats:
  case Dot::words:
    return 2;
  case Dot::bytes:
    return 4;
  }
  return 1;
}

Type lowering::getDotElement(Dot dot, MLIRContext *context) {
  if (dot == Dot::floats)
    return BFloat16Type::get(context);
  return IntegerType::get(context, dot == Dot::bytes ? 8 : 16);
}

Widening lowering::getDotWidening(Dot dot, DotOperand operand) {
  return dot == Dot::words && operand.first.isInteger(8) ? operand.second : Widening::none;
}

std::string lowering::nameOf(DotOperand operand) {
  return nameOf(operand.first) + (operand.second == Widening::extendUnsigned ? "u" : "");
}

Value DotWriter::readA(Value address) {
  Value units = at.splat(at.load(at.builder.getI32Type(), address, kUnit / countGroup(dot)), lanes);
  auto type = VectorType::get({lanes * countGroup(dot)}, getDotElement(dot, at.builder.getContext()));
  return LLVM::BitcastOp::create(at.builder, at.location, type, units);
}

Value DotWriter::widenB(Value units, DotOperand stored) {
  auto type = VectorType::get({lanes * countGroup(dot)}, stored.first);
  Value elements = LLVM::BitcastOp::create(at.builder, at.location, type, units);
  return at.widen(elements, stored.first, getDotElement(dot, at.builder.getContext()), stored.second);
}

Value DotWriter::write(Value sum, Value a, Value b) {
  auto call = [&](StringRef name, Type result, ArrayRef<Value> operands) {
    return LLVM::CallIntrinsicOp::create(at.builder, at.location, result, at.builder.getStringAttr(name), operands)
        .getResult(0);
  };
  std::string bits = std::to_string(32 * lanes);
  switch (dot) {
  case Dot::floats:
    return call("llvm.x86.avx512bf16.dpbf16ps." + bits, sum.getType(), {sum, a, b});
  case Dot::bytes:
    return call("llvm.x86.avx512.vpdpbusd." + bits, sum.getType(), {sum, isUnsignedA ? a : b, isUnsignedA ? b : a});
  case Dot::words:
    if (hasVnni)
      return call("llvm.x86.avx512.vpdpwssd." + bits, sum.getType(), {sum, a, b});
    return at.add(sum, call(lanes == 16  ? "llvm.x86.avx512.pmaddw.d.512"
                            : lanes == 8 ? "llvm.x86.avx2.pmadd.wd"
                                         : "llvm.x86.sse2.pmadd.wd",
                            sum.getType(), {a, b}));
  case Dot::none:
    break;
  }
  return sum;
}
