// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- AttentionMask.cpp - What hides scores of attention ----------------------===//
#include "AttentionMask.h"
#include "KnownValue.h"

#include <cmath>

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

/// What hides a score for good: nothing that is added to it brings it back.
static constexpr double kHidden = -1e30;
/// What hides a score beside one that is seen: its share of the softmax is 0 in f32 as long as the scores are nearer to
/// 0 than this.
static constexpr double kFarBelow = -1e9;

/// Whether a known condition hides by numbers far below, and leaves an element of every row along dim `keys`.
static bool showsEveryQuery(const interpreter::Tensor &condition, const interpreter::Tensor &hidden, bool hidesTrue,
                            RankedTensorType type, int64_t keys) {
  std::vector<double> flags = condition.toDoubles(), numbers = hidden.toDoubles();
  int64_t inner = 1, extent = type.getDimSize(keys);
  for (int64_t dim = keys + 1; dim < type.getRank(); ++dim)
    inner *= type.getDimSize(dim);
  int64_t rows = extent == 0 ? 0 : type.getNumElements() / extent;
  for (int64_t row = 0; row < rows; ++row) {
    bool isSeen = false;
    for (int64_t key = 0; key < extent; ++key) {
      int64_t at = (row / inner * extent + key) * inner + row % inner;
      bool isHidden = (flags[at] != 0.0) == hidesTrue;
      if (isHidden && numbers[at] > kFarBelow)
        return false;
      isSeen |= !isHidden;
    }
    if (!isSeen)
      return false;
  }
  return true;
}

/// Whether what is added to scores that are seen is known, and far from what hides.
static bool isNear(Value added) {
  std::optional<interpreter::Tensor> known = evaluateKnown(added, /*readsFiles=*/true);
  return known && llvm::all_of(known->toDoubles(), [](double number) { return std::abs(number) < -kFarBelow / 2; });
}

/// select(condition, added, hidden) or the other way round, in the dims along which the condition runs; `added`, or 0
/// where it is null, is what is added to scores that are seen.
static Value makeChosenMask(OperandRange chosen, Value added, bool hidesTrue, int64_t keyPlace, Operation *root,
                            Rewriter &rewriter) {
  Value other = chosen[hidesTrue ? 1 : 2];
  View condition = viewOf(chosen[0]);
  std::optional<double> number = readNumber(other);
  auto wide = typeOf(other);
  OpBuilder &builder = rewriter.builder;
  auto fits = [&](Value value) {
    View view = viewOf(value);
    return view.dims == condition.dims && typeOf(view.core).getShape() == typeOf(condition.core).getShape();
  };
  if ((!number && !fits(other)) || (added && !readNumber(added) && !fits(added)))
    return Value();
  builder.setInsertionPoint(root);
  auto type = cast<RankedTensorType>(typeOf(condition.core).clone(wide.getElementType()));
  auto narrow = [&](Value value, StringRef part) {
    std::optional<double> same = value ? readNumber(value) : 0.0;
    return same ? makeSplat(builder, root, rewriter.names, part, type, *same) : viewOf(value).core;
  };
  Value visible = narrow(added, "visible"), hidden = narrow(other, "hidden");
  Value mask =
      ElementwiseOp::create(builder, root->getLoc(), type, rewriter.names.derive(root, "mask"), ElementwiseKind::select,
                            ValueRange{condition.core, hidesTrue ? hidden : visible, hidesTrue ? visible : hidden});
  if (!number || *number > kHidden) {
    const int64_t *key = llvm::find(condition.dims, keyPlace);
    std::optional<interpreter::Tensor> flags = evaluateKnown(condition.core, /*readsFiles=*/true);
    std::optional<interpreter::Tensor> numbers = flags ? evaluateKnown(hidden, /*readsFiles=*/true) : std::nullopt;
    if (key == condition.dims.end() || !numbers || !isNear(visible) ||
        !showsEveryQuery(*flags, *numbers, hidesTrue, type, key - condition.dims.begin()))
      return Value();
  }
  return widen(builder, root, rewriter.names, "mask/wide", mask, condition.dims, wide);
}

static bool isProduct(Value value) { return bool(matchScaled(value).other.getDefiningOp<ContractionOp>()); }

/// scores + added, where nothing else reads the scores.
static Value matchAdded(Value value, Value &added) {
  auto sum = matchElementwise(value, ElementwiseKind::add);
  for (unsigned i : {0u, 1u})
    if (sum && isProduct((*sum)[i]) && (*sum)[i].hasOneUse()) {
      added = (*sum)[1 - i];
      return (*sum)[i];
    }
  return Value();
}

Value partita::import::takeMask(Value value, int64_t keyPlace, Value &mask, Operation *root, Rewriter &rewriter) {
  if (Value scores = matchAdded(value, mask))
    return scores;
  auto chosen = matchElementwise(value, ElementwiseKind::select);
  for (unsigned i : {1u, 2u}) {
    Value added, scores = chosen ? Value((*chosen)[i]) : Value();
    if (scores && !isProduct(scores))
      scores = matchAdded(scores, added);
    if (scores && (mask = makeChosenMask(*chosen, added, i == 2, keyPlace, root, rewriter)))
      return scores;
  }
  return Value();
}

Visibility partita::import::findVisibility(Value mask, ArrayRef<int64_t> targets, DimSize queries, DimSize keys) {
  std::optional<interpreter::Tensor> known = evaluateKnown(mask);
  bool isSure = known.has_value();
  if (!known)
    known = evaluateKnown(mask, /*readsFiles=*/true);
  if (!known)
    return Visibility::other;
  std::vector<double> numbers = known->toDoubles();
  // A parameter that is all zeros may be a bias that is to be trained.
  if (llvm::all_of(numbers, [](double number) { return number == 0.0; }))
    return isSure ? Visibility::all : Visibility::other;
  if (targets != ArrayRef<int64_t>({2, 3}) || !queries.isStatic() || !keys.isStatic())
    return Visibility::other;
  for (int64_t query = 0; query < queries.constant; ++query)
    for (int64_t key = 0; key < keys.constant; ++key) {
      double number = numbers[query * keys.constant + key];
      // A query that sees nothing has the mean of all keys where they are hidden by a number.
      bool isSeen = key <= query + keys.constant - queries.constant;
      if (isSeen ? number != 0.0 : number > (queries.constant <= keys.constant ? kFarBelow : kHidden))
        return Visibility::other;
    }
  return Visibility::causal;
}
