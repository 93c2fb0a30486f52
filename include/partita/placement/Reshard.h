// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Reshard.h - From one placement to another ----------------*- C++ -*-===//
//
// The cheapest sequence of collectives that turns one placement of a value into another on the same mesh.
//
// Example, mesh x = 2, y = 4, shape 8 x 8, from [x, _] sum(y) to [_, _]:
//   findReshard(...)->path == {[x, _] sum(y), [x y, _], [_, _]}: a reduce-scatter over y, then one all-gather over x,
//   y.
//
// STEPS. Every step between two placements has one kind, deduced by classifyStep; `unit` may be any:
//   slice          replicated axes become the innermost cuts of one dim; local
//   allGather      the opposite: innermost cuts of one dim are removed
//   partialize     replicated axes become partial: coordinate 0 of them keeps the value, the others hold the identity
//                  of the kind (0, -inf, inf, true, false); local
//   allReduce      partial axes become replicated
//   reduceScatter  partial axes become the innermost cuts of one dim
//   allToAll       innermost cuts of one dim become the innermost cuts of another dim
//   exchange       any placement without partial axes becomes any other: every rank asks for the boxes it lacks
//                  (Regions.h). At each time coordinate the ranks together must hold what they need then.
// Cuts with a window count as innermost cuts of a whole dim where they are a step's result. They are never what a step
// changes: a value that is read with halos is kept without them as well.
// Several axes may go in one step (one group of ranks); their AxisKind is the same. Placements are compared in
// canonical form, and a concentrating cut counts as innermost wherever it stands (it commutes).
//
// TIME. A step over time axes moves nothing between ranks: it accumulates or concatenates what the micro-batches leave.
// A step over space axes on a value that differs between micro-batches is executed once for each of them, and all
// executions are paid for; so gradients are accumulated first and reduced once.
//
// THE SPACE SEARCHED. All canonical placements in which a cut of dim d over axis a has unit 1 or a unit it has there in
// `from` or `to` (a concentrating cut stays concentrating), an axis of kind time is only where `from` or `to` has it,
// and an axis is partial only with a kind it has in `from` or `to`. An exchange is used only to reach `to` (or `to`
// without its partial axes). On meshes with more than three axes of size > 1, what `from` and `to` have in common
// (outermost cuts, partial axes) stays as it is, and of the axes that both replicate only the first are used, up to
// three axes in all; if four to six axes move, an axis goes only where `from` or `to` has it; if more, the
// cuts of a dim change all at once. Inside its space the answer is exact for any price: Dijkstra's algorithm on
// integers, ties broken by fewer steps, then by the lexicographic order of the path.
//
//===----------------------------------------------------------------------===//

#ifndef PARTITA_PLACEMENT_RESHARD_H
#define PARTITA_PLACEMENT_RESHARD_H

#include "partita/placement/CommunicationPrice.h"

#include <memory>

namespace partita::placement {

/// The kind of the step and the axes it works on, ascending. For slice, allGather and reduceScatter `dim` is the dim
/// cut or gathered, for allToAll the dim gathered and `otherDim` the dim cut; -1 where there is none.
struct Step {
  StepKind kind;
  std::vector<int> axes;
  int dim = -1;
  int otherDim = -1;

  auto operator<=>(const Step &) const = default;
};

/// The one step that turns `from` into `to`; nothing if they are equivalent or no single step does it. Where several
/// kinds fit, the first in the order slice, partialize, allReduce, reduceScatter, allGather, allToAll, exchange.
std::optional<Step> classifyStep(const Shape &shape, const Mesh &mesh, const Placement &from, const Placement &to);

/// What the step moves. Precondition: `step` is classifyStep of the same arguments.
StepDescription describeStep(const Step &step, const Shape &shape, int64_t elementBytes, const Mesh &mesh,
                             const Placement &from, const Placement &to);

/// `path` starts with the canonical form of `from` and ends with that of `to`; consecutive entries are one step apart.
/// path.size() == 1 if nothing is to be done. `seconds` is for all executions (see TIME above).
struct Reshard {
  std::vector<Placement> path;
  double seconds = 0;

  bool operator==(const Reshard &) const = default;
};

/// The cheapest sequence; nothing if a placement is malformed (findError) or every sequence costs infinity.
/// `elementBytes` is the size of one element.
std::optional<Reshard> findReshard(const Shape &shape, int64_t elementBytes, const Mesh &mesh, const Placement &from,
                                   const Placement &to, const CommunicationPrice &price);

/// Remembers answers of findReshard for one price, keyed by value. An answer never depends on earlier questions. Safe
/// to use from several threads. `price` must outlive the table.
class ReshardTable {
public:
  explicit ReshardTable(const CommunicationPrice &price);
  ~ReshardTable();
  ReshardTable(const ReshardTable &) = delete;
  ReshardTable &operator=(const ReshardTable &) = delete;

  /// As findReshard. The pointer stays valid as long as the table; null stands for "no sequence".
  const Reshard *find(const Shape &shape, int64_t elementBytes, const Mesh &mesh, const Placement &from,
                      const Placement &to);

private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation;
};

} // namespace partita::placement

#endif // PARTITA_PLACEMENT_RESHARD_H
