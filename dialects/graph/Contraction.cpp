// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/dialects/graph/Support.h"
#include <set>

using namespace mlir;
using namespace partita;
using namespace partita::graph;

namespace {
/// "bsk,kn->bsn" taken apart.
struct Spec {
  StringRef lhs, rhs, result;
};
} // namespace

static Spec parseSpec(StringRef text) {
  auto [operands, result] = text.split("->");
  auto [lhs, rhs] = operands.split(',');
  return {lhs, rhs, result};
}

static LogicalResult verifyTerm(ContractionOp op, StringRef term, Value value, StringRef what) {
  std::set<char> letters;
  for (char letter : term)
    if (!llvm::isAlpha(letter) || !letters.insert(letter).second)
      return op.emitOpError() << "GRAPH-6: the spec of " << what << " repeats a letter or has none: '" << term << "'";
  if (static_cast<int64_t>(term.size()) != tensorType(value).getRank())
    return op.emitOpError() << "GRAPH-6: the spec of " << what << " names " << term.size() << " dims, the value has "
                            << tensorType(value).getRank();
  return success();
}

/// Element types are the same, or the result keeps the f32 in which narrower floats are added up anyway.
static LogicalResult verifyElements(ContractionOp op) {
  auto result = tensorType(op.getResult());
  for (Value operand : {op.getLhs(), op.getRhs()}) {
    auto element = dyn_cast<FloatType>(tensorType(operand).getElementType());
    bool isNarrower = result.getElementType().isF32() && element && element.getWidth() < 32;
    if (!isNarrower && failed(verifySameElement(op, tensorType(operand), result)))
      return failure();
  }
  return success();
}

LogicalResult ContractionOp::verify() {
  Spec spec = parseSpec(getSpec());
  if (!getSpec().contains("->") || failed(verifyTerm(*this, spec.lhs, getLhs(), "the left operand")) ||
      failed(verifyTerm(*this, spec.rhs, getRhs(), "the right operand")) ||
      failed(verifyTerm(*this, spec.result, getResult(), "the result")))
    return emitOpError() << "GRAPH-6: spec '" << getSpec() << "' is not of the form 'ab,bc->ac'";
  for (char letter : spec.result)
    if (!spec.lhs.contains(letter) && !spec.rhs.contains(letter))
      return emitOpError() << "GRAPH-6: letter '" << letter << "' of the result is in no operand";
  for (char letter : (spec.lhs + spec.rhs).str())
    if (!spec.result.contains(letter) && !(spec.lhs.contains(letter) && spec.rhs.contains(letter)))
      return emitOpError() << "GRAPH-6: letter '" << letter << "' is summed in one operand only: reduce it first";
  auto check = [&](StringRef termA, Value a, StringRef termB, Value b) -> LogicalResult {
    for (auto [dim, letter] : llvm::enumerate(termA))
      if (size_t other = termB.find(letter); other != StringRef::npos)
        if (!mayBeEqual(tensorType(a), dim, tensorType(b), other))
          return emitOpError() << "GRAPH-1: letter '" << letter << "' has different extents in " << a.getType()
                               << " and " << b.getType();
    return success();
  };
  if (failed(check(spec.lhs, getLhs(), spec.rhs, getRhs())) ||
      failed(check(spec.lhs, getLhs(), spec.result, getResult())) ||
      failed(check(spec.rhs, getRhs(), spec.result, getResult())))
    return failure();
  return verifyElements(*this);
}

LoopNest ContractionOp::getLoopNest() {
  Spec spec = parseSpec(getSpec());
  LoopNest nest;
  std::string letters = spec.result.str();
  for (char letter : spec.lhs)
    if (!StringRef(letters).contains(letter))
      letters += letter;
  for (char letter : letters) {
    bool inLhs = spec.lhs.contains(letter);
    auto type = tensorType(inLhs ? getLhs() : getRhs());
    int64_t dim = (inLhs ? spec.lhs : spec.rhs).find(letter);
    int64_t extent = getDimBound(type, dim);
    bool symbolic = type.isDynamicDim(dim);
    if (spec.result.contains(letter))
      nest.loops.push_back(Loop::parallel(extent, std::string(1, letter), symbolic));
    else
      nest.loops.push_back(Loop::reduce(extent, std::string(1, letter), ReductionKind::sum, symbolic));
  }
  auto index = [&](StringRef term) {
    SmallVector<int> loops;
    for (char letter : term)
      loops.push_back(StringRef(letters).find(letter));
    return indexByLoops(loops);
  };
  nest.operands = {index(spec.lhs), index(spec.rhs)};
  nest.results = {index(spec.result)};
  nest.linearOperands = {{0}, {1}};
  return nest;
}

Work ContractionOp::getWork(ArrayRef<int64_t> extents) { return {2 * product(extents), WorkKind::matrix}; }
