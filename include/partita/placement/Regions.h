// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Regions.h - Who sends which box to whom ------------------*- C++ -*-===//
//
// The region table of a transfer between any two meshes: rectangles, as data. It describes an exchange on one mesh and
// the hand-over between stages of different (overlapping, disjoint, unequally large) meshes alike.
//
// Example: 5 rows on 3 ranks (2, 2, 1) to 2 ranks (3, 2):
//   0 -> 0: [0,2)   1 -> 0: [2,3)   1 -> 1: [3,4)   2 -> 1: [4,5)
//
//===----------------------------------------------------------------------===//

#ifndef PARTITA_PLACEMENT_REGIONS_H
#define PARTITA_PLACEMENT_REGIONS_H

#include "partita/placement/Placement.h"

namespace partita::placement {

/// `box` (global indices, never empty) goes from rank `source` of the source mesh to rank `target` of the target mesh.
struct Region {
  int64_t source = 0;
  int64_t target = 0;
  Box box;

  auto operator<=>(const Region &) const = default;
};

/// One side of a transfer. `time` is the time coordinate (see coordinatesOf) at which the box is looked at.
struct Side {
  const Mesh &mesh;
  const Placement &placement;
  int64_t time = 0;
};

/// For every target rank, boxes that cover its local box exactly once, ordered by target, then by box. `extents` are
/// the actual extents. Among the ranks that hold a box, its reader itself is taken if it is one (same device); else, on
/// one mesh, the rank that has the reader's coordinates on all axes the source does not cut; else the readers of
/// one box in ascending order take its holders in turn. Nothing, and `error` set, if the source is partial, is
/// read through a window, or does not hold all that is needed (time axes).
std::optional<std::vector<Region>> computeRegions(const std::vector<int64_t> &extents, const Side &source,
                                                  const Side &target, std::string *error = nullptr);

} // namespace partita::placement

#endif // PARTITA_PLACEMENT_REGIONS_H
