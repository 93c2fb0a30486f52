// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- JsonDocument.cpp - A parsed text and its mistakes --------------------------===//
#include "JsonState.h"

#include "partita/support/Error.h"
#include "partita/support/File.h"

using namespace partita;

namespace {
constexpr size_t mostReported = 10;
} // namespace

void JsonState::addMistake(llvm::StringRef path, const llvm::Twine &message) {
  if (++mistakeCount > mostReported)
    return;
  std::string place = path.empty() ? "the top level" : path.str();
  mistakes.push_back(fileName + ": at " + place + ": " + message.str());
}

JsonVisit &JsonState::visit(const JsonValue *object, llvm::StringRef path) {
  auto [position, isNew] = visits.try_emplace(object);
  if (isNew) {
    position->second.path = path.str();
    visitOrder.push_back(object);
  }
  return position->second;
}

JsonDocument::JsonDocument(std::unique_ptr<JsonState> state) : state(std::move(state)) {}
JsonDocument::JsonDocument(JsonDocument &&) = default;
JsonDocument &JsonDocument::operator=(JsonDocument &&) = default;
JsonDocument::~JsonDocument() = default;

llvm::Expected<JsonDocument> JsonDocument::parse(llvm::StringRef text, llvm::StringRef fileName, JsonLimits limits) {
  auto state = std::make_unique<JsonState>();
  state->fileName = fileName.str();
  if (llvm::Error error = parseJsonText(text, fileName, limits, state->root))
    return std::move(error);
  return JsonDocument(std::move(state));
}

llvm::Expected<JsonDocument> JsonDocument::readFile(llvm::StringRef path, JsonLimits limits) {
  llvm::Expected<std::string> text = readFileText(path, limits.textBytes);
  if (!text)
    return text.takeError();
  return parse(*text, path, limits);
}

JsonReader JsonDocument::root() const { return JsonReader(state.get(), &state->root, ""); }
const JsonValue &JsonDocument::value() const { return state->root; }
llvm::StringRef JsonDocument::fileName() const { return state->fileName; }
bool JsonDocument::failed() const { return state->mistakeCount > 0; }

llvm::Error JsonDocument::finish() const {
  bool failedBefore = failed();
  for (const JsonValue *object : state->visitOrder) {
    const JsonVisit &visit = state->visits[object];
    // A reader that stopped at an earlier mistake did not ask for everything it knows; a field that is
    // missing, though, is often one that is misspelled.
    if (visit.allowsUnknown || (failedBefore && !visit.missesField))
      continue;
    std::vector<std::string> known(visit.asked.begin(), visit.asked.end());
    for (const JsonMember &member : object->members()) {
      if (visit.asked.count(member.name))
        continue;
      std::vector<std::string> near = findNearestNames(member.name, known, 1);
      state->addMistake(visit.path, "unknown field " + quoteForMessage(member.name) +
                                        (near.empty() ? "" : "; did you mean " + quoteForMessage(near[0]) + "?"));
    }
  }
  if (!failed())
    return llvm::Error::success();
  PartitaError error{"E-BAD-FILE", state->mistakes.front(), {}};
  error.notes.assign(state->mistakes.begin() + 1, state->mistakes.end());
  if (state->mistakeCount > state->mistakes.size())
    error.notes.push_back(std::to_string(state->mistakeCount - state->mistakes.size()) + " more mistakes");
  return makeError(std::move(error));
}
