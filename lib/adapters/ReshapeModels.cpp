// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tensor.expand_shape and tensor.collapse_shape: a collapsed dim is the mixed radix sum of the dims it is made of.
// [h*64+d] <-> [h, d] has loops h and d, so that a split of h is a split of the collapsed dim in units of 64.
#include "Models.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace partita::adapters {

/// Whether the coefficients of a group's loops are numbers: only its outermost dim may be symbolic, none unbounded.
static bool hasMixedRadix(RankedTensorType expanded, ArrayRef<int64_t> group) {
  bool isOutermost = true;
  for (int64_t dim : group) {
    int64_t bound = getDimBound(expanded, dim);
    if (bound == 1 && !expanded.isDynamicDim(dim))
      continue;
    if (bound < 0 || (expanded.isDynamicDim(dim) && !isOutermost))
      return false;
    isOutermost = false;
  }
  return true;
}

/// Loops of one reshape, with the indexing of its expanded and of its collapsed side.
static LoopNest makeNest(RankedTensorType expanded, ArrayRef<ReassociationIndices> groups, ValueIndexing &expandedDims,
                         ValueIndexing &collapsedDims) {
  LoopNest nest;
  expandedDims.resize(expanded.getRank());
  collapsedDims.resize(groups.size());
  for (auto [collapsed, group] : llvm::enumerate(groups)) {
    if (!hasMixedRadix(expanded, group))
      continue;
    int64_t coefficient = 1;
    SmallVector<DimTerm> innermostFirst;
    for (int64_t dim : llvm::reverse(group)) {
      int64_t bound = getDimBound(expanded, dim);
      // Dims of extent 1 belong to no loop.
      if (bound == 1 && !expanded.isDynamicDim(dim))
        continue;
      unsigned loop = nest.loops.size();
      nest.loops.push_back(Loop::parallel(bound, "d" + std::to_string(dim), expanded.isDynamicDim(dim)));
      expandedDims[dim].push_back({loop, 1});
      innermostFirst.push_back({loop, coefficient});
      coefficient *= bound;
    }
    collapsedDims[collapsed].append(innermostFirst.rbegin(), innermostFirst.rend());
  }
  nest.linearOperands = {{0}};
  nest.movesElements = true;
  return nest;
}

namespace {

struct ExpandSplit : SplitOpInterface::ExternalModel<ExpandSplit, tensor::ExpandShapeOp> {
  LoopNest getLoopNest(Operation *op) const {
    auto expand = cast<tensor::ExpandShapeOp>(op);
    ValueIndexing expanded, collapsed;
    LoopNest nest = makeNest(expand.getResultType(), expand.getReassociationIndices(), expanded, collapsed);
    nest.operands = {collapsed};
    nest.results = {expanded};
    fillScalarOperands(nest, op->getNumOperands());
    return nest;
  }

  Operation *createLocal(Operation *op, OpBuilder &builder, ValueRange operands, TypeRange resultTypes,
                         LocalIndexProvider sizeOf, LocalIndexProvider) const {
    auto type = cast<RankedTensorType>(resultTypes[0]);
    return withAttributesOf(op, tensor::ExpandShapeOp::create(builder, op->getLoc(), type, operands[0],
                                                              cast<tensor::ExpandShapeOp>(op).getReassociationIndices(),
                                                              getMixedSizes(builder, type, sizeOf)));
  }
};

struct CollapseSplit : SplitOpInterface::ExternalModel<CollapseSplit, tensor::CollapseShapeOp> {
  LoopNest getLoopNest(Operation *op) const {
    auto collapse = cast<tensor::CollapseShapeOp>(op);
    ValueIndexing expanded, collapsed;
    LoopNest nest = makeNest(collapse.getSrcType(), collapse.getReassociationIndices(), expanded, collapsed);
    nest.operands = {expanded};
    nest.results = {collapsed};
    return nest;
  }
};

template <typename Op> struct ReshapeCost : CostOpInterface::ExternalModel<ReshapeCost<Op>, Op> {
  Work getWork(Operation *, ArrayRef<int64_t>) const { return {0, WorkKind::movement}; }
};

} // namespace

void attachReshapeModels(MLIRContext *context) {
  tensor::ExpandShapeOp::attachInterface<ExpandSplit, ReshapeCost<tensor::ExpandShapeOp>>(*context);
  tensor::CollapseShapeOp::attachInterface<CollapseSplit, ReshapeCost<tensor::CollapseShapeOp>>(*context);
}

} // namespace partita::adapters
