// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "LocalPrograms.h"
#include "TestPrograms.h"

using namespace partita;
using namespace partita::interpreter;
using Numbers = std::vector<double>;

class ProgramTest : public Programs {
protected:
  static std::string replaced(std::string text, const std::string &from, const std::string &to) {
    size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return at == std::string::npos ? text : text.replace(at, from.size(), to);
  }

  NamedTensors arguments() {
    return {{"x", varied(f32(), {6, 4}, 1)}, {"w1", varied(f32(), {4, 6}, 2)}, {"w2", varied(f32(), {6, 4}, 3)}};
  }

  /// One function of stage @s over `mesh`, one event; whole argument "x", result "y".
  Tensor runOneStage(const std::string &mesh, const std::string &from, const std::string &body, const std::string &to,
                     Tensor x, const std::string &devices) {
    auto module = parse("partita_plan.stage @s on " + mesh + "\nfunc.func @s_forward(%x: " + from +
                        " {partita.name = \"x\"}) -> (" + to +
                        " {partita.name = \"y\"}) attributes {partita_collective.stage = @s, "
                        "partita_collective.event = \"forward\"} {\n" +
                        body + "\nreturn %r : " + to +
                        " }\npartita_collective.program @main role \"worker\" phase \"step\" stages [@s] events "
                        "[#partita_collective.events<devices = " +
                        devices + ", [<forward @s, 0>]>]");
    if (!module)
      return {};
    auto results = interpretProgram(*module, {{"x", x}}, {});
    return llvm::succeeded(results) ? (*results)["y"] : Tensor();
  }
};

static std::string part(const std::string &shape, const std::string &whole, const std::string &placement) {
  return "tensor<" + shape + "xf32, #partita_plan.part<tensor<" + whole + "xf32>, <" + placement + ">>>";
}

TEST_F(ProgramTest, TwoStagesOfTwoRanksAndThreeMicroBatchesEqualTheGraph) {
  auto graph = parse(kGraph), program = parse(kTwoStages);
  ASSERT_TRUE(graph && program);
  auto control = runControl(findGraphFunction(*graph), arguments(), false);
  auto results = interpretProgram(*program, arguments(), {});
  ASSERT_TRUE(llvm::succeeded(control) && llvm::succeeded(results)) << diagnostics;
  ASSERT_EQ(results->size(), 1u);
  EXPECT_TRUE(compare((*results)["z"], control->results["z"]).passed);
  // In double precision only the order of the sums is left.
  RunOptions options;
  options.arithmetic.doublePrecision = true;
  auto reference = interpretProgram(*program, arguments(), options);
  ASSERT_TRUE(llvm::succeeded(reference));
  EXPECT_LE(findLargestError((*reference)["z"], control->results["z"].reference), 1e-15);
}

TEST_F(ProgramTest, ACycleOfWaitsIsADeadlock) {
  auto program = parse(replaced(kTwoStages, "<forward @a, 0>, <send @c, 0>", "<send @c, 0>, <forward @a, 0>"));
  ASSERT_TRUE(program);
  EXPECT_FALSE(llvm::succeeded(interpretProgram(*program, arguments(), {})));
  EXPECT_NE(diagnostics.find("E-DEADLOCK"), std::string::npos) << diagnostics;
  EXPECT_NE(diagnostics.find("device 0 waits at event 0"), std::string::npos) << diagnostics;
  EXPECT_NE(diagnostics.find("send @c"), std::string::npos) << diagnostics;
}

TEST_F(ProgramTest, DevicesOfOneStageInDifferentOrdersDeadlock) {
  auto program = parse(replaced(
      kTwoStages, "#partita_collective.events<devices = [0, 1], [<forward @a, 0>, <send @c, 0>,",
      "#partita_collective.events<devices = [1], [<forward @a, 1>]>, #partita_collective.events<devices = [0], "
      "[<forward @a, 0>, <send @c, 0>,"));
  ASSERT_TRUE(program);
  EXPECT_FALSE(llvm::succeeded(interpretProgram(*program, arguments(), {})));
  EXPECT_NE(diagnostics.find("E-DEADLOCK"), std::string::npos) << diagnostics;
}

TEST_F(ProgramTest, AForwardWithoutItsReceiveDeadlocks) {
  auto program = parse(replaced(kTwoStages, "<receive @c, 1>, ", ""));
  ASSERT_TRUE(program);
  EXPECT_FALSE(llvm::succeeded(interpretProgram(*program, arguments(), {})));
  EXPECT_NE(diagnostics.find("E-DEADLOCK"), std::string::npos) << diagnostics;
}

TEST_F(ProgramTest, AMissingMicroBatchLeavesTheOutputIncomplete) {
  std::string text = replaced(kTwoStages, ", <receive @c, 2>, <forward @b, 2>", "");
  auto program = parse(text);
  ASSERT_TRUE(program);
  EXPECT_FALSE(llvm::succeeded(interpretProgram(*program, arguments(), {})));
  EXPECT_NE(diagnostics.find("E-SPMD-TYPE"), std::string::npos) << diagnostics;
}

TEST_F(ProgramTest, RanksThatShouldAgreeButDoNotAreCaught) {
  // iota along the split dim differs between ranks; a retyped result claims that it does not.
  std::string split = part("2", "4", R"([["t"]])"), replicated = part("2", "2", "[[]]");
  Tensor y = runOneStage(R"(<["t"=2], devices = [0, 1]>)", split,
                         "%r = partita_graph.elementwise \"e\" neg(%x) : (" + split + ") -> " + replicated, replicated,
                         varied(f32(), {4}), "[0, 1]");
  EXPECT_FALSE(y.isPresent());
  EXPECT_NE(diagnostics.find("E-REPLICA-MISMATCH"), std::string::npos) << diagnostics;
}

TEST_F(ProgramTest, EveryStepByItsDefinition) {
  Tensor x = varied(f32(), {5, 7}, 4);
  const std::string mesh = R"(<["a"=2, "b"=3], devices = [0 to 5]>)", devices = "[0, 1, 2, 3, 4, 5]";
  auto type = [](const std::string &placement) { return part("?x?", "5x7", placement); };
  struct Step {
    std::string op, from, to, axes;
  };
  for (const Step &step : {Step{"all_gather", R"([["a"], ["b"]])", R"([["a"], []])", R"(["b"])"},
                           {"all_gather", R"([["a", "b"], []])", R"([[], []])", R"(["a", "b"])"},
                           {"slice", R"([[], ["b":2]])", R"([["a"], ["b":2]])", R"(["a"])"},
                           {"all_to_all", R"([["a"], []])", R"([[], ["a":3]])", R"(["a"])"},
                           {"exchange", R"([["a"], ["b"]])", R"([["b"], ["a"]])", R"(["a", "b"])"},
                           {"exchange", R"([["a", "b"], []])", R"([["b", "a"], []])", R"(["a", "b"])"}}) {
    std::string from = type(step.from), to = type(step.to);
    Tensor y = runOneStage(
        mesh, from, "%r = partita_collective." + step.op + " \"s\" %x over " + step.axes + " : " + from + " to " + to,
        to, x, devices);
    ASSERT_TRUE(y.isPresent()) << step.op << diagnostics;
    // The output is put together from the result's parts, and moving changes nothing.
    EXPECT_TRUE(y.isIdenticalTo(x)) << step.op;
  }
}

TEST_F(ProgramTest, PartialValuesAreMadeAndReduced) {
  Tensor x = varied(f32(), {5, 7}, 4);
  const std::string mesh = R"(<["a"=2, "b"=3], devices = [0 to 5]>)", devices = "[0, 1, 2, 3, 4, 5]";
  for (const std::string &kind : {"sum", "max", "min"}) {
    std::string whole = part("5x7", "5x7", "[[], []]"),
                partial = part("5x7", "5x7", "[[], []], partial [\"b\" " + kind + "]");
    std::string scattered = part("?x7", "5x7", R"([["b"], []])");
    for (bool scatter : {false, true}) {
      const std::string &to = scatter ? scattered : whole;
      Tensor y = runOneStage(mesh, whole,
                             "%p = partita_collective.partialize \"p\" %x over [\"b\"] : " + whole + " to " + partial +
                                 "\n%r = partita_collective." + (scatter ? "reduce_scatter" : "all_reduce") +
                                 " \"r\" %p over [\"b\"] : " + partial + " to " + to,
                             to, x, devices);
      ASSERT_TRUE(y.isPresent()) << diagnostics;
      EXPECT_TRUE(y.isIdenticalTo(x)) << kind;
    }
    // A partial output is combined when it is put together.
    Tensor y = runOneStage(mesh, whole,
                           "%r = partita_collective.partialize \"p\" %x over [\"b\"] : " + whole + " to " + partial,
                           partial, x, devices);
    EXPECT_TRUE(y.isIdenticalTo(x)) << kind;
  }
}

TEST_F(ProgramTest, AllReduceAddsUpPartsInTheOrderOfRanks) {
  // A sum over the rows of each rank: 1+2+3 (ranks hold rows [1,2], [3]) for both columns.
  std::string rows = part("?x2", "3x2", R"([["a"], []])"), partial = part("2", "2", R"([[]], partial ["a" sum])"),
              whole = part("2", "2", "[[]]");
  Tensor y = runOneStage(R"(<["a"=2], devices = [0, 1]>)", rows,
                         "%p = partita_graph.reduce \"r\" sum(%x) dims [0] : (" + rows + ") -> " + partial +
                             "\n%r = partita_collective.all_reduce \"r\" %p over [\"a\"] : " + partial + " to " + whole,
                         whole, floats({3, 2}, {1, 10, 2, 20, 3, 30}), "[0, 1]");
  ASSERT_TRUE(y.isPresent()) << diagnostics;
  EXPECT_EQ(y.toDoubles(), (Numbers{6, 60}));
}

TEST_F(ProgramTest, WrongInputsAreErrors) {
  auto program = parse(kTwoStages);
  NamedTensors wrong = arguments();
  wrong["x"] = varied(f32(), {6, 5});
  EXPECT_FALSE(llvm::succeeded(interpretProgram(*program, wrong, {})));
  wrong.erase("x");
  EXPECT_FALSE(llvm::succeeded(interpretProgram(*program, wrong, {})));
  auto graph = parse(kGraph);
  EXPECT_FALSE(llvm::succeeded(collectArguments(findGraphFunction(*graph), wrong, "")));
  wrong["x"] = varied(f64(), {6, 4});
  EXPECT_FALSE(llvm::succeeded(collectArguments(findGraphFunction(*graph), wrong, "")));
  EXPECT_EQ(diagnostics.find("E-SPMD"), std::string::npos) << diagnostics;
}

TEST_F(ProgramTest, SymbolicRowsAreDividedByTheirActualNumber) {
  std::string whole = R"(tensor<?x2xf32, #partita.shape<[<"n", 0, 9>], ()[s0] -> (s0, 2)>>)";
  std::string rows = "tensor<?x2xf32, #partita_plan.part<" + whole + R"(, <[["a"], []]>>>)",
              all = "tensor<?x2xf32, #partita_plan.part<" + whole + R"(, <[[], []]>>>)";
  for (int64_t n : {0, 1, 4, 9}) {
    Tensor x = varied(f32(), {n, 2});
    Tensor y = runOneStage(R"(<["a"=3], devices = [0 to 2]>)", rows,
                           "%r = partita_collective.all_gather \"g\" %x over [\"a\"] : " + rows + " to " + all, all, x,
                           "[0, 1, 2]");
    ASSERT_TRUE(y.isPresent()) << diagnostics;
    EXPECT_TRUE(y.isIdenticalTo(x));
  }
}
