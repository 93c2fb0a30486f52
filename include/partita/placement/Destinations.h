// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What loops mean for an op that writes its results over operands (destination-passing style, as linalg's ops do).
//
// A destination has its result's type, so its part lies exactly as the result's does, partial axes included. That is
// also what the mathematics wants: result = destination + sum over k, with k split over x, is
//   sum over x of (part of the destination + part of the sum),
// so a destination that is partial over x is counted once, where a replicated one would be counted on every rank. The
// step from a replicated value to a partial one is `partialize`: one rank keeps the value, the others the identity.
//
// Example: C = A B + C0 with k over x: A is [_, x], B is [x, _], C0 and C are [_, _] sum(x).
#ifndef PARTITA_PLACEMENT_DESTINATIONS_H
#define PARTITA_PLACEMENT_DESTINATIONS_H

#include "partita/placement/Attributes.h"

namespace mlir {
class Operation;
} // namespace mlir

namespace partita::placement {

/// As placeOp(nest, ...), for this op: how a destination arrives partial is not asked but stated. Ops that are not in
/// destination-passing style are placed as before.
std::optional<OpPlacements> placeOp(mlir::Operation *op, const LoopNest &nest, const LoopAssignment &assignment,
                                    const Mesh &mesh, const std::vector<std::map<int, PartialKind>> &partialOperands,
                                    std::string *error = nullptr);

} // namespace partita::placement

#endif
