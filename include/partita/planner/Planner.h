// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Planner.h - Which placement, mesh and stages a function gets ---------------===//
//
// Chooses, for a function whose ops answer SplitOpInterface, a mesh, the loops that its axes split, the reshards
// between ops and the placements in which arguments are kept, and writes them as attributes of the plan dialect
// beside one `partita_plan.stage` op for each stage and one `partita_plan.record`. Example:
//
//   llvm::Expected<machine::Machine> machine = machine::Machine::parse("h100:1x8");
//   PlanOptions options;
//   options.pins = {"lm_head*:n=x"};                       // names by glob, loops by label, axes by name
//   FailureOr<PlanResult> plan = planFunction(function, *machine, options);
//   plan->predicted.stepSeconds;                           // 0.021
//
// SPACE. Meshes: all ordered factorisations of the device count, and of its divisors, into at most two axes. For each
// op each axis splits one loop (balanced in a unit that some value along the way asks for) or none, or the op passes a
// partial value on. A reshard is the cheapest path of collectives from a copy that exists to the placement wanted; its
// intermediate values are copies too, and a copy is shared by all later readers of the stage.
// OBJECTIVE. Step time, as the sum of kernels and collectives (nothing overlaps). With p stages and m micro-batches,
// step = sum over stages of T + (m-1) max T, T being a stage's time for one micro-batch. The memory limit is hard.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_PLANNER_PLANNER_H
#define PARTITA_PLANNER_PLANNER_H

#include "partita/cost/CostModel.h"
#include "partita/machine/Machine.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace partita::planner {

struct PlanOptions {
  /// "" (free search), "single", "data", "tensor", or "megatron[:tensor=t,pipeline=p,data=d]". A preset restricts which
  /// axes may go on which loops.
  std::string preset;
  /// `GLOB:loop=axis,...` or `GLOB:loop=none`: ops whose model name the glob matches split exactly so.
  std::vector<std::string> pins;
  /// Bytes a device may use; nothing stands for the device's own memory, Bytes::max() for no limit.
  std::optional<Bytes> memoryLimit;
  /// Deterministic budget: how many states and labels the search may keep is proportional to it.
  int64_t effort = 10;
  /// Parts into which the batch is cut, walked one after the other.
  int64_t microBatches = 1;
};

/// Communication of one kind in a step: executions, and bytes of the busiest rank over all of them.
struct Traffic {
  int64_t count = 0;
  int64_t bytes = 0;
  bool operator==(const Traffic &) const = default;
};

/// An op with no loop that may be cut, on several devices: each has all of its operands and computes all of it.
struct WholeOp {
  /// The model's name, and the op's own with what it stands for, where that is a custom op's.
  std::string name, kind;
  /// Why its loops cannot be cut.
  std::string reason;
  /// Per step, on the busiest rank: what is received so that operands are whole, and what this and the op itself take.
  int64_t gatheredBytes = 0;
  double communicationSeconds = 0, computeSeconds = 0;
};

/// What the plan is expected to do. Seconds of one step; bytes of the fullest device.
struct Prediction {
  double stepSeconds = 0;
  /// No plan on these devices is faster, by this relaxation: every kernel is cut evenly over all devices of its stage,
  /// and nothing is communicated.
  double lowerBoundSeconds = 0;
  double computeSeconds = 0;
  double communicationSeconds = 0;
  double bubbleSeconds = 0;
  /// By class: "parameters", "inputs", "outputs", "activations". A bound: a copy stays until its value's last use.
  std::map<std::string, int64_t> memory;
  /// By kind, named as in the per-device program: "all_reduce", ..., "send".
  std::map<std::string, Traffic> communication;
  std::vector<WholeOp> wholeOps;

  int64_t memoryBytes() const;
};

struct SearchStatistics {
  int64_t meshes = 0;
  /// Alternatives of ops that were priced, and partial plans that were kept.
  int64_t options = 0;
  int64_t labels = 0;
  /// Whether nothing was cut by the budget: the plan is optimal in its space (see SPACE above). Otherwise `gap` says
  /// how much faster, as a part of the step time, a plan might be at most.
  bool exact = true;
  double gap = 0;
};

struct PlanResult {
  std::string preset;
  Prediction predicted;
  SearchStatistics search;
  int64_t devicesUsed = 0;
  int64_t devicesAvailable = 0;
  int64_t microBatches = 1;
  /// "tensor=8", one for each stage.
  std::vector<std::string> meshes;
};

/// Plans the function and writes the attributes. Fails with a diagnostic and leaves the function as it was:
/// E-NO-RULE (an op does not say how it splits), E-PRESET, E-PIN (not understood), E-INFEASIBLE-PIN, E-INFEASIBLE-MEM
/// (with what was needed, the limit, the largest contributors and the smallest memory found), E-PLAN.
mlir::FailureOr<PlanResult> planFunction(mlir::func::FuncOp function, const machine::Machine &machine,
                                         const cost::CostModel &cost, const PlanOptions &options = {});
/// The same with the analytic cost model.
mlir::FailureOr<PlanResult> planFunction(mlir::func::FuncOp function, const machine::Machine &machine,
                                         const PlanOptions &options = {});

/// Removes a plan: attributes of the function's ops and arguments, stages and record of its module.
void erasePlan(mlir::func::FuncOp function);

} // namespace partita::planner

#endif // PARTITA_PLANNER_PLANNER_H
