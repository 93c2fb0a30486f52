// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "PlanToFit.h"
#include "partita/dialects/plan/Plan.h"

using namespace mlir;

namespace partita {

/// So often a search is asked again; one or two times are usual.
static constexpr int kMostSearches = 8;

uint64_t ExactFigures::peakBytes() const {
  uint64_t peak = 0;
  for (const auto &[device, bytes] : bytesOfDevice)
    peak = std::max(peak, bytes);
  return peak;
}

FailureOr<ExactFigures> measureProgram(ModuleOp program, bool withMemory) {
  ExactFigures figures;
  figures.communication = partition::countCommunication(program);
  FailureOr<std::map<int64_t, double>> work = partition::countWork(program);
  if (failed(work))
    return failure();
  figures.work = std::move(*work);
  figures.hasMemory = withMemory;
  if (!withMemory)
    return figures;
  if (failed(lowering::assignBuffers(program, &figures.memory)))
    return failure();
  for (auto stage : program.getOps<plan::StageOp>())
    for (int64_t device : stage.getMesh().getDevices())
      figures.bytesOfDevice[device] += figures.memory[stage.getSymName().str()].arena;
  return figures;
}

/// The planner's counts are a claim about the program; a difference is our mistake and is never passed over.
static LogicalResult checkPrediction(ModuleOp module, const planner::Prediction &prediction,
                                     const ExactFigures &figures) {
  // Both ways: what was promised but is not there, and what is there but was not promised.
  std::map<std::string, std::pair<partition::Traffic, partition::Traffic>> kinds;
  for (const auto &[kind, traffic] : prediction.communication)
    kinds[kind].first = {traffic.count, traffic.bytes};
  for (const auto &[kind, traffic] : figures.communication)
    kinds[kind].second = traffic;
  for (const auto &[kind, pair] : kinds) {
    const auto &[predicted, counted] = pair;
    if (!(predicted == counted))
      return module.emitError() << "E-INTERNAL: the plan predicts " << predicted.count << " x " << kind << " ("
                                << predicted.bytes << " bytes), the program has " << counted.count << " ("
                                << counted.bytes << " bytes)";
  }
  return success();
}

namespace {
/// The device that misses its limit by most.
struct Excess {
  int64_t device = 0;
  Bytes needed, limit;

  int64_t bytes() const { return needed.value - limit.value; }
};
} // namespace

static std::optional<Excess> findExcess(const machine::Machine &machine, std::optional<Bytes> memoryLimit,
                                        const ExactFigures &figures) {
  std::optional<Excess> largest;
  for (const auto &[device, bytes] : figures.bytesOfDevice) {
    machine::DeviceId id{static_cast<int32_t>(device)};
    if (!machine.hasDevice(id))
      continue;
    Excess excess{device, Bytes{static_cast<int64_t>(bytes)}, memoryLimit.value_or(machine.typeOf(id).memory)};
    if (excess.bytes() > 0 && (!largest || excess.bytes() > largest->bytes()))
      largest = excess;
  }
  return largest;
}

FailureOr<FittingPlan>
planToFit(ModuleOp module, const machine::Machine &machine, planner::PlanOptions options,
          llvm::function_ref<FailureOr<planner::PlanResult>(const planner::PlanOptions &)> search,
          llvm::function_ref<FailureOr<ExactFigures>()> measure) {
  std::optional<Bytes> asked = options.memoryLimit;
  std::optional<Excess> excess;
  for (int round = 0; round < kMostSearches; ++round) {
    FailureOr<planner::PlanResult> result = search(options);
    if (failed(result)) {
      if (excess)
        module.emitRemark() << "the limit was lowered to " << formatBytes(*options.memoryLimit)
                            << ", because the program of a plan for the whole of it needed "
                            << formatBytes(excess->needed);
      return failure();
    }
    FailureOr<ExactFigures> figures = measure();
    if (failed(figures) || failed(checkPrediction(module, result->predicted, *figures)))
      return failure();
    excess = findExcess(machine, asked, *figures);
    if (!excess)
      return FittingPlan{*result, *figures};
    Bytes limit = options.memoryLimit.value_or(excess->limit);
    if (excess->bytes() >= limit.value)
      break;
    options.memoryLimit = Bytes{limit.value - excess->bytes()};
  }
  return module.emitError() << "E-INFEASIBLE-MEM: device " << excess->device << " needs " << formatBytes(excess->needed)
                            << " for the smallest plan found, the limit is " << formatBytes(excess->limit);
}

} // namespace partita
