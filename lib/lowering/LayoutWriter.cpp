// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One pass over the ops of a kernel: for each value it is known how it lies in memory, and each op either works on
// values as they lie or gets copies in the model's order.
#include "LayoutWriter.h"
#include "Kernel.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include <numeric>

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

template <typename Range> static auto reorder(const Range &values, ArrayRef<int64_t> order) {
  SmallVector<std::decay_t<decltype(values[0])>> result;
  for (int64_t dim : order)
    result.push_back(values[dim]);
  return result;
}

static DimOrder invert(ArrayRef<int64_t> order) {
  DimOrder inverse(order.size());
  for (auto [position, dim] : llvm::enumerate(order))
    inverse[dim] = position;
  return inverse;
}

static bool isIdentity(ArrayRef<int64_t> order) {
  return llvm::all_of(llvm::enumerate(order), [](auto entry) { return int64_t(entry.index()) == entry.value(); });
}

static RankedTensorType reorder(RankedTensorType type, ArrayRef<int64_t> order) {
  return RankedTensorType::get(reorder(type.getShape(), order), type.getElementType());
}

static AffineMap reorderResults(AffineMap map, ArrayRef<int64_t> order) {
  return AffineMap::get(map.getNumDims(), 0, reorder(map.getResults(), order), map.getContext());
}

Value lowering::transposeDims(OpBuilder &builder, Location location, Value tensor, ArrayRef<int64_t> order) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, location, tensor);
  Value target = tensor::EmptyOp::create(builder, location, reorder(sizes, order), typeOf(tensor).getElementType());
  AffineMap identity = AffineMap::getMultiDimIdentityMap(order.size(), builder.getContext());
  SmallVector<utils::IteratorType> loops(order.size(), utils::IteratorType::parallel);
  return linalg::GenericOp::create(builder, location, TypeRange{target.getType()}, ValueRange{tensor},
                                   ValueRange{target},
                                   ArrayRef<AffineMap>{reorderResults(identity, invert(order)), identity}, loops,
                                   [](OpBuilder &inner, Location at, ValueRange elements) {
                                     linalg::YieldOp::create(inner, at, elements.front());
                                   })
      .getResult(0);
}

//===-- What is known of values -----------------------------------------------------------------------------------===//

const LayoutWriter::Stored *LayoutWriter::find(Value value) const {
  auto found = stored.find(value);
  return found == stored.end() ? nullptr : &found->second;
}

void LayoutWriter::keep(Value old, Value value, ArrayRef<int64_t> order) {
  if (!isIdentity(order)) {
    stored[old] = {value, DimOrder(order)};
    return;
  }
  if (value.getType() != old.getType())
    value = tensor::CastOp::create(rewriter, old.getLoc(), old.getType(), value);
  old.replaceAllUsesWith(value);
}

/// The value in the model's order.
Value LayoutWriter::restore(Value value) {
  const Stored *found = find(value);
  if (!found)
    return value;
  Value &copy = restored[value];
  if (copy)
    return copy;
  copy = transposeDims(rewriter, value.getLoc(), found->value, invert(found->order));
  if (copy.getType() != value.getType())
    copy = tensor::CastOp::create(rewriter, value.getLoc(), value.getType(), copy);
  return copy;
}

/// The value in this order; what is only filled is filled in this order.
Value LayoutWriter::bring(Value value, ArrayRef<int64_t> order) {
  if (const Stored *found = find(value); found && ArrayRef(found->order) == order)
    return found->value;
  if (auto empty = value.getDefiningOp<tensor::EmptyOp>())
    return tensor::EmptyOp::create(rewriter, value.getLoc(), reorder(empty.getMixedSizes(), order),
                                   empty.getType().getElementType());
  if (auto fill = value.getDefiningOp<linalg::FillOp>())
    return linalg::FillOp::create(rewriter, value.getLoc(), fill.getInputs().front(),
                                  bring(fill.getOutputs().front(), order))
        .getResult(0);
  return transposeDims(rewriter, value.getLoc(), restore(value), order);
}

void LayoutWriter::restoreOperands(Operation *op) {
  SetVector<Value> values(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), values);
  for (Value value : values)
    if (find(value))
      value.replaceUsesWithIf(restore(value), [&](OpOperand &use) { return op->isAncestor(use.getOwner()); });
}

//===-- Ops -------------------------------------------------------------------------------------------------------===//

void LayoutWriter::run() {
  for (Operation &op : llvm::make_early_inc_range(kernel.getBody().front())) {
    rewriter.setInsertionPoint(&op);
    visit(&op);
  }
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(kernel.getBody().front())))
    if (isOpTriviallyDead(&op))
      op.erase();
}

void LayoutWriter::visit(Operation *op) {
  bool isMoved = false;
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    isMoved = moveMarked(generic) || moveGeneric(generic);
  else if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    isMoved = moveInsert(insert);
  else if (auto extract = dyn_cast<tensor::ExtractSliceOp>(op))
    isMoved = moveExtract(extract);
  else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    isMoved = moveExpand(expand);
  else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    isMoved = moveCollapse(collapse);
  else if (auto cast = dyn_cast<tensor::CastOp>(op))
    isMoved = moveCast(cast);
  else
    isMoved = moveBuffer(op);
  if (!isMoved)
    restoreOperands(op);
}

/// A copy in another order of a tensor that is padded first: padded in that order, so that the copy is made in its
/// place.
void LayoutWriter::turnBeforePadding(linalg::GenericOp op) {
  auto insert = op.getInputs().front().getDefiningOp<tensor::InsertSliceOp>();
  if (!insert || !insert->hasOneUse() || !insert.getDest().getDefiningOp<linalg::FillOp>() ||
      insert.getSourceType().getRank() != insert.getDestType().getRank())
    return;
  DimOrder order;
  for (AffineExpr expression : op.getMatchingIndexingMap(op.getDpsInputOperand(0)).getResults())
    order.push_back(cast<AffineDimExpr>(expression).getPosition());
  order = invert(order);
  Value source = transposeDims(rewriter, op.getLoc(), insert.getSource(), order);
  Value padded = tensor::InsertSliceOp::create(
      rewriter, op.getLoc(), source, bring(insert.getDest(), order), reorder(insert.getMixedOffsets(), order),
      reorder(insert.getMixedSizes(), order), reorder(insert.getMixedStrides(), order));
  if (padded.getType() == op.getResult(0).getType())
    op.getResult(0).replaceAllUsesWith(padded);
}

/// The operand itself under another order of dims; only what comes as the model has it is copied for a convolution.
bool LayoutWriter::moveMarked(linalg::GenericOp op) {
  auto isRestored = op->getAttrOfType<BoolAttr>(kLayoutAttr);
  if (!isRestored)
    return false;
  op->removeAttr(kLayoutAttr);
  Value input = op.getInputs().front();
  const Stored *found = find(input);
  if (!found && !isRestored.getValue()) {
    turnBeforePadding(op);
    return true;
  }
  DimOrder position(op.getNumLoops());
  for (auto [dim, expression] : llvm::enumerate(op.getMatchingIndexingMap(op.getDpsInputOperand(0)).getResults()))
    position[dim] = cast<AffineDimExpr>(expression).getPosition();
  DimOrder order = found ? found->order : DimOrder(llvm::to_vector(llvm::seq<int64_t>(0, op.getNumLoops())));
  keep(op.getResult(0), found ? found->value : input, reorder(position, order));
  return true;
}

/// The order of an operand whose dims are those of the result.
std::optional<DimOrder> LayoutWriter::chooseOrder(linalg::GenericOp op) const {
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (OpOperand *operand : op.getDpsInputOperands()) {
    const Stored *found = find(operand->get());
    AffineMap map = op.getMatchingIndexingMap(operand);
    if (!found || map.getNumResults() != result.getNumResults())
      continue;
    bool isSame = llvm::all_of(llvm::zip(map.getResults(), result.getResults()), [](auto pair) {
      auto loop = dyn_cast<AffineDimExpr>(std::get<1>(pair));
      return loop && std::get<0>(pair).isFunctionOfDim(loop.getPosition());
    });
    if (isSame)
      return found->order;
  }
  return std::nullopt;
}

/// Loops of the result in its order in memory, then reductions, then the loop along contiguous memory.
static SmallVector<unsigned> orderLoops(linalg::GenericOp op, AffineExpr contiguous) {
  SmallVector<unsigned> loops;
  auto last = dyn_cast<AffineDimExpr>(contiguous);
  bool isLast = last && op.getIteratorTypesArray()[last.getPosition()] == utils::IteratorType::parallel;
  for (AffineExpr dim : op.getMatchingIndexingMap(op.getDpsInitOperand(0)).getResults())
    if (!isLast || dim != last)
      loops.push_back(cast<AffineDimExpr>(dim).getPosition());
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
    if (!llvm::is_contained(loops, loop) && (!isLast || loop != last.getPosition()))
      loops.push_back(loop);
  if (isLast)
    loops.push_back(last.getPosition());
  return loops;
}

bool LayoutWriter::moveGeneric(linalg::GenericOp op) {
  SetVector<Value> captured;
  getUsedValuesDefinedAbove(op->getRegions(), captured);
  AffineMap resultMap = op.getNumResults() == 1 ? op.getMatchingIndexingMap(op.getDpsInitOperand(0)) : AffineMap();
  if (!resultMap || !resultMap.isProjectedPermutation() ||
      llvm::none_of(op.getInputs(), [&](Value input) { return find(input); }) ||
      llvm::any_of(captured, [&](Value value) { return find(value); }))
    return false;
  std::optional<DimOrder> order = chooseOrder(op);
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  AffineExpr contiguous;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    const Stored *found = find(operand->get());
    inputs.push_back(found ? found->value : operand->get());
    maps.push_back(found ? reorderResults(map, found->order) : map);
    if (found && !contiguous)
      contiguous = maps.back().getResults().back();
  }
  Value target = op.getDpsInits().front();
  maps.push_back(order ? reorderResults(resultMap, *order) : resultMap);
  target = order ? bring(target, *order) : restore(target);
  auto moved = linalg::GenericOp::create(rewriter, op.getLoc(), TypeRange{target.getType()}, inputs, ValueRange{target},
                                         maps, op.getIteratorTypesArray());
  rewriter.cloneRegionBefore(op.getRegion(), moved.getRegion(), moved.getRegion().end());
  if (order)
    contiguous = maps.back().getResults().back();
  SmallVector<unsigned> loops = orderLoops(moved, contiguous);
  FailureOr<linalg::GenericOp> interchanged = linalg::interchangeGenericOp(rewriter, moved, loops);
  Value result = (succeeded(interchanged) ? *interchanged : moved).getResult(0);
  int64_t rank = typeOf(result).getRank();
  keep(op.getResult(0), result, order ? *order : DimOrder(llvm::to_vector(llvm::seq<int64_t>(0, rank))));
  return true;
}

bool LayoutWriter::moveInsert(tensor::InsertSliceOp op) {
  const Stored *found = find(op.getSource()) ? find(op.getSource()) : find(op.getDest());
  if (!found || op.getSourceType().getRank() != op.getDestType().getRank())
    return false;
  DimOrder order = found->order;
  Value source = bring(op.getSource(), order), target = bring(op.getDest(), order);
  Value moved =
      tensor::InsertSliceOp::create(rewriter, op.getLoc(), source, target, reorder(op.getMixedOffsets(), order),
                                    reorder(op.getMixedSizes(), order), reorder(op.getMixedStrides(), order));
  keep(op.getResult(), moved, order);
  return true;
}

bool LayoutWriter::moveExtract(tensor::ExtractSliceOp op) {
  const Stored *found = find(op.getSource());
  if (!found || op.getSourceType().getRank() != op.getType().getRank())
    return false;
  DimOrder order = found->order;
  Value moved = tensor::ExtractSliceOp::create(rewriter, op.getLoc(), reorder(op.getType(), order), found->value,
                                               reorder(op.getMixedOffsets(), order), reorder(op.getMixedSizes(), order),
                                               reorder(op.getMixedStrides(), order));
  keep(op.getResult(), moved, order);
  return true;
}

bool LayoutWriter::moveExpand(tensor::ExpandShapeOp op) {
  const Stored *found = find(op.getSrc());
  if (!found)
    return false;
  SmallVector<ReassociationIndices> groups = op.getReassociationIndices(), moved;
  DimOrder order;
  for (int64_t dim : found->order) {
    moved.emplace_back();
    for (int64_t inner : groups[dim]) {
      moved.back().push_back(static_cast<int64_t>(order.size()));
      order.push_back(inner);
    }
  }
  Value result = tensor::ExpandShapeOp::create(rewriter, op.getLoc(), reorder(op.getResultType(), order), found->value,
                                               moved, reorder(op.getMixedOutputShape(), order));
  keep(op.getResult(), result, order);
  return true;
}

bool LayoutWriter::moveCollapse(tensor::CollapseShapeOp op) {
  const Stored *found = find(op.getSrc());
  if (!found)
    return false;
  SmallVector<ReassociationIndices> groups = op.getReassociationIndices(), moved;
  DimOrder order;
  // The dims of each group must lie together and in their order.
  for (size_t position = 0; position < found->order.size();) {
    auto group = llvm::find_if(groups, [&](const ReassociationIndices &dims) {
      return !dims.empty() && dims.front() == found->order[position];
    });
    if (group == groups.end() || ArrayRef(found->order).slice(position).size() < group->size() ||
        ArrayRef(found->order).slice(position, group->size()) != ArrayRef<int64_t>(*group))
      return false;
    order.push_back(group - groups.begin());
    moved.emplace_back();
    for (size_t inner = 0; inner < group->size(); ++inner)
      moved.back().push_back(static_cast<int64_t>(position++));
  }
  Value result =
      tensor::CollapseShapeOp::create(rewriter, op.getLoc(), reorder(op.getResultType(), order), found->value, moved);
  keep(op.getResult(), result, order);
  return true;
}

bool LayoutWriter::moveCast(tensor::CastOp op) {
  const Stored *found = find(op.getSource());
  auto type = dyn_cast<RankedTensorType>(op.getType());
  if (!found || !type)
    return false;
  DimOrder order = found->order;
  keep(op.getResult(), tensor::CastOp::create(rewriter, op.getLoc(), reorder(type, order), found->value), order);
  return true;
}

//===-- Buffers that keep an order
//----------------------------------------------------------------------------------===//

Value LayoutWriter::makeView(Value buffer, ArrayRef<int64_t> order) {
  auto view = buffer.getDefiningOp<memref::ViewOp>();
  MemRefType type = view.getType();
  SmallVector<Value> sizes;
  for (int64_t dim : order)
    if (type.isDynamicDim(dim))
      sizes.push_back(view.getSizes()[type.getDynamicDimIndex(dim)]);
  // Where the other one is: before all ops that may compute a result in its place.
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointAfter(view);
  return memref::ViewOp::create(rewriter, buffer.getLoc(),
                                MemRefType::get(reorder(type.getShape(), order), type.getElementType()),
                                view.getSource(), view.getByteShift(), sizes);
}

bool LayoutWriter::moveBuffer(Operation *op) {
  auto input = dyn_cast<bufferization::ToTensorOp>(op);
  auto output = dyn_cast<bufferization::MaterializeInDestinationOp>(op);
  Value buffer = input ? input.getBuffer() : output ? output.getDest() : Value();
  std::optional<int64_t> number = buffer ? getBufferNumber(buffer) : std::nullopt;
  auto found = number ? buffers.find(*number) : buffers.end();
  if (found == buffers.end())
    return false;
  Value view = makeView(buffer, found->second);
  if (input) {
    Value value = bufferization::ToTensorOp::create(
        rewriter, op->getLoc(), reorder(typeOf(input.getResult()), found->second), view, /*restrict=*/true);
    keep(input.getResult(), value, found->second);
    return true;
  }
  bufferization::MaterializeInDestinationOp::create(rewriter, op->getLoc(), Type(),
                                                    bring(output.getSource(), found->second), view, /*restrict=*/true,
                                                    /*writable=*/true);
  op->erase();
  return true;
}
