// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The bytes of a fuzzer as a file of a command, so that what is fuzzed is what users run.
//
// Example: any bytes as a model, compiled for two ranks up to LLVM IR.
//   Folder folder("model");
//   folder.write("input.onnx", data, size);
//   runCommand({"compile", folder.path("input.onnx"), "--machine", "cpu:2", "--stop-after", "lower", ...});
#ifndef PARTITA_TEST_FUZZ_COMMAND_H
#define PARTITA_TEST_FUZZ_COMMAND_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "partita/Register.h"
#include "partita/pipeline/Driver.h"
#include "llvm/Support/xxhash.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace partita::fuzz {

/// A folder of this process in memory.
class Folder {
public:
  explicit Folder(const std::string &name) : root("/dev/shm/partita-" + name + "-" + std::to_string(getpid())) {
    mkdir(root.c_str(), 0700);
  }

  std::string path(const std::string &name) const { return root + "/" + name; }

  void write(const std::string &name, const void *data, size_t size) const {
    FILE *file = fopen(path(name).c_str(), "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
      abort(); // Nothing can be fuzzed without a file.
  }

private:
  std::string root;
};

/// A context for many inputs: making one takes longer than an input does. It is made anew when it has grown, and keeps
/// the diagnostics of an input.
class SharedContext {
public:
  mlir::MLIRContext &renew() {
    if (!context || ++uses == 1000) {
      mlir::DialectRegistry registry;
      registerAll(registry);
      context = std::make_unique<mlir::MLIRContext>(registry, mlir::MLIRContext::Threading::DISABLED);
      context->loadAllAvailableDialects();
      context->getDiagEngine().registerHandler([this](mlir::Diagnostic &diagnostic) {
        hasError |= diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error;
        return mlir::success();
      });
      uses = 0;
    }
    hasError = false;
    return *context;
  }

  /// A failure must have said why.
  void expectDiagnostic() const {
    if (!hasError)
      __builtin_trap();
  }

private:
  std::unique_ptr<mlir::MLIRContext> context;
  int uses = 0;
  bool hasError = false;
};

/// One input of many goes the whole way through the command, always the same ones.
inline bool isChosen(const uint8_t *data, size_t size) {
  return llvm::xxh3_64bits(llvm::ArrayRef<uint8_t>(data, size)) % 32 == 0;
}

/// Runs a command. It must end by itself, with status 0 or with a diagnostic; with `needsCode`, one that has a code
/// (MLIR's own parser has none). Returns the status.
inline int runCommand(const std::vector<std::string> &arguments, bool needsCode) {
  std::string text;
  llvm::raw_string_ostream errors(text);
  llvm::raw_null_ostream output;
  int status = runDriver(arguments, output, errors, "/usr/bin/partita");
  const char *expected = needsCode ? "error: E-" : "error: ";
  if (status != 0 && text.find(expected) == std::string::npos) {
    fprintf(stderr, "status %d without a diagnostic: %s\n", status, text.c_str());
    __builtin_trap();
  }
  return status;
}

/// The options with which every fuzzer compiles: two ranks, as far as LLVM IR, into a file that is overwritten.
inline std::vector<std::string> compileArguments(const Folder &folder, const std::string &input) {
  return {"compile", folder.path(input), "--machine", "cpu:2", "--effort",
          "1",       "--stop-after",     "lower",     "-o",    folder.path("output.mlir")};
}

} // namespace partita::fuzz

#endif // PARTITA_TEST_FUZZ_COMMAND_H
