// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Contraction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

std::optional<int64_t> Contraction::count(ArrayRef<unsigned> loops) const {
  int64_t product = 1;
  for (unsigned loop : loops) {
    std::optional<int64_t> extent = getConstantIntValue(extents[loop]);
    if (!extent)
      return std::nullopt;
    product *= *extent;
  }
  return product;
}

//===-- body ------------------------------------------------------------------------------------------------------===//

/// The block argument that `value` is, perhaps widened.
static BlockArgument findArgument(Value value, Widening &widening) {
  widening = Widening::none;
  if (Operation *op = value.getDefiningOp()) {
    if (isa<arith::ExtFOp>(op))
      widening = Widening::extendFloat;
    else if (isa<arith::ExtSIOp>(op))
      widening = Widening::extendSigned;
    else if (isa<arith::ExtUIOp>(op))
      widening = Widening::extendUnsigned;
    else
      return {};
    value = op->getOperand(0);
  }
  return dyn_cast<BlockArgument>(value);
}

template <typename Add, typename Multiply>
static bool matchSum(Value sum, BlockArgument accumulator, std::array<BlockArgument, 2> &factors,
                     std::array<Widening, 2> &widenings) {
  auto add = sum.getDefiningOp<Add>();
  if (!add)
    return false;
  Value other = add.getLhs() == accumulator ? add.getRhs() : add.getLhs();
  auto multiply = other.getDefiningOp<Multiply>();
  if (!multiply || (add.getLhs() != accumulator && add.getRhs() != accumulator))
    return false;
  factors = {findArgument(multiply.getLhs(), widenings[0]), findArgument(multiply.getRhs(), widenings[1])};
  return factors[0] && factors[1] && factors[0] != factors[1];
}

/// What vectors and their masked loads can hold, on every processor.
static bool isSupported(Type stored, Type computed, Widening widening) {
  auto isWhole = [](Type type) {
    return type.isInteger(8) || type.isInteger(16) || type.isInteger(32) || type.isInteger(64);
  };
  if (!computed.isF32() && !computed.isF64() && !isWhole(computed))
    return false;
  if (widening == Widening::none)
    return stored == computed;
  return widening == Widening::extendFloat ? stored.isF16() || stored.isBF16() || stored.isF32() : isWhole(stored);
}

std::optional<std::array<Widening, 2>> lowering::matchWidening(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return std::nullopt;
  Block &body = op.getRegion().front();
  BlockArgument accumulator = body.getArgument(2);
  Value sum = body.getTerminator()->getOperand(0);
  std::array<BlockArgument, 2> factors;
  std::array<Widening, 2> widenings;
  if (!matchSum<arith::AddFOp, arith::MulFOp>(sum, accumulator, factors, widenings) &&
      !matchSum<arith::AddIOp, arith::MulIOp>(sum, accumulator, factors, widenings))
    return std::nullopt;
  std::array<Widening, 2> result{};
  for (auto [factor, widening] : llvm::zip(factors, widenings)) {
    if (factor.getArgNumber() > 1 || !isSupported(factor.getType(), sum.getType(), widening))
      return std::nullopt;
    result[factor.getArgNumber()] = widening;
  }
  return result;
}

static bool matchBody(linalg::GenericOp op, std::array<ContractionBuffer, 3> &buffers) {
  std::optional<std::array<Widening, 2>> widenings = matchWidening(op);
  if (!widenings || !op.hasPureBufferSemantics())
    return false;
  for (unsigned i = 0; i < 2; ++i)
    buffers[i].widening = (*widenings)[i];
  for (unsigned i = 0; i < 3; ++i) {
    buffers[i].buffer = op->getOperand(i);
    if (!isa<MemRefType>(buffers[i].buffer.getType()))
      return false;
    buffers[i].element = getElementTypeOrSelf(buffers[i].buffer.getType());
  }
  return true;
}

//===-- strides ---------------------------------------------------------------------------------------------------===//

/// How much `expression` grows with each loop; false where it is not linear with known factors.
static bool addLinear(AffineExpr expression, int64_t factor, SmallVectorImpl<int64_t> &steps) {
  if (auto dim = dyn_cast<AffineDimExpr>(expression)) {
    steps[dim.getPosition()] += factor;
    return true;
  }
  // A constant would move the begin; no op has one.
  if (auto constant = dyn_cast<AffineConstantExpr>(expression))
    return constant.getValue() == 0;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expression);
  if (!binary)
    return false;
  if (binary.getKind() == AffineExprKind::Add)
    return addLinear(binary.getLHS(), factor, steps) && addLinear(binary.getRHS(), factor, steps);
  auto scale = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return binary.getKind() == AffineExprKind::Mul && scale &&
         addLinear(binary.getLHS(), factor * scale.getValue(), steps);
}

/// steps[result of the map][loop]; false where the map is not linear.
static bool findSteps(AffineMap map, SmallVectorImpl<SmallVector<int64_t>> &steps) {
  for (AffineExpr expression : map.getResults())
    if (!addLinear(expression, 1, steps.emplace_back(map.getNumDims(), 0)))
      return false;
  return true;
}

static OpFoldResult multiply(OpBuilder &builder, Location location, OpFoldResult value, int64_t factor) {
  if (std::optional<int64_t> known = getConstantIntValue(value))
    return builder.getIndexAttr(*known * factor);
  if (factor == 1)
    return value;
  Value scale = arith::ConstantIndexOp::create(builder, location, factor);
  return arith::MulIOp::create(builder, location, cast<Value>(value), scale).getResult();
}

static OpFoldResult add(OpBuilder &builder, Location location, OpFoldResult a, OpFoldResult b) {
  std::optional<int64_t> first = getConstantIntValue(a), second = getConstantIntValue(b);
  if (first && second)
    return builder.getIndexAttr(*first + *second);
  if (first == 0)
    return b;
  if (second == 0)
    return a;
  return arith::AddIOp::create(builder, location, getValueOrCreateConstantIndexOp(builder, location, a),
                               getValueOrCreateConstantIndexOp(builder, location, b))
      .getResult();
}

static bool isKnown(OpFoldResult value, int64_t number) { return getConstantIntValue(value) == number; }

/// False where a map or layout is not one of strides.
static bool findStrides(OpBuilder &builder, linalg::GenericOp op, unsigned operand, ContractionBuffer &buffer) {
  auto type = cast<MemRefType>(buffer.buffer.getType());
  AffineMap map = op.getIndexingMapsArray()[operand];
  SmallVector<SmallVector<int64_t>> steps;
  SmallVector<int64_t> known;
  int64_t offset = 0;
  if (failed(type.getStridesAndOffset(known, offset)) || !findSteps(map, steps))
    return false;
  SmallVector<OpFoldResult> places;
  memref::ExtractStridedMetadataOp metadata;
  for (auto [dim, stride] : llvm::enumerate(known)) {
    if (!ShapedType::isDynamic(stride)) {
      places.push_back(builder.getIndexAttr(stride));
      continue;
    }
    if (!metadata)
      metadata = memref::ExtractStridedMetadataOp::create(builder, op.getLoc(), buffer.buffer);
    places.push_back(metadata.getStrides()[dim]);
  }
  for (unsigned loop = 0; loop < map.getNumDims(); ++loop) {
    OpFoldResult total = builder.getIndexAttr(0);
    for (auto [place, step] : llvm::zip(places, steps))
      if (step[loop] != 0)
        total = add(builder, op.getLoc(), total, multiply(builder, op.getLoc(), place, step[loop]));
    buffer.strides.push_back(total);
  }
  return true;
}

//===-- roles -----------------------------------------------------------------------------------------------------===//

/// Outermost first, by the strides in `buffer`: unknown ones count as large.
static void sortByStride(SmallVectorImpl<unsigned> &loops, const ContractionBuffer &buffer) {
  auto key = [&](unsigned loop) {
    return getConstantIntValue(buffer.strides[loop]).value_or(std::numeric_limits<int64_t>::max());
  };
  llvm::sort(loops, [&](unsigned a, unsigned b) { return key(a) != key(b) ? key(a) > key(b) : a < b; });
}

/// `outer` continues where `inner` ends.
static bool continues(const Contraction &roles, const ContractionBuffer &buffer, unsigned outer, unsigned inner) {
  std::optional<int64_t> far = getConstantIntValue(buffer.strides[outer]),
                         near = getConstantIntValue(buffer.strides[inner]),
                         extent = getConstantIntValue(roles.extents[inner]);
  return far && near && extent && *far == *near * *extent;
}

/// The innermost loops of `loops` that are one loop in C; the others become outer loops.
static SmallVector<unsigned> takeChain(Contraction &roles, SmallVector<unsigned> loops) {
  sortByStride(loops, roles.c);
  SmallVector<unsigned> chain;
  for (unsigned loop : llvm::reverse(loops)) {
    if (chain.empty() || continues(roles, roles.c, loop, chain.front()))
      chain.insert(chain.begin(), loop);
    else
      roles.outer.push_back(loop);
  }
  return chain;
}

/// Panels of units: the innermost k lie behind each other, then come the columns of a panel.
static bool hasUnits(const Contraction &roles, int64_t group) {
  unsigned inner = roles.reduced.back(), column = roles.columns.back();
  return group > 1 && roles.columns.size() <= 2 && roles.count(roles.columns.back()) == kPanel &&
         roles.count(inner) == group && isKnown(roles.b.strides[inner], 1) && isKnown(roles.b.strides[column], group);
}

/// Whether B's columns can be read without a copy, and how. `group`: elements of a unit, if there are units.
static void findPlace(Contraction &roles, int64_t group) {
  const SmallVector<unsigned> &columns = roles.columns;
  bool isInUnits = hasUnits(roles, group);
  size_t plain = roles.reduced.size() - (isInUnits ? 1 : 0);
  for (size_t i = 1; i < plain; ++i)
    if (!continues(roles, roles.b, roles.reduced[i - 1], roles.reduced[i]))
      return;
  if (isInUnits) {
    roles.group = group;
    roles.panelStride = columns.size() == 2 ? roles.b.strides[columns[0]] : roles.b.strides[columns.back()];
    roles.readsInPlace = true;
    return;
  }
  if (!isKnown(roles.b.strides[columns.back()], 1))
    return;
  // The outermost columns that do not continue the run are the panels.
  size_t first = columns.size() - 1;
  while (first > 0 && continues(roles, roles.b, columns[first - 1], columns[first]))
    --first;
  if (first > 1)
    return;
  if (first == 1) {
    if (roles.count(ArrayRef(columns).drop_front()) != kPanel)
      return;
    roles.panelStride = roles.b.strides[columns[0]];
  } else if (roles.count(columns) == kPanel && isKnown(roles.b.strides[roles.reduced.back()], kPanel)) {
    // One panel, which has no next one.
    roles.panelStride = roles.b.strides[columns.back()];
  }
  roles.readsInPlace = true;
}

/// Sorts loops into the groups, `a` and `b` being chosen; false where one has no role.
static bool assignRoles(Contraction &roles, ArrayRef<utils::IteratorType> iterators, int64_t group) {
  SmallVector<unsigned> rows, columns;
  for (unsigned loop = 0; loop < iterators.size(); ++loop) {
    if (isKnown(roles.extents[loop], 1))
      continue;
    bool inA = !isKnown(roles.a.strides[loop], 0), inB = !isKnown(roles.b.strides[loop], 0),
         inC = !isKnown(roles.c.strides[loop], 0);
    if (iterators[loop] == utils::IteratorType::reduction) {
      if (!inA || !inB || inC)
        return false;
      roles.reduced.push_back(loop);
      continue;
    }
    if (!inC)
      return false;
    (inA == inB ? roles.outer : inA ? rows : columns).push_back(loop);
  }
  roles.rows = takeChain(roles, rows);
  roles.columns = takeChain(roles, columns);
  sortByStride(roles.reduced, roles.b);
  if (roles.columns.empty() || roles.reduced.empty() || !isKnown(roles.c.strides[roles.columns.back()], 1))
    return false;
  findPlace(roles, group);
  return true;
}

/// A row vector times a matrix that would have to be copied is better read as it lies; so are very few columns.
static bool isWorthwhile(const Contraction &roles) {
  std::optional<int64_t> rows = roles.count(roles.rows), columns = roles.count(roles.columns);
  if (columns && *columns < 4)
    return false;
  return !rows || *rows > 1 || roles.readsInPlace;
}

std::optional<Contraction> lowering::matchContraction(OpBuilder &builder, linalg::GenericOp op) {
  std::array<ContractionBuffer, 3> buffers;
  if (!matchBody(op, buffers))
    return std::nullopt;
  SmallVector<OpFoldResult> extents;
  for (Range range : cast<linalg::LinalgOp>(op.getOperation()).createLoopRanges(builder, op.getLoc()))
    extents.push_back(range.size);
  for (unsigned i = 0; i < 3; ++i)
    if (!findStrides(builder, op, i, buffers[i]))
      return std::nullopt;
  auto units = op->getAttrOfType<IntegerAttr>(kUnitsAttr);
  for (bool swapped : {false, true}) {
    Contraction roles;
    roles.a = buffers[swapped ? 1 : 0];
    roles.b = buffers[swapped ? 0 : 1];
    roles.c = buffers[2];
    roles.extents = extents;
    if (assignRoles(roles, op.getIteratorTypesArray(), units ? units.getInt() : 1) && isWorthwhile(roles))
      return roles;
  }
  return std::nullopt;
}
