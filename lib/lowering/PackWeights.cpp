// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights in panels. Every product that could read one gets it, the choice of hoist-weights is asked, and where it
// would leave the panels to be made in each step, the product becomes again what it was.
#include "Dots.h"
#include "HoistChoice.h"
#include "KernelRegion.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "partita/lowering/Passes.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace partita::lowering {
#define GEN_PASS_DEF_PACKWEIGHTSPASS
#include "partita/lib/lowering/Passes.h.inc"
} // namespace partita::lowering

/// A single panel is as well read where the weight lies.
static constexpr int64_t kLeastColumns = 2 * kPanel;

namespace {

/// A product whose operand `weight` can be packed along the loop `columns`, the last dim of the result.
struct Packable {
  linalg::GenericOp op;
  unsigned weight, columns;
  int64_t group = 1; ///< Neighbours along the innermost k that lie behind each other.
};

/// The packed form of a product, beside what it was.
struct Packed {
  linalg::GenericOp product;
  tensor::CollapseShapeOp result;
  Value panels, source, init;
  unsigned weight;
  SmallVector<AffineMap> maps;
  SmallVector<utils::IteratorType> iterators;
};

} // namespace

/// Elements of a unit, if the product has a dot instruction and the weight whole units along its last k.
static int64_t findGroup(linalg::GenericOp op, unsigned weight, const CpuTarget &cpu) {
  std::optional<std::array<Widening, 2>> widenings = matchWidening(op);
  if (!widenings)
    return 1;
  auto operand = [&](unsigned i) { return DotOperand(getElementTypeOrSelf(op.getDpsInputs()[i]), (*widenings)[i]); };
  int64_t group = countGroup(findDot(cpu, getElementTypeOrSelf(op.getDpsInits()[0]), operand(0), operand(1)));
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInputOperand(weight));
  for (unsigned dim = map.getNumResults(); dim-- > 0;)
    if (op.getIteratorTypesArray()[map.getDimPosition(dim)] == utils::IteratorType::reduction)
      return cast<RankedTensorType>(op.getDpsInputs()[weight].getType()).getDimSize(dim) % group == 0 ? group : 1;
  return 1;
}

static std::optional<Packable> matchPackable(linalg::GenericOp op, const WeightDependence &dependence,
                                             const CpuTarget &cpu) {
  auto fill = isProduct(op) ? op.getDpsInits()[0].getDefiningOp<linalg::FillOp>() : linalg::FillOp();
  if (!fill || !op.hasPureTensorSemantics() || !fill.getDpsInits()[0].getDefiningOp<tensor::EmptyOp>())
    return std::nullopt;
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (result.getNumResults() < 2 || !result.isProjectedPermutation())
    return std::nullopt;
  auto columns = cast<AffineDimExpr>(result.getResults().back()).getPosition();
  for (unsigned weight : {1U, 0U}) {
    Value value = op.getDpsInputs()[weight];
    AffineMap map = op.getMatchingIndexingMap(op.getDpsInputOperand(weight));
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || !type.hasStaticShape() || !dependence.dependsOnWeights(value) || !map.isProjectedPermutation() ||
        !map.isFunctionOfDim(columns) ||
        op.getMatchingIndexingMap(op.getDpsInputOperand(1 - weight)).isFunctionOfDim(columns))
      continue;
    int64_t extent = type.getDimSize(*map.getResultPosition(getAffineDimExpr(columns, op.getContext())));
    if (extent % kPanel == 0 && extent >= kLeastColumns)
      return Packable{op, weight, columns, findGroup(op, weight, cpu)};
  }
  return std::nullopt;
}

/// The weight as panels, made where it is defined: batches, panels, all k (units), the columns of a panel, (k in a
/// unit).
static Value writePanels(OpBuilder &builder, Packable packable) {
  Value weight = packable.op.getDpsInputs()[packable.weight];
  builder.setInsertionPointAfterValue(weight);
  Location location = packable.op.getLoc();
  MLIRContext *context = builder.getContext();
  auto type = cast<RankedTensorType>(weight.getType());
  AffineMap map = packable.op.getMatchingIndexingMap(packable.op.getDpsInputOperand(packable.weight));
  SmallVector<utils::IteratorType> kinds = packable.op.getIteratorTypesArray();
  SmallVector<unsigned> batches, reduced;
  unsigned columns = 0;
  for (auto [dim, expression] : llvm::enumerate(map.getResults())) {
    unsigned loop = cast<AffineDimExpr>(expression).getPosition();
    if (loop == packable.columns)
      columns = dim;
    else
      (kinds[loop] == utils::IteratorType::parallel ? batches : reduced).push_back(dim);
  }
  SmallVector<int64_t> shape;
  SmallVector<AffineExpr> read(type.getRank());
  auto append = [&](unsigned dim) {
    read[dim] = getAffineDimExpr(shape.size(), context);
    shape.push_back(type.getDimSize(dim));
  };
  llvm::for_each(batches, append);
  AffineExpr panel = getAffineDimExpr(shape.size(), context);
  shape.push_back(type.getDimSize(columns) / kPanel);
  llvm::for_each(reduced, append);
  read[columns] = panel * kPanel + getAffineDimExpr(shape.size(), context);
  shape.push_back(kPanel);
  if (packable.group > 1) {
    shape[shape.size() - 2] /= packable.group;
    read[reduced.back()] = read[reduced.back()] * packable.group + getAffineDimExpr(shape.size(), context);
    shape.push_back(packable.group);
  }
  Value empty = tensor::EmptyOp::create(builder, location, shape, type.getElementType());
  unsigned rank = shape.size();
  return linalg::GenericOp::create(builder, location, empty.getType(), weight, empty,
                                   {AffineMap::get(rank, 0, read, context), builder.getMultiDimIdentityMap(rank)},
                                   SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
                                   [](OpBuilder &inner, Location at, ValueRange elements) {
                                     linalg::YieldOp::create(inner, at, elements[0]);
                                   })
      .getResult(0);
}

/// The zeros of the result with its last dim in panels.
static Value writeZeros(OpBuilder &builder, linalg::FillOp fill) {
  auto empty = fill.getDpsInits()[0].getDefiningOp<tensor::EmptyOp>();
  SmallVector<OpFoldResult> sizes = empty.getMixedSizes();
  int64_t columns = empty.getType().getShape().back();
  sizes.back() = builder.getIndexAttr(columns / kPanel);
  sizes.push_back(builder.getIndexAttr(kPanel));
  Value panels = tensor::EmptyOp::create(builder, fill.getLoc(), sizes, empty.getType().getElementType());
  return linalg::FillOp::create(builder, fill.getLoc(), fill.getInputs(), panels).result();
}

static linalg::GenericOp writeProduct(OpBuilder &builder, linalg::GenericOp from, ValueRange inputs, Value init,
                                      ArrayRef<AffineMap> maps, ArrayRef<utils::IteratorType> kinds) {
  auto product = linalg::GenericOp::create(builder, from.getLoc(), init.getType(), inputs, init, maps, kinds);
  IRMapping mapping;
  from.getRegion().cloneInto(&product.getRegion(), mapping);
  return product;
}

static Packed pack(OpBuilder &builder, Packable packable, Value panels) {
  linalg::GenericOp op = packable.op;
  MLIRContext *context = op.getContext();
  unsigned loops = op.getNumLoops();
  Packed packed{{},
                {},
                panels,
                op.getDpsInputs()[packable.weight],
                op.getDpsInits()[0],
                packable.weight,
                op.getIndexingMapsArray(),
                op.getIteratorTypesArray()};
  builder.setInsertionPoint(op);
  Value init = writeZeros(builder, packed.init.getDefiningOp<linalg::FillOp>());
  AffineExpr inPanel = getAffineDimExpr(loops, context);
  SmallVector<AffineExpr> batches, reduced, result(packed.maps[2].getResults());
  for (AffineExpr expression : packed.maps[packable.weight].getResults()) {
    unsigned loop = cast<AffineDimExpr>(expression).getPosition();
    if (loop != packable.columns)
      (packed.iterators[loop] == utils::IteratorType::parallel ? batches : reduced).push_back(expression);
  }
  batches.push_back(getAffineDimExpr(packable.columns, context));
  llvm::append_range(batches, reduced);
  batches.push_back(inPanel);
  result.push_back(inPanel);
  SmallVector<AffineExpr> other(packed.maps[1 - packable.weight].getResults());
  SmallVector<utils::IteratorType> kinds = packed.iterators;
  kinds.push_back(utils::IteratorType::parallel);
  if (packable.group > 1) {
    // The loop of the last k goes over units.
    AffineExpr unit = reduced.back(), inUnit = getAffineDimExpr(kinds.size(), context);
    for (AffineExpr &expression : other)
      expression = expression.replace(unit, unit * packable.group + inUnit);
    batches.push_back(inUnit);
    kinds.push_back(utils::IteratorType::reduction);
  }
  auto mapOf = [&](ArrayRef<AffineExpr> dims) { return AffineMap::get(kinds.size(), 0, dims, context); };
  SmallVector<AffineMap> maps(3);
  maps[packable.weight] = mapOf(batches);
  maps[1 - packable.weight] = mapOf(other);
  maps[2] = mapOf(result);
  SmallVector<Value> inputs(op.getDpsInputs());
  inputs[packable.weight] = panels;
  packed.product = writeProduct(builder, op, inputs, init, maps, kinds);
  if (packable.group > 1)
    packed.product->setAttr(kUnitsAttr, builder.getI64IntegerAttr(packable.group));
  unsigned rank = packed.maps[2].getNumResults();
  SmallVector<ReassociationIndices> groups;
  for (unsigned dim = 0; dim < rank; ++dim)
    groups.push_back({dim});
  groups.back().push_back(rank);
  packed.result = tensor::CollapseShapeOp::create(builder, op.getLoc(), op->getResult(0).getType(),
                                                  packed.product->getResult(0), groups);
  op->getResult(0).replaceAllUsesWith(packed.result);
  op.erase();
  return packed;
}

static void unpack(OpBuilder &builder, Packed packed) {
  builder.setInsertionPoint(packed.product);
  SmallVector<Value> inputs(packed.product->getOperands().take_front(2));
  inputs[packed.weight] = packed.source;
  linalg::GenericOp product = writeProduct(builder, packed.product, inputs, packed.init, packed.maps, packed.iterators);
  packed.result->getResult(0).replaceAllUsesWith(product->getResult(0));
  Operation *zeros = packed.product.getDpsInits()[0].getDefiningOp(), *empty = zeros->getOperand(1).getDefiningOp();
  for (Operation *op : {packed.result.getOperation(), packed.product.getOperation(), zeros, empty})
    op->erase();
  if (Operation *panels = packed.panels.getDefiningOp(); panels->use_empty()) {
    Operation *place = panels->getOperand(1).getDefiningOp();
    panels->erase();
    place->erase();
  }
}

namespace {

struct PackWeightsPass : lowering::impl::PackWeightsPassBase<PackWeightsPass> {
  using PackWeightsPassBase::PackWeightsPassBase;

  void runOnOperation() override {
    FailureOr<CpuTarget> target = describeCpu(getOperation(), cpu);
    if (failed(target))
      return signalPassFailure();
    std::vector<Packed> all;
    HoistChoice before(getOperation());
    for (auto &[name, candidate] : before.getCandidates())
      packAll(candidate, *target, all);
    HoistChoice after(getOperation());
    after.choose();
    llvm::DenseSet<Value> held;
    for (auto &[name, candidate] : after.getCandidates())
      for (const HeldValue &each : candidate.held)
        held.insert(each.value);
    OpBuilder builder(&getContext());
    for (const Packed &packed : all)
      if (!held.contains(packed.panels))
        unpack(builder, packed);
  }

  /// Products of one weight share its panels.
  static void packAll(HoistCandidate &candidate, const CpuTarget &cpu, std::vector<Packed> &all) {
    OpBuilder builder(candidate.kernel->getContext());
    std::map<std::tuple<const void *, const void *, int64_t>, Value> panels;
    for (auto op : llvm::make_early_inc_range(candidate.kernel.getOps<linalg::GenericOp>())) {
      std::optional<Packable> packable = matchPackable(op, *candidate.dependence, cpu);
      if (!packable)
        continue;
      AffineMap map = op.getMatchingIndexingMap(op.getDpsInputOperand(packable->weight));
      Value weight = op.getDpsInputs()[packable->weight];
      Value &packed = panels[{weight.getAsOpaquePointer(), map.getAsOpaquePointer(), packable->group}];
      if (!packed)
        packed = writePanels(builder, *packable);
      all.push_back(pack(builder, *packable, packed));
    }
  }
};

} // namespace
