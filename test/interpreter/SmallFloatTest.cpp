// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The formats of 8-bit floats, every code of each, against LLVM's APFloat; and 4-bit integers.
#include "partita/interpreter/Tensor.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/APFloat.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace mlir;
using partita::interpreter::Tensor;

namespace {

std::vector<FloatType> formats(MLIRContext &context) {
  return {Float8E4M3FNType::get(&context), Float8E4M3FNUZType::get(&context), Float8E5M2Type::get(&context),
          Float8E5M2FNUZType::get(&context)};
}

TEST(SmallFloats, EveryCodeIsRead) {
  MLIRContext context;
  for (FloatType type : formats(context)) {
    Tensor codes(type, {256});
    for (int code = 0; code < 256; ++code)
      codes.getMutableBytes()[code] = static_cast<uint8_t>(code);
    std::vector<double> numbers = codes.toDoubles();
    for (unsigned code = 0; code < 256; ++code) {
      double expected = llvm::APFloat(type.getFloatSemantics(), llvm::APInt(8, code)).convertToDouble();
      if (std::isnan(expected))
        EXPECT_TRUE(std::isnan(numbers[code])) << code;
      else
        EXPECT_EQ(numbers[code], expected) << code;
    }
  }
}

TEST(SmallFloats, RoundsAsLLVM) {
  MLIRContext context;
  for (FloatType type : formats(context)) {
    std::vector<double> numbers = {HUGE_VAL, -HUGE_VAL, 0.0, -0.0, 1e30, -1e30};
    // Around every code and every middle between two.
    for (int step = 0; step < 20000; ++step)
      numbers.push_back(std::ldexp(1.0 + (step % 64) / 64.0, step / 64 % 40 - 20) * (step % 2 ? 1 : -1) *
                        (1 + (step / 2560 - 4) * 1e-9));
    std::vector<double> rounded =
        Tensor::fromDoubles(type, {static_cast<int64_t>(numbers.size())}, numbers).toDoubles();
    for (size_t i = 0; i < numbers.size(); ++i) {
      llvm::APFloat expected(numbers[i]);
      bool losesInfo;
      expected.convert(type.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
      if (expected.isNaN())
        EXPECT_TRUE(std::isnan(rounded[i])) << numbers[i];
      else
        EXPECT_EQ(rounded[i], expected.convertToDouble()) << numbers[i];
    }
  }
}

TEST(SmallIntegers, ABytePerElement) {
  MLIRContext context;
  Builder builder(&context);
  Tensor tensor = Tensor::fromDoubles(builder.getIntegerType(4, /*isSigned=*/true), {4}, {-8, 7, -1, 3});
  EXPECT_EQ(tensor.getNumBytes(), 4);
  EXPECT_EQ(tensor.toDoubles(), (std::vector<double>{-8, 7, -1, 3}));
  auto type = RankedTensorType::get({4}, tensor.getElementType());
  llvm::Expected<Tensor> again = Tensor::fromElements(tensor.toElements(type));
  ASSERT_TRUE(static_cast<bool>(again));
  EXPECT_TRUE(again->isIdenticalTo(tensor));
}

} // namespace
