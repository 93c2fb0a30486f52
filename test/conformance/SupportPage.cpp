// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "SupportPage.h"
#include "partita/import/Import.h"
#include "llvm/ADT/StringExtras.h"

using namespace partita;
using namespace partita::conformance;

namespace {

struct OperatorRow {
  std::set<int64_t> opsets;
  int64_t tests = 0, interpreted = 0, compiled = 0;
  /// "class: reason" to the tests that fail so.
  std::map<std::string, int64_t> reasons;
};

struct Totals {
  int64_t tests = 0, interpreted = 0, compiled = 0;
  std::map<std::string, int64_t> classes;
};

} // namespace

static int64_t getOpset(const onnx::Model &model) {
  for (const onnx::OperatorSet &set : model.opset_import())
    if (set.domain().empty() || set.domain() == "ai.onnx")
      return set.version();
  return 1;
}

static void addTest(OperatorRow &row, int64_t opset, const ExpectedFailure *failure) {
  ++row.tests;
  row.interpreted += !failure || failure->stage == Stage::compiled;
  row.compiled += !failure;
  if (!failure)
    row.opsets.insert(opset);
  else
    ++row.reasons[failure->reasonClass + ": " + failure->reason];
}

static std::string printRow(const std::string &name, const OperatorRow &row) {
  std::vector<std::string> opsets, reasons;
  for (int64_t opset : row.opsets)
    opsets.push_back(std::to_string(opset));
  for (const auto &[reason, count] : row.reasons)
    reasons.push_back(reason + (count > 1 ? " (" + std::to_string(count) + ")" : ""));
  return "| " + name + " | " + llvm::join(opsets, ", ") + " | " + std::to_string(row.tests) + " | " +
         std::to_string(row.interpreted) + " | " + std::to_string(row.compiled) + " | " + llvm::join(reasons, "; ") +
         " |\n";
}

static std::string printHeading(const Totals &totals) {
  std::string page =
      "# ONNX operators\n\nWritten by `build/test/ConformanceTests --write-page`; do not edit.\n\n"
      "The importer reads operator sets 7 to 24. What it does with the official backend tests (Debian's "
      "`libonnx-testdata`,\nONNX 1.12) is below: each test is imported, run in the interpreter, compiled "
      "for one device and run, and its results\nare compared with the stored ones by the tolerance of "
      "the official runner.\n\n";
  page += std::to_string(totals.tests) + " tests: " + std::to_string(totals.interpreted) +
          " pass in the interpreter, " + std::to_string(totals.compiled) +
          " pass in compiled code too. The others:\n\n";
  page += "| class | tests | meaning |\n|---|---|---|\n";
  for (const auto &[name, meaning] : kClasses)
    if (auto found = totals.classes.find(name.str()); found != totals.classes.end())
      page += "| " + name.str() + " | " + std::to_string(found->second) + " | " + meaning.str() + " |\n";
  page += "\nA test counts for every operator in its model. *Opsets*: of the models that pass.\n\n"
          "| operator | opsets | tests | interpreter | compiled | what fails |\n|---|---|---|---|---|---|\n";
  return page;
}

llvm::Expected<std::string> conformance::makeSupportPage(const std::vector<OfficialTest> &tests,
                                                         const FailureList &list) {
  std::map<std::string, OperatorRow> rows;
  Totals totals;
  std::set<std::string> names;
  for (const OfficialTest &test : tests) {
    llvm::Expected<onnx::Model> model = loadModelFile(test);
    if (!model)
      return model.takeError();
    names.insert(test.name);
    auto failure = list.find(test.name);
    const ExpectedFailure *expected = failure == list.end() ? nullptr : &failure->second;
    OperatorRow all;
    addTest(all, 0, expected);
    totals.tests += all.tests;
    totals.interpreted += all.interpreted;
    totals.compiled += all.compiled;
    if (expected)
      ++totals.classes[expected->reasonClass];
    for (const std::string &name : listOperators(*model))
      addTest(rows[name], getOpset(*model), expected);
  }
  for (const auto &[name, failure] : list)
    if (!names.count(name))
      return llvm::createStringError(llvm::inconvertibleErrorCode(), "the list names " + name + ", which is no test");
  std::string page = printHeading(totals);
  for (const auto &[name, row] : rows)
    page += printRow(name, row);
  std::vector<std::string> untested;
  for (const std::string &name : import::listImportedOperators())
    if (!rows.count(name))
      untested.push_back(name);
  return page + "\nImported, without an official test in this version: " + llvm::join(untested, ", ") + ".\n";
}
