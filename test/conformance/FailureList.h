// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The official tests that may fail, each with where and why: test/conformance/expected-failures.txt.
//
// One line a test, sorted: NAME STAGE CLASS REASON. Stages: import, interpreter, compiled. Example:
//   test_identity_opt import type optional values are not tensors
#ifndef PARTITA_TEST_CONFORMANCE_FAILURELIST_H
#define PARTITA_TEST_CONFORMANCE_FAILURELIST_H

#include "Execute.h"

namespace partita::conformance {

/// Why a test may fail. All but `not-yet` are outside of what Partita is for.
inline constexpr std::pair<llvm::StringLiteral, llvm::StringLiteral> kClasses[] = {
    {"type", "values outside tensors of numbers: sequence, optional, map, text"},
    {"data-size", "the size of a result depends on data"},
    {"training", "the preview training domain"},
    {"random", "the expected numbers come from another random generator; types and shapes are compared"},
    {"not-yet", "not supported yet"}};

struct ExpectedFailure {
  Stage stage = Stage::import;
  std::string reasonClass, reason;
};

using FailureList = std::map<std::string, ExpectedFailure>;

/// An error names the line that is not well-formed, unsorted or listed twice.
llvm::Expected<FailureList> readFailureList(llvm::StringRef path);
std::string printFailureList(const FailureList &list);

/// Empty where the verdict is what the list says; else what is wrong.
std::string judge(const std::string &test, const Verdict &verdict, const FailureList &list);

} // namespace partita::conformance

#endif
