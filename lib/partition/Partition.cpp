// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Op by op, in program order: bring the operands to the parts the op reads, then write the op of one rank.
#include "EventTable.h"
#include "StageProgram.h"
#include "partita/partition/Passes.h"
#include "partita/placement/Expansion.h"
#include <memory>

using namespace mlir;

namespace partita::partition {

#define GEN_PASS_DEF_PARTITIONPASS
#include "partita/lib/partition/Passes.h.inc"

namespace {

class Partitioner {
public:
  Partitioner(ModuleOp module, func::FuncOp function, const std::vector<Stage> &stages)
      : module(module), function(function), stages(stages) {
    for (const Stage &stage : stages)
      programs.push_back(std::make_unique<StageProgram>(module, stage));
  }

  LogicalResult run() {
    for (Operation &op : function.getBody().front()) {
      LogicalResult done = isPlanned(op) ? partitionOp(&op) : partitionReturn(&op);
      if (failed(done))
        return failure();
    }
    for (auto &program : programs)
      program->finish();
    return writeEventTable(module, stages);
  }

private:
  LogicalResult partitionOp(Operation *op) {
    FailureOr<unsigned> stage = getStageIndex(op, stages);
    auto split = dyn_cast<SplitOpInterface>(op);
    if (!split)
      return op->emitError() << "E-NO-RULE: '" << op->getName() << "' does not say how it splits";
    if (failed(stage))
      return failure();
    StageProgram &program = *programs[*stage];
    LoopNest nest = split.getLoopNest();
    FailureOr<placement::LoopAssignment> loops = getLoops(op, nest, program.getMesh());
    FailureOr<SmallVector<Value>> operands = readOperands(op, *stage);
    if (failed(loops) || failed(operands))
      return failure();
    std::vector<std::map<int, placement::PartialKind>> partial;
    for (Value operand : *operands) {
      plan::PartAttr part = plan::getPart(operand.getType());
      partial.push_back(part ? placement::toPlacement(part.getPlacement(), program.getMesh())->partial
                             : std::map<int, placement::PartialKind>());
    }
    FailureOr<placement::OpPlacements> placements = placePlanned(op, nest, *loops, program.getMesh(), partial);
    if (failed(placements))
      return failure();
    for (auto [index, operand] : llvm::enumerate(*operands))
      if (plan::PartAttr part = plan::getPart(operand.getType()))
        if (part.getPlacement() != toAttribute(op->getContext(), placements->operands[index], program.getMesh()))
          return op->emitError() << "E-PLAN: operand " << index << " is brought to " << part.getPlacement()
                                 << ", the op's loops read "
                                 << toAttribute(op->getContext(), placements->operands[index], program.getMesh());
    return placement::findExpandedLoop(nest, *loops) ? expandOp(op, nest, *loops, program, *operands)
                                                     : writeLocalOp(op, split, program, *operands, *placements);
  }

  /// Writes the small ops of an op that is split by its expansion, and combines what they leave partial at once.
  LogicalResult expandOp(Operation *op, const LoopNest &nest, const placement::LoopAssignment &loops,
                         StageProgram &program, ArrayRef<Value> operands) {
    expansions.push_back(placement::Expansion::build(op, nest));
    placement::Expansion &expansion = *expansions.back();
    std::optional<placement::ExpandedOp> placed =
        placement::placeExpansion(expansion, nest, loops, program.getMesh(), {});
    auto toAttr = [&](const placement::Placement &placement) {
      return toAttribute(op->getContext(), placement, program.getMesh());
    };
    for (auto [argument, local] : llvm::zip(expansion.getArguments(), operands))
      remember(program, argument, local);
    for (auto [small, step] : llvm::zip(expansion.getOps(), placed->steps)) {
      SmallVector<Value> locals;
      for (auto [operand, source, placement] :
           llvm::zip(small.op->getOperands(), step.sources, step.placements.operands)) {
        bool isTensor = isa<RankedTensorType>(operand.getType());
        locals.push_back(isTensor ? program.walkPath(operand, {toAttr(source), toAttr(placement)}, op)
                                  : scalars.lookup(operand));
        if (!locals.back())
          return failure();
      }
      small.op->setDiscardableAttr(plan::kLoopsAttr, toAttribute(op->getContext(), step.loops, program.getMesh()));
      if (failed(writeLocalOp(small.op, cast<SplitOpInterface>(small.op), program, locals, step.placements)))
        return failure();
      for (auto [result, made, completed] : llvm::zip(small.op->getResults(), step.placements.results, step.completed))
        if (made != completed && !program.walkPath(result, {toAttr(made), toAttr(completed)}, op))
          return failure();
    }
    for (auto [index, result] : llvm::enumerate(op->getResults())) {
      Value part = expansion.getResults()[index];
      remember(program, result,
               isa<RankedTensorType>(result.getType())
                   ? program.find(part, toAttr(canonical(result, placed->placements.results[index], program)))
                   : scalars.lookup(part));
    }
    return success();
  }

  static placement::Placement canonical(Value value, const placement::Placement &placement, StageProgram &program) {
    return placement::canonicalize(placement, placement::toShape(cast<RankedTensorType>(value.getType())),
                                   program.getMesh());
  }

  void remember(StageProgram &program, Value whole, Value local) {
    if (plan::PartAttr part = plan::getPart(local.getType()))
      program.remember(whole, part.getPlacement(), local);
    else
      scalars[whole] = local;
  }

  LogicalResult writeLocalOp(Operation *op, SplitOpInterface split, StageProgram &program, ArrayRef<Value> operands,
                             const placement::OpPlacements &placements) {
    SmallVector<Type> types;
    for (auto [index, result] : llvm::enumerate(op->getResults())) {
      auto global = dyn_cast<RankedTensorType>(result.getType());
      types.push_back(global ? Type(placement::getLocalType(global, placements.results[index], program.getMesh()))
                             : result.getType());
    }
    OpBuilder &builder = program.getBuilder();
    auto indexOfPart = [&](bool extent) {
      return [&, extent](unsigned result, unsigned dim) -> Value {
        if (extent)
          return collective::ExtentOp::create(builder, op->getLoc(), builder.getIndexType(),
                                              TypeAttr::get(types[result]), builder.getI64IntegerAttr(dim));
        return collective::OffsetOp::create(builder, op->getLoc(), builder.getIndexType(), TypeAttr::get(types[result]),
                                            builder.getI64IntegerAttr(dim));
      };
    };
    Operation *local = split.createLocal(builder, operands, types, indexOfPart(true), indexOfPart(false));
    if (!local)
      return op->emitError() << "E-NO-RULE: '" << op->getName() << "' cannot be written for one rank";
    for (StringRef planOnly :
         {StringRef(plan::kStageAttr), StringRef(plan::kReshardsAttr), StringRef(plan::kOriginAttr),
          StringRef(plan::kAlternativesAttr), StringRef(kCrossesAttr)})
      local->removeDiscardableAttr(planOnly);
    for (auto [index, result] : llvm::enumerate(op->getResults()))
      remember(program, result, local->getResult(index));
    return success();
  }

  FailureOr<SmallVector<Value>> readOperands(Operation *op, unsigned stage) {
    auto reshards = op->getAttrOfType<ArrayAttr>(plan::kReshardsAttr);
    if (!reshards || reshards.size() != op->getNumOperands())
      return op->emitError("E-PLAN: the op has no complete partita_plan.reshards");
    SmallVector<Value> operands;
    for (auto [operand, entry] : llvm::zip(op->getOperands(), reshards)) {
      bool isTensor = isa<RankedTensorType>(operand.getType());
      if (!isTensor && !scalars.contains(operand))
        return op->emitError() << "E-PLAN: an operand of type " << operand.getType()
                               << " comes from outside; arguments of a model are ranked tensors";
      Value local = isTensor ? readOperand(op, operand, entry, stage) : scalars.lookup(operand);
      if (!local)
        return failure();
      operands.push_back(local);
    }
    return operands;
  }

  Value readOperand(Operation *op, Value whole, Attribute entry, unsigned stage) {
    auto reshard = dyn_cast<plan::ReshardAttr>(entry);
    if (!reshard) {
      op->emitError("E-PLAN: a tensor operand has no reshard path");
      return {};
    }
    unsigned home = homeOf(whole, stage);
    if (home != stage && reshard.getArrival().empty()) {
      op->emitError() << "E-PLAN: '" << getValueName(whole)
                      << "' comes from another stage, but its reshard has no arrival";
      return {};
    }
    if (failed(takeArgument(op, whole, reshard.getPath().front(), home)))
      return {};
    Value local = programs[home]->walkPath(whole, reshard.getPath(), op);
    if (!local || reshard.getArrival().empty())
      return local;
    if (failed(receive(op, whole, local, home, reshard.getArrival().front(), stage)))
      return {};
    return programs[stage]->walkPath(whole, reshard.getArrival(), op);
  }

  /// Arguments live wherever they are read; other values in the stage of their op.
  unsigned homeOf(Value whole, unsigned reader) {
    Operation *op = whole.getDefiningOp();
    FailureOr<unsigned> home = op ? getStageIndex(op, stages) : FailureOr<unsigned>(reader);
    return succeeded(home) ? *home : reader;
  }

  LogicalResult takeArgument(Operation *op, Value whole, plan::PlacementAttr placement, unsigned stage) {
    auto argument = dyn_cast<BlockArgument>(whole);
    if (!argument || programs[stage]->find(whole, placement))
      return success();
    auto storage = function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), plan::kStorageAttr);
    if (!storage || !llvm::is_contained(storage, placement))
      return success(); // A copy made from a stored one; walkPath reports it when there is none.
    if (placement.isPartial())
      return op->emitError() << "E-PLAN: '" << getValueName(whole) << "' cannot be kept partial";
    if (failed(programs[stage]->getPartType(whole, placement, op)))
      return failure();
    SmallVector<NamedAttribute> attributes;
    for (NamedAttribute attribute : mlir::function_interface_impl::getArgAttrs(function, argument.getArgNumber()))
      if (attribute.getName().getValue().starts_with("partita."))
        attributes.push_back(attribute);
    programs[stage]->addArgument(whole, placement, attributes, argument.getLoc());
    return success();
  }

  LogicalResult receive(Operation *op, Value whole, Value local, unsigned from, plan::PlacementAttr placement,
                        unsigned to) {
    if (programs[to]->find(whole, placement))
      return success();
    FailureOr<RankedTensorType> type = programs[to]->getPartType(whole, placement, op);
    if (failed(type))
      return failure();
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    std::string symbol = "channel" + std::to_string(numChannels++);
    auto channel = collective::ChannelOp::create(
        builder, whole.getLoc(), builder.getStringAttr(symbol), builder.getStringAttr(getValueName(whole)),
        programs[from]->getSymbol(), TypeAttr::get(local.getType()), programs[to]->getSymbol(), TypeAttr::get(*type));
    NamedAttribute reference(builder.getStringAttr(collective::kChannelAttr),
                             FlatSymbolRefAttr::get(channel.getSymNameAttr()));
    NamedAttribute name(builder.getStringAttr(kNameAttr), builder.getStringAttr(getValueName(whole)));
    programs[from]->addResult(local, {name, reference});
    programs[to]->addArgument(whole, placement, {name, reference}, whole.getLoc());
    return success();
  }

  LogicalResult partitionReturn(Operation *op) {
    auto reshards = op->getAttrOfType<ArrayAttr>(plan::kReshardsAttr);
    if (!reshards || reshards.size() != op->getNumOperands())
      return op->emitError("E-PLAN: the return has no complete partita_plan.reshards");
    for (auto [index, operand] : llvm::enumerate(op->getOperands())) {
      unsigned stage = homeOf(operand, 0);
      Value local = readOperand(op, operand, reshards[index], stage);
      if (!local)
        return failure();
      if (plan::getPart(local.getType()).getPlacement().isPartial())
        return op->emitError() << "E-PLAN: result " << index << " would leave the program partial";
      auto name = function.getResultAttrOfType<StringAttr>(index, kNameAttr);
      Builder builder(op->getContext());
      programs[stage]->addResult(
          local, {builder.getNamedAttr(kNameAttr, name ? name : builder.getStringAttr("result" + Twine(index)))});
    }
    return success();
  }

  ModuleOp module;
  func::FuncOp function;
  const std::vector<Stage> &stages;
  std::vector<std::unique_ptr<StageProgram>> programs;
  llvm::DenseMap<Value, Value> scalars;
  /// Kept, because the programs remember parts of their values.
  std::vector<std::unique_ptr<placement::Expansion>> expansions;
  unsigned numChannels = 0;
};

struct Partition : impl::PartitionPassBase<Partition> {
  void runOnOperation() override {
    if (failed(partitionModule(getOperation())))
      signalPassFailure();
  }
};

} // namespace

LogicalResult partitionModule(ModuleOp module) {
  func::FuncOp function = findPlannedFunction(module);
  if (!function)
    return module.emitError("E-PLAN: there is no planned function to partition");
  if (!llvm::hasSingleElement(function.getBody()))
    return function.emitError("E-PLAN: a planned function has one block");
  FailureOr<std::vector<Stage>> stages = getStages(module);
  if (failed(stages))
    return failure();
  if (failed(Partitioner(module, function, *stages).run()))
    return failure();
  function.erase();
  module->setAttr(kPhaseAttr, StringAttr::get(module.getContext(), "partition"));
  return success();
}

} // namespace partita::partition
