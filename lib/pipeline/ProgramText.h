// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a program's text must be before MLIR's parser may see it. That parser calls itself for everything in brackets
// and for every sign of an affine expression, so a small file could exhaust the stack; and its reader of bytecode
// trusts the file. Parsers of other dialects' ops have mistakes of their own: some texts that are not programs make
// them read through null pointers, so that each text is parsed in a context of its own first.
//
// Example: checkProgramText("module {...}", "m.mlir") is success; 1,000 opening brackets are E-BAD-FILE.
#ifndef PARTITA_LIB_PIPELINE_PROGRAMTEXT_H
#define PARTITA_LIB_PIPELINE_PROGRAMTEXT_H

#include "mlir/IR/DialectRegistry.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace partita {

/// Brackets may be this deep in each other; what the passes write stays below 30.
inline constexpr int kDeepestNesting = 256;

llvm::Error checkProgramText(llvm::StringRef text, llvm::StringRef fileName);

/// Parses the text and forgets what it parsed: E-BAD-FILE where the parser crashes. Whether the text is a program is
/// not said here.
llvm::Error checkParserSurvives(llvm::StringRef text, llvm::StringRef fileName, const mlir::DialectRegistry &registry);

} // namespace partita

#endif
