// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention and rotary embedding. Loops of attention by letter: batch b, key head g, query head of the group r, query
// q, key k, depth d, value depth v.
#include "OpLowerings.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;
using graph::ElementwiseKind;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Query heads per key head in this rank's part. Either key heads are split and groups stay whole, or one group's query
/// heads are split and there is one key head here.
static OpFoldResult countQueriesPerGroup(TensorBuilder &tensors, graph::AttentionOp op) {
  RankedTensorType query = typeOf(op.getQuery()), key = typeOf(op.getKey());
  if (!query.isDynamicDim(1) && !key.isDynamicDim(1) && key.getDimSize(1) > 0)
    return tensors.builder.getIndexAttr(query.getDimSize(1) / key.getDimSize(1));
  if (!key.isDynamicDim(1) && key.getDimSize(1) == 1)
    return tensors.sizeOf(query, 1);
  int64_t heads = getDimBound(plan::getPart(query).getGlobal(), 1),
          groups = getDimBound(plan::getPart(key).getGlobal(), 1);
  return tensors.builder.getIndexAttr(groups > 0 ? heads / groups : 1);
}

namespace {
/// What is added to the scores of one position.
struct Masks {
  Value mask;           // [b|1, g|1, r|1, q, k] or null
  AffineMap maskMap;    // from (b, g, r, q, k)
  Value visibleFromEnd; // causal: key j is visible to query i when j <= i + this; else null
};
} // namespace

static Masks prepareMasks(TensorBuilder &tensors, graph::AttentionOp op, ValueRange operands, const Sizes &scoreSizes) {
  Masks masks;
  MLIRContext *context = op.getContext();
  RankedTensorType query = typeOf(op.getQuery()), key = typeOf(op.getKey());
  if (op.getMask()) {
    RankedTensorType mask = typeOf(op.getMask());
    RankedTensorType whole = plan::getPart(mask) ? plan::getPart(mask).getGlobal() : mask;
    bool oneBatch = whole.getShape()[0] == 1, oneHead = whole.getShape()[1] == 1;
    // Dims of extent 1 are dropped, so that the map is a projection of the loops.
    Sizes sizes;
    SmallVector<AffineExpr> dims;
    for (int64_t loop = 0; loop < 5; ++loop)
      if (!(loop == 0 && oneBatch) && !(oneHead && (loop == 1 || loop == 2))) {
        sizes.push_back(scoreSizes[loop]);
        dims.push_back(getAffineDimExpr(loop, context));
      }
    masks.mask = tensors.reshape(operands[3], sizes);
    masks.maskMap = AffineMap::get(5, 0, dims, context);
  }
  if (op.getCausal()) {
    auto sub = [&](Value a, Value b) { return arith::SubIOp::create(tensors.builder, op.getLoc(), a, b); };
    // In whole positions: keyOffset + j <= queryOffset + i + keys - queries.
    Value lead = sub(tensors.globalSizeOf(key, 2), tensors.globalSizeOf(query, 2));
    Value shift = sub(tensors.offsetOf(query, 2), tensors.offsetOf(key, 2));
    masks.visibleFromEnd = arith::AddIOp::create(tensors.builder, op.getLoc(), lead, shift);
  }
  return masks;
}

/// scale * scores + masks, of computed type.
static Value scaleAndMask(TensorBuilder &tensors, graph::AttentionOp op, Value scores, const Masks &masks,
                          const Sizes &sizes) {
  Type computed = getElementTypeOrSelf(scores.getType());
  SmallVector<Value> inputs{scores};
  SmallVector<AffineMap> maps{AffineMap::getMultiDimIdentityMap(5, op.getContext())};
  if (masks.mask) {
    inputs.push_back(masks.mask);
    maps.push_back(masks.maskMap);
  }
  return tensors.map(inputs, maps, sizes, computed, [&](Scalars &at, ValueRange elements) {
    Value score =
        at.emit(ElementwiseKind::mul, computed, {elements[0], at.number(op.getScale().convertToDouble(), computed)});
    if (masks.mask)
      score = at.emit(ElementwiseKind::add, computed, {score, elements[1]});
    if (!masks.visibleFromEnd)
      return score;
    Value query = linalg::IndexOp::create(at.builder, at.location, 3);
    Value key = linalg::IndexOp::create(at.builder, at.location, 4);
    Value limit = arith::AddIOp::create(at.builder, at.location, query, masks.visibleFromEnd);
    Value visible = arith::CmpIOp::create(at.builder, at.location, arith::CmpIPredicate::sle, key, limit);
    Value hidden = at.number(-std::numeric_limits<double>::infinity(), computed);
    // Added and not chosen, so that NaN stays NaN.
    Value added = arith::SelectOp::create(at.builder, at.location, visible, at.number(0, computed), hidden);
    return at.emit(ElementwiseKind::add, computed, {score, added});
  });
}

Value lowering::lowerAttention(TensorBuilder &tensors, graph::AttentionOp op, ValueRange operands) {
  RankedTensorType query = typeOf(op.getQuery()), key = typeOf(op.getKey()), type = typeOf(op.getResult());
  Type element = type.getElementType(), computed = getComputedType(element);
  OpFoldResult batch = tensors.sizeOf(query, 0), groups = tensors.sizeOf(key, 1), queries = tensors.sizeOf(query, 2);
  OpFoldResult keys = tensors.sizeOf(key, 2), perGroup = countQueriesPerGroup(tensors, op);
  Value grouped = tensors.reshape(operands[0], {batch, groups, perGroup, queries, tensors.sizeOf(query, 3)});
  Sizes scoreSizes{batch, groups, perGroup, queries, keys};
  Value scores = contract(tensors, {grouped, operands[1], "bgrqd", "bgkd", "bgrqk"}, scoreSizes, element);
  Masks masks = prepareMasks(tensors, op, operands, scoreSizes);
  scores = scaleAndMask(tensors, op, scores, masks, scoreSizes);
  Value weights = softmax(tensors, scores, 4, scoreSizes, computed);
  if (op.getGuarded())
    weights = tensors.mapSame({weights}, scoreSizes, computed, [&](Scalars &at, ValueRange elements) -> Value {
      Value isNan = arith::CmpFOp::create(at.builder, at.location, arith::CmpFPredicate::UNO, elements[0], elements[0]);
      return arith::SelectOp::create(at.builder, at.location, isNan, at.number(0, computed), elements[0]);
    });
  Sizes resultSizes{batch, groups, perGroup, queries, tensors.sizeOf(type, 3)};
  Value heads = contract(tensors, {weights, operands[2], "bgrqk", "bgkv", "bgrqv"}, resultSizes, element);
  Sizes sizes = tensors.sizesOf(type);
  return tensors.round(tensors.reshape(heads, sizes), sizes, element);
}

/// Reads the partner element at a computed place: one loop over the result instead of slices and a concat.
Value lowering::lowerRotary(TensorBuilder &tensors, graph::RotaryOp op, ValueRange operands) {
  RankedTensorType type = typeOf(op.getResult());
  Type element = type.getElementType(), computed = getComputedType(element);
  Value half = tensors.index(type.getDimSize(3) / 2), two = tensors.index(2), one = tensors.index(1);
  bool interleaved = op.getInterleaved();
  return tensors.map({}, {}, tensors.sizesOf(type), element, [&](Scalars &at, ValueRange) -> Value {
    OpBuilder &builder = at.builder;
    auto compute = [&]<typename Op>(Op, Value a, Value b) -> Value { return Op::create(builder, at.location, a, b); };
    SmallVector<Value> position;
    for (int64_t dim = 0; dim < 4; ++dim)
      position.push_back(linalg::IndexOp::create(builder, at.location, dim));
    Value d = position[3];
    Value pair = interleaved ? compute(arith::DivUIOp(), d, two) : compute(arith::RemUIOp(), d, half);
    Value firstPlace = interleaved ? compute(arith::MulIOp(), pair, two) : pair;
    Value secondPlace = compute(arith::AddIOp(), firstPlace, interleaved ? one : half);
    Value isFirst = arith::CmpIOp::create(builder, at.location, arith::CmpIPredicate::eq, d, firstPlace);
    auto read = [&](Value tensor, ArrayRef<Value> place) {
      return at.widen(tensor::ExtractOp::create(builder, at.location, tensor, place));
    };
    Value x1 = read(operands[0], {position[0], position[1], position[2], firstPlace});
    Value x2 = read(operands[0], {position[0], position[1], position[2], secondPlace});
    auto readTable = [&](Value table) {
      return typeOf(table).getRank() == 3 ? read(table, {position[0], position[2], pair})
                                          : read(table, {position[2], pair});
    };
    Value cosine = readTable(operands[1]), sine = readTable(operands[2]);
    auto mul = [&](Value a, Value b) { return at.emit(ElementwiseKind::mul, computed, {a, b}); };
    Value low = at.emit(ElementwiseKind::sub, computed, {mul(x1, cosine), mul(x2, sine)});
    Value high = at.emit(ElementwiseKind::add, computed, {mul(x1, sine), mul(x2, cosine)});
    return arith::SelectOp::create(builder, at.location, isFirst, low, high);
  });
}
