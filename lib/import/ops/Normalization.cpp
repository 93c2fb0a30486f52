// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Normalization.cpp - The norms, and Dropout ------------------------------===//
#include "OpTable.h"

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

/// The statistics that training reads: mean and 1 / sqrt(variance + epsilon), extents of 1 for the normalised dims.
static void setStatistics(NodeContext &node, Value x, int64_t axis, double epsilon) {
  SmallVector<int64_t> axes;
  for (auto dim = axis; dim < static_cast<int64_t>(node.sizesOf(x).size()); ++dim)
    axes.push_back(dim);
  Value mean = makeMean(node, x, axes, true);
  Value centered = node.elementwise(ElementwiseKind::sub, {x, mean});
  Value variance = makeMean(node, node.elementwise(ElementwiseKind::mul, {centered, centered}), axes, true);
  node.setResult(1, mean);
  if (node.hasResult(2))
    node.setResult(
        2, node.elementwise(ElementwiseKind::rsqrt, {node.withNumber(ElementwiseKind::add, variance, epsilon)}));
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

static void importNorm(NodeContext &node, bool isRms) {
  Value x = node.input(0), scale = node.input(1);
  Value bias = !isRms && node.hasInput(2) ? node.input(2) : Value();
  int64_t written = node.getInteger("axis", -1);
  double epsilon = node.getFloat("epsilon", 1e-5);
  if (node.getInteger("stash_type", onnx::F32) != onnx::F32)
    return node.failOp("stash_type other than float is not supported");
  if (!requireFloat(node, x))
    return;
  Sizes sizes = node.sizesOf(x);
  std::optional<int64_t> axis = node.normalizeAxis(written, static_cast<int64_t>(sizes.size()));
  if (!axis)
    return;
  Sizes inner(sizes.begin() + *axis, sizes.end());
  Type element = typeOf(x).getElementType();
  scale = node.cast(fitStatistic(node, scale, inner), element);
  if (bias)
    bias = node.cast(fitStatistic(node, bias, inner), element);
  if (node.hasFailed() || !scale)
    return;
  OpBuilder &builder = node.getSession().getBuilder();
  if (isRms)
    return node.setResult(0,
                          node.finish(RmsNormOp::create(builder, node.getLocation(), x.getType(), node.partName("norm"),
                                                        x, scale, *axis, llvm::APFloat(epsilon))));
  node.setResult(0, node.finish(LayerNormOp::create(builder, node.getLocation(), x.getType(), node.partName("norm"), x,
                                                    scale, bias, *axis, llvm::APFloat(epsilon))));
  if (node.hasResult(1) || node.hasResult(2))
    setStatistics(node, x, *axis, epsilon);
}

static void importLayerNorm(NodeContext &node) { importNorm(node, /*isRms=*/false); }
static void importRmsNorm(NodeContext &node) { importNorm(node, /*isRms=*/true); }

static void importBatchNorm(NodeContext &node) {
  node.ignore({"momentum"});
  double epsilon = node.getFloat("epsilon", 1e-5);
  if (node.getInteger("training_mode", 0) != 0)
    return node.failOp("training_mode=1 is not supported: the file is imported for inference");
  if (node.getInteger("spatial", 1) != 1)
    return node.failOp("spatial=0 is not supported");
  Value x = node.input(0);
  if (!requireFloat(node, x))
    return;
  Sizes sizes = node.sizesOf(x);
  if (sizes.size() < 2)
    return node.failShape("its input has shape " + toText(sizes) + "; it must be [batch, channels, ...]");
  SmallVector<Value> statistics;
  for (int i = 1; i < 5; ++i) {
    Value value = node.input(i);
    if (!value)
      return;
    if (node.sizesOf(value) != Sizes{sizes[1]})
      return node.failShape("input " + llvm::Twine(i) + " has shape " + toText(node.sizesOf(value)) +
                            ", one element per channel is expected");
    statistics.push_back(node.cast(value, typeOf(x).getElementType()));
    // Running statistics are not trained by gradients.
    if (i >= 3)
      node.getSession().getParameters().setRole(value, kRoleConstant);
  }
  node.setResult(0, node.finish(BatchNormOp::create(node.getSession().getBuilder(), node.getLocation(), x.getType(),
                                                    node.partName("norm"), x, statistics[0], statistics[1],
                                                    statistics[2], statistics[3], llvm::APFloat(epsilon))));
}

/// Nothing in inference, which is also what a ratio of 0 means. The mask says what was kept.
static void importDropout(NodeContext &node) {
  node.ignore({"seed"});
  double ratio = node.getFloat("ratio", 0.5);
  const Known *isTraining = node.hasInput(2) ? node.known(2) : nullptr;
  if (node.hasInput(2) && !isTraining)
    return node.failNeedsValue(2, "one bool");
  bool drops = isTraining && isTraining->elements != Sizes{DimSize(0)};
  if (drops && node.hasInput(1)) {
    std::optional<double> given = node.scalar(1);
    if (!given)
      return node.failNeedsValue(1, "one number");
    ratio = *given;
  }
  if (drops && ratio != 0.0)
    return node.failOp("training_mode is true: the file is imported for inference");
  Value x = node.input(0);
  node.setResult(0, x);
  if (node.hasResult(1) && x)
    node.setResult(1, node.broadcast(node.constant(1.0, node.getSession().getBuilder().getI1Type()), node.sizesOf(x)));
}

void partita::import::addNormalizationOps(OpTable &table) {
  table.insert({{"Dropout", importDropout},
                {"LayerNormalization", importLayerNorm},
                {"RMSNormalization", importRmsNorm},
                {"BatchNormalization", importBatchNorm}});
}
