// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernel regions as machine code against the interpreter: shapes that no tile divides, and the same bits with any
// number of threads. The shapes are large enough for regions; each case says how many parallel loops there must be.
#include "InProcess.h"
#include "JitProgram.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/PassManager.h"
#include "partita/lowering/Passes.h"
#include "partita/partition/Partition.h"
#include "llvm/Support/FormatVariadic.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::lowering::test;
using interpreter::NamedTensors;

namespace {

struct Case {
  const char *name;
  int64_t loops; ///< Parallel loops in the kernel.
  std::string text;
  double relative = 5e-6;
};

void PrintTo(const Case &entry, std::ostream *stream) { *stream << entry.name; }

class Regions : public testing::TestWithParam<Case> {};

int64_t countLoops(ModuleOp program) {
  OwningOpRef<ModuleOp> copy = program.clone();
  PassManager passes(program.getContext());
  passes.addPass(lowering::createStartCommunicationPass());
  passes.addPass(lowering::createLowerGraphPass());
  passes.addNestedPass<func::FuncOp>(lowering::createFuseKernelsPass());
  passes.addNestedPass<func::FuncOp>(lowering::createFormRegionsPass());
  EXPECT_TRUE(succeeded(passes.run(*copy)));
  int64_t loops = 0;
  copy->walk([&](scf::ForallOp) { ++loops; });
  return loops;
}

void expectSameBits(const NamedTensors &actual, const NamedTensors &expected, int64_t threads) {
  for (auto &[name, tensor] : expected)
    EXPECT_TRUE(actual.at(name).isIdenticalTo(tensor)) << name << " with " << threads << " threads";
}

TEST_P(Regions, EqualTheInterpreterWithAnyThreads) {
  auto context = makeContext();
  OwningOpRef<ModuleOp> graph = parse(*context, "func.func @main" + GetParam().text);
  ASSERT_TRUE(graph);
  func::FuncOp function = interpreter::findGraphFunction(*graph);
  NamedTensors inputs = interpreter::makeRandomInputs(function, {}, {}, 11);
  FailureOr<NamedTensors> expected = interpreter::interpretGraph(function, inputs, {});
  ASSERT_TRUE(succeeded(expected));
  OwningOpRef<ModuleOp> program = makeSingleStage(*graph);
  EXPECT_EQ(countLoops(*program), GetParam().loops);
  llvm::Expected<InProcessProgram> compiled = compileInProcess(*program, lowering::EmitOptions());
  ASSERT_TRUE(static_cast<bool>(compiled)) << llvm::toString(compiled.takeError());
  std::optional<NamedTensors> first;
  for (int64_t threads : {1, 2, 3, 8}) {
    llvm::Expected<NamedTensors> actual = compiled->run(inputs, *context, threads);
    ASSERT_TRUE(static_cast<bool>(actual)) << llvm::toString(actual.takeError());
    if (first) {
      expectSameBits(*actual, *first, threads);
      continue;
    }
    first = *actual;
    for (auto &[name, tensor] : *expected)
      expectClose(first->at(name), tensor, GetParam().relative, name);
  }
}

/// Types by letter: the text's $x is the x-th of these.
std::string withTypes(std::string text, const std::vector<std::pair<std::string, std::string>> &types) {
  for (auto &[letter, type] : types)
    for (size_t at; (at = text.find(letter)) != std::string::npos;)
      text.replace(at, letter.size(), "tensor<" + type + "xf32>");
  return text;
}

std::vector<Case> makeRowCases() {
  return {
      {"Softmax", 1,
       withTypes(R"((%x: $A) -> $A {
        %y = partita_graph.softmax "y" (%x) dim 2 : ($A) -> $A
        return %y : $A })",
                 {{"$A", "37x5x701"}})},
      {"SoftmaxOfColumns", 1,
       withTypes(R"((%x: $A) -> $A {
        %y = partita_graph.softmax "y" (%x) dim 1 : ($A) -> $A
        return %y : $A })",
                 {{"$A", "13x67x151"}})},
      {"LogOfSoftmax", 1,
       withTypes(R"((%x: $A) -> $A {
        %s = partita_graph.softmax "s" (%x) dim 1 : ($A) -> $A
        %y = partita_graph.elementwise "y" log(%s) : ($A) -> $A
        return %y : $A })",
                 {{"$A", "131x517"}}),
       2e-5},
      {"LayerNormOfASumThatIsReadLater", 1,
       withTypes(R"((%a: $A, %b: $A, %s: $B, %t: $B) -> ($A, $A) {
        %x = partita_graph.elementwise "x" add(%a, %b) : ($A, $A) -> $A
        %n = partita_graph.layer_norm "n" (%x, %s, %t) axis 2 epsilon 1.0e-5 : ($A, $B, $B) -> $A
        return %n, %x : $A, $A })",
                 {{"$A", "3x67x517"}, {"$B", "517"}})},
      {"RmsNormOfASum", 1,
       withTypes(R"((%a: $A, %b: $A, %s: $B) -> ($A, $A) {
        %x = partita_graph.elementwise "x" add(%a, %b) : ($A, $A) -> $A
        %n = partita_graph.rms_norm "n" (%x, %s) axis 1 epsilon 1.0e-5 : ($A, $B) -> $A
        %y = partita_graph.elementwise "y" mul(%n, %x) : ($A, $A) -> $A
        return %y, %x : $A, $A })",
                 {{"$A", "131x517"}, {"$B", "517"}})},
      {"Elementwise", 1,
       withTypes(R"((%x: $A, %b: $B) -> $A {
        %c = partita_graph.broadcast "c" (%b) dims [1] : ($B) -> $A
        %s = partita_graph.elementwise "s" add(%x, %c) : ($A, $A) -> $A
        %y = partita_graph.elementwise "y" gelu(%s) : ($A) -> $A
        return %y : $A })",
                 {{"$A", "211x307"}, {"$B", "307"}})},
      {"Turned", 1,
       withTypes(R"((%x: $A, %z: $B) -> $B {
        %t = partita_graph.transpose "t" (%x) permutation [1, 0] : ($A) -> $B
        %y = partita_graph.elementwise "y" add(%t, %z) : ($B, $B) -> $B
        return %y : $B })",
                 {{"$A", "531x517"}, {"$B", "517x531"}})},
      {"TurnedBatches", 1,
       withTypes(R"((%x: $A) -> $B {
        %y = partita_graph.transpose "y" (%x) permutation [0, 2, 1] : ($A) -> $B
        return %y : $B })",
                 {{"$A", "7x131x213"}, {"$B", "7x213x131"}})},
      {"TurnedAndNarrow", 1,
       withTypes(R"((%x: $A) -> $B {
        %y = partita_graph.transpose "y" (%x) permutation [1, 0] : ($A) -> $B
        return %y : $B })",
                 {{"$A", "5x40003"}, {"$B", "40003x5"}})},
      {"SumOfColumns", 2,
       withTypes(R"((%x: $A) -> ($B, $B) {
        %s = partita_graph.reduce "s" sum(%x) dims [0] : ($A) -> $B
        %m = partita_graph.reduce "m" max(%x) dims [0] : ($A) -> $B
        return %s, %m : $B, $B })",
                 {{"$A", "531x517"}, {"$B", "517"}})},
      {"Small", 0,
       withTypes(R"((%x: $A) -> $A {
        %y = partita_graph.softmax "y" (%x) dim 1 : ($A) -> $A
        return %y : $A })",
                 {{"$A", "7x33"}})},
      {"Rotary", 1,
       withTypes(R"((%x: $A, %c: $B, %s: $B) -> $A {
        %y = partita_graph.rotary "y" (%x, %c, %s) interleaved false : ($A, $B, $B) -> $A
        return %y : $A })",
                 {{"$A", "2x5x131x64"}, {"$B", "131x32"}})},
  };
}

std::vector<Case> makeProductCases() {
  return {
      {"BiasActivationResidual", 1,
       withTypes(R"((%x: $A, %w: $B, %b: $C, %r: $D) -> ($D, $D) {
        %p = partita_graph.contraction "p" (%x, %w) "mk,kn->mn" : ($A, $B) -> $D
        %c = partita_graph.broadcast "c" (%b) dims [1] : ($C) -> $D
        %s = partita_graph.elementwise "s" add(%p, %c) : ($D, $D) -> $D
        %g = partita_graph.elementwise "g" gelu(%s) : ($D) -> $D
        %y = partita_graph.elementwise "y" add(%g, %r) : ($D, $D) -> $D
        return %y, %g : $D, $D })",
                 {{"$A", "131x67"}, {"$B", "67x517"}, {"$C", "517"}, {"$D", "131x517"}})},
      {"OneRow", 1,
       withTypes(R"((%x: $A, %w: $B) -> $D {
        %p = partita_graph.contraction "p" (%x, %w) "mk,kn->mn" : ($A, $B) -> $D
        %y = partita_graph.elementwise "y" relu(%p) : ($D) -> $D
        return %y : $D })",
                 {{"$A", "1x1031"}, {"$B", "1031x2053"}, {"$D", "1x2053"}})},
      {"GatedByAnotherProduct", 1,
       withTypes(R"((%x: $A, %w: $B, %v: $B) -> $D {
        %p = partita_graph.contraction "p" (%x, %w) "mk,kn->mn" : ($A, $B) -> $D
        %q = partita_graph.contraction "q" (%x, %v) "mk,kn->mn" : ($A, $B) -> $D
        %s = partita_graph.elementwise "s" silu(%p) : ($D) -> $D
        %y = partita_graph.elementwise "y" mul(%s, %q) : ($D, $D) -> $D
        return %y : $D })",
                 {{"$A", "131x67"}, {"$B", "67x517"}, {"$D", "131x517"}})},
      {"HeadsMovedForward", 1,
       withTypes(
           R"((%x: $A, %w: $B) -> $E {
        %p = partita_graph.contraction "p" (%x, %w) "bmk,kn->bmn" : ($A, $B) -> $C
        %h = partita_graph.reshape "h" (%p) : ($C) -> $D
        %y = partita_graph.transpose "y" (%h) permutation [0, 2, 1, 3] : ($D) -> $E
        return %y : $E })",
           {{"$A", "2x131x167"}, {"$B", "167x192"}, {"$C", "2x131x192"}, {"$D", "2x131x6x32"}, {"$E", "2x6x131x32"}})},
      {"Convolution", 1,
       withTypes(R"((%x: $A, %w: $B, %m: $C, %v: $C, %s: $C, %t: $C) -> $D {
        %c = partita_graph.convolution "c" (%x, %w) strides [2, 1] padding [1, 1, 1, 1] dilations [1, 1] groups 1 : ($A, $B) -> $D
        %n = partita_graph.batch_norm "n" (%c, %s, %t, %m, %v) epsilon 1.0e-5 : ($D, $C, $C, $C, $C) -> $D
        %y = partita_graph.elementwise "y" relu(%n) : ($D) -> $D
        return %y : $D })",
                 {{"$A", "2x13x33x29"}, {"$B", "67x13x3x3"}, {"$C", "67"}, {"$D", "2x67x17x29"}}),
       2e-5},
      {"Attention", 1,
       withTypes(R"((%q: $Q, %k: $K, %v: $V) -> $R {
        %y = partita_graph.attention "y" (%q, %k, %v) scale 0.35 causal true : ($Q, $K, $V) -> $R
        return %y : $R })",
                 {{"$Q", "2x6x131x32"}, {"$K", "2x2x137x32"}, {"$V", "2x2x137x24"}, {"$R", "2x6x131x24"}})},
      {"AttentionWithMask", 1,
       withTypes(R"((%q: $Q, %k: $K, %v: $V, %m: $M) -> $T {
        %y = partita_graph.attention "y" (%q, %k, %v, %m) scale 0.35 causal false : ($Q, $K, $V, $M) -> $R
        %t = partita_graph.transpose "t" (%y) permutation [0, 2, 1, 3] : ($R) -> $T
        return %t : $T })",
                 {{"$Q", "2x3x131x32"},
                  {"$K", "2x3x137x32"},
                  {"$V", "2x3x137x24"},
                  {"$R", "2x3x131x24"},
                  {"$M", "2x1x131x137"},
                  {"$T", "2x131x3x24"}})},
  };
}

INSTANTIATE_TEST_SUITE_P(Rows, Regions, testing::ValuesIn(makeRowCases()),
                         [](const auto &info) { return std::string(info.param.name); });
INSTANTIATE_TEST_SUITE_P(Products, Regions, testing::ValuesIn(makeProductCases()),
                         [](const auto &info) { return std::string(info.param.name); });

/// Rows that differ between ranks, one rank without any: extents are known at run time only.
class UnevenRows : public testing::TestWithParam<int64_t> {};

TEST_P(UnevenRows, EqualTheWholeGraph) {
  auto context = makeContext();
  std::string rows = std::to_string(GetParam());
  std::string stage = "{partita_plan.stage = @a, partita_plan.loops = #partita_plan.loops<";
  std::string text = withTypes(R"(partita_plan.stage @a on <["t"=4], devices = [0 to 3]>
      func.func @main(%x: $A {partita.role = "input"}, %w: $B {partita.role = "input"}) -> ($D, $D) {
        %p = partita_graph.contraction "p" (%x, %w) "mk,kn->mn" @[["t"], [], []]>} : ($A, $B) -> $D
        %g = partita_graph.elementwise "g" sigmoid(%p) @[["t"], []]>} : ($D) -> $D
        %s = partita_graph.softmax "s" (%g) dim 1 @[["t"], []]>} : ($D) -> $D
        return %s, %g : $D, $D })",
                               {{"$A", rows + "x467"}, {"$B", "467x3001"}, {"$D", rows + "x3001"}});
  for (size_t at; (at = text.find(" @[[")) != std::string::npos;)
    text.replace(at, 2, " " + stage);
  OwningOpRef<ModuleOp> module = parse(*context, text);
  ASSERT_TRUE(module);
  func::FuncOp function = interpreter::findGraphFunction(*module);
  for (unsigned index = 0; index < 2; ++index) {
    function.setArgAttr(index, kNameAttr, StringAttr::get(context.get(), "x" + std::to_string(index)));
    function.setResultAttr(index, kNameAttr, StringAttr::get(context.get(), "y" + std::to_string(index)));
  }
  NamedTensors inputs = interpreter::makeRandomInputs(function, {}, {}, 5);
  FailureOr<NamedTensors> expected = interpreter::interpretGraph(function, inputs, {});
  ASSERT_TRUE(succeeded(expected));
  ASSERT_TRUE(succeeded(partition::completePlan(function)) && succeeded(partition::partitionModule(*module)) &&
              succeeded(partition::verifyPlacements(*module)) && succeeded(partition::outlineSegments(*module)));
  EXPECT_EQ(countLoops(*module), GetParam() < 8 ? 1 : 2); // A softmax of one row has no loop.
  llvm::Expected<InProcessProgram> compiled = compileInProcess(*module, lowering::EmitOptions());
  ASSERT_TRUE(static_cast<bool>(compiled)) << llvm::toString(compiled.takeError());
  for (int64_t threads : {1, 3}) {
    llvm::Expected<NamedTensors> actual = compiled->run(inputs, *context, threads);
    ASSERT_TRUE(static_cast<bool>(actual)) << llvm::toString(actual.takeError());
    for (auto &[name, tensor] : *expected)
      expectClose(actual->at(name), tensor, 5e-6, name);
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, UnevenRows, testing::Values(3, 131));

} // namespace
