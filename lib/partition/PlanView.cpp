// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "PlanView.h"
#include "partita/dialects/interfaces/SymbolicShape.h"
#include "partita/placement/Destinations.h"
#include "partita/placement/Expansion.h"

using namespace mlir;

namespace partita::partition {

FailureOr<std::vector<Stage>> getStages(ModuleOp module) {
  std::vector<Stage> stages;
  for (auto stage : module.getOps<plan::StageOp>())
    stages.push_back({stage, placement::toMesh(stage.getMesh())});
  if (stages.empty())
    return module.emitError("E-PLAN: the module has no partita_plan.stage: plan it first");
  for (Stage &stage : stages)
    if (auto problem = placement::findError(stage.mesh))
      return stage.op.emitError() << "E-PLAN: " << *problem;
  return stages;
}

FailureOr<unsigned> getStageIndex(Operation *op, const std::vector<Stage> &stages) {
  auto name = op->getAttrOfType<FlatSymbolRefAttr>(plan::kStageAttr);
  if (!name)
    return op->emitError("E-PLAN: the op has no partita_plan.stage");
  for (auto [index, stage] : llvm::enumerate(stages))
    if (stage.op.getSymName() == name.getValue())
      return index;
  return op->emitError() << "E-PLAN: no stage is named " << name;
}

StringRef getStepOpName(placement::StepKind kind) {
  switch (kind) {
  case placement::StepKind::slice:
    return "slice";
  case placement::StepKind::partialize:
    return "partialize";
  case placement::StepKind::allReduce:
    return "all_reduce";
  case placement::StepKind::reduceScatter:
    return "reduce_scatter";
  case placement::StepKind::allGather:
    return "all_gather";
  case placement::StepKind::allToAll:
    return "all_to_all";
  case placement::StepKind::exchange:
    return "exchange";
  }
  return "";
}

bool isPlanned(Operation &op) { return !op.hasTrait<OpTrait::IsTerminator>(); }

static placement::Placement canonical(Type type, const placement::Placement &placement, const placement::Mesh &mesh) {
  return placement::canonicalize(placement, placement::toShape(cast<RankedTensorType>(type)), mesh);
}

static FailureOr<placement::OpPlacements> finish(Operation *op, std::optional<placement::OpPlacements> placements,
                                                 const std::string &error, const placement::Mesh &mesh,
                                                 TypeRange operandTypes, TypeRange resultTypes) {
  if (!placements)
    return op->emitError() << "E-SPMD-TYPE: " << error;
  for (auto [index, type] : llvm::enumerate(operandTypes))
    if (isa<RankedTensorType>(type))
      placements->operands[index] = canonical(type, placements->operands[index], mesh);
  for (auto [index, type] : llvm::enumerate(resultTypes))
    if (isa<RankedTensorType>(type))
      placements->results[index] = canonical(type, placements->results[index], mesh);
  return *placements;
}

FailureOr<placement::OpPlacements> placeOnMesh(Operation *op, const LoopNest &nest,
                                               const placement::LoopAssignment &loops, const placement::Mesh &mesh,
                                               const std::vector<std::map<int, placement::PartialKind>> &partial,
                                               TypeRange operandTypes, TypeRange resultTypes) {
  std::string error;
  return finish(op, placement::placeOp(op, nest, loops, mesh, partial, &error), error, mesh, operandTypes, resultTypes);
}

FailureOr<placement::OpPlacements> placePlanned(Operation *op, const LoopNest &nest,
                                                const placement::LoopAssignment &loops, const placement::Mesh &mesh,
                                                const std::vector<std::map<int, placement::PartialKind>> &partial) {
  std::string error;
  return finish(op, placement::placePlannedOp(op, nest, loops, mesh, partial, &error), error, mesh,
                op->getOperandTypes(), op->getResultTypes());
}

FailureOr<placement::LoopAssignment> getLoops(Operation *op, const LoopNest &nest, const placement::Mesh &mesh) {
  auto attribute = op->getAttrOfType<plan::LoopsAttr>(plan::kLoopsAttr);
  if (!attribute)
    return op->emitError("E-PLAN: the op has no partita_plan.loops");
  std::optional<placement::LoopAssignment> loops = placement::toAssignment(attribute, mesh);
  if (!loops)
    return op->emitError() << "E-PLAN: " << attribute << " names an axis that is not on the stage's mesh";
  if (loops->size() != nest.loops.size())
    return op->emitError() << "E-PLAN: " << loops->size() << " loops are assigned, the op has " << nest.loops.size();
  return *loops;
}

func::FuncOp findPlannedFunction(ModuleOp module) {
  func::FuncOp planned;
  module.walk([&](func::FuncOp function) {
    if (!function.isExternal() && !function->hasAttr(collective::kStageAttr) && !planned)
      planned = function;
  });
  return planned;
}

} // namespace partita::partition
