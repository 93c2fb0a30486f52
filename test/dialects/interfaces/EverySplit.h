// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs one op split over the axes of a mesh, on simulated ranks, and compares with the whole op.
//
// Example: auto subject = prepare(entry);
//          Assignment rows(subject->nest.loops.size());
//          rows[0] = {{"a", 1}};
//          checkSplit(*subject, rows, makeMesh({3}));
#ifndef PARTITA_TEST_DIALECTS_INTERFACES_EVERYSPLIT_H
#define PARTITA_TEST_DIALECTS_INTERFACES_EVERYSPLIT_H

#include "../../interpreter/TestPrograms.h"
#include "OpCases.h"
#include "mlir/IR/Verifier.h"

namespace partita {

using namespace mlir;
using namespace interpreter;

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

} // namespace partita

#endif
