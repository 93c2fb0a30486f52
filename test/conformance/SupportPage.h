// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// docs/onnx-support.md: what each operator can, from the official tests and the list of those that may fail (which the
// runner keeps exact).
//
// Example: a row "| Abs | 13 | 1 | 1 | 1 | |": one test, of operator set 13, which passes everywhere.
#ifndef PARTITA_TEST_CONFORMANCE_SUPPORTPAGE_H
#define PARTITA_TEST_CONFORMANCE_SUPPORTPAGE_H

#include "FailureList.h"

namespace partita::conformance {

/// The page as Markdown. An error where a model cannot be read or the list names a test that does not exist.
llvm::Expected<std::string> makeSupportPage(const std::vector<OfficialTest> &tests, const FailureList &list);

} // namespace partita::conformance

#endif
