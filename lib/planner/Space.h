// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Space.h - Placements of one shape, numbered and priced ----------------------===//
//
// The search compares and stores placements as small numbers. All values of one shape and element size share a space.
// Example:
//
//   PlacementSpace &space = spaces.find(shape, 2);
//   int16_t rows = space.intern(placement);
//   space.move(rows, whole).price;  space.move(rows, whole).path;      // picoseconds; {whole}
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_PLANNER_SPACE_H
#define PARTITA_LIB_PLANNER_SPACE_H

#include "Problem.h"

#include <deque>

namespace partita::planner {

using PlacementId = int16_t;

/// The program of a stage runs once for each micro-batch: it can cut its own out of a value, but it cannot wait for
/// later ones. Other steps over time axes are forbidden.
class ProgramPrice : public placement::CommunicationPrice {
public:
  explicit ProgramPrice(const placement::CommunicationPrice &base) : base(base) {}
  double seconds(const placement::StepDescription &step) const override;

private:
  const placement::CommunicationPrice &base;
};

/// The cheapest paths, and what each of their steps costs.
struct ReshardPrices {
  explicit ReshardPrices(const placement::CommunicationPrice &base) : price(base), table(price) {}

  ProgramPrice price;
  placement::ReshardTable table;
};

/// From one placement to another: price of all executions in a step, and the placements passed, `to` included.
struct Move {
  Picoseconds price = kNever;
  std::vector<PlacementId> path;
};

class PlacementSpace {
public:
  PlacementSpace(placement::Shape shape, int64_t elementBytes, const placement::Mesh &mesh, ReshardPrices &reshards);

  /// The number of a placement; equivalent ones have the same.
  PlacementId intern(const placement::Placement &placement);
  const placement::Placement &at(PlacementId id) const { return placements[id]; }
  /// Of the largest part, at one moment. `stored` counts all micro-batches.
  int64_t bytes(PlacementId id) const { return localBytes[id]; }
  int64_t storedBytes(PlacementId id) const { return localBytes[id] * parts[id]; }
  bool isPartial(PlacementId id) const { return !placements[id].partial.empty(); }
  PlacementId withoutPartial(PlacementId id) { return intern(placement::withoutPartial(placements[id])); }
  const Move &move(PlacementId from, PlacementId to);
  int64_t size() const { return placements.size(); }

private:
  Move computeMove(PlacementId from, PlacementId to);

  placement::Shape shape;
  int64_t elementBytes;
  const placement::Mesh &mesh;
  ReshardPrices &reshards;
  std::map<placement::Placement, PlacementId> raw, canonical;
  std::vector<placement::Placement> placements;
  std::vector<int64_t> localBytes, parts;
  /// By source and target; in deques and behind pointers, so that references stay.
  std::deque<std::vector<std::unique_ptr<Move>>> moves;
};

/// The spaces of one mesh.
class SpaceTable {
public:
  SpaceTable(const placement::Mesh &mesh, ReshardPrices &reshards) : mesh(mesh), reshards(reshards) {}
  PlacementSpace &find(const placement::Shape &shape, int64_t elementBytes);
  const placement::Mesh &getMesh() const { return mesh; }

private:
  const placement::Mesh &mesh;
  ReshardPrices &reshards;
  std::map<std::pair<placement::Shape, int64_t>, std::unique_ptr<PlacementSpace>> spaces;
};

/// Number of micro-batches of which a value so placed is one.
int64_t countTimeParts(const placement::Placement &placement, const placement::Mesh &mesh);

} // namespace partita::planner

#endif // PARTITA_LIB_PLANNER_SPACE_H
