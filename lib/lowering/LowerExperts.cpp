// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layers of experts: for each set and expert, the places of the tokens that chose it are listed, and they go through
// the expert in tiles of rows. So what is computed is what was chosen, rounded up to a tile for each expert.
#include "OpLowerings.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;
using graph::ElementwiseKind;
using graph::ExpertFunction;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

namespace {

/// The most rows that go through an expert together.
constexpr int64_t kMostRows = 32;

/// What of a set chose an expert: `count` entries of `list` are t * K + k.
struct Chosen {
  Value set, expert, list, count;
};

class ExpertsWriter {
public:
  ExpertsWriter(TensorBuilder &tensors, graph::ExpertsOp op, ValueRange operands)
      : tensors(tensors), builder(tensors.builder), location(op.getLoc()), op(op), type(typeOf(op.getResult())),
        computed(getComputedType(type.getElementType())), tokens(operands[0]), places(operands[1]) {
    size_t next = 2;
    for (auto [value, target] : {std::pair(op.getShares(), &shares),
                                 {op.getGate(), &gate},
                                 {op.getGateBias(), &gateBias},
                                 {op.getUp(), &up},
                                 {op.getUpBias(), &upBias},
                                 {op.getDown(), &down}})
      if (value)
        *target = operands[next++];
    RankedTensorType gateType = typeOf(op.getGate()), placeType = typeOf(op.getPlaces());
    sizes = tensors.sizesOf(type);
    choices = tensors.sizeOf(placeType, 2);
    experts = tensors.sizeOf(gateType, 1);
    units = tensors.sizeOf(gateType, 2);
    inputs = tensors.sizeOf(typeOf(op.getTokens()), 2);
    firstExpert = tensors.offsetOf(gateType, 1);
    isShared = typeOf(op.getGate()).getDimSize(0) == 1;
    tileRows = std::clamp<int64_t>(getConstantIntValue(sizes[1]).value_or(kMostRows), 1, kMostRows);
  }

  Value write();

private:
  template <typename Op> Value compute(OpBuilder &at, Value a, Value b) { return Op::create(at, location, a, b); }
  Value number(OpBuilder &at, int64_t value) { return arith::ConstantIndexOp::create(at, location, value); }
  Value compare(OpBuilder &at, arith::CmpIPredicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(at, location, predicate, a, b);
  }
  Value position(Scalars &at, int64_t dim) { return linalg::IndexOp::create(at.builder, location, dim); }
  OpFoldResult one() { return builder.getIndexAttr(1); }

  /// Writes `body` once for each of [0, end) by `step`, with the tensor so far.
  Value repeat(Value end, int64_t step, Value start, llvm::function_ref<Value(Value index, Value soFar)> body);
  Value makeIndex(OpBuilder &at, Value place);
  Chosen listChosen(Value set, Value expert, Value list);
  /// Of entry number `row` of the tile from `first` on: token and choice.
  std::pair<Value, Value> findEntry(OpBuilder &at, const Chosen &chosen, Value first, Value row);
  Value takeRows(const Chosen &chosen, Value first);
  /// The matrix of the expert in a weight [set, expert, rows, columns].
  Value takeWeight(Value weight, const Chosen &chosen, OpFoldResult rows, OpFoldResult columns);
  Value activate(Scalars &at, Value x);
  Value computeHidden(const Chosen &chosen, Value rows);
  Value runTile(const Chosen &chosen, Value first, Value result);

  TensorBuilder &tensors;
  OpBuilder &builder;
  Location location;
  graph::ExpertsOp op;
  RankedTensorType type;
  Type computed;
  Value tokens, places, shares, gate, gateBias, up, upBias, down;
  Sizes sizes;
  OpFoldResult choices, experts, units, inputs;
  Value firstExpert;
  bool isShared;
  /// Of a tile: no more than there are tokens.
  int64_t tileRows;
};

} // namespace

Value ExpertsWriter::repeat(Value end, int64_t step, Value start, llvm::function_ref<Value(Value, Value)> body) {
  OpBuilder::InsertionGuard guard(builder);
  auto loop = scf::ForOp::create(builder, location, number(builder, 0), end, number(builder, step), start);
  builder.setInsertionPointToStart(loop.getBody());
  Value next = body(loop.getInductionVar(), loop.getRegionIterArgs()[0]);
  scf::YieldOp::create(builder, location, next);
  return loop.getResult(0);
}

Value ExpertsWriter::makeIndex(OpBuilder &at, Value place) {
  Type index = at.getIndexType();
  return typeOf(op.getPlaces()).getElementType().isUnsignedInteger()
             ? arith::IndexCastUIOp::create(at, location, index, place).getResult()
             : arith::IndexCastOp::create(at, location, index, place).getResult();
}

/// Goes through the places of the set; those of the expert are appended to the list.
Chosen ExpertsWriter::listChosen(Value set, Value expert, Value list) {
  OpBuilder::InsertionGuard guard(builder);
  Value wanted = compute<arith::AddIOp>(builder, expert, firstExpert), zero = number(builder, 0);
  Value end = compute<arith::MulIOp>(builder, tensors.toValue(sizes[1]), tensors.toValue(choices));
  auto loop = scf::ForOp::create(builder, location, zero, end, number(builder, 1), ValueRange{list, zero});
  builder.setInsertionPointToStart(loop.getBody());
  Value entry = loop.getInductionVar(), soFar = loop.getRegionIterArgs()[0], count = loop.getRegionIterArgs()[1];
  Value k = tensors.toValue(choices);
  Value token = compute<arith::DivUIOp>(builder, entry, k), choice = compute<arith::RemUIOp>(builder, entry, k);
  Value place = tensor::ExtractOp::create(builder, location, places, ValueRange{set, token, choice});
  Value isChosen = compare(builder, arith::CmpIPredicate::eq, makeIndex(builder, place), wanted);
  // The entry behind the last one is written over by the next that is chosen.
  Value at = compute<arith::DivUIOp>(builder, count, k), rest = compute<arith::RemUIOp>(builder, count, k);
  Value next = tensor::InsertOp::create(builder, location, entry, soFar, ValueRange{at, rest});
  Value more = compute<arith::AddIOp>(builder, count, number(builder, 1));
  Value newCount = arith::SelectOp::create(builder, location, isChosen, more, count);
  scf::YieldOp::create(builder, location, ValueRange{next, newCount});
  return {set, expert, loop.getResult(0), loop.getResult(1)};
}

std::pair<Value, Value> ExpertsWriter::findEntry(OpBuilder &at, const Chosen &chosen, Value first, Value row) {
  Value k = getValueOrCreateConstantIndexOp(at, location, choices);
  Value index = compute<arith::AddIOp>(at, first, row);
  // Rows behind the last entry repeat it; nobody reads them.
  Value last = compute<arith::SubIOp>(at, chosen.count, number(at, 1));
  index = compute<arith::MinSIOp>(at, index, last);
  Value entry = tensor::ExtractOp::create(
      at, location, chosen.list,
      ValueRange{compute<arith::DivUIOp>(at, index, k), compute<arith::RemUIOp>(at, index, k)});
  return {compute<arith::DivUIOp>(at, entry, k), compute<arith::RemUIOp>(at, entry, k)};
}

Value ExpertsWriter::takeRows(const Chosen &chosen, Value first) {
  return tensors.map({}, {}, {builder.getIndexAttr(tileRows), inputs}, type.getElementType(),
                     [&](Scalars &at, ValueRange) {
                       Value token = findEntry(at.builder, chosen, first, position(at, 0)).first;
                       return at.widen(tensor::ExtractOp::create(at.builder, location, tokens,
                                                                 ValueRange{chosen.set, token, position(at, 1)}));
                     });
}

Value ExpertsWriter::takeWeight(Value weight, const Chosen &chosen, OpFoldResult rows, OpFoldResult columns) {
  auto zero = builder.getIndexAttr(0);
  Sizes offsets{isShared ? OpFoldResult(zero) : OpFoldResult(chosen.set), chosen.expert, zero, zero};
  Sizes extents{one(), one(), rows, columns}, strides(4, one());
  SmallVector<int64_t> shape{getConstantIntValue(rows).value_or(ShapedType::kDynamic),
                             getConstantIntValue(columns).value_or(ShapedType::kDynamic)};
  auto result = RankedTensorType::get(shape, typeOf(weight).getElementType());
  return tensor::ExtractSliceOp::create(builder, location, result, weight, offsets, extents, strides);
}

Value ExpertsWriter::activate(Scalars &at, Value x) {
  switch (op.getFunction()) {
  case ExpertFunction::identity:
    return x;
  case ExpertFunction::relu:
    return at.emit(ElementwiseKind::relu, computed, {x});
  case ExpertFunction::gelu:
    return at.emit(ElementwiseKind::gelu, computed, {x});
  case ExpertFunction::gelu_tanh:
    return at.emit(ElementwiseKind::gelu_tanh, computed, {x});
  case ExpertFunction::silu:
    return at.emit(ElementwiseKind::silu, computed, {x});
  }
  return x;
}

Value ExpertsWriter::computeHidden(const Chosen &chosen, Value rows) {
  Sizes wide{builder.getIndexAttr(tileRows), units};
  auto multiply = [&](Value weight) {
    return contract(tensors, {rows, takeWeight(weight, chosen, units, inputs), "rh", "fh", "rf"}, wide,
                    type.getElementType());
  };
  auto withBias = [&](Scalars &at, Value sum, Value bias) {
    if (!bias)
      return sum;
    Value set = isShared ? number(at.builder, 0) : chosen.set;
    Value element =
        tensor::ExtractOp::create(at.builder, location, bias, ValueRange{set, chosen.expert, position(at, 1)});
    return at.emit(ElementwiseKind::add, computed, {sum, at.widen(element)});
  };
  SmallVector<Value> sums{multiply(gate)};
  if (up)
    sums.push_back(multiply(up));
  return tensors.mapSame(sums, wide, computed, [&](Scalars &at, ValueRange elements) {
    Value hidden = activate(at, withBias(at, elements[0], gateBias));
    return up ? at.emit(ElementwiseKind::mul, computed, {hidden, withBias(at, elements[1], upBias)}) : hidden;
  });
}

/// Adds share * expert(token) of the tile's rows to the result, row by row: a token may have chosen an expert twice.
Value ExpertsWriter::runTile(const Chosen &chosen, Value first, Value result) {
  Value hidden = computeHidden(chosen, takeRows(chosen, first));
  Sizes rows{builder.getIndexAttr(tileRows), sizes[2]};
  Value out = contract(tensors, {hidden, takeWeight(down, chosen, sizes[2], units), "rf", "of", "ro"}, rows,
                       type.getElementType());
  Value left = compute<arith::SubIOp>(builder, chosen.count, first);
  Value count = compute<arith::MinSIOp>(builder, left, number(builder, tileRows));
  return repeat(count, 1, result, [&](Value row, Value soFar) -> Value {
    auto [token, choice] = findEntry(builder, chosen, first, row);
    return repeat(tensors.toValue(sizes[2]), 1, soFar, [&](Value column, Value before) -> Value {
      Scalars at{builder, location};
      Value term = tensor::ExtractOp::create(builder, location, out, ValueRange{row, column});
      if (shares) {
        Value share = tensor::ExtractOp::create(builder, location, shares, ValueRange{chosen.set, token, choice});
        term = at.emit(ElementwiseKind::mul, computed, {at.widen(share), term});
      }
      SmallVector<Value> place{chosen.set, token, column};
      Value sum = at.emit(ElementwiseKind::add, computed,
                          {tensor::ExtractOp::create(builder, location, before, place).getResult(), term});
      return tensor::InsertOp::create(builder, location, sum, before, place);
    });
  });
}

Value ExpertsWriter::write() {
  Scalars here{builder, location};
  Value start = tensors.fill(here.identity(graph::ReduceKind::sum, type.getElementType()), sizes);
  Value list = tensor::EmptyOp::create(builder, location, Sizes{sizes[1], choices}, builder.getIndexType());
  Value sum = repeat(tensors.toValue(sizes[0]), 1, start, [&](Value set, Value ofSets) {
    return repeat(tensors.toValue(experts), 1, ofSets, [&](Value expert, Value ofExperts) {
      Chosen chosen = listChosen(set, expert, list);
      return repeat(chosen.count, tileRows, ofExperts,
                    [&](Value first, Value soFar) { return runTile(chosen, first, soFar); });
    });
  });
  return tensors.round(sum, sizes, type.getElementType());
}

Value lowering::lowerExperts(TensorBuilder &tensors, graph::ExpertsOp op, ValueRange operands) {
  return ExpertsWriter(tensors, op, operands).write();
}

Value lowering::lowerCounted(TensorBuilder &tensors, graph::CountedOp op, ValueRange operands) {
  RankedTensorType type = typeOf(op.getResult());
  int64_t rank = type.getRank(), row = typeOf(op.getCounts()).getRank();
  SmallVector<AffineExpr> leading;
  for (int64_t dim = 0; dim < row; ++dim)
    leading.push_back(getAffineDimExpr(dim, op.getContext()));
  Value firstRow = tensors.offsetOf(type, row);
  auto identity = AffineMap::getMultiDimIdentityMap(rank, op.getContext());
  return tensors.map(
      {operands[0], operands[1]}, {identity, AffineMap::get(rank, 0, leading, op.getContext())}, tensors.sizesOf(type),
      type.getElementType(), [&](Scalars &at, ValueRange elements) -> Value {
        Value index = linalg::IndexOp::create(at.builder, at.location, row);
        index = arith::AddIOp::create(at.builder, at.location, index, firstRow);
        Value count = arith::IndexCastOp::create(at.builder, at.location, index.getType(), elements[1]);
        Value isThere = arith::CmpIOp::create(at.builder, at.location, arith::CmpIPredicate::slt, index, count);
        Value zero = arith::ConstantOp::create(at.builder, at.location, at.builder.getZeroAttr(elements[0].getType()));
        return arith::SelectOp::create(at.builder, at.location, isThere, elements[0], zero);
      });
}
