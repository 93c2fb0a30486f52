// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Lanes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

LaneValue LaneWriter::lookup(Value original) const {
  auto found = values.find(original);
  return found == values.end() ? LaneValue::steady(original) : found->second;
}

Value LaneWriter::get(Value original) {
  LaneValue value = lookup(original);
  if (lanes.count == 1)
    return value.scalar;
  if (value.vector)
    return value.vector;
  value.vector = spreadScalar(builder, location, value.scalar, lanes.count);
  if (value.isCounting) {
    Type type = value.vector.getType();
    Value step = vector::StepOp::create(builder, location, VectorType::get({lanes.count}, builder.getIndexType()));
    if (!value.scalar.getType().isIndex())
      step = arith::IndexCastOp::create(builder, location, type, step);
    value.vector = arith::AddIOp::create(builder, location, value.vector, step);
  }
  // Not kept: another region may need it where this one does not reach.
  return value.vector;
}

LogicalResult LaneWriter::clone(Block &block) {
  for (Operation &op : block.without_terminator())
    if (!hoisted.contains(&op) && failed(cloneOp(op)))
      return failure();
  return success();
}

void LaneWriter::hoist(Block &block, Value isEmpty) {
  for (Operation &op : block.without_terminator()) {
    bool isKnown = llvm::all_of(op.getOperands(), [&](Value operand) {
      return operand.getParentBlock() != &block || values.contains(operand);
    });
    auto check = dyn_cast<cf::AssertOp>(op);
    bool isSafe = op.getNumRegions() == 0 && (check || (isMemoryEffectFree(&op) && isSpeculatable(&op)));
    if (!isKnown || !isSafe || !isSteady(op))
      continue;
    hoisted.insert(&op);
    if (!check) {
      (void)cloneOp(op);
      continue;
    }
    Value holds = arith::OrIOp::create(builder, location, lookup(check.getArg()).scalar, isEmpty);
    cf::AssertOp::create(builder, location, holds, check.getMsg());
  }
}

bool LaneWriter::isSteady(Operation &op) const {
  bool steady = true;
  op.walk([&](Operation *inner) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      steady &= index.getDim() != loop || lanes.count == 1;
    for (Value operand : inner->getOperands())
      steady &= lookup(operand).isSteady || lanes.count == 1;
  });
  return steady;
}

LogicalResult LaneWriter::cloneOp(Operation &op) {
  if (auto index = dyn_cast<linalg::IndexOp>(op)) {
    Value first = indices[index.getDim()];
    bool counts = index.getDim() == loop && lanes.count > 1;
    set(index, counts ? LaneValue::counting(first) : LaneValue::steady(first));
    return success();
  }
  if (isSteady(op))
    return cloneSteady(op), success();
  if (cloneCounting(op))
    return success();
  if (auto load = dyn_cast<memref::LoadOp>(op))
    return cloneLoad(load);
  if (auto choice = dyn_cast<scf::IfOp>(op))
    return cloneIf(choice);
  if (auto repeat = dyn_cast<scf::ForOp>(op))
    return cloneFor(repeat);
  if (auto check = dyn_cast<cf::AssertOp>(op))
    return cloneAssert(check);
  if (auto call = dyn_cast<LLVM::CallIntrinsicOp>(op))
    return cloneIntrinsic(call);
  return cloneOnVectors(op);
}

/// The same on each lane: once, as a scalar. Indices inside of regions are replaced, too.
void LaneWriter::cloneSteady(Operation &op) {
  IRMapping mapping;
  op.walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      if (values.contains(operand))
        mapping.map(operand, lookup(operand).scalar);
  });
  Operation *copy = builder.clone(op, mapping);
  SmallVector<linalg::IndexOp> inside;
  copy->walk([&](linalg::IndexOp index) { inside.push_back(index); });
  for (linalg::IndexOp index : inside) {
    index.replaceAllUsesWith(indices[index.getDim()]);
    index.erase();
  }
  for (auto [original, result] : llvm::zip(op.getResults(), copy->getResults()))
    set(original, LaneValue::steady(result));
}

/// Places that count on: so that what is read there is a vector of neighbours.
bool LaneWriter::cloneCounting(Operation &op) {
  if (!isa<arith::AddIOp, arith::SubIOp, arith::IndexCastOp>(op))
    return false;
  LaneValue first = lookup(op.getOperand(0)), second = op.getNumOperands() > 1 ? lookup(op.getOperand(1)) : LaneValue();
  Type type = op.getResult(0).getType();
  if (!type.isIndex() && !type.isInteger(64))
    return false;
  bool counts =
      (first.isCounting && second.isSteady) || (isa<arith::AddIOp>(op) && first.isSteady && second.isCounting);
  if (!counts)
    return false;
  IRMapping mapping;
  for (Value operand : op.getOperands())
    mapping.map(operand, lookup(operand).scalar);
  set(op.getResult(0), LaneValue::counting(builder.clone(op, mapping)->getResult(0)));
  return true;
}

LogicalResult LaneWriter::cloneOnVectors(Operation &op) {
  if (!OpTrait::hasElementwiseMappableTraits(&op) || op.getNumRegions() > 0)
    return failure();
  if (llvm::any_of(op.getOperandTypes(), [](Type type) { return !VectorType::isValidElementType(type); }))
    return failure();
  IRMapping mapping;
  for (Value operand : op.getOperands())
    mapping.map(operand, get(operand));
  Operation *copy = builder.clone(op, mapping);
  for (auto [original, result] : llvm::zip(op.getResults(), copy->getResults())) {
    result.setType(VectorType::get({lanes.count}, original.getType()));
    set(original, LaneValue::varying(result));
  }
  return success();
}

LogicalResult LaneWriter::cloneLoad(memref::LoadOp op) {
  if (!lookup(op.getMemRef()).isSteady)
    return failure();
  Value memory = lookup(op.getMemRef()).scalar;
  SmallVector<LaneValue> place;
  for (Value index : op.getIndices())
    place.push_back(lookup(index));
  bool leadingAreSteady =
      llvm::all_of(ArrayRef(place).drop_back(), [](const LaneValue &index) { return index.isSteady; });
  LaneMemory access{builder, location, lanes};
  if (leadingAreSteady && place.back().isCounting && op.getMemRefType().isLastDimUnitStride()) {
    SmallVector<Value> first;
    for (const LaneValue &index : place)
      first.push_back(index.scalar);
    set(op, LaneValue::varying(access.load(memory, first)));
    return success();
  }
  // Lanes that do not exist read what the first one reads.
  SmallVector<SmallVector<Value>> places(lanes.count);
  for (auto [dim, index] : llvm::enumerate(place)) {
    Value all = index.isSteady ? Value() : get(op.getIndices()[dim]);
    if (all && lanes.mask) {
      Value first = vector::ExtractOp::create(builder, location, all, int64_t(0));
      Value everywhere = vector::BroadcastOp::create(builder, location, all.getType(), first);
      all = arith::SelectOp::create(builder, location, lanes.mask, all, everywhere);
    }
    for (int64_t lane = 0; lane < lanes.count; ++lane)
      places[lane].push_back(all ? vector::ExtractOp::create(builder, location, all, lane).getResult() : index.scalar);
  }
  set(op, LaneValue::varying(access.loadEach(memory, places)));
  return success();
}

LogicalResult LaneWriter::cloneYield(Block &block, OpBuilder at) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(at.getInsertionBlock(), at.getInsertionPoint());
  if (failed(clone(block)))
    return failure();
  SmallVector<Value> results;
  for (Value result : block.getTerminator()->getOperands())
    results.push_back(get(result));
  scf::YieldOp::create(builder, location, results);
  return success();
}

static SmallVector<Type> toVectors(TypeRange types, int64_t lanes) {
  SmallVector<Type> vectors;
  for (Type type : types)
    vectors.push_back(VectorType::get({lanes}, type));
  return vectors;
}

/// All lanes go the same way.
LogicalResult LaneWriter::cloneIf(scf::IfOp op) {
  LaneValue condition = lookup(op.getCondition());
  bool areElements = llvm::all_of(op.getResultTypes(), [](Type type) { return VectorType::isValidElementType(type); });
  if (!condition.isSteady || !areElements || op.getElseRegion().empty())
    return failure();
  auto choice = scf::IfOp::create(builder, location, toVectors(op.getResultTypes(), lanes.count), condition.scalar,
                                  /*withElseRegion=*/true);
  bool isWritten = succeeded(cloneYield(*op.thenBlock(), choice.getThenBodyBuilder())) &&
                   succeeded(cloneYield(*op.elseBlock(), choice.getElseBodyBuilder()));
  for (auto [original, result] : llvm::zip(op.getResults(), choice.getResults()))
    set(original, LaneValue::varying(result));
  return success(isWritten);
}

LogicalResult LaneWriter::cloneFor(scf::ForOp op) {
  SmallVector<Value> bounds, starts;
  for (Value bound : {op.getLowerBound(), op.getUpperBound(), op.getStep()}) {
    if (!lookup(bound).isSteady)
      return failure();
    bounds.push_back(lookup(bound).scalar);
  }
  if (llvm::any_of(op.getResultTypes(), [](Type type) { return !VectorType::isValidElementType(type); }))
    return failure();
  for (Value start : op.getInitArgs())
    starts.push_back(get(start));
  auto repeat = scf::ForOp::create(builder, location, bounds[0], bounds[1], bounds[2], starts);
  set(op.getInductionVar(), LaneValue::steady(repeat.getInductionVar()));
  for (auto [original, argument] : llvm::zip(op.getRegionIterArgs(), repeat.getRegionIterArgs()))
    set(original, LaneValue::varying(argument));
  for (auto [original, result] : llvm::zip(op.getResults(), repeat.getResults()))
    set(original, LaneValue::varying(result));
  if (Block *body = repeat.getBody(); !body->empty())
    body->getTerminator()->erase();
  return cloneYield(*op.getBody(), OpBuilder::atBlockEnd(repeat.getBody()));
}

LogicalResult LaneWriter::cloneAssert(cf::AssertOp op) {
  Value holds = get(op.getArg());
  if (lanes.mask) {
    Value all =
        arith::ConstantOp::create(builder, location, DenseElementsAttr::get(cast<ShapedType>(holds.getType()), true));
    holds = arith::SelectOp::create(builder, location, lanes.mask, holds, all);
  }
  Value everywhere = vector::ReductionOp::create(builder, location, vector::CombiningKind::AND, holds);
  cf::AssertOp::create(builder, location, everywhere, op.getMsg());
  return success();
}

/// llvm.NAME.i32.f32 becomes llvm.NAME.v16i32.v16f32.
LogicalResult LaneWriter::cloneIntrinsic(LLVM::CallIntrinsicOp op) {
  if (op->getNumResults() != 1 || op.getArgs().size() != 1)
    return failure();
  std::string from, to;
  llvm::raw_string_ostream(from) << "." << op->getResult(0).getType() << "." << op.getArgs()[0].getType();
  StringRef name = op.getIntrin();
  if (!name.consume_back(from))
    return failure();
  llvm::raw_string_ostream(to) << name << ".v" << lanes.count << op->getResult(0).getType() << ".v" << lanes.count
                               << op.getArgs()[0].getType();
  Type type = VectorType::get({lanes.count}, op->getResult(0).getType());
  auto call = LLVM::CallIntrinsicOp::create(builder, location, type, builder.getStringAttr(to),
                                            ValueRange{get(op.getArgs()[0])});
  set(op->getResult(0), LaneValue::varying(call->getResult(0)));
  return success();
}
