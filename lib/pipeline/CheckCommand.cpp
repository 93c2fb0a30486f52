// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "CheckReport.h"
#include "Flow.h"
#include "partita/import/Passes.h"
#include "partita/support/Error.h"

using namespace mlir;

namespace partita {

CommandSpec checkSpec() {
  CommandSpec spec{
      "check", "every problem of a model at once; how its ops split; parameters, operations", {"MODEL"}, {}};
  spec.options.push_back({"json", "-", "print the report as JSON instead of text"});
  addModelOptions(spec);
  addCommonOptions(spec);
  return spec;
}

/// Rules that do not hold are problems like others.
static void addBrokenClaims(import::ModelCheck &check) {
  import::ClaimChecker checker;
  check.module->walk([&](Operation *op) {
    std::optional<std::string> problem = checker.findBrokenClaim(op);
    if (!problem)
      return;
    auto [code, message] = StringRef(*problem).split(": ");
    check.problems.push_back({code.str(), message.str(), getModelName(op).str(), "", ""});
  });
}

static std::optional<import::ModelCheck> checkModel(Session &session, StringRef path) {
  if (path.ends_with(".onnx")) {
    llvm::Expected<import::ImportOptions> options = readImportOptions(session);
    if (!options) {
      reportError(options.takeError(), session.getTerminal());
      return std::nullopt;
    }
    import::ModelCheck check = import::checkOnnx(session.getContext(), path, *options);
    // What the planner would see of it.
    std::unique_ptr<PassManager> passes = session.createPassManager();
    import::addImportPasses(*passes);
    if (failed(passes->run(*check.module)))
      return std::nullopt;
    addBrokenClaims(check);
    return check;
  }
  import::ModelCheck check;
  check.module = loadModel(session, path);
  if (!check.module)
    return std::nullopt;
  return check;
}

int runCheck(const Arguments &arguments, Terminal &terminal) {
  if (arguments.has("json") && arguments.get("json") != "-")
    return reportError(makeError("E-USAGE", "--json takes - (standard output)"), terminal);
  Session session(arguments, terminal);
  std::string path = arguments.positional().front();
  std::optional<import::ModelCheck> check = checkModel(session, path);
  if (!check)
    return 1;
  CheckReport report = makeCheckReport(path, std::move(*check));
  if (arguments.has("json"))
    terminal.out << toJson(report).str();
  else
    printReport(report, terminal.out);
  return report.passed() ? 0 : 1;
}

} // namespace partita
