// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fills in what a plan leaves open, op by op in program order.
#include "PlanView.h"
#include "partita/partition/Passes.h"
#include "partita/placement/Destinations.h"
#include "partita/placement/Reshard.h"
#include <memory>

using namespace mlir;

namespace partita::partition {

#define GEN_PASS_DEF_COMPLETEPLANPASS
#include "partita/lib/partition/Passes.h.inc"

namespace {

using placement::Placement;

/// Bytes, and no step that would need a later micro-batch.
class WithinMicroBatchPrice : public placement::BytesPrice {
public:
  double seconds(const placement::StepDescription &step) const override {
    bool overTime =
        llvm::any_of(step.axes, [&](int axis) { return step.mesh.axes[axis].kind == placement::AxisKind::time; });
    return overTime && step.kind != placement::StepKind::slice ? std::numeric_limits<double>::infinity()
                                                               : BytesPrice::seconds(step);
  }
};

class PlanCompletion {
public:
  PlanCompletion(func::FuncOp function, std::vector<Stage> stages)
      : function(function), stages(std::move(stages)), context(function.getContext()) {}

  LogicalResult run() {
    if (!llvm::hasSingleElement(function.getBody()))
      return function.emitError("E-PLAN: a planned function has one block");
    for (BlockArgument argument : function.getArguments())
      readStorage(argument);
    for (Operation &op : function.getBody().front()) {
      if (!isPlanned(op)) {
        if (failed(completeReturn(&op)))
          return failure();
        continue;
      }
      if (failed(completeOp(&op)))
        return failure();
    }
    writeStorage();
    return success();
  }

private:
  /// Where a value was made; arguments with free storage have no placement.
  struct Home {
    unsigned stage = 0;
    std::optional<Placement> placement;
  };

  void readStorage(BlockArgument argument) {
    auto storage = function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), plan::kStorageAttr);
    if (!storage)
      return;
    for (Attribute entry : storage)
      kept[argument].push_back(cast<plan::PlacementAttr>(entry));
  }

  LogicalResult completeStage(Operation *op) {
    if (op->hasAttr(plan::kStageAttr))
      return success();
    unsigned stage = 0;
    for (Value operand : op->getOperands())
      if (auto home = homes.find(operand); home != homes.end())
        stage = std::max(stage, home->second.stage);
    op->setAttr(plan::kStageAttr, FlatSymbolRefAttr::get(stages[stage].op.getSymNameAttr()));
    return success();
  }

  /// The loops that the operands' placements mean: of all of them if they agree, else of the first that is enough.
  placement::LoopAssignment inferLoops(Operation *op, const LoopNest &nest, unsigned stage) {
    const placement::Mesh &mesh = stages[stage].mesh;
    std::vector<placement::Loop> loops = placement::toLoops(nest);
    std::vector<placement::PlacedView> views;
    for (auto [index, operand] : llvm::enumerate(op->getOperands())) {
      auto home = homes.find(operand);
      if (home == homes.end() || home->second.stage != stage || !home->second.placement)
        continue;
      placement::PlacedView view{placement::toDims(nest.operands[index]), *home->second.placement};
      view.placement.partial.clear();
      views.push_back(view);
    }
    auto works = [&](const std::optional<placement::LoopAssignment> &assignment) {
      return assignment && placement::placeOp(op, nest, *assignment, mesh, {});
    };
    if (auto all = placement::inferAssignment(loops, views, mesh); works(all))
      return *all;
    for (const placement::PlacedView &view : views)
      if (auto one = placement::inferAssignment(loops, {view}, mesh); works(one))
        return *one;
    return placement::LoopAssignment(nest.loops.size());
  }

  LogicalResult completeOp(Operation *op) {
    auto split = dyn_cast<SplitOpInterface>(op);
    if (!split)
      return op->emitError() << "E-NO-RULE: '" << op->getName() << "' does not say how it splits";
    if (failed(completeStage(op)))
      return failure();
    FailureOr<unsigned> stage = getStageIndex(op, stages);
    if (failed(stage))
      return failure();
    const placement::Mesh &mesh = stages[*stage].mesh;
    LoopNest nest = split.getLoopNest();
    if (!op->hasAttr(plan::kLoopsAttr))
      op->setAttr(plan::kLoopsAttr, placement::toAttribute(context, inferLoops(op, nest, *stage), mesh));
    FailureOr<placement::LoopAssignment> loops = getLoops(op, nest, mesh);
    if (failed(loops))
      return failure();

    // Operands whose reshard is given may arrive partial; all others are completed to full values.
    std::vector<std::map<int, placement::PartialKind>> partial(op->getNumOperands());
    SmallVector<Attribute> reshards = readReshards(op);
    for (auto [index, reshard] : llvm::enumerate(reshards))
      if (auto given = dyn_cast<plan::ReshardAttr>(reshard)) {
        ArrayRef<plan::PlacementAttr> list = given.getArrival().empty() ? given.getPath() : given.getArrival();
        if (std::optional<Placement> last = placement::toPlacement(list.back(), mesh))
          partial[index] = last->partial;
      }
    FailureOr<placement::OpPlacements> placements = placePlanned(op, nest, *loops, mesh, partial);
    if (failed(placements))
      return failure();
    for (auto [index, operand] : llvm::enumerate(op->getOperands()))
      if (isa<UnitAttr>(reshards[index]) && isa<RankedTensorType>(operand.getType()))
        if (failed(completeReshard(op, operand, placements->operands[index], *stage, reshards[index])))
          return failure();
    op->setAttr(plan::kReshardsAttr, ArrayAttr::get(context, reshards));
    for (auto [index, result] : llvm::enumerate(op->getResults()))
      if (isa<RankedTensorType>(result.getType()))
        homes[result] = {*stage, placements->results[index]};
    return success();
  }

  SmallVector<Attribute> readReshards(Operation *op) {
    SmallVector<Attribute> reshards(op->getNumOperands(), UnitAttr::get(context));
    if (auto given = op->getAttrOfType<ArrayAttr>(plan::kReshardsAttr))
      for (auto [index, entry] : llvm::enumerate(given))
        if (index < reshards.size())
          reshards[index] = entry;
    return reshards;
  }

  /// What an operand must look like where it is read, from where it is.
  LogicalResult completeReshard(Operation *op, Value operand, const Placement &wanted, unsigned stage,
                                Attribute &reshard) {
    auto global = cast<RankedTensorType>(operand.getType());
    plan::PlacementAttr target = placement::toAttribute(context, wanted, stages[stage].mesh);
    auto home = homes.find(operand);
    if (home == homes.end()) {
      // An argument: its data is cut at load, so it is kept as it is read. Only full values are kept; one that is read
      // partial (the destination of a split reduction) is made so in a step.
      Placement full = wanted;
      full.partial.clear();
      plan::PlacementAttr stored = placement::toAttribute(context, full, stages[stage].mesh);
      if (!llvm::is_contained(kept[operand], stored))
        kept[operand].push_back(stored);
      SmallVector<plan::PlacementAttr> path{stored};
      if (stored != target)
        path.push_back(target);
      reshard = plan::ReshardAttr::get(context, path, {});
      return success();
    }
    Placement from = *home->second.placement, to = wanted;
    const placement::Mesh &mesh = stages[home->second.stage].mesh;
    bool crosses = home->second.stage != stage;
    if (crosses) {
      to = from;
      to.partial.clear();
    }
    std::optional<placement::Reshard> found = placement::findReshard(
        placement::toShape(global), placement::getElementBytes(global.getElementType()), mesh, from, to, price);
    if (!found)
      return op->emitError() << "E-PLAN: no sequence of collectives leads to the placement this op reads";
    SmallVector<plan::PlacementAttr> path;
    for (const Placement &step : found->path)
      path.push_back(placement::toAttribute(context, step, mesh));
    reshard = crosses ? plan::ReshardAttr::get(context, path, {target}) : plan::ReshardAttr::get(context, path, {});
    return success();
  }

  /// Results leave as they were made, but never partial.
  LogicalResult completeReturn(Operation *op) {
    SmallVector<Attribute> reshards = readReshards(op);
    for (auto [index, operand] : llvm::enumerate(op->getOperands())) {
      auto global = dyn_cast<RankedTensorType>(operand.getType());
      if (!global || !isa<UnitAttr>(reshards[index]))
        continue;
      auto home = homes.find(operand);
      unsigned stage = home == homes.end() ? 0 : home->second.stage;
      Placement wanted = home == homes.end() ? placement::replicated(global.getRank()) : *home->second.placement;
      wanted.partial.clear();
      if (failed(completeReshard(op, operand, wanted, stage, reshards[index])))
        return failure();
    }
    op->setAttr(plan::kReshardsAttr, ArrayAttr::get(context, reshards));
    return success();
  }

  void writeStorage() {
    for (BlockArgument argument : function.getArguments())
      if (auto found = kept.find(argument); found != kept.end() && !found->second.empty())
        function.setArgAttr(
            argument.getArgNumber(), plan::kStorageAttr,
            ArrayAttr::get(context, SmallVector<Attribute>(found->second.begin(), found->second.end())));
  }

  func::FuncOp function;
  std::vector<Stage> stages;
  MLIRContext *context;
  WithinMicroBatchPrice price;
  llvm::DenseMap<Value, Home> homes;
  llvm::DenseMap<Value, SmallVector<plan::PlacementAttr>> kept;
};

struct CompletePlan : impl::CompletePlanPassBase<CompletePlan> {
  void runOnOperation() override {
    func::FuncOp function = findPlannedFunction(getOperation());
    if (function && failed(completePlan(function)))
      signalPassFailure();
  }
};

} // namespace

LogicalResult completePlan(func::FuncOp function) {
  FailureOr<std::vector<Stage>> stages = getStages(function->getParentOfType<ModuleOp>());
  if (failed(stages))
    return failure();
  return PlanCompletion(function, *stages).run();
}

} // namespace partita::partition
