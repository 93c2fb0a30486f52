// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The op cases on which the laws of splitting are tried, as machine code against the interpreter: what is split right
// is also compiled right, and so is what is computed from weights alone.
#include "../dialects/interfaces/OpCases.h"
#include "JitProgram.h"
#include "StoredWeights.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::lowering::test;
using interpreter::NamedTensors;

namespace {

class OpCases : public testing::TestWithParam<OpCase> {};
class OpCasesOfWeights : public OpCases {};

/// Operands from number `firstWeight` on are weights.
void expectEqual(const OpCase &entry, unsigned firstWeight) {
  auto context = makeContext();
  OwningOpRef<ModuleOp> graph = parse(*context, entry.text());
  ASSERT_TRUE(graph);
  func::FuncOp function = interpreter::findGraphFunction(*graph);
  NamedTensors inputs = interpreter::makeRandomInputs(function, {}, {}, 7);
  FailureOr<NamedTensors> expected = interpreter::interpretGraph(function, inputs, {});
  ASSERT_TRUE(succeeded(expected));
  OwningOpRef<ModuleOp> program = makeSingleStage(*graph);
  func::FuncOp stage = *program->getOps<func::FuncOp>().begin();
  std::set<std::string> names;
  for (unsigned index = firstWeight; index < stage.getNumArguments(); ++index)
    names.insert(interpreter::getArgumentName(stage, index));
  StoredWeights weights(stage, names, inputs);
  std::optional<NamedTensors> actual = runProgram(*program, weights.leaveInputs(inputs));
  ASSERT_TRUE(actual);
  bool is16Bit = entry.result.find("f16") != std::string::npos;
  for (auto &[name, tensor] : *expected)
    expectClose((*actual)[name], tensor, is16Bit ? 1.6e-2 : 1e-5, entry.text());
}

TEST_P(OpCases, EqualInterpreter) { expectEqual(GetParam(), std::numeric_limits<unsigned>::max()); }

TEST_P(OpCasesOfWeights, EqualInterpreter) {
  expectEqual(GetParam(), 0);
  expectEqual(GetParam(), 1);
}

/// Ops along one dim by position, experts, and ops that a rule describes; the other families have cases of their own in
/// OpsTest.
std::vector<OpCase> listPositionCases() {
  std::vector<OpCase> cases;
  for (const OpCase &entry : listOpCases())
    for (const char *op :
         {"gather", "scatter_along", "top_k", "cumulative", "experts", "counted", "custom", "random_bits"})
      if (entry.body.rfind(op, 0) == 0 && entry.symbols.empty())
        cases.push_back(entry);
  return cases;
}

/// Weights have no symbolic extents.
std::vector<OpCase> listStaticCases() {
  std::vector<OpCase> cases = listOpCases();
  cases.erase(
      std::remove_if(cases.begin(), cases.end(),
                     [](const OpCase &entry) { return entry.text().find("partita.shape") != std::string::npos; }),
      cases.end());
  return cases;
}

std::string nameCase(const testing::TestParamInfo<OpCase> &info) {
  return info.param.body.substr(0, info.param.body.find(' ')) + "_" + std::to_string(info.index);
}

INSTANTIATE_TEST_SUITE_P(Position, OpCases, testing::ValuesIn(listPositionCases()), nameCase);
INSTANTIATE_TEST_SUITE_P(All, OpCasesOfWeights, testing::ValuesIn(listStaticCases()), nameCase);

} // namespace
