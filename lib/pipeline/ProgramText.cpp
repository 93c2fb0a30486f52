// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ProgramText.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "partita/support/Error.h"
#include "llvm/Support/CrashRecoveryContext.h"

#include <memory>

namespace partita {

/// The first position behind a string or comment that begins at `position`; `position` itself where none does.
static size_t skipOpaque(llvm::StringRef text, size_t position) {
  if (text.substr(position).starts_with("//"))
    return std::min(text.find('\n', position), text.size());
  if (text[position] != '"')
    return position;
  for (++position; position < text.size() && text[position] != '"'; ++position)
    position += text[position] == '\\';
  return std::min(position + 1, text.size());
}

llvm::Error checkProgramText(llvm::StringRef text, llvm::StringRef fileName) {
  if (text.starts_with("ML\xefR"))
    return makeError("E-BAD-FILE", "'" + fileName + "' is MLIR bytecode; programs are read as text");
  int depth = 0, signs = 0;
  for (size_t position = 0; position < text.size(); ++position) {
    size_t behind = skipOpaque(text, position);
    if (behind > position) {
      position = behind - 1;
      continue;
    }
    char c = text[position];
    llvm::StringRef two = text.substr(position, 2);
    // Arrows and comparisons have no partner.
    bool isOperator = two == "->" || two == ">=" || two == "<=";
    position += isOperator;
    signs = c == '-' && !isOperator ? signs + 1 : llvm::isSpace(c) ? signs : 0;
    if (!isOperator && llvm::StringRef("([{<").contains(c))
      ++depth;
    if (!isOperator && llvm::StringRef(")]}>").contains(c))
      depth = std::max(depth - 1, 0);
    if (depth > kDeepestNesting || signs > kDeepestNesting)
      return makeError("E-BAD-FILE", "'" + fileName + "': brackets or signs are nested deeper than " +
                                         llvm::Twine(kDeepestNesting) + ", at line " +
                                         llvm::Twine(text.take_front(position).count('\n') + 1));
  }
  return llvm::Error::success();
}

llvm::Error checkParserSurvives(llvm::StringRef text, llvm::StringRef fileName, const mlir::DialectRegistry &registry) {
  auto context = std::make_unique<mlir::MLIRContext>(registry, mlir::MLIRContext::Threading::DISABLED);
  context->getDiagEngine().registerHandler([](mlir::Diagnostic &) { return mlir::success(); });
  llvm::CrashRecoveryContext::Enable();
  llvm::CrashRecoveryContext recovery;
  bool survived = recovery.RunSafely([&] {
    mlir::ParserConfig config(context.get());
    mlir::OwningOpRef<mlir::ModuleOp> parsed = mlir::parseSourceString<mlir::ModuleOp>(text, config);
  });
  llvm::CrashRecoveryContext::Disable();
  if (survived)
    return llvm::Error::success();
  // Nobody knows in what state the parser has left it: it stays as it is.
  (void)context.release();
  return makeError("E-BAD-FILE",
                   "'" + fileName + "' is not a program, and MLIR's parser fails at it without saying why");
}

} // namespace partita
