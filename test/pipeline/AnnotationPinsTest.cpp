// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- AnnotationPinsTest.cpp - Shardings by hand as pins ----------------------===//
#include "Annotations.h"

#include "partita/dialects/graph/Graph.h"
#include "partita/support/Error.h"

#include "mlir/Parser/Parser.h"

#include "gtest/gtest.h"

using namespace partita;
using namespace partita::import;

namespace {

class AnnotationPinsTest : public ::testing::Test {
protected:
  AnnotationPinsTest() {
    context.loadDialect<mlir::func::FuncDialect, graph::GraphDialect, PartitaDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(R"(
      func.func @main(%x: tensor<8x6xf32> {partita.name = "x"}, %w: tensor<6x4xf32> {partita.name = "w"})
          -> tensor<8x4xf32> {
        %y = partita_graph.contraction "fc" (%x, %w) "bk,kn->bn"
            : (tensor<8x6xf32>, tensor<6x4xf32>) -> tensor<8x4xf32> loc("fc")
        %z = partita_graph.softmax "soft[0]" (%y) dim 1 : (tensor<8x4xf32>) -> tensor<8x4xf32> loc("soft[0]")
        return %z : tensor<8x4xf32>
      })",
                                                     &context);
  }

  /// "PRESET; PIN; PIN", or the error's code.
  std::string pin(std::vector<TensorSharding> atContraction, std::vector<TensorSharding> atSoftmax,
                  int64_t devices = 4) {
    ModelAnnotations annotations;
    annotations.configuration = "hand";
    annotations.devices = devices;
    annotations.nodes = {{"fc", {"x", "w"}, {"y"}, std::move(atContraction), std::nullopt},
                         {"soft[0]", {"y"}, {"z"}, std::move(atSoftmax), std::nullopt}};
    llvm::Expected<AnnotationPins> pins = makePins(*module->getOps<mlir::func::FuncOp>().begin(), annotations);
    if (!pins)
      return takeError(pins.takeError()).code;
    std::string text = pins->preset;
    for (const std::string &entry : pins->pins)
      text += "; " + entry;
    for (const std::string &note : pins->notes)
      text += "; note " + note.substr(0, note.find(" was"));
    return text;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

TEST_F(AnnotationPinsTest, OneAxis) {
  EXPECT_EQ(pin({{"x", {{0}, {1}, {2}, {3}}, {{0, 4}}}}, {}), "mesh:x=4; fc:b=x,k=none");
  // Every tensor says something of its own loops; the name of the softmax is no pattern.
  EXPECT_EQ(pin({{"w", {{0, 1, 2, 3}}, {}}}, {{"z", {{0}, {1}, {2}, {3}}, {{0, 4}}}}),
            "mesh:x=4; fc:k=none,n=none; soft\\[0\\]:d0=x,d1=none");
}

TEST_F(AnnotationPinsTest, TwoAxesComeFromWhichDevicesHoldCopies) {
  TensorSharding rows{"x", {{0, 1}, {2, 3}}, {{0, 2}}}, columns{"w", {{0, 2}, {1, 3}}, {{1, 2}}};
  EXPECT_EQ(pin({rows, columns}, {}), "mesh:x=2,y=2; fc:b=x,k=none,n=y");
  // Along k, and the result on all devices.
  EXPECT_EQ(pin({{"x", {{0}, {1}, {2}, {3}}, {{0, 2}, {1, 2}}}, {"y", {{0, 1}, {2, 3}}, {{0, 2}}}}, {}),
            "mesh:x=2,y=2; fc:b=x,k=y,n=none");
  EXPECT_EQ(pin({rows, {"w", {{0}, {1}, {2}, {3}}, {{-1, 4}}}}, {}), "E-ANNOTATION");
}

TEST_F(AnnotationPinsTest, BothAxesCutOneDim) {
  // Shard 2x + y is on device 2x + y; shard x + 2y with the axes the other way around.
  EXPECT_EQ(pin({{"x", {{0}, {2}, {1}, {3}}, {{0, 4}}}}, {}), "mesh:x=2,y=2; fc:b=y+x,k=none");
}

TEST_F(AnnotationPinsTest, RefusesWhatNoMeshHas) {
  EXPECT_EQ(pin({{"x", {{0, 1, 2}, {3}}, {{0, 2}}}}, {}), "E-ANNOTATION");
  EXPECT_EQ(pin({{"x", {{0}, {1}}, {{0, 2}}}}, {}), "E-ANNOTATION");
  EXPECT_EQ(pin({{"x", {{0, 1}, {2, 3}}, {{0, 2}}}, {"y", {{0, 1, 2, 3}}, {}}}, {}), "E-ANNOTATION");
  EXPECT_EQ(pin({{"x", {{0}, {1}, {2}, {3}}, {{2, 4}}}}, {}), "E-ANNOTATION");
}

TEST_F(AnnotationPinsTest, SaysWhatItCouldNotUse) {
  EXPECT_EQ(pin({{"q", {{0}, {1}, {2}, {3}}, {{0, 4}}}}, {}), "mesh:x=4; note the sharding of 'q' at node 'fc'");
  EXPECT_EQ(pin({}, {}), "");
}

} // namespace
