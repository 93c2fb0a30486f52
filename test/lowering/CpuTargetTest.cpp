// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/lowering/CpuTarget.h"
#include "JitProgram.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita::lowering;

namespace {

TEST(CpuTarget, LevelsOfX86) {
  auto context = test::makeContext();
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(context.get()));
  FailureOr<CpuTarget> baseline = describeCpu(*module, "x86-64"), v3 = describeCpu(*module, "x86-64-v3"),
                       v4 = describeCpu(*module, "x86-64-v4"), zen = describeCpu(*module, "znver4");
  ASSERT_TRUE(succeeded(baseline) && succeeded(v3) && succeeded(v4) && succeeded(zen));
  EXPECT_EQ(baseline->vectorBits, 128u);
  EXPECT_FALSE(baseline->hasFma);
  EXPECT_EQ(v3->vectorBits, 256u);
  EXPECT_EQ(v3->vectorRegisters, 16u);
  EXPECT_TRUE(v3->hasFma && !v3->hasAvx512);
  EXPECT_EQ(v4->countLanes(32), 16);
  EXPECT_TRUE(v4->hasAvx512 && !v4->hasBf16Dot && !v4->hasVnni);
  EXPECT_TRUE(zen->hasBf16Dot && zen->hasVnni);
}

TEST(CpuTarget, UnknownNameIsRefused) {
  auto context = test::makeContext();
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(context.get()));
  std::string message;
  ScopedDiagnosticHandler handler(context.get(), [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  EXPECT_TRUE(failed(describeCpu(*module, "z80")));
  EXPECT_NE(message.find("E-CPU: 'z80' is no processor"), std::string::npos) << message;
}

} // namespace
