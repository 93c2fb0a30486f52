// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Per-device programs -> an image (tables and memory) and machine code.
//
// Example: for a module that partitionModule() left, on the host's own CPU:
//   runtime::Image image;
//   if (succeeded(lowerToLLVM(*module, image))) emit(*module, image, {.output = "m"});   // ./m --random-inputs
// The exact memory alone: FailureOr<runtime::Image> image = assignBuffers(*module);
#ifndef PARTITA_LOWERING_LOWERING_H
#define PARTITA_LOWERING_LOWERING_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include "partita/lowering/CpuTarget.h"
#include "partita/runtime/Image.h"
#include <map>
#include <string>

namespace partita::lowering {

/// Interfaces of ops that the passes need (how communication, tensors and arithmetic bufferize and become LLVM).
void registerBufferizableModels(mlir::DialectRegistry &registry);
void registerLoweringModels(mlir::DialectRegistry &registry);

/// Segments become kernels on buffers, with scratch offsets: everything that decides memory.
void buildBufferPipeline(mlir::OpPassManager &passes, llvm::StringRef cpu, const BlockSizes &blocks = {});
/// Kernels on buffers become functions of the LLVM dialect; all else is removed from the module.
void buildLLVMPipeline(mlir::OpPassManager &passes, llvm::StringRef cpu);

/// Bytes of one stage's arena, at the moment of its peak by class.
struct ArenaUse {
  uint64_t weights = 0;
  uint64_t inputs = 0; ///< Inputs, outputs and what crosses stages.
  uint64_t activations = 0;
  uint64_t scratch = 0;
  uint64_t peakLive = 0; ///< The largest sum of live bytes: no arena is smaller.
  uint64_t arena = 0;    ///< What is reserved.
};

/// The program's tables: stages, buffers with their offsets, calls, events, collectives, weights. `module` is a
/// partitioned program and is not changed. No machine code is made. `use` gets one entry per stage, if wanted.
mlir::FailureOr<runtime::Image> assignBuffers(mlir::ModuleOp module, std::map<std::string, ArenaUse> *use = nullptr);

/// Turns a partitioned program into LLVM dialect and fills `image`. The code is written for `cpu` (EmitOptions::cpu);
/// the image is the same for all. Diagnostics: E-CPU.
mlir::LogicalResult lowerToLLVM(mlir::ModuleOp module, runtime::Image &image, llvm::StringRef cpu = "native",
                                const BlockSizes &blocks = {});

/// What is written for which processor.
struct EmitOptions {
  std::string output;             ///< Path of the result.
  bool sharedLibrary = false;     ///< A shared library with the C interface of partita/runtime/Partita.h.
  std::string cpu = "native";     ///< "native", or a name that LLVM knows: "znver4", "x86-64-v3".
  unsigned optimizationLevel = 2; ///< 0 to 3.
  std::string runtimeFolder;      ///< Folder of libpartita-runtime.a; empty: beside this program, in ../lib.
  std::string saveTemporaries;    ///< Folder that also gets the object and the LLVM IR; empty: none.
};

/// Machine code and tables, as one object file's bytes. Diagnostics: E-CPU.
mlir::FailureOr<std::string> emitObject(mlir::ModuleOp module, const runtime::Image &image, const EmitOptions &options);

/// Writes an executable or library. Diagnostics: E-CPU, E-NO-LINKER, E-NO-RUNTIME, E-LINK, E-BAD-FILE.
mlir::LogicalResult emit(mlir::ModuleOp module, const runtime::Image &image, const EmitOptions &options);

} // namespace partita::lowering

#endif
