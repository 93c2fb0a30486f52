//===- ImportTest.cpp - ONNX graphs become the graph dialect -------------------===//
#include "partita/import/Import.h"

#include "ImportHelpers.h"
#include "partita/import/Zoo.h"

#include "gtest/gtest.h"

using namespace partita::import;
namespace onnx = partita::onnx;

namespace {

class Import : public ImportTest {};

TEST_F(Import, Mlp) {
  std::string text = importZoo({"mlp", {}, 1});
  EXPECT_EQ(diagnostics, "");
  EXPECT_EQ(count(text, "partita_graph.contraction"), 2);
  EXPECT_EQ(count(text, "partita_graph.transpose"), 0);
}

TEST_F(Import, GptSplitsItsFusedProjection) {
  std::string text =
      importZoo({"gpt", {{"layers", "2"}, {"hidden", "48"}, {"heads", "12"}, {"vocab", "100"}, {"seq", "16"}}, 1});
  EXPECT_EQ(diagnostics, "");
}

} // namespace
