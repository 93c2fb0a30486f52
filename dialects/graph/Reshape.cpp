// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reshape as loops: the finest common refinement of the two shapes. [6, 4] -> [2, 12] has loops 2, 3, 4: the operand
// is [2*3][4] and the result [2][3*4]. Where no refinement exists ([6,4] -> [4,6]) the group of dims is whole.
#include "partita/dialects/graph/Support.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;

namespace {

/// Builds the loop nest from the innermost dims outwards.
class Refinement {
public:
  Refinement(RankedTensorType from, RankedTensorType to)
      : from(from), to(to), operandDims(from.getRank()), resultDims(to.getRank()) {}

  LoopNest build() {
    int64_t i = from.getRank() - 1, j = to.getRank() - 1;
    while (i >= 0 || j >= 0)
      refineGroup(i, j);
    LoopNest nest;
    // Loops were found innermost first; they are numbered outermost first.
    size_t count = loops.size();
    for (Loop &loop : llvm::reverse(loops)) {
      loop.label = "d" + std::to_string(nest.loops.size());
      nest.loops.push_back(loop);
    }
    auto finish = [&](SmallVectorImpl<DimExpression> &dims) {
      ValueIndexing indexing;
      for (DimExpression &dim : dims) {
        DimExpression outermostFirst;
        for (DimTerm term : llvm::reverse(dim))
          outermostFirst.push_back({static_cast<unsigned>(count - 1 - term.loop), term.coefficient});
        indexing.push_back(outermostFirst);
      }
      return indexing;
    };
    nest.operands = {finish(operandDims)};
    nest.results = {finish(resultDims)};
    nest.linearOperands = {{0}};
    nest.movesElements = true;
    return nest;
  }

private:
  /// What is left of the current dim of one side, and the coefficient its next (more outer) loop gets.
  struct Rest {
    DimSize size;
    int64_t coefficient = 1;
  };

  static bool isOne(const DimSize &size) { return size == DimSize(1); }

  static std::optional<DimSize> sizeOf(RankedTensorType type, int64_t dim) {
    return dim < 0 ? std::optional<DimSize>(DimSize(1)) : getDimSize(type, dim);
  }

  void addLoop(const DimSize &size, int64_t i, Rest &a, int64_t j, Rest &b) {
    int64_t extent = size.maximum().value_or(0);
    loops.push_back(Loop::parallel(extent, "", !size.isStatic()));
    unsigned number = loops.size() - 1;
    operandDims[i].push_back({number, a.coefficient});
    resultDims[j].push_back({number, b.coefficient});
  }

  /// Divides out a static factor; nullopt if it does not divide every coefficient.
  static std::optional<DimSize> divide(const DimSize &size, int64_t factor) {
    if (factor == 0 || size.constant % factor != 0)
      return std::nullopt;
    DimSize quotient(size.constant / factor);
    for (auto [symbol, coefficient] : size.coefficients) {
      if (coefficient % factor != 0)
        return std::nullopt;
      quotient.coefficients[symbol] = coefficient / factor;
    }
    return quotient;
  }

  /// Consumes dims i.. and j.. (going outwards) until both sides meet at a common boundary.
  void refineGroup(int64_t &i, int64_t &j) {
    // Dims of extent 1 belong to no loop.
    if (i >= 0 && isKnownOne(from, i)) {
      --i;
      return;
    }
    if (j >= 0 && isKnownOne(to, j)) {
      --j;
      return;
    }
    std::optional<DimSize> sizeA = sizeOf(from, i), sizeB = sizeOf(to, j);
    if (!sizeA || !sizeB || i < 0 || j < 0)
      return wholeRest(i, j);
    Rest a{*sizeA}, b{*sizeB};
    while (true) {
      if (a.size == b.size) {
        addLoop(a.size, i, a, j, b);
        --i;
        --j;
        return;
      }
      // The smaller static side is one loop; the other keeps its quotient.
      std::optional<DimSize> restOfB = a.size.isStatic() ? divide(b.size, a.size.constant) : std::nullopt;
      std::optional<DimSize> restOfA = b.size.isStatic() ? divide(a.size, b.size.constant) : std::nullopt;
      if (restOfB && a.size.constant > 1) {
        int64_t factor = a.size.constant;
        addLoop(a.size, i, a, j, b);
        b = {*restOfB, b.coefficient * factor};
        if (!advance(from, i, a))
          return wholeRest(i, j);
      } else if (restOfA && b.size.constant > 1) {
        int64_t factor = b.size.constant;
        addLoop(b.size, i, a, j, b);
        a = {*restOfA, a.coefficient * factor};
        if (!advance(to, j, b))
          return wholeRest(i, j);
      } else {
        return wholeRest(i, j);
      }
    }
  }

  bool isKnownOne(RankedTensorType type, int64_t dim) {
    std::optional<DimSize> size = getDimSize(type, dim);
    return size && isOne(*size);
  }

  /// Moves to the next outer dim that is not 1.
  bool advance(RankedTensorType type, int64_t &dim, Rest &rest) {
    do
      --dim;
    while (dim >= 0 && isKnownOne(type, dim));
    std::optional<DimSize> size = dim >= 0 ? getDimSize(type, dim) : std::nullopt;
    if (!size)
      return false;
    rest = {*size, 1};
    return true;
  }

  /// No common refinement from here outwards: the current dims and all outer ones are tied to no loop.
  void wholeRest(int64_t &i, int64_t &j) {
    for (; i >= 0; --i)
      operandDims[i].clear();
    for (; j >= 0; --j)
      resultDims[j].clear();
    dropUnpairedLoops();
  }

  /// A loop that lost one side (its dim turned whole) cannot be split: it is taken out of the other side too.
  void dropUnpairedLoops() {
    // Clearing a dim may unpair further loops, so repeat until nothing changes.
    while (dropOneUnpairedLoop())
      ;
  }

  bool dropOneUnpairedLoop() {
    for (unsigned number = 0; number < loops.size(); ++number) {
      auto has = [&](SmallVectorImpl<DimExpression> &dims) {
        return llvm::any_of(dims, [&](DimExpression &dim) {
          return llvm::any_of(dim, [&](DimTerm term) { return term.loop == number; });
        });
      };
      if (loops[number].kind == LoopKind::whole || (has(operandDims) && has(resultDims)))
        continue;
      loops[number].kind = LoopKind::whole;
      loops[number].reason = "the two shapes have no common refinement here";
      for (auto *dims : {&operandDims, &resultDims})
        for (DimExpression &dim : *dims)
          if (llvm::any_of(dim, [&](DimTerm term) { return term.loop == number; }))
            dim.clear();
      return true;
    }
    return false;
  }

  RankedTensorType from, to;
  SmallVector<Loop> loops;
  SmallVector<DimExpression> operandDims, resultDims;
};

} // namespace

/// Product of all extents as a linear form; nullopt when not linear.
static std::optional<DimSize> countElements(RankedTensorType type) {
  std::optional<DimSize> total = DimSize(1);
  for (int64_t dim = 0; dim < type.getRank() && total; ++dim) {
    std::optional<DimSize> size = getDimSize(type, dim);
    total = size ? multiply(*total, *size) : std::nullopt;
  }
  return total;
}

LogicalResult ReshapeOp::verify() {
  auto input = tensorType(getInput()), result = tensorType(getResult());
  std::optional<DimSize> before = countElements(input), after = countElements(result);
  if (before && after && !(*before == *after))
    return emitOpError() << "GRAPH-1: " << input << " and " << result << " have different numbers of elements";
  return verifySameElement(*this, input, result);
}

LoopNest ReshapeOp::getLoopNest() { return Refinement(tensorType(getInput()), tensorType(getResult())).build(); }

Work ReshapeOp::getWork(ArrayRef<int64_t>) { return {0, WorkKind::movement}; }
