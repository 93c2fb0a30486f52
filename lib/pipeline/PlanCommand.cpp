// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Annotations.h"
#include "Flow.h"
#include "partita/dialects/plan/Plan.h"
#include "partita/lowering/Lowering.h"
#include "partita/partition/Partition.h"
#include "partita/report/PlanFile.h"
#include "partita/report/PlanText.h"
#include "partita/support/Error.h"
#include "partita/support/File.h"
#include "llvm/Support/Format.h"

using namespace mlir;

namespace partita {

CommandSpec planSpec() {
  CommandSpec spec{"plan", "searches a plan and prints it; needs no weights", {"MODEL"}, {}};
  spec.options.push_back({"o", "FILE.json", "write the plan to a file"});
  spec.options.push_back({"json", "-", "print the plan as JSON instead of text"});
  spec.options.push_back(
      {"annotate", "FILE.onnx", "write the model with the plan as multi-device annotations (IR 11)"});
  addModelOptions(spec);
  addPlanOptions(spec);
  addCommonOptions(spec);
  return spec;
}

static JsonValue predictionToJson(const planner::Prediction &predicted, const ExactFigures &exact,
                                  const planner::PlanResult &result) {
  JsonValue object = JsonValue::makeObject(), breakdown = JsonValue::makeObject(), memory = JsonValue::makeObject(),
            communication = JsonValue::makeObject();
  object.set("step_time_s", predicted.stepSeconds);
  object.set("lower_bound_s", predicted.lowerBoundSeconds);
  object.set("peak_memory_bytes", exact.hasMemory ? static_cast<int64_t>(exact.peakBytes()) : predicted.memoryBytes());
  object.set("peak_memory_is_exact", exact.hasMemory);
  breakdown.set("compute", predicted.computeSeconds);
  breakdown.set("exposed_communication", predicted.communicationSeconds);
  breakdown.set("bubble", predicted.bubbleSeconds);
  object.set("breakdown", breakdown);
  for (const auto &[stage, use] : exact.memory) {
    JsonValue entry = JsonValue::makeObject();
    entry.set("weights", static_cast<int64_t>(use.weights));
    entry.set("inputs_and_outputs", static_cast<int64_t>(use.inputs));
    entry.set("activations", static_cast<int64_t>(use.activations));
    entry.set("scratch", static_cast<int64_t>(use.scratch));
    entry.set("arena", static_cast<int64_t>(use.arena));
    memory.set(stage, entry);
  }
  object.set("memory", memory);
  for (const auto &[kind, traffic] : exact.communication) {
    JsonValue entry = JsonValue::makeObject();
    entry.set("count", traffic.count);
    entry.set("bytes", traffic.bytes);
    communication.set(kind, entry);
  }
  object.set("communication", communication);
  JsonValue whole = JsonValue::makeArray();
  for (const planner::WholeOp &op : predicted.wholeOps) {
    JsonValue entry = JsonValue::makeObject();
    entry.set("name", op.name).set("kind", op.kind).set("reason", op.reason);
    entry.set("gathered_bytes", op.gatheredBytes).set("communication_s", op.communicationSeconds);
    whole.append(entry.set("compute_s", op.computeSeconds));
  }
  object.set("whole_ops", whole);
  return object;
}

static JsonValue toJson(ModuleOp module, const PlannedModel &planned, const ExactFigures &exact) {
  JsonValue plan = JsonValue::makeObject();
  plan.set("schema", plan::kSchema);
  plan.set("status", "ok");
  if (planned.result) {
    const planner::PlanResult &result = *planned.result;
    plan.set("preset", result.preset.empty() ? "search" : result.preset);
    plan.set("predicted", predictionToJson(result.predicted, exact, result));
    JsonValue schedule = JsonValue::makeObject();
    schedule.set("kind", "forward");
    schedule.set("micro_batches", result.microBatches);
    plan.set("schedule", schedule);
    JsonValue search = JsonValue::makeObject();
    search.set("meshes", result.search.meshes);
    search.set("candidates", result.search.options);
    search.set("labels", result.search.labels);
    search.set("exact", result.search.exact);
    search.set("gap", result.search.gap);
    plan.set("search", search);
    plan.set("devices_used", result.devicesUsed);
    plan.set("devices_available", result.devicesAvailable);
  }
  JsonValue work = JsonValue::makeObject();
  for (auto [device, operations] : exact.work)
    work.set(std::to_string(device), operations);
  plan.set("flops_per_device", work);
  JsonValue decisions = report::writePlan(module);
  for (const JsonMember &member : decisions.members())
    if (member.name != "schema")
      plan.set(member.name, member.value);
  return plan;
}

/// The price of what cannot be split: for each kind and reason, what is gathered for it and how long that takes.
static void printWholeOps(const planner::Prediction &predicted, raw_ostream &os) {
  struct Price {
    int64_t count = 0, bytes = 0;
    double communication = 0, compute = 0;
  };
  std::map<std::pair<std::string, std::string>, Price> prices;
  for (const planner::WholeOp &op : predicted.wholeOps) {
    Price &price = prices[{op.kind, op.reason}];
    ++price.count;
    price.bytes += op.gatheredBytes;
    price.communication += op.communicationSeconds;
    price.compute += op.computeSeconds;
  }
  for (const auto &[key, price] : prices)
    os << "whole on every rank: " << price.count << " x " << key.first << " (" << key.second << "): gathers "
       << formatBytes(Bytes{price.bytes}) << " per step, " << formatSeconds(Seconds{price.communication})
       << " of communication, " << formatSeconds(Seconds{price.compute}) << " of compute\n";
}

static void printFigures(const PlannedModel &planned, const ExactFigures &exact, raw_ostream &os) {
  if (planned.result) {
    const planner::Prediction &predicted = planned.result->predicted;
    os << "machine: " << planned.machine->describe() << '\n';
    os << "devices: " << planned.result->devicesUsed << " of " << planned.result->devicesAvailable << " used\n";
    os << "step: " << formatSeconds(Seconds{predicted.stepSeconds}) << " (compute "
       << formatSeconds(Seconds{predicted.computeSeconds}) << ", communication "
       << formatSeconds(Seconds{predicted.communicationSeconds}) << ", bubble "
       << formatSeconds(Seconds{predicted.bubbleSeconds}) << "; no plan is under "
       << formatSeconds(Seconds{predicted.lowerBoundSeconds}) << ")\n";
  }
  if (!exact.work.empty()) {
    auto bySize = [](const auto &a, const auto &b) { return a.second < b.second; };
    auto [least, most] = std::minmax_element(exact.work.begin(), exact.work.end(), bySize);
    os << "work per device: " << llvm::format("%.4g to %.4g MFLOP\n", least->second * 1e-6, most->second * 1e-6);
  }
  if (exact.hasMemory)
    os << "memory per device: " << formatBytes(Bytes{static_cast<int64_t>(exact.peakBytes())});
  else
    os << "memory per device: not measured, because an op has no body (E-CUSTOM-BODY); at most "
       << (planned.result ? formatBytes(Bytes{planned.result->predicted.memoryBytes()}) : "what fits");
  for (const auto &[stage, use] : exact.memory)
    os << "; " << stage << ": weights " << formatBytes(Bytes{static_cast<int64_t>(use.weights)}) << ", activations "
       << formatBytes(Bytes{static_cast<int64_t>(use.activations + use.scratch)});
  os << "\ncommunication per step:";
  if (exact.communication.empty())
    os << " none";
  for (const auto &[kind, traffic] : exact.communication)
    os << ' ' << traffic.count << " x " << kind << " (" << formatBytes(Bytes{traffic.bytes}) << ')';
  os << '\n';
  if (planned.result)
    printWholeOps(planned.result->predicted, os);
}

/// The plan as annotations of the model's file.
static llvm::Error annotateModel(const Arguments &arguments, ModuleOp module) {
  const std::string &path = arguments.positional().front();
  if (!StringRef(path).ends_with(".onnx"))
    return makeError("E-USAGE", "--annotate takes an .onnx model, '" + path + "' is none");
  llvm::Expected<import::ModelAnnotations> file = import::readAnnotations(path);
  if (!file)
    return file.takeError();
  import::ModelAnnotations plan = makeAnnotations(findModelFunction(module), std::move(*file), "partita");
  return import::writeAnnotations(path, arguments.get("annotate"), plan);
}

int runPlan(const Arguments &arguments, Terminal &terminal) {
  if (arguments.has("json") && arguments.get("json") != "-")
    return reportError(makeError("E-USAGE", "--json takes - (standard output); -o writes a file"), terminal);
  Session session(arguments, terminal);
  auto fail = [&] {
    if (arguments.has("json")) {
      JsonValue answer = JsonValue::makeObject();
      answer.set("schema", plan::kSchema);
      answer.set("status", "error");
      answer.set("code", session.getErrorCode());
      answer.set("message", session.getErrorMessage());
      terminal.out << answer.str();
    }
    return 1;
  };
  OwningOpRef<ModuleOp> module = loadModel(session, arguments.positional().front(), /*allowMissingBodies=*/true);
  if (!module)
    return fail();
  FailureOr<PlannedModel> planned = planModel(session, *module);
  if (failed(planned))
    return fail();
  std::string json = toJson(*module, *planned, planned->figures).str();
  if (arguments.has("o"))
    if (llvm::Error error = writeFileAtomically(arguments.get("o"), json))
      return reportError(std::move(error), terminal);
  if (arguments.has("annotate"))
    if (llvm::Error error = annotateModel(arguments, *module))
      return reportError(std::move(error), terminal);
  if (arguments.has("json")) {
    terminal.out << json;
    return 0;
  }
  printFigures(*planned, planned->figures, terminal.out);
  report::printPlan(*module, terminal.out);
  return 0;
}

} // namespace partita
