// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What of the ranks' coordinates a call depends on: through the parts that it is given, and through the extents and
// offsets that its kernel asks for.
#include "ImageBuilder.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

static void addAxes(Type local, llvm::StringSet<> &axes) {
  plan::PartAttr part = plan::getPart(local);
  if (!part)
    return;
  for (plan::DimSplitAttr dim : part.getPlacement().getDims())
    for (plan::SplitAttr split : dim.getSplits())
      axes.insert(split.getAxis());
  for (plan::PartialAttr partial : part.getPlacement().getPartial())
    axes.insert(partial.getAxis());
}

std::vector<int64_t> lowering::findSameAlong(func::CallOp call, func::FuncOp kernel, plan::MeshAttr mesh) {
  llvm::StringSet<> used;
  for (Type operand : call.getOperandTypes())
    addAxes(operand, used);
  bool isKnown = !kernel
                      .walk([&](Operation *op) {
                        if (auto extent = dyn_cast<collective::ExtentOp>(op))
                          addAxes(extent.getType(), used);
                        else if (auto offset = dyn_cast<collective::OffsetOp>(op))
                          addAxes(offset.getType(), used);
                        else if (isa<collective::CollectiveDialect>(op->getDialect()))
                          return WalkResult::interrupt();
                        return WalkResult::advance();
                      })
                      .wasInterrupted();
  std::vector<int64_t> axes;
  for (auto [index, axis] : llvm::enumerate(mesh.getAxes()))
    if (isKnown && axis.getKind() == plan::AxisKind::space && !used.contains(axis.getName()))
      axes.push_back(static_cast<int64_t>(index));
  return axes;
}
