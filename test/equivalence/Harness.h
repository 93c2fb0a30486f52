// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs a graph whole and partitioned in the interpreter and compares, with the tolerance of the control run.
//
// Example: Harness harness; auto module = harness.parse(text); EXPECT_EQ(harness.compare(*module, 1), "");
#ifndef PARTITA_TEST_EQUIVALENCE_HARNESS_H
#define PARTITA_TEST_EQUIVALENCE_HARNESS_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "partita/interpreter/Verify.h"
#include <memory>
#include <string>

namespace partita::test {

/// What a partitioned program must give: the inputs, and the control of the whole run.
struct Expectation {
  interpreter::NamedTensors arguments;
  interpreter::Control control;
};

class Harness {
public:
  Harness();
  mlir::MLIRContext &getContext() { return *context; }
  mlir::OwningOpRef<mlir::ModuleOp> parse(llvm::StringRef text);
  mlir::OwningOpRef<mlir::ModuleOp> parseFile(const std::string &path);

  /// The control of a graph module on random inputs.
  Expectation expect(mlir::ModuleOp graph, uint64_t seed, interpreter::SymbolValues symbols = {});

  /// Completes, partitions and verifies in place, then outlines and verifies again; the diagnostics when any of that
  /// fails, else "".
  std::string partition(mlir::ModuleOp module, bool outline = true);

  /// Runs per-device programs and compares; what differs, else "".
  std::string run(mlir::ModuleOp program, const Expectation &expectation);

  /// All of the above on a planned module, which becomes the program.
  std::string compare(mlir::ModuleOp planned, uint64_t seed, interpreter::SymbolValues symbols = {});

  /// Diagnostics since the last call.
  std::string takeDiagnostics();

private:
  std::unique_ptr<mlir::MLIRContext> context;
  std::unique_ptr<mlir::ScopedDiagnosticHandler> handler;
  std::string diagnostics;
};

} // namespace partita::test

#endif
