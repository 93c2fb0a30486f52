// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Structured ops: iterators are loops, indexing maps are indexing, and the region says how results combine.
//
// A destination that a split reduction starts from is read as the result is made: partial, so that its value counts
// once (see placement/Destinations.h).
#include "Models.h"
#include "Payload.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace partita::adapters {

namespace {

class NestBuilder {
public:
  explicit NestBuilder(linalg::LinalgOp op) : op(op), maps(op.getIndexingMapsArray()) {}

  LoopNest build() {
    SmallVector<std::string> labels = nameLoops();
    std::optional<ReductionKind> combiner = findCombiner(op);
    for (auto [loop, iterator] : llvm::enumerate(op.getIteratorTypesArray()))
      nest.loops.push_back(makeLoop(loop, iterator, combiner, labels[loop]));
    for (OpOperand &operand : op->getOpOperands())
      nest.operands.push_back(index(operand));
    for (OpOperand &destination : op.getDpsInitsMutable())
      if (isa<RankedTensorType>(destination.get().getType()))
        nest.results.push_back(index(destination));
    nest.linearOperands = findLinearInputs(op);
    return std::move(nest);
  }

private:
  Loop makeLoop(unsigned loop, utils::IteratorType iterator, std::optional<ReductionKind> combiner, std::string label) {
    std::optional<std::pair<RankedTensorType, int64_t>> place = findPlace(loop);
    int64_t extent = place ? getDimBound(place->first, place->second) : ShapedType::kDynamic;
    bool symbolic = place && place->first.isDynamicDim(place->second);
    std::string reason = findObstacle(loop, iterator, combiner.has_value());
    if (!place || extent < 0)
      return Loop::whole(1, label, "the extent of this loop has no bound");
    if (!reason.empty())
      return Loop::whole(extent, label, reason, symbolic);
    return iterator == utils::IteratorType::parallel ? Loop::parallel(extent, label, symbolic)
                                                     : Loop::reduce(extent, label, *combiner, symbolic);
  }

  /// A tensor dim that exactly this loop walks.
  std::optional<std::pair<RankedTensorType, int64_t>> findPlace(unsigned loop) {
    for (OpOperand &operand : op->getOpOperands())
      if (auto type = dyn_cast<RankedTensorType>(operand.get().getType()))
        for (auto [dim, expression] : llvm::enumerate(maps[operand.getOperandNumber()].getResults()))
          if (auto walked = dyn_cast<AffineDimExpr>(expression); walked && walked.getPosition() == loop)
            return std::pair(type, static_cast<int64_t>(dim));
    return std::nullopt;
  }

  /// Why the loop cannot be split; empty when it can.
  std::string findObstacle(unsigned loop, utils::IteratorType iterator, bool hasCombiner) {
    if (!op.hasPureTensorSemantics())
      return "the op works on buffers";
    for (AffineMap map : maps) {
      unsigned found = 0;
      for (AffineExpr expression : map.getResults()) {
        if (!isa<AffineDimExpr>(expression) && expression.isFunctionOfDim(loop))
          return "the op reads a window of this dim";
        found += expression.isFunctionOfDim(loop);
      }
      if (found > 1)
        return "the op reads a diagonal";
    }
    bool readsIndex = false;
    op.getBlock()->walk([&](linalg::IndexOp index) { readsIndex |= index.getDim() == loop; });
    if (readsIndex)
      return "the op computes with the index of this loop";
    return findDestinationObstacle(loop, iterator, hasCombiner);
  }

  std::string findDestinationObstacle(unsigned loop, utils::IteratorType iterator, bool hasCombiner) {
    bool isReduction = iterator != utils::IteratorType::parallel;
    if (isReduction && !hasCombiner)
      return "the reduction is none of sum, max, min, and, or";
    for (OpOperand &destination : op.getDpsInitsMutable()) {
      bool walks = maps[destination.getOperandNumber()].isFunctionOfDim(loop);
      if (walks == isReduction)
        return isReduction ? "the result has a dim that is reduced" : "a result does not have this dim";
    }
    return "";
  }

  /// Dims walked by one loop that is not whole name it; others are read whole.
  ValueIndexing index(OpOperand &operand) {
    auto type = dyn_cast<RankedTensorType>(operand.get().getType());
    ValueIndexing indexing;
    if (!type)
      return indexing;
    for (AffineExpr expression : maps[operand.getOperandNumber()].getResults()) {
      auto walked = dyn_cast<AffineDimExpr>(expression);
      bool isTied = walked && nest.loops[walked.getPosition()].kind != LoopKind::whole;
      indexing.push_back(isTied ? DimExpression{{walked.getPosition(), 1}} : DimExpression{});
    }
    return indexing;
  }

  /// m, n, k and b for the loops of a product, numbered where there are several; d0, d1, ... otherwise.
  SmallVector<std::string> nameLoops() {
    SmallVector<std::string> labels;
    for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
      labels.push_back("d" + std::to_string(loop));
    FailureOr<linalg::ContractionDimensions> dims = linalg::inferContractionDims(op);
    if (failed(dims))
      return labels;
    auto name = [&](ArrayRef<unsigned> loops, const std::string &letter) {
      for (auto [number, loop] : llvm::enumerate(loops))
        labels[loop] = loops.size() == 1 ? letter : letter + std::to_string(number);
    };
    name(dims->batch, "b");
    name(dims->m, "m");
    name(dims->n, "n");
    name(dims->k, "k");
    return labels;
  }

  linalg::LinalgOp op;
  SmallVector<AffineMap> maps;
  LoopNest nest;
};

template <typename Op> struct StructuredSplit : SplitOpInterface::ExternalModel<StructuredSplit<Op>, Op> {
  LoopNest getLoopNest(Operation *op) const { return NestBuilder(cast<linalg::LinalgOp>(op)).build(); }

  /// Constants that the region reads from outside move into it: the local program is another function.
  Operation *createLocal(Operation *op, OpBuilder &builder, ValueRange operands, TypeRange resultTypes,
                         LocalIndexProvider, LocalIndexProvider) const {
    llvm::SetVector<Value> captured = findCapturedValues(op);
    if (!llvm::all_of(captured, [](Value value) { return matchPattern(value, m_Constant()); }))
      return nullptr;
    Operation *local = cloneWithTypes(builder, op, operands, resultTypes);
    OpBuilder inside = OpBuilder::atBlockBegin(&local->getRegion(0).front());
    for (Value value : captured) {
      Operation *constant = inside.clone(*value.getDefiningOp());
      constant->setDiscardableAttrs(DictionaryAttr::get(op->getContext()));
      value.replaceUsesWithIf(constant->getResult(0),
                              [&](OpOperand &use) { return local->isProperAncestor(use.getOwner()); });
    }
    return local;
  }
};

template <typename Op> struct StructuredCost : CostOpInterface::ExternalModel<StructuredCost<Op>, Op> {
  Work getWork(Operation *op, ArrayRef<int64_t> extents) const {
    auto structured = cast<linalg::LinalgOp>(op);
    double iterations = countIterations(extents), scalars = countOperations(structured);
    if (linalg::isaContractionOpInterface(structured) || linalg::isaConvolutionOpInterface(structured))
      return {scalars * iterations, WorkKind::matrix};
    if (scalars == 0)
      return {iterations, WorkKind::movement};
    return {scalars * iterations, WorkKind::vector};
  }
};

} // namespace

template <typename... Ops> static void attachTo(MLIRContext *context) {
  (Ops::template attachInterface<StructuredSplit<Ops>, StructuredCost<Ops>>(*context), ...);
}

void attachLinalgModels(MLIRContext *context) {
  attachTo<
#define GET_OP_LIST
#include "mlir/Dialect/Linalg/IR/LinalgStructuredOps.cpp.inc"
      >(context);
}

} // namespace partita::adapters
