// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Quantization.cpp - Integers that stand for floats -----------------------===//
//
// A quantized q stands for (q - zero point) * scale. Scales and zero points are one for the tensor, one for each index
// of a dim, or one for each block of a dim.
//
//===----------------------------------------------------------------------===//
#include "OpTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

static Type elementOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()).getElementType(); }

static Type signed32(NodeContext &node) {
  return IntegerType::get(node.getSession().getContext(), 32, IntegerType::Signed);
}

namespace {
/// The shape in which data and parameters fit together: blocks are a dim of their own.
struct Layout {
  Sizes data, parameters;
};
} // namespace

/// nullopt: reported.
static std::optional<Layout> findLayout(NodeContext &node, const Sizes &sizes, const Sizes &scale) {
  int64_t block = node.getInteger("block_size", 0), written = node.getInteger("axis", 1);
  bool isSingle = scale.empty() || (scale.size() == 1 && scale[0] == DimSize(1));
  if (isSingle)
    return Layout{sizes, {}};
  std::optional<int64_t> axis = node.normalizeAxis(written, static_cast<int64_t>(sizes.size()));
  if (!axis)
    return std::nullopt;
  Layout layout{sizes, Sizes(sizes.size(), DimSize(1))};
  if (block == 0 && scale.size() == 1 && scale[0] == sizes[*axis]) {
    layout.parameters[*axis] = sizes[*axis];
    return layout;
  }
  std::optional<DimSize> blocks = block > 0 ? divideExactly(sizes[*axis], DimSize(block)) : std::nullopt;
  Sizes expected = sizes;
  if (blocks)
    expected[*axis] = *blocks;
  if (!blocks || scale != expected) {
    node.failShape("scales of shape " + toText(scale) + " do not fit to data of shape " + toText(sizes));
    return std::nullopt;
  }
  layout.data[*axis] = *blocks;
  layout.data.insert(layout.data.begin() + *axis + 1, DimSize(block));
  layout.parameters = layout.data;
  layout.parameters[*axis + 1] = DimSize(1);
  return layout;
}

/// saturate(round(x / scale) + zero point), half to even, in the precision of x.
static Value quantize(NodeContext &node, Value x, Value scale, Value zeroPoint, Type result, bool saturates = true) {
  if (!x || !scale)
    return Value();
  Value steps = node.elementwise(Kind::div, {x, node.cast(scale, elementOf(x))});
  if (isa<IntegerType>(result))
    steps = node.elementwise(Kind::round, {steps});
  if (zeroPoint)
    steps = node.elementwise(Kind::add, {steps, node.cast(zeroPoint, elementOf(x))});
  return saturates ? node.castSaturating(steps, result) : node.cast(steps, result);
}

/// Integers without their zero point, exact in 32 bits.
static Value removeZeroPoint(NodeContext &node, Value q, Value zeroPoint) {
  Value wide = node.cast(q, signed32(node));
  return zeroPoint ? node.elementwise(Kind::sub, {wide, node.cast(zeroPoint, signed32(node))}) : wide;
}

static void importQuantize(NodeContext &node) {
  bool saturates = node.getInteger("saturate", 1) != 0;
  Value x = node.input(0), scale = node.input(1), zeroPoint = node.hasInput(2) ? node.input(2) : Value();
  if (!x || !scale)
    return;
  Type result = zeroPoint ? elementOf(zeroPoint) : Type();
  if (int64_t written = node.getInteger("output_dtype", 0); written && !zeroPoint)
    result = node.getSession().getElementType(static_cast<int32_t>(written));
  else if (!zeroPoint)
    result = IntegerType::get(x.getContext(), 8, IntegerType::Unsigned);
  if (!result)
    return node.failOp("output_dtype is not supported");
  Sizes sizes = node.sizesOf(x);
  std::optional<Layout> layout = findLayout(node, sizes, node.sizesOf(scale));
  if (!layout)
    return;
  if (!isa<FloatType>(elementOf(x)))
    x = node.cast(x, elementOf(scale));
  Value quantized = quantize(node, node.reshape(x, layout->data), node.reshape(scale, layout->parameters),
                             zeroPoint ? node.reshape(zeroPoint, layout->parameters) : Value(), result, saturates);
  node.setResult(0, node.reshape(quantized, sizes));
}

static void importDequantize(NodeContext &node) {
  Value q = node.input(0), scale = node.input(1), zeroPoint = node.hasInput(2) ? node.input(2) : Value();
  if (!q || !scale)
    return;
  Sizes sizes = node.sizesOf(q);
  std::optional<Layout> layout = findLayout(node, sizes, node.sizesOf(scale));
  if (!layout)
    return;
  q = node.reshape(q, layout->data);
  zeroPoint = zeroPoint ? node.reshape(zeroPoint, layout->parameters) : Value();
  bool isFloat = q && isa<FloatType>(elementOf(q));
  Value number =
      isFloat ? node.cast(q, elementOf(scale)) : node.cast(removeZeroPoint(node, q, zeroPoint), elementOf(scale));
  if (isFloat && zeroPoint)
    number = node.elementwise(Kind::sub, {number, node.cast(zeroPoint, elementOf(scale))});
  Value result = node.elementwise(Kind::mul, {number, node.reshape(scale, layout->parameters)});
  node.setResult(0, node.reshape(result, sizes));
}

namespace {
struct Quantized {
  Value numbers, scale, zeroPoint;
};
} // namespace

/// To ui8, over a range that holds 0: scale = (max - min) / 255, zero point = -min / scale.
static Quantized quantizeDynamically(NodeContext &node, Value x) {
  if (!x)
    return {};
  SmallVector<int64_t> all;
  for (size_t dim = 0; dim < node.sizesOf(x).size(); ++dim)
    all.push_back(static_cast<int64_t>(dim));
  Type ui8 = IntegerType::get(x.getContext(), 8, IntegerType::Unsigned);
  Value most = node.withNumber(Kind::max, node.reduce(ReduceKind::max, x, all, false, "max"), 0.0);
  Value least = node.withNumber(Kind::min, node.reduce(ReduceKind::min, x, all, false, "min"), 0.0);
  Value scale = node.withNumber(Kind::div, node.elementwise(Kind::sub, {most, least}), 255.0);
  Value zero = node.elementwise(Kind::div, {node.elementwise(Kind::neg, {least}), scale});
  Value zeroPoint = node.cast(node.elementwise(Kind::round, {zero}), ui8);
  return {quantize(node, x, scale, zeroPoint, ui8), scale, zeroPoint};
}

static void importDynamicQuantize(NodeContext &node) {
  Quantized result = quantizeDynamically(node, node.input(0));
  node.setResult(0, result.numbers);
  node.setResult(1, result.scale);
  node.setResult(2, result.zeroPoint);
}

/// One number for each row of the left matrix is a column; one for each column of the right one a row.
static Value asColumn(NodeContext &node, Value parameters, bool isColumn) {
  if (!parameters || !isColumn || node.sizesOf(parameters).size() != 1)
    return parameters;
  return node.reshape(parameters, {node.sizesOf(parameters)[0], DimSize(1)});
}

static void importMatMulInteger(NodeContext &node) {
  Value a = node.input(0), b = node.input(1);
  Value zeroOfA = node.hasInput(2) ? asColumn(node, node.input(2), true) : Value();
  Value zeroOfB = node.hasInput(3) ? node.input(3) : Value();
  node.setResult(0, makeMatMul(node, removeZeroPoint(node, a, zeroOfA), removeZeroPoint(node, b, zeroOfB)));
}

/// (a - zero) (b - zero) scaled by both, and a bias. a comes as it is with its scale, or is quantized here.
static Value makeScaledProduct(NodeContext &node, const Quantized &a, const Quantized &b, int bias) {
  if (!a.numbers || !b.numbers || !a.scale || !b.scale)
    return Value();
  Value sums = makeMatMul(node, removeZeroPoint(node, a.numbers, asColumn(node, a.zeroPoint, true)),
                          removeZeroPoint(node, b.numbers, b.zeroPoint));
  Value scale = node.elementwise(Kind::mul, {asColumn(node, a.scale, true), b.scale}, "scales");
  Value product = node.elementwise(Kind::mul, {node.cast(sums, elementOf(a.scale)), scale}, "product");
  return node.hasInput(bias) ? node.elementwise(Kind::add, {product, node.input(bias)}, "bias") : product;
}

static Value optional(NodeContext &node, int index) { return node.hasInput(index) ? node.input(index) : Value(); }

static void importIntegerToFloat(NodeContext &node) {
  Quantized a{node.input(0), node.input(2), optional(node, 4)}, b{node.input(1), node.input(3), optional(node, 5)};
  node.setResult(0, makeScaledProduct(node, a, b, 6));
}

static void importDynamicProduct(NodeContext &node) {
  Quantized b{node.input(1), node.input(2), optional(node, 3)};
  node.setResult(0, makeScaledProduct(node, quantizeDynamically(node, node.input(0)), b, 4));
}

/// Products and sums are exact integers; the three scales meet at the end.
static void importQLinearMatMul(NodeContext &node) {
  Value inputs[8];
  for (int i = 0; i < 8; ++i)
    if (!(inputs[i] = node.input(i)))
      return;
  Value a = removeZeroPoint(node, inputs[0], asColumn(node, inputs[2], true));
  Value b = removeZeroPoint(node, inputs[3], inputs[5]);
  Type element = elementOf(inputs[1]);
  Value sums = node.cast(makeMatMul(node, a, b), element);
  Value scaled = node.elementwise(Kind::mul, {sums, asColumn(node, inputs[1], true)});
  scaled = node.elementwise(Kind::mul, {scaled, node.cast(inputs[4], element)});
  node.setResult(0, quantize(node, scaled, inputs[6], inputs[7], elementOf(inputs[7])));
}

void partita::import::addQuantizationOps(OpTable &table) {
  table.insert({{"QuantizeLinear", importQuantize},
                {"DequantizeLinear", importDequantize},
                {"DynamicQuantizeLinear", importDynamicQuantize},
                {"MatMulInteger", importMatMulInteger},
                {"QLinearMatMul", importQLinearMatMul},
                {"com.microsoft.QuantizeLinear", importQuantize},
                {"com.microsoft.DequantizeLinear", importDequantize},
                {"com.microsoft.MatMulIntegerToFloat", importIntegerToFloat},
                {"com.microsoft.DynamicQuantizeMatMul", importDynamicProduct}});
}
