// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Flow.h"
#include "partita/interpreter/Verify.h"
#include "partita/support/Error.h"
#include "partita/support/Json.h"
#include "partita/support/Units.h"

using namespace mlir;

namespace partita {

CommandSpec verifySpec() {
  CommandSpec spec{"verify", "runs the partitioned program against the whole model on simulated ranks", {"MODEL"}, {}};
  spec.options.push_back({"only", "TEXT", "compare only results and ops whose name contains this"});
  spec.options.push_back({"seed", "N", "seed of the random inputs; default 0"});
  spec.options.push_back({"json", "-", "print the answer as JSON"});
  addModelOptions(spec);
  addPlanOptions(spec);
  addCommonOptions(spec);
  return spec;
}

static JsonValue toJson(const interpreter::VerifyReport &report) {
  JsonValue answer = JsonValue::makeObject(), outputs = JsonValue::makeArray();
  answer.set("status", report.passed ? "ok" : "error");
  if (!report.passed)
    answer.set("code", "E-VERIFY");
  for (const interpreter::OutputCheck &check : report.outputs) {
    JsonValue entry = JsonValue::makeObject();
    entry.set("name", check.name);
    entry.set("passed", check.comparison.passed);
    entry.set("error", check.comparison.error);
    entry.set("tolerance", check.comparison.tolerance);
    outputs.append(entry);
  }
  answer.set("outputs", outputs);
  if (report.divergence) {
    JsonValue entry = JsonValue::makeObject();
    entry.set("op", report.divergence->op);
    entry.set("kind", report.divergence->kind);
    entry.set("location", report.divergence->location);
    answer.set("first_divergence", entry);
  }
  return answer;
}

static void printReport(const interpreter::VerifyReport &report, raw_ostream &os) {
  for (const interpreter::OutputCheck &check : report.outputs)
    os << (check.comparison.passed ? "equal   " : "DIFFERS ") << check.name << ": error " << check.comparison.error
       << ", allowed " << check.comparison.tolerance << '\n';
  if (report.divergence)
    os << "first divergence: " << report.divergence->kind << " '" << report.divergence->op << "' at "
       << report.divergence->location << '\n';
  os << (report.passed ? "the partitioned program equals the model\n" : "the partitioned program is NOT the model\n");
}

int runVerify(const Arguments &arguments, Terminal &terminal) {
  llvm::Expected<int64_t> seed = arguments.getInteger("seed", 0, 0, int64_t(1) << 62);
  if (!seed)
    return reportError(seed.takeError(), terminal);
  Session session(arguments, terminal);
  std::string path = arguments.positional().front();
  OwningOpRef<ModuleOp> graph = loadModel(session, path);
  if (!graph)
    return 1;
  if (getPhase(*graph) >= Phase::partition)
    return reportError(makeError("E-USAGE", "verify takes the whole model, not a partitioned one"), terminal);
  OwningOpRef<ModuleOp> program = graph->clone();
  if (failed(planModel(session, *program)) || failed(partitionModel(session, *program)))
    return 1;
  func::FuncOp function = findModelFunction(*graph);
  terminal.err << "verify: about " << formatSeconds(Seconds{interpreter::estimateSeconds(function)}) << '\n';
  interpreter::VerifyOptions options;
  options.directory = getModelFolder(path);
  options.seed = *seed;
  options.only = arguments.get("only");
  FailureOr<interpreter::VerifyReport> report = interpreter::verifyProgram(*graph, *program, {}, options);
  if (failed(report))
    return 1;
  if (arguments.has("json"))
    terminal.out << toJson(*report).str();
  else
    printReport(*report, terminal.out);
  return report->passed ? 0 : 1;
}

} // namespace partita
