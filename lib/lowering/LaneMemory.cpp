// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads and writes of vectors.
#include "Lanes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

/// What the expression gains when `loop` advances by one; nothing where that is no constant.
static std::optional<int64_t> stepOf(AffineExpr expression, unsigned loop, unsigned numLoops) {
  AffineExpr dim = getAffineDimExpr(loop, expression.getContext());
  AffineExpr step = simplifyAffineExpr(expression.replace(dim, dim + 1) - expression, numLoops, 0);
  if (auto constant = dyn_cast<AffineConstantExpr>(step))
    return constant.getValue();
  return std::nullopt;
}

AccessKind lowering::classifyAccess(MemRefType memref, AffineMap map, unsigned loop) {
  if (!map.isFunctionOfDim(loop))
    return AccessKind::steady;
  for (AffineExpr expression : map.getResults().drop_back())
    if (expression.isFunctionOfDim(loop))
      return AccessKind::strided;
  bool isNext = stepOf(map.getResults().back(), loop, map.getNumDims()) == 1;
  return isNext && memref.isLastDimUnitStride() ? AccessKind::contiguous : AccessKind::strided;
}

/// The same memory with another type of element of the same size. LLVM has one type for both, so nothing is left of the
/// cast there.
static Value castElements(OpBuilder &builder, Location location, Value memref, Type element) {
  auto type = cast<MemRefType>(memref.getType());
  auto other = MemRefType::get(type.getShape(), element, type.getLayout(), type.getMemorySpace());
  return UnrealizedConversionCastOp::create(builder, location, TypeRange{other}, ValueRange{memref}).getResult(0);
}

/// What elements lie in memory and are moved as. A vector of i1 would be read as single bits; short floats would be
/// computed with wherever LLVM has no registers of them.
static Type carrierOf(Type element) {
  if (isa<BFloat16Type, Float16Type>(element))
    return IntegerType::get(element.getContext(), 16);
  return element.isInteger(1) ? IntegerType::get(element.getContext(), 8) : element;
}

static Value castCarrier(OpBuilder &builder, Location location, Value memref) {
  Type element = cast<MemRefType>(memref.getType()).getElementType(), carrier = carrierOf(element);
  return carrier == element ? memref : castElements(builder, location, memref, carrier);
}

static Value makeZero(OpBuilder &builder, Location location, VectorType type) {
  return arith::ConstantOp::create(builder, location, builder.getZeroAttr(type));
}

static Value fromCarrier(OpBuilder &builder, Location location, Value vector, Type element) {
  auto type = cast<VectorType>(vector.getType());
  if (type.getElementType() == element)
    return vector;
  if (element.isInteger(1))
    return arith::CmpIOp::create(builder, location, arith::CmpIPredicate::ne, vector,
                                 makeZero(builder, location, type));
  return arith::BitcastOp::create(builder, location, VectorType::get(type.getShape(), element), vector);
}

static Value toCarrier(OpBuilder &builder, Location location, Value value) {
  Type element = getElementTypeOrSelf(value.getType()), carrier = carrierOf(element);
  if (carrier == element)
    return value;
  Type type = carrier;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = VectorType::get(vector.getShape(), carrier);
  if (element.isInteger(1))
    return arith::ExtUIOp::create(builder, location, type, value);
  return arith::BitcastOp::create(builder, location, type, value);
}

Value lowering::spreadScalar(OpBuilder &builder, Location location, Value scalar, int64_t lanes) {
  Value carried = toCarrier(builder, location, scalar);
  auto type = VectorType::get({lanes}, carried.getType());
  Value spread = vector::BroadcastOp::create(builder, location, type, carried);
  return fromCarrier(builder, location, spread, scalar.getType());
}

Value LaneMemory::load(Value memref, ValueRange place) {
  if (lanes.count == 1)
    return memref::LoadOp::create(builder, location, memref, place);
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  auto type = VectorType::get({lanes.count}, carrierOf(element));
  memref = castCarrier(builder, location, memref);
  Value loaded;
  if (lanes.mask)
    loaded = vector::MaskedLoadOp::create(builder, location, type, memref, place, lanes.mask,
                                          makeZero(builder, location, type));
  else
    loaded = vector::LoadOp::create(builder, location, type, memref, place);
  return fromCarrier(builder, location, loaded, element);
}

void LaneMemory::store(Value vector, Value memref, ValueRange place) {
  if (lanes.count == 1) {
    memref::StoreOp::create(builder, location, vector, memref, place);
    return;
  }
  vector = toCarrier(builder, location, vector);
  memref = castCarrier(builder, location, memref);
  if (lanes.mask)
    vector::MaskedStoreOp::create(builder, location, memref, place, lanes.mask, vector);
  else
    vector::StoreOp::create(builder, location, vector, memref, place);
}

Value LaneMemory::loadEach(Value memref, ArrayRef<SmallVector<Value>> places) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  memref = castCarrier(builder, location, memref);
  SmallVector<Value> elements;
  for (const SmallVector<Value> &place : places)
    elements.push_back(memref::LoadOp::create(builder, location, memref, place));
  auto type = VectorType::get({lanes.count}, elements.front().getType());
  Value vector = vector::FromElementsOp::create(builder, location, type, elements);
  return fromCarrier(builder, location, vector, element);
}

SmallVector<Value> lowering::turnVectors(OpBuilder &builder, Location location, ArrayRef<Value> vectors) {
  // Blocks off the diagonal change places, of half the lanes, then of a quarter, and so on (Eklundh, 1972).
  SmallVector<Value> turned;
  int64_t lanes = static_cast<int64_t>(vectors.size());
  Type element = getElementTypeOrSelf(vectors[0].getType());
  for (Value vector : vectors)
    turned.push_back(toCarrier(builder, location, vector));
  for (int64_t distance = lanes / 2; distance > 0; distance /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      low.push_back((lane & distance) == 0 ? lane : lanes + lane - distance);
      high.push_back((lane & distance) == 0 ? lane + distance : lanes + lane);
    }
    for (int64_t i = 0; i < lanes; ++i) {
      if ((i & distance) != 0)
        continue;
      Value a = turned[i], b = turned[i + distance];
      turned[i] = vector::ShuffleOp::create(builder, location, a, b, low);
      turned[i + distance] = vector::ShuffleOp::create(builder, location, a, b, high);
    }
  }
  for (Value &vector : turned)
    vector = fromCarrier(builder, location, vector, element);
  return turned;
}

void lowering::carryShortFloats(Operation *function) {
  OpBuilder builder(function->getContext());
  auto isShort = [](Type type) { return isa<BFloat16Type, Float16Type>(type); };
  function->walk([&](Operation *op) {
    builder.setInsertionPoint(op);
    if (auto load = dyn_cast<memref::LoadOp>(op); load && isShort(load.getType())) {
      Value memory = castCarrier(builder, op->getLoc(), load.getMemRef());
      Value loaded = memref::LoadOp::create(builder, op->getLoc(), memory, load.getIndices());
      load.replaceAllUsesWith(arith::BitcastOp::create(builder, op->getLoc(), load.getType(), loaded).getResult());
      load.erase();
    } else if (auto store = dyn_cast<memref::StoreOp>(op); store && isShort(store.getValue().getType())) {
      Value memory = castCarrier(builder, op->getLoc(), store.getMemRef());
      Value stored = toCarrier(builder, op->getLoc(), store.getValue());
      memref::StoreOp::create(builder, op->getLoc(), stored, memory, store.getIndices());
      store.erase();
    }
  });
}
