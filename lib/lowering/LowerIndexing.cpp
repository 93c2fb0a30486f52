// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gathering and scattering by indices. An index is checked against the whole table; a part of the table answers for
// the rows that it holds.
#include "OpLowerings.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;
using graph::ScatterKind;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

namespace {
/// One picked row: the position in this rank's part, and whether the part holds it.
struct Row {
  Value local, isHere;
};
} // namespace

/// Checks an index against the whole extent; negative ones count from the end.
static Row findRow(Scalars &at, Value index, bool isUnsigned, Value whole, Value offset, Value extent) {
  OpBuilder &builder = at.builder;
  auto compare = [&](arith::CmpIPredicate predicate, Value a, Value b) -> Value {
    return arith::CmpIOp::create(builder, at.location, predicate, a, b);
  };
  Value zero = arith::ConstantIndexOp::create(builder, at.location, 0);
  Value position = isUnsigned
                       ? arith::IndexCastUIOp::create(builder, at.location, builder.getIndexType(), index).getResult()
                       : arith::IndexCastOp::create(builder, at.location, builder.getIndexType(), index).getResult();
  Value fromEnd = arith::AddIOp::create(builder, at.location, position, whole);
  position = arith::SelectOp::create(builder, at.location, compare(arith::CmpIPredicate::slt, position, zero), fromEnd,
                                     position);
  cf::AssertOp::create(builder, at.location, compare(arith::CmpIPredicate::ult, position, whole),
                       "an index is outside of the dimension that it counts along");
  Value local = arith::SubIOp::create(builder, at.location, position, offset);
  return {local, compare(arith::CmpIPredicate::ult, local, extent)};
}

namespace {
/// One dim of a table, whole and on this rank.
struct Table {
  Table(TensorBuilder &tensors, RankedTensorType type, int64_t axis, Value indices)
      : whole(tensors.globalSizeOf(type, axis)), offset(tensors.offsetOf(type, axis)),
        extent(tensors.toValue(tensors.sizeOf(type, axis))),
        isUnsigned(typeOf(indices).getElementType().isUnsignedInteger()) {}

  Row find(Scalars &at, Value index) const { return findRow(at, index, isUnsigned, whole, offset, extent); }

  Value whole, offset, extent;
  bool isUnsigned;
};
} // namespace

/// The element at `position` where the row is here, else zero; of computed type.
static Value readRow(Scalars &at, Value table, const Row &row, ValueRange position) {
  Type stored = typeOf(table).getElementType();
  auto read = scf::IfOp::create(at.builder, at.location, TypeRange{stored}, row.isHere, true);
  OpBuilder here = read.getThenBodyBuilder(), elsewhere = read.getElseBodyBuilder();
  scf::YieldOp::create(here, at.location, tensor::ExtractOp::create(here, at.location, table, position).getResult());
  Value zero = arith::ConstantOp::create(elsewhere, at.location, at.builder.getZeroAttr(stored));
  scf::YieldOp::create(elsewhere, at.location, zero);
  return at.widen(read.getResult(0));
}

static Value loopIndex(Scalars &at, int64_t loop) { return linalg::IndexOp::create(at.builder, at.location, loop); }

static AffineMap pickDims(MLIRContext *context, int64_t rank, ArrayRef<int64_t> dims) {
  SmallVector<AffineExpr> picked;
  for (int64_t dim : dims)
    picked.push_back(getAffineDimExpr(dim, context));
  return AffineMap::get(rank, 0, picked, context);
}

Value lowering::lowerGather(TensorBuilder &tensors, graph::GatherOp op, ValueRange operands) {
  RankedTensorType input = typeOf(op.getInput()), type = typeOf(op.getResult());
  int64_t axis = op.getAxis(), numIndices = typeOf(op.getIndices()).getRank();
  Table table(tensors, input, axis, op.getIndices());
  SmallVector<int64_t> dims;
  for (int64_t dim = 0; dim < numIndices; ++dim)
    dims.push_back(axis + dim);
  return tensors.map({operands[1]}, {pickDims(op.getContext(), type.getRank(), dims)}, tensors.sizesOf(type),
                     type.getElementType(), [&](Scalars &at, ValueRange elements) {
                       Row row = table.find(at, elements[0]);
                       SmallVector<Value> position;
                       for (int64_t dim = 0; dim < input.getRank(); ++dim)
                         position.push_back(dim == axis ? row.local
                                                        : loopIndex(at, dim < axis ? dim : dim - 1 + numIndices));
                       return readRow(at, operands[0], row, position);
                     });
}

Value lowering::lowerGatherAlong(TensorBuilder &tensors, graph::GatherAlongOp op, ValueRange operands) {
  RankedTensorType type = typeOf(op.getResult());
  int64_t axis = op.getAxis();
  Table table(tensors, typeOf(op.getInput()), axis, op.getIndices());
  return tensors.map({operands[1]}, {pickDims(op.getContext(), type.getRank(), op.getDims())}, tensors.sizesOf(type),
                     type.getElementType(), [&](Scalars &at, ValueRange elements) {
                       Row row = table.find(at, elements[0]);
                       SmallVector<Value> position;
                       for (int64_t dim = 0; dim < type.getRank(); ++dim)
                         position.push_back(dim == axis ? row.local : loopIndex(at, dim));
                       return readRow(at, operands[0], row, position);
                     });
}

/// The reduction that a kind of scattering is; none replaces.
static std::optional<graph::ReduceKind> reduceKindOf(ScatterKind kind) {
  switch (kind) {
  case ScatterKind::update:
    return std::nullopt;
  case ScatterKind::add:
    return graph::ReduceKind::sum;
  case ScatterKind::mul:
    return graph::ReduceKind::prod;
  case ScatterKind::max:
    return graph::ReduceKind::max;
  case ScatterKind::min:
    return graph::ReduceKind::min;
  }
  return std::nullopt;
}

/// What the updates are put into: the input, or what changes nothing; of computed type where they are combined.
static Value makeBase(TensorBuilder &tensors, graph::ScatterAlongOp op, ValueRange operands, const Sizes &sizes,
                      std::optional<graph::ReduceKind> kind) {
  Type element = typeOf(op.getResult()).getElementType();
  Scalars here{tensors.builder, op.getLoc()};
  if (!op.getInput()) {
    Value zero =
        arith::ConstantOp::create(tensors.builder, op.getLoc(), tensors.builder.getZeroAttr(getStoredType(element)));
    return tensors.fill(kind ? here.identity(*kind, element) : zero, sizes);
  }
  // A copy of its own: the input is not to be written.
  Type kept = kind && isa<FloatType>(element) ? getComputedType(element) : element;
  return tensors.mapSame({operands[2]}, sizes, kept, [](Scalars &, ValueRange elements) { return elements[0]; });
}

Value lowering::lowerScatterAlong(TensorBuilder &tensors, graph::ScatterAlongOp op, ValueRange operands) {
  RankedTensorType type = typeOf(op.getResult());
  Type element = type.getElementType();
  std::optional<graph::ReduceKind> kind = reduceKindOf(op.getKind());
  Table table(tensors, type, op.getAxis(), op.getIndices());
  Sizes sizes = tensors.sizesOf(type);
  Value base = makeBase(tensors, op, operands, sizes, kind);
  Value done = tensors.loop(
      tensors.sizesOf(typeOf(op.getUpdates())), base, [&](Scalars &at, ValueRange loops, Value target) -> Value {
        SmallVector<Value> entry, position(loops);
        for (int64_t dim : op.getDims())
          entry.push_back(loops[dim]);
        Row row = table.find(at, tensor::ExtractOp::create(at.builder, at.location, operands[0], entry));
        position[op.getAxis()] = row.local;
        auto write = scf::IfOp::create(at.builder, at.location, TypeRange{target.getType()}, row.isHere, true);
        OpBuilder then = write.getThenBodyBuilder();
        Scalars here{then, at.location};
        Value update = tensor::ExtractOp::create(then, at.location, operands[1], loops);
        if (kind)
          update = here.combine(*kind, element, tensor::ExtractOp::create(then, at.location, target, position),
                                here.widen(update));
        scf::YieldOp::create(then, at.location,
                             tensor::InsertOp::create(then, at.location, update, target, position).getResult());
        OpBuilder otherwise = write.getElseBodyBuilder();
        scf::YieldOp::create(otherwise, at.location, target);
        return write.getResult(0);
      });
  return kind ? tensors.round(done, sizes, element) : done;
}
