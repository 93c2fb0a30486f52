// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "StageProgram.h"

using namespace mlir;

namespace partita::partition {

std::string getValueName(Value value) {
  if (Operation *op = value.getDefiningOp())
    return getModelName(op).str();
  auto argument = cast<BlockArgument>(value);
  if (auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()))
    if (auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kNameAttr))
      return name.str();
  return "argument " + std::to_string(argument.getArgNumber());
}

StageProgram::StageProgram(ModuleOp module, const Stage &stage) : stage(stage), builder(module.getContext()) {
  builder.setInsertionPointToEnd(module.getBody());
  std::string name = (stage.op.getSymName() + "_forward").str();
  function = func::FuncOp::create(builder, stage.op.getLoc(), name, builder.getFunctionType({}, {}));
  function->setAttr(collective::kStageAttr, getSymbol());
  function->setAttr(collective::kEventAttr, builder.getStringAttr("forward"));
  builder.setInsertionPointToStart(function.addEntryBlock());
}

Value StageProgram::find(Value whole, plan::PlacementAttr placement) const { return copies.lookup({whole, placement}); }

void StageProgram::remember(Value whole, plan::PlacementAttr placement, Value local) {
  copies[{whole, placement}] = local;
}

FailureOr<RankedTensorType> StageProgram::getPartType(Value whole, plan::PlacementAttr placement, Operation *user) {
  auto global = cast<RankedTensorType>(whole.getType());
  std::optional<placement::Placement> placed = placement::toPlacement(placement, stage.mesh);
  if (!placed)
    return user->emitError() << "E-PLAN: " << placement << " names an axis that is not on the mesh of "
                             << stage.op.getSymName();
  if (auto problem = placement::findError(*placed, global.getRank(), stage.mesh))
    return user->emitError() << "E-PLAN: " << *problem;
  return placement::getLocalType(global, *placed, stage.mesh);
}

Value StageProgram::addArgument(Value whole, plan::PlacementAttr placement, ArrayRef<NamedAttribute> attributes,
                                Location location) {
  placement::Placement placed = *placement::toPlacement(placement, stage.mesh);
  auto type = placement::getLocalType(cast<RankedTensorType>(whole.getType()), placed, stage.mesh);
  BlockArgument argument = function.getBody().front().addArgument(type, location);
  argumentAttributes.push_back(builder.getDictionaryAttr(attributes));
  remember(whole, placement, argument);
  return argument;
}

void StageProgram::addResult(Value local, ArrayRef<NamedAttribute> attributes) {
  results.push_back(local);
  resultAttributes.push_back(builder.getDictionaryAttr(attributes));
}

Value StageProgram::walkPath(Value whole, ArrayRef<plan::PlacementAttr> path, Operation *user) {
  Value local = find(whole, path.front());
  if (!local) {
    user->emitError() << "E-PLAN: '" << getValueName(whole) << "' is not kept as " << path.front() << " in "
                      << stage.op.getSymName() << ", where this reshard begins";
    return {};
  }
  for (plan::PlacementAttr to : path.drop_front()) {
    Value next = find(whole, to);
    local = next ? next : addStep(whole, local, to, user);
    if (!local)
      return {};
  }
  return local;
}

/// Axes that change between two placements, by name.
static SmallVector<StringRef> changedAxes(const placement::Step &step, const placement::Mesh &mesh) {
  SmallVector<StringRef> axes;
  for (int axis : step.axes)
    axes.push_back(mesh.axes[axis].name);
  return axes;
}

/// How many rows of a value are there, where it is moved from its maker; else nothing.
Value StageProgram::findCounts(Value whole, plan::PlacementAttr from, const placement::Step &step) const {
  auto counted = dyn_cast_or_null<CountedOpInterface>(whole.getDefiningOp());
  bool movesRows = step.kind == placement::StepKind::allGather || step.kind == placement::StepKind::allToAll ||
                   step.kind == placement::StepKind::exchange;
  if (!counted || !movesRows || from.isPartial())
    return {};
  Value counts = counted.getRowCounts();
  auto rank = static_cast<size_t>(cast<RankedTensorType>(counts.getType()).getRank());
  return find(counts, plan::PlacementAttr::get(whole.getContext(), from.getDims().take_front(rank), {}));
}

Value StageProgram::addStep(Value whole, Value local, plan::PlacementAttr to, Operation *user) {
  FailureOr<RankedTensorType> type = getPartType(whole, to, user);
  if (failed(type))
    return {};
  auto global = cast<RankedTensorType>(whole.getType());
  plan::PlacementAttr from = plan::getPart(local.getType()).getPlacement();
  std::optional<placement::Step> step =
      placement::classifyStep(placement::toShape(global), stage.mesh, *placement::toPlacement(from, stage.mesh),
                              *placement::toPlacement(to, stage.mesh));
  if (!step) {
    user->emitError() << "E-PLAN: no single collective leads from " << from << " to " << to << " for '"
                      << getValueName(whole) << "'";
    return {};
  }
  bool overTime =
      llvm::any_of(step->axes, [&](int axis) { return stage.mesh.axes[axis].kind == placement::AxisKind::time; });
  // A micro-batch can be cut out of a value, but a later micro-batch cannot be waited for inside a step.
  if (overTime && step->kind != placement::StepKind::slice) {
    user->emitError() << "E-PLAN: '" << getValueName(whole) << "' is needed for all micro-batches at once";
    return {};
  }
  StringAttr name = builder.getStringAttr(getValueName(whole));
  ArrayAttr axes = builder.getStrArrayAttr(changedAxes(*step, stage.mesh));
  OperationState state(whole.getLoc(), ("partita_collective." + getStepOpName(step->kind)).str());
  state.addOperands(local);
  if (Value counts = findCounts(whole, from, *step))
    state.addOperands(counts);
  state.addTypes(*type);
  state.addAttribute("name", name);
  state.addAttribute("axes", axes);
  Value result = builder.create(state)->getResult(0);
  remember(whole, to, result);
  return result;
}

void StageProgram::finish() {
  func::ReturnOp::create(builder, function.getLoc(), results);
  SmallVector<Type> argumentTypes(function.getBody().front().getArgumentTypes());
  SmallVector<Type> resultTypes(ValueRange(results).getTypes());
  function.setFunctionType(builder.getFunctionType(argumentTypes, resultTypes));
  function.setAllArgAttrs(argumentAttributes);
  function.setAllResultAttrs(resultAttributes);
}

} // namespace partita::partition
