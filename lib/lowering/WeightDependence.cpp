// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "WeightDependence.h"
#include "Kernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"
#include "partita/dialects/interfaces/SymbolicShape.h"
#include "partita/dialects/plan/Plan.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

std::optional<int64_t> lowering::getStaticBytes(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape() || !tensor.getElementType().isIntOrFloat())
    return std::nullopt;
  int64_t bytes = getElementBits(tensor.getElementType()) / 8;
  for (int64_t extent : tensor.getShape())
    if (llvm::MulOverflow(bytes, extent, bytes))
      return std::nullopt;
  return bytes;
}

/// Whether a part's extents and offsets are those of the rank, for all micro-batches and symbols.
static bool isOfRank(Operation *op, Type local) {
  plan::PartAttr part = plan::getPart(local);
  plan::StageOp stage = collective::getStage(op);
  if (!part || !stage || !part.getGlobal().hasStaticShape())
    return false;
  llvm::StringSet<> time;
  for (plan::AxisAttr axis : stage.getMesh().getAxes())
    if (axis.getKind() == plan::AxisKind::time)
      time.insert(axis.getName());
  for (plan::DimSplitAttr dim : part.getPlacement().getDims())
    for (plan::SplitAttr split : dim.getSplits())
      if (time.contains(split.getAxis()))
        return false;
  return true;
}

/// Whether the op gives the same values whenever it runs with the same operands on the same rank.
static bool isRepeatable(Operation *op) {
  if (auto extent = dyn_cast<collective::ExtentOp>(op))
    return isOfRank(op, extent.getType());
  if (auto offset = dyn_cast<collective::OffsetOp>(op))
    return isOfRank(op, offset.getType());
  if (!isa<linalg::LinalgDialect, tensor::TensorDialect, arith::ArithDialect, scf::SCFDialect>(op->getDialect()))
    return false;
  // A check must not fail before the step that would reach it.
  return !op->walk([](cf::AssertOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

WeightDependence::WeightDependence(func::FuncOp kernel, const std::set<int64_t> &weights)
    : body(kernel.getBody().front()) {
  for (Operation &op : body) {
    if (auto argument = dyn_cast<bufferization::ToTensorOp>(op)) {
      std::optional<int64_t> number = getBufferNumber(argument.getBuffer());
      if (!number || !weights.contains(*number))
        continue;
      weightOf[&op] = *number;
      bytes[*number] = getStaticBytes(argument.getType()).value_or(0);
      fixed.insert(&op);
    } else if (isFixed(&op)) {
      bool dependsOnWeight = isReadBy(&op, [&](Operation *source) { return fixed.contains(source); });
      dependsOnWeight ? (void)fixed.insert(&op) : (void)constant.insert(&op);
    }
  }
}

/// Whether one of the ops that define what `op` reads, also inside of its regions, is of this kind.
bool WeightDependence::isReadBy(Operation *op, llvm::function_ref<bool(Operation *)> isKind) const {
  SetVector<Value> values(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), values);
  return llvm::any_of(values, [&](Value value) { return value.getDefiningOp() && isKind(value.getDefiningOp()); });
}

bool WeightDependence::isFixed(Operation *op) const {
  SetVector<Value> values(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), values);
  return isRepeatable(op) && op->getNumResults() == 1 && llvm::all_of(values, [&](Value value) {
           Operation *source = value.getDefiningOp();
           return source && (constant.contains(source) || fixed.contains(source));
         });
}

/// A body that gives its only operand back, with the operand's dims in their order: fusion makes it disappear.
static bool isBroadcast(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 1 || op.getNumReductionLoops() > 0 ||
      !op.getRegion().front().without_terminator().empty())
    return false;
  unsigned next = 0;
  for (AffineExpr dim : op.getMatchingIndexingMap(op.getDpsInputOperand(0)).getResults()) {
    auto loop = dyn_cast<AffineDimExpr>(dim);
    if (!loop || loop.getPosition() < next)
      return false;
    next = loop.getPosition() + 1;
  }
  return op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity();
}

/// Views cost nothing where they are; what is larger than all that it is made of would take more memory and time to
/// read.
bool WeightDependence::isWorthKeeping(Operation *op) const {
  std::optional<int64_t> size = getStaticBytes(op->getResult(0).getType());
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!size || isa<tensor::TensorDialect>(op->getDialect()) || (generic && isBroadcast(generic)))
    return false;
  int64_t whole = 0;
  for (int64_t source : collect(op).sources)
    whole += bytes.at(source);
  return *size <= whole;
}

HeldValue WeightDependence::collect(Operation *op) const {
  HeldValue held{op->getResult(0), {}, {}};
  llvm::SetVector<Operation *> needed;
  needed.insert(op);
  for (size_t i = 0; i < needed.size(); ++i)
    isReadBy(needed[i], [&](Operation *source) { return needed.insert(source), false; });
  std::set<int64_t> sources;
  for (Operation *each : needed) {
    if (auto weight = weightOf.find(each); weight != weightOf.end())
      sources.insert(weight->second);
    else if (fixed.contains(each) || constant.contains(each))
      held.ops.push_back(each);
  }
  llvm::sort(held.ops, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  held.sources.assign(sources.begin(), sources.end());
  return held;
}

std::vector<HeldValue> WeightDependence::findHeld(const llvm::DenseSet<Value> &refused) {
  // Ops that the kernel no longer needs when all held values are kept: no reader of theirs is left.
  llvm::DenseSet<Operation *> gone;
  std::vector<HeldValue> held;
  read.clear();
  for (Operation *op : llvm::reverse(fixed)) {
    bool isLeft = llvm::any_of(op->getResult(0).getUsers(),
                               [&](Operation *user) { return !gone.contains(body.findAncestorOpInBlock(*user)); });
    auto weight = weightOf.find(op);
    if (weight != weightOf.end()) {
      if (isLeft)
        read.insert(weight->second);
      continue;
    }
    bool keeps = isLeft && !refused.contains(op->getResult(0)) && isWorthKeeping(op);
    if (keeps)
      held.push_back(collect(op));
    if (keeps || !isLeft)
      gone.insert(op);
  }
  std::reverse(held.begin(), held.end());
  return held;
}
