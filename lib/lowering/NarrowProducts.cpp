// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operands of 32-bit products whose elements fit into 8 or 16 bits are kept in as many: the interval of a value follows
// from the conversions and differences that it is computed by, and what only moves elements moves narrow ones.
#include "Contraction.h"
#include "HoistChoice.h"
#include "Kernel.h"
#include "KernelRegion.h"
#include "ZeroPoints.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "partita/lowering/Passes.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace partita::lowering {
#define GEN_PASS_DEF_NARROWPRODUCTSPASS
#include "partita/lib/lowering/Passes.h.inc"
} // namespace partita::lowering

/// Ops between a product and what computes its operand, at most: chains are as long as models nest changes of shape.
static constexpr unsigned kMostMoves = 16;
/// Elements of a constant that are looked at.
static constexpr int64_t kMostElements = 1 << 16;

namespace {

/// Both ends belong to it.
struct Interval {
  int64_t low, high;

  bool isWithin(int64_t least, int64_t most) const { return least <= low && high <= most; }
};
using Found = std::optional<Interval>;

/// A narrow integer type and how its elements become 32-bit ones.
struct Narrow {
  IntegerType type;
  bool isUnsigned;
};

class ProductNarrower {
public:
  explicit ProductNarrower(MLIRContext *context) : builder(context) {}

  /// A product of 32-bit integers that are read as they are.
  static bool isWide(linalg::GenericOp product) {
    std::optional<std::array<Widening, 2>> widenings = isProduct(product) ? matchWidening(product) : std::nullopt;
    return widenings && getElementTypeOrSelf(product.getDpsInits()[0]).isInteger(32) &&
           product.hasPureTensorSemantics() && *widenings == std::array{Widening::none, Widening::none};
  }

  /// The narrow type into which all elements of a value fit, if there is one.
  std::optional<Narrow> findType(Value value) {
    Found interval = findInterval(value, 0);
    return interval ? chooseType(*interval) : std::nullopt;
  }

  void run(linalg::GenericOp product) {
    if (!isWide(product))
      return;
    SmallVector<Narrow> narrows;
    for (Value input : product.getDpsInputs()) {
      std::optional<Narrow> narrow = findType(input);
      if (!narrow)
        return;
      narrows.push_back(*narrow);
    }
    builder.setInsertionPoint(product);
    SmallVector<Value> inputs;
    for (auto [input, narrow] : llvm::zip(product.getDpsInputs(), narrows))
      inputs.push_back(narrowValue(input, narrow));
    rewrite(product, inputs, narrows);
  }

private:
  std::optional<Narrow> chooseType(Interval interval) {
    if (interval.isWithin(-128, 127))
      return Narrow{builder.getIntegerType(8), false};
    if (interval.isWithin(0, 255))
      return Narrow{builder.getIntegerType(8), true};
    if (interval.isWithin(-(1 << 15), (1 << 15) - 1))
      return Narrow{builder.getIntegerType(16), false};
    return std::nullopt;
  }

  //===-- intervals -----------------------------------------------------------------------------------------------===//

  static bool isElementwise(linalg::GenericOp op) {
    return op && op.getNumReductionLoops() == 0 && op.getNumDpsInits() == 1 && op.hasPureTensorSemantics() &&
           op.getDpsInits()[0].getDefiningOp<tensor::EmptyOp>();
  }

  Found findInterval(Value value, unsigned depth) {
    Operation *op = value.getDefiningOp();
    if (!op || depth > kMostMoves)
      return std::nullopt;
    if (auto generic = dyn_cast<linalg::GenericOp>(op))
      return isElementwise(generic) ? findScalar(generic, generic.getBody()->getTerminator()->getOperand(0), depth)
                                    : Found();
    if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp, tensor::ExtractSliceOp>(op))
      return findInterval(op->getOperand(0), depth + 1);
    if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
      Found source = findInterval(insert.getSource(), depth + 1), rest = findInterval(insert.getDest(), depth + 1);
      return source && rest ? Found({std::min(source->low, rest->low), std::max(source->high, rest->high)}) : Found();
    }
    if (auto fill = dyn_cast<linalg::FillOp>(op))
      return findConstant(fill.value());
    return findConstant(value);
  }

  static Found findConstant(Value value) {
    Attribute attribute;
    if (!matchPattern(value, m_Constant(&attribute)))
      return std::nullopt;
    if (auto number = dyn_cast<IntegerAttr>(attribute))
      return Interval{number.getValue().getSExtValue(), number.getValue().getSExtValue()};
    auto elements = dyn_cast<DenseIntElementsAttr>(attribute);
    if (!elements || elements.empty() || elements.getNumElements() > kMostElements)
      return std::nullopt;
    Interval interval{std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()};
    for (const APInt &element : elements) {
      interval.low = std::min(interval.low, element.getSExtValue());
      interval.high = std::max(interval.high, element.getSExtValue());
    }
    return interval;
  }

  /// Of a value in the body of an elementwise op.
  Found findScalar(linalg::GenericOp op, Value value, unsigned depth) {
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      bool isInput = argument.getOwner() == op.getBody() && argument.getArgNumber() < op.getNumDpsInputs();
      return isInput ? findInterval(op->getOperand(argument.getArgNumber()), depth + 1) : Found();
    }
    Operation *inner = value.getDefiningOp();
    if (isa<arith::ExtSIOp, arith::ExtUIOp>(inner)) {
      unsigned width = cast<IntegerType>(inner->getOperand(0).getType()).getWidth();
      if (width > 16)
        return std::nullopt;
      int64_t count = int64_t(1) << width;
      return isa<arith::ExtUIOp>(inner) ? Interval{0, count - 1} : Interval{-count / 2, count / 2 - 1};
    }
    if (isa<arith::SubIOp, arith::AddIOp>(inner)) {
      Found a = findScalar(op, inner->getOperand(0), depth), b = findScalar(op, inner->getOperand(1), depth);
      if (!a || !b)
        return std::nullopt;
      return isa<arith::AddIOp>(inner) ? Interval{a->low + b->low, a->high + b->high}
                                       : Interval{a->low - b->high, a->high - b->low};
    }
    return findConstant(value);
  }

  //===-- values --------------------------------------------------------------------------------------------------===//

  Value narrowValue(Value value, Narrow narrow) {
    Value &known = values[{value, narrow.type}];
    if (known)
      return known;
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointAfterValue(value);
    Value result = write(value, narrow);
    return values[{value, narrow.type}] = result;
  }

  Value write(Value value, Narrow narrow) {
    Operation *op = value.getDefiningOp();
    if (auto generic = dyn_cast<linalg::GenericOp>(op))
      return writeElementwise(generic, narrow);
    if (auto fill = dyn_cast<linalg::FillOp>(op)) {
      auto empty = fill.getDpsInits()[0].getDefiningOp<tensor::EmptyOp>();
      return empty ? writeFill(fill, empty, narrow) : truncate(value, narrow);
    }
    if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
      Value source = narrowValue(insert.getSource(), narrow), dest = narrowValue(insert.getDest(), narrow);
      return tensor::InsertSliceOp::create(builder, op->getLoc(), source, dest, insert.getMixedOffsets(),
                                           insert.getMixedSizes(), insert.getMixedStrides());
    }
    if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp, tensor::ExtractSliceOp>(op)) {
      IRMapping mapping;
      mapping.map(op->getOperand(0), narrowValue(op->getOperand(0), narrow));
      Operation *moved = builder.clone(*op, mapping);
      moved->getResult(0).setType(cast<RankedTensorType>(value.getType()).clone(narrow.type));
      return moved->getResult(0);
    }
    return truncate(value, narrow);
  }

  Value writeFill(linalg::FillOp fill, tensor::EmptyOp empty, Narrow narrow) {
    IntegerAttr number;
    matchPattern(fill.value(), m_Constant(&number));
    Value scalar = arith::ConstantOp::create(
        builder, fill.getLoc(), builder.getIntegerAttr(narrow.type, number.getValue().trunc(narrow.type.getWidth())));
    return linalg::FillOp::create(builder, fill.getLoc(), scalar, emptyLike(empty, narrow)).getResult(0);
  }

  Value emptyLike(tensor::EmptyOp empty, Narrow narrow) {
    return tensor::EmptyOp::create(builder, empty.getLoc(), empty.getMixedSizes(), narrow.type);
  }

  Value truncate(Value value, Narrow narrow) {
    Location location = value.getLoc();
    Value empty =
        tensor::EmptyOp::create(builder, location, tensor::getMixedSizes(builder, location, value), narrow.type);
    int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
    AffineMap identity = builder.getMultiDimIdentityMap(rank);
    return linalg::GenericOp::create(builder, location, TypeRange{empty.getType()}, value, empty,
                                     ArrayRef<AffineMap>{identity, identity},
                                     SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
                                     [&](OpBuilder &inner, Location at, ValueRange elements) {
                                       Value small = arith::TruncIOp::create(inner, at, narrow.type, elements[0]);
                                       linalg::YieldOp::create(inner, at, small);
                                     })
        .getResult(0);
  }

  /// Whether the op is only the conversion that the product does itself, of all elements where they are.
  static bool isConversion(linalg::GenericOp op, Narrow narrow) {
    Operation *inner = op.getBody()->getTerminator()->getOperand(0).getDefiningOp();
    bool isMeant = narrow.isUnsigned ? isa_and_nonnull<arith::ExtUIOp>(inner) : isa_and_nonnull<arith::ExtSIOp>(inner);
    return isMeant && op.getNumDpsInputs() == 1 && inner->getOperand(0) == op.getBody()->getArgument(0) &&
           inner->getOperand(0).getType() == narrow.type &&
           llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) { return map.isIdentity(); });
  }

  Value writeElementwise(linalg::GenericOp op, Narrow narrow) {
    if (isConversion(op, narrow))
      return op->getOperand(0);
    Value yielded = op.getBody()->getTerminator()->getOperand(0);
    bool moves = yielded == op.getBody()->getArgument(0) && op.getNumDpsInputs() == 1;
    SmallVector<Value> inputs(op.getDpsInputs());
    if (moves)
      inputs[0] = narrowValue(inputs[0], narrow);
    Value empty = emptyLike(op.getDpsInits()[0].getDefiningOp<tensor::EmptyOp>(), narrow);
    auto result = linalg::GenericOp::create(
        builder, op.getLoc(), TypeRange{empty.getType()}, inputs, empty, op.getIndexingMapsArray(),
        op.getIteratorTypesArray(), [&](OpBuilder &inner, Location at, ValueRange elements) {
          if (moves) {
            linalg::YieldOp::create(inner, at, elements[0]);
            return;
          }
          IRMapping mapping;
          mapping.map(op.getBody()->getArguments().drop_back(), elements.drop_back());
          for (Operation &each : op.getBody()->without_terminator())
            inner.clone(each, mapping);
          linalg::YieldOp::create(
              inner, at, arith::TruncIOp::create(inner, at, narrow.type, mapping.lookupOrDefault(yielded)).getResult());
        });
    // Marks of layouts stay.
    result->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    return result.getResult(0);
  }

  void rewrite(linalg::GenericOp product, ArrayRef<Value> inputs, ArrayRef<Narrow> narrows) {
    auto result = linalg::GenericOp::create(
        builder, product.getLoc(), product->getResultTypes(), inputs, product.getDpsInits(),
        product.getIndexingMapsArray(), product.getIteratorTypesArray(),
        [&](OpBuilder &inner, Location at, ValueRange elements) {
          IRMapping mapping;
          Type wide = inner.getI32Type();
          for (unsigned i = 0; i < 2; ++i)
            mapping.map(product.getBody()->getArgument(i),
                        narrows[i].isUnsigned ? arith::ExtUIOp::create(inner, at, wide, elements[i]).getResult()
                                              : arith::ExtSIOp::create(inner, at, wide, elements[i]).getResult());
          mapping.map(product.getBody()->getArgument(2), elements[2]);
          for (Operation &each : product.getBody()->getOperations())
            inner.clone(each, mapping);
        });
    product->replaceAllUsesWith(result);
    product.erase();
  }

  OpBuilder builder;
  DenseMap<std::pair<Value, Type>, Value> values; ///< The narrow form of each.
};

struct NarrowProductsPass : lowering::impl::NarrowProductsPassBase<NarrowProductsPass> {
  void runOnOperation() override {
    {
      HoistChoice choice(getOperation());
      std::vector<std::pair<linalg::GenericOp, CentredOperand>> centred;
      for (auto &[name, candidate] : choice.getCandidates())
        for (linalg::GenericOp product : candidate.kernel.getOps<linalg::GenericOp>())
          if (std::optional<CentredOperand> found = findCentred(product, *candidate.dependence))
            centred.emplace_back(product, *found);
      for (auto &[product, operand] : centred)
        splitZeroPoint(product, operand);
    }
    for (func::FuncOp kernel : getOperation().getOps<func::FuncOp>())
      if (isKernel(kernel))
        narrow(kernel);
  }

  void narrow(func::FuncOp kernel) {
    ProductNarrower narrower(&getContext());
    SmallVector<linalg::GenericOp> products(kernel.getOps<linalg::GenericOp>());
    for (linalg::GenericOp product : products)
      narrower.run(product);
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(kernel.getBody().front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }

  /// The operand without whose zero point the product is one of ui8 by si8, the other being a weight.
  std::optional<CentredOperand> findCentred(linalg::GenericOp product, const WeightDependence &dependence) {
    ProductNarrower narrower(&getContext());
    if (!narrower.isWide(product))
      return std::nullopt;
    for (unsigned operand : {0U, 1U}) {
      Value other = product.getDpsInputs()[1 - operand];
      std::optional<CentredOperand> centred = matchCentred(product, operand);
      if (!centred || !dependence.dependsOnWeights(other))
        continue;
      std::optional<Narrow> weight = narrower.findType(other), x = narrower.findType(centred->x);
      if (!weight || !x || weight->type.getWidth() != 8 || x->type.getWidth() != 8 ||
          (weight->isUnsigned && x->isUnsigned))
        continue;
      if (!weight->isUnsigned && !x->isUnsigned)
        centred->offset = 128;
      if (centred->zero || centred->offset)
        return centred;
    }
    return std::nullopt;
  }
};

} // namespace
