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

TEST(CpuTarget, DotInstructions) {
  auto context = test::makeContext();
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(context.get()));
  auto describe = [&](StringRef name) { return *describeCpu(*module, name); };
  // AVX-VNNI has vpdpbusd on vectors of 256 bits, without AVX-512.
  CpuTarget lake = describe("alderlake");
  EXPECT_TRUE(lake.hasVnni && !lake.hasAvx512 && !lake.hasBf16Dot);
  EXPECT_EQ(lake.vectorBits, 256u);
  CpuTarget cascade = describe("cascadelake"), cooper = describe("cooperlake");
  EXPECT_TRUE(cascade.hasVnni && !cascade.hasBf16Dot);
  EXPECT_TRUE(cooper.hasVnni && cooper.hasBf16Dot);
  for (StringRef name : {"x86-64", "x86-64-v3", "x86-64-v4", "skylake-avx512", "haswell"}) {
    CpuTarget target = describe(name);
    EXPECT_TRUE(!target.hasVnni && !target.hasBf16Dot && target.hasWordDot) << name.str();
  }
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
