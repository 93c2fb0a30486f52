// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Along which loop of an op the vectors run, and in which order the loops are nested then.
//
// Example: for (const LoopChoice &choice : rankLoops(generic, {512, 8})) ...   // the best one first
#ifndef PARTITA_LIB_LOWERING_LOOPCHOICE_H
#define PARTITA_LIB_LOWERING_LOOPCHOICE_H

#include "VectorLoops.h"

namespace partita::lowering {

struct LoopChoice {
  unsigned loop = 0;
  bool isReduction = false;
  mlir::Operation *combiner = nullptr; ///< Of a reduction along the vectors.
  int64_t lanes = 1;
  bool masksRest = false; ///< What is left of less than a vector is done under a mask; else as scalars.
  /// Some operands are contiguous along this loop only: tiles along both loops are turned in registers.
  std::optional<unsigned> across;
  llvm::SmallVector<unsigned> order; ///< All loops, outermost first.
  unsigned numOuter = 0;             ///< Loops of `order` before the first one that carries accumulators or vectors.
  double cost = 0;                   ///< For one iteration, relative to the other choices.
};

llvm::SmallVector<LoopChoice> rankLoops(mlir::linalg::GenericOp op, VectorShape shape);

/// The vectors along the loop, which ends at `end`, that have accumulators of their own, so that the latency of an
/// addition is hidden: a power of two.
unsigned countAccumulators(const LoopChoice &choice, mlir::OpFoldResult end);

} // namespace partita::lowering

#endif
