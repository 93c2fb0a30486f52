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
    return succeeded(passes->run(*check.module)) ? std::optional(std::move(check)) : std::nullopt;
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
