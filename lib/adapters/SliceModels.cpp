// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tensor.extract_slice and tensor.insert_slice: dims taken whole are split like those of any value; along the others
// the parts of the slice and of what it is cut from do not line up.
#include "Models.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace partita::adapters {

namespace {

/// The dims of a slice: which dim of the big tensor is which of the small one, and which are taken whole.
struct SliceDims {
  SmallVector<int> smallDim; ///< for each dim of the big tensor; -1 where the small one has dropped it
  SmallVector<bool> isWhole;
};

} // namespace

template <typename Op> static SliceDims readDims(Op op, RankedTensorType big, RankedTensorType small) {
  SliceDims dims;
  llvm::SmallBitVector dropped = op.getDroppedDims();
  int next = 0;
  for (int64_t dim = 0; dim < big.getRank(); ++dim) {
    dims.smallDim.push_back(dropped.test(dim) ? -1 : next++);
    std::optional<int64_t> offset = getConstantIntValue(op.getMixedOffsets()[dim]);
    std::optional<int64_t> stride = getConstantIntValue(op.getMixedStrides()[dim]);
    std::optional<DimSize> whole = getDimSize(big, dim);
    std::optional<DimSize> part = dropped.test(dim) ? std::nullopt : getDimSize(small, dims.smallDim[dim]);
    dims.isWhole.push_back(offset == 0 && stride == 1 && whole && part && *whole == *part);
  }
  return dims;
}

/// One loop for each dim of `walked` (big or small), parallel where the dim is taken whole.
static LoopNest makeNest(const SliceDims &dims, RankedTensorType big, RankedTensorType small, bool walksBig,
                         ValueIndexing &bigDims, ValueIndexing &smallDims) {
  LoopNest nest;
  bigDims.resize(big.getRank());
  smallDims.resize(small.getRank());
  for (int64_t dim = 0; dim < big.getRank(); ++dim) {
    int smallDim = dims.smallDim[dim];
    if (!walksBig && smallDim < 0)
      continue;
    RankedTensorType type = walksBig ? big : small;
    int64_t walked = walksBig ? dim : smallDim;
    std::string label = "d" + std::to_string(walked);
    int64_t extent = getDimBound(type, walked);
    unsigned loop = nest.loops.size();
    if (dims.isWhole[dim]) {
      nest.loops.push_back(Loop::parallel(extent, label, type.isDynamicDim(walked)));
      bigDims[dim].push_back({loop, 1});
      smallDims[smallDim].push_back({loop, 1});
    } else {
      nest.loops.push_back(Loop::whole(extent, label,
                                       "the slice cuts this dim, so parts of operand and result do not line up",
                                       type.isDynamicDim(walked)));
    }
  }
  return nest;
}

/// Sizes of a slice whose small side has this type: numbers where the type knows them, the part's own extent along dims
/// taken whole, else what the op states.
template <typename Op>
static SmallVector<OpFoldResult> getLocalSizes(Op op, const SliceDims &dims, RankedTensorType small,
                                               llvm::function_ref<Value(int64_t dimOfBig)> sizeOfPart) {
  SmallVector<OpFoldResult> sizes = op.getMixedSizes();
  for (auto [dim, own] : llvm::enumerate(dims.smallDim)) {
    if (own < 0)
      continue;
    if (!small.isDynamicDim(own))
      sizes[dim] = Builder(op.getContext()).getIndexAttr(small.getDimSize(own));
    else if (dims.isWhole[dim])
      sizes[dim] = sizeOfPart(dim);
  }
  return sizes;
}

/// The op's own numbers with index operands replaced by those of the local program.
static SmallVector<OpFoldResult> replaceValues(Operation *op, ValueRange operands, ArrayRef<OpFoldResult> mixed) {
  SmallVector<OpFoldResult> replaced(mixed);
  for (OpFoldResult &entry : replaced)
    if (auto value = dyn_cast<Value>(entry))
      for (auto [before, after] : llvm::zip(op->getOperands(), operands))
        if (before == value)
          entry = after;
  return replaced;
}

namespace {

struct ExtractSplit : SplitOpInterface::ExternalModel<ExtractSplit, tensor::ExtractSliceOp> {
  LoopNest getLoopNest(Operation *op) const {
    auto slice = cast<tensor::ExtractSliceOp>(op);
    RankedTensorType big = slice.getSourceType(), small = slice.getResultType();
    ValueIndexing bigDims, smallDims;
    LoopNest nest = makeNest(readDims(slice, big, small), big, small, /*walksBig=*/false, bigDims, smallDims);
    nest.operands = {bigDims};
    nest.results = {smallDims};
    nest.linearOperands = {{0}};
    fillScalarOperands(nest, op->getNumOperands());
    return nest;
  }

  Operation *createLocal(Operation *op, OpBuilder &builder, ValueRange operands, TypeRange resultTypes,
                         LocalIndexProvider sizeOf, LocalIndexProvider) const {
    auto slice = cast<tensor::ExtractSliceOp>(op);
    auto type = cast<RankedTensorType>(resultTypes[0]);
    SliceDims dims = readDims(slice, slice.getSourceType(), slice.getResultType());
    SmallVector<OpFoldResult> sizes =
        getLocalSizes(slice, dims, type, [&](int64_t dim) { return sizeOf(0, dims.smallDim[dim]); });
    return withAttributesOf(op, tensor::ExtractSliceOp::create(builder, op->getLoc(), type, operands[0],
                                                               replaceValues(op, operands, slice.getMixedOffsets()),
                                                               replaceValues(op, operands, sizes),
                                                               replaceValues(op, operands, slice.getMixedStrides())));
  }
};

struct InsertSplit : SplitOpInterface::ExternalModel<InsertSplit, tensor::InsertSliceOp> {
  LoopNest getLoopNest(Operation *op) const {
    auto slice = cast<tensor::InsertSliceOp>(op);
    RankedTensorType big = slice.getDestType(), small = slice.getSourceType();
    ValueIndexing bigDims, smallDims;
    LoopNest nest = makeNest(readDims(slice, big, small), big, small, /*walksBig=*/true, bigDims, smallDims);
    nest.operands = {smallDims, bigDims};
    nest.results = {bigDims};
    fillScalarOperands(nest, op->getNumOperands());
    return nest;
  }

  Operation *createLocal(Operation *op, OpBuilder &builder, ValueRange operands, TypeRange resultTypes,
                         LocalIndexProvider sizeOf, LocalIndexProvider) const {
    auto slice = cast<tensor::InsertSliceOp>(op);
    SliceDims dims = readDims(slice, slice.getDestType(), slice.getSourceType());
    SmallVector<OpFoldResult> sizes = getLocalSizes(slice, dims, cast<RankedTensorType>(operands[0].getType()),
                                                    [&](int64_t dim) { return sizeOf(0, dim); });
    return withAttributesOf(op, tensor::InsertSliceOp::create(builder, op->getLoc(), operands[0], operands[1],
                                                              replaceValues(op, operands, slice.getMixedOffsets()),
                                                              replaceValues(op, operands, sizes),
                                                              replaceValues(op, operands, slice.getMixedStrides())));
  }
};

template <typename Op> struct SliceCost : CostOpInterface::ExternalModel<SliceCost<Op>, Op> {
  Work getWork(Operation *, ArrayRef<int64_t> extents) const { return {countIterations(extents), WorkKind::movement}; }
};

} // namespace

void attachSliceModels(MLIRContext *context) {
  tensor::ExtractSliceOp::attachInterface<ExtractSplit, SliceCost<tensor::ExtractSliceOp>>(*context);
  tensor::InsertSliceOp::attachInterface<InsertSplit, SliceCost<tensor::InsertSliceOp>>(*context);
}

} // namespace partita::adapters
