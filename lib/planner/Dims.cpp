// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Dims.cpp - What is known of dims, passed along the graph --------------------===//
//
// Where the batch and the other dims of the inputs lie, and in which units dims are worth cutting: the hidden dim of
// 12 heads of 64 in units of 64, because some op cuts it by heads.
//
//===----------------------------------------------------------------------===//
#include "Problem.h"

using namespace mlir;

namespace partita::planner {

namespace {

struct DimFacts {
  bool isBatch = false;
  bool isToken = false;
  std::set<int64_t> units;
};

/// More units than this for one dim or loop are not tried.
constexpr size_t kMostUnits = 3;
/// Passes forth and back; facts of real models settle after two.
constexpr int kMostPasses = 6;

class DimPropagation {
public:
  explicit DimPropagation(PlanningProblem &problem) : problem(problem), facts(problem.values.size()) {
    for (size_t value = 0; value < facts.size(); ++value)
      facts[value].resize(problem.values[value].shape.size());
  }

  void run() {
    markInputs();
    for (OpInfo &op : problem.ops)
      passFlags(op);
    for (int pass = 0; pass < kMostPasses; ++pass) {
      changed = false;
      for (OpInfo &op : problem.ops)
        passUnits(op);
      for (OpInfo &op : llvm::reverse(problem.ops))
        passUnits(op);
      if (!changed)
        break;
    }
  }

private:
  /// The batch is dim 0 of the first input, and of the others that are as long.
  void markInputs() {
    std::optional<placement::Extent> batch;
    for (int value = 0; value < problem.numArguments; ++value) {
      const ValueInfo &info = problem.values[value];
      if (info.kind != ValueKind::input || info.shape.empty())
        continue;
      for (DimFacts &dim : facts[value])
        dim.isToken = true;
      if (!batch)
        batch = info.shape[0];
      facts[value][0].isBatch = *batch == info.shape[0];
    }
  }

  template <typename Visit> void forEachDim(const OpInfo &op, Visit visit) {
    auto list = [&](const std::vector<int> &values, const auto &indexing, bool isResult) {
      for (auto [position, value] : llvm::enumerate(values))
        for (auto [dim, expression] : llvm::enumerate(indexing[position]))
          if (!expression.empty() && dim < facts[value].size())
            visit(facts[value][dim], expression, isResult);
    };
    list(op.operands, op.nest.operands, false);
    list(op.results, op.nest.results, true);
  }

  /// The first loop of a dim that has steps: one of one iteration, such as the group of a plain convolution, says
  /// nothing of the others.
  static unsigned outermost(const OpInfo &op, const DimExpression &expression) {
    const DimTerm *found = llvm::find_if(expression, [&](const DimTerm &term) {
      const placement::Extent &extent = op.loops[term.loop].extent;
      return extent.bound > 1 || extent.symbolic;
    });
    return found == expression.end() ? expression.front().loop : found->loop;
  }

  void passFlags(OpInfo &op) {
    forEachDim(op, [&](DimFacts &dim, const DimExpression &expression, bool isResult) {
      if (isResult)
        return;
      if (dim.isBatch)
        op.isBatch[expression.front().loop] = true;
      if (dim.isToken)
        for (const DimTerm &term : expression)
          op.isToken[term.loop] = true;
    });
    forEachDim(op, [&](DimFacts &dim, const DimExpression &expression, bool isResult) {
      if (!isResult)
        return;
      dim.isBatch = op.isBatch[expression.front().loop];
      dim.isToken = op.isToken[outermost(op, expression)];
    });
  }

  void add(std::set<int64_t> &units, int64_t unit, int64_t extent) {
    if (unit > 1 && unit < extent && units.size() < kMostUnits)
      changed |= units.insert(unit).second;
  }

  void passUnits(OpInfo &op) {
    auto extentOf = [&](unsigned loop) { return op.loops[loop].extent.bound; };
    // From dims to loops: a unit is that of the outermost loop whose steps it is made of.
    forEachDim(op, [&](DimFacts &dim, const DimExpression &expression, bool) {
      if (expression.window)
        return;
      for (int64_t unit : std::set<int64_t>(dim.units))
        for (const DimTerm &term : expression)
          if (unit % term.coefficient == 0) {
            add(op.units[term.loop], unit / term.coefficient, extentOf(term.loop));
            break;
          }
    });
    // From loops to dims: a step of an outer loop is a unit of the dim.
    forEachDim(op, [&](DimFacts &dim, const DimExpression &expression, bool) {
      if (expression.window)
        return;
      int64_t extent = expression.front().coefficient * extentOf(expression.front().loop);
      for (const DimTerm &term : expression) {
        if (expression.size() > 1 && op.nest.loops[term.loop].kind != LoopKind::whole)
          add(dim.units, term.coefficient, extent);
        for (int64_t unit : std::set<int64_t>(op.units[term.loop]))
          add(dim.units, unit * term.coefficient, extent);
      }
    });
  }

  PlanningProblem &problem;
  std::vector<std::vector<DimFacts>> facts;
  bool changed = false;
};

} // namespace

void propagateDims(PlanningProblem &problem) { DimPropagation(problem).run(); }

} // namespace partita::planner
