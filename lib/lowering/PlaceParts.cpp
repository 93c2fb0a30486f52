// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "PlaceParts.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Dominance.h"
#include "partita/lowering/Passes.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

/// The loop that computes the part and nothing else, in memory of its own.
static scf::ForallOp findLoop(tensor::InsertSliceOp insert) {
  Value source = insert.getSource();
  auto loop = source.getDefiningOp<scf::ForallOp>();
  if (!loop || !source.hasOneUse() || insert.getSourceType().getRank() != insert.getDestType().getRank())
    return {};
  auto empty = loop.getTiedOpOperand(cast<OpResult>(source))->get().getDefiningOp<tensor::EmptyOp>();
  return empty && empty->hasOneUse() ? loop : scf::ForallOp();
}

/// The fill of the larger tensor, if nothing else reads it and it may as well stand before the loop.
static linalg::FillOp findFill(tensor::InsertSliceOp insert, scf::ForallOp loop) {
  auto fill = insert.getDest().getDefiningOp<linalg::FillOp>();
  if (!fill || !fill->hasOneUse() || fill->getBlock() != loop->getBlock() || insert->getBlock() != loop->getBlock())
    return {};
  auto empty = fill.getOutputs()[0].getDefiningOp<tensor::EmptyOp>();
  if (!empty || !empty->hasOneUse())
    return {};
  DominanceInfo dominance;
  auto isKnown = [&](Value value) { return dominance.properlyDominates(value, loop); };
  bool known = isKnown(fill.getInputs()[0]) && llvm::all_of(empty->getOperands(), isKnown) &&
               llvm::all_of(insert->getOperands().drop_front(2), isKnown);
  return known ? fill : linalg::FillOp();
}

/// Fills everything but the part: for each dim what lies before and behind the part, inside of it in the dims before
/// and whole in the dims after, so that nothing is filled twice.
static Value fillAround(OpBuilder &builder, tensor::InsertSliceOp insert, linalg::FillOp fill) {
  RankedTensorType type = insert.getDestType();
  Value around = fill.getOutputs()[0];
  SmallVector<OpFoldResult> offsets(type.getRank(), builder.getIndexAttr(0)), strides(insert.getMixedStrides());
  SmallVector<OpFoldResult> sizes;
  for (int64_t size : type.getShape())
    sizes.push_back(builder.getIndexAttr(size));
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    int64_t begin = insert.getStaticOffset(dim), end = begin + insert.getStaticSize(dim), extent = type.getDimSize(dim);
    for (auto [first, last] : {std::pair(int64_t(0), begin), {end, extent}}) {
      if (first == last)
        continue;
      offsets[dim] = builder.getIndexAttr(first);
      sizes[dim] = builder.getIndexAttr(last - first);
      Value part = tensor::ExtractSliceOp::create(builder, fill.getLoc(), around, offsets, sizes, strides);
      part = linalg::FillOp::create(builder, fill.getLoc(), fill.getInputs()[0], part).getResult(0);
      around = tensor::InsertSliceOp::create(builder, fill.getLoc(), part, around, offsets, sizes, strides);
    }
    offsets[dim] = builder.getIndexAttr(begin);
    sizes[dim] = builder.getIndexAttr(end - begin);
  }
  return around;
}

static bool isStatic(tensor::InsertSliceOp insert) {
  return insert.getDestType().hasStaticShape() && llvm::none_of(insert.getStaticOffsets(), ShapedType::isDynamic) &&
         llvm::none_of(insert.getStaticSizes(), ShapedType::isDynamic) && insert.hasUnitStride();
}

static void placePart(tensor::InsertSliceOp insert) {
  scf::ForallOp loop = findLoop(insert);
  linalg::FillOp fill = loop ? findFill(insert, loop) : linalg::FillOp();
  if (!fill)
    return;
  auto empty = fill.getOutputs()[0].getDefiningOp<tensor::EmptyOp>();
  empty->moveBefore(loop);
  fill->moveBefore(loop);
  OpBuilder builder(loop);
  Value larger = fill.getResult(0);
  if (isStatic(insert))
    larger = fillAround(builder, insert, fill);
  Value inside =
      tensor::ExtractSliceOp::create(builder, insert.getLoc(), insert.getSourceType(), larger, insert.getMixedOffsets(),
                                     insert.getMixedSizes(), insert.getMixedStrides());
  OpOperand *own = loop.getTiedOpOperand(cast<OpResult>(insert.getSource()));
  Operation *unused = own->get().getDefiningOp();
  own->set(inside);
  unused->erase();
  insert.getDestMutable().set(larger);
  if (fill->use_empty())
    fill.erase();
}

void lowering::placeParts(func::FuncOp kernel) {
  SmallVector<tensor::InsertSliceOp> inserts;
  kernel.walk([&](tensor::InsertSliceOp insert) { inserts.push_back(insert); });
  for (tensor::InsertSliceOp insert : inserts)
    placePart(insert);
}
