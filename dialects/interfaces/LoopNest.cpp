// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/dialects/interfaces/LoopNest.h"
#include "partita/dialects/interfaces/SymbolicShape.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace partita {

ValueIndexing indexByLoops(ArrayRef<int> loops) {
  ValueIndexing indexing;
  for (int loop : loops) {
    DimExpression expression;
    if (loop >= 0)
      expression.push_back({static_cast<unsigned>(loop), 1});
    indexing.push_back(expression);
  }
  return indexing;
}

LoopNest elementwiseLoopNest(RankedTensorType type, unsigned numOperands, unsigned numResults) {
  LoopNest nest;
  SmallVector<int> loops;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    nest.loops.push_back(Loop::parallel(getDimBound(type, dim), "d" + std::to_string(dim), type.isDynamicDim(dim)));
    loops.push_back(dim);
  }
  nest.operands.assign(numOperands, indexByLoops(loops));
  nest.results.assign(numResults, indexByLoops(loops));
  return nest;
}

DimExpression readThroughWindow(unsigned loop, const WindowTerm &window) {
  DimExpression expression{DimTerm{loop, 1}};
  expression.window = window;
  return expression;
}

/// Rule SPLIT-5: a window has one loop, which has as many iterations as the window has positions.
static std::string checkWindow(const LoopNest &nest, const DimExpression &expression, int64_t extent,
                               const std::string &what) {
  const WindowTerm &window = *expression.window;
  if (expression.size() != 1 || expression.front().loop >= nest.loops.size() || expression.front().coefficient != 1 ||
      window.stride < 1 || window.reach < 1)
    return "SPLIT-5: " + what + " is read through a window without a loop of its own, or without stride or reach";
  int64_t room = extent + window.low + window.high - window.reach;
  int64_t positions = room < 0 ? 0 : room / window.stride + 1;
  const Loop &loop = nest.loops[expression.front().loop];
  if (window.extent != extent || window.symbolic != loop.symbolic)
    return "SPLIT-5: " + what + " has extent " + std::to_string(extent) + ", which its window does not state";
  if (positions != loop.extent)
    return "SPLIT-5: " + what + " has " + std::to_string(positions) + " positions of its window but loop '" +
           loop.label + "' has extent " + std::to_string(loop.extent);
  return "";
}

static std::string checkValue(const LoopNest &nest, const ValueIndexing &indexing, Type type, const std::string &what) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return indexing.empty() ? "" : "SPLIT-1: " + what + " is no ranked tensor but has indexing";
  if (indexing.size() != static_cast<size_t>(tensor.getRank()))
    return "SPLIT-1: " + what + " has " + std::to_string(tensor.getRank()) + " dims but " +
           std::to_string(indexing.size()) + " expressions";
  for (auto [dim, expression] : llvm::enumerate(indexing)) {
    if (expression.window) {
      std::string problem =
          checkWindow(nest, expression, getDimBound(tensor, dim), what + " dim " + std::to_string(dim));
      if (!problem.empty())
        return problem;
      continue;
    }
    if (expression.empty())
      continue;
    int64_t span = 1;
    // From the innermost term outwards, each coefficient is the product of the extents inside it.
    for (const DimTerm &term : llvm::reverse(expression)) {
      if (term.loop >= nest.loops.size())
        return "SPLIT-2: " + what + " dim " + std::to_string(dim) + " names loop " + std::to_string(term.loop);
      if (term.coefficient != span)
        return "SPLIT-3: " + what + " dim " + std::to_string(dim) + " has coefficient " +
               std::to_string(term.coefficient) + " where " + std::to_string(span) + " is expected";
      span *= nest.loops[term.loop].extent;
    }
    if (span != getDimBound(tensor, dim))
      return "SPLIT-4: " + what + " dim " + std::to_string(dim) + " has extent " +
             std::to_string(getDimBound(tensor, dim)) + " but its loops span " + std::to_string(span);
  }
  return "";
}

std::string checkLoopNest(const LoopNest &nest, TypeRange operandTypes, TypeRange resultTypes) {
  if (nest.operands.size() != operandTypes.size() || nest.results.size() != resultTypes.size())
    return "SPLIT-1: indexing does not run parallel to operands and results";
  for (auto [index, pair] : llvm::enumerate(llvm::zip(nest.operands, operandTypes)))
    if (auto problem = checkValue(nest, std::get<0>(pair), std::get<1>(pair), "operand " + std::to_string(index));
        !problem.empty())
      return problem;
  for (auto [index, pair] : llvm::enumerate(llvm::zip(nest.results, resultTypes)))
    if (auto problem = checkValue(nest, std::get<0>(pair), std::get<1>(pair), "result " + std::to_string(index));
        !problem.empty())
      return problem;
  for (auto [parallel, reduced] : nest.jointLoops)
    if (parallel >= nest.loops.size() || reduced >= nest.loops.size() ||
        nest.loops[parallel].kind != LoopKind::parallel || nest.loops[reduced].kind != LoopKind::reduction)
      return "SPLIT-6: joint loops are a parallel loop and a reduction";
  return "";
}

} // namespace partita
