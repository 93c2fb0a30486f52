// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "FailureList.h"
#include "partita/support/File.h"

using namespace partita;
using namespace partita::conformance;

static constexpr llvm::StringLiteral kHeading = "# The official tests that may fail: NAME STAGE CLASS REASON, sorted "
                                                "by name. Stages: import, interpreter, compiled.\n"
                                                "# Classes: type, data-size, training, random, not-yet "
                                                "(FailureList.h). A test that passes, or fails elsewhere, must\n"
                                                "# not stand here so. After a merge: build/test/ConformanceTests "
                                                "--drop-passing removes the lines of tests that pass.\n";

static std::optional<Stage> parseStage(llvm::StringRef name) {
  for (Stage stage : {Stage::import, Stage::interpreter, Stage::compiled})
    if (name == getStageName(stage))
      return stage;
  return std::nullopt;
}

llvm::Expected<FailureList> conformance::readFailureList(llvm::StringRef path) {
  llvm::Expected<std::string> text = readFileText(path);
  if (!text)
    return text.takeError();
  FailureList list;
  std::string last;
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(*text).split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef line : lines) {
    if (line.starts_with("#"))
      continue;
    auto [name, rest] = line.split(' ');
    auto [stageName, classAndReason] = rest.split(' ');
    auto [reasonClass, reason] = classAndReason.split(' ');
    std::optional<Stage> stage = parseStage(stageName);
    bool isClass = llvm::any_of(kClasses, [&](const auto &entry) { return entry.first == reasonClass; });
    if (!stage || !isClass || reason.empty() || name.str() <= last)
      return llvm::createStringError(llvm::inconvertibleErrorCode(), path + ": not a line in order: " + line);
    last = name.str();
    list[last] = {*stage, reasonClass.str(), reason.str()};
  }
  return list;
}

std::string conformance::printFailureList(const FailureList &list) {
  std::string text = kHeading.str();
  for (const auto &[name, failure] : list)
    text += name + " " + getStageName(failure.stage).str() + " " + failure.reasonClass + " " + failure.reason + "\n";
  return text;
}

std::string conformance::judge(const std::string &test, const Verdict &verdict, const FailureList &list) {
  auto expected = list.find(test);
  // A crash is a bug wherever it happens.
  if (llvm::StringRef(verdict.message).starts_with("crash"))
    return test + ": " + verdict.message;
  if (verdict.stage == Stage::none)
    return expected == list.end() ? "" : test + ": passes, but is listed as failing; remove its line";
  std::string found = test + ": fails (" + getStageName(verdict.stage).str() + "): " + verdict.message;
  if (expected == list.end())
    return found;
  // Other numbers, but no other types or shapes.
  bool areNumbers = llvm::StringRef(verdict.message).contains("] is ");
  if (expected->second.reasonClass == "random" && !areNumbers)
    return found + "; listed as drawing other numbers";
  return expected->second.stage == verdict.stage
             ? ""
             : found + "; listed as failing in stage " + getStageName(expected->second.stage).str();
}
