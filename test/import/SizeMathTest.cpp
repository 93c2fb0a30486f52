// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- SizeMathTest.cpp - Checked arithmetic on extents ------------------------===//
#include "SizeMath.h"

#include "gtest/gtest.h"

#include "mlir/IR/MLIRContext.h"

using namespace partita;
using namespace partita::import;

namespace {

class SizeMath : public ::testing::Test {
protected:
  SizeMath() { context.loadDialect<PartitaDialect>(); }
  DimSize symbol(const char *name, int64_t coefficient = 1) {
    return DimSize::symbol(SymbolAttr::get(&context, name, 1, 8), coefficient);
  }
  mlir::MLIRContext context;
};

TEST_F(SizeMath, ProductsCancelSymbols) {
  DimSize batch = symbol("batch"), seq = symbol("seq");
  EXPECT_EQ(divideProducts({batch, seq, DimSize(768)}, {batch, DimSize(12), DimSize(64)}), seq);
  EXPECT_EQ(divideProducts({batch, DimSize(6), DimSize(8)}, {symbol("batch", 3), DimSize(2)}), DimSize(8));
  EXPECT_EQ(divideProducts({symbol("batch", 4)}, {DimSize(2)}), symbol("batch", 2));
  EXPECT_EQ(divideProducts({batch, DimSize(6)}, {DimSize(4)}), std::nullopt);
  EXPECT_EQ(divideProducts({batch, seq}, {}), std::nullopt);
  EXPECT_EQ(divideProducts({DimSize(6)}, {batch}), std::nullopt);
  EXPECT_EQ(divideProducts({DimSize(6)}, {DimSize(0)}), std::nullopt);
}

TEST_F(SizeMath, NothingOverflows) {
  DimSize huge(INT64_MAX), least(INT64_MIN);
  for (const DimSize &a : {huge, least, DimSize(largestSize), symbol("n", INT64_MAX), symbol("n", largestSize)})
    for (const DimSize &b : {huge, least, DimSize(largestSize), symbol("n", largestSize)}) {
      EXPECT_EQ(multiplyChecked(a, b), std::nullopt);
      EXPECT_EQ(divideProducts({a, b}, {}), std::nullopt);
      EXPECT_EQ(addChecked(a, b), std::nullopt);
    }
  EXPECT_EQ(divideExactly(least, DimSize(-1)), std::nullopt);
}

TEST_F(SizeMath, Text) {
  EXPECT_EQ(toText(symbol("n", 2) + DimSize(1)), "2*n+1");
  EXPECT_EQ(toText({DimSize(0), symbol("n")}), "[0, n]");
}

} // namespace
