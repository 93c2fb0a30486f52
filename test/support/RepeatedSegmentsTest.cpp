// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/support/RepeatedSegments.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;

namespace {

class RepeatedSegmentsTest : public ::testing::Test {
protected:
  RepeatedSegmentsTest() {
    context.loadDialect<func::FuncDialect>();
    context.allowUnregisteredDialects();
  }

  /// The segments of a function of `numWeights` arguments %w0... beside %x and %mask, whose body is `body`.
  std::vector<RepeatedSegment> find(const std::string &body, const std::string &result, int numWeights,
                                    SegmentOptions options = {}) {
    std::string text = "func.func @f(%x: tensor<4xf32>, %mask: tensor<4xf32>";
    for (int i = 0; i < numWeights; ++i)
      text += ", %w" + std::to_string(i) + ": tensor<4xf32>";
    text += ") -> tensor<4xf32> {\n" + body + "return " + result + " : tensor<4xf32>\n}\n";
    module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      return {};
    order = orderCanonically((*module->getOps<func::FuncOp>().begin()).getBody().front());
    return findRepeatedSegments(order, options);
  }

  static std::string op(const std::string &result, const std::string &name, std::vector<std::string> operands,
                        const std::string &attributes = "") {
    std::string text = result + " = \"" + name + "\"(", types = "(";
    for (size_t i = 0; i < operands.size(); ++i) {
      text += (i ? ", " : "") + operands[i];
      types += std::string(i ? ", " : "") + "tensor<4xf32>";
    }
    return text + ") {" + attributes + "} : " + types + ") -> tensor<4xf32>\n";
  }

  /// norm, fc, mask, add; the norm is written in front or behind to shuffle the file.
  static std::string layer(int i, const std::string &input, const std::string &mask) {
    std::string n = std::to_string(i);
    return op("%norm" + n, "t.norm", {input}, "name = \"norm" + n + "\"") +
           op("%fc" + n, "t.fc", {"%norm" + n, "%w" + n}, "name = \"fc" + n + "\"") +
           op("%masked" + n, "t.mask", {"%fc" + n, mask}) + op("%y" + n, "t.add", {input, "%masked" + n});
  }

  static std::string layers(int from, int to, std::string input, const std::string &mask = "%mask") {
    std::string body;
    for (int i = from; i < to; ++i) {
      body += layer(i, input, mask);
      input = "%y" + std::to_string(i);
    }
    return body;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::vector<Operation *> order;
};

TEST_F(RepeatedSegmentsTest, findsLayersWithTheirOwnWeights) {
  auto found = find(op("%e", "t.embed", {"%x"}) + layers(0, 6, "%e") + op("%o", "t.head", {"%y5"}), "%o", 6);
  EXPECT_EQ(found, (std::vector<RepeatedSegment>{{1, 4, 6}}));
}

TEST_F(RepeatedSegmentsTest, theFirstLayerMayReadTheInput) {
  EXPECT_EQ(find(layers(0, 5, "%x"), "%y4", 5), (std::vector<RepeatedSegment>{{0, 4, 5}}));
}

TEST_F(RepeatedSegmentsTest, aMaskMadeInsideTheFirstLayerIsShared) {
  // The mask is first needed in layer 0, so in canonical order it is made there: layer 0 is longer.
  auto found = find(op("%m", "t.make", {"%mask"}) + layers(0, 5, "%x", "%m"), "%y4", 5);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].period, 4u);
  EXPECT_GE(found[0].count, 4u);
  EXPECT_GT(found[0].first, 0u);
}

TEST_F(RepeatedSegmentsTest, encoderAndDecoderAreTwoSegments) {
  std::string decoder, input = "%mid";
  for (int i = 0; i < 4; ++i) {
    std::string n = std::to_string(i);
    decoder += op("%d" + n, "t.cross", {input, "%y4"}) + op("%r" + n, "t.relu", {"%d" + n});
    input = "%r" + n;
  }
  auto found = find(layers(0, 5, "%x") + op("%mid", "t.bridge", {"%y4"}) + decoder, "%r3", 5);
  EXPECT_EQ(found, (std::vector<RepeatedSegment>{{0, 4, 5}, {21, 2, 4}}));
}

TEST_F(RepeatedSegmentsTest, theOrderInTheFileDoesNotMatter) {
  // All norms that can come early do.
  std::string a = op("%e", "t.embed", {"%x"}) + op("%free", "t.make", {"%mask"}), b = op("%free", "t.make", {"%mask"});
  b += op("%e", "t.embed", {"%x"});
  std::string rest = layers(0, 4, "%e", "%free");
  auto first = find(a + rest, "%y3", 4);
  std::vector<std::string> names;
  for (Operation *op : order)
    names.push_back(op->getName().getStringRef().str());
  auto second = find(b + rest, "%y3", 4);
  EXPECT_EQ(first, second);
  for (size_t i = 0; i < order.size(); ++i)
    EXPECT_EQ(order[i]->getName().getStringRef(), names[i]);
}

TEST_F(RepeatedSegmentsTest, connectionsAreComparedNotOnlyOps) {
  // The same sequence of ops, but the third layer adds its input to itself: %y2 = add(%y1, %y1).
  std::string body = layers(0, 2, "%x") + op("%n2", "t.norm", {"%y1"}) + op("%f2", "t.fc", {"%n2", "%w2"}) +
                     op("%m2", "t.mask", {"%f2", "%mask"}) + op("%s2", "t.add", {"%m2", "%m2"});
  EXPECT_EQ(find(body, "%s2", 3), (std::vector<RepeatedSegment>{{0, 4, 2}}));
}

TEST_F(RepeatedSegmentsTest, aLayerThatReadsTwoLayersBackDoesNotRepeat) {
  std::string body = op("%a0", "t.a", {"%x"}) + op("%b0", "t.b", {"%a0"}) + op("%a1", "t.a", {"%b0"}) +
                     op("%b1", "t.b", {"%a1"}) + op("%a2", "t.a", {"%b0"}) + op("%b2", "t.join", {"%a2", "%b1"});
  for (const RepeatedSegment &segment : find(body, "%b2", 0))
    EXPECT_LE(segment.count, 2u);
}

TEST_F(RepeatedSegmentsTest, attributesAndPlansCount) {
  std::string body = op("%a", "t.a", {"%x"}, "k = 1") + op("%b", "t.a", {"%a"}, "k = 1") +
                     op("%c", "t.a", {"%b"}, "k = 2, partita_plan.loops = 1") +
                     op("%d", "t.a", {"%c"}, "k = 2, partita_plan.loops = 2");
  SegmentOptions options{false, 1};
  EXPECT_EQ(find(body, "%d", 0, options), (std::vector<RepeatedSegment>{{0, 1, 2}, {2, 1, 2}}));
  options.comparePlan = true;
  EXPECT_EQ(find(body, "%d", 0, options), (std::vector<RepeatedSegment>{{0, 1, 2}}));
}

TEST_F(RepeatedSegmentsTest, deadOpsComeLastAndNothingIsLost) {
  find(op("%dead", "t.dead", {"%x"}) + layers(0, 2, "%x"), "%y1", 2);
  ASSERT_EQ(order.size(), 9u);
  EXPECT_EQ(order.back()->getName().getStringRef(), "t.dead");
}

TEST_F(RepeatedSegmentsTest, manyLayersAreFoundInOnePass) {
  EXPECT_EQ(find(layers(0, 200, "%x"), "%y199", 200), (std::vector<RepeatedSegment>{{0, 4, 200}}));
  // One op repeated: no period but one is worth looking at.
  std::string chain, input = "%x";
  for (int i = 0; i < 3000; ++i) {
    std::string next = "%c" + std::to_string(i);
    chain += op(next, "t.relu", {input});
    input = next;
  }
  EXPECT_EQ(find(chain, input, 0), (std::vector<RepeatedSegment>{{0, 1, 3000}}));
}

} // namespace
