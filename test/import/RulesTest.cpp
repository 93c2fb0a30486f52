// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- RulesTest.cpp - Rule files and their formulas ---------------------------===//
#include "partita/import/Rules.h"
#include "TestFiles.h"

#include "gtest/gtest.h"

using namespace partita::import;

namespace {

Formula parse(const std::string &text) {
  std::string problem;
  std::optional<Formula> formula = parseFormula(text, problem);
  EXPECT_TRUE(formula.has_value()) << problem;
  return formula.value_or(Formula());
}

std::string findProblem(const std::string &text) {
  std::string problem;
  EXPECT_FALSE(parseFormula(text, problem).has_value()) << text;
  return problem;
}

TEST(FormulaTest, SumsOfProducts) {
  EXPECT_EQ(parse("2 * row * k + row"), (Formula{{{"k", "row"}, 2}, {{"row"}, 1}}));
  EXPECT_EQ(parse("k*row*2+row"), parse("2 * row * k + row")) << "the order of factors says nothing";
  EXPECT_EQ(parse("7"), (Formula{{{}, 7}}));
  EXPECT_EQ(parse("0.25*@window"), (Formula{{{"@window"}, 0.25}}));
  EXPECT_EQ(parse("0"), Formula());
}

TEST(FormulaTest, ParenthesesAreMultipliedOut) {
  EXPECT_EQ(parse("(a + 2) * (a - 2)"), (Formula{{{"a", "a"}, 1}, {{}, -4}}));
  EXPECT_EQ(parse("a - (b - (c - 3))"), (Formula{{{"a"}, 1}, {{"b"}, -1}, {{"c"}, 1}, {{}, -3}}));
  EXPECT_EQ(parse("a - b - c"), (Formula{{{"a"}, 1}, {{"b"}, -1}, {{"c"}, -1}})) << "from the left";
  EXPECT_EQ(parse("a + b * c"), (Formula{{{"a"}, 1}, {{"b", "c"}, 1}}));
  EXPECT_EQ(parse("a * b - b * a"), Formula()) << "what cancels is gone";
  EXPECT_EQ(parse("((((((((((((((a))))))))))))))"), (Formula{{{"a"}, 1}}));
}

TEST(FormulaTest, WhatIsNoneIsSaidWhere) {
  EXPECT_NE(findProblem("2 * row / k").find("'2 * row / k' is none from '/ k' on"), std::string::npos);
  EXPECT_NE(findProblem("a +").find("from '' on"), std::string::npos);
  for (const char *text : {"", "a b", "(a", "a)", "*a", "@", "-a", "1.2.3", "a ** b", "a + @ b", "()", "2x"})
    EXPECT_NE(findProblem(text), "") << text;
  EXPECT_NE(findProblem(std::string(100000, '(')), "") << "depth is bounded";
  std::string square = "(a0";
  for (int i = 1; i < 17; ++i)
    square += "+a" + std::to_string(i);
  square += ")";
  EXPECT_NE(findProblem(square + "*" + square), "") << "so is the number of terms";
}

class RuleFile : public ::testing::Test {
protected:
  std::string write(const std::string &rules) {
    return folder.write("rules.json", R"({"schema": "partita.rules/1", "rules": [)" + rules + "]}");
  }
  /// The problems of a file with the rule.
  std::string problemOf(const std::string &rule) {
    llvm::Expected<std::vector<OpRule>> rules = readRules(write(rule));
    return rules ? "" : takeText(rules.takeError());
  }
  TestFolder folder;
};

TEST_F(RuleFile, EveryField) {
  llvm::Expected<std::vector<OpRule>> rules = readRules(write(R"({
      "domain": "ai.onnx", "op": "Mix",
      "loops": {"row": "parallel", "lane": {"kind": "whole", "reason": "why", "extent": "2 * @heads"}, "k": "sum"},
      "inputs": [["row", ["k", "lane"]], null, "constant", [null, "k"]],
      "outputs": [["row"], [null]], "linear": [[0], [1, 3]],
      "operations": "row * k", "unit": "matrix", "body": "sub/mix.onnx", "elements": [0, 3]
    }, {"op": "Other", "domain": "com.example", "outputs": [[]], "body": "/mix.onnx"})"));
  ASSERT_TRUE(static_cast<bool>(rules)) << takeText(rules.takeError());
  ASSERT_EQ(rules->size(), 2u);
  const OpRule &rule = rules->front();
  EXPECT_EQ(rule.getName(), "Mix") << "the standard domain has no name";
  ASSERT_EQ(rule.loops.size(), 3u);
  const LoopRule *lane = rule.findLoop("lane");
  ASSERT_TRUE(lane);
  EXPECT_EQ(lane->kind, "whole");
  EXPECT_EQ(lane->reason, "why");
  EXPECT_EQ(lane->extent, parse("2 * @heads"));
  EXPECT_EQ(rule.findLoop("row")->kind, "parallel");
  EXPECT_EQ(rule.findLoop("k")->kind, "sum");
  EXPECT_FALSE(rule.findLoop("x"));
  ASSERT_EQ(rule.inputs.size(), 4u);
  EXPECT_EQ(rule.inputs[0].dims, (std::vector<DimRule>{{"row"}, {"k", "lane"}}));
  EXPECT_FALSE(rule.inputs[1].dims || rule.inputs[1].isConstant);
  EXPECT_TRUE(rule.inputs[2].isConstant);
  EXPECT_EQ(rule.inputs[3].dims, (std::vector<DimRule>{{}, {"k"}}));
  EXPECT_EQ(rule.outputs, (std::vector<std::vector<DimRule>>{{{"row"}}, {{}}}));
  EXPECT_EQ(rule.linear, (std::vector<std::vector<unsigned>>{{0}, {1, 3}}));
  EXPECT_EQ(rule.operations, parse("k * row"));
  EXPECT_EQ(rule.unit, "matrix");
  EXPECT_EQ(rule.elements, (std::vector<unsigned>{0, 3}));
  EXPECT_EQ(rule.body, folder.path("sub/mix.onnx")) << "beside the rule file";
  EXPECT_EQ(rules->back().body, "/mix.onnx");
  EXPECT_EQ(rules->back().getName(), "com.example.Other");
  EXPECT_EQ(rules->back().unit, "vector");
}

TEST_F(RuleFile, MistakesNameTheirPlace) {
  struct Mistake {
    const char *rule, *place, *said;
  };
  const Mistake mistakes[] = {
      {R"({"op": "A", "outputs": [["i"]]})", "/rules/0/outputs/0/0", "there is no loop 'i'"},
      {R"({"op": "", "outputs": [[]]})", "/rules/0/op", "the name of an operator"},
      {R"({"outputs": [[]]})", "/rules/0", "op"},
      {R"({"op": "A", "outputs": []})", "/rules/0/outputs", ""},
      {R"({"op": "A", "outputs": [[]], "color": 1})", "/rules/0", "color"},
      {R"({"op": "A", "outputs": [[]], "loops": {"i": "sideways"}})", "/rules/0/loops/i", ""},
      {R"({"op": "A", "outputs": [[]], "loops": {"1": "sum"}})", "/rules/0/loops/1", "no name of a loop"},
      {R"({"op": "A", "outputs": [[]], "loops": {"i": {"kind": "whole", "extent": "j"}}})", "/rules/0",
       "a formula names 'j'"},
      {R"({"op": "A", "outputs": [[]], "operations": "2 *"})", "/rules/0/operations", "expected a sum of products"},
      {R"({"op": "A", "outputs": [[]], "inputs": ["variable"]})", "/rules/0/inputs/0", "constant"},
      {R"({"op": "A", "outputs": [[]], "inputs": ["constant"], "linear": [[0]]})", "/rules/0/linear/0",
       "input 0 is a constant"},
      {R"({"op": "A", "outputs": [[]], "inputs": [null], "linear": [[]]})", "/rules/0/linear/0", "at least one input"},
      {R"({"op": "A", "outputs": [[]], "inputs": [null], "linear": [[1]]})", "/rules/0/linear/0", ""},
      {R"({"op": "A", "loops": {"i": "parallel", "j": "parallel"}, "outputs": [[["i", "j"]]]})",
       "/rules/0/outputs/0/0/1", "cannot be cut; make it whole"},
      {R"({"op": "A", "outputs": [[]]}, {"op": "A", "domain": "ai.onnx", "outputs": [[]]})", "/rules/1",
       "there is a rule for 'A' already"},
  };
  for (const Mistake &mistake : mistakes) {
    std::string problem = problemOf(mistake.rule);
    EXPECT_NE(problem.find("E-BAD-FILE"), std::string::npos) << mistake.rule << "\n" << problem;
    EXPECT_NE(problem.find(mistake.place), std::string::npos) << mistake.rule << "\n" << problem;
    EXPECT_NE(problem.find(mistake.said), std::string::npos) << mistake.rule << "\n" << problem;
  }
}

TEST_F(RuleFile, OtherSchemasAndMissingFiles) {
  auto problem = [](llvm::Expected<std::vector<OpRule>> rules) { return rules ? "" : takeText(rules.takeError()); };
  EXPECT_NE(problem(readRules(folder.write("r.json", R"({"schema": "partita.rules/2", "rules": []})"))), "");
  EXPECT_NE(problem(readRules(folder.write("r.json", "[]"))), "");
  EXPECT_NE(problem(readRules(folder.path("none.json"))).find("E-BAD-FILE"), std::string::npos);
}

} // namespace
