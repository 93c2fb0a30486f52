// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifiers of the value-form communication ops: each kind is one relation between the operand's placement and the
// result's. Extents (which need the mesh) are checked by the placement verifier pass.
#include "partita/dialects/collective/Collective.h"
#include <map>
#include <set>

using namespace mlir;
using namespace partita;
using namespace partita::collective;
using plan::PartAttr;
using plan::PlacementAttr;
using plan::SplitAttr;

namespace {
/// Axes that left and entered one dim. Order and units are not compared here: whether what changed was innermost is a
/// question of extents (a split that leaves everything on coordinate 0 commutes, and its unit is free), which the
/// placement verifier pass answers.
struct DimChange {
  SmallVector<SplitAttr> removed, added;
};

struct Change {
  SmallVector<DimChange> dims;
  std::map<StringRef, plan::PartialKind> partialRemoved, partialAdded;

  bool keepsPartial() const { return partialRemoved.empty() && partialAdded.empty(); }
  unsigned numRemoved() const {
    return llvm::count_if(dims, [](const DimChange &dim) { return !dim.removed.empty(); });
  }
  unsigned numAdded() const {
    return llvm::count_if(dims, [](const DimChange &dim) { return !dim.added.empty(); });
  }
  /// Axes that left or entered dims.
  std::set<std::string> axes(bool ofRemoved) const {
    std::set<std::string> names;
    for (const DimChange &dim : dims)
      for (SplitAttr split : ofRemoved ? dim.removed : dim.added)
        names.insert(split.getAxis().str());
    return names;
  }
};
} // namespace

static Change compare(PlacementAttr from, PlacementAttr to) {
  Change change;
  for (auto [before, after] : llvm::zip(from.getDims(), to.getDims())) {
    auto has = [](plan::DimSplitAttr splits, SplitAttr wanted) {
      return llvm::any_of(splits.getSplits(), [&](SplitAttr split) { return split.getAxis() == wanted.getAxis(); });
    };
    DimChange dim;
    for (SplitAttr split : before.getSplits())
      if (!has(after, split))
        dim.removed.push_back(split);
    for (SplitAttr split : after.getSplits())
      if (!has(before, split))
        dim.added.push_back(split);
    change.dims.push_back(dim);
  }
  for (plan::PartialAttr entry : from.getPartial())
    change.partialRemoved[entry.getAxis()] = entry.getKind();
  for (plan::PartialAttr entry : to.getPartial()) {
    auto found = change.partialRemoved.find(entry.getAxis());
    if (found != change.partialRemoved.end() && found->second == entry.getKind())
      change.partialRemoved.erase(found);
    else
      change.partialAdded[entry.getAxis()] = entry.getKind();
  }
  return change;
}

/// Rule STEP-4: counts are si64 and lie as the first dims of the input do; only steps that move rows have them.
static LogicalResult verifyCounts(Operation *op, PartAttr input) {
  if (op->getNumOperands() < 2)
    return success();
  PartAttr counts = plan::getPart(op->getOperand(1).getType());
  if (!isa<AllGatherOp, AllToAllOp, ExchangeOp>(op))
    return op->emitOpError("STEP-4: only a step that moves rows has counts");
  if (!counts || !counts.getGlobal().getElementType().isSignedInteger(64) ||
      counts.getGlobal().getRank() >= input.getGlobal().getRank())
    return op->emitOpError("STEP-4: counts are a part of an si64 value of fewer dims than the input");
  size_t rank = counts.getGlobal().getRank();
  if (counts.getGlobal().getShape() != input.getGlobal().getShape().take_front(rank) ||
      counts.getPlacement().getDims() != input.getPlacement().getDims().take_front(rank))
    return op->emitOpError() << "STEP-4: counts are placed " << counts.getPlacement() << ", the input "
                             << input.getPlacement();
  return success();
}

/// Rule STEP-1: operand and result are parts of one whole value. Rule STEP-2: `axes` are the axes that change.
static FailureOr<Change> verifyStep(Operation *op, Value input, Value result, ArrayAttr axes) {
  PartAttr from = plan::getPart(input.getType()), to = plan::getPart(result.getType());
  if (!from || !to)
    return op->emitOpError("STEP-1: operand and result carry parts");
  if (from.getGlobal() != to.getGlobal())
    return op->emitOpError() << "STEP-1: operand is a part of " << from.getGlobal() << ", result of " << to.getGlobal();
  if (failed(verifyCounts(op, from)))
    return failure();
  Change change = compare(from.getPlacement(), to.getPlacement());
  std::set<std::string> changed, listed;
  for (bool removed : {true, false})
    for (const std::string &axis : change.axes(removed))
      changed.insert(axis);
  for (auto &partial : {change.partialRemoved, change.partialAdded})
    for (auto &[axis, kind] : partial)
      changed.insert(axis.str());
  for (Attribute axis : axes)
    listed.insert(cast<StringAttr>(axis).getValue().str());
  // An exchange may also change only the order of splits: it names every axis of either side.
  if (changed != listed && !isa<ExchangeOp>(op))
    return op->emitOpError() << "STEP-2: the axes that change between " << from.getPlacement() << " and "
                             << to.getPlacement() << " are not " << axes;
  return change;
}

static LogicalResult refuse(Operation *op, StringRef rule) {
  return op->emitOpError() << "STEP-3: E-SPMD-TYPE: the placements of operand and result do not fit: " << rule;
}

LogicalResult AllReduceOp::verify() {
  FailureOr<Change> change = verifyStep(*this, getInput(), getResult(), getAxes());
  if (failed(change))
    return failure();
  if (change->numRemoved() || change->numAdded() || !change->partialAdded.empty() || change->partialRemoved.empty())
    return refuse(*this, "partial axes become replicated and nothing else changes");
  return success();
}

LogicalResult ReduceScatterOp::verify() {
  FailureOr<Change> change = verifyStep(*this, getInput(), getResult(), getAxes());
  if (failed(change))
    return failure();
  if (change->numRemoved() || change->numAdded() != 1 || !change->partialAdded.empty() ||
      change->partialRemoved.size() != change->axes(false).size())
    return refuse(*this, "partial axes become the innermost splits of one dim and nothing else changes");
  return success();
}

LogicalResult AllGatherOp::verify() {
  FailureOr<Change> change = verifyStep(*this, getInput(), getResult(), getAxes());
  if (failed(change))
    return failure();
  if (change->numRemoved() == 0 || change->numAdded() || !change->keepsPartial())
    return refuse(*this, "innermost splits become replicated and nothing else changes");
  return success();
}

LogicalResult AllToAllOp::verify() {
  FailureOr<Change> change = verifyStep(*this, getInput(), getResult(), getAxes());
  if (failed(change))
    return failure();
  if (change->numRemoved() != 1 || change->numAdded() != 1 || !change->keepsPartial() ||
      change->axes(true) != change->axes(false))
    return refuse(*this, "innermost splits of one dim become the innermost splits of another");
  return success();
}

LogicalResult ExchangeOp::verify() {
  FailureOr<Change> change = verifyStep(*this, getInput(), getResult(), getAxes());
  if (failed(change))
    return failure();
  if (plan::getPart(getInput().getType()).getPlacement().isPartial() ||
      plan::getPart(getResult().getType()).getPlacement().isPartial())
    return refuse(*this, "an exchange moves values that are not partial");
  return success();
}

LogicalResult collective::SliceOp::verify() {
  FailureOr<Change> change = verifyStep(*this, getInput(), getResult(), getAxes());
  if (failed(change))
    return failure();
  if (change->numRemoved() || change->numAdded() == 0 || !change->keepsPartial())
    return refuse(*this, "replicated axes become innermost splits and nothing else changes");
  return success();
}

LogicalResult PartializeOp::verify() {
  FailureOr<Change> change = verifyStep(*this, getInput(), getResult(), getAxes());
  if (failed(change))
    return failure();
  if (change->numRemoved() || change->numAdded() || !change->partialRemoved.empty() || change->partialAdded.empty())
    return refuse(*this, "replicated axes become partial and nothing else changes");
  return success();
}
