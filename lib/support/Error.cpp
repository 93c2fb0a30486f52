// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Error.cpp - A user's mistake, as a value --------------------------------===//
#include "partita/support/Error.h"

#include "llvm/Support/raw_ostream.h"

#include <algorithm>

using namespace partita;

char PartitaErrorInfo::ID = 0;

std::string PartitaError::str() const {
  if (code.empty())
    return message;
  return code + ": " + message;
}

std::string PartitaError::strWithNotes() const {
  std::string text = str();
  for (const std::string &note : notes)
    text += "\nnote: " + note;
  return text;
}

void PartitaErrorInfo::log(llvm::raw_ostream &os) const { os << error.strWithNotes(); }

std::error_code PartitaErrorInfo::convertToErrorCode() const { return llvm::inconvertibleErrorCode(); }

llvm::Error partita::makeError(PartitaError error) { return llvm::make_error<PartitaErrorInfo>(std::move(error)); }

llvm::Error partita::makeError(llvm::StringRef code, const llvm::Twine &message) {
  return makeError(PartitaError{code.str(), message.str(), {}});
}

llvm::Error partita::makeError(llvm::StringRef code, const llvm::Twine &message, std::vector<std::string> notes) {
  return makeError(PartitaError{code.str(), message.str(), std::move(notes)});
}

llvm::Error partita::addNote(llvm::Error error, const llvm::Twine &note) {
  if (!error)
    return error;
  PartitaError parts = takeError(std::move(error));
  parts.notes.push_back(note.str());
  return makeError(std::move(parts));
}

PartitaError partita::takeError(llvm::Error error, llvm::StringRef fallbackCode) {
  PartitaError result;
  bool isFirst = true;
  llvm::handleAllErrors(std::move(error), [&](const llvm::ErrorInfoBase &info) {
    PartitaError next = info.isA<PartitaErrorInfo>() ? static_cast<const PartitaErrorInfo &>(info).get()
                                                     : PartitaError{fallbackCode.str(), info.message(), {}};
    if (isFirst) {
      result = std::move(next);
    } else {
      result.notes.push_back(next.str());
      result.notes.insert(result.notes.end(), next.notes.begin(), next.notes.end());
    }
    isFirst = false;
  });
  return result;
}

std::vector<std::string> partita::findNearestNames(llvm::StringRef wanted, const std::vector<std::string> &candidates,
                                                   size_t limit) {
  // A third of the letters may differ: more would suggest names that have nothing to do with the wanted one.
  unsigned allowed = std::max<unsigned>(1, (wanted.size() + 2) / 3);
  std::string lower = wanted.lower();
  std::vector<std::pair<unsigned, size_t>> near; // distance, position in candidates
  for (size_t i = 0; i < candidates.size(); ++i) {
    unsigned distance = llvm::StringRef(lower).edit_distance(llvm::StringRef(candidates[i]).lower(), true, allowed);
    if (distance <= allowed)
      near.emplace_back(distance, i);
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string> names;
  for (size_t i = 0; i < near.size() && i < limit; ++i)
    names.push_back(candidates[near[i].second]);
  return names;
}
