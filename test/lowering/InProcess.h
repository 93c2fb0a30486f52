// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs compiled programs inside a test, on thread ranks, without linking a file.
//
// Example: llvm::Expected<InProcessProgram> program = InProcessProgram::load(image, object);
//          llvm::Expected<NamedTensors> outputs = program->run({{"x", tensor}}, context);
#ifndef PARTITA_TEST_LOWERING_INPROCESS_H
#define PARTITA_TEST_LOWERING_INPROCESS_H

#include "partita/interpreter/Run.h"
#include "partita/lowering/Lowering.h"
#include "partita/runtime/Program.h"

namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace partita::lowering::test {

/// An object file in memory, loaded.
class InProcessProgram {
public:
  /// An error where the object cannot be linked.
  static llvm::Expected<InProcessProgram> load(const runtime::Image &image, const std::string &object);
  InProcessProgram(InProcessProgram &&);
  ~InProcessProgram();

  /// One step of a program that is made for it, with so many threads a rank (0: as many as there are cores for it).
  /// An error is what the runtime says.
  llvm::Expected<interpreter::NamedTensors> run(const interpreter::NamedTensors &inputs, mlir::MLIRContext &context,
                                                int64_t threads = 0);

private:
  InProcessProgram();
  runtime::Image image;
  std::unique_ptr<llvm::orc::LLJIT> linker;
  const partita_function *functions = nullptr;
};

/// Lowers and loads a partitioned module, which is consumed.
llvm::Expected<InProcessProgram> compileInProcess(mlir::ModuleOp module, const EmitOptions &options);

} // namespace partita::lowering::test

#endif
