// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One run of a command: the MLIR context, and where its diagnostics go.
#ifndef PARTITA_LIB_PIPELINE_SESSION_H
#define PARTITA_LIB_PIPELINE_SESSION_H

#include "Commands.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include <memory>

namespace partita {

class Session {
public:
  Session(const Arguments &arguments, Terminal &terminal);

  mlir::MLIRContext &getContext() { return *context; }
  Terminal &getTerminal() { return terminal; }
  const Arguments &getArguments() const { return arguments; }

  /// Code of the first error that was reported ("E-IMPORT-OP"), empty when there was none.
  const std::string &getErrorCode() const { return errorCode; }
  const std::string &getErrorMessage() const { return errorMessage; }

  /// A pass manager on modules that verifies after each pass and prints as the common options say.
  std::unique_ptr<mlir::PassManager> createPassManager();

  /// Writes `module` to DIR/PHASE.mlir under --save-temps; nothing without that option.
  mlir::LogicalResult keep(mlir::ModuleOp module, llvm::StringRef phase);

private:
  void report(mlir::Diagnostic &diagnostic);

  const Arguments &arguments;
  Terminal &terminal;
  std::unique_ptr<mlir::MLIRContext> context;
  std::unique_ptr<mlir::ScopedDiagnosticHandler> handler;
  std::string errorCode, errorMessage;
};

} // namespace partita

#endif
