// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Error.h - A user's mistake, as a value ----------------------------------===//
//
// Code without an MLIR location reports a user's mistake as an llvm::Error that carries a stable code
// (`E-BAD-FILE`), one sentence, and notes. Whoever has the user's attention (a tool, a diagnostic handler,
// the JSON report) takes it apart again. Example:
//
//   llvm::Expected<Machine> machine = Machine::parse("h101:2x8");
//   if (!machine) {
//     PartitaError error = takeError(machine.takeError());   // {"E-MACHINE-NAME", "no machine ...", {...}}
//     emitError(loc) << error.str();                          // "E-MACHINE-NAME: no machine ..."
//   }
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_SUPPORT_ERROR_H
#define PARTITA_SUPPORT_ERROR_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace partita {

/// One mistake: a stable code, a sentence that states the fact with what was expected and what was found,
/// and notes that say where the cause is or what to do.
struct PartitaError {
  std::string code;
  std::string message;
  std::vector<std::string> notes;

  /// "CODE: message", without the notes; the form every diagnostic starts with.
  std::string str() const;
  /// `str()` and one line "note: ..." for every note.
  std::string strWithNotes() const;

  bool operator==(const PartitaError &) const = default;
};

/// The llvm::ErrorInfo that carries a PartitaError through llvm::Error and llvm::Expected.
class PartitaErrorInfo : public llvm::ErrorInfo<PartitaErrorInfo> {
public:
  static char ID;

  explicit PartitaErrorInfo(PartitaError error) : error(std::move(error)) {}
  void log(llvm::raw_ostream &os) const override;
  std::error_code convertToErrorCode() const override;
  const PartitaError &get() const { return error; }

private:
  PartitaError error;
};

/// An llvm::Error with this code (such as "E-BAD-FILE") and message (no code, no newline at the end).
llvm::Error makeError(llvm::StringRef code, const llvm::Twine &message);
llvm::Error makeError(llvm::StringRef code, const llvm::Twine &message, std::vector<std::string> notes);
llvm::Error makeError(PartitaError error);

/// `error` with one more note at the end. A success stays a success; an error that is not a PartitaError
/// becomes one with code `E-INTERNAL`.
llvm::Error addNote(llvm::Error error, const llvm::Twine &note);

/// Takes an error apart, for a diagnostic or for JSON. Consumes it. An error that is not a PartitaError (one
/// of LLVM's own) gets the code `fallbackCode`; of a joined list the first one counts and the rest become
/// notes. A success gives an empty code and message.
PartitaError takeError(llvm::Error error, llvm::StringRef fallbackCode = "E-INTERNAL");

/// Names in `candidates` that `wanted` is probably a misspelling of, nearest first, at most `limit`.
/// Equal distances keep the order of `candidates`.
std::vector<std::string> findNearestNames(llvm::StringRef wanted, const std::vector<std::string> &candidates,
                                          size_t limit = 3);

} // namespace partita

#endif // PARTITA_SUPPORT_ERROR_H
