// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Narrow.cpp - Functions of what is repeated ------------------------------===//
//
// A mask of keys is often computed for every head and query, in as many copies. f(broadcast(a), broadcast(b)) is
// broadcast(f(a, b)), in the dims along which a or b run; transpose(broadcast(a)) is broadcast(transpose(a)).
#include "Patterns.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

/// The value of every element, where the operand is a constant that has one.
static DenseElementsAttr matchSplat(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  auto dense = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  return dense && dense.isSplat() ? dense : DenseElementsAttr();
}

/// The dims of the result along which any operand runs, in order; nothing where an operand is not repeated.
static std::optional<SmallVector<int64_t>> findDims(Operation *op) {
  // A truth value that is made a number stays whole, so that the choice it makes is seen.
  auto cast = dyn_cast<CastOp>(op);
  if (!isa<ElementwiseOp>(op) && (!cast || typeOf(cast.getInput()).getElementType().isInteger(1)))
    return std::nullopt;
  std::set<int64_t> dims;
  bool hasBroadcast = false;
  for (Value input : op->getOperands()) {
    if (matchSplat(input))
      continue;
    if (!input.getDefiningOp<BroadcastOp>())
      return std::nullopt;
    hasBroadcast = true;
    for (int64_t dim : viewOf(input).dims)
      if (dim >= 0)
        dims.insert(dim);
  }
  bool isNarrower = hasBroadcast && static_cast<int64_t>(dims.size()) < typeOf(op->getResult(0)).getRank();
  return isNarrower ? std::optional(SmallVector<int64_t>(dims.begin(), dims.end())) : std::nullopt;
}

/// The repeated value is turned before it is repeated.
static bool turnBeforeBroadcast(TransposeOp op, Rewriter &rewriter) {
  auto spread = op.getInput().getDefiningOp<BroadcastOp>();
  if (!spread || !spread->hasOneUse())
    return false;
  SmallVector<int64_t> dims, order;
  SmallVector<DimSize> sizes;
  for (auto [to, from] : llvm::enumerate(op.getPermutation()))
    if (const int64_t *found = llvm::find(spread.getDims(), from); found != spread.getDims().end()) {
      dims.push_back(static_cast<int64_t>(to));
      order.push_back(found - spread.getDims().begin());
      sizes.push_back(*getDimSize(typeOf(spread.getInput()), order.back()));
    }
  OpBuilder &builder = rewriter.builder;
  builder.setInsertionPoint(op);
  Value core = spread.getInput();
  if (!llvm::is_sorted(order))
    core = TransposeOp::create(builder, op->getLoc(), getTensorType(sizes, typeOf(core).getElementType()),
                               rewriter.names.derive(op, "narrow"), core, order);
  rewriter.replace(op, BroadcastOp::create(builder, op->getLoc(), op.getResult().getType(),
                                           op->getAttrOfType<StringAttr>("name"), core, dims));
  return true;
}

bool partita::import::recognizeNarrow(Operation *op, Rewriter &rewriter) {
  if (auto transpose = dyn_cast<TransposeOp>(op))
    return turnBeforeBroadcast(transpose, rewriter);
  std::optional<SmallVector<int64_t>> dims = findDims(op);
  if (!dims)
    return false;
  OpBuilder &builder = rewriter.builder;
  builder.setInsertionPoint(op);
  RankedTensorType wide = typeOf(op->getResult(0));
  SmallVector<DimSize> sizes;
  for (int64_t dim : *dims)
    sizes.push_back(*getDimSize(wide, dim));
  SmallVector<Value> operands;
  for (Value input : op->getOperands()) {
    auto type = getTensorType(sizes, typeOf(input).getElementType());
    DenseElementsAttr splat = matchSplat(input);
    if (splat && type.hasStaticShape()) {
      operands.push_back(ConstantOp::create(builder, op->getLoc(), type, rewriter.names.derive(op, "number"),
                                            splat.resizeSplat(type)));
      continue;
    }
    View view = viewOf(input);
    if (splat) {
      auto scalar = RankedTensorType::get({}, type.getElementType());
      view.core = ConstantOp::create(builder, op->getLoc(), scalar, rewriter.names.derive(op, "number"),
                                     splat.resizeSplat(scalar));
      view.dims.clear();
    }
    for (int64_t &dim : view.dims)
      dim = dim < 0 ? -1 : llvm::find(*dims, dim) - dims->begin();
    operands.push_back(widen(builder, op, rewriter.names, "narrow/operand", view.core, view.dims, type));
  }
  Operation *narrow = builder.clone(*op);
  narrow->setAttr("name", rewriter.names.derive(op, "narrow"));
  narrow->setOperands(operands);
  narrow->getResult(0).setType(getTensorType(sizes, wide.getElementType()));
  rewriter.replace(op, BroadcastOp::create(builder, op->getLoc(), wide, op->getAttrOfType<StringAttr>("name"),
                                           narrow->getResult(0), *dims));
  return true;
}
