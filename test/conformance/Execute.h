// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One official test through the whole of Partita: imported, run in the interpreter, compiled for one device, run.
//
// Example: Verdict verdict = execute(test, context);
//          verdict.stage == Stage::import, verdict.message == "E-IMPORT-OP: ... operator 'Loop' is not supported"
#ifndef PARTITA_TEST_CONFORMANCE_EXECUTE_H
#define PARTITA_TEST_CONFORMANCE_EXECUTE_H

#include "OfficialTest.h"

namespace partita::conformance {

/// Where a test fails.
enum class Stage { none, import, interpreter, compiled };
llvm::StringRef getStageName(Stage stage);

struct Verdict {
  Stage stage = Stage::none;
  std::string message;
};

/// Imports as a user would: dims that the model leaves open are those of the data, and inputs that E-NEEDS-VALUE asks
/// for are fixed.
Verdict execute(const OfficialTest &test, mlir::MLIRContext &context);

/// As execute, in a process of its own: a crash or a run of more than a minute is a verdict too.
Verdict executeApart(const OfficialTest &test, mlir::MLIRContext &context);

/// Empty where `actual` is near enough to `expected`, by the rule of the official runner: the same type and shape,
/// integers equal, |difference| <= 1e-7 + 1e-3 |expected| for floats, NaN where NaN is expected.
/// Source: onnx/backend/test/runner/__init__.py, assert_similar_outputs; case/test_case.py, rtol and atol.
std::string compare(const interpreter::Tensor &actual, const interpreter::Tensor &expected);

} // namespace partita::conformance

#endif
