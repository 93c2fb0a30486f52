// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Oracle.h - Placements by definition, on real data --------*- C++ -*-===//
//
// A slow second opinion for the tests: cuts are made by dealing out units one by one, steps by moving elements between
// arrays. Nothing here calls the library except for naming (toString) and for the walk over ranks.
//
// Example: World world(mesh, {7}, PartialKind::sum);
//          simulate(world, path, 1) is empty if the steps of the path give exactly the last placement's shards.
//
//===----------------------------------------------------------------------===//

#ifndef PARTITA_TEST_PLACEMENT_ORACLE_H
#define PARTITA_TEST_PLACEMENT_ORACLE_H

#include "partita/placement/Reshard.h"

#include <set>
#include <unordered_map>

namespace partita::placement::oracle {

/// One array per coordinates of the mesh, row-major in the local box.
using State = std::vector<std::vector<int64_t>>;

/// What [0, extent) leaves at the coordinates, by dealing units to parts; an empty one is {0, 0}.
Interval dealtInterval(int64_t extent, const DimSplit &splits, const Mesh &mesh, const Coordinates &coordinates);

struct PlacementHash {
  std::size_t operator()(const Placement &placement) const { return hashOf(placement); }
};

/// One tensor with its values on one mesh.
class World {
public:
  World(Mesh mesh, std::vector<int64_t> extents, PartialKind kind);

  /// The local box at every coordinates, in the order of `places`; remembered.
  const std::vector<Box> &boxes(const Placement &placement);
  /// The same as row-major indices in the whole tensor, ascending; remembered.
  const std::vector<std::vector<int64_t>> &elements(const Placement &placement);
  /// For every place the places that differ from it along these axes only, itself included; remembered.
  const std::vector<std::vector<int>> &groups(const std::vector<int> &axes);
  /// The tensor placed so. Partial contributions are unequal: one random rank holds what the others' random
  /// contributions lack (sum), or the value among smaller, larger or neutral ones.
  State place(const Placement &placement, uint64_t seed);
  /// True if the state is this placement of the tensor.
  bool holds(const State &state, const Placement &placement);
  /// The state after the step; `error` is set if a rank would need what its group does not have.
  State apply(const Step &step, const Placement &from, const Placement &to, const State &state, std::string &error);

  const Mesh mesh;
  const std::vector<int64_t> extents;
  const PartialKind kind;
  /// All coordinates, time axes included, row-major over all axes.
  std::vector<Coordinates> places;
  /// Steps between states that their placement determines, known to be right.
  std::set<std::pair<Placement, Placement>> proven;
  /// The partial placement and seed of the last start, its state, and the right states one step after it.
  std::pair<Placement, uint64_t> lastStart;
  State startState;
  std::map<Placement, State> afterStart;

private:
  int64_t valueAt(int64_t flat) const;
  int64_t combine(int64_t left, int64_t right) const;
  int64_t identity() const;
  std::vector<int64_t> contributions(int64_t flat, int64_t count, uint64_t seed) const;
  std::vector<int64_t> flatIndices(const Box &box) const;

  std::unordered_map<Placement, std::vector<Box>, PlacementHash> knownBoxes;
  std::unordered_map<Placement, std::vector<std::vector<int64_t>>, PlacementHash> knownElements;
  std::map<std::vector<int>, std::vector<std::vector<int>>> knownGroups;
};

/// Runs the path on data, each step as classifyStep names it. Empty if every state on the way is right. A step from a
/// placement without partial axes starts from a state that the placement determines, so it is run once per world; and
/// the first step from one partial start is run once for all paths that begin with it.
std::string simulate(World &world, const std::vector<Placement> &path, uint64_t seed);

/// All placements with these cuts (of any dim, in any nesting order) and the kind's partial axes, as written, that
/// is with equivalent ones.
std::vector<Placement> enumeratePlacements(std::size_t rank, const std::vector<Split> &cuts,
                                           const std::vector<std::pair<int, PartialKind>> &partials);

/// Every axis of the mesh cut by each of these units.
std::vector<Split> cutsOf(const Mesh &mesh, const std::vector<int64_t> &units);
/// Every axis of the mesh partial.
std::vector<std::pair<int, PartialKind>> partialsOf(const Mesh &mesh, PartialKind kind);

/// A mesh of space axes a, b, c, ...
Mesh meshOf(const std::vector<int64_t> &sizes);

/// A fixed mixing of bits: the tests' only source of chance.
uint64_t mix(uint64_t value);

} // namespace partita::placement::oracle

#endif // PARTITA_TEST_PLACEMENT_ORACLE_H
