// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- WritePlan.cpp - A plan as attributes ----------------------------------------===//
#include "Plan.h"
#include "Presets.h"

#include "partita/dialects/plan/Plan.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace partita::planner {

namespace {

class PlanWriter {
public:
  PlanWriter(const PlanningProblem &problem, const Plan &plan, const PlanResult &result)
      : problem(problem), plan(plan), result(result), function(problem.function), builder(function.getContext()) {}

  void write() {
    // Reshards start from copies that earlier ops left: the order is part of the plan.
    Operation *terminator = function.getBody().front().getTerminator();
    for (const OpInfo &op : problem.ops)
      op.op->moveBefore(terminator);
    writeStages();
    for (size_t op = 0; op < problem.ops.size(); ++op)
      writeOp(op);
    writeReturn(terminator);
    for (const auto &[value, placements] : plan.storage) {
      SmallVector<Attribute> kept;
      for (const placement::Placement &placement : placements)
        kept.push_back(toAttribute(placement));
      function.setArgAttr(value, plan::kStorageAttr, builder.getArrayAttr(kept));
    }
  }

private:
  /// Stages have equal axes, so that any of their meshes names them.
  const placement::Mesh &axes() const { return plan.candidate.stages.front(); }

  plan::PlacementAttr toAttribute(const placement::Placement &placement) {
    return placement::toAttribute(builder.getContext(), placement, axes());
  }

  static std::string stageName(size_t stage) { return "stage" + std::to_string(stage); }

  void writeStages() {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(function);
    plan::RecordOp::create(builder, function.getLoc(), makeRecord());
    for (auto [number, mesh] : llvm::enumerate(plan.candidate.stages))
      plan::StageOp::create(builder, function.getLoc(), stageName(number),
                            placement::toAttribute(builder.getContext(), mesh));
  }

  Attribute toAttribute(const OperandPath &path) {
    if (path.path.empty())
      return builder.getUnitAttr();
    SmallVector<plan::PlacementAttr> steps, arrival;
    for (const placement::Placement &placement : path.path)
      steps.push_back(toAttribute(placement));
    for (const placement::Placement &placement : path.arrival)
      arrival.push_back(toAttribute(placement));
    return plan::ReshardAttr::get(builder.getContext(), steps, arrival);
  }

  ArrayAttr toAttribute(const std::vector<OperandPath> &paths) {
    SmallVector<Attribute> reshards;
    for (const OperandPath &path : paths)
      reshards.push_back(toAttribute(path));
    return builder.getArrayAttr(reshards);
  }

  void writeOp(size_t number) {
    Operation *op = problem.ops[number].op;
    const OpDecision &decision = plan.ops[number];
    op->setDiscardableAttr(plan::kStageAttr,
                           FlatSymbolRefAttr::get(builder.getContext(), stageName(plan.stageOf[number])));
    op->setDiscardableAttr(plan::kLoopsAttr, placement::toAttribute(builder.getContext(), decision.loops, axes()));
    op->setDiscardableAttr(plan::kReshardsAttr, toAttribute(decision.operands));
    op->setDiscardableAttr(plan::kOriginAttr, builder.getStringAttr(decision.origin));
    SmallVector<Attribute> alternatives;
    for (const Alternative &alternative : decision.alternatives)
      alternatives.push_back(builder.getDictionaryAttr(
          {builder.getNamedAttr("extra_seconds", toSeconds(alternative.extra)),
           builder.getNamedAttr("loops", placement::toAttribute(builder.getContext(), alternative.loops, axes()))}));
    if (!alternatives.empty())
      op->setDiscardableAttr(plan::kAlternativesAttr, builder.getArrayAttr(alternatives));
  }

  void writeReturn(Operation *terminator) {
    terminator->setDiscardableAttr(plan::kReshardsAttr, toAttribute(plan.returned));
  }

  Attribute toSeconds(Picoseconds time) { return builder.getF64FloatAttr(static_cast<double>(time) * 1e-12); }

  Attribute toSeconds(double seconds) { return builder.getF64FloatAttr(seconds); }

  /// Entries sort by name; no clock time is among them.
  DictionaryAttr makeRecord() {
    NamedAttrList record;
    auto text = [&](StringRef value) { return builder.getStringAttr(value); };
    auto number = [&](int64_t value) { return builder.getI64IntegerAttr(value); };
    record.set("schema", text(plan::kSchema));
    record.set("preset", text(result.preset));
    record.set("schedule", text(plan.candidate.stages.size() > 1 || result.microBatches > 1 ? "gpipe" : "single"));
    record.set("micro_batches", number(result.microBatches));
    record.set("machine", text(problem.machine->describe()));
    record.set("machine_hash", text(problem.machine->hash()));
    record.set("cost_hash", text(problem.cost->hash()));
    record.set("devices_used", number(result.devicesUsed));
    record.set("devices_available", number(result.devicesAvailable));
    SmallVector<Attribute> meshes;
    for (const std::string &mesh : result.meshes)
      meshes.push_back(text(mesh));
    record.set("meshes", builder.getArrayAttr(meshes));
    record.set("predicted", makePrediction());
    NamedAttrList search;
    search.set("meshes", number(result.search.meshes));
    search.set("options", number(result.search.options));
    search.set("labels", number(result.search.labels));
    search.set("exact", builder.getBoolAttr(result.search.exact));
    record.set("search", search.getDictionary(builder.getContext()));
    return record.getDictionary(builder.getContext());
  }

  DictionaryAttr makePrediction() {
    const Prediction &predicted = result.predicted;
    NamedAttrList figures, memory, communication;
    figures.set("step_time_s", toSeconds(predicted.stepSeconds));
    figures.set("lower_bound_s", toSeconds(predicted.lowerBoundSeconds));
    figures.set("compute_s", toSeconds(predicted.computeSeconds));
    figures.set("communication_s", toSeconds(predicted.communicationSeconds));
    figures.set("bubble_s", toSeconds(predicted.bubbleSeconds));
    figures.set("memory_bytes", builder.getI64IntegerAttr(predicted.memoryBytes()));
    for (const auto &[kind, bytes] : predicted.memory)
      memory.set(kind, builder.getI64IntegerAttr(bytes));
    figures.set("memory", memory.getDictionary(builder.getContext()));
    for (const auto &[kind, traffic] : predicted.communication)
      communication.set(
          kind, builder.getDictionaryAttr({builder.getNamedAttr("bytes", builder.getI64IntegerAttr(traffic.bytes)),
                                           builder.getNamedAttr("count", builder.getI64IntegerAttr(traffic.count))}));
    figures.set("communication", communication.getDictionary(builder.getContext()));
    return figures.getDictionary(builder.getContext());
  }

  const PlanningProblem &problem;
  const Plan &plan;
  const PlanResult &result;
  func::FuncOp function;
  OpBuilder builder;
};

} // namespace

void writePlan(const PlanningProblem &problem, const Plan &plan, const PlanResult &result) {
  PlanWriter(problem, plan, result).write();
}

void erasePlan(func::FuncOp function) {
  constexpr StringLiteral names[] = {plan::kStageAttr, plan::kLoopsAttr, plan::kReshardsAttr, plan::kOriginAttr,
                                     plan::kAlternativesAttr};
  for (Operation &op : function.getBody().front())
    for (StringRef name : names)
      op.removeDiscardableAttr(name);
  for (unsigned argument = 0; argument < function.getNumArguments(); ++argument)
    function.removeArgAttr(argument, plan::kStorageAttr);
  auto module = function->getParentOfType<ModuleOp>();
  if (!module)
    return;
  for (Operation &op : llvm::make_early_inc_range(*module.getBody()))
    if (isa<plan::StageOp, plan::RecordOp>(op))
      op.erase();
}

} // namespace partita::planner
