// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dot instructions: a lane of 32 bits of each operand holds a unit, a group of neighbours along k; one instruction
// multiplies the neighbours of two units and adds all products to the lane's sum.
//
// Example: bf16 x bf16 -> f32 with AVX512_BF16 is Dot::floats; units are pairs, and packed B is [k / 2][columns][2].
#ifndef PARTITA_LIB_LOWERING_DOTS_H
#define PARTITA_LIB_LOWERING_DOTS_H

#include "FunctionWriter.h"
#include "partita/lowering/CpuTarget.h"

namespace partita::lowering {

enum class Dot {
  none,
  floats, ///< Pairs of bf16 into f32: vdpbf16ps.
  bytes,  ///< Four ui8 by four si8 into i32: vpdpbusd.
  words   ///< Pairs of si16 into i32, of which 8-bit integers are made: vpdpwssd, or vpmaddwd and an addition.
};

/// Bytes of a unit as it is packed.
inline constexpr int64_t kUnit = 4;

/// An operand as it is stored, and how it becomes an element of the products.
using DotOperand = std::pair<mlir::Type, Widening>;

/// What a product of these operands is computed by; none where elements are widened one by one.
Dot findDot(const CpuTarget &cpu, mlir::Type computed, DotOperand a, DotOperand b);

/// Elements of a unit; 1 without a dot instruction.
int64_t countGroup(Dot dot);
/// What an operand is packed as, and how it becomes that.
mlir::Type getDotElement(Dot dot, mlir::MLIRContext *context);
Widening getDotWidening(Dot dot, DotOperand operand);
/// Of functions for these operands: "bf16", "i8u".
std::string nameOf(DotOperand operand);

/// Writes sum + dot(a, b): vectors of `lanes` sums, and of units of `kind`'s elements. `isUnsignedA`: of bytes, a is
/// the unsigned operand, else b.
struct DotWriter {
  FunctionWriter &at;
  Dot dot;
  int64_t lanes;
  bool hasVnni, isUnsignedA;

  /// One unit of packed A in all lanes.
  mlir::Value readA(mlir::Value address);
  /// The units of packed B, or of stored B in units, as they are read: a vector of integers as wide as a unit there.
  mlir::Value widenB(mlir::Value units, DotOperand stored);
  mlir::Value write(mlir::Value sum, mlir::Value a, mlir::Value b);
};

/// As getPack for B: a panel in units, [rows / group][kPanel][group], with zeros where the last group is not full. The
/// bytes from row to row are of no account.
mlir::LLVM::LLVMFuncOp getDotPack(mlir::ModuleOp module, const CpuTarget &cpu, Dot dot, DotOperand operand);

} // namespace partita::lowering

#endif
