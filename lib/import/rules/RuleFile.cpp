// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- RuleFile.cpp - Rules of custom ops from JSON ----------------------------===//
#include "partita/import/Rules.h"
#include "partita/support/Json.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace partita;
using namespace partita::import;

const LoopRule *OpRule::findLoop(llvm::StringRef label) const {
  for (const LoopRule &loop : loops)
    if (loop.label == label)
      return &loop;
  return nullptr;
}

namespace {

constexpr llvm::StringRef loopKinds[] = {"parallel", "sum", "max", "min", "and", "or", "whole"};
constexpr llvm::StringRef workUnits[] = {"vector", "matrix", "attention", "movement"};

class RuleReader {
public:
  RuleReader(JsonReader place, llvm::StringRef folder) : place(place), folder(folder) {}

  OpRule read() {
    rule.domain = place.optionalField("domain").asStringOr("");
    if (rule.domain == "ai.onnx")
      rule.domain.clear();
    rule.op = place.field("op").asString();
    if (rule.op.empty())
      place.field("op").failExpected("the name of an operator");
    if (JsonReader loops = place.optionalField("loops"); loops.exists())
      for (auto &[label, loop] : loops.members())
        readLoop(label, loop);
    if (JsonReader inputs = place.optionalField("inputs"); inputs.exists())
      for (JsonReader input : inputs.elements(0, 64))
        rule.inputs.push_back(readInput(input));
    for (JsonReader output : place.field("outputs").elements(1, 64))
      rule.outputs.push_back(readDims(output));
    readLinear();
    if (JsonReader operations = place.optionalField("operations"); operations.exists())
      rule.operations = readFormula(operations);
    JsonReader unit = place.optionalField("unit");
    rule.unit = workUnits[unit.exists() ? unit.asChoice(workUnits) : 0].str();
    if (JsonReader elements = place.optionalField("elements"); elements.exists())
      for (int64_t input : elements.asIntegers(0, 63))
        rule.elements.push_back(static_cast<unsigned>(input));
    readBody();
    checkNames();
    return rule;
  }

private:
  static bool isName(llvm::StringRef label) {
    return !label.empty() && !llvm::isDigit(label.front()) &&
           llvm::all_of(label, [](char c) { return llvm::isAlnum(c) || c == '_'; });
  }

  void readLoop(const std::string &label, JsonReader loop) {
    if (!isName(label) || rule.loops.size() >= 64)
      return loop.fail("'" + label + "' is no name of a loop (letters, digits, _), or the 65th of them");
    LoopRule entry{label, "", "", std::nullopt};
    bool isShort = loop.isString();
    entry.kind = loopKinds[(isShort ? loop : loop.field("kind")).asChoice(loopKinds)].str();
    if (!isShort) {
      entry.reason = loop.optionalField("reason").asStringOr("");
      if (JsonReader extent = loop.optionalField("extent"); extent.exists())
        entry.extent = readFormula(extent);
    }
    rule.loops.push_back(entry);
  }

  Formula readFormula(JsonReader text) {
    std::string problem;
    std::optional<Formula> formula =
        parseFormula(text.isNumber() ? std::to_string(text.asInteger(0)) : text.asString(/*mostBytes=*/1000), problem);
    if (!formula)
      text.fail(problem);
    return formula.value_or(Formula());
  }

  InputRule readInput(JsonReader input) {
    if (input.isString() || input.isNull()) {
      if (input.isString() && input.asString() != "constant")
        input.failExpected("a list of dims, null or \"constant\"");
      return {std::nullopt, input.isString()};
    }
    return {readDims(input), false};
  }

  std::vector<DimRule> readDims(JsonReader list) {
    std::vector<DimRule> dims;
    for (JsonReader dim : list.elements(0, 32)) {
      dims.emplace_back();
      if (dim.isNull())
        continue;
      for (JsonReader name : dim.isArray() ? dim.elements(1, 8) : std::vector<JsonReader>{dim}) {
        std::string label = name.asString();
        const LoopRule *loop = rule.findLoop(label);
        if (!loop)
          name.fail("there is no loop '" + label + "'");
        else if (!dims.back().empty() && loop->kind != "whole")
          name.fail("loop '" + label + "' lies inside of loop '" + dims.back().front() +
                    "' and cannot be cut; make it whole");
        dims.back().push_back(label);
      }
    }
    return dims;
  }

  void readLinear() {
    JsonReader sets = place.optionalField("linear");
    for (JsonReader set : sets.exists() ? sets.elements(0, 64) : std::vector<JsonReader>()) {
      rule.linear.emplace_back();
      int64_t most = static_cast<int64_t>(rule.inputs.size()) - 1;
      for (int64_t input : set.asIntegers(0, std::max(most, int64_t(0)))) {
        if (input <= most && rule.inputs[input].isConstant)
          set.fail("input " + llvm::Twine(input) + " is a constant");
        rule.linear.back().push_back(static_cast<unsigned>(input));
      }
      if (rule.linear.back().empty())
        set.failExpected("at least one input");
    }
  }

  /// Formulas may name loops that come later.
  void checkNames() {
    std::vector<const Formula *> formulas{&rule.operations};
    for (const LoopRule &loop : rule.loops)
      if (loop.extent)
        formulas.push_back(&*loop.extent);
    for (const Formula *formula : formulas)
      for (const auto &[names, number] : *formula)
        for (const std::string &name : names)
          if (name.front() != '@' && !rule.findLoop(name))
            place.fail("a formula names '" + name + "', which is no loop of the rule");
  }

  /// Relative to the folder of the rule file.
  void readBody() {
    JsonReader body = place.optionalField("body");
    if (!body.exists())
      return;
    llvm::SmallString<128> path(body.asString());
    if (llvm::sys::path::is_relative(path)) {
      path = folder;
      llvm::sys::path::append(path, body.asString());
    }
    rule.body = path.str().str();
  }

  JsonReader place;
  llvm::StringRef folder;
  OpRule rule;
};

} // namespace

llvm::Expected<std::vector<OpRule>> partita::import::readRules(llvm::StringRef path) {
  llvm::Expected<JsonDocument> document = JsonDocument::readFile(path);
  if (!document)
    return document.takeError();
  JsonReader root = document->root();
  root.checkSchema("partita.rules", 1);
  std::vector<OpRule> rules;
  std::set<std::string> names;
  for (JsonReader place : root.field("rules").elements()) {
    rules.push_back(RuleReader(place, llvm::sys::path::parent_path(path)).read());
    if (!names.insert(rules.back().getName()).second)
      place.fail("there is a rule for '" + rules.back().getName() + "' already");
  }
  if (llvm::Error error = document->finish())
    return error;
  return rules;
}
