// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "LoopChoice.h"
#include "Lanes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

/// A tile has a copy of the body for each of its rows.
static constexpr int64_t kMaxTurned = 8, kMaxTurnedLanes = 16;

static bool isParallel(linalg::GenericOp op, unsigned loop) {
  return op.getIteratorTypesArray()[loop] == utils::IteratorType::parallel;
}

/// Bits of an element in a vector; 0 for what is no element. Indices and booleans follow the others.
static int64_t countBits(Type type) {
  Type element = getElementTypeOrSelf(type);
  if (element.isInteger(1) || !isa<FloatType, IntegerType>(element))
    return 0;
  return element.getIntOrFloatBitWidth();
}

/// Bits of the widest elements that the body computes with and that differ along `loop`.
static int64_t findWidest(linalg::GenericOp op, unsigned loop) {
  int64_t widest = 8;
  llvm::DenseSet<Value> varying;
  auto add = [&](Value value) {
    varying.insert(value);
    widest = std::max(widest, countBits(value.getType()));
  };
  for (auto [argument, map] : llvm::zip(op.getRegion().front().getArguments(), op.getIndexingMapsArray()))
    if (map.isFunctionOfDim(loop) || argument.getArgNumber() >= op.getNumDpsInputs())
      add(argument);
  op.getRegion().walk<WalkOrder::PreOrder>([&](Operation *inner) {
    auto index = dyn_cast<linalg::IndexOp>(inner);
    bool isVarying = (index && index.getDim() == loop) || inner->getNumRegions() > 0 ||
                     llvm::any_of(inner->getOperands(), [&](Value operand) { return varying.contains(operand); });
    if (isVarying)
      llvm::for_each(inner->getResults(), add);
  });
  return widest;
}

/// Bits of the narrowest elements in memory; booleans are bytes.
static int64_t findNarrowest(linalg::GenericOp op) {
  int64_t narrowest = 64;
  auto visit = [&](Type type) {
    if (auto memref = dyn_cast<MemRefType>(type))
      narrowest = std::min(narrowest, std::max<int64_t>(8, countBits(memref)));
  };
  for (Type type : op->getOperandTypes())
    visit(type);
  op.getRegion().walk([&](memref::LoadOp load) { visit(load.getMemRefType()); });
  return narrowest;
}

static std::optional<int64_t> findExtent(linalg::GenericOp op, unsigned loop) {
  int64_t extent = op.getStaticLoopRanges()[loop];
  return ShapedType::isDynamic(extent) ? std::nullopt : std::optional(extent);
}

static AccessKind classify(OpOperand &operand, unsigned loop) {
  auto op = cast<linalg::GenericOp>(operand.getOwner());
  auto memref = dyn_cast<MemRefType>(operand.get().getType());
  return memref ? classifyAccess(memref, op.getMatchingIndexingMap(&operand), loop) : AccessKind::steady;
}

static SmallVector<OpOperand *> usedInputs(linalg::GenericOp op) {
  SmallVector<OpOperand *> inputs;
  for (OpOperand *input : op.getDpsInputOperands())
    if (!op.getRegion().front().getArgument(input->getOperandNumber()).use_empty())
      inputs.push_back(input);
  return inputs;
}

/// The loop along which all operands are contiguous that are not so along `loop`.
static std::optional<unsigned> findAcross(linalg::GenericOp op, unsigned loop, int64_t lanes) {
  int64_t size = std::distance(op.getRegion().front().begin(), op.getRegion().front().end());
  std::optional<int64_t> extent = findExtent(op, loop);
  if (op.getNumReductionLoops() > 0 || size > kMaxTurned || (extent && *extent < lanes))
    return std::nullopt;
  for (unsigned other = 0; other < op.getNumLoops(); ++other) {
    std::optional<int64_t> width = findExtent(op, other);
    bool isFound = false, fits = other != loop && (!width || *width >= lanes);
    for (OpOperand *input : usedInputs(op)) {
      if (classify(*input, loop) != AccessKind::strided)
        continue;
      isFound = true;
      fits = fits && classify(*input, other) == AccessKind::contiguous &&
             !getElementTypeOrSelf(input->get().getType()).isInteger(1);
    }
    if (isFound && fits)
      return other;
  }
  return std::nullopt;
}

/// Vector accesses and work for one element; nothing where the loop cannot run along vectors.
static std::optional<double> estimateCost(linalg::GenericOp op, unsigned loop, int64_t lanes, bool isTurned) {
  for (OpOperand &output : op.getDpsInitsMutable())
    if (classify(output, loop) != (isParallel(op, loop) ? AccessKind::contiguous : AccessKind::steady))
      return std::nullopt;
  double cost = 2, strided = isTurned ? 3 : static_cast<double>(lanes);
  for (OpOperand *input : usedInputs(op)) {
    AccessKind kind = classify(*input, loop);
    cost += kind == AccessKind::steady ? 0.25 : kind == AccessKind::contiguous ? 1 : strided;
  }
  std::optional<int64_t> extent = findExtent(op, loop);
  if (extent && *extent < lanes)
    cost *= static_cast<double>(lanes) / static_cast<double>(std::max<int64_t>(*extent, 1));
  // The lanes of a reduction have to be combined in the end.
  return isParallel(op, loop) ? cost : cost * 1.1;
}

static std::optional<LoopChoice> makeChoice(linalg::GenericOp op, unsigned loop, VectorShape shape) {
  LoopChoice choice;
  choice.loop = loop;
  choice.lanes = shape.bits / findWidest(op, loop);
  choice.isReduction = !isParallel(op, loop);
  choice.masksRest = shape.narrowestMasked > 0 && findNarrowest(op) >= shape.narrowestMasked;
  if (choice.isReduction && !(choice.combiner = findCombiner(op)))
    return std::nullopt;
  if (!choice.isReduction)
    choice.across = findAcross(op, loop, std::min(choice.lanes, kMaxTurnedLanes));
  if (choice.across)
    choice.lanes = std::min(choice.lanes, kMaxTurnedLanes);
  std::optional<double> cost = estimateCost(op, loop, choice.lanes, choice.across.has_value());
  std::optional<int64_t> extent = findExtent(op, loop);
  bool fits = !extent || *extent >= choice.lanes || (choice.masksRest && 2 * *extent >= choice.lanes);
  if (!cost || choice.lanes < 2 || !fits)
    return std::nullopt;
  choice.cost = *cost;
  for (unsigned other = 0; other < op.getNumLoops(); ++other)
    if (other != loop && other != choice.across && isParallel(op, other))
      choice.order.push_back(other);
  if (choice.across)
    choice.order.push_back(*choice.across);
  choice.numOuter = choice.order.size();
  if (!choice.isReduction)
    choice.order.push_back(loop);
  for (unsigned other = 0; other < op.getNumLoops(); ++other)
    if (other != loop && !isParallel(op, other))
      choice.order.push_back(other);
  if (choice.isReduction)
    choice.order.push_back(loop);
  return choice;
}

SmallVector<LoopChoice> lowering::rankLoops(linalg::GenericOp op, VectorShape shape) {
  SmallVector<LoopChoice> choices;
  for (OpOperand &output : op.getDpsInitsMutable())
    if (!op.getMatchingIndexingMap(&output).isProjectedPermutation() || !isa<MemRefType>(output.get().getType()))
      return choices;
  for (unsigned loop = op.getNumLoops(); loop-- > 0;)
    if (std::optional<LoopChoice> choice = makeChoice(op, loop, shape))
      choices.push_back(*choice);
  llvm::stable_sort(choices, [](const LoopChoice &a, const LoopChoice &b) { return a.cost < b.cost; });
  return choices;
}

unsigned lowering::countAccumulators(const LoopChoice &choice, OpFoldResult end) {
  std::optional<int64_t> extent = getConstantIntValue(end);
  unsigned count = 4;
  while (count > 1 && extent && *extent < count * choice.lanes)
    count /= 2;
  return count;
}
