// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The conformance runner.
//
//   ConformanceTests                        all tests against the list of those that may fail
//   ConformanceTests --shard 2/4            a quarter of them (ctest runs all four)
//   ConformanceTests --only 'test_reduce*' -v   some, each with its verdict
//   ConformanceTests --list-failing         the lines of the list for the tests that fail now
//   ConformanceTests --drop-passing         runs the listed tests, and removes those that pass from the list
//   ConformanceTests --write-page | --check-page   docs/onnx-support.md
//   ConformanceTests --unpack test_abs DIR  inputs as DIR/NAME.npy, and the flags of an executable on standard output
//   ConformanceTests --compare test_abs DIR the .npy files that an executable wrote against the stored outputs
#include "SupportPage.h"
#include "UnpackedTest.h"
#include "partita/Register.h"
#include "partita/support/File.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/GlobPattern.h"

using namespace partita;
using namespace partita::conformance;
namespace cl = llvm::cl;

static cl::opt<std::string> dataFolder("data", cl::desc("folder of the official tests"), cl::init(PARTITA_ONNX_DATA));
static cl::opt<std::string> listPath("list", cl::desc("the tests that may fail"), cl::init(PARTITA_FAILURE_LIST));
static cl::opt<std::string> pagePath("page", cl::desc("the support page"), cl::init(PARTITA_SUPPORT_PAGE));
static cl::list<std::string> only("only", cl::desc("tests whose names match one of these globs"));
static cl::opt<std::string> shard("shard", cl::desc("I/N: every N-th test, from the I-th on"), cl::init("0/1"));
static cl::opt<bool> isVerbose("v", cl::desc("print every verdict"));
static cl::opt<bool> listFailing("list-failing", cl::desc("print lines for the list"));
static cl::opt<bool> dropPassing("drop-passing", cl::desc("remove tests that pass from the list"));
static cl::opt<bool> writePage("write-page", cl::desc("write the support page"));
static cl::opt<bool> checkPage("check-page", cl::desc("fail unless the support page is up to date"));
static cl::opt<bool> isApart("apart", cl::desc("each test in a process of its own"), cl::init(true));
static cl::opt<std::string> unpacked("unpack", cl::desc("write a test's inputs as .npy"));
static cl::opt<std::string> compared("compare", cl::desc("compare .npy outputs of a test"));
static cl::opt<std::string> folder(cl::Positional, cl::desc("[folder]"));

/// Prints the error; the exit status of a failure.
static int fail(const llvm::Twine &message) {
  llvm::errs() << message << "\n";
  return 1;
}

static bool isChosen(const OfficialTest &test, const FailureList &list) {
  if (dropPassing && !list.count(test.name))
    return false;
  return only.empty() || llvm::any_of(only, [&](const std::string &glob) {
           llvm::Expected<llvm::GlobPattern> pattern = llvm::GlobPattern::create(glob);
           if (pattern)
             return pattern->match(test.name);
           llvm::consumeError(pattern.takeError());
           return false;
         });
}

/// The tests of this run; empty where --shard is not I/N.
static std::vector<OfficialTest> chooseTests(const std::vector<OfficialTest> &tests, const FailureList &list) {
  size_t first, step;
  auto [left, right] = llvm::StringRef(shard).split('/');
  if (left.getAsInteger(10, first) || right.getAsInteger(10, step) || step == 0 || first >= step)
    return {};
  std::vector<OfficialTest> chosen;
  size_t place = 0;
  for (const OfficialTest &test : tests)
    if (isChosen(test, list) && place++ % step == first)
      chosen.push_back(test);
  return chosen;
}

static void printLine(const std::string &name, const Verdict &verdict, const FailureList &list) {
  auto known = list.find(name);
  ExpectedFailure failure{verdict.stage, "not-yet", verdict.message};
  // What is not supported yet may be stopped by something else by now.
  if (known != list.end() && known->second.reasonClass != "not-yet")
    failure = {verdict.stage, known->second.reasonClass, known->second.reason};
  std::string text = printFailureList({{name, failure}});
  llvm::outs() << text.substr(text.rfind('\n', text.size() - 2) + 1);
}

static int runTests(const std::vector<OfficialTest> &tests, FailureList list) {
  mlir::DialectRegistry registry;
  registerAll(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  context.printOpOnDiagnostic(false);
  size_t passed = 0, wrong = 0;
  FailureList kept = list;
  for (const OfficialTest &test : tests) {
    Verdict verdict = isApart ? executeApart(test, context) : execute(test, context);
    passed += verdict.stage == Stage::none;
    if (isVerbose)
      llvm::outs() << test.name << ": "
                   << (verdict.stage == Stage::none ? "passes" : getStageName(verdict.stage) + ": " + verdict.message)
                   << "\n";
    if (listFailing && verdict.stage != Stage::none)
      printLine(test.name, verdict, list);
    if (verdict.stage == Stage::none)
      kept.erase(test.name);
    std::string problem = judge(test.name, verdict, list);
    if (problem.empty() || listFailing || dropPassing)
      continue;
    ++wrong;
    llvm::errs() << problem << "\n";
  }
  llvm::outs() << (listFailing ? "# " : "") << passed << " of " << tests.size() << " pass, " << wrong
               << " not as listed\n";
  if (dropPassing)
    if (llvm::Error error = writeFileAtomically(listPath, printFailureList(kept)))
      return fail(llvm::toString(std::move(error)));
  return wrong ? 1 : 0;
}

static int handlePage(const std::vector<OfficialTest> &tests, const FailureList &list) {
  llvm::Expected<std::string> page = makeSupportPage(tests, list);
  if (!page)
    return fail(llvm::toString(page.takeError()));
  if (writePage) {
    llvm::Error error = writeFileAtomically(pagePath, *page);
    return error ? fail(llvm::toString(std::move(error))) : 0;
  }
  llvm::Expected<std::string> written = readFileText(pagePath);
  if (!written)
    return fail(llvm::toString(written.takeError()));
  return *written == *page ? 0 : fail(pagePath + " is not up to date: build/test/ConformanceTests --write-page");
}

int main(int argc, char **argv) {
  cl::ParseCommandLineOptions(argc, argv, "runs the official ONNX backend tests\n");
  std::vector<OfficialTest> tests = findOfficialTests(dataFolder);
  if (tests.empty())
    return fail("no tests in " + dataFolder + ": install libonnx-testdata");
  llvm::Expected<FailureList> list = readFailureList(listPath);
  if (!list)
    return fail(llvm::toString(list.takeError()));
  if (writePage || checkPage)
    return handlePage(tests, *list);
  std::string single = unpacked + compared;
  if (!single.empty()) {
    auto test = llvm::find_if(tests, [&](const OfficialTest &candidate) { return candidate.name == single; });
    if (test == tests.end())
      return fail("no test " + single);
    llvm::Error error = compared.empty() ? unpackTest(*test, folder) : compareOutputs(*test, folder);
    return error ? fail(single + ": " + llvm::toString(std::move(error))) : 0;
  }
  std::vector<OfficialTest> chosen = chooseTests(tests, *list);
  return chosen.empty() ? fail("no such test, or --shard is not I/N") : runTests(chosen, *list);
}
