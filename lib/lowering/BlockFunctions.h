// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The blocked loops of a contraction, one function per kind of elements, shared by all kernels of a module.
//
// Example: LLVM::LLVMFuncOp block = getBlocks(module, cpu, {f32, {f32, Widening::none}, {f32, Widening::none}});
#ifndef PARTITA_LIB_LOWERING_BLOCKFUNCTIONS_H
#define PARTITA_LIB_LOWERING_BLOCKFUNCTIONS_H

#include "TileFunctions.h"

namespace partita::lowering {

/// Rows of A that are packed at once, at most.
inline constexpr int64_t kRowBlock = 196;
/// Columns of B that are packed at once, at most.
inline constexpr int64_t kColumnBlock = 512;

/// A measured size in steps of `unit`, at most `most`, which is also what is taken where nothing was measured.
inline int64_t limitBlock(int64_t measured, int64_t unit, int64_t most) {
  return measured > 0 ? std::clamp(measured / unit * unit, unit, most) : most;
}

/// Arguments of the blocked loops, in order.
enum class BlocksArgument {
  a,
  b,
  c,               ///< Addresses.
  rowCount,        ///< At least 1.
  columnCount,     ///< At least 1.
  reducedCount,    ///< Units, where there is a dot instruction.
  reducedElements, ///< As many k.
  rowStride,       ///< Bytes from row to row in C.
  adds,            ///< 1: added to C; 0: C is overwritten.
  rows,
  reducedOfA,
  reducedOfB,
  columns,       ///< Tables; the last two only where B is packed.
  packsB,        ///< 1 or 0.
  packedAtOnce,  ///< k of B that are packed in one go, panel by panel.
  panelStride,   ///< Bytes from panel to panel in B, where it is not packed.
  reducedStride, ///< Bytes from k to k in B, where it is not packed.
  tileWidth,     ///< Columns of a whole tile; of a panel at most, where B lies in panels.
  reducedBlock,  ///< k of one block, at most kReducedBlock.
  packedA,
  packedB,   ///< Scratch.
  height,    ///< Rows of the lower tiles; the others have one more.
  highTiles, ///< How many have one more: they come first.
  tiles,     ///< Number of tiles.
  high,
  low,
  highRest,
  lowRest, ///< Tile functions, the last two for the columns that are left over.
  count
};

struct ElementKinds {
  mlir::Type computed;
  DotOperand a, b; ///< As stored.
  Dot dot = Dot::none;
};

mlir::LLVM::LLVMFuncOp getBlocks(mlir::ModuleOp module, const CpuTarget &cpu, const ElementKinds &kinds);

} // namespace partita::lowering

#endif
