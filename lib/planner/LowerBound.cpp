// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- LowerBound.cpp - What no plan on these devices can beat ---------------------===//
//
// Relaxation "perfect split": the work and the traffic of every kernel are cut evenly over all devices of its stage,
// whether its loops allow it or not, each device runs at the rate of the fastest, nothing is communicated, and a
// stage's devices do not wait for each other.
//
//===----------------------------------------------------------------------===//
#include "Plan.h"

using namespace mlir;

namespace partita::planner {

/// One micro-batch of an op, over so many devices.
static Picoseconds boundKernel(const PlanningProblem &problem, const OpInfo &op, const placement::Mesh &mesh,
                               int64_t parts) {
  SmallVector<int64_t> extents;
  for (const Loop &loop : op.nest.loops)
    extents.push_back(loop.extent);
  int64_t read = 0, written = 0;
  auto bytesOf = [&](int value) {
    const ValueInfo &info = problem.values[value];
    int64_t bytes = info.isScalar ? 0 : info.elementBytes;
    for (const placement::Extent &extent : info.shape)
      bytes = multiplySaturated(bytes, extent.bound);
    return bytes;
  };
  for (int operand : std::set<int>(op.operands.begin(), op.operands.end()))
    read += bytesOf(operand);
  for (int result : op.results)
    written += bytesOf(result);
  cost::Computation kernel = describeKernel(op, extents, read, written);
  if (kernel.unit == cost::Unit::Movement && kernel.operations == 0)
    return 0;
  kernel.operations /= static_cast<double>(parts);
  kernel.read.value /= parts;
  kernel.written.value /= parts;
  Seconds fastest = Seconds::infinity();
  for (int64_t device : mesh.devices)
    fastest = std::min(fastest, problem.cost->computeSeconds(
                                    kernel, problem.machine->typeOf(machine::DeviceId{static_cast<int32_t>(device)})));
  return toPicoseconds(fastest.value);
}

Picoseconds computeLowerBound(const PlanningProblem &problem, const MeshCandidate &candidate,
                              const std::vector<int> &stageOf) {
  std::vector<Picoseconds> stages(candidate.stages.size(), 0);
  int64_t microBatches = placement::timeCount(candidate.stages.front());
  for (size_t op = 0; op < problem.ops.size(); ++op) {
    const placement::Mesh &mesh = candidate.stages[stageOf[op]];
    stages[stageOf[op]] += boundKernel(problem, problem.ops[op], mesh, placement::rankCount(mesh) * microBatches);
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
