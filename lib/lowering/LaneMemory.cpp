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

static bool isBoolean(Type type) { return getElementTypeOrSelf(type).isInteger(1); }

/// The same memory as bytes: a vector of i1 would be read as single bits. LLVM has one type for both, so nothing is
/// left of the cast there.
static Value asBytes(OpBuilder &builder, Location location, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  auto bytes = MemRefType::get(type.getShape(), builder.getI8Type(), type.getLayout(), type.getMemorySpace());
  return UnrealizedConversionCastOp::create(builder, location, TypeRange{bytes}, ValueRange{memref}).getResult(0);
}

static Value makeZero(OpBuilder &builder, Location location, VectorType type) {
  return arith::ConstantOp::create(builder, location, builder.getZeroAttr(type));
}

Value LaneMemory::load(Value memref, ValueRange place) {
  if (lanes.count == 1)
    return memref::LoadOp::create(builder, location, memref, place);
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  bool isByte = isBoolean(element);
  if (isByte)
    memref = asBytes(builder, location, memref);
  auto type = VectorType::get({lanes.count}, isByte ? builder.getI8Type() : element);
  Value loaded;
  if (lanes.mask)
    loaded = vector::MaskedLoadOp::create(builder, location, type, memref, place, lanes.mask,
                                          makeZero(builder, location, type));
  else
    loaded = vector::LoadOp::create(builder, location, type, memref, place);
  if (!isByte)
    return loaded;
  return arith::CmpIOp::create(builder, location, arith::CmpIPredicate::ne, loaded, makeZero(builder, location, type));
}

void LaneMemory::store(Value vector, Value memref, ValueRange place) {
  if (lanes.count == 1) {
    memref::StoreOp::create(builder, location, vector, memref, place);
    return;
  }
  if (isBoolean(vector.getType())) {
    memref = asBytes(builder, location, memref);
    auto type = VectorType::get({lanes.count}, builder.getI8Type());
    vector = arith::ExtUIOp::create(builder, location, type, vector);
  }
  if (lanes.mask)
    vector::MaskedStoreOp::create(builder, location, memref, place, lanes.mask, vector);
  else
    vector::StoreOp::create(builder, location, vector, memref, place);
}

Value LaneMemory::loadEach(Value memref, ArrayRef<SmallVector<Value>> places) {
  SmallVector<Value> elements;
  for (const SmallVector<Value> &place : places)
    elements.push_back(memref::LoadOp::create(builder, location, memref, place));
  auto type = VectorType::get({lanes.count}, elements.front().getType());
  return vector::FromElementsOp::create(builder, location, type, elements);
}
