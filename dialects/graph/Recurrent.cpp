// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// recurrent: verifier, loops, work. Its spelling in small ops is in RecurrentDecomposition.cpp.
#include "partita/dialects/graph/Support.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;

int64_t RecurrentOp::getNumGates() { return getKind() == CellKind::rnn ? 1 : getKind() == CellKind::gru ? 3 : 4; }
int64_t RecurrentOp::getNumStates() { return getKind() == CellKind::lstm ? 2 : 1; }
int64_t RecurrentOp::getNumFunctions() { return getKind() == CellKind::rnn ? 1 : getKind() == CellKind::gru ? 2 : 3; }
CellFunction RecurrentOp::getFunction(unsigned index) {
  return symbolizeCellFunction(cast<StringAttr>(getFunctions()[index]).getValue()).value_or(CellFunction::tanh);
}

/// What the attributes must agree on.
static LogicalResult verifyAttributes(RecurrentOp op) {
  auto count = static_cast<size_t>(op.getNumFunctions());
  if (op.getFunctions().size() != count || op.getAlpha().size() != count || op.getBeta().size() != count)
    return op.emitOpError() << "GRAPH-8: a cell of kind " << stringifyCellKind(op.getKind()) << " has " << count
                            << " functions, each with alpha and beta";
  for (auto name : op.getFunctions().getAsRange<StringAttr>())
    if (!symbolizeCellFunction(name.getValue()))
      return op.emitOpError() << "GRAPH-8: " << name << " is no function of a cell";
  if (op.getClip().isNegative() || !op.getClip().isFinite())
    return op.emitOpError("GRAPH-8: clip is not negative");
  bool resetsAfter = op.getKind() == CellKind::gru && op.getResetAfter();
  if (op.getResetAfter() != resetsAfter || (op.getBias() && !resetsAfter))
    return op.emitOpError("GRAPH-8: reset_after and bias belong to a gru");
  if ((op.getPeepholes() || op.getCoupled()) && op.getKind() != CellKind::lstm)
    return op.emitOpError("GRAPH-8: peepholes and coupled belong to an lstm");
  return success();
}

LogicalResult RecurrentOp::verify() {
  auto gates = tensorType(getGates()), weights = tensorType(getWeights()), initial = tensorType(getInitial()),
       result = tensorType(getResult());
  if (gates.getRank() != 5 || weights.getRank() != 4 || initial.getRank() != 4 || result.getRank() != 5)
    return emitOpError(
        "GRAPH-1: gates are [time, direction, batch, gate, unit], weights [direction, gate, unit, unit], "
        "initial [state, direction, batch, unit], the result [state, time, direction, batch, unit]");
  struct Pair {
    RankedTensorType type;
    int64_t dim;
    RankedTensorType like;
    int64_t likeDim;
  };
  for (const Pair &pair :
       {Pair{weights, 0, gates, 1}, Pair{weights, 2, gates, 4}, Pair{weights, 3, gates, 4}, Pair{initial, 1, gates, 1},
        Pair{initial, 2, gates, 2}, Pair{initial, 3, gates, 4}, Pair{result, 1, gates, 0}, Pair{result, 2, gates, 1},
        Pair{result, 3, gates, 2}, Pair{result, 4, gates, 4}})
    if (!mayBeEqual(pair.type, pair.dim, pair.like, pair.likeDim))
      return emitOpError() << "GRAPH-1: dim " << pair.dim << " of " << pair.type << " differs from dim " << pair.likeDim
                           << " of " << pair.like;
  if (failed(verifyExtent(*this, gates, 3, getNumGates())) || failed(verifyExtent(*this, weights, 1, getNumGates())) ||
      failed(verifyExtent(*this, initial, 0, getNumStates())) || failed(verifyExtent(*this, result, 0, getNumStates())))
    return failure();
  bool isWhole = !gates.getEncoding() || isa<ShapeAttr>(gates.getEncoding());
  if (isWhole && failed(verifyExtent(*this, gates, 1, getDirection() == Direction::both ? 2 : 1)))
    return failure();
  auto verifyExtra = [&](Value value, int64_t rank, StringRef what) -> LogicalResult {
    if (value && (tensorType(value).getRank() != rank || !mayBeEqual(tensorType(value), 0, gates, 1) ||
                  !mayBeEqual(tensorType(value), rank - 1, gates, 4)))
      return emitOpError() << "GRAPH-1: " << what << " is " << value.getType() << ", which does not fit the gates";
    return value ? verifySameElement(*this, gates, tensorType(value)) : success();
  };
  if (failed(verifyExtra(getBias(), 2, "bias")) || failed(verifyExtra(getPeepholes(), 3, "peepholes")))
    return failure();
  if (getPeepholes() && failed(verifyExtent(*this, tensorType(getPeepholes()), 1, 3)))
    return failure();
  if (getLengths() && (tensorType(getLengths()).getRank() != 1 || !mayBeEqual(tensorType(getLengths()), 0, gates, 2)))
    return emitOpError("GRAPH-1: lengths are [batch]");
  for (RankedTensorType type : {weights, initial, result})
    if (failed(verifySameElement(*this, gates, type)))
      return failure();
  return verifyAttributes(*this);
}

/// More steps than this would be too many ops.
static constexpr int64_t kMostSteps = 64;

bool RecurrentOp::canBeWrittenOut() {
  auto type = tensorType(getGates());
  return !type.isDynamicDim(0) && !type.isDynamicDim(1) && type.getDimSize(0) > 0 && type.getDimSize(0) <= kMostSteps;
}

// Loops: time, direction, batch, state, gate, unit, unit before, peephole.
LoopNest RecurrentOp::getLoopNest() {
  auto gates = tensorType(getGates());
  const char *step = "each step needs the states of the step before";
  int64_t units = getDimBound(gates, 4);
  std::string tooLong =
      "the states of all units meet at each step, and a cell is written out step by step for at most " +
      std::to_string(kMostSteps) + " steps, known at compile time";
  LoopNest nest;
  nest.loops = {Loop::whole(getDimBound(gates, 0), "time", step, gates.isDynamicDim(0)),
                Loop::parallel(getDimBound(gates, 1), "direction"),
                Loop::parallel(getDimBound(gates, 2), "batch", gates.isDynamicDim(2)),
                Loop::whole(getNumStates(), "state", "the states of a unit depend on each other"),
                Loop::whole(getNumGates(), "gate", "the gates of a unit meet in its state"),
                canBeWrittenOut() ? Loop::expand(units, "unit") : Loop::whole(units, "unit", tooLong),
                Loop::whole(units, "unit_before", "the gates of each unit need the states of all units")};
  nest.operands = {indexByLoops({0, 1, 2, 4, 5}), indexByLoops({1, 4, 5, 6}), indexByLoops({3, 1, 2, 5})};
  if (getBias())
    nest.operands.push_back(indexByLoops({1, 5}));
  if (getPeepholes())
    nest.operands.push_back(indexByLoops({1, -1, 5}));
  if (getLengths())
    nest.operands.push_back(indexByLoops({2}));
  nest.results = {indexByLoops({3, 0, 1, 2, 5})};
  return nest;
}

Work RecurrentOp::getWork(ArrayRef<int64_t> extents) {
  double cells = product({extents[0], extents[1], extents[2], extents[4], extents[5]});
  return {2 * cells * static_cast<double>(extents[6]) + 12 * cells, WorkKind::matrix};
}
