// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The law that everything else stands on: every split of every op equals the whole op. An op's loops are split over the
// axes of a mesh, its operands are cut as the loop nest says, the op of each rank is built and run, and the results are
// put together (partial ones combined) and compared with the whole op. Loops that only an expansion splits, which
// communicates on its way, are tested in test/equivalence.
#include "EverySplit.h"

using namespace mlir;
using namespace partita;
using namespace partita::interpreter;

namespace {

TEST_F(EverySplitTest, LoopNestsAreSound) {
  for (const OpCase &entry : listOpCases()) {
    auto module = parse(entry.text());
    ASSERT_TRUE(module);
    Operation *op = &findGraphFunction(*module).getBody().front().front();
    EXPECT_EQ(checkLoopNest(cast<SplitOpInterface>(op).getLoopNest(), op->getOperandTypes(), op->getResultTypes()), "")
        << entry.text();
  }
}

TEST_F(EverySplitTest, UnsoundLoopNestsAreRefused) {
  auto type = RankedTensorType::get({6}, f32());
  auto problem = [&](DimExpression dim, size_t operands = 1) {
    LoopNest nest;
    nest.loops = {Loop::parallel(2, "outer"), Loop::parallel(3, "inner")};
    nest.operands.assign(operands, ValueIndexing{dim});
    return checkLoopNest(nest, TypeRange(type), TypeRange());
  };
  EXPECT_EQ(problem({{0, 3}, {1, 1}}), "");
  EXPECT_EQ(problem({}), "");
  EXPECT_EQ(problem({}, 2).rfind("SPLIT-1", 0), 0u);
  EXPECT_EQ(problem({{2, 1}}).rfind("SPLIT-2", 0), 0u);
  EXPECT_EQ(problem({{0, 2}, {1, 1}}).rfind("SPLIT-3", 0), 0u);
  EXPECT_EQ(problem({{1, 1}}).rfind("SPLIT-4", 0), 0u);
  LoopNest scalar;
  scalar.operands = {ValueIndexing{}};
  EXPECT_EQ(checkLoopNest(scalar, TypeRange(type), TypeRange()).rfind("SPLIT-1", 0), 0u);
  // Windows: 6 elements with a kernel of 3 and stride 1 have 4 positions.
  auto window = [&](WindowTerm term, int64_t positions) {
    LoopNest nest;
    nest.loops = {Loop::parallel(positions, "position")};
    nest.operands = {ValueIndexing{readThroughWindow(0, term)}};
    return checkLoopNest(nest, TypeRange(type), TypeRange());
  };
  EXPECT_EQ(window({1, 0, 0, 3, 6}, 4), "");
  EXPECT_EQ(window({1, 1, 0, 3, 6}, 5), "");
  EXPECT_EQ(window({1, 0, 0, 3, 6}, 5).rfind("SPLIT-5", 0), 0u);
  EXPECT_EQ(window({1, 0, 0, 3, 7}, 5).rfind("SPLIT-5", 0), 0u);
  EXPECT_EQ(window({0, 0, 0, 3, 6}, 4).rfind("SPLIT-5", 0), 0u);
  EXPECT_EQ(window({1, 0, 0, 0, 6}, 7).rfind("SPLIT-5", 0), 0u);
}

TEST_F(EverySplitTest, OneLoop) {
  std::map<std::string, int> splits;
  for (const OpCase &entry : listOpCases()) {
    SCOPED_TRACE(entry.text());
    auto subject = prepare(entry);
    ASSERT_TRUE(subject);
    for (size_t loop = 0; loop < subject->nest.loops.size(); ++loop) {
      if (subject->nest.loops[loop].kind == LoopKind::whole) {
        EXPECT_NE(subject->nest.loops[loop].reason, "");
        continue;
      }
      if (subject->nest.loops[loop].kind == LoopKind::expand)
        continue;
      for (int64_t parts : {2, 3, 5})
        for (int64_t unit : {1, 2}) {
          Assignment assignment(subject->nest.loops.size());
          assignment[loop] = {{"a", unit}};
          SCOPED_TRACE("loop " + subject->nest.loops[loop].label + " over " + std::to_string(parts) + " in units of " +
                       std::to_string(unit));
          splits[subject->op->getName().getStringRef().str()] += checkSplit(*subject, assignment, makeMesh({parts}));
        }
    }
  }
  // Every op but the constant, which is replicated, can be split.
  EXPECT_EQ(splits.size(), 30u);
  for (auto &[name, count] : splits)
    EXPECT_GE(count, 6) << name;
}

TEST_F(EverySplitTest, TwoLoops) {
  int splits = 0;
  for (const OpCase &entry : listOpCases()) {
    SCOPED_TRACE(entry.text());
    auto subject = prepare(entry);
    ASSERT_TRUE(subject);
    size_t count = subject->nest.loops.size();
    for (size_t first = 0; first < count; ++first)
      for (size_t second = 0; second < count; ++second) {
        auto isOneOp = [&](size_t loop) {
          LoopKind kind = subject->nest.loops[loop].kind;
          return kind != LoopKind::whole && kind != LoopKind::expand;
        };
        if (!isOneOp(first) || !isOneOp(second))
          continue;
        for (auto [p, q] : {std::pair<int64_t, int64_t>{2, 2}, {2, 3}, {3, 2}}) {
          // Twice the same loop: one split inside the other.
          Assignment assignment(count);
          assignment[first].push_back({"a", 1});
          assignment[second].push_back({"b", 1});
          SCOPED_TRACE("loops " + std::to_string(first) + ", " + std::to_string(second) + " over " + std::to_string(p) +
                       ", " + std::to_string(q));
          splits += checkSplit(*subject, assignment, makeMesh({p, q}));
        }
      }
  }
  EXPECT_GT(splits, 1000);
}

/// A wrong answer about splitting does not pass: what the laws above would say of one.
TEST_F(EverySplitTest, WrongPlacementsAreCaught) {
  auto fails = [&](const OpCase &entry, size_t loop, int64_t unit, bool forgetPartial, StringRef code) {
    auto subject = prepare(entry);
    ASSERT_TRUE(subject);
    plan::MeshAttr mesh = makeMesh({3});
    std::vector<Scope> ranks = listRanks(*subject, mesh);
    Assignment assignment(subject->nest.loops.size());
    assignment[loop] = {{"a", unit}};
    if (!forgetPartial) // The unit of the wrong side: the operand is cut in finer units than the result.
      for (DimExpression &dim : subject->nest.operands[0])
        for (DimTerm &term : dim)
          term.coefficient = 1;
    SmallVector<Type> operandTypes;
    for (auto [index, operand] : llvm::enumerate(subject->operands))
      operandTypes.push_back(localType(cast<RankedTensorType>(subject->op->getOperand(index).getType()),
                                       *placeDims(subject->nest, subject->nest.operands[index], assignment, mesh), {},
                                       ranks));
    RankedTensorType resultType =
        localType(cast<RankedTensorType>(subject->op->getResult(0).getType()),
                  *placeDims(subject->nest, subject->nest.results[0], assignment, mesh), {}, ranks);
    OwningOpRef<ModuleOp> scratch = ModuleOp::create(subject->op->getLoc());
    Operation *local = buildLocal(*subject, operandTypes, resultType, *scratch);
    SmallVector<Tensor> results;
    diagnostics.clear();
    for (const Scope &rank : ranks) {
      SmallVector<Tensor> own;
      for (auto [type, operand] : llvm::zip(operandTypes, subject->operands)) {
        Box box = *rank.findBox(cast<RankedTensorType>(type));
        own.push_back(cutBox(operand, box.offset, box.extent));
      }
      auto result = evaluate(local, own, Context{{}, rank});
      results.push_back(succeeded(result) ? result->front() : Tensor());
    }
    SmallVector<Piece> pieces;
    for (auto [scope, result] : llvm::zip(ranks, results))
      pieces.push_back({&scope, &result});
    if (results.front().isPresent()) {
      const Tensor &whole = subject->control.reference;
      EXPECT_TRUE(failed(assemble(local, pieces, resultType, {Shape(whole.getRank(), 0), Shape(whole.getShape())})));
    }
    EXPECT_NE(diagnostics.find(code.str()), std::string::npos) << diagnostics;
  };
  // A product whose summed loop is split is partial; as a replicated value its replicas differ.
  fails({R"(contraction "op" (%a0, %a1) "mk,kn->mn")", {"tensor<5x7xf32>", "tensor<7x4xf32>"}, "tensor<5x4xf32>"}, 2, 1,
        /*forgetPartial=*/true, "E-REPLICA-MISMATCH");
  // Two heads of four: cut into eight single elements the parts are no heads any more.
  fails({R"(reshape "op" (%a0))", {"tensor<3x8xf32>"}, "tensor<3x2x4xf32>"}, 1, 1, /*forgetPartial=*/false,
        "E-BAD-INPUT");
}

/// A halo that is one element too small or lies one element off does not pass.
TEST_F(EverySplitTest, WrongHalosAreCaught) {
  OpCase entry{"convolution \"op\" (%a0, %a1) strides [1] padding [1, 1] dilations [1] groups 1",
               {"tensor<1x2x9xf32>", "tensor<3x2x3xf32>"},
               "tensor<1x3x9xf32>"};
  for (WindowTerm wrong :
       {WindowTerm{1, 1, 0, 2}, WindowTerm{1, 0, 1, 2}, WindowTerm{1, 2, 0, 3}, WindowTerm{1, 0, 2, 3}}) {
    auto subject = prepare(entry);
    ASSERT_TRUE(subject);
    subject->nest.operands[0][2].window = wrong;
    plan::MeshAttr mesh = makeMesh({3});
    Assignment assignment(subject->nest.loops.size());
    assignment[3] = {{"a", 1}};
    std::vector<Scope> ranks = listRanks(*subject, mesh);
    SmallVector<Type> types;
    for (auto [index, operand] : llvm::enumerate(subject->operands))
      types.push_back(localType(cast<RankedTensorType>(subject->op->getOperand(index).getType()),
                                *placeDims(subject->nest, subject->nest.operands[index], assignment, mesh), {}, ranks));
    RankedTensorType resultType =
        localType(cast<RankedTensorType>(subject->op->getResult(0).getType()),
                  *placeDims(subject->nest, subject->nest.results[0], assignment, mesh), {}, ranks);
    OwningOpRef<ModuleOp> scratch = ModuleOp::create(subject->op->getLoc());
    Operation *local = buildLocal(*subject, types, resultType, *scratch);
    bool caught = false;
    for (const Scope &rank : ranks) {
      SmallVector<Tensor> own;
      for (auto [type, operand] : llvm::zip(types, subject->operands)) {
        Box box = *rank.findBox(cast<RankedTensorType>(type));
        own.push_back(cutBox(operand, box.offset, box.extent));
      }
      caught |= failed(evaluate(local, own, Context{{}, rank}));
    }
    EXPECT_TRUE(caught);
    EXPECT_NE(diagnostics.find("E-BAD-INPUT"), std::string::npos) << diagnostics;
  }
}

} // namespace
