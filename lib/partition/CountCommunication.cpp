// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "PlanView.h"

using namespace mlir;

namespace partita::partition {

std::map<std::string, int64_t> countExecutions(ModuleOp module) {
  std::map<std::string, int64_t> executions;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function->hasAttr(collective::kEventAttr))
      continue;
    plan::StageOp stage = collective::getStage(function);
    if (!stage)
      continue;
    int64_t microBatches = placement::timeCount(placement::toMesh(stage.getMesh()));
    executions[function.getSymName().str()] += microBatches;
    // Segments call nothing themselves.
    function.walk([&](func::CallOp call) { executions[call.getCallee().str()] += microBatches; });
  }
  return executions;
}

namespace {
void add(std::map<std::string, Traffic> &total, StringRef kind, int64_t times, int64_t bytes) {
  total[kind.str()].count += times;
  total[kind.str()].bytes += times * bytes;
}

void countSteps(func::FuncOp function, int64_t times, std::map<std::string, Traffic> &total) {
  plan::StageOp stage = collective::getStage(function);
  if (!stage)
    return;
  placement::Mesh mesh = placement::toMesh(stage.getMesh());
  function.walk([&](Operation *op) {
    if (!collective::isStep(op) || collective::isLocalStep(op))
      return;
    plan::PartAttr from = plan::getPart(op->getOperand(0).getType()), to = plan::getPart(op->getResult(0).getType());
    placement::Shape shape = placement::toShape(from.getGlobal());
    placement::Placement source = *placement::toPlacement(from.getPlacement(), mesh),
                         target = *placement::toPlacement(to.getPlacement(), mesh);
    std::optional<placement::Step> step = placement::classifyStep(shape, mesh, source, target);
    if (!step)
      return;
    placement::StepDescription description = placement::describeStep(
        *step, shape, placement::getElementBytes(from.getGlobal().getElementType()), mesh, source, target);
    add(total, getStepOpName(step->kind), times, description.busiestBytes);
  });
}
} // namespace

std::map<std::string, Traffic> countCommunication(ModuleOp module) {
  std::map<std::string, Traffic> total;
  std::map<std::string, int64_t> executions = countExecutions(module);
  for (auto function : module.getOps<func::FuncOp>())
    if (auto found = executions.find(function.getSymName().str()); found != executions.end() && found->second > 0)
      countSteps(function, found->second, total);
  for (auto channel : module.getOps<collective::ChannelOp>()) {
    auto stage = SymbolTable::lookupNearestSymbolFrom<plan::StageOp>(channel, channel.getSourceAttr());
    plan::PartAttr part = plan::getPart(channel.getSourceType());
    if (!stage || !part)
      continue;
    placement::Mesh mesh = placement::toMesh(stage.getMesh());
    int64_t elements = placement::boundOfLocalElements(placement::toShape(part.getGlobal()),
                                                       *placement::toPlacement(part.getPlacement(), mesh), mesh);
    add(total, "send", placement::timeCount(mesh),
        elements * placement::getElementBytes(part.getGlobal().getElementType()));
  }
  return total;
}

} // namespace partita::partition
