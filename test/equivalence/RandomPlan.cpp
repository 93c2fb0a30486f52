// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "RandomPlan.h"
#include "partita/dialects/plan/Plan.h"
#include "partita/interpreter/Run.h"
#include "partita/placement/Expansion.h"

using namespace mlir;

namespace partita::test {

static placement::LoopAssignment drawLoops(Operation *op, const LoopNest &nest, const placement::Mesh &mesh,
                                           std::mt19937_64 &random) {
  placement::LoopAssignment assignment(nest.loops.size());
  for (size_t axis = 0; axis < mesh.axes.size(); ++axis) {
    // Two in three axes split something.
    if (nest.loops.empty() || random() % 3 == 0)
      continue;
    size_t loop = random() % nest.loops.size();
    if (nest.loops[loop].kind == LoopKind::whole)
      continue;
    placement::LoopAssignment tried = assignment;
    int64_t unit = random() % 4 == 0 ? 2 : 1;
    tried[loop].push_back({static_cast<int>(axis), unit});
    // Every second time with the loop that may share the axis.
    for (auto [parallel, reduced] : nest.jointLoops)
      if ((loop == parallel || loop == reduced) && random() % 2 == 0) {
        tried[loop == parallel ? reduced : parallel].push_back({static_cast<int>(axis), unit});
        break;
      }
    if (placement::placePlannedOp(op, nest, tried, mesh, {}))
      assignment = tried;
  }
  return assignment;
}

void planAtRandom(ModuleOp module, const std::vector<placement::Mesh> &meshes, std::mt19937_64 &random) {
  MLIRContext *context = module.getContext();
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  SmallVector<plan::StageOp> stages;
  for (auto [index, mesh] : llvm::enumerate(meshes))
    stages.push_back(plan::StageOp::create(builder, module.getLoc(),
                                           builder.getStringAttr("stage" + std::to_string(index)),
                                           placement::toAttribute(context, mesh)));
  func::FuncOp function = interpreter::findGraphFunction(module);
  SmallVector<Operation *> ops;
  for (Operation &op : function.getBody().front())
    if (!op.hasTrait<OpTrait::IsTerminator>())
      ops.push_back(&op);
  std::vector<size_t> ends;
  for (size_t stage = 0; stage + 1 < meshes.size(); ++stage)
    ends.push_back(random() % (ops.size() + 1));
  std::sort(ends.begin(), ends.end());
  ends.push_back(ops.size());
  size_t stage = 0;
  for (auto [index, op] : llvm::enumerate(ops)) {
    while (index >= ends[stage])
      ++stage;
    LoopNest nest = cast<SplitOpInterface>(op).getLoopNest();
    op->setAttr(plan::kStageAttr, FlatSymbolRefAttr::get(stages[stage].getSymNameAttr()));
    op->setAttr(plan::kLoopsAttr,
                placement::toAttribute(context, drawLoops(op, nest, meshes[stage], random), meshes[stage]));
  }
}

} // namespace partita::test
