// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers of programs, channels, extents and of the destination-style communication ops.
#include "partita/dialects/collective/Collective.h"
#include <set>

using namespace mlir;
using namespace partita;
using namespace partita::collective;

/// Rule PROGRAM-1: a device is in one event list; PROGRAM-2: targets are of the kind the event needs.
LogicalResult ProgramOp::verify() {
  std::set<int64_t> devices;
  for (Attribute entry : getEvents()) {
    auto list = dyn_cast<EventListAttr>(entry);
    if (!list)
      return emitOpError("PROGRAM-1: events are #partita_collective.events");
    for (int64_t device : list.getDevices())
      if (!devices.insert(device).second)
        return emitOpError() << "PROGRAM-1: device " << device << " has two event lists";
    for (EventAttr event : list.getEvents()) {
      bool wantsChannel = event.getKind() == EventKind::send || event.getKind() == EventKind::receive;
      Operation *target = SymbolTable::lookupNearestSymbolFrom(*this, event.getTarget());
      if (!target || isa<ChannelOp>(target) != wantsChannel || isa<plan::StageOp>(target) == wantsChannel)
        return emitOpError() << "PROGRAM-2: event " << event << " needs the symbol of a "
                             << (wantsChannel ? "channel" : "stage");
      if (event.getMicroBatch() < 0 || event.getSlot() < 0 || event.getVersion() < 0)
        return emitOpError() << "PROGRAM-2: event " << event << " has a negative number";
    }
  }
  return success();
}

/// Rule CHANNEL-1: both sides are parts of one whole value, neither partial.
LogicalResult ChannelOp::verify() {
  plan::PartAttr source = plan::getPart(getSourceType()), destination = plan::getPart(getDestinationType());
  if (!source || !destination)
    return emitOpError("CHANNEL-1: both types carry parts");
  if (source.getGlobal() != destination.getGlobal())
    return emitOpError() << "CHANNEL-1: sends a part of " << source.getGlobal() << ", receives a part of "
                         << destination.getGlobal();
  if (source.getPlacement().isPartial() || destination.getPlacement().isPartial())
    return emitOpError("CHANNEL-1: partial values cannot cross stages");
  return success();
}

static LogicalResult verifyIndexOfPart(Operation *op, Type type, int64_t dim) {
  plan::PartAttr part = plan::getPart(type);
  if (!part)
    return op->emitOpError() << "EXTENT-1: " << type << " carries no part";
  if (dim < 0 || dim >= part.getGlobal().getRank())
    return op->emitOpError() << "EXTENT-1: dim " << dim << " is outside " << type;
  return success();
}

LogicalResult ExtentOp::verify() { return verifyIndexOfPart(*this, getType(), getDim()); }
LogicalResult OffsetOp::verify() { return verifyIndexOfPart(*this, getType(), getDim()); }

/// Rule COMM-1: shapes and element types of the buffers are those of the parts.
static LogicalResult verifyBuffer(Operation *op, Type buffer, Type part, StringRef what) {
  auto shaped = dyn_cast<ShapedType>(buffer);
  auto described = dyn_cast<RankedTensorType>(part);
  if (!described || !plan::getPart(part))
    return op->emitOpError() << "COMM-1: the type of the " << what << " carries no part";
  if (!shaped || !shaped.hasRank() || shaped.getRank() != described.getRank())
    return op->emitOpError() << "COMM-1: the " << what << " has type " << buffer << ", described as " << part;
  return success();
}

LogicalResult StartOp::verify() {
  if (failed(verifyBuffer(*this, getSource().getType(), getSourceType(), "source")))
    return failure();
  return verifyBuffer(*this, getDestination().getType(), getDestinationType(), "destination");
}

LogicalResult WaitOp::verify() {
  bool onTensors = isa<TensorType>(getDestination().getType());
  if (getResult().size() != (onTensors ? 1u : 0u))
    return emitOpError("COMM-2: has a result exactly when it works on tensors");
  if (onTensors && getResult()[0].getType() != getDestination().getType())
    return emitOpError("COMM-2: the result has the destination's type");
  auto start = getToken().getDefiningOp<StartOp>();
  if (start && start.getId() != getId())
    return emitOpError() << "COMM-2: waits for communication " << getId() << " with the token of " << start.getId();
  return success();
}
