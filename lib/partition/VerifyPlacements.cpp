// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// E-SPMD-TYPE: every value of a local program is what its type says, derived anew from the ops.
#include "PlanView.h"
#include "partita/partition/Passes.h"

using namespace mlir;

namespace partita::partition {

#define GEN_PASS_DEF_VERIFYPLACEMENTSPASS
#include "partita/lib/partition/Passes.h.inc"

namespace {

class PlacementVerifier {
public:
  explicit PlacementVerifier(placement::Mesh mesh) : mesh(std::move(mesh)) {}

  LogicalResult verify(func::FuncOp function) {
    for (BlockArgument argument : function.getArguments())
      if (failed(verifyType(function, argument.getType())))
        return failure();
    // What lies in an op's regions (the scalars of a structured op) is the op's own affair.
    for (Operation &op : function.getBody().getOps())
      if (failed(verifyOp(&op)))
        return failure();
    return success();
  }

private:
  /// Rule SPMD-4: the local type is the one its part has on this mesh.
  LogicalResult verifyType(Operation *op, Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return success();
    plan::PartAttr part = plan::getPart(type);
    if (!part)
      return op->emitError() << "E-SPMD-TYPE: SPMD-4: " << type << " carries no part";
    std::optional<placement::Placement> placed = placement::toPlacement(part.getPlacement(), mesh);
    if (!placed)
      return op->emitError() << "E-SPMD-TYPE: SPMD-4: " << part.getPlacement()
                             << " names an axis that is not on the mesh";
    if (auto problem = placement::findError(*placed, tensor.getRank(), mesh))
      return op->emitError() << "E-SPMD-TYPE: SPMD-4: " << *problem;
    RankedTensorType expected = placement::getLocalType(part.getGlobal(), *placed, mesh);
    if (expected != tensor)
      return op->emitError() << "E-SPMD-TYPE: SPMD-4: a part of " << part.getGlobal() << " has type " << expected
                             << ", got " << tensor;
    return success();
  }

  placement::Placement placementOf(Type type) {
    plan::PartAttr part = plan::getPart(type);
    return placement::canonicalize(*placement::toPlacement(part.getPlacement(), mesh),
                                   placement::toShape(part.getGlobal()), mesh);
  }

  /// Scalars are equal on all ranks, so an op on nothing else needs no rule.
  static bool hasParts(Operation *op) {
    return llvm::any_of(op->getOperandTypes(), plan::getPart) || llvm::any_of(op->getResultTypes(), plan::getPart);
  }

  LogicalResult verifyOp(Operation *op) {
    for (Type type : op->getResultTypes())
      if (failed(verifyType(op, type)))
        return failure();
    if (collective::isStep(op))
      return verifyStep(op);
    // Calls and returns pass values on unchanged; their types are checked by their own verifiers.
    if (isa<func::CallOp, func::ReturnOp, collective::ExtentOp, collective::OffsetOp>(op))
      return success();
    return hasParts(op) ? verifySplitOp(op) : success();
  }

  /// Rule SPMD-5: a communication op is the one step between its parts.
  LogicalResult verifyStep(Operation *op) {
    Type from = op->getOperand(0).getType(), to = op->getResult(0).getType();
    auto global = plan::getPart(from).getGlobal();
    std::optional<placement::Step> step =
        placement::classifyStep(placement::toShape(global), mesh, placementOf(from), placementOf(to));
    if (!step)
      return op->emitError() << "E-SPMD-TYPE: SPMD-5: no single step leads from " << plan::getPart(from).getPlacement()
                             << " to " << plan::getPart(to).getPlacement();
    // An exchange can stand in for any step between values that are not partial.
    if (getStepOpName(step->kind) != op->getName().stripDialect() && !isa<collective::ExchangeOp>(op))
      return op->emitError() << "E-SPMD-TYPE: SPMD-5: the step between the two parts is " << getStepOpName(step->kind);
    return success();
  }

  /// Rule SPMD-6: the op's loops and operands give exactly the parts that its types state.
  LogicalResult verifySplitOp(Operation *op) {
    FailureOr<LoopNest> nest = getGlobalLoopNest(op);
    if (failed(nest))
      return failure();
    FailureOr<placement::LoopAssignment> loops = getLoops(op, *nest, mesh);
    if (failed(loops))
      return failure();
    std::vector<std::map<int, placement::PartialKind>> partial;
    SmallVector<Type> operandTypes, resultTypes;
    for (Type type : op->getOperandTypes()) {
      plan::PartAttr part = plan::getPart(type);
      partial.push_back(part ? placementOf(type).partial : std::map<int, placement::PartialKind>());
      operandTypes.push_back(part ? Type(part.getGlobal()) : type);
    }
    for (Type type : op->getResultTypes())
      resultTypes.push_back(plan::getPart(type) ? Type(plan::getPart(type).getGlobal()) : type);
    FailureOr<placement::OpPlacements> placements =
        placeOnMesh(op, *nest, *loops, mesh, partial, operandTypes, resultTypes);
    if (failed(placements))
      return failure();
    auto check = [&](Type type, const placement::Placement &expected, const Twine &what) -> LogicalResult {
      if (!plan::getPart(type) || placementOf(type) == expected)
        return success();
      return op->emitError() << "E-SPMD-TYPE: SPMD-6: " << what << " is placed " << plan::getPart(type).getPlacement()
                             << ", the op's loops mean " << placement::toAttribute(op->getContext(), expected, mesh);
    };
    for (auto [index, type] : llvm::enumerate(op->getOperandTypes()))
      if (failed(check(type, placements->operands[index], "operand " + Twine(index))))
        return failure();
    for (auto [index, type] : llvm::enumerate(op->getResultTypes()))
      if (failed(check(type, placements->results[index], "result " + Twine(index))))
        return failure();
    return success();
  }

  placement::Mesh mesh;
};

struct VerifyPlacements : impl::VerifyPlacementsPassBase<VerifyPlacements> {
  void runOnOperation() override {
    if (failed(verifyPlacements(getOperation())))
      signalPassFailure();
    markAllAnalysesPreserved();
  }
};

} // namespace

LogicalResult verifyPlacements(ModuleOp module) {
  bool ok = true;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function->hasAttr(collective::kStageAttr) || function.isExternal())
      continue;
    plan::StageOp stage = collective::getStage(function);
    if (!stage || failed(PlacementVerifier(placement::toMesh(stage.getMesh())).verify(function)))
      ok = false;
  }
  return success(ok);
}

} // namespace partita::partition
