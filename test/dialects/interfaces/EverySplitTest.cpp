// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The law that everything else stands on: every split of every op equals the whole op. An op's loops are split over the
// axes of a mesh, its operands are cut as the loop nest says, the op of each rank is built and run, and the results are
// put together (partial ones combined) and compared with the whole op. Loops that only an expansion splits, which
// communicates on its way, are tested in test/equivalence.
#include "../../interpreter/TestPrograms.h"
#include "OpCases.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace partita;
using namespace partita::interpreter;

namespace {

/// The splits of each loop: axis names with units, outermost first.
using Assignment = std::vector<std::vector<std::pair<std::string, int64_t>>>;

class EverySplitTest : public Programs {
protected:
  /// One case: the op, its whole operands and what it computes.
  struct Subject {
    OwningOpRef<ModuleOp> module;
    Operation *op = nullptr;
    NamedTensors arguments;
    SmallVector<Tensor> operands;
    SymbolValues symbols;
    LoopNest nest;
    ControlValue control;
  };

  std::optional<Subject> prepare(const OpCase &entry) {
    Subject subject;
    subject.module = parse(entry.text());
    if (!subject.module)
      return std::nullopt;
    func::FuncOp function = findGraphFunction(*subject.module);
    subject.op = &function.getBody().front().front();
    for (auto [name, value] : entry.symbols)
      subject.symbols[name] = value;
    subject.arguments = makeRandomInputs(function, {}, subject.symbols, 7);
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      subject.operands.push_back(subject.arguments[getArgumentName(function, i)]);
    subject.nest = cast<SplitOpInterface>(subject.op).getLoopNest();
    // A program without arguments learns no symbols from them, so the op is run by itself.
    subject.control = runOpControl(subject);
    return subject;
  }

  Tensor runOp(const Subject &subject, Arithmetic arithmetic) {
    SmallVector<Tensor> operands;
    for (const Tensor &operand : subject.operands) {
      Type kept = getKeptElement(operand.getElementType(), arithmetic);
      operands.push_back(kept == operand.getElementType()
                             ? operand
                             : Tensor::fromDoubles(kept, operand.getShape(), operand.toDoubles()));
    }
    auto results = evaluate(subject.op, operands, Context{arithmetic, Scope(subject.symbols)});
    EXPECT_TRUE(succeeded(results)) << diagnostics;
    return succeeded(results) ? results->front() : Tensor();
  }

  ControlValue runOpControl(const Subject &subject) {
    ControlValue control;
    control.element = cast<RankedTensorType>(subject.op->getResult(0).getType()).getElementType();
    control.reference = runOp(subject, {true, std::nullopt});
    for (uint64_t seed = 1; seed <= 4; ++seed)
      control.error = std::max(control.error, findLargestError(runOp(subject, {false, seed}), control.reference));
    return control;
  }

  /// The largest part of a loop's extent that a rank gets.
  static int64_t largestPart(int64_t extent, const std::vector<std::pair<std::string, int64_t>> &splits,
                             plan::MeshAttr mesh) {
    Interval interval{0, extent};
    for (auto &[axis, unit] : splits)
      interval = cutInterval(interval, mesh.findAxis(axis).getSize(), unit, 0);
    return interval.extent;
  }

  /// A value's placement under an assignment; nullopt when a dim's part would not be one interval: an inner loop is
  /// split while an outer one of the same dim still has several iterations in a part.
  std::optional<SmallVector<plan::DimSplitAttr>> placeDims(const LoopNest &nest, const ValueIndexing &indexing,
                                                           const Assignment &assignment, plan::MeshAttr mesh) {
    SmallVector<plan::DimSplitAttr> dims;
    for (const DimExpression &expression : indexing) {
      SmallVector<plan::SplitAttr> splits;
      bool outerIsOne = true;
      for (const DimTerm &term : expression) {
        if (!assignment[term.loop].empty() && !outerIsOne)
          return std::nullopt;
        for (auto &[axis, unit] : assignment[term.loop])
          splits.push_back(plan::SplitAttr::get(&context, axis, unit * term.coefficient));
        outerIsOne &= largestPart(nest.loops[term.loop].extent, assignment[term.loop], mesh) <= 1;
      }
      // Read through a window, a part of the dim is what its part of the positions reads.
      plan::WindowAttr window;
      if (const std::optional<WindowTerm> &read = expression.window; read && !splits.empty())
        window = plan::WindowAttr::get(&context, read->stride, read->low, read->high, read->reach);
      dims.push_back(plan::DimSplitAttr::get(&context, splits, window));
    }
    return dims;
  }

  static plan::PartialKind toPartialKind(ReductionKind kind) { return static_cast<plan::PartialKind>(kind); }

  /// Axes of reduction loops, by name, as an attribute wants them.
  SmallVector<plan::PartialAttr> findPartial(const LoopNest &nest, const Assignment &assignment) {
    std::map<std::string, plan::PartialKind> kinds;
    for (auto [loop, splits] : llvm::zip(nest.loops, assignment))
      for (auto &[axis, unit] : splits)
        if (loop.kind == LoopKind::reduction)
          kinds[axis] = toPartialKind(loop.reduction);
    SmallVector<plan::PartialAttr> partial;
    for (auto &[axis, kind] : kinds)
      partial.push_back(plan::PartialAttr::get(&context, axis, kind));
    return partial;
  }

  std::vector<Scope> listRanks(const Subject &subject, plan::MeshAttr mesh) {
    std::vector<Scope> scopes;
    for (int64_t rank = 0; rank < mesh.getNumRanks(); ++rank)
      scopes.emplace_back(subject.symbols, mesh, coordinatesOf(mesh, rank, 0));
    return scopes;
  }

  /// The local type: a dim whose extent differs between ranks, or that is symbolic, is `?`.
  RankedTensorType localType(RankedTensorType global, ArrayRef<plan::DimSplitAttr> dims,
                             ArrayRef<plan::PartialAttr> partial, ArrayRef<Scope> ranks) {
    auto part = plan::PartAttr::get(&context, global, plan::PlacementAttr::get(&context, dims, partial));
    auto type = RankedTensorType::get(global.getShape(), global.getElementType(), part);
    SmallVector<int64_t> shape(global.getShape());
    for (auto [dim, extent] : llvm::enumerate(shape)) {
      if (ShapedType::isDynamic(extent))
        continue;
      extent = ranks.front().findBox(type)->extent[dim];
      for (const Scope &rank : ranks)
        if (rank.findBox(type)->extent[dim] != extent)
          shape[dim] = ShapedType::kDynamic;
    }
    return RankedTensorType::get(shape, global.getElementType(), part);
  }

  /// Builds the op of one rank behind a function that has its operands as arguments.
  Operation *buildLocal(const Subject &subject, ArrayRef<Type> operandTypes, Type resultType, ModuleOp scratch) {
    OpBuilder builder = OpBuilder::atBlockEnd(scratch.getBody());
    auto function =
        func::FuncOp::create(builder, subject.op->getLoc(), "local", builder.getFunctionType(operandTypes, resultType));
    Block *block = function.addEntryBlock();
    builder.setInsertionPointToStart(block);
    auto index = [&](bool extent) {
      return [&, extent](unsigned, unsigned dim) -> Value {
        auto type = TypeAttr::get(resultType);
        auto number = builder.getI64IntegerAttr(dim);
        if (extent)
          return collective::ExtentOp::create(builder, subject.op->getLoc(), builder.getIndexType(), type, number);
        return collective::OffsetOp::create(builder, subject.op->getLoc(), builder.getIndexType(), type, number);
      };
    };
    Operation *local = cast<SplitOpInterface>(subject.op)
                           .createLocal(builder, block->getArguments(), resultType, index(true), index(false));
    if (local)
      func::ReturnOp::create(builder, subject.op->getLoc(), local->getResults());
    return local;
  }

  /// Runs the op on every rank and compares. `operandParts[i][rank]` are the local operands.
  void runAndCompare(const Subject &subject, Operation *local, RankedTensorType resultType,
                     ArrayRef<SmallVector<Tensor>> operandParts, ArrayRef<Scope> ranks) {
    SmallVector<Tensor> results;
    for (auto [rank, scope] : llvm::enumerate(ranks)) {
      SmallVector<Tensor> own;
      for (const SmallVector<Tensor> &parts : operandParts)
        own.push_back(parts[rank]);
      auto result = evaluate(local, own, Context{{}, scope});
      ASSERT_TRUE(succeeded(result)) << diagnostics;
      results.push_back(result->front());
    }
    SmallVector<Piece> pieces;
    for (auto [scope, result] : llvm::zip(ranks, results))
      pieces.push_back({&scope, &result});
    const Tensor &reference = subject.control.reference;
    auto whole = assemble(local, pieces, resultType, {Shape(reference.getRank(), 0), Shape(reference.getShape())});
    ASSERT_TRUE(succeeded(whole)) << diagnostics;
    Comparison comparison = compare(*whole, subject.control);
    EXPECT_TRUE(comparison.passed) << "error " << comparison.error << ", tolerance " << comparison.tolerance;
  }

  /// False when the assignment has no placement.
  bool checkSplit(const Subject &subject, const Assignment &assignment, plan::MeshAttr mesh) {
    std::vector<Scope> ranks = listRanks(subject, mesh);
    SmallVector<Type> operandTypes;
    SmallVector<SmallVector<Tensor>> operandParts;
    for (auto [index, operand] : llvm::enumerate(subject.operands)) {
      auto dims = placeDims(subject.nest, subject.nest.operands[index], assignment, mesh);
      if (!dims)
        return false;
      auto global = cast<RankedTensorType>(subject.op->getOperand(index).getType());
      RankedTensorType type = localType(global, *dims, {}, ranks);
      operandTypes.push_back(type);
      operandParts.emplace_back();
      for (const Scope &rank : ranks) {
        Box box = *rank.findBox(type);
        operandParts.back().push_back(cutBox(operand, box.offset, box.extent));
      }
    }
    auto dims = placeDims(subject.nest, subject.nest.results[0], assignment, mesh);
    if (!dims)
      return false;
    auto global = cast<RankedTensorType>(subject.op->getResult(0).getType());
    RankedTensorType resultType = localType(global, *dims, findPartial(subject.nest, assignment), ranks);
    checkLocal(subject, operandTypes, resultType, operandParts, ranks);
    return true;
  }

  void checkLocal(const Subject &subject, ArrayRef<Type> operandTypes, RankedTensorType resultType,
                  ArrayRef<SmallVector<Tensor>> operandParts, ArrayRef<Scope> ranks) {
    std::string types;
    llvm::raw_string_ostream stream(types);
    for (Type type : operandTypes)
      stream << type << " ";
    stream << "-> " << resultType;
    SCOPED_TRACE(types);
    OwningOpRef<ModuleOp> scratch = ModuleOp::create(subject.op->getLoc());
    Operation *local = buildLocal(subject, operandTypes, resultType, *scratch);
    ASSERT_TRUE(local);
    ASSERT_TRUE(succeeded(verify(*scratch))) << diagnostics;
    runAndCompare(subject, local, resultType, operandParts, ranks);
  }

  plan::MeshAttr makeMesh(std::vector<int64_t> sizes) {
    SmallVector<plan::AxisAttr> axes;
    int64_t ranks = 1;
    for (auto [index, size] : llvm::enumerate(sizes)) {
      axes.push_back(
          plan::AxisAttr::get(&context, std::string(1, static_cast<char>('a' + index)), size, plan::AxisKind::space));
      ranks *= size;
    }
    SmallVector<int64_t> devices(ranks);
    for (int64_t i = 0; i < ranks; ++i)
      devices[i] = i;
    return plan::MeshAttr::get(&context, axes, devices);
  }
};

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
  EXPECT_EQ(splits.size(), 24u);
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

/// Partial operands where the nest says that partial values flow through.
class PartialFlowTest : public EverySplitTest {
protected:
  /// Parts that combine to `whole`: random ones and the rest.
  SmallVector<Tensor> makePartial(const Tensor &whole, plan::PartialKind kind, int64_t ranks, unsigned salt) {
    std::vector<double> rest = whole.toDoubles();
    SmallVector<Tensor> parts;
    for (int64_t rank = 0; rank + 1 < ranks; ++rank) {
      std::vector<double> values =
          varied(f64(), Shape(whole.getShape()), salt + static_cast<unsigned>(rank)).toDoubles();
      for (size_t i = 0; i < rest.size(); ++i) {
        // Multiples of 1/8 add up without rounding.
        values[i] = std::round(values[i] * 8) / 8;
        if (kind == plan::PartialKind::sum)
          rest[i] -= values[i];
        else
          values[i] = rest[i] - 1 - std::fabs(values[i]);
      }
      parts.push_back(Tensor::fromDoubles(whole.getElementType(), whole.getShape(), values));
    }
    parts.push_back(Tensor::fromDoubles(whole.getElementType(), whole.getShape(), rest));
    return parts;
  }

  void checkFlow(Subject &subject, ArrayRef<unsigned> partialOperands, plan::PartialKind kind) {
    plan::MeshAttr mesh = makeMesh({3});
    std::vector<Scope> ranks = listRanks(subject, mesh);
    auto entry = plan::PartialAttr::get(&context, "a", kind);
    SmallVector<Type> operandTypes;
    SmallVector<SmallVector<Tensor>> operandParts;
    for (auto [index, operand] : llvm::enumerate(subject.operands)) {
      auto global = cast<RankedTensorType>(subject.op->getOperand(index).getType());
      SmallVector<plan::DimSplitAttr> dims(global.getRank(), plan::DimSplitAttr::get(&context, {}));
      bool isPartial = llvm::is_contained(partialOperands, index);
      operandTypes.push_back(
          localType(global, dims, isPartial ? ArrayRef(entry) : ArrayRef<plan::PartialAttr>(), ranks));
      operandParts.push_back(isPartial ? makePartial(operand, kind, 3, 10 * static_cast<unsigned>(index))
                                       : SmallVector<Tensor>(3, operand));
    }
    auto global = cast<RankedTensorType>(subject.op->getResult(0).getType());
    SmallVector<plan::DimSplitAttr> dims(global.getRank(), plan::DimSplitAttr::get(&context, {}));
    checkLocal(subject, operandTypes, localType(global, dims, entry, ranks), operandParts, ranks);
  }

  /// Inputs of small multiples of 1/8, so that sums of parts are exact and only the law is tested.
  void coarsen(Subject &subject, ArrayRef<unsigned> operands) {
    for (unsigned index : operands) {
      std::vector<double> values = subject.operands[index].toDoubles();
      for (double &value : values)
        value = std::round(value * 8) / 8;
      subject.operands[index] =
          Tensor::fromDoubles(subject.operands[index].getElementType(), subject.operands[index].getShape(), values);
    }
    subject.control = runOpControl(subject);
    // Parts are up to three times as large as the whole, and so is what reassociation does to them.
    subject.control.error = 3 * subject.control.error + 1e-6;
  }
};

TEST_F(PartialFlowTest, SumsFlowThroughLinearOperands) {
  int flows = 0;
  for (const OpCase &entry : listOpCases()) {
    if (entry.text().find("f32") == std::string::npos)
      continue;
    SCOPED_TRACE(entry.text());
    auto subject = prepare(entry);
    ASSERT_TRUE(subject);
    for (const auto &set : subject->nest.linearOperands) {
      if (!isa<FloatType>(subject->operands[set.front()].getElementType()))
        continue;
      coarsen(*subject, set);
      checkFlow(*subject, set, plan::PartialKind::sum);
      ++flows;
    }
  }
  EXPECT_GT(flows, 30);
}

TEST_F(PartialFlowTest, AnyKindFlowsThroughMovement) {
  int flows = 0;
  for (const OpCase &entry : listOpCases()) {
    SCOPED_TRACE(entry.text());
    auto subject = prepare(entry);
    ASSERT_TRUE(subject);
    if (!subject->nest.movesElements)
      continue;
    SmallVector<unsigned> all;
    for (unsigned index = 0; index < subject->operands.size(); ++index)
      all.push_back(index);
    coarsen(*subject, all);
    checkFlow(*subject, all, plan::PartialKind::max);
    ++flows;
  }
  EXPECT_GT(flows, 10);
}

} // namespace
