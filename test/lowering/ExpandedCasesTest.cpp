// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Op cases that are split across parts (blocks of an ordered dim, units of a cell, tokens and experts over one axis),
// as machine code of several ranks: against the interpreter's run of the same program and of the whole op.
#include "../dialects/interfaces/OpCases.h"
#include "JitProgram.h"
#include "partita/dialects/plan/Plan.h"
#include "partita/interpreter/Verify.h"
#include "partita/partition/Partition.h"
#include "partita/placement/Expansion.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::lowering::test;
using interpreter::NamedTensors;

namespace {

/// A case, and the loops that its first axis cuts; a second axis cuts the loop `beside`, if any.
struct Cut {
  OpCase entry;
  std::vector<std::string> loops;
  int64_t parts;
  std::string beside;
};

void PrintTo(const Cut &cut, std::ostream *stream) { *stream << cut.entry.body; }

class ExpandedCases : public testing::TestWithParam<Cut> {};

placement::LoopAssignment assign(const Cut &cut, const LoopNest &nest) {
  placement::LoopAssignment loops(nest.loops.size());
  for (auto [splits, loop] : llvm::zip(loops, nest.loops)) {
    if (llvm::is_contained(cut.loops, loop.label))
      splits.push_back({0, 1});
    if (loop.label == cut.beside)
      splits.push_back({1, 1});
  }
  return loops;
}

TEST_P(ExpandedCases, EqualTheWholeOp) {
  const Cut &cut = GetParam();
  auto context = makeContext();
  OwningOpRef<ModuleOp> module = parse(*context, cut.entry.text());
  ASSERT_TRUE(module);
  func::FuncOp function = interpreter::findGraphFunction(*module);
  for (unsigned index = 0; index < function.getNumArguments(); ++index)
    function.setArgAttr(index, "partita.role", StringAttr::get(context.get(), "input"));
  function.setResultAttr(0, "partita.name", StringAttr::get(context.get(), "r"));
  placement::Mesh mesh = placement::makeMesh({{"a", cut.parts}, {"b", 2}});
  OpBuilder builder = OpBuilder::atBlockBegin(module->getBody());
  plan::StageOp::create(builder, module->getLoc(), builder.getStringAttr("s"),
                        placement::toAttribute(context.get(), mesh));
  NamedTensors inputs = interpreter::makeRandomInputs(function, {}, {}, 3);
  FailureOr<interpreter::Control> control = interpreter::runControl(function, inputs, /*withOps=*/false);
  ASSERT_TRUE(succeeded(control));
  Operation *op = &function.getBody().front().front();
  LoopNest nest = cast<SplitOpInterface>(op).getLoopNest();
  placement::LoopAssignment loops = assign(cut, nest);
  ASSERT_TRUE(placement::findExpandedLoop(nest, loops));
  op->setAttr(plan::kLoopsAttr, placement::toAttribute(context.get(), loops, mesh));
  ASSERT_TRUE(succeeded(partition::completePlan(function)) && succeeded(partition::partitionModule(*module)) &&
              succeeded(partition::verifyPlacements(*module)) && succeeded(partition::outlineSegments(*module)));
  FailureOr<NamedTensors> expected = interpreter::interpretProgram(*module, inputs, {});
  ASSERT_TRUE(succeeded(expected));
  std::optional<NamedTensors> actual = runProgram(*module, inputs);
  ASSERT_TRUE(actual);
  bool isNarrow = cut.entry.result.find("f16") != std::string::npos;
  for (auto &[name, tensor] : *expected) {
    expectClose((*actual)[name], tensor, isNarrow ? 1.6e-2 : 1e-5, name);
    interpreter::Comparison comparison = interpreter::compare(tensor, control->results.at(name));
    EXPECT_TRUE(comparison.passed) << comparison.error << " over " << comparison.tolerance;
  }
}

/// Of cells one of each kind: they are written out step by step.
std::vector<Cut> listCuts() {
  std::vector<Cut> cuts;
  std::set<std::string> kinds;
  auto context = makeContext();
  for (const OpCase &entry : listOpCases()) {
    bool isCell = entry.body.rfind("recurrent", 0) == 0;
    bool isOrdered = entry.body.rfind("top_k", 0) == 0 || entry.body.rfind("cumulative", 0) == 0;
    bool isLayer = entry.body.rfind("experts", 0) == 0;
    if (!isCell && !isOrdered && !isLayer)
      continue;
    OwningOpRef<ModuleOp> module = parse(*context, entry.text());
    Operation *op = &interpreter::findGraphFunction(*module).getBody().front().front();
    LoopNest nest = cast<SplitOpInterface>(op).getLoopNest();
    for (auto [parallel, reduced] : nest.jointLoops)
      for (int64_t parts : {2, 3})
        cuts.push_back(
            {entry, {nest.loops[parallel].label, nest.loops[reduced].label}, parts, parts == 2 ? "unit" : ""});
    for (const partita::Loop &loop : nest.loops)
      if (loop.kind == LoopKind::expand && (!isCell || kinds.insert(entry.body.substr(15, 5)).second))
        cuts.push_back({entry, {loop.label}, 2, isCell ? "batch" : ""});
  }
  return cuts;
}

INSTANTIATE_TEST_SUITE_P(All, ExpandedCases, testing::ValuesIn(listCuts()),
                         [](const testing::TestParamInfo<Cut> &info) {
                           const std::string &body = info.param.entry.body;
                           return body.substr(0, body.find(' ')) + "_" + std::to_string(info.index);
                         });

} // namespace
