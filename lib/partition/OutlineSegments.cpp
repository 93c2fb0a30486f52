// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A stage's function is cut where layers begin; every piece becomes a function, and equal pieces become one.
#include "PlanView.h"
#include "mlir/IR/IRMapping.h"
#include "partita/partition/Passes.h"
#include "partita/support/RepeatedSegments.h"
#include <set>

using namespace mlir;

namespace partita::partition {

#define GEN_PASS_DEF_OUTLINESEGMENTSPASS
#include "partita/lib/partition/Passes.h.inc"

namespace {

class Outliner {
public:
  explicit Outliner(ModuleOp module) : module(module) {}

  void outline(func::FuncOp function) {
    std::vector<Operation *> ops;
    for (Operation &op : function.getBody().front())
      if (!op.hasTrait<OpTrait::IsTerminator>() && !isa<collective::ExtentOp, collective::OffsetOp>(op))
        ops.push_back(&op);
    if (ops.empty())
      return;
    std::vector<size_t> cuts = findCuts(ops);
    for (size_t piece = 0; piece + 1 < cuts.size(); ++piece)
      outlinePiece(function, ArrayRef<Operation *>(ops).slice(cuts[piece], cuts[piece + 1] - cuts[piece]));
    // Sizes that only the outlined ops read are dead here.
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
      if (isa<collective::ExtentOp, collective::OffsetOp>(op) && op.use_empty())
        op.erase();
  }

private:
  /// Begin of every piece, and the end.
  std::vector<size_t> findCuts(ArrayRef<Operation *> ops) {
    std::set<size_t> cuts{0, ops.size()};
    for (const RepeatedSegment &segment : findRepeatedSegments(ops, {.comparePlan = true}))
      for (size_t copy = 0; copy <= segment.count; ++copy)
        cuts.insert(segment.first + copy * segment.period);
    std::set<size_t> moved{0, ops.size()};
    for (size_t cut : llvm::drop_end(llvm::drop_begin(cuts))) {
      while (cut < ops.size() && endsPiece(ops[cut]))
        ++cut;
      moved.insert(cut);
    }
    return {moved.begin(), moved.end()};
  }

  /// Whether an op behind a cut as well ends the piece before it: it alone reads a value, and what it makes of that is
  /// as large. A relu behind a sum is computed where the sum is.
  static bool endsPiece(Operation *op) {
    if (op->getNumOperands() != 1 || op->getNumResults() != 1 || op->getNumRegions() > 0)
      return false;
    Value operand = op->getOperand(0);
    return operand.getDefiningOp() && operand.hasOneUse() && operand.getType() == op->getResult(0).getType() &&
           op->getBlock() == operand.getParentBlock();
  }

  void outlinePiece(func::FuncOp stageFunction, ArrayRef<Operation *> ops) {
    llvm::DenseSet<Operation *> inside(ops.begin(), ops.end());
    llvm::SetVector<Value> inputs;
    SmallVector<Value> outputs;
    for (Operation *op : ops) {
      op->walk([&](Operation *nested) {
        for (Value operand : nested->getOperands())
          if (isDefinedOutside(operand, op, inside) && !isSize(operand))
            inputs.insert(operand);
      });
      for (Value result : op->getResults())
        if (llvm::any_of(result.getUsers(), [&](Operation *user) { return !isInside(user, inside); }))
          outputs.push_back(result);
    }
    func::FuncOp segment = shareEqual(buildSegment(stageFunction, ops, inputs.getArrayRef(), outputs));
    OpBuilder builder(ops.back());
    builder.setInsertionPointAfter(ops.back());
    auto call = func::CallOp::create(builder, ops.front()->getLoc(), segment, inputs.getArrayRef());
    for (auto [result, replacement] : llvm::zip(outputs, call.getResults()))
      result.replaceUsesWithIf(replacement, [&](OpOperand &use) { return !isInside(use.getOwner(), inside); });
    for (Operation *op : llvm::reverse(ops))
      op->erase();
  }

  static bool isSize(Value value) {
    return value.getDefiningOp<collective::ExtentOp>() || value.getDefiningOp<collective::OffsetOp>();
  }

  static bool isInside(Operation *op, const llvm::DenseSet<Operation *> &inside) {
    for (; op; op = op->getParentOp())
      if (inside.contains(op))
        return true;
    return false;
  }

  static bool isDefinedOutside(Value value, Operation *op, const llvm::DenseSet<Operation *> &inside) {
    if (Operation *definition = value.getDefiningOp())
      return !isInside(definition, inside);
    // An argument of a region of the piece is inside, one of the stage's function is not.
    return !op->isAncestor(cast<BlockArgument>(value).getOwner()->getParentOp());
  }

  func::FuncOp buildSegment(func::FuncOp stageFunction, ArrayRef<Operation *> ops, ArrayRef<Value> inputs,
                            ArrayRef<Value> outputs) {
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    auto type = builder.getFunctionType(ValueRange(inputs).getTypes(), ValueRange(outputs).getTypes());
    std::string name = "segment" + std::to_string(numSegments++);
    auto segment = func::FuncOp::create(builder, ops.front()->getLoc(), name, type);
    segment.setPrivate();
    segment->setAttr(collective::kStageAttr, stageFunction->getAttr(collective::kStageAttr));
    IRMapping mapping;
    Block *body = segment.addEntryBlock();
    mapping.map(inputs, body->getArguments());
    builder.setInsertionPointToStart(body);
    for (Operation *op : ops) {
      // Sizes are recomputed where they are read instead of being passed.
      for (Value operand : op->getOperands())
        if (isSize(operand) && !mapping.contains(operand))
          builder.clone(*operand.getDefiningOp(), mapping);
      builder.clone(*op, mapping);
    }
    SmallVector<Value> results;
    for (Value output : outputs)
      results.push_back(mapping.lookup(output));
    func::ReturnOp::create(builder, segment.getLoc(), results);
    return segment;
  }

  /// The function that stands for this one: an earlier one with the same text, names of ops aside.
  func::FuncOp shareEqual(func::FuncOp segment) {
    plan::StageOp stage = collective::getStage(segment);
    std::string key;
    llvm::raw_string_ostream os(key);
    // Equal code needs equal axes; which devices they run over is data.
    if (stage)
      for (plan::AxisAttr axis : stage.getMesh().getAxes())
        os << axis << ';';
    func::FuncOp unnamed = segment.clone();
    unnamed.setSymName("segment");
    unnamed->removeAttr(collective::kStageAttr);
    unnamed.walk([](Operation *op) {
      if (op->getInherentAttr("name"))
        op->setInherentAttr(StringAttr::get(op->getContext(), "name"), StringAttr::get(op->getContext(), ""));
      op->removeDiscardableAttr(kNameAttr);
    });
    unnamed.print(os, OpPrintingFlags().printGenericOpForm());
    unnamed.erase();
    auto [entry, inserted] = byText.emplace(key, segment);
    if (!inserted) {
      segment.erase();
      --numSegments;
    }
    return entry->second;
  }

  ModuleOp module;
  std::map<std::string, func::FuncOp> byText;
  unsigned numSegments = 0;
};

struct OutlineSegments : impl::OutlineSegmentsPassBase<OutlineSegments> {
  void runOnOperation() override {
    if (failed(outlineSegments(getOperation())))
      signalPassFailure();
  }
};

} // namespace

LogicalResult outlineSegments(ModuleOp module) {
  Outliner outliner(module);
  for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    if (function->hasAttr(collective::kEventAttr))
      outliner.outline(function);
  return success();
}

} // namespace partita::partition
