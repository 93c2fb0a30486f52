// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- JsonState.h - What a JSON document remembers while it is read ------------===//
//
// Private to lib/support. `parseJsonText` fills `root`; readers fill the rest.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_SUPPORT_JSONSTATE_H
#define PARTITA_LIB_SUPPORT_JSONSTATE_H

#include "partita/support/Json.h"

#include <map>
#include <set>

namespace partita {

/// An object that a reader has looked into.
struct JsonVisit {
  std::string path;
  std::set<std::string, std::less<>> asked;
  bool allowsUnknown = false;
  bool missesField = false;
};

struct JsonState {
  std::string fileName;
  JsonValue root;
  std::vector<std::string> mistakes;
  size_t mistakeCount = 0;
  std::map<const JsonValue *, JsonVisit> visits;
  /// Objects in the order in which they were first looked into, so that messages do not depend on addresses.
  std::vector<const JsonValue *> visitOrder;

  void addMistake(llvm::StringRef path, const llvm::Twine &message);
  JsonVisit &visit(const JsonValue *object, llvm::StringRef path);
};

/// Parses `text` within `limits` into `root`, or says what is wrong with it, with line and column.
llvm::Error parseJsonText(llvm::StringRef text, llvm::StringRef fileName, const JsonLimits &limits, JsonValue &root);

/// A string as messages quote it: in quotation marks, escaped, long ones shortened.
std::string quoteForMessage(llvm::StringRef text);

} // namespace partita

#endif // PARTITA_LIB_SUPPORT_JSONSTATE_H
