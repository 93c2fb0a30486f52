// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Payload.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace partita::adapters {

namespace {
/// How a scalar depends on a set of inputs.
enum class Dependence { none, linear, other };
} // namespace

/// The region's argument that holds the old value of this destination; null when the region does not get one.
static BlockArgument getDestinationArgument(linalg::LinalgOp op, unsigned destination) {
  Block *body = op.getBlock();
  unsigned inputs = op.getNumDpsInputs(), all = inputs + op.getNumDpsInits();
  return body->getNumArguments() == all ? body->getArgument(inputs + destination) : BlockArgument();
}

static std::optional<ReductionKind> getKind(Operation *combiner) {
  if (isa<arith::AddFOp, arith::AddIOp>(combiner))
    return ReductionKind::sum;
  // Unsigned comparisons and those that skip NaN have no counterpart between ranks.
  bool isBool = combiner->getResult(0).getType().isInteger(1);
  if (isa<arith::MaximumFOp>(combiner) || (isa<arith::MaxSIOp>(combiner) && !isBool))
    return ReductionKind::max;
  if (isa<arith::MinimumFOp>(combiner) || (isa<arith::MinSIOp>(combiner) && !isBool))
    return ReductionKind::min;
  if (isa<arith::AndIOp>(combiner) && isBool)
    return ReductionKind::logicalAnd;
  if (isa<arith::OrIOp>(combiner) && isBool)
    return ReductionKind::logicalOr;
  return std::nullopt;
}

/// The op that combines the old value of a destination with a new one, the old value being read nowhere else.
static Operation *getCombiner(linalg::LinalgOp op, unsigned destination) {
  BlockArgument old = getDestinationArgument(op, destination);
  Value yielded = op.getBlock()->getTerminator()->getOperand(destination);
  Operation *combiner = yielded.getDefiningOp();
  if (!old || !old.hasOneUse() || !combiner || *old.user_begin() != combiner || combiner->getNumOperands() != 2 ||
      combiner->getNumResults() != 1)
    return nullptr;
  return combiner;
}

std::optional<ReductionKind> findCombiner(linalg::LinalgOp op) {
  std::optional<ReductionKind> kind;
  for (unsigned destination = 0; destination < op.getNumDpsInits(); ++destination) {
    Operation *combiner = getCombiner(op, destination);
    std::optional<ReductionKind> own = combiner ? getKind(combiner) : std::nullopt;
    if (!own || (kind && *kind != *own))
      return std::nullopt;
    kind = own;
  }
  return kind;
}

bool overwritesDestinations(linalg::LinalgOp op) {
  for (unsigned destination = 0; destination < op.getNumDpsInits(); ++destination)
    if (BlockArgument old = getDestinationArgument(op, destination); old && !old.use_empty())
      return false;
  return true;
}

static Dependence combine(Operation *op, ArrayRef<Dependence> operands) {
  if (llvm::all_of(operands, [](Dependence one) { return one == Dependence::none; }))
    return Dependence::none;
  auto linear = [](bool holds) { return holds ? Dependence::linear : Dependence::other; };
  auto is = [&](unsigned operand, Dependence wanted) { return operands[operand] == wanted; };
  if (isa<arith::AddFOp, arith::AddIOp, arith::SubFOp, arith::SubIOp>(op))
    return linear(is(0, Dependence::linear) && is(1, Dependence::linear));
  if (isa<arith::MulFOp, arith::MulIOp>(op))
    return linear((is(0, Dependence::linear) && is(1, Dependence::none)) ||
                  (is(0, Dependence::none) && is(1, Dependence::linear)));
  if (isa<arith::DivFOp>(op))
    return linear(is(0, Dependence::linear) && is(1, Dependence::none));
  if (isa<arith::NegFOp>(op))
    return linear(is(0, Dependence::linear));
  if (isa<arith::SelectOp>(op))
    return linear(is(0, Dependence::none) && is(1, Dependence::linear) && is(2, Dependence::linear));
  return Dependence::other;
}

/// Whether every yielded value is linear in the inputs of the set, or adds what is linear in them to its destination.
static bool isLinearIn(linalg::LinalgOp op, ArrayRef<unsigned> inputs) {
  llvm::DenseMap<Value, Dependence> known;
  for (unsigned input : inputs)
    known[op.getBlock()->getArgument(input)] = Dependence::linear;
  // The old value of a sum is added once, whichever rank holds it: it counts as linear.
  for (unsigned destination = 0; destination < op.getNumDpsInits(); ++destination)
    if (BlockArgument old = getDestinationArgument(op, destination))
      known[old] = old.use_empty() ? Dependence::none : Dependence::linear;
  for (Operation &scalar : op.getBlock()->without_terminator()) {
    if (scalar.getNumRegions() != 0)
      return false;
    SmallVector<Dependence> operands;
    for (Value operand : scalar.getOperands())
      operands.push_back(known.lookup_or(operand, Dependence::none));
    Dependence dependence = operands.empty() ? Dependence::none : combine(&scalar, operands);
    for (Value result : scalar.getResults())
      known[result] = dependence;
  }
  return llvm::all_of(op.getBlock()->getTerminator()->getOperands(),
                      [&](Value yielded) { return known.lookup_or(yielded, Dependence::none) == Dependence::linear; });
}

SmallVector<SmallVector<unsigned, 2>, 2> findLinearInputs(linalg::LinalgOp op) {
  SmallVector<unsigned> tensors;
  for (OpOperand *input : op.getDpsInputOperands())
    if (isa<RankedTensorType>(input->get().getType()))
      tensors.push_back(input->getOperandNumber());
  std::optional<ReductionKind> combiner = findCombiner(op);
  SmallVector<SmallVector<unsigned, 2>, 2> found;
  if (!overwritesDestinations(op) && combiner != ReductionKind::sum)
    return found;
  unsigned count = tensors.size();
  if (count > 4) {
    for (unsigned input : tensors)
      if (isLinearIn(op, {input}))
        found.push_back({input});
    if (isLinearIn(op, tensors))
      found.push_back(SmallVector<unsigned, 2>(tensors.begin(), tensors.end()));
    return found;
  }
  for (unsigned mask = 1; mask < (1u << count); ++mask) {
    SmallVector<unsigned, 2> inputs;
    for (unsigned bit = 0; bit < count; ++bit)
      if (mask & (1u << bit))
        inputs.push_back(tensors[bit]);
    if (isLinearIn(op, inputs))
      found.push_back(inputs);
  }
  return found;
}

double countOperations(linalg::LinalgOp op) {
  double total = 0;
  op.getBlock()->walk([&](Operation *scalar) {
    // A polynomial of degree 5 to 7 and the reduction of its range are about ten vector operations.
    bool isCheap = isa<math::AbsFOp, math::AbsIOp, math::FmaOp, math::SqrtOp, math::FloorOp, math::CeilOp>(scalar);
    if (isa_and_nonnull<math::MathDialect>(scalar->getDialect()) && !isCheap)
      total += 10;
    else if (!scalar->hasTrait<OpTrait::ConstantLike>() && !scalar->hasTrait<OpTrait::IsTerminator>())
      total += 1;
  });
  return total;
}

llvm::SetVector<Value> findCapturedValues(Operation *op) {
  llvm::SetVector<Value> captured;
  getUsedValuesDefinedAbove(op->getRegions(), captured);
  return captured;
}

} // namespace partita::adapters
