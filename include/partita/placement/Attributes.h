// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Between the plan dialect's attributes and the values of the placement algebra, and what both say about types.
//
// Example: with #mesh = <["x"=2], devices = [0, 1]>, placement <[["x":64], []]> of tensor<768x8xf32> becomes
//   Placement{{{{0, 64}}, {}}, {}} and getLocalType gives tensor<384x8xf32, #partita_plan.part<...>>.
#ifndef PARTITA_PLACEMENT_ATTRIBUTES_H
#define PARTITA_PLACEMENT_ATTRIBUTES_H

#include "partita/dialects/interfaces/LoopNest.h"
#include "partita/dialects/plan/Plan.h"
#include "partita/placement/Loops.h"
#include "partita/placement/Reshard.h"
#include <optional>

namespace partita::placement {

Mesh toMesh(plan::MeshAttr mesh);
plan::MeshAttr toAttribute(mlir::MLIRContext *context, const Mesh &mesh);

/// nullopt when an axis of the attribute is not on the mesh.
std::optional<Placement> toPlacement(plan::PlacementAttr placement, const Mesh &mesh);
std::optional<LoopAssignment> toAssignment(plan::LoopsAttr loops, const Mesh &mesh);
plan::PlacementAttr toAttribute(mlir::MLIRContext *context, const Placement &placement, const Mesh &mesh);
plan::LoopsAttr toAttribute(mlir::MLIRContext *context, const LoopAssignment &assignment, const Mesh &mesh);
plan::PartialKind toAttribute(PartialKind kind);
PartialKind toPartialKind(plan::PartialKind kind);
PartialKind toPartialKind(ReductionKind kind);

/// Extents of a whole tensor: bounds, and whether they are symbolic.
Shape toShape(mlir::RankedTensorType global);
std::vector<Loop> toLoops(const LoopNest &nest);
std::vector<DimExpression> toDims(const ValueIndexing &indexing);

/// Bytes of one element in memory (bool is one byte).
int64_t getElementBytes(mlir::Type elementType);

/// The type of one rank's part: static extents where all ranks agree, `?` elsewhere, encoded with its part.
mlir::RankedTensorType getLocalType(mlir::RankedTensorType global, const Placement &placement, const Mesh &mesh);

/// What an op's loops mean for its operands and results, partial values flowing through included. `partialOperands[i]`
/// lists the axes over which operand i arrives partial. Returns an error text when the combination is not defined
/// (rule SPMD-2: an op reads partial values only where it is linear in them or moves elements), or when a loop is cut
/// that only an expansion can split (SPMD-7).
struct OpPlacements {
  std::vector<Placement> operands;
  std::vector<Placement> results;
};
std::optional<OpPlacements> placeOp(const LoopNest &nest, const LoopAssignment &assignment, const Mesh &mesh,
                                    const std::vector<std::map<int, PartialKind>> &partialOperands,
                                    std::string *error = nullptr);

/// As placeOp, also where loops of kind `expand` are cut: what the op as a whole reads and leaves. Whether its
/// expansion can do that, Expansion.h says.
std::optional<OpPlacements> placeComposite(const LoopNest &nest, const LoopAssignment &assignment, const Mesh &mesh,
                                           const std::vector<std::map<int, PartialKind>> &partialOperands,
                                           std::string *error = nullptr);

/// A loop of kind `expand` that the assignment cuts, or one that shares an axis with another (LoopNest::jointLoops).
std::optional<unsigned> findExpandedLoop(const LoopNest &nest, const LoopAssignment &assignment);

} // namespace partita::placement

#endif
