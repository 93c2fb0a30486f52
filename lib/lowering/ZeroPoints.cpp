// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ZeroPoints.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

static bool hasIdentityMaps(linalg::GenericOp op) {
  return llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) { return map.isIdentity(); });
}

static bool isReduced(linalg::GenericOp op, AffineExpr loop) {
  return op.getIteratorTypesArray()[cast<AffineDimExpr>(loop).getPosition()] == utils::IteratorType::reduction;
}

/// `value` as what it repeats, if it repeats something.
static std::pair<Value, AffineMap> skipBroadcast(Value value) {
  int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
  AffineMap identity = AffineMap::getMultiDimIdentityMap(rank, value.getContext());
  auto op = value.getDefiningOp<linalg::GenericOp>();
  bool isRepeated = op && op.getNumDpsInputs() == 1 && op.getNumReductionLoops() == 0 &&
                    op.getBody()->getTerminator()->getOperand(0) == op.getBody()->getArgument(0) &&
                    op.getIndexingMapsArray()[1].isIdentity() && op.getIndexingMapsArray()[0].isProjectedPermutation();
  return isRepeated ? std::pair(op->getOperand(0), op.getIndexingMapsArray()[0]) : std::pair(value, identity);
}

std::optional<CentredOperand> lowering::matchCentred(linalg::GenericOp product, unsigned operand) {
  for (AffineMap map : product.getIndexingMapsArray())
    if (!map.isProjectedPermutation())
      return std::nullopt;
  CentredOperand result;
  result.operand = operand;
  result.x = product.getDpsInputs()[operand];
  auto difference = result.x.getDefiningOp<linalg::GenericOp>();
  if (!difference || difference.getNumDpsInputs() != 2 || !hasIdentityMaps(difference))
    return result;
  Block *body = difference.getBody();
  auto sub = body->getTerminator()->getOperand(0).getDefiningOp<arith::SubIOp>();
  if (!sub || sub.getLhs() != body->getArgument(0) || sub.getRhs() != body->getArgument(1))
    return result;
  auto [zero, map] = skipBroadcast(difference->getOperand(1));
  AffineMap loops = map.compose(product.getMatchingIndexingMap(product.getDpsInputOperand(operand)));
  if (llvm::any_of(loops.getResults(), [&](AffineExpr loop) { return isReduced(product, loop); }))
    return result;
  result.x = difference->getOperand(0);
  result.zero = zero;
  result.zeroMap = map;
  return result;
}

namespace {

class ZeroPointWriter {
public:
  ZeroPointWriter(linalg::GenericOp product, const CentredOperand &centred)
      : builder(product), location(product.getLoc()), product(product), centred(centred),
        other(product.getDpsInputs()[1 - centred.operand]) {}

  linalg::GenericOp write() {
    SmallVector<Value> inputs(product.getDpsInputs());
    inputs[centred.operand] = shift();
    auto plain = linalg::GenericOp::create(builder, location, product->getResultTypes(), inputs, product.getDpsInits(),
                                           product.getIndexingMapsArray(), product.getIteratorTypesArray());
    IRMapping mapping;
    product.getRegion().cloneInto(&plain.getRegion(), mapping);
    product->getResult(0).replaceAllUsesWith(takeOff(plain.getResult(0), sumOther()));
    product.erase();
    return plain;
  }

private:
  AffineMap mapOf(unsigned operand) { return product.getIndexingMapsArray()[operand]; }
  Value number(OpBuilder &inner, int64_t value) {
    return arith::ConstantIntOp::create(inner, location, inner.getI32Type(), value);
  }

  Value emptyLike(Value value) {
    return tensor::EmptyOp::create(builder, location, tensor::getMixedSizes(builder, location, value),
                                   builder.getI32Type());
  }

  /// x with the offset.
  Value shift() {
    if (centred.offset == 0)
      return centred.x;
    int64_t rank = cast<RankedTensorType>(centred.x.getType()).getRank();
    AffineMap identity = builder.getMultiDimIdentityMap(rank);
    Value empty = emptyLike(centred.x);
    return linalg::GenericOp::create(
               builder, location, TypeRange{empty.getType()}, centred.x, empty, ArrayRef<AffineMap>{identity, identity},
               SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
               [&](OpBuilder &inner, Location at, ValueRange elements) {
                 Value sum = arith::AddIOp::create(inner, at, elements[0], number(inner, centred.offset));
                 linalg::YieldOp::create(inner, at, sum);
               })
        .getResult(0);
  }

  /// The sums of the other operand over the reduced loops; its other dims stay, in their order.
  Value sumOther() {
    AffineMap map = mapOf(1 - centred.operand);
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, location, other), kept;
    SmallVector<AffineExpr> dims;
    SmallVector<utils::IteratorType> kinds;
    for (auto [dim, loop] : llvm::enumerate(map.getResults())) {
      kinds.push_back(isReduced(product, loop) ? utils::IteratorType::reduction : utils::IteratorType::parallel);
      if (kinds.back() == utils::IteratorType::reduction)
        continue;
      dims.push_back(builder.getAffineDimExpr(dim));
      kept.push_back(sizes[dim]);
      loops.push_back(loop);
    }
    Value empty = tensor::EmptyOp::create(builder, location, kept, builder.getI32Type());
    Value zeros = linalg::FillOp::create(builder, location, number(builder, 0), empty).getResult(0);
    AffineMap result = AffineMap::get(kinds.size(), 0, dims, builder.getContext());
    return linalg::GenericOp::create(builder, location, TypeRange{zeros.getType()}, other, zeros,
                                     ArrayRef<AffineMap>{builder.getMultiDimIdentityMap(kinds.size()), result}, kinds,
                                     [](OpBuilder &inner, Location at, ValueRange elements) {
                                       Value sum = arith::AddIOp::create(inner, at, elements[1], elements[0]);
                                       linalg::YieldOp::create(inner, at, sum);
                                     })
        .getResult(0);
  }

  /// result - (zero + offset) * sums.
  Value takeOff(Value result, Value sums) {
    AffineMap dims = mapOf(2);
    // From loops of the product to dims of its result.
    auto place = [&](AffineExpr loop) { return builder.getAffineDimExpr(*dims.getResultPosition(loop)); };
    unsigned rank = dims.getNumResults();
    auto mapTo = [&](ArrayRef<AffineExpr> ofLoops) {
      return AffineMap::get(rank, 0, llvm::map_to_vector(ofLoops, place), builder.getContext());
    };
    SmallVector<Value> inputs{result, sums};
    SmallVector<AffineMap> maps{builder.getMultiDimIdentityMap(rank), mapTo(loops)};
    if (centred.zero) {
      inputs.push_back(centred.zero);
      maps.push_back(mapTo(centred.zeroMap.compose(mapOf(centred.operand)).getResults()));
    }
    maps.push_back(maps.front());
    Value empty = emptyLike(product.getDpsInits()[0]);
    return linalg::GenericOp::create(builder, location, TypeRange{empty.getType()}, inputs, empty, maps,
                                     SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
                                     [&](OpBuilder &inner, Location at, ValueRange elements) {
                                       Value zero = number(inner, centred.offset);
                                       if (centred.zero)
                                         zero = arith::AddIOp::create(inner, at, elements[2], zero);
                                       Value term = arith::MulIOp::create(inner, at, zero, elements[1]);
                                       Value rest = arith::SubIOp::create(inner, at, elements[0], term);
                                       linalg::YieldOp::create(inner, at, rest);
                                     })
        .getResult(0);
  }

  OpBuilder builder;
  Location location;
  linalg::GenericOp product;
  const CentredOperand &centred;
  Value other;
  SmallVector<AffineExpr> loops; ///< Of the product: those that are left in the sums.
};

} // namespace

linalg::GenericOp lowering::splitZeroPoint(linalg::GenericOp product, const CentredOperand &centred) {
  return ZeroPointWriter(product, centred).write();
}
