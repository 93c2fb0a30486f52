// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How an op is split along a loop whose parts no single collective combines: as the small ops it is made of.
//
// The loops of the small ops correspond to the op's own where they walk the same dims of the same values, and are cut
// as these are. Every value of the expansion has one placement, that of its loops; partial results are all-reduced at
// once, before anything reads them. A small op that says so (`partita.crosses`) reads across parts: its loops are
// matched by its results only, and what it reads elsewhere than it is made is brought to it by one step (all-gather,
// slice, all-to-all, exchange). Loops that are none of the composite's are cut as what they walk lies; one that a small
// op cannot cut stays uncut. So the cuts of the op decide everything about its expansion.
//
// Example: softmax along j of x[i,j], with j over axis a, becomes on each rank
//   max over j      max(a)   all-reduce
//   exp(x - max)    [_, a]
//   sum over j      sum(a)   all-reduce
//   exp / sum       [_, a]
// Example: top-k along n = block * size + place, with the blocks over a: the best k of each block [_, a, _], then
//   crossing: the candidates are all-gathered, and every rank finds the best k of them.
#ifndef PARTITA_PLACEMENT_EXPANSION_H
#define PARTITA_PLACEMENT_EXPANSION_H

#include "mlir/IR/Block.h"
#include "partita/dialects/interfaces/Interfaces.h"
#include "partita/placement/Attributes.h"
#include <memory>

namespace partita::placement {

/// One of the small ops. `loops[i]`: the loop of the composite that loop i is, or -1.
struct SmallOp {
  mlir::Operation *op = nullptr;
  LoopNest nest;
  std::vector<int> loops;
};

/// The small ops of a composite on whole values, in a block of their own beside the graph.
class Expansion {
public:
  /// Null when the op does not say what it is made of.
  static std::unique_ptr<Expansion> build(mlir::Operation *op, const LoopNest &nest);
  ~Expansion();
  Expansion(const Expansion &) = delete;
  Expansion &operator=(const Expansion &) = delete;

  /// Stand for the operands of the op.
  mlir::ValueRange getArguments() { return block.getArguments(); }
  llvm::ArrayRef<SmallOp> getOps() const { return ops; }
  /// Stand for the results of the op.
  llvm::ArrayRef<mlir::Value> getResults() const { return results; }

private:
  Expansion() = default;
  void matchLoops(const LoopNest &nest);

  mlir::Block block;
  std::vector<SmallOp> ops;
  llvm::SmallVector<mlir::Value> results;
};

/// What a small op does on a mesh; all placements canonical. Operand i lies at `sources[i]` and is first brought to
/// `placements.operands[i]` where these differ. A partial result is then all-reduced to `completed`.
struct ExpansionStep {
  LoopAssignment loops;
  std::vector<Placement> sources;
  OpPlacements placements;
  std::vector<Placement> completed;
};

/// A composite on a mesh: what it reads and leaves, and its steps, parallel to Expansion::getOps().
struct ExpandedOp {
  OpPlacements placements;
  std::vector<ExpansionStep> steps;
};

/// Nothing, with an error text, when the cuts cannot be kept through the whole expansion (rule SPMD-8): an axis of kind
/// time on an expand loop (later micro-batches cannot be waited for), partial operands, or parts that would have to
/// move between the small ops.
std::optional<ExpandedOp> placeExpansion(Expansion &expansion, const LoopNest &nest, const LoopAssignment &assignment,
                                         const Mesh &mesh,
                                         const std::vector<std::map<int, PartialKind>> &partialOperands,
                                         std::string *error = nullptr);

/// The parts of any op of a planned graph under its loops, expanded where these ask for it.
std::optional<OpPlacements> placePlannedOp(mlir::Operation *op, const LoopNest &nest, const LoopAssignment &assignment,
                                           const Mesh &mesh,
                                           const std::vector<std::map<int, PartialKind>> &partialOperands,
                                           std::string *error = nullptr);

} // namespace partita::placement

#endif
