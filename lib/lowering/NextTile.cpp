// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "NextTile.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

/// How much is computed for each element.
static int64_t weigh(linalg::GenericOp op) {
  int64_t weight = 0;
  for (Operation &inner : op.getBody()->without_terminator())
    weight += inner.getNumRegions() > 0 || inner.getName().getDialectNamespace() == "math" ? 12 : 1;
  return weight;
}

/// Elements from a part of memory to the one that the next iteration has; nothing where it is not known or the part is
/// not of memory outside of the loop.
static std::optional<int64_t> findDistance(scf::ForallOp loop, memref::SubViewOp part) {
  auto isOutside = [&](Value value) { return !loop->isAncestor(value.getParentRegion()->getParentOp()); };
  if (!part || !loop->isProperAncestor(part) || !isOutside(part.getSource()))
    return std::nullopt;
  SmallVector<Value> variables = loop.getInductionVars();
  Value last = variables.back();
  std::optional<int64_t> step = getConstantIntValue(loop.getMixedStep().back());
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  if (!step || failed(part.getSourceType().getStridesAndOffset(strides, offset)))
    return std::nullopt;
  std::optional<int64_t> distance;
  for (auto [begin, stride] : llvm::zip(part.getMixedOffsets(), strides)) {
    auto value = dyn_cast<Value>(begin);
    if (value == last && !distance && !ShapedType::isDynamic(stride))
      distance = stride * *step;
    else if (value && (value == last || !isOutside(value)) &&
             !llvm::is_contained(ArrayRef(variables).drop_back(), value))
      return std::nullopt;
  }
  return distance;
}

/// Loops of anything but plain loops over elements are products, which fetch for themselves.
static bool isPlain(scf::ForallOp loop) {
  return llvm::all_of(loop.getBody()->without_terminator(), [](Operation &op) {
    return isa<linalg::LinalgOp>(op) || (op.getNumRegions() == 0 && !isa<CallOpInterface>(op));
  });
}

NextTiles lowering::findNextTiles(Operation *function) {
  struct Choice {
    linalg::GenericOp op;
    NextTile next;
  };
  NextTiles tiles;
  function->walk([&](scf::ForallOp loop) {
    if (!isPlain(loop) || loop.getInductionVars().empty())
      return;
    llvm::MapVector<Value, Choice> best;
    for (auto op : loop.getBody()->getOps<linalg::GenericOp>())
      for (OpOperand &operand : op->getOpOperands()) {
        auto part = operand.get().getDefiningOp<memref::SubViewOp>();
        std::optional<int64_t> distance = findDistance(loop, part);
        if (!distance)
          continue;
        Choice &choice = best[part.getSource()];
        if (!choice.op || weigh(op) > weigh(choice.op))
          choice = {op, {operand.getOperandNumber(), *distance}};
      }
    for (auto &[memory, choice] : best)
      tiles[choice.op].push_back(choice.next);
  });
  return tiles;
}
