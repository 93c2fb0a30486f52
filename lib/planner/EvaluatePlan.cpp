// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- EvaluatePlan.cpp - What a plan costs, from its decisions alone --------------===//
#include "Plan.h"

#include "OpFigures.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace partita::planner {

Picoseconds Evaluation::timeOfAllStages() const {
  Picoseconds total = 0;
  for (const StageFigures &stage : stages)
    total += stage.time();
  return total;
}

Picoseconds Evaluation::timeOfCommunication() const {
  Picoseconds total = 0;
  for (const StageFigures &stage : stages)
    total += stage.communication;
  return total;
}

Picoseconds Evaluation::stepTime(int64_t microBatches) const {
  Picoseconds slowest = 0;
  for (const StageFigures &stage : stages)
    slowest = std::max(slowest, stage.time());
  // Without a second stage nothing overlaps.
  return stages.size() == 1 ? slowest
                            : (timeOfAllStages() + (microBatches - 1) * slowest + microBatches - 1) / microBatches;
}

const StageFigures &Evaluation::fullestStage() const {
  return *llvm::max_element(stages,
                            [](const StageFigures &a, const StageFigures &b) { return a.memory() < b.memory(); });
}

namespace {

using placement::Placement;

class PlanEvaluation {
public:
  PlanEvaluation(const PlanningProblem &problem, const Plan &plan, const placement::CommunicationPrice &price)
      : problem(problem), plan(plan), price(price), homes(problem.values.size(), -1) {
    evaluation.stages.resize(plan.candidate.stages.size());
  }

  FailureOr<Evaluation> evaluate() {
    findLastReads();
    for (size_t op = 0; op < problem.ops.size(); ++op)
      if (failed(evaluateOp(op)))
        return failure();
    for (size_t position = 0; position < problem.returned.size(); ++position)
      if (failed(evaluateReturn(position)))
        return failure();
    findActivations();
    return evaluation;
  }

private:
  /// A copy of a value in a stage, from the event that made it to the last that may read it.
  struct Copy {
    int64_t bytes = 0;
    int64_t madeAt = 0;
  };
  using CopyKey = std::pair<int, int>; // value, stage

  const placement::Mesh &meshOf(int stage) const { return plan.candidate.stages[stage]; }

  LogicalResult fail(const Twine &message) {
    return problem.function.emitError() << "E-PLAN: the plan contradicts itself: " << message;
  }

  /// Events are numbered by ops; what a stage sends leaves after its last op.
  void findLastReads() {
    for (auto [number, op] : llvm::enumerate(problem.ops)) {
      int stage = plan.stageOf[number];
      lastOpOf[stage] = number;
      for (int result : op.results)
        homes[result] = stage;
    }
    for (auto [number, op] : llvm::enumerate(problem.ops))
      for (int operand : op.operands) {
        int stage = plan.stageOf[number];
        lastRead[{operand, stage}] = number;
        if (homes[operand] >= 0 && homes[operand] != stage)
          lastRead[{operand, homes[operand]}] = lastOpOf[homes[operand]] + 1;
      }
  }

  void addCopy(int value, int stage, const Placement &placement, int64_t event) {
    const ValueInfo &info = problem.values[value];
    int64_t bytes = placement::boundOfLocalElements(info.shape, placement, meshOf(stage)) * info.elementBytes;
    copies[{value, stage}].emplace(placement, Copy{bytes, event});
  }

  /// Follows a path in one stage. Steps that lead to a copy that exists are free.
  LogicalResult follow(int value, int stage, ArrayRef<Placement> path, int64_t event) {
    const ValueInfo &info = problem.values[value];
    std::map<Placement, Copy> &existing = copies[{value, stage}];
    if (!existing.count(path.front()))
      return fail("'" + info.name + "' is not in " + placement::toString(path.front(), meshOf(stage)));
    for (size_t i = 1; i < path.size(); ++i) {
      if (existing.count(path[i]))
        continue;
      std::optional<placement::Step> step = placement::classifyStep(info.shape, meshOf(stage), path[i - 1], path[i]);
      if (!step)
        return fail("no single collective makes " + placement::toString(path[i], meshOf(stage)) + " of '" + info.name +
                    "'");
      bool isOverTime = llvm::any_of(
          step->axes, [&](int axis) { return meshOf(stage).axes[axis].kind == placement::AxisKind::time; });
      if (isOverTime && step->kind != placement::StepKind::slice)
        return fail("'" + info.name + "' is needed for all micro-batches at once");
      addStep(info, meshOf(stage), *step, path[i - 1], path[i], price, evaluation.stages[stage].communication,
              evaluation.traffic);
      addCopy(value, stage, path[i], event);
    }
    return success();
  }

  /// Brings an operand to its reader; `placement` is what arrives.
  LogicalResult readOperand(int value, int stage, const OperandPath &path, int64_t event, Placement &arrived) {
    if (path.path.empty())
      return fail("'" + problem.values[value].name + "' has no path to a reader");
    if (value < problem.numArguments) {
      if (failed(takeArgument(value, stage, path.path.front())))
        return failure();
    } else if (homes[value] != stage) {
      if (failed(sendValue(value, stage, path)) || failed(follow(value, stage, path.arrival, event)))
        return failure();
      arrived = path.arrival.back();
      return success();
    }
    arrived = path.path.back();
    return follow(value, stage, path.path, event);
  }

  LogicalResult takeArgument(int value, int stage, const Placement &kept) {
    auto storage = plan.storage.find(value);
    if (storage == plan.storage.end() || !llvm::is_contained(storage->second, kept))
      return fail("'" + problem.values[value].name + "' is not kept as it is read");
    if (!stored[{value, stage}].insert(kept).second)
      return success();
    const ValueInfo &info = problem.values[value];
    addCopy(value, stage, kept, 0);
    int64_t bytes = copies[{value, stage}][kept].bytes * countTimeParts(kept, meshOf(stage));
    StageFigures &figures = evaluation.stages[stage];
    (info.kind == ValueKind::parameter ? figures.parameters : figures.inputs) += bytes;
    figures.stored[value] += bytes;
    // Kept bytes are no activation.
    copies[{value, stage}][kept].bytes = 0;
    return success();
  }

  LogicalResult sendValue(int value, int stage, const OperandPath &path) {
    int home = homes[value];
    if (path.arrival.empty() || failed(follow(value, home, path.path, lastOpOf[home] + 1)))
      return fail("'" + problem.values[value].name + "' is not sent");
    if (!channels.insert({value, stage, path.path.back(), path.arrival.front()}).second)
      return success();
    const ValueInfo &info = problem.values[value];
    int64_t executions = placement::timeCount(meshOf(home));
    int64_t bytes = placement::boundOfLocalElements(info.shape, path.path.back(), meshOf(home)) * info.elementBytes;
    std::set<machine::GroupShape> shapes;
    for (auto [a, b] : llvm::zip(meshOf(home).devices, meshOf(stage).devices))
      shapes.insert(problem.machine->findGroupShape(
          {machine::DeviceId{static_cast<int32_t>(a)}, machine::DeviceId{static_cast<int32_t>(b)}}));
    Seconds slowest;
    for (const machine::GroupShape &shape : shapes)
      slowest = std::max(slowest, problem.cost->collectiveSeconds({cost::Collective::PointToPoint, Bytes{bytes}}, shape,
                                                                  *problem.machine));
    evaluation.stages[home].communication += multiplySaturated(toPicoseconds(slowest.value), executions);
    evaluation.traffic["send"].count += executions;
    evaluation.traffic["send"].bytes += executions * bytes;
    addCopy(value, stage, path.arrival.front(), lastOpOf[home] + 1);
    return success();
  }

  /// Of an op that reads something and has no loop to cut.
  static std::optional<std::string> findReasonForWhole(const OpInfo &op) {
    std::string reason;
    for (const Loop &loop : op.nest.loops) {
      if (loop.kind != LoopKind::whole && (loop.extent > 1 || loop.symbolic))
        return std::nullopt;
      if (reason.empty())
        reason = loop.reason;
    }
    return op.operands.empty() || reason.empty() ? std::nullopt : std::optional(reason);
  }

  static std::string spellKind(Operation *op) {
    auto target = dyn_cast_or_null<StringAttr>(op->getInherentAttr("target").value_or(Attribute()));
    return op->getName().stripDialect().str() + (target ? " " + target.str() : "");
  }

  LogicalResult evaluateOp(size_t number) {
    const OpInfo &op = problem.ops[number];
    const OpDecision &decision = plan.ops[number];
    int stage = plan.stageOf[number];
    const placement::Mesh &mesh = meshOf(stage);
    std::vector<std::map<int, placement::PartialKind>> partial(op.operands.size());
    std::vector<Placement> arrived(op.operands.size());
    auto countBytes = [&] {
      int64_t bytes = 0;
      for (const auto &[kind, traffic] : evaluation.traffic)
        bytes += traffic.bytes;
      return bytes;
    };
    const int64_t bytesBefore = countBytes();
    const Picoseconds communicationBefore = evaluation.timeOfCommunication();
    for (auto [position, value] : llvm::enumerate(op.operands)) {
      if (problem.values[value].isScalar)
        continue;
      if (failed(readOperand(value, stage, decision.operands[position], number, arrived[position])))
        return failure();
      partial[position] = arrived[position].partial;
    }
    std::string error;
    std::optional<OpFigures> figures = computeFigures(problem, op, mesh, decision.loops, partial, price, &error);
    if (!figures)
      return fail("'" + op.name + "': " + error);
    const placement::OpPlacements &placements = figures->placements;
    for (auto [position, value] : llvm::enumerate(op.operands)) {
      const ValueInfo &info = problem.values[value];
      if (!info.isScalar && placement::canonicalize(placements.operands[position], info.shape, mesh) !=
                                placement::canonicalize(arrived[position], info.shape, mesh))
        return fail("'" + op.name + "' gets an operand that its loops do not mean");
    }
    for (auto [position, value] : llvm::enumerate(op.results))
      if (const ValueInfo &info = problem.values[value]; !info.isScalar)
        addCopy(value, stage, placement::canonicalize(placements.results[position], info.shape, mesh), number);
    evaluation.stages[stage].compute += figures->compute;
    evaluation.stages[stage].communication += figures->communication;
    for (const auto &[kind, own] : figures->traffic) {
      evaluation.traffic[kind].count += own.count;
      evaluation.traffic[kind].bytes += own.bytes;
    }
    scratch[{stage, number}] = figures->scratch;
    if (std::optional<std::string> reason = findReasonForWhole(op); reason && mesh.devices.size() > 1)
      evaluation.wholeOps.push_back(
          {op.name, spellKind(op.op), *reason, countBytes() - bytesBefore,
           1e-12 * static_cast<double>(evaluation.timeOfCommunication() - communicationBefore),
           1e-12 * static_cast<double>(figures->compute)});
    return success();
  }

  LogicalResult evaluateReturn(size_t position) {
    int value = problem.returned[position];
    const ValueInfo &info = problem.values[value];
    if (info.isScalar)
      return success();
    const OperandPath &path = plan.returned[position];
    auto last = llvm::find_if(stored, [&](const auto &entry) { return entry.first.first == value; });
    int stage = homes[value] >= 0 ? homes[value] : last != stored.end() ? last->first.second : 0;
    Placement leaves;
    auto read = lastRead.find({value, stage});
    if (failed(readOperand(value, stage, path, read == lastRead.end() ? 0 : read->second, leaves)))
      return failure();
    if (!leaves.partial.empty())
      return fail("'" + info.name + "' is returned partial");
    if (!settled.insert(value).second)
      return success();
    int64_t bytes = placement::boundOfLocalElements(info.shape, leaves, meshOf(stage)) * info.elementBytes;
    evaluation.stages[stage].outputs += bytes * countTimeParts(leaves, meshOf(stage));
    return success();
  }

  /// The largest sum of copies at one event; a copy stays until the last reader of its value.
  void findActivations() {
    for (size_t stage = 0; stage < evaluation.stages.size(); ++stage) {
      std::map<int64_t, int64_t> changes;
      for (const auto &[key, placed] : copies) {
        if (key.second != static_cast<int>(stage))
          continue;
        auto read = lastRead.find(key);
        for (const auto &[placement, copy] : placed) {
          int64_t last = read == lastRead.end() ? copy.madeAt : std::max(copy.madeAt, read->second);
          // What is made of an argument for a reader is gone after it.
          if (key.first < problem.numArguments)
            last = copy.madeAt;
          changes[copy.madeAt] += copy.bytes;
          changes[last + 1] -= copy.bytes;
        }
      }
      for (auto [place, bytes] : scratch)
        if (place.first == static_cast<int>(stage)) {
          changes[place.second] += bytes;
          changes[place.second + 1] -= bytes;
        }
      int64_t sum = 0;
      for (auto [event, change] : changes) {
        sum += change;
        evaluation.stages[stage].activations = std::max(evaluation.stages[stage].activations, sum);
      }
    }
  }

  const PlanningProblem &problem;
  const Plan &plan;
  const placement::CommunicationPrice &price;
  std::vector<int> homes;
  std::map<int, int64_t> lastOpOf;
  std::map<CopyKey, int64_t> lastRead;
  std::map<CopyKey, std::map<Placement, Copy>> copies;
  std::map<CopyKey, std::set<Placement>> stored;
  std::set<std::tuple<int, int, Placement, Placement>> channels;
  std::set<int> settled;
  /// What an op needs beside operands and results, by stage and event.
  std::map<std::pair<int, int64_t>, int64_t> scratch;
  Evaluation evaluation;
};

} // namespace

FailureOr<Evaluation> evaluatePlan(const PlanningProblem &problem, const Plan &plan,
                                   const placement::CommunicationPrice &price) {
  return PlanEvaluation(problem, plan, price).evaluate();
}

} // namespace partita::planner
