// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "PlanView.h"

using namespace mlir;

namespace partita::partition {

namespace {
/// Operations of one execution of a function, for each rank of its stage and each micro-batch.
class FunctionWork {
public:
  explicit FunctionWork(const placement::Mesh &mesh)
      : mesh(mesh), operations(placement::rankCount(mesh) * placement::timeCount(mesh)) {}

  LogicalResult add(Operation *op) {
    auto cost = dyn_cast<CostOpInterface>(op);
    if (!cost || !isa<SplitOpInterface>(op))
      return success();
    FailureOr<LoopNest> nest = getGlobalLoopNest(op);
    if (failed(nest))
      return failure();
    FailureOr<placement::LoopAssignment> loops = getLoops(op, *nest, mesh);
    if (failed(loops))
      return failure();
    for (size_t at = 0; at < operations.size(); ++at) {
      int64_t ranks = placement::rankCount(mesh);
      placement::Coordinates coordinates =
          placement::coordinatesOf(mesh, static_cast<int64_t>(at) % ranks, static_cast<int64_t>(at) / ranks);
      SmallVector<int64_t> extents;
      for (auto [loop, splits] : llvm::zip(nest->loops, *loops))
        extents.push_back(placement::localInterval(loop.extent, splits, mesh, coordinates).length());
      if (Work work = cost.getWork(extents); work.kind != WorkKind::movement)
        operations[at] += work.operations;
    }
    return success();
  }

  /// Over all micro-batches.
  double ofRank(size_t rank) const {
    double total = 0;
    for (size_t at = rank; at < operations.size(); at += mesh.devices.size())
      total += operations[at];
    return total;
  }

private:
  const placement::Mesh &mesh;
  std::vector<double> operations;
};
} // namespace

FailureOr<std::map<int64_t, double>> countWork(ModuleOp module) {
  std::map<int64_t, double> total;
  std::map<std::string, int64_t> executions = countExecutions(module);
  for (auto function : module.getOps<func::FuncOp>()) {
    auto found = executions.find(function.getSymName().str());
    plan::StageOp stage = found == executions.end() ? plan::StageOp() : collective::getStage(function);
    if (!stage)
      continue;
    placement::Mesh mesh = placement::toMesh(stage.getMesh());
    FunctionWork work(mesh);
    for (Operation &op : function.getBody().getOps())
      if (failed(work.add(&op)))
        return failure();
    // Executions count micro-batches, and so does the work.
    auto calls = static_cast<double>(found->second / placement::timeCount(mesh));
    for (size_t rank = 0; rank < mesh.devices.size(); ++rank)
      total[mesh.devices[rank]] += calls * work.ofRank(rank);
  }
  return total;
}

} // namespace partita::partition
