// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Loops.h - Split loops and the placements they mean -------*- C++ -*-===//
//
// An op is a nest of loops; every dim of its operands and results is an expression of loops. Splitting loops over mesh
// axes means a placement for each operand and result. Planner, partitioner and verifier use this one mapping.
//
// Example: C[i,j] += A[i,k] * B[k,j] on mesh x = 2, y = 2 with i over x and k over y:
//   A is [x, y], B is [y, _], C is [x, _] sum(y).
// Example: hidden = head * 64 + d with head over x: the hidden dim is [x@64]. With d over x as well as head
// whole there is no placement: each rank would hold a strided set of indices.
//
//===----------------------------------------------------------------------===//

#ifndef PARTITA_PLACEMENT_LOOPS_H
#define PARTITA_PLACEMENT_LOOPS_H

#include "partita/placement/Placement.h"

namespace partita::placement {

/// One entry per loop: its cuts, outermost first, units in iterations of the loop.
using LoopAssignment = std::vector<DimSplit>;

/// `reduction` is set for a loop whose iterations are combined, to the kind of the combination. `isCompleted`: the op
/// itself combines the parts of a cut loop, so that results which the loop does not walk are replicated.
struct Loop {
  Extent extent;
  std::optional<PartialKind> reduction;
  bool isCompleted = false;

  auto operator<=>(const Loop &) const = default;
};

/// A tensor dim as sum of coefficient * loop, largest coefficient first, mixed radix: a coefficient is the product of
/// the extents of the loops after it. No terms: no loop walks the dim, every iteration sees all of it.
/// With a window the only term is the loop of its steps (output positions), and `extent` is that of the dim.
struct DimExpression {
  std::vector<std::pair<int, int64_t>> terms;
  std::optional<Window> window;
  Extent extent = {};

  auto operator<=>(const DimExpression &) const = default;
};

/// The cuts of a dim that the assignment means. Nothing if the indices of some rank would not be one interval: an inner
/// loop is cut although a loop outside it has more than one local iteration; or the expression is not mixed radix. A
/// window whose steps do not overlap and leave nothing over means plain cuts in units of its stride.
std::optional<DimSplit> placementOfDim(const DimExpression &dim, const std::vector<Loop> &loops,
                                       const LoopAssignment &assignment, const Mesh &mesh);

/// The placement an operand must have: an axis of a loop that does not walk the operand is replicated. Nothing if a dim
/// has none, or an axis would be named twice.
std::optional<Placement> placementOfOperand(const std::vector<DimExpression> &dims, const std::vector<Loop> &loops,
                                            const LoopAssignment &assignment, const Mesh &mesh);

/// The placement the result gets: as for an operand, and partial over the axes of the reduction loops that do not
/// walk it, replicated over those of completed loops. Nothing also if a cut parallel loop does not walk the result, or
/// kinds would mix (L7).
std::optional<Placement> placementOfResult(const std::vector<DimExpression> &dims, const std::vector<Loop> &loops,
                                           const LoopAssignment &assignment, const Mesh &mesh);

/// An operand or result together with its placement.
struct PlacedView {
  std::vector<DimExpression> dims;
  Placement placement;
};

/// The opposite: the loop cuts that mean exactly these placements (canonical forms are compared; partial axes are
/// ignored). A dim that is read through a window only says over which axes its steps are cut, because values are kept
/// without halos. Loops that walk no view are whole. Nothing if two views disagree or no assignment means them.
std::optional<LoopAssignment> inferAssignment(const std::vector<Loop> &loops, const std::vector<PlacedView> &views,
                                              const Mesh &mesh);

/// Extent of the dim: the product of its loops' extents, 0 for a dim no loop walks, or the window's.
Extent extentOfDim(const DimExpression &dim, const std::vector<Loop> &loops);

} // namespace partita::placement

#endif // PARTITA_PLACEMENT_LOOPS_H
