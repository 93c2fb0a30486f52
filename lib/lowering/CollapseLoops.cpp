// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "CollapseLoops.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

/// Whether the operand's memory has `loop` and the next one behind each other, or neither.
static bool isAdjacent(Type type, AffineMap map, unsigned loop) {
  bool hasFirst = map.isFunctionOfDim(loop), hasSecond = map.isFunctionOfDim(loop + 1);
  if (!hasFirst && !hasSecond)
    return true;
  auto memref = dyn_cast<MemRefType>(type);
  if (!memref || !map.isProjectedPermutation() || !hasFirst || !hasSecond)
    return false;
  SmallVector<ReassociationIndices> groups;
  bool isFound = false;
  for (unsigned dim = 0; dim < map.getNumResults(); ++dim) {
    bool joins = dim > 0 && map.getDimPosition(dim) == loop + 1 && map.getDimPosition(dim - 1) == loop;
    if (!joins)
      groups.emplace_back();
    isFound |= joins;
    groups.back().push_back(dim);
  }
  return isFound && memref::CollapseShapeOp::isGuaranteedCollapsible(memref, groups);
}

linalg::GenericOp lowering::collapseLoops(IRRewriter &rewriter, linalg::GenericOp op) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  llvm::SmallDenseSet<unsigned> asked;
  op.getRegion().walk([&](linalg::IndexOp index) { asked.insert(index.getDim()); });
  SmallVector<ReassociationIndices> groups;
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop) {
    bool joins =
        loop > 0 && iterators[loop] == iterators[loop - 1] && !asked.contains(loop) && !asked.contains(loop - 1);
    for (auto [operand, map] : llvm::zip(op->getOperands(), maps))
      joins = joins && isAdjacent(operand.getType(), map, loop - 1);
    if (!joins)
      groups.emplace_back();
    groups.back().push_back(loop);
  }
  // Upstream's collapsing wants projections of all operands.
  bool isPlain = llvm::all_of(maps, [](AffineMap map) { return map.isProjectedPermutation(); });
  if (groups.size() == op.getNumLoops() || !isPlain)
    return op;
  rewriter.setInsertionPoint(op);
  FailureOr<linalg::CollapseResult> collapsed =
      linalg::collapseOpIterationDims(cast<linalg::LinalgOp>(op.getOperation()), groups, rewriter);
  if (failed(collapsed))
    return op;
  rewriter.eraseOp(op);
  return cast<linalg::GenericOp>(collapsed->collapsedOp.getOperation());
}
