// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Normalization.cpp - The norms -------------------------------------------===//
#include "ops/Normalization.h"
#include "OpTable.h"
#include "ops/Convolution.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

static RankedTensorType typeOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()); }

static bool requireFloat(NodeContext &node, Value value) {
  if (value && !isa<FloatType>(typeOf(value).getElementType())) {
    node.failOp("its input is not a float tensor");
    return false;
  }
  return value != nullptr;
}

/// scale or bias with the shape of the normalised dims.
static Value fitStatistic(NodeContext &node, Value value, const Sizes &inner) {
  if (!value)
    return Value();
  if (!(node.broadcastSizes({inner, node.sizesOf(value)}) == inner)) {
    node.failShape("scale or bias has shape " + toText(node.sizesOf(value)) + ", the normalised dims are " +
                   toText(inner));
    return Value();
  }
  return node.broadcast(value, inner);
}

Value partita::import::normalize(NodeContext &node, Value x, int64_t axis, double epsilon, NormKind kind, Value scale,
                                 Value bias) {
  if (!x)
    return Value();
  Type element = typeOf(x).getElementType();
  Sizes sizes = node.sizesOf(x), inner(sizes.begin() + axis, sizes.end());
  if (!scale)
    scale = node.broadcast(node.constant(1.0, element), inner, "ones");
  scale = node.cast(fitStatistic(node, scale, inner), element);
  if (bias)
    bias = node.cast(fitStatistic(node, bias, inner), element);
  if (node.hasFailed() || !scale)
    return Value();
  OpBuilder &builder = node.getSession().getBuilder();
  llvm::APFloat offset(epsilon);
  if (kind == NormKind::centred)
    return node.finish(LayerNormOp::create(builder, node.getLocation(), x.getType(), node.partName("norm"), x, scale,
                                           bias, axis, offset));
  Value result = node.finish(
      RmsNormOp::create(builder, node.getLocation(), x.getType(), node.partName("norm"), x, scale, axis, offset));
  return bias ? node.elementwise(ElementwiseKind::add, {result, bias}, "bias") : result;
}

void partita::import::setStatistics(NodeContext &node, Value x, int64_t axis, double epsilon, NormKind kind,
                                    int meanResult, int deviationResult) {
  SmallVector<int64_t> dims;
  for (int64_t dim = axis; x && dim < typeOf(x).getRank(); ++dim)
    dims.push_back(dim);
  bool wantsMean = meanResult >= 0 && node.hasResult(meanResult), wantsDeviation = node.hasResult(deviationResult);
  if (!x || (!wantsMean && !wantsDeviation))
    return;
  // Statistics are kept in f32 for shorter types.
  Type element = typeOf(x).getElementType();
  x = node.cast(x, element.isF64() ? element : Type(Builder(element.getContext()).getF32Type()));
  Value mean = kind == NormKind::centred ? makeMean(node, x, dims, /*keepDims=*/true) : Value();
  if (wantsMean)
    node.setResult(meanResult, mean);
  if (!wantsDeviation)
    return;
  Value centred = mean ? node.elementwise(ElementwiseKind::sub, {x, mean}, "centred") : x;
  Value variance = makeMean(node, node.elementwise(ElementwiseKind::mul, {centred, centred}, "square"), dims, true);
  Value shifted = node.withNumber(ElementwiseKind::add, variance, epsilon, "shifted");
  node.setResult(deviationResult, node.elementwise(ElementwiseKind::rsqrt, {shifted}, "inverse_deviation"));
}

template <NormKind kind> static void importNorm(NodeContext &node) {
  Value x = node.input(0), scale = node.input(1);
  Value bias = kind == NormKind::centred && node.hasInput(2) ? node.input(2) : Value();
  int64_t written = node.getInteger("axis", -1), stash = node.getInteger("stash_type", onnx::F32);
  double epsilon = node.getFloat("epsilon", 1e-5);
  if (!requireFloat(node, x) || !scale)
    return;
  // Sums of shorter floats are kept in f32 anyway.
  if (stash != onnx::F32 && node.getSession().getElementType(static_cast<int32_t>(stash)) != typeOf(x).getElementType())
    return node.failOp("stash_type " + llvm::Twine(stash) + " is not supported");
  std::optional<int64_t> axis = node.normalizeAxis(written, static_cast<int64_t>(node.sizesOf(x).size()));
  if (!axis)
    return;
  node.setResult(0, normalize(node, x, *axis, epsilon, kind, scale, bias));
  if (kind == NormKind::centred)
    setStatistics(node, x, *axis, epsilon, kind, 1, 2);
  else
    setStatistics(node, x, *axis, epsilon, kind, -1, 1);
}

//===-- Per channel -----------------------------------------------------------------------------------------------===//

Value partita::import::scaleChannels(NodeContext &node, Value x, Value scale, Value bias) {
  if (!x || !scale || !bias)
    return Value();
  Type element = typeOf(x).getElementType();
  Value scaled =
      node.elementwise(ElementwiseKind::mul, {x, spreadChannels(node, node.cast(scale, element), x)}, "scale");
  return node.elementwise(ElementwiseKind::add, {scaled, spreadChannels(node, node.cast(bias, element), x)}, "bias");
}

/// Whether `x` is [batch, channels, ...] of floats; reported.
static bool requireImage(NodeContext &node, Value x) {
  if (!requireFloat(node, x))
    return false;
  if (node.sizesOf(x).size() < 2)
    node.failShape("its input has shape " + toText(node.sizesOf(x)) + "; it must be [batch, channels, ...]");
  return node.sizesOf(x).size() >= 2;
}

static void importInstanceNorm(NodeContext &node) {
  Value x = node.input(0), scale = node.input(1), bias = node.input(2);
  double epsilon = node.getFloat("epsilon", 1e-5);
  if (!requireImage(node, x) || node.sizesOf(x).size() < 3)
    return x && !node.hasFailed() ? node.failShape("its input has no dims behind the channels") : void();
  node.setResult(0,
                 scaleChannels(node, normalize(node, x, 2, epsilon, NormKind::centred, Value(), Value()), scale, bias));
}

Value partita::import::normalizeGroups(NodeContext &node, Value x, int64_t groups, double epsilon) {
  if (!requireImage(node, x))
    return Value();
  Sizes sizes = node.sizesOf(x), grouped = sizes;
  std::optional<DimSize> inner = groups > 0 ? divideExactly(sizes[1], DimSize(groups)) : std::nullopt;
  if (!inner) {
    node.failShape("an input " + toText(sizes) + " does not have " + llvm::Twine(groups) + " groups of channels");
    return Value();
  }
  grouped[1] = *inner;
  grouped.insert(grouped.begin() + 1, DimSize(groups));
  return normalize(node, node.reshape(x, grouped, "groups"), 2, epsilon, NormKind::centred, Value(), Value());
}

static void importGroupNorm(NodeContext &node) {
  Value x = node.input(0), scale = node.input(1), bias = node.input(2);
  double epsilon = node.getFloat("epsilon", 1e-5);
  node.ignore({"stash_type"});
  Value normal = normalizeGroups(node, x, node.getInteger("num_groups", 0), epsilon);
  if (!normal)
    return;
  Sizes sizes = node.sizesOf(x);
  // Set 18 has one scale for each group.
  bool isPerGroup = node.getOpset() < 21;
  if (isPerGroup)
    return node.setResult(0, node.reshape(scaleChannels(node, normal, scale, bias), sizes, "merge"));
  node.setResult(0, scaleChannels(node, node.reshape(normal, sizes, "merge"), scale, bias));
}

/// x / (bias + alpha / size * (sum of squares over `size` neighbouring channels)) ^ beta.
/// Source: Krizhevsky et al., ImageNet classification with deep convolutional neural networks, 2012, section 3.3.
static void importLrn(NodeContext &node) {
  Value x = node.input(0);
  int64_t size = node.getInteger("size", 0);
  double alpha = node.getFloat("alpha", 1e-4), beta = node.getFloat("beta", 0.75), bias = node.getFloat("bias", 1.0);
  if (!requireImage(node, x) || size < 1 || size > (int64_t(1) << 20))
    return x && !node.hasFailed() ? node.failShape("size is not positive") : void();
  Sizes sizes = node.sizesOf(x);
  std::optional<DimSize> inner = divideProducts(ArrayRef<DimSize>(sizes).drop_front(2), {});
  if (!inner)
    return node.failShape("the dims behind the channels have a product that is not linear");
  // Channels become a spatial dim.
  Sizes columns = {sizes[0], DimSize(1), sizes[1], *inner};
  Value square = node.reshape(node.elementwise(ElementwiseKind::mul, {x, x}, "square"), columns, "columns");
  if (!square)
    return;
  SmallVector<int64_t> window{size, 1}, ones{1, 1}, padding{(size - 1) / 2, size / 2, 0, 0};
  Value sum =
      node.finish(WindowReduceOp::create(node.getSession().getBuilder(), node.getLocation(), square.getType(),
                                         node.partName("sum"), ReduceKind::sum, square, window, ones, padding, ones));
  Value scaled =
      node.withNumber(ElementwiseKind::mul, node.reshape(sum, sizes, "merge"), alpha / static_cast<double>(size));
  Value power = node.withNumber(ElementwiseKind::pow, node.withNumber(ElementwiseKind::add, scaled, bias), beta);
  node.setResult(0, node.elementwise(ElementwiseKind::div, {x, power}));
}

/// x / norm along an axis; where the norm is zero, so is the result.
static void importLpNorm(NodeContext &node) {
  Value x = node.input(0);
  int64_t written = node.getInteger("axis", -1), p = node.getInteger("p", 2);
  if (!requireFloat(node, x))
    return;
  std::optional<int64_t> axis = node.normalizeAxis(written, static_cast<int64_t>(node.sizesOf(x).size()));
  if (!axis || (p != 1 && p != 2))
    return axis ? node.failOp("p is neither 1 nor 2") : void();
  Value terms =
      p == 1 ? node.elementwise(ElementwiseKind::abs, {x}) : node.elementwise(ElementwiseKind::mul, {x, x}, "square");
  Value norm = node.reduce(ReduceKind::sum, terms, {*axis}, /*keepDims=*/true, "norm");
  if (p == 2)
    norm = node.elementwise(ElementwiseKind::sqrt, {norm});
  Value isZero = node.withNumber(ElementwiseKind::eq, norm, 0.0);
  if (!isZero)
    return;
  Value one = node.constant(1.0, typeOf(x).getElementType());
  node.setResult(
      0, node.elementwise(ElementwiseKind::div, {x, node.elementwise(ElementwiseKind::select, {isZero, one, norm})}));
}

//===-- BatchNormalization ----------------------------------------------------------------------------------------===//

/// The statistics of the batch itself, and the running ones that they update (set 14 on).
static void importBatchTraining(NodeContext &node, Value x, llvm::ArrayRef<Value> statistics, double epsilon,
                                double momentum) {
  SmallVector<int64_t> dims{0};
  for (int64_t dim = 2; dim < typeOf(x).getRank(); ++dim)
    dims.push_back(dim);
  Value mean = makeMean(node, x, dims, /*keepDims=*/false);
  Value centred =
      mean ? node.elementwise(ElementwiseKind::sub, {x, spreadChannels(node, mean, x)}, "centred") : Value();
  Value variance = makeMean(node, node.elementwise(ElementwiseKind::mul, {centred, centred}, "square"), dims, false);
  if (!variance)
    return;
  node.setResult(0, node.finish(BatchNormOp::create(node.getSession().getBuilder(), node.getLocation(), x.getType(),
                                                    node.partName("norm"), x, statistics[0], statistics[1], mean,
                                                    variance, llvm::APFloat(epsilon))));
  auto update = [&](Value running, Value current, llvm::StringRef part) {
    Value kept = node.withNumber(ElementwiseKind::mul, running, momentum, (part + "/kept").str());
    Value added = node.withNumber(ElementwiseKind::mul, current, 1.0 - momentum, (part + "/added").str());
    return node.elementwise(ElementwiseKind::add, {kept, added}, part);
  };
  if (node.hasResult(1))
    node.setResult(1, update(statistics[2], mean, "running_mean"));
  if (node.hasResult(2))
    node.setResult(2, update(statistics[3], variance, "running_variance"));
}

static void importBatchNorm(NodeContext &node) {
  double epsilon = node.getFloat("epsilon", 1e-5), momentum = node.getFloat("momentum", 0.9);
  bool trains = node.getInteger("training_mode", 0) != 0;
  node.ignore({"is_test", "consumed_inputs"}); // of sets before 7
  if (node.getInteger("spatial", 1) != 1)
    return node.failOp("spatial=0 is not supported");
  if (node.getOpset() < 14 && node.countResults() > 1)
    return node.failOp("the results of training in sets before 14 are not supported");
  Value x = node.input(0);
  if (!requireImage(node, x))
    return;
  Sizes sizes = node.sizesOf(x);
  SmallVector<Value> statistics;
  for (int i = 1; i < 5; ++i) {
    Value value = node.input(i);
    if (!value)
      return;
    if (node.sizesOf(value) != Sizes{sizes[1]})
      return node.failShape("input " + llvm::Twine(i) + " has shape " + toText(node.sizesOf(value)) +
                            ", one element per channel is expected");
    // Running statistics are not trained by gradients.
    if (i >= 3)
      node.getSession().getParameters().setRole(value, kRoleConstant);
    statistics.push_back(node.cast(value, typeOf(x).getElementType()));
  }
  if (trains)
    return importBatchTraining(node, x, statistics, epsilon, momentum);
  node.setResult(0, node.finish(BatchNormOp::create(node.getSession().getBuilder(), node.getLocation(), x.getType(),
                                                    node.partName("norm"), x, statistics[0], statistics[1],
                                                    statistics[2], statistics[3], llvm::APFloat(epsilon))));
}

void partita::import::addNormalizationOps(OpTable &table) {
  table.insert({{"LayerNormalization", importNorm<NormKind::centred>},
                {"RMSNormalization", importNorm<NormKind::rootMeanSquare>},
                {"SimplifiedLayerNormalization", importNorm<NormKind::rootMeanSquare>},
                {"com.microsoft.SimplifiedLayerNormalization", importNorm<NormKind::rootMeanSquare>},
                {"InstanceNormalization", importInstanceNorm},
                {"GroupNormalization", importGroupNorm},
                {"LRN", importLrn},
                {"LpNormalization", importLpNorm},
                {"BatchNormalization", importBatchNorm}});
}
