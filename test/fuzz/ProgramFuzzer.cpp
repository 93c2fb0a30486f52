// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Any text as a program of Partita's dialects: an error, or a module that verifies, prints and parses again, and that
// is taken through the phases it has not gone through yet.
#include "Command.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "partita/Register.h"

static mlir::DialectRegistry &getRegistry() {
  static mlir::DialectRegistry registry;
  static bool filled = [] {
    partita::registerAll(registry);
    return true;
  }();
  (void)filled;
  return registry;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlir::MLIRContext context(getRegistry(), mlir::MLIRContext::Threading::DISABLED);
  mlir::ScopedDiagnosticHandler silence(&context, [](mlir::Diagnostic &) { return mlir::success(); });
  std::string text(reinterpret_cast<const char *>(data), size);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module)
    return 0;
  std::string printed;
  llvm::raw_string_ostream stream(printed);
  module->print(stream);
  if (!mlir::parseSourceString<mlir::ModuleOp>(printed, &context))
    __builtin_trap();
  static const partita::fuzz::Folder folder("program");
  folder.write("input.mlir", data, size);
  partita::fuzz::runCommand(partita::fuzz::compileArguments(folder, "input.mlir"), /*needsCode=*/false);
  return 0;
}
