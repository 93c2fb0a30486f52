// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Space.cpp - Placements of one shape, numbered and priced --------------------===//
#include "Space.h"

#include "llvm/ADT/STLExtras.h"

namespace partita::planner {

double ProgramPrice::seconds(const placement::StepDescription &step) const {
  bool isOverTime =
      llvm::any_of(step.axes, [&](int axis) { return step.mesh.axes[axis].kind == placement::AxisKind::time; });
  if (isOverTime && step.kind != placement::StepKind::slice)
    return std::numeric_limits<double>::infinity();
  return base.seconds(step);
}

int64_t countTimeParts(const placement::Placement &placement, const placement::Mesh &mesh) {
  int64_t parts = 1;
  for (const placement::DimSplit &dim : placement.dims)
    for (const placement::Split &split : dim)
      if (mesh.axes[split.axis].kind == placement::AxisKind::time)
        parts *= mesh.axes[split.axis].size;
  return parts;
}

PlacementSpace::PlacementSpace(placement::Shape shape, int64_t elementBytes, const placement::Mesh &mesh,
                               ReshardPrices &reshards)
    : shape(std::move(shape)), elementBytes(elementBytes), mesh(mesh), reshards(reshards) {}

PlacementId PlacementSpace::intern(const placement::Placement &placement) {
  if (auto found = raw.find(placement); found != raw.end())
    return found->second;
  placement::Placement form = placement::canonicalize(placement, shape, mesh);
  auto [entry, isNew] = canonical.emplace(form, placements.size());
  if (isNew) {
    localBytes.push_back(placement::boundOfLocalElements(shape, form, mesh) * elementBytes);
    parts.push_back(countTimeParts(form, mesh));
    placements.push_back(std::move(form));
  }
  raw[placement] = entry->second;
  return entry->second;
}

Move PlacementSpace::computeMove(PlacementId from, PlacementId to) {
  const placement::Reshard *found = reshards.table.find(shape, elementBytes, mesh, placements[from], placements[to]);
  if (!found)
    return {};
  // Every step is executed for each micro-batch, whether the value differs between them or not.
  int64_t executions = placement::timeCount(mesh);
  Move move{0, {}};
  for (size_t i = 1; i < found->path.size(); ++i) {
    std::optional<placement::Step> step = placement::classifyStep(shape, mesh, found->path[i - 1], found->path[i]);
    if (!step)
      return {};
    double seconds = reshards.price.seconds(
        placement::describeStep(*step, shape, elementBytes, mesh, found->path[i - 1], found->path[i]));
    move.price = std::min(kNever, addSaturated(move.price, multiplySaturated(toPicoseconds(seconds), executions)));
    move.path.push_back(intern(found->path[i]));
  }
  return move;
}

const Move &PlacementSpace::move(PlacementId from, PlacementId to) {
  if (moves.size() <= static_cast<size_t>(from))
    moves.resize(from + 1);
  if (moves[from].size() <= static_cast<size_t>(to))
    moves[from].resize(to + 1);
  if (!moves[from][to]) {
    // Computing may number further placements, but asks for no other move.
    Move found = from == to ? Move{0, {}} : computeMove(from, to);
    moves[from][to] = std::make_unique<Move>(std::move(found));
  }
  return *moves[from][to];
}

PlacementSpace &SpaceTable::find(const placement::Shape &shape, int64_t elementBytes) {
  std::unique_ptr<PlacementSpace> &space = spaces[{shape, elementBytes}];
  if (!space)
    space = std::make_unique<PlacementSpace>(shape, elementBytes, mesh, reshards);
  return *space;
}

} // namespace partita::planner
