// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Any text as a program of Partita's dialects: an error, or a module that verifies, prints and parses again; some are
// taken through the phases they have not gone through yet.
#include "Command.h"
#include "ProgramText.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"

using namespace partita::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Folder folder("program");
  static SharedContext shared;
  mlir::MLIRContext &context = shared.renew();
  std::string text(reinterpret_cast<const char *>(data), size);
  // Parsers of upstream's ops crash at some texts (linalg.reduce without operands in LLVM 22.1); not ours to find.
  if (llvm::Error error = partita::checkParserSurvives(text, "input.mlir", context.getDialectRegistry())) {
    llvm::consumeError(std::move(error));
    return 0;
  }
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module) {
    shared.expectDiagnostic();
    return 0;
  }
  std::string printed;
  llvm::raw_string_ostream stream(printed);
  module->print(stream);
  if (!mlir::parseSourceString<mlir::ModuleOp>(printed, &context))
    __builtin_trap();
  if (isChosen(data, size)) {
    folder.write("input.mlir", data, size);
    runCommand(compileArguments(folder, "input.mlir"), /*needsCode=*/false);
  }
  return 0;
}
