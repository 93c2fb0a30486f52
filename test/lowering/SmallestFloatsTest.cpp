// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiled conversions of 8-bit floats against the interpreter: every code, and numbers around all roundings.
#include "JitProgram.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::lowering::test;
using interpreter::NamedTensors;
using interpreter::Tensor;

namespace {

void expectSameCast(const std::string &from, const std::string &to, MLIRContext &context, const Tensor &input) {
  std::string size = std::to_string(input.getNumElements());
  std::string a = "tensor<" + size + "x" + from + ">", b = "tensor<" + size + "x" + to + ">";
  OwningOpRef<ModuleOp> graph =
      parse(context, "func.func @main(%x: " + a + ") -> " + b + " { %y = partita_graph.cast \"y\" (%x) : (" + a +
                         ") -> " + b + " return %y : " + b + " }");
  ASSERT_TRUE(graph);
  func::FuncOp function = interpreter::findGraphFunction(*graph);
  NamedTensors inputs = {{interpreter::getArgumentName(function, 0), input}};
  FailureOr<NamedTensors> expected = interpreter::interpretGraph(function, inputs, {});
  ASSERT_TRUE(succeeded(expected));
  std::optional<NamedTensors> actual = runProgram(*makeSingleStage(*graph), inputs);
  ASSERT_TRUE(actual);
  for (auto &[name, tensor] : *expected) {
    std::vector<double> right = tensor.toDoubles(), left = (*actual)[name].toDoubles(), source = input.toDoubles();
    ASSERT_EQ(left.size(), right.size());
    for (size_t i = 0; i < left.size(); ++i)
      EXPECT_TRUE(left[i] == right[i] || (std::isnan(left[i]) && std::isnan(right[i])))
          << from << " to " << to << ": " << source[i] << " is " << left[i] << ", expected " << right[i];
  }
}

TEST(SmallestFloats, EveryCode) {
  auto context = makeContext();
  for (FloatType type :
       std::vector<FloatType>{Float8E4M3FNType::get(context.get()), Float8E4M3FNUZType::get(context.get()),
                              Float8E5M2Type::get(context.get()), Float8E5M2FNUZType::get(context.get())}) {
    std::string name;
    llvm::raw_string_ostream(name) << type;
    Tensor codes(type, {256});
    for (int code = 0; code < 256; ++code)
      codes.getMutableBytes()[code] = static_cast<uint8_t>(code);
    expectSameCast(name, "f32", *context, codes);
    std::vector<double> numbers = {HUGE_VAL, -HUGE_VAL, NAN, 0.0, -0.0, 1e30, -1e30, 1e-40, -1e-30};
    for (int step = 0; step < 6000; ++step)
      numbers.push_back(std::ldexp(1.0 + (step % 32) / 32.0, step / 32 % 40 - 20) * (step % 2 ? 1 : -1) *
                        (1 + (step / 1280 - 2) * 3e-7));
    Tensor wide = Tensor::fromDoubles(Float32Type::get(context.get()), {static_cast<int64_t>(numbers.size())}, numbers);
    expectSameCast("f32", name, *context, wide);
  }
}

} // namespace
