// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Norms.cpp - Layer and RMS norms spelled in small ops --------------------===//
//
// In three steps, each right by itself: what is divided by its deviation becomes a norm with a scale of ones; a norm
// with such a scale that is multiplied by a vector takes the vector; a layer norm to which a vector is added takes it.
// TensorFlow's spelling is none of these: x * factor + (bias - mean * factor), where factor = scale / deviation.
#include "Patterns.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

namespace {
/// 1 / sqrt(mean(input) + epsilon).
struct InverseDeviation {
  Mean mean;
  double epsilon = 0.0;
};
} // namespace

/// Goes on through sqrt; false where there is none.
static bool followRoot(Trail &trail) {
  auto root = matchElementwise(trail.at(), ElementwiseKind::sqrt);
  if (root)
    trail.follow(root->front());
  return root.has_value();
}

/// The trail is at sqrt(mean + epsilon) where `isDivisor`, else at its reciprocal.
static std::optional<InverseDeviation> matchInverseDeviation(Trail trail, bool isDivisor) {
  if (isDivisor) {
    if (!followRoot(trail))
      return std::nullopt;
  } else if (auto inverse = matchElementwise(trail.at(), ElementwiseKind::rsqrt)) {
    trail.follow(inverse->front());
  } else if (auto reciprocal = matchElementwise(trail.at(), ElementwiseKind::reciprocal)) {
    trail.follow(reciprocal->front());
    if (!followRoot(trail))
      return std::nullopt;
  } else if (auto quotient = matchElementwise(trail.at(), ElementwiseKind::div);
             quotient && isNumber((*quotient)[0], 1.0)) {
    trail.follow((*quotient)[1]);
    if (!followRoot(trail))
      return std::nullopt;
  } else {
    return std::nullopt;
  }
  InverseDeviation found;
  if (auto shifted = matchShifted(trail.at())) {
    found.epsilon = shifted->second;
    trail.follow(shifted->first);
  }
  std::optional<Mean> mean = matchMean(trail);
  if (!mean || found.epsilon < 0.0)
    return std::nullopt;
  found.mean = *mean;
  return found;
}

/// x for x - mean(x) over the dims from `axis` on.
static Value matchCentred(Value value, int64_t axis) {
  auto difference = matchElementwise(value, ElementwiseKind::sub);
  if (!difference)
    return Value();
  std::optional<Mean> mean = matchMean(Trail((*difference)[1]));
  return mean && mean->axis == axis && mean->input == (*difference)[0] ? mean->input : Value();
}

/// x for x * x or x^2.
static Value matchSquare(Value value) {
  if (auto product = matchElementwise(value, ElementwiseKind::mul); product && (*product)[0] == (*product)[1])
    return (*product)[0];
  if (auto power = matchElementwise(value, ElementwiseKind::pow); power && isNumber((*power)[1], 2.0))
    return (*power)[0];
  return Value();
}

static RankedTensorType vectorType(RankedTensorType type, int64_t axis) {
  return RankedTensorType::get(type.getShape().drop_front(axis), type.getElementType());
}

/// A layer norm or RMS norm of `value`, where `value` times the inverse deviation is one.
static Value makeNorm(Operation *root, Value value, const InverseDeviation &deviation, Rewriter &rewriter) {
  Value squared = matchSquare(deviation.mean.input);
  int64_t axis = deviation.mean.axis;
  if (!squared)
    return Value();
  Value centred = matchCentred(value, axis);
  bool isLayerNorm = centred && (squared == value || matchCentred(squared, axis) == centred);
  if (!isLayerNorm && squared != value)
    return Value();
  rewriter.builder.setInsertionPoint(root);
  RankedTensorType type = typeOf(root->getResult(0));
  Value ones = makeSplat(rewriter.builder, root, rewriter.names, "scale", vectorType(type, axis), 1.0);
  auto name = root->getAttrOfType<StringAttr>("name");
  llvm::APFloat epsilon(deviation.epsilon);
  if (isLayerNorm)
    return LayerNormOp::create(rewriter.builder, root->getLoc(), type, name, centred, ones, Value(), axis, epsilon);
  return RmsNormOp::create(rewriter.builder, root->getLoc(), type, name, value, ones, axis, epsilon);
}

bool partita::import::recognizeNormalized(Operation *op, Rewriter &rewriter) {
  auto root = dyn_cast<ElementwiseOp>(op);
  if (!root || !isa<FloatType>(typeOf(root).getElementType()))
    return false;
  bool isQuotient = root.getKind() == ElementwiseKind::div;
  if (!isQuotient && root.getKind() != ElementwiseKind::mul)
    return false;
  for (unsigned i : {1u, 0u}) {
    if (isQuotient && i == 0)
      continue;
    Value wide = root.getInputs()[i], value = root.getInputs()[1 - i];
    if (typeOf(wide) != typeOf(value))
      continue;
    std::optional<InverseDeviation> deviation = matchInverseDeviation(Trail(wide), isQuotient);
    Value norm = deviation ? makeNorm(op, value, *deviation, rewriter) : Value();
    if (norm) {
      rewriter.replace(op, norm);
      return true;
    }
  }
  return false;
}

/// `wide` as a vector along the dims from `axis` on, if it is one; a reshape is added where it has dims of extent 1.
static Value takeVector(Operation *root, Value wide, int64_t axis, StringRef part, Rewriter &rewriter) {
  Trail trail(wide);
  RankedTensorType type = vectorType(trail.getOuterType(), axis);
  if (!trail.runsAlong([&](int64_t dim) { return dim >= axis; }))
    return Value();
  if (trail.at().getType() == type)
    return trail.at();
  rewriter.builder.setInsertionPoint(root);
  return ReshapeOp::create(rewriter.builder, root->getLoc(), type, rewriter.names.derive(root, part), trail.at());
}

/// The norm among the operands of a product or sum that nothing else reads, and the other operand.
template <typename Norm> static std::pair<Norm, Value> findNorm(Operation *op, ElementwiseKind kind) {
  auto root = dyn_cast<ElementwiseOp>(op);
  if (root && root.getKind() == kind)
    for (unsigned i : {0u, 1u})
      if (auto norm = root.getInputs()[i].getDefiningOp<Norm>(); norm && norm->hasOneUse())
        return {norm, root.getInputs()[1 - i]};
  return {Norm(), Value()};
}

template <typename Norm> static bool takeScale(Operation *op, Rewriter &rewriter) {
  auto [norm, wide] = findNorm<Norm>(op, ElementwiseKind::mul);
  if (!norm || !isNumber(norm.getScale(), 1.0) || readNumber(wide))
    return false;
  if constexpr (std::is_same_v<Norm, LayerNormOp>)
    if (norm.getBias())
      return false;
  Value scale = takeVector(op, wide, static_cast<int64_t>(norm.getAxis()), "scale", rewriter);
  if (!scale)
    return false;
  norm->moveBefore(op);
  norm.getScaleMutable().assign(scale);
  rewriter.replace(op, norm.getResult());
  return true;
}

bool partita::import::recognizeNormScale(Operation *op, Rewriter &rewriter) {
  return takeScale<LayerNormOp>(op, rewriter) || takeScale<RmsNormOp>(op, rewriter);
}

bool partita::import::recognizeNormBias(Operation *op, Rewriter &rewriter) {
  auto [norm, wide] = findNorm<LayerNormOp>(op, ElementwiseKind::add);
  if (!norm || norm.getBias() || readNumber(wide))
    return false;
  Value bias = takeVector(op, wide, static_cast<int64_t>(norm.getAxis()), "bias", rewriter);
  if (!bias)
    return false;
  norm->moveBefore(op);
  norm.getBiasMutable().assign(bias);
  rewriter.replace(op, norm.getResult());
  return true;
}

/// The mean that `wide` is, or (where `isNegated`) whose negative it is.
static std::optional<Mean> matchWideMean(Value wide, bool isNegated) {
  Trail trail(wide);
  if (isNegated) {
    auto negated = matchElementwise(trail.at(), ElementwiseKind::neg);
    if (!negated)
      return std::nullopt;
    trail.follow(negated->front());
  }
  return matchMean(trail);
}

/// The other factor of a product that has `factor`.
static Value matchOtherFactor(Value value, Value factor) {
  auto product = matchElementwise(value, ElementwiseKind::mul);
  if (!product || ((*product)[0] != factor && (*product)[1] != factor))
    return Value();
  return (*product)[(*product)[0] == factor ? 1 : 0];
}

/// mean and bias for bias - mean * factor, or (-mean) * factor + bias.
static std::optional<std::pair<Mean, Value>> matchShift(Value value, Value factor) {
  bool isSum = matchElementwise(value, ElementwiseKind::add).has_value();
  auto operands = matchElementwise(value, isSum ? ElementwiseKind::add : ElementwiseKind::sub);
  for (unsigned i : {1u, 0u}) {
    Value wide = operands && (isSum || i == 1) ? matchOtherFactor((*operands)[i], factor) : Value();
    if (std::optional<Mean> mean = wide ? matchWideMean(wide, isSum) : std::nullopt)
      return std::pair(*mean, Value((*operands)[1 - i]));
  }
  return std::nullopt;
}

bool partita::import::recognizeNormByFactor(Operation *op, Rewriter &rewriter) {
  auto sum = dyn_cast<ElementwiseOp>(op);
  if (!sum || sum.getKind() != ElementwiseKind::add || !isa<FloatType>(typeOf(sum).getElementType()))
    return false;
  for (unsigned i : {0u, 1u})
    for (unsigned j : {0u, 1u}) {
      auto product = matchElementwise(sum.getInputs()[i], ElementwiseKind::mul);
      Value x = product ? (*product)[j] : Value(), factor = product ? (*product)[1 - j] : Value();
      auto shift = product ? matchShift(sum.getInputs()[1 - i], factor) : std::nullopt;
      auto scaled = shift ? matchElementwise(factor, ElementwiseKind::mul) : std::nullopt;
      for (unsigned k : {0u, 1u}) {
        auto deviation = scaled ? matchInverseDeviation(Trail((*scaled)[k]), /*isDivisor=*/false) : std::nullopt;
        if (!deviation || shift->first.input != x || shift->first.axis != deviation->mean.axis)
          continue;
        int64_t axis = deviation->mean.axis;
        Value squared = matchSquare(deviation->mean.input);
        if (!squared || matchCentred(squared, axis) != x)
          continue;
        Value scale = takeVector(op, (*scaled)[1 - k], axis, "scale", rewriter);
        Value bias = scale ? takeVector(op, shift->second, axis, "bias", rewriter) : Value();
        if (!bias)
          continue;
        rewriter.builder.setInsertionPoint(op);
        rewriter.replace(op, LayerNormOp::create(rewriter.builder, op->getLoc(), x.getType(),
                                                 op->getAttrOfType<StringAttr>("name"), x, scale, bias, axis,
                                                 llvm::APFloat(deviation->epsilon)));
        return true;
      }
    }
  return false;
}
