// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The innermost functions of contractions, shared by all kernels of a module and made when first asked for.
//
// Example: LLVM::LLVMFuncOp tile = getTile(module, cpu, {f32, f32, Widening::none, 14, 2, false});
#ifndef PARTITA_LIB_LOWERING_TILEFUNCTIONS_H
#define PARTITA_LIB_LOWERING_TILEFUNCTIONS_H

#include "Dots.h"

namespace partita::lowering {

/// Elements between rows of packed A: more than a block of k, and no power of two, so that rows share no cache set.
inline constexpr int64_t kPackedRow = 528;
/// k of one block, in units where there is a dot instruction. Every block reads and writes C once, which is dear where
/// C lies in no near cache.
inline constexpr int64_t kReducedBlock = 512;
/// Bytes of an entry of a table: offset and run.
inline constexpr int64_t kTableEntry = 16;

/// The register tile of a processor.
struct TileShape {
  int64_t lanes;   ///< Of a vector of computed elements.
  int64_t vectors; ///< Beside each other in a row.
  int64_t rows;    ///< At most.
};
TileShape chooseTile(const CpuTarget &cpu, mlir::Type computed);

/// Where a tile finds A, in elements: row r lies at r / run * far + r % run * near. The loops over k outside of the
/// innermost one are outermost first.
struct TileReads {
  struct Loop {
    int64_t extent, stride;
  };
  int64_t run = 1, near = 0, far = kPackedRow;
  llvm::SmallVector<Loop> outer;
  Loop inner{0, 1}; ///< Its extent is an argument of the tile.
};

struct TileKind {
  mlir::Type computed;
  mlir::Type stored; ///< Of B; A is packed as computed, or for the dot instruction.
  Widening widening; ///< Of B.
  int64_t rows, vectors;
  bool isMasked; ///< Fewer columns than the vectors have lanes.
  Dot dot = Dot::none;
  bool isUnsignedA = false; ///< Of Dot::bytes: A is the unsigned operand.
  TileReads reads{};        ///< Packed rows, if nothing else is said.
};

/// Arguments: A, B, C, number of k (of the innermost loop) or units, bytes from one to the next in B, bytes from row to
/// row in C, whether C is added to (i64, 0 or 1), columns (where masked).
mlir::LLVM::LLVMFuncOp getTile(mlir::ModuleOp module, const CpuTarget &cpu, const TileKind &kind);
mlir::LLVM::LLVMFunctionType getTileType(mlir::MLIRContext *context);

/// destination[i][j] = source[rows[i] + columns[j]] as computed elements. Tables hold pairs (offset in elements, number
/// of elements from here on that lie behind each other). Arguments: destination, bytes from row to row there, source,
/// table of rows, number of rows, table of columns, number of columns.
mlir::LLVM::LLVMFuncOp getPack(mlir::ModuleOp module, const CpuTarget &cpu, mlir::Type computed, mlir::Type stored,
                               Widening widening);

/// A square of vectors, transposed in registers.
void turnSquare(FunctionWriter &at, llvm::SmallVectorImpl<mlir::Value> &lines);

/// Fills in the second members of a table. Arguments: table, number of entries.
mlir::LLVM::LLVMFuncOp getCountRuns(mlir::ModuleOp module);

/// Name of an element type in names of functions: "f32", "bf16".
std::string nameOf(mlir::Type type);

} // namespace partita::lowering

#endif
