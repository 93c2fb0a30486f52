// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Norms.cpp - Layer and RMS norms spelled in small ops --------------------===//
//
// In three steps, each right by itself: what is divided by its deviation becomes a norm with a scale of ones; a norm
// with such a scale that is multiplied by a vector takes the vector; a layer norm to which a vector is added takes it.
// TensorFlow's spelling is none of these: x * factor + (bias - mean * factor), where factor = scale / deviation. A norm
// over other dims than the last ones (channels that stand before places, groups of channels) is turned.
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

/// x for x - mean(x) over `dims`.
static Value matchCentred(Value value, ArrayRef<int64_t> dims) {
  auto difference = matchElementwise(value, ElementwiseKind::sub);
  if (!difference)
    return Value();
  std::optional<Mean> mean = matchMean(Trail((*difference)[1]));
  return mean && ArrayRef(mean->dims) == dims && mean->input == (*difference)[0] ? mean->input : Value();
}

/// x for x * x or x^2.
static Value matchSquare(Value value) {
  if (auto product = matchElementwise(value, ElementwiseKind::mul); product && (*product)[0] == (*product)[1])
    return (*product)[0];
  if (auto power = matchElementwise(value, ElementwiseKind::pow); power && isNumber((*power)[1], 2.0))
    return (*power)[0];
  return Value();
}

/// What runs along some dims of known extents.
static RankedTensorType vectorType(RankedTensorType type, ArrayRef<int64_t> dims) {
  SmallVector<int64_t> shape;
  for (int64_t dim : dims)
    shape.push_back(type.getDimSize(dim));
  return RankedTensorType::get(shape, type.getElementType());
}

/// With the dims in another order.
static Value turn(Value value, ArrayRef<int64_t> permutation, Operation *root, StringAttr name, Rewriter &rewriter) {
  SmallVector<DimSize> sizes;
  for (int64_t dim : permutation)
    sizes.push_back(*getDimSize(typeOf(value), dim));
  return TransposeOp::create(rewriter.builder, root->getLoc(), getTensorType(sizes, typeOf(value).getElementType()),
                             name, value, permutation);
}

/// A layer norm (with a bias, or without one) or RMS norm of x over `dims`, in place of `root`.
static Value writeNorm(Operation *root, bool isLayerNorm, Value x, Value scale, Value bias, ArrayRef<int64_t> dims,
                       double epsilon, Rewriter &rewriter) {
  OpBuilder &builder = rewriter.builder;
  builder.setInsertionPoint(root);
  int64_t rank = typeOf(x).getRank(), axis = rank - static_cast<int64_t>(dims.size());
  auto name = root->getAttrOfType<StringAttr>("name");
  bool isTurned = dims.front() != axis;
  SmallVector<int64_t> order, back(rank);
  for (bool isNormed : {false, true})
    for (int64_t dim = 0; dim < rank; ++dim)
      if (llvm::is_contained(dims, dim) == isNormed) {
        back[dim] = static_cast<int64_t>(order.size());
        order.push_back(dim);
      }
  if (isTurned)
    x = turn(x, order, root, rewriter.names.derive(root, "turned"), rewriter);
  StringAttr own = isTurned ? rewriter.names.derive(root, "norm") : name;
  llvm::APFloat number(epsilon);
  Value norm;
  if (isLayerNorm)
    norm = LayerNormOp::create(builder, root->getLoc(), x.getType(), own, x, scale, bias, axis, number);
  else
    norm = RmsNormOp::create(builder, root->getLoc(), x.getType(), own, x, scale, axis, number);
  return isTurned ? turn(norm, back, root, name, rewriter) : norm;
}

/// A layer norm or RMS norm of `value`, where `value` times the inverse deviation is one.
static Value makeNorm(Operation *root, Value value, const InverseDeviation &deviation, Rewriter &rewriter) {
  Value squared = matchSquare(deviation.mean.input);
  ArrayRef<int64_t> dims = deviation.mean.dims;
  if (!squared)
    return Value();
  Value centred = matchCentred(value, dims);
  bool isLayerNorm = centred && (squared == value || matchCentred(squared, dims) == centred);
  if (!isLayerNorm && squared != value)
    return Value();
  rewriter.builder.setInsertionPoint(root);
  auto type = vectorType(typeOf(root->getResult(0)), dims);
  Value ones = makeSplat(rewriter.builder, root, rewriter.names, "scale", type, 1.0);
  return writeNorm(root, isLayerNorm, isLayerNorm ? centred : value, ones, Value(), dims, deviation.epsilon, rewriter);
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

/// x * (factor * scale), where x * factor is a norm: the factor moves to x.
bool partita::import::recognizeNormFactors(Operation *op, Rewriter &rewriter) {
  auto root = dyn_cast<ElementwiseOp>(op);
  if (!root || root.getKind() != ElementwiseKind::mul || !isa<FloatType>(typeOf(root).getElementType()))
    return false;
  for (unsigned i : {1u, 0u}) {
    auto factors = matchElementwise(root.getInputs()[i], ElementwiseKind::mul);
    for (unsigned k : {0u, 1u}) {
      auto deviation = factors ? matchInverseDeviation(Trail((*factors)[k]), /*isDivisor=*/false) : std::nullopt;
      Value norm = deviation ? makeNorm(op, root.getInputs()[1 - i], *deviation, rewriter) : Value();
      if (!norm)
        continue;
      norm.getDefiningOp()->setAttr("name", rewriter.names.derive(op, "norm"));
      rewriter.replace(op, ElementwiseOp::create(rewriter.builder, op->getLoc(), root.getResult().getType(),
                                                 op->getAttrOfType<StringAttr>("name"), ElementwiseKind::mul,
                                                 ValueRange{norm, (*factors)[1 - k]}));
      return true;
    }
  }
  return false;
}

/// `wide` as a vector along `dims`, if it is one; a reshape is added where it has dims of extent 1.
static Value takeVector(Operation *root, const View &wide, ArrayRef<int64_t> dims, StringRef part, Rewriter &rewriter) {
  Trail trail(typeOf(root->getResult(0)), wide);
  RankedTensorType type = vectorType(trail.getOuterType(), dims);
  if (!trail.runsAlong([&](int64_t dim) { return llvm::is_contained(dims, dim); }))
    return Value();
  if (trail.at().getType() == type)
    return trail.at();
  rewriter.builder.setInsertionPoint(root);
  return ReshapeOp::create(rewriter.builder, root->getLoc(), type, rewriter.names.derive(root, part), trail.at());
}

namespace {
/// The norm among the operands of a product or sum that nothing else reads, turned back or not, and the other operand.
template <typename Norm> struct Found {
  Norm norm;
  TransposeOp back;
  Value other;

  Found(Operation *op, ElementwiseKind kind) {
    auto root = dyn_cast<ElementwiseOp>(op);
    for (unsigned i = 0; root && root.getKind() == kind && !norm && i < 2; ++i) {
      Value value = root.getInputs()[i];
      back = value.hasOneUse() ? value.getDefiningOp<TransposeOp>() : TransposeOp();
      value = back ? Value(back.getInput()) : value;
      norm = value.hasOneUse() ? value.getDefiningOp<Norm>() : Norm();
      other = root.getInputs()[1 - i];
    }
  }

  /// The dims of the sum or product that the norm goes over.
  SmallVector<int64_t> dims() {
    SmallVector<int64_t> found;
    for (int64_t dim = 0; dim < typeOf(other).getRank(); ++dim)
      if ((back ? back.getPermutation()[dim] : dim) >= static_cast<int64_t>(norm.getAxis()))
        found.push_back(dim);
    return found;
  }

  /// A vector in the norm's order of dims.
  Value take(Operation *op, StringRef part, Rewriter &rewriter) {
    SmallVector<int64_t> places = dims();
    bool isOrdered = !back || llvm::is_sorted(places, [&](int64_t a, int64_t b) {
      return back.getPermutation()[a] < back.getPermutation()[b];
    });
    return isOrdered ? takeVector(op, viewOf(other), places, part, rewriter) : Value();
  }

  void replace(Operation *op, Rewriter &rewriter) {
    norm->moveBefore(op);
    if (!back)
      return rewriter.replace(op, norm.getResult());
    back->moveBefore(op);
    rewriter.replace(op, back.getResult());
  }
};
} // namespace

template <typename Norm> static bool takeScale(Operation *op, Rewriter &rewriter) {
  Found<Norm> found(op, ElementwiseKind::mul);
  if (!found.norm || !isNumber(found.norm.getScale(), 1.0) || readNumber(found.other))
    return false;
  if constexpr (std::is_same_v<Norm, LayerNormOp>)
    if (found.norm.getBias())
      return false;
  Value scale = found.take(op, "scale", rewriter);
  if (!scale)
    return false;
  found.norm.getScaleMutable().assign(scale);
  found.replace(op, rewriter);
  return true;
}

bool partita::import::recognizeNormScale(Operation *op, Rewriter &rewriter) {
  return takeScale<LayerNormOp>(op, rewriter) || takeScale<RmsNormOp>(op, rewriter);
}

bool partita::import::recognizeNormBias(Operation *op, Rewriter &rewriter) {
  Found<LayerNormOp> found(op, ElementwiseKind::add);
  if (!found.norm || found.norm.getBias() || readNumber(found.other))
    return false;
  Value bias = found.take(op, "bias", rewriter);
  if (!bias)
    return false;
  found.norm.getBiasMutable().assign(bias);
  found.replace(op, rewriter);
  return true;
}

/// The mean that `wide` is, or (where `isNegated`) whose negative it is.
static std::optional<Mean> matchWideMean(Trail trail, bool isNegated) {
  if (isNegated) {
    auto negated = matchElementwise(trail.at(), ElementwiseKind::neg);
    if (!negated)
      return std::nullopt;
    trail.follow(negated->front());
  }
  return matchMean(trail);
}

static bool isSameView(const View &a, const View &b) { return a.core == b.core && a.dims == b.dims; }

/// The other factor of a product that has `factor`.
static std::optional<View> matchOtherFactor(const View &value, const View &factor) {
  auto product = matchElementwise(value.core, ElementwiseKind::mul);
  for (unsigned i : {0u, 1u})
    if (product && isSameView(viewThrough(value, (*product)[i]), factor))
      return viewThrough(value, (*product)[1 - i]);
  return std::nullopt;
}

/// mean and bias for bias - mean * factor, or (-mean) * factor + bias.
static std::optional<std::pair<Mean, View>> matchShift(RankedTensorType outer, const View &value, const View &factor) {
  bool isSum = matchElementwise(value.core, ElementwiseKind::add).has_value();
  auto operands = matchElementwise(value.core, isSum ? ElementwiseKind::add : ElementwiseKind::sub);
  for (unsigned i : {1u, 0u}) {
    if (!operands || (!isSum && i == 0))
      continue;
    std::optional<View> wide = matchOtherFactor(viewThrough(value, (*operands)[i]), factor);
    if (std::optional<Mean> mean = wide ? matchWideMean(Trail(outer, *wide), isSum) : std::nullopt)
      return std::pair(*mean, viewThrough(value, (*operands)[1 - i]));
  }
  return std::nullopt;
}

namespace {
/// x * factor, the factor being the inverse deviation of x times a scale.
struct Factored {
  InverseDeviation deviation;
  View scale;
};
} // namespace

static std::optional<Factored> matchFactor(Value x, const View &factor) {
  auto scaled = matchElementwise(factor.core, ElementwiseKind::mul);
  for (unsigned k : {0u, 1u}) {
    if (!scaled)
      continue;
    Trail trail(typeOf(x), viewThrough(factor, (*scaled)[k]));
    std::optional<InverseDeviation> deviation = matchInverseDeviation(trail, /*isDivisor=*/false);
    Value squared = deviation ? matchSquare(deviation->mean.input) : Value();
    if (squared && matchCentred(squared, deviation->mean.dims) == x)
      return Factored{*deviation, viewThrough(factor, (*scaled)[1 - k])};
  }
  return std::nullopt;
}

/// The norm, its scale and bias in it where they run along its dims, else applied behind it.
static void writeFactored(Operation *op, Value x, const Factored &factored, const View &shift, Rewriter &rewriter) {
  ArrayRef<int64_t> dims = factored.deviation.mean.dims;
  double epsilon = factored.deviation.epsilon;
  Value scale = takeVector(op, factored.scale, dims, "scale", rewriter);
  if (Value bias = scale ? takeVector(op, shift, dims, "bias", rewriter) : Value())
    return rewriter.replace(op, writeNorm(op, true, x, scale, bias, dims, epsilon, rewriter));
  OpBuilder &builder = rewriter.builder;
  builder.setInsertionPoint(op);
  RankedTensorType type = typeOf(x);
  Value ones = makeSplat(builder, op, rewriter.names, "scale", vectorType(type, dims), 1.0);
  Value norm = writeNorm(op, true, x, ones, Value(), dims, epsilon, rewriter);
  norm.getDefiningOp()->setAttr("name", rewriter.names.derive(op, "normed"));
  Value factor = widen(builder, op, rewriter.names, "scale/wide", factored.scale.core, factored.scale.dims, type);
  Value added = widen(builder, op, rewriter.names, "bias/wide", shift.core, shift.dims, type);
  Value scaled = ElementwiseOp::create(builder, op->getLoc(), type, rewriter.names.derive(op, "scaled"),
                                       ElementwiseKind::mul, ValueRange{norm, factor});
  rewriter.replace(op, ElementwiseOp::create(builder, op->getLoc(), type, op->getAttrOfType<StringAttr>("name"),
                                             ElementwiseKind::add, ValueRange{scaled, added}));
}

bool partita::import::recognizeNormByFactor(Operation *op, Rewriter &rewriter) {
  auto sum = dyn_cast<ElementwiseOp>(op);
  if (!sum || sum.getKind() != ElementwiseKind::add || !isa<FloatType>(typeOf(sum).getElementType()))
    return false;
  for (unsigned i : {0u, 1u})
    for (unsigned j : {0u, 1u}) {
      auto product = matchElementwise(sum.getInputs()[i], ElementwiseKind::mul);
      if (!product)
        continue;
      Value x = (*product)[j];
      View factor = viewOf((*product)[1 - j]);
      auto shift = matchShift(typeOf(x), viewOf(sum.getInputs()[1 - i]), factor);
      std::optional<Factored> factored = shift ? matchFactor(x, factor) : std::nullopt;
      if (!factored || shift->first.input != x || shift->first.dims != factored->deviation.mean.dims)
        continue;
      writeFactored(op, x, *factored, shift->second, rewriter);
      return true;
    }
  return false;
}
