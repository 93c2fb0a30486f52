// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The op cases on which the laws of splitting are tried, as machine code against the interpreter: what is split right
// is also compiled right.
#include "../dialects/interfaces/OpCases.h"
#include "JitProgram.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::lowering::test;
using interpreter::NamedTensors;

namespace {

class OpCases : public testing::TestWithParam<OpCase> {};

TEST_P(OpCases, EqualInterpreter) {
  auto context = makeContext();
  OwningOpRef<ModuleOp> graph = parse(*context, GetParam().text());
  ASSERT_TRUE(graph);
  func::FuncOp function = interpreter::findGraphFunction(*graph);
  NamedTensors inputs = interpreter::makeRandomInputs(function, {}, {}, 7);
  FailureOr<NamedTensors> expected = interpreter::interpretGraph(function, inputs, {});
  ASSERT_TRUE(succeeded(expected));
  OwningOpRef<ModuleOp> program = makeSingleStage(*graph);
  std::optional<NamedTensors> actual = runProgram(*program, inputs);
  ASSERT_TRUE(actual);
  bool is16Bit = GetParam().result.find("f16") != std::string::npos;
  for (auto &[name, tensor] : *expected)
    expectClose((*actual)[name], tensor, is16Bit ? 1.6e-2 : 1e-5, GetParam().text());
}

/// Ops along one dim by position; the other families have cases of their own in OpsTest.
std::vector<OpCase> listPositionCases() {
  std::vector<OpCase> cases;
  for (const OpCase &entry : listOpCases())
    for (const char *op : {"gather", "scatter_along", "top_k", "cumulative"})
      if (entry.body.rfind(op, 0) == 0)
        cases.push_back(entry);
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Position, OpCases, testing::ValuesIn(listPositionCases()),
                         [](const testing::TestParamInfo<OpCase> &info) {
                           return info.param.body.substr(0, info.param.body.find(' ')) + "_" +
                                  std::to_string(info.index);
                         });

} // namespace
