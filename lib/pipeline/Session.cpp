// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Session.h"
#include "mlir/IR/DialectRegistry.h"
#include "partita/Register.h"
#include "partita/support/Error.h"
#include "partita/support/File.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace partita {

Session::Session(const Arguments &arguments, Terminal &terminal) : arguments(arguments), terminal(terminal) {
  DialectRegistry registry;
  registerAll(registry);
  // One thread: diagnostics come in program order, and ranks of tests share two cores with us.
  context = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  context->loadAllAvailableDialects();
  // The op a diagnostic is about may be a whole model.
  context->printOpOnDiagnostic(false);
  handler = std::make_unique<ScopedDiagnosticHandler>(context.get(), [this](Diagnostic &diagnostic) {
    report(diagnostic);
    return success();
  });
}

/// "model.onnx:node_3" for a named location, "file:line:column" for one in a text.
static void printLocation(Location location, raw_ostream &os) {
  if (isa<UnknownLoc>(location))
    return;
  std::string text;
  llvm::raw_string_ostream stream(text);
  location->print(stream);
  StringRef plain = text;
  if (plain.consume_front("loc(") && plain.consume_back(")"))
    os << plain << ": ";
}

void Session::report(Diagnostic &diagnostic) {
  static const char *const kSeverity[] = {"note", "warning", "error", "remark"};
  printLocation(diagnostic.getLocation(), terminal.err);
  std::string message = diagnostic.str();
  terminal.err << kSeverity[static_cast<int>(diagnostic.getSeverity())] << ": " << message << '\n';
  for (Diagnostic &note : diagnostic.getNotes())
    report(note);
  if (diagnostic.getSeverity() != DiagnosticSeverity::Error || !errorMessage.empty())
    return;
  errorMessage = message;
  // Ops prefix their own name to the message, so the code may stand behind it.
  size_t code = message.find("E-");
  if (code != std::string::npos)
    errorCode = message.substr(code, message.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789", code) - code);
}

std::unique_ptr<PassManager> Session::createPassManager() {
  auto manager = std::make_unique<PassManager>(context.get());
  manager->enableVerifier(true);
  if (arguments.has("mlir-print-ir-after-all"))
    manager->enableIRPrinting([](Pass *, Operation *) { return false; }, [](Pass *, Operation *) { return true; },
                              /*printModuleScope=*/true, /*printAfterOnlyOnChange=*/false,
                              /*printAfterOnlyOnFailure=*/false, terminal.err);
  return manager;
}

LogicalResult Session::keep(ModuleOp module, StringRef phase) {
  if (!arguments.has("save-temps"))
    return success();
  std::string directory = arguments.get("save-temps");
  if (std::error_code error = llvm::sys::fs::create_directories(directory))
    return module.emitError() << "E-BAD-FILE: cannot create " << directory << ": " << error.message();
  SmallString<128> path(directory);
  llvm::sys::path::append(path, phase + ".mlir");
  std::string text;
  llvm::raw_string_ostream os(text);
  module.print(os);
  if (llvm::Error error = writeFileAtomically(path, text))
    return module.emitError() << takeError(std::move(error)).str();
  return success();
}

} // namespace partita
