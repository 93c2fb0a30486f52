// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Harness.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "partita/dialects/collective/Collective.h"
#include "partita/dialects/graph/Graph.h"
#include "partita/partition/Partition.h"

using namespace mlir;

namespace partita::test {

Harness::Harness() {
  DialectRegistry registry;
  registry.insert<func::FuncDialect, PartitaDialect, graph::GraphDialect, plan::PlanDialect,
                  collective::CollectiveDialect>();
  context = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  context->loadAllAvailableDialects();
  handler = std::make_unique<ScopedDiagnosticHandler>(context.get(), [this](Diagnostic &diagnostic) {
    diagnostics += diagnostic.str() + "\n";
    return success();
  });
}

std::string Harness::takeDiagnostics() {
  std::string taken;
  std::swap(taken, diagnostics);
  return taken;
}

OwningOpRef<ModuleOp> Harness::parse(StringRef text) { return parseSourceString<ModuleOp>(text, context.get()); }

OwningOpRef<ModuleOp> Harness::parseFile(const std::string &path) {
  return parseSourceFile<ModuleOp>(path, context.get());
}

Expectation Harness::expect(ModuleOp graph, uint64_t seed, interpreter::SymbolValues symbols) {
  Expectation expectation;
  func::FuncOp function = interpreter::findGraphFunction(graph);
  if (!function)
    return expectation;
  expectation.arguments = interpreter::makeRandomInputs(function, {}, symbols, seed);
  FailureOr<interpreter::Control> control = interpreter::runControl(function, expectation.arguments, /*withOps=*/false);
  if (succeeded(control))
    expectation.control = *control;
  return expectation;
}

std::string Harness::partition(ModuleOp module, bool outline) {
  takeDiagnostics();
  auto verified = [&] { return succeeded(verify(module)) && succeeded(partition::verifyPlacements(module)); };
  func::FuncOp function = interpreter::findGraphFunction(module);
  bool ok = function && succeeded(partition::completePlan(function)) && succeeded(partition::partitionModule(module)) &&
            verified();
  if (ok && outline)
    ok = succeeded(partition::outlineSegments(module)) && verified();
  std::string problems = takeDiagnostics();
  return ok ? "" : problems.empty() ? "failed without a diagnostic" : problems;
}

std::string Harness::run(ModuleOp program, const Expectation &expectation) {
  takeDiagnostics();
  FailureOr<interpreter::NamedTensors> results = interpreter::interpretProgram(program, expectation.arguments, {});
  if (failed(results))
    return "the program did not run: " + takeDiagnostics();
  std::string differences;
  if (expectation.control.results.empty())
    return "the graph has no results to compare";
  for (const auto &[name, control] : expectation.control.results) {
    auto found = results->find(name);
    if (found == results->end()) {
      differences += "result '" + name + "' is missing\n";
      continue;
    }
    interpreter::Comparison comparison = interpreter::compare(found->second, control);
    if (!comparison.passed)
      differences += "result '" + name + "' differs by " + std::to_string(comparison.error) + ", allowed " +
                     std::to_string(comparison.tolerance) + "\n";
  }
  return differences;
}

std::string Harness::compare(ModuleOp planned, uint64_t seed, interpreter::SymbolValues symbols) {
  Expectation expectation = expect(planned, seed, symbols);
  std::string problem = partition(planned);
  return problem.empty() ? run(planned, expectation) : problem;
}

} // namespace partita::test
