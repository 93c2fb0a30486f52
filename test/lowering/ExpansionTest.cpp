// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that are split by their expansion, as machine code of several ranks: against the interpreter's run of the same
// program and of the whole op. Uneven and empty parts, masks that hide whole rows.
#include "JitProgram.h"
#include "mlir/AsmParser/AsmParser.h"
#include "partita/dialects/plan/Plan.h"
#include "partita/interpreter/Verify.h"
#include "partita/partition/Partition.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::lowering::test;
using interpreter::NamedTensors;

namespace {

struct Split {
  const char *name, *mesh, *loops, *text;
};

void PrintTo(const Split &split, std::ostream *stream) { *stream << split.name; }

class Expansions : public testing::TestWithParam<Split> {};

TEST_P(Expansions, EqualTheWholeOp) {
  const Split &split = GetParam();
  auto context = makeContext();
  OwningOpRef<ModuleOp> module =
      parse(*context, "partita_plan.stage @s on " + std::string(split.mesh) + "\nfunc.func @main" + split.text);
  ASSERT_TRUE(module);
  func::FuncOp function = interpreter::findGraphFunction(*module);
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    function.setArgAttr(index, "partita.name", StringAttr::get(context.get(), "a" + std::to_string(index)));
    function.setArgAttr(index, "partita.role", StringAttr::get(context.get(), "input"));
  }
  function.setResultAttr(0, "partita.name", StringAttr::get(context.get(), "r"));
  NamedTensors inputs = interpreter::makeRandomInputs(function, {}, {}, 3);
  FailureOr<interpreter::Control> control = interpreter::runControl(function, inputs, /*withOps=*/false);
  ASSERT_TRUE(succeeded(control));
  Operation *op = function.getBody().front().back().getPrevNode();
  op->setAttr(plan::kLoopsAttr, parseAttribute("#partita_plan.loops<" + std::string(split.loops) + ">", context.get()));
  ASSERT_TRUE(succeeded(partition::completePlan(function)) && succeeded(partition::partitionModule(*module)) &&
              succeeded(partition::verifyPlacements(*module)) && succeeded(partition::outlineSegments(*module)));
  FailureOr<NamedTensors> expected = interpreter::interpretProgram(*module, inputs, {});
  ASSERT_TRUE(succeeded(expected));
  std::optional<NamedTensors> actual = runProgram(*module, inputs);
  ASSERT_TRUE(actual);
  bool isNarrow = std::string(split.text).find("bf16") != std::string::npos;
  for (auto &[name, tensor] : *expected) {
    expectClose((*actual)[name], tensor, isNarrow ? 8e-3 : 1e-5, name);
    interpreter::Comparison comparison = interpreter::compare(tensor, control->results.at(name));
    EXPECT_TRUE(comparison.passed) << comparison.error << " over " << comparison.tolerance;
  }
}

const char *const kNorm =
    "(%x: tensor<3x7xf32>, %s: tensor<7xf32>, %b: tensor<7xf32>) -> tensor<3x7xf32> {"
    "%r = partita_graph.layer_norm \"r\" (%x, %s, %b) axis 1 epsilon 1.0e-5 : (tensor<3x7xf32>, tensor<7xf32>, "
    "tensor<7xf32>) -> tensor<3x7xf32> return %r : tensor<3x7xf32> }";
const char *const kRmsNorm =
    "(%x: tensor<3x2x5xbf16>, %s: tensor<2x5xbf16>) -> tensor<3x2x5xbf16> {"
    "%r = partita_graph.rms_norm \"r\" (%x, %s) axis 1 epsilon 1.0e-5 : (tensor<3x2x5xbf16>, tensor<2x5xbf16>) -> "
    "tensor<3x2x5xbf16> return %r : tensor<3x2x5xbf16> }";
const char *const kSoftmax = "(%x: tensor<4x9xf32>) -> tensor<4x9xf32> {"
                             "%r = partita_graph.softmax \"r\" (%x) dim 1 : (tensor<4x9xf32>) -> tensor<4x9xf32> "
                             "return %r : tensor<4x9xf32> }";
const char *const kCausal =
    "(%q: tensor<1x4x3x8xf32>, %k: tensor<1x2x5x8xf32>, %v: tensor<1x2x5x6xf32>) -> tensor<1x4x3x6xf32> {"
    "%r = partita_graph.attention \"r\" (%q, %k, %v) scale 0.35 causal true : (tensor<1x4x3x8xf32>, "
    "tensor<1x2x5x8xf32>, tensor<1x2x5x6xf32>) -> tensor<1x4x3x6xf32> return %r : tensor<1x4x3x6xf32> }";
const char *const kDecode =
    "(%q: tensor<1x2x1x8xbf16>, %k: tensor<1x1x33x8xbf16>, %v: tensor<1x1x33x8xbf16>) -> tensor<1x2x1x8xbf16> {"
    "%r = partita_graph.attention \"r\" (%q, %k, %v) scale 0.35 causal true : (tensor<1x2x1x8xbf16>, "
    "tensor<1x1x33x8xbf16>, tensor<1x1x33x8xbf16>) -> tensor<1x2x1x8xbf16> return %r : tensor<1x2x1x8xbf16> }";
// The first query sees no key at all.
const char *const kMask =
    "(%q: tensor<1x2x2x4xf32>, %k: tensor<1x2x3x4xf32>, %v: tensor<1x2x3x4xf32>) -> tensor<1x2x2x4xf32> {"
    "%m = partita_graph.constant \"m\" dense<[[[[0xFF800000, 0xFF800000, 0xFF800000], [0.5, 0xFF800000, 0.0]]]]> : "
    "tensor<1x1x2x3xf32> : tensor<1x1x2x3xf32> "
    "%r = partita_graph.attention \"r\" (%q, %k, %v, %m) scale 0.5 causal false : (tensor<1x2x2x4xf32>, "
    "tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>, tensor<1x1x2x3xf32>) -> tensor<1x2x2x4xf32> "
    "return %r : tensor<1x2x2x4xf32> }";

const char *const kThree = "<[\"x\"=3], devices = [0, 1, 2]>";
const char *const kFour = "<[\"x\"=2, \"y\"=2], devices = [0, 1, 2, 3]>";

INSTANTIATE_TEST_SUITE_P(
    Splits, Expansions,
    testing::Values(Split{"softmax", kThree, R"([[], ["x"]])", kSoftmax},
                    Split{"softmax_both_dims", kFour, R"([["x"], ["y"]])", kSoftmax},
                    Split{"layer_norm", kThree, R"([[], ["x"]])", kNorm},
                    Split{"layer_norm_nested", kFour, R"([[], ["x", "y"]])", kNorm},
                    Split{"rms_norm_two_dims", kFour, R"([[], ["x"], ["y"]])", kRmsNorm},
                    Split{"attention_keys", kThree, R"([[], [], [], [], [], ["x"], []])", kCausal},
                    Split{"attention_keys_and_heads", kFour, R"([[], ["x"], [], [], [], ["y"], []])", kCausal},
                    Split{"attention_keys_and_queries", kFour, R"([[], [], [], ["x"], [], ["y"], []])", kCausal},
                    Split{"attention_keys_some_empty", "<[\"x\"=7], devices = [0, 1, 2, 3, 4, 5, 6]>",
                          R"([[], [], [], [], [], ["x"], []])", kCausal},
                    Split{"attention_decode", kThree, R"([[], [], [], [], [], ["x"], []])", kDecode},
                    Split{"attention_hidden_row", kThree, R"([[], [], [], [], [], ["x"], []])", kMask}),
    [](const testing::TestParamInfo<Split> &info) { return std::string(info.param.name); });

} // namespace
