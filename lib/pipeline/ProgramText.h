// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a program's text must be before MLIR's parser may see it. That parser calls itself for everything in brackets
// and for every sign of an affine expression, so a small file could exhaust the stack; and its reader of bytecode
// trusts the file.
//
// Example: checkProgramText("module {...}", "m.mlir") is success; 1,000 opening brackets are E-BAD-FILE.
#ifndef PARTITA_LIB_PIPELINE_PROGRAMTEXT_H
#define PARTITA_LIB_PIPELINE_PROGRAMTEXT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace partita {

/// Brackets may be this deep in each other; what the passes write stays below 30.
inline constexpr int kDeepestNesting = 256;

llvm::Error checkProgramText(llvm::StringRef text, llvm::StringRef fileName);

} // namespace partita

#endif
