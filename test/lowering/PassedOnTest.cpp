// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values that a stage passes on: sent to several stages, returned twice, returned as they came, received and sent
// unchanged. With micro-batches, so that every slot is used again. Whole graph, per-device programs and machine code.
#include "JitProgram.h"
#include "mlir/AsmParser/AsmParser.h"
#include "partita/dialects/plan/Plan.h"
#include "partita/interpreter/Verify.h"
#include "partita/lowering/Lowering.h"
#include "partita/partition/Partition.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::lowering::test;
using interpreter::NamedTensors;

namespace {

struct Pipeline {
  const char *name, *text;
};

void PrintTo(const Pipeline &pipeline, std::ostream *stream) { *stream << pipeline.name; }

const char *const kStages = "partita_plan.stage @a on <[\"micro\"=3 time], devices = [0]>\n"
                            "partita_plan.stage @b on <[\"t\"=2, \"micro\"=3 time], devices = [1, 2]>\n"
                            "partita_plan.stage @c on <[\"micro\"=3 time], devices = [3]>\n";

/// "A", "B", "C" stand for the stage and loops of an elementwise op there, $ for the type.
std::string expand(StringRef text) {
  std::string result;
  auto decide = [](StringRef stage, StringRef columns) {
    return "{partita_plan.stage = @" + stage.str() + ", partita_plan.loops = #partita_plan.loops<[[\"micro\"], [" +
           columns.str() + "]]>} : ";
  };
  for (char c : text)
    result += c == '$'   ? "tensor<7x6xf32>"
              : c == 'A' ? decide("a", "")
              : c == 'B' ? decide("b", "\"t\"")
              : c == 'C' ? decide("c", "")
                         : std::string(1, c);
  return result;
}

class PassedOn : public testing::TestWithParam<Pipeline> {};

TEST_P(PassedOn, EqualsTheWholeGraph) {
  auto context = makeContext();
  OwningOpRef<ModuleOp> module = parse(*context, kStages + expand(GetParam().text));
  ASSERT_TRUE(module);
  func::FuncOp function = interpreter::findGraphFunction(*module);
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    function.setArgAttr(index, kNameAttr, StringAttr::get(context.get(), "x" + std::to_string(index)));
    if (!function.getArgAttr(index, kRoleAttr))
      function.setArgAttr(index, kRoleAttr, StringAttr::get(context.get(), kRoleInput));
  }
  for (unsigned index = 0; index < function.getNumResults(); ++index)
    function.setResultAttr(index, kNameAttr, StringAttr::get(context.get(), "y" + std::to_string(index)));
  size_t numResults = function.getNumResults();
  NamedTensors inputs = interpreter::makeRandomInputs(function, {}, {}, 5);
  FailureOr<interpreter::Control> control = interpreter::runControl(function, inputs, /*withOps=*/false);
  ASSERT_TRUE(succeeded(control));
  ASSERT_EQ(control->results.size(), numResults);
  ASSERT_TRUE(succeeded(partition::completePlan(function)) && succeeded(partition::partitionModule(*module)) &&
              succeeded(partition::verifyPlacements(*module)) && succeeded(partition::outlineSegments(*module)));
  FailureOr<NamedTensors> expected = interpreter::interpretProgram(*module, inputs, {});
  ASSERT_TRUE(succeeded(expected));
  std::optional<NamedTensors> actual = runProgram(*module, inputs);
  ASSERT_TRUE(actual);
  EXPECT_EQ(expected->size(), numResults);
  EXPECT_EQ(actual->size(), numResults);
  for (auto &[name, whole] : control->results) {
    interpreter::Comparison comparison = interpreter::compare((*expected)[name], whole);
    EXPECT_TRUE(comparison.passed) << name << ": " << comparison.error << " over " << comparison.tolerance;
    expectClose((*actual)[name], (*expected)[name], 1e-6, name);
  }
}

const Pipeline kPipelines[] = {
    {"ReadByTheNextAndTheLast", R"(func.func @main(%x: $) -> $ {
      %0 = partita_graph.elementwise "e0" exp(%x) A($) -> $
      %1 = partita_graph.elementwise "e1" neg(%0) B($) -> $
      %2 = partita_graph.elementwise "e2" mul(%0, %1) C($, $) -> $
      return %2 : $ })"},
    {"ReturnedAndRead", R"(func.func @main(%x: $) -> ($, $, $) {
      %0 = partita_graph.elementwise "e0" exp(%x) A($) -> $
      %1 = partita_graph.elementwise "e1" neg(%0) B($) -> $
      %2 = partita_graph.elementwise "e2" mul(%0, %1) C($, $) -> $
      return %0, %1, %2 : $, $, $ })"},
    {"ReturnedTwice", R"(func.func @main(%x: $) -> ($, $, $) {
      %0 = partita_graph.elementwise "e0" exp(%x) A($) -> $
      %1 = partita_graph.elementwise "e1" neg(%0) B($) -> $
      return %1, %0, %1 : $, $, $ })"},
    {"InputReturned", R"(func.func @main(%x: $, %z: $) -> ($, $, $) {
      %0 = partita_graph.elementwise "e0" exp(%x) A($) -> $
      %1 = partita_graph.elementwise "e1" mul(%0, %x) B($, $) -> $
      return %x, %1, %z : $, $, $ })"},
    {"SentAndReadLaterHere", R"(func.func @main(%x: $) -> ($, $) {
      %0 = partita_graph.elementwise "e0" exp(%x) A($) -> $
      %1 = partita_graph.elementwise "e1" neg(%0) B($) -> $
      %2 = partita_graph.elementwise "e2" neg(%0) A($) -> $
      %3 = partita_graph.elementwise "e3" mul(%2, %0) A($, $) -> $
      %4 = partita_graph.elementwise "e4" mul(%2, %3) A($, $) -> $
      %5 = partita_graph.elementwise "e5" add(%1, %4) C($, $) -> $
      %6 = partita_graph.elementwise "e6" add(%5, %0) C($, $) -> $
      return %6, %3 : $, $ })"},
};

INSTANTIATE_TEST_SUITE_P(Plans, PassedOn, testing::ValuesIn(kPipelines),
                         [](const auto &info) { return std::string(info.param.name); });

/// @b sends what it received as it came and returns it too; @c has much to do before it receives.
const char *const kRelay = R"(
partita_plan.stage @a on <["micro"=3 time], devices = [0]>
partita_plan.stage @b on <["micro"=3 time], devices = [1]>
partita_plan.stage @w on <["micro"=3 time], devices = [2]>
partita_plan.stage @c on <["micro"=3 time], devices = [2]>
#g = #partita_plan.part<tensor<6x4xf32>, <[["micro"], []]>>
#w = #partita_plan.part<tensor<700x700xf32>, <[[], []]>>
partita_collective.channel @c0 "h" from @a : tensor<2x4xf32, #g> to @b : tensor<2x4xf32, #g>
partita_collective.channel @c1 "h" from @b : tensor<2x4xf32, #g> to @c : tensor<2x4xf32, #g>
func.func private @double(%x: tensor<2x4xf32, #g>) -> tensor<2x4xf32, #g> attributes {partita_collective.stage = @a} {
  %0 = partita_graph.elementwise "double" add(%x, %x) : (tensor<2x4xf32, #g>, tensor<2x4xf32, #g>) -> tensor<2x4xf32, #g>
  return %0 : tensor<2x4xf32, #g>
}
func.func private @square(%x: tensor<700x700xf32, #w>) -> tensor<700x700xf32, #w> attributes {partita_collective.stage = @w} {
  %0 = partita_graph.contraction "square" (%x, %x) "mk,kn->mn" : (tensor<700x700xf32, #w>, tensor<700x700xf32, #w>) -> tensor<700x700xf32, #w>
  return %0 : tensor<700x700xf32, #w>
}
func.func @a_forward(%x: tensor<2x4xf32, #g> {partita.name = "x", partita.role = "input"})
    -> (tensor<2x4xf32, #g> {partita_collective.channel = @c0})
    attributes {partita_collective.stage = @a, partita_collective.event = "forward"} {
  %0 = func.call @double(%x) : (tensor<2x4xf32, #g>) -> tensor<2x4xf32, #g>
  return %0 : tensor<2x4xf32, #g>
}
func.func @b_forward(%h: tensor<2x4xf32, #g> {partita_collective.channel = @c0})
    -> (tensor<2x4xf32, #g> {partita_collective.channel = @c1}, tensor<2x4xf32, #g> {partita.name = "h"},
        tensor<2x4xf32, #g> {partita.name = "again"})
    attributes {partita_collective.stage = @b, partita_collective.event = "forward"} {
  return %h, %h, %h : tensor<2x4xf32, #g>, tensor<2x4xf32, #g>, tensor<2x4xf32, #g>
}
func.func @w_forward(%x: tensor<700x700xf32, #w> {partita.name = "w", partita.role = "input"})
    -> (tensor<700x700xf32, #w> {partita.name = "v"})
    attributes {partita_collective.stage = @w, partita_collective.event = "forward"} {
  %0 = func.call @square(%x) : (tensor<700x700xf32, #w>) -> tensor<700x700xf32, #w>
  return %0 : tensor<700x700xf32, #w>
}
func.func @c_forward(%h: tensor<2x4xf32, #g> {partita_collective.channel = @c1})
    -> (tensor<2x4xf32, #g> {partita.name = "y"})
    attributes {partita_collective.stage = @c, partita_collective.event = "forward"} {
  %0 = func.call @double(%h) : (tensor<2x4xf32, #g>) -> tensor<2x4xf32, #g>
  return %0 : tensor<2x4xf32, #g>
}
partita_collective.program @main role "worker" phase "step" stages [@a, @b, @w, @c] events [
  #partita_collective.events<devices = [0], [<forward @a, 0>, <send @c0, 0>, <forward @a, 1>, <send @c0, 1>,
    <forward @a, 2>, <send @c0, 2>]>,
  #partita_collective.events<devices = [1], [<receive @c0, 0>, <forward @b, 0>, <send @c1, 0>, <receive @c0, 1>,
    <forward @b, 1>, <send @c1, 1>, <receive @c0, 2>, <forward @b, 2>, <send @c1, 2>]>,
  #partita_collective.events<devices = [2], [<forward @w, 0>, <receive @c1, 0>, <forward @c, 0>, <receive @c1, 1>,
    <forward @c, 1>, <receive @c1, 2>, <forward @c, 2>]>]
)";

TEST(Relay, ReceivedAndSentUnchanged) {
  auto context = makeContext();
  OwningOpRef<ModuleOp> program = parse(*context, kRelay);
  ASSERT_TRUE(program);
  Type f32 = Float32Type::get(context.get());
  std::vector<double> values(24);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<double>(i);
  std::vector<double> ones(700 * 700, 1.0);
  NamedTensors inputs = {{"x", interpreter::Tensor::fromDoubles(f32, {6, 4}, values)},
                         {"w", interpreter::Tensor::fromDoubles(f32, {700, 700}, ones)}};
  FailureOr<NamedTensors> expected = interpreter::interpretProgram(*program, inputs, {});
  ASSERT_TRUE(succeeded(expected));
  std::optional<NamedTensors> actual = runProgram(*program, inputs);
  ASSERT_TRUE(actual);
  EXPECT_EQ(actual->size(), expected->size());
  for (auto &[name, tensor] : *expected)
    expectClose((*actual)[name], tensor, 0, name);
}

} // namespace
