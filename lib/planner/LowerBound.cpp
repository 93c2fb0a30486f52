// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- LowerBound.cpp - What no plan on these devices can beat ---------------------===//
//
// Relaxation "perfect split": the work and the traffic of every kernel (of an op or, where that is less, of its
// expansion fused as far as can be) are cut evenly over all devices of its stage, whether its loops allow it or not,
// each device runs at the rate of the fastest, nothing is communicated, and a stage's devices do not wait for each
// other.
//
//===----------------------------------------------------------------------===//
#include "OpFigures.h"
#include "Plan.h"

using namespace mlir;

namespace partita::planner {

/// One micro-batch of these kernels, over so many devices.
static Picoseconds boundKernels(const PlanningProblem &problem, std::vector<cost::Computation> kernels,
                                const placement::Mesh &mesh, int64_t parts) {
  Picoseconds total = 0;
  for (cost::Computation &kernel : kernels) {
    if (isFree(kernel))
      continue;
    // Parts of another shape may use a device better than the whole.
    kernel.shape = {};
    kernel.operations /= static_cast<double>(parts);
    kernel.read.value /= parts;
    kernel.written.value /= parts;
    Seconds fastest = Seconds::infinity();
    for (int64_t device : mesh.devices)
      fastest =
          std::min(fastest, problem.cost->computeSeconds(
                                kernel, problem.machine->typeOf(machine::DeviceId{static_cast<int32_t>(device)})));
    total += toPicoseconds(fastest.value);
  }
  return total;
}

/// An op that may be split by its expansion takes no longer than the better of the two.
static Picoseconds boundOp(const PlanningProblem &problem, const OpInfo &op, const placement::Mesh &mesh,
                           int64_t parts) {
  Picoseconds whole = boundKernels(problem, listWholeKernels(problem, op), mesh, parts);
  std::vector<cost::Computation> expanded = listExpandedKernels(op);
  return expanded.empty() ? whole : std::min(whole, boundKernels(problem, expanded, mesh, parts));
}

Picoseconds computeLowerBound(const PlanningProblem &problem, const MeshCandidate &candidate,
                              const std::vector<int> &stageOf) {
  std::vector<Picoseconds> stages(candidate.stages.size(), 0);
  int64_t microBatches = placement::timeCount(candidate.stages.front());
  for (size_t op = 0; op < problem.ops.size(); ++op) {
    const placement::Mesh &mesh = candidate.stages[stageOf[op]];
    stages[stageOf[op]] += boundOp(problem, problem.ops[op], mesh, placement::rankCount(mesh) * microBatches);
  }
  // The first micro-batch passes all stages, the others follow at the pace of the slowest.
  Picoseconds first = 0, slowest = 0;
  for (Picoseconds stage : stages) {
    first += stage;
    slowest = std::max(slowest, stage);
  }
  return first + (microBatches - 1) * slowest;
}

} // namespace partita::planner
