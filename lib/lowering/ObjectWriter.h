// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM dialect and tables -> the bytes of an object file.
//
// Example: FailureOr<MachineCode> code = writeObject(module, image, {.cpu = "x86-64-v3"});
#ifndef PARTITA_LIB_LOWERING_OBJECTWRITER_H
#define PARTITA_LIB_LOWERING_OBJECTWRITER_H

#include "partita/lowering/Lowering.h"

namespace partita::lowering {

struct MachineCode {
  std::string object;   ///< An ELF object.
  std::string assembly; ///< Optimized LLVM IR, when temporaries are saved.
};

/// Diagnostics: E-CPU.
mlir::FailureOr<MachineCode> writeObject(mlir::ModuleOp module, const runtime::Image &image,
                                         const EmitOptions &options);

/// Links an object with the runtime into `options.output`. Diagnostics: E-NO-LINKER, E-NO-RUNTIME, E-LINK.
mlir::LogicalResult link(mlir::ModuleOp module, llvm::StringRef objectPath, const EmitOptions &options);

} // namespace partita::lowering

#endif
