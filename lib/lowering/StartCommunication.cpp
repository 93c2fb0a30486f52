// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "partita/dialects/collective/Collective.h"
#include "partita/lowering/Passes.h"

using namespace mlir;
using namespace partita;

namespace partita::lowering {
#define GEN_PASS_DEF_STARTCOMMUNICATIONPASS
#include "partita/lib/lowering/Passes.h.inc"
} // namespace partita::lowering

namespace {

/// The ops of a stage function that is not a list of calls become one segment and its call.
void outlineBody(func::FuncOp stage) {
  Block &body = stage.getBody().front();
  bool isList = llvm::all_of(body, [](Operation &op) { return isa<func::CallOp, func::ReturnOp>(op); });
  if (isList)
    return;
  auto module = cast<ModuleOp>(stage->getParentOp());
  OpBuilder builder(stage);
  auto segment =
      func::FuncOp::create(builder, stage.getLoc(), (stage.getName() + "_segment").str(), stage.getFunctionType());
  segment.setPrivate();
  segment->setAttr(collective::kStageAttr, stage->getAttr(collective::kStageAttr));
  segment.getBody().takeBody(stage.getBody());
  SymbolTable(module).insert(segment);
  Block *entry = stage.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  auto call = func::CallOp::create(builder, stage.getLoc(), segment, entry->getArguments());
  func::ReturnOp::create(builder, stage.getLoc(), call.getResults());
}

/// Behind `value`'s definition.
void setInsertionPointBehind(OpBuilder &builder, Value value) {
  if (Operation *definition = value.getDefiningOp())
    builder.setInsertionPointAfter(definition);
  else
    builder.setInsertionPointToStart(cast<BlockArgument>(value).getOwner());
}

/// Of two values of one block.
bool isDefinedBefore(Value a, Value b) {
  Operation *first = a.getDefiningOp(), *second = b.getDefiningOp();
  return second && (!first || first->isBeforeInBlock(second));
}

Operation *findFirstReader(Operation *op) {
  Operation *first = op->getBlock()->getTerminator();
  for (Operation *user : op->getUsers())
    if (user->isBeforeInBlock(first))
      first = user;
  return first;
}

/// `order` is the last start so far: starts keep the order of the ops, so that every rank communicates in one order.
void startStep(Operation *step, int64_t id, Operation *&order) {
  Value input = step->getOperand(0), result = step->getResult(0);
  Value counts = step->getNumOperands() > 1 ? step->getOperand(1) : Value();
  auto type = cast<RankedTensorType>(result.getType());
  OpBuilder builder(step);
  setInsertionPointBehind(builder, counts && isDefinedBefore(input, counts) ? counts : input);
  if (order && builder.getInsertionBlock() == order->getBlock() &&
      (builder.getInsertionPoint() == order->getBlock()->end() ||
       !order->isBeforeInBlock(&*builder.getInsertionPoint())))
    builder.setInsertionPointAfter(order);
  Location location = step->getLoc();
  SmallVector<Value> extents;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(dim))
      extents.push_back(collective::ExtentOp::create(builder, location, builder.getIndexType(), type, dim));
  Value destination =
      tensor::EmptyOp::create(builder, location, type.getShape(), type.getElementType(), extents, type.getEncoding());
  auto start =
      collective::StartOp::create(builder, location, collective::TokenType::get(step->getContext()),
                                  builder.getI64IntegerAttr(id), builder.getStringAttr(step->getName().stripDialect()),
                                  step->getAttrOfType<StringAttr>("name"), step->getAttrOfType<ArrayAttr>("axes"),
                                  TypeAttr::get(input.getType()), TypeAttr::get(type), input, destination, counts);
  order = start;
  builder.setInsertionPoint(findFirstReader(step));
  auto wait = collective::WaitOp::create(builder, location, TypeRange{type}, builder.getI64IntegerAttr(id),
                                         start.getToken(), input, destination, counts);
  result.replaceAllUsesWith(wait.getResult()[0]);
  step->erase();
}

struct StartCommunicationPass : lowering::impl::StartCommunicationPassBase<StartCommunicationPass> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp function : functions)
      if (function->hasAttr(collective::kEventAttr) && !function.isExternal())
        outlineBody(function);
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>()) {
      if (!function->hasAttr(collective::kStageAttr) || function->hasAttr(collective::kEventAttr))
        continue;
      SmallVector<Operation *> steps;
      function.walk([&](Operation *op) {
        if (collective::isStep(op) && !collective::isLocalStep(op))
          steps.push_back(op);
      });
      Operation *order = nullptr;
      for (auto [id, step] : llvm::enumerate(steps))
        startStep(step, static_cast<int64_t>(id), order);
    }
  }
};

} // namespace
