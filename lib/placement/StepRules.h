// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- StepRules.h - When a step is possible and what it moves --*- C++ -*-===//
//
// The rules shared by classifyStep and the search. All placements here are canonical.
//
// Example: on x = 2, y = 2 and a dim of 8, extends([x], [x, y]) is true, extends([x], [y, x]) is not: a slice cannot
// move what other ranks own.
//
//===----------------------------------------------------------------------===//

#ifndef PARTITA_LIB_PLACEMENT_STEPRULES_H
#define PARTITA_LIB_PLACEMENT_STEPRULES_H

#include "partita/placement/CommunicationPrice.h"

namespace partita::placement {

/// A set of mesh axes, bit i for axis i (a mesh has at most 64).
using AxisMask = std::uint64_t;

AxisMask maskOf(const DimSplit &splits);
AxisMask maskOf(const std::map<int, PartialKind> &partial);
std::vector<int> axesOf(AxisMask mask);

/// True if no axis, or axes of one kind, are in the mask.
bool hasOneKind(AxisMask mask, const Mesh &mesh);

/// The product of the sizes of the space axes in the mask.
int64_t groupSizeOf(AxisMask mask, const Mesh &mesh);

/// True if `large` is `small` with at least one more innermost cut, so that a rank has in `small` what it has in
/// `large`. The opposite is a gather unless `large` is read through a window: no step starts from halos.
bool extends(const DimSplit &small, const DimSplit &large, const Extent &extent, const Mesh &mesh);

/// The axes cutting a dim in `from` or `to` that are not in the outermost cuts both have in common.
AxisMask movingAxes(const DimSplit &from, const DimSplit &to);

/// What the busiest rank moves in a structured step (not an exchange): see StepDescription::busiestBytes. Elements are
/// local bounds before and after, and of the largest message of an all-to-all.
int64_t busiestElements(StepKind kind, int64_t groupSize, int64_t source, int64_t result, int64_t message);

/// Elements the busiest rank sends or receives in an exchange, at these extents; nothing if at some time coordinate
/// the ranks together do not hold what they need.
std::optional<int64_t> exchangeElements(const std::vector<int64_t> &extents, const Mesh &mesh, const Placement &from,
                                        const Placement &to);

std::vector<int64_t> boundsOf(const Shape &shape);

} // namespace partita::placement

#endif // PARTITA_LIB_PLACEMENT_STEPRULES_H
