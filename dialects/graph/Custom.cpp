// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// custom: verifier, loops, work. All of it is read from the op's attributes.
#include "partita/dialects/graph/Support.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;

/// d0 * 64 + d1 as {{0, 64}, {1, 1}}, 0 as {}; nullopt for anything that is no sum of loops with positive factors.
static std::optional<DimExpression> readTerms(AffineExpr expression) {
  DimExpression terms;
  SmallVector<AffineExpr> pending{expression};
  while (!pending.empty()) {
    AffineExpr part = pending.pop_back_val();
    if (auto constant = dyn_cast<AffineConstantExpr>(part)) {
      if (constant.getValue() != 0)
        return std::nullopt;
    } else if (auto loop = dyn_cast<AffineDimExpr>(part)) {
      terms.push_back({loop.getPosition(), 1});
    } else if (part.getKind() == AffineExprKind::Add) {
      pending.push_back(cast<AffineBinaryOpExpr>(part).getLHS());
      pending.push_back(cast<AffineBinaryOpExpr>(part).getRHS());
    } else {
      if (part.getKind() != AffineExprKind::Mul)
        return std::nullopt;
      auto product = cast<AffineBinaryOpExpr>(part);
      auto factor = dyn_cast<AffineConstantExpr>(product.getRHS());
      auto loop = dyn_cast<AffineDimExpr>(product.getLHS());
      if (!loop || !factor || factor.getValue() < 1)
        return std::nullopt;
      terms.push_back({loop.getPosition(), factor.getValue()});
    }
  }
  llvm::sort(terms, [](const DimTerm &a, const DimTerm &b) { return a.coefficient > b.coefficient; });
  return terms;
}

/// The loop's kind and, of a reduction, how its parts combine.
static Loop makeLoop(CustomLoopAttr loop) {
  std::string label = loop.getLabel().str();
  switch (loop.getRole()) {
  case LoopRole::parallel:
    return Loop::parallel(0, label);
  case LoopRole::sum:
    return Loop::reduce(0, label, ReductionKind::sum);
  case LoopRole::max:
    return Loop::reduce(0, label, ReductionKind::max);
  case LoopRole::min:
    return Loop::reduce(0, label, ReductionKind::min);
  case LoopRole::logical_and:
    return Loop::reduce(0, label, ReductionKind::logicalAnd);
  case LoopRole::logical_or:
    return Loop::reduce(0, label, ReductionKind::logicalOr);
  case LoopRole::whole:
    break;
  }
  return Loop::whole(0, label, loop.getReason() ? loop.getReason().str() : "its rule says so");
}

namespace {
/// Fills in the nest value by value; extents of loops follow from the dims that they walk.
class NestReader {
public:
  explicit NestReader(CustomOp op) {
    for (auto loop : op.getLoops().getAsRange<CustomLoopAttr>())
      nest.loops.push_back(makeLoop(loop));
    isKnown.resize(nest.loops.size());
  }

  /// False when the map is not one of loops to the dims of the type.
  bool read(AffineMap map, RankedTensorType type, ValueIndexing &indexing) {
    if (map.getNumDims() != nest.loops.size() || map.getNumSymbols() != 0 ||
        map.getNumResults() != static_cast<unsigned>(type.getRank()))
      return false;
    for (auto [dim, expression] : llvm::enumerate(map.getResults())) {
      std::optional<DimExpression> terms = readTerms(expression);
      if (!terms)
        return false;
      for (auto [place, term] : llvm::enumerate(*terms)) {
        int64_t span = place ? (*terms)[place - 1].coefficient : std::max(getDimBound(type, dim), int64_t(0));
        setExtent(term.loop, span / term.coefficient, place == 0 && type.isDynamicDim(dim));
      }
      indexing.push_back(*terms);
    }
    return true;
  }

  bool knowsAllExtents() const {
    return llvm::all_of(isKnown, [](char known) { return known != 0; });
  }

  LoopNest nest;

private:
  void setExtent(unsigned loop, int64_t extent, bool symbolic) {
    if (isKnown[loop])
      return;
    isKnown[loop] = 1;
    nest.loops[loop].extent = extent;
    nest.loops[loop].symbolic = symbolic;
  }

  std::vector<char> isKnown;
};
} // namespace

/// The nest, or what is wrong with the maps.
static std::string readNest(CustomOp op, LoopNest &nest) {
  SmallVector<Type> types(op.getOperandTypes());
  llvm::append_range(types, op.getResultTypes());
  if (op.getMaps().size() != types.size())
    return "there are " + std::to_string(op.getMaps().size()) + " maps for " + std::to_string(types.size()) +
           " operands and results";
  NestReader reader(op);
  for (auto [index, type] : llvm::enumerate(types)) {
    bool isOperand = index < op.getNumOperands();
    auto &list = isOperand ? static_cast<SmallVectorImpl<ValueIndexing> &>(reader.nest.operands)
                           : static_cast<SmallVectorImpl<ValueIndexing> &>(reader.nest.results);
    auto map = cast<AffineMapAttr>(op.getMaps()[index]).getAffineMap();
    if (!reader.read(map, cast<RankedTensorType>(type), list.emplace_back()))
      return "map " + std::to_string(index) + " does not lead from the loops to the dims of its tensor";
  }
  if (!reader.knowsAllExtents())
    return "a loop walks no dim";
  for (auto set : op.getLinear().getAsRange<DenseI64ArrayAttr>())
    reader.nest.linearOperands.emplace_back(set.asArrayRef().begin(), set.asArrayRef().end());
  for (Type type : op.getResultTypes())
    keepSumsWhole(reader.nest, cast<RankedTensorType>(type));
  nest = std::move(reader.nest);
  return "";
}

LoopNest CustomOp::getLoopNest() {
  LoopNest nest;
  (void)readNest(*this, nest); // checked by the verifier
  return nest;
}

Work CustomOp::getWork(ArrayRef<int64_t> extents) {
  double operations = 0;
  for (auto term : getWork().getAsRange<WorkTermAttr>()) {
    double count = term.getFactor().getValueAsDouble();
    for (int64_t loop : term.getLoops().asArrayRef())
      count *= static_cast<double>(extents[loop]);
    operations += count;
  }
  return {operations, static_cast<WorkKind>(getUnit())};
}

/// Every result is walked by parallel loops and not by reductions.
static std::string checkResults(const LoopNest &nest) {
  for (auto [number, loop] : llvm::enumerate(nest.loops))
    for (auto [result, indexing] : llvm::enumerate(nest.results)) {
      bool walks = llvm::any_of(indexing, [&](const DimExpression &dim) {
        return llvm::any_of(dim, [&](const DimTerm &term) { return term.loop == number; });
      });
      if (loop.kind == LoopKind::parallel && !walks)
        return "loop '" + loop.label + "' is parallel, but walks no dim of result " + std::to_string(result);
      if (loop.kind == LoopKind::reduction && walks)
        return "loop '" + loop.label + "' is a reduction, but walks a dim of result " + std::to_string(result);
    }
  return "";
}

/// The body takes what the op takes, for all extents, and gives what it gives.
static std::string checkBody(CustomOp op) {
  if (!llvm::hasSingleElement(op.getBody()))
    return "the body has more than one block";
  Block &block = op.getBody().front();
  auto yield = block.empty() ? YieldOp() : dyn_cast<YieldOp>(block.back());
  auto check = [](TypeRange inner, TypeRange outer) {
    if (inner.size() != outer.size())
      return false;
    return llvm::all_of(llvm::zip(inner, outer), [](auto pair) {
      auto a = dyn_cast<RankedTensorType>(std::get<0>(pair)), b = cast<RankedTensorType>(std::get<1>(pair));
      if (!a || a.getElementType() != b.getElementType() || a.getRank() != b.getRank())
        return false;
      for (int64_t dim = 0; dim < a.getRank(); ++dim)
        if (!getDimSize(a, dim) ||
            (!a.isDynamicDim(dim) && !b.isDynamicDim(dim) && a.getDimSize(dim) != b.getDimSize(dim)))
          return false;
      return true;
    });
  };
  if (!check(block.getArgumentTypes(), op.getOperandTypes()))
    return "the arguments of the body do not fit the operands";
  if (!yield || !check(yield.getOperandTypes(), op.getResultTypes()))
    return "the body does not end in what the op gives";
  return "";
}

LogicalResult CustomOp::verify() {
  LoopNest nest;
  std::string problem = readNest(*this, nest);
  if (problem.empty())
    problem = checkResults(nest);
  auto isWholeType = [](Type type) { return isWhole(cast<RankedTensorType>(type)); };
  if (problem.empty() && llvm::all_of(getOperandTypes(), isWholeType) && llvm::all_of(getResultTypes(), isWholeType))
    problem = checkLoopNest(nest, getOperandTypes(), getResultTypes());
  for (const auto &set : nest.linearOperands)
    for (unsigned operand : set)
      if (operand >= getNumOperands())
        problem = "there is no operand " + std::to_string(static_cast<int>(operand)) + " to be linear in";
  for (auto term : getWork().getAsRange<WorkTermAttr>())
    for (int64_t loop : term.getLoops().asArrayRef())
      if (loop < 0 || loop >= static_cast<int64_t>(nest.loops.size()))
        problem = "there is no loop " + std::to_string(loop) + " to count operations of";
  if (problem.empty() && hasBody())
    problem = checkBody(*this);
  return problem.empty() ? success() : emitOpError() << "GRAPH-10: " << problem;
}
