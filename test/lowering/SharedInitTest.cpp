// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Along which axes what init calls compute is said to be the same on all ranks.
#include "JitProgram.h"
#include "partita/lowering/Lowering.h"
#include "llvm/ADT/STLExtras.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::lowering::test;

namespace {

/// x times two transposed weights, the first placed as told, the second whole on each rank.
std::string makeProgram(const std::string &local, const std::string &placement) {
  std::string whole = "tensor<256x256xf32, #partita_plan.part<tensor<256x256xf32>, <[[], []]>>>";
  auto part = [&](const std::string &shape, const std::string &dims) {
    return "tensor<" + shape + "xf32, #partita_plan.part<tensor<256x256xf32>, <[" + dims + "]>>>";
  };
  std::string w = part(local + "x256", "[" + placement + "], []"), t = part("256x" + local, "[], [" + placement + "]");
  return "partita_plan.stage @s on <[\"x\"=2, \"y\"=2, \"m\"=1 time], devices = [0, 1, 2, 3]>\n"
         "func.func private @layer(%x: " +
         whole + ", %w: " + w + ", %v: " + whole + ") -> (" + t + ", " + whole + ")" +
         " attributes {partita_collective.stage = @s} {\n"
         "%0 = partita_graph.transpose \"t\" (%w) permutation [1, 0] : (" +
         w + ") -> " + t + "\n" + "%1 = partita_graph.contraction \"a\" (%x, %0) \"mk,kn->mn\" : (" + whole + ", " + t +
         ") -> " + t + "\n" + "%2 = partita_graph.transpose \"u\" (%v) permutation [1, 0] : (" + whole + ") -> " +
         whole + "\n" + "%3 = partita_graph.contraction \"b\" (%x, %2) \"mk,kn->mn\" : (" + whole + ", " + whole +
         ") -> " + whole + "\nreturn %1, %3 : " + t + ", " + whole + " }\n" + "func.func @s_forward(%x: " + whole +
         " {partita.name = \"x\", partita.role = \"input\"}, %w: " + w +
         " {partita.name = \"w\", partita.role = \"parameter\"}, %v: " + whole +
         " {partita.name = \"v\", partita.role = \"parameter\"}) -> (" + t + " {partita.name = \"y\"}, " + whole +
         " {partita.name = \"z\"}) attributes {partita_collective.stage = @s, partita_collective.event = \"forward\"} "
         "{\n"
         "%0:2 = func.call @layer(%x, %w, %v) : (" +
         whole + ", " + w + ", " + whole + ") -> (" + t + ", " + whole + ")\nreturn %0#0, %0#1 : " + t + ", " + whole +
         " }\n" +
         "partita_collective.program @main role \"worker\" phase \"step\" stages [@s] events "
         "[#partita_collective.events<devices = [0, 1, 2, 3], [<forward @s, 0>]>]\n";
}

/// Of the init calls, in some order.
std::vector<std::vector<int64_t>> findShared(const std::string &text) {
  auto context = makeContext();
  OwningOpRef<ModuleOp> program = parse(*context, text);
  std::vector<std::vector<int64_t>> found;
  if (!program)
    return found;
  FailureOr<runtime::Image> image = lowering::assignBuffers(*program, nullptr);
  if (failed(image))
    return found;
  for (const runtime::CallList &list : image->stages[0].calls)
    for (const runtime::Call &call : list.calls)
      if (list.kind == runtime::EventKind::init)
        found.push_back(call.sameAlong);
  llvm::sort(found);
  return found;
}

TEST(SharedInit, IsTheSameAlongAxesThatSplitNoSource) {
  using Axes = std::vector<std::vector<int64_t>>;
  EXPECT_EQ(findShared(makeProgram("256", "")), (Axes{{0, 1}, {0, 1}}));
  EXPECT_EQ(findShared(makeProgram("128", "\"y\"")), (Axes{{0}, {0, 1}}));
  EXPECT_EQ(findShared(makeProgram("128", "\"x\"")), (Axes{{0, 1}, {1}}));
  EXPECT_EQ(findShared(makeProgram("64", "\"x\", \"y\"")), (Axes{{}, {0, 1}}));
}

} // namespace
