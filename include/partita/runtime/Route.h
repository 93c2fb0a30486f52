// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Routes: for one rank and one movement of a tensor, which regions it takes from whom. All collectives
// and all channels between stages are this one computation, on boxes.
//
// Worked example, a reduce-scatter of [6] over three ranks: from = partial(sum), to = [6 split]. Rank 1
// holds [2, 4) afterwards; its route is one part, region [2, 4), members 0, 1, 2 reduced in this order.
// An all-gather of the same tensor gives every rank three parts of one member each.
#ifndef PARTITA_RUNTIME_ROUTE_H
#define PARTITA_RUNTIME_ROUTE_H

#include "partita/runtime/Box.h"

namespace partita::runtime {

/// A region and the members of the source stage whose local tensors (all with the box `sourceBox`)
/// hold it. More than one member: they are reduced in this order, the same on every receiver.
struct RoutePart {
  Box region;
  Box sourceBox;
  std::vector<int64_t> members;
};

struct Route {
  ElementType elementType = ElementType::f32;
  ReductionKind reduction = ReductionKind::sum;
  Box destinationBox;
  std::vector<RoutePart> parts;
  std::vector<int64_t> members; ///< All members of the parts, ascending.
};

/// One end of a movement.
struct RouteEnd {
  const Stage &stage;
  const Layout &layout;
  int64_t microBatch = 0;
};

/// Coordinates (one per axis of the stage) of a member at a micro-batch. Members count row-major over
/// the axes of kind space.
std::vector<int64_t> memberCoordinates(const Stage &stage, int64_t member, int64_t microBatch);

/// Product of the sizes of the time axes.
int64_t microBatchCount(const Stage &stage);

/// The route of member `member` of the destination. Within a stage, a replicated source is read at the
/// member's own coordinates; across stages, from the member on the same device if there is one, else
/// the receivers take turns.
Route planRoute(const RouteEnd &source, const RouteEnd &destination, int64_t member, const int64_t *symbols);

/// The members, ascending and with `member` itself, among which a collective moves data: they differ in
/// coordinates only on axes that a tensor is gathered, moved or reduced over.
std::vector<int64_t> collectiveGroup(const Stage &stage, const Layout &from, const Layout &to, int64_t member);

/// Whether the member stores its box when every element is to be stored once: its coordinates are zero
/// on the axes over which the layout is replicated.
bool isOwner(const Stage &stage, const Layout &layout, const std::vector<int64_t> &coordinates);

} // namespace partita::runtime

#endif // PARTITA_RUNTIME_ROUTE_H
