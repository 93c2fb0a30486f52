// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Elementwise.cpp - Operators that work element by element ----------------===//
#include "OpTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

static Type elementOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()).getElementType(); }

template <ElementwiseKind kind> static void importUnary(NodeContext &node) {
  node.setResult(0, node.elementwise(kind, {node.input(0)}));
}

/// Before set 7 the second input repeated only where `broadcast` said so: its dims stand from dim `axis` of the first
/// on, or at its end.
static Value alignOperand(NodeContext &node, Value a, Value b) {
  int64_t axis = node.getInteger("axis", -1);
  bool repeats = node.getInteger("broadcast", 0) != 0 && node.hasAttribute("axis");
  if (!a || !b || !repeats)
    return b;
  Sizes sizes = node.sizesOf(b);
  size_t rank = node.sizesOf(a).size();
  std::optional<int64_t> first = node.normalizeAxis(axis, static_cast<int64_t>(rank));
  if (!first)
    return Value();
  while (sizes.size() + static_cast<size_t>(*first) < rank)
    sizes.push_back(DimSize(1));
  return node.reshape(b, sizes);
}

template <ElementwiseKind kind> static void importBinary(NodeContext &node) {
  Value a = node.input(0), b = node.input(1);
  if (node.getOpset() < 7)
    b = alignOperand(node, a, b);
  node.setResult(0, node.elementwise(kind, {a, b}));
}

/// Sum, Max, Min: any number of inputs.
template <ElementwiseKind kind> static void importVariadic(NodeContext &node) {
  Value total = node.input(0);
  for (int i = 1; i < node.countInputs(); ++i)
    total = node.elementwise(kind, {total, node.input(i)});
  node.setResult(0, total);
}

static bool isFloat(Value value) { return value && isa<FloatType>(elementOf(value)); }

static void importMean(NodeContext &node) {
  Value total = node.input(0);
  for (int i = 1; i < node.countInputs(); ++i)
    total = node.elementwise(ElementwiseKind::add, {total, node.input(i)});
  node.setResult(0, node.countInputs() == 1 ? total : node.withNumber(ElementwiseKind::div, total, node.countInputs()));
}

/// The result has the type of the base; an integer to a broken power is computed in floats.
static void importPow(NodeContext &node) {
  Value x = node.input(0);
  // Squares and roots are the exponents that exporters write.
  std::optional<double> exponent = isFloat(x) ? node.scalar(1) : std::nullopt;
  if (exponent && *exponent == 2.0)
    return node.setResult(0, node.elementwise(ElementwiseKind::mul, {x, x}));
  if (exponent && *exponent == 0.5)
    return node.setResult(0, node.elementwise(ElementwiseKind::sqrt, {x}));
  if (exponent && *exponent == 1.0)
    return node.setResult(0, x);
  if (exponent)
    return node.setResult(0, node.withNumber(ElementwiseKind::pow, x, *exponent));
  Value y = node.input(1);
  if (!x || !y)
    return;
  Type element = elementOf(x), common = isFloat(y) && !isFloat(x) ? elementOf(y) : element;
  Value power = node.elementwise(ElementwiseKind::pow, {node.cast(x, common), node.cast(y, common)});
  node.setResult(0, node.cast(power, element));
}

/// With fmod the sign of the dividend: sign(a) (|a| mod |b|).
static void importMod(NodeContext &node) {
  if (node.getInteger("fmod", 0) == 0)
    return importBinary<ElementwiseKind::remainder>(node);
  Value a = node.input(0), b = node.input(1);
  Value rest = node.elementwise(ElementwiseKind::remainder, {node.elementwise(ElementwiseKind::abs, {a}),
                                                             node.elementwise(ElementwiseKind::abs, {b})});
  node.setResult(0, node.elementwise(ElementwiseKind::mul, {node.elementwise(ElementwiseKind::sign, {a}), rest}));
}

static void importBitShift(NodeContext &node) {
  std::string direction = node.getText("direction", "");
  if (direction == "LEFT")
    return importBinary<ElementwiseKind::shift_left>(node);
  if (direction == "RIGHT")
    return importBinary<ElementwiseKind::shift_right>(node);
  node.fail("E-BAD-FILE", "direction='" + direction + "' is neither LEFT nor RIGHT");
}

static void importIsNaN(NodeContext &node) {
  Value x = node.input(0);
  node.setResult(0, node.elementwise(ElementwiseKind::ne, {x, x}));
}

static void importIsInf(NodeContext &node) {
  Value x = node.input(0);
  bool positive = node.getInteger("detect_positive", 1) != 0, negative = node.getInteger("detect_negative", 1) != 0;
  double infinity = std::numeric_limits<double>::infinity();
  Value magnitude = positive && negative ? node.elementwise(ElementwiseKind::abs, {x}) : x;
  Value found = node.withNumber(ElementwiseKind::eq, magnitude, positive ? infinity : -infinity);
  // Asked for neither: false everywhere.
  if (!positive && !negative)
    found = node.elementwise(ElementwiseKind::lt, {x, x});
  node.setResult(0, found);
}

/// Whether one input is an integer or bool tensor: logic of bool and of bits is one kind of op.
template <ElementwiseKind kind, bool isBitwise> static void importLogic(NodeContext &node) {
  SmallVector<Value> operands;
  // A missing input is reported by input().
  for (int i = 0, needed = kind == ElementwiseKind::logical_not ? 1 : 2; i < std::max(node.countInputs(), needed);
       ++i) {
    operands.push_back(node.input(i));
    if (!operands.back())
      return;
    if (elementOf(operands.back()).isInteger(1) == isBitwise)
      return node.failOp(isBitwise ? "its input is bool, not integers" : "its input is not bool");
  }
  node.setResult(0, node.elementwise(kind, operands));
}

static void importWhere(NodeContext &node) {
  Value condition = node.input(0), a = node.input(1), b = node.input(2);
  node.setResult(0, node.elementwise(ElementwiseKind::select, {condition, a, b}));
}

/// Bounds are attributes up to set 6, later optional inputs.
static void importClip(NodeContext &node) {
  Value x = node.input(0);
  std::pair<int, const char *> bounds[] = {{1, "min"}, {2, "max"}};
  for (auto [index, name] : bounds) {
    ElementwiseKind kind = index == 1 ? ElementwiseKind::max : ElementwiseKind::min;
    if (node.hasAttribute(name))
      x = node.withNumber(kind, x, node.getFloat(name, 0.0));
    else if (std::optional<double> number = node.scalar(index))
      x = node.withNumber(kind, x, *number);
    else if (node.hasInput(index))
      x = node.elementwise(kind, {x, node.input(index)});
  }
  node.setResult(0, x);
}

static void importCast(NodeContext &node) {
  bool saturates = node.getInteger("saturate", 1) != 0;
  int64_t to = node.getInteger("to", 0);
  Type element = node.getSession().getElementType(static_cast<int32_t>(to));
  if (!element)
    return node.failOp("cast to element type " + llvm::Twine(to) + " of ONNX is not supported");
  Value x = node.input(0);
  node.setResult(0, saturates ? node.castSaturating(x, element) : node.cast(x, element));
}

static void importCastLike(NodeContext &node) {
  bool saturates = node.getInteger("saturate", 1) != 0;
  Value x = node.input(0), like = node.input(1);
  if (x && like)
    node.setResult(0, saturates ? node.castSaturating(x, elementOf(like)) : node.cast(x, elementOf(like)));
}

static void importIdentity(NodeContext &node) { node.setResult(0, node.input(0)); }

void partita::import::addElementwiseOps(OpTable &table) {
  using Kind = ElementwiseKind;
  table.insert({{"Neg", importUnary<Kind::neg>},         {"Abs", importUnary<Kind::abs>},
                {"Exp", importUnary<Kind::exp>},         {"Log", importUnary<Kind::log>},
                {"Sqrt", importUnary<Kind::sqrt>},       {"Reciprocal", importUnary<Kind::reciprocal>},
                {"Tanh", importUnary<Kind::tanh>},       {"Erf", importUnary<Kind::erf>},
                {"Sigmoid", importUnary<Kind::sigmoid>}, {"Relu", importUnary<Kind::relu>},
                {"Sin", importUnary<Kind::sin>},         {"Cos", importUnary<Kind::cos>},
                {"Tan", importUnary<Kind::tan>},         {"Asin", importUnary<Kind::asin>},
                {"Acos", importUnary<Kind::acos>},       {"Atan", importUnary<Kind::atan>},
                {"Sinh", importUnary<Kind::sinh>},       {"Cosh", importUnary<Kind::cosh>},
                {"Asinh", importUnary<Kind::asinh>},     {"Acosh", importUnary<Kind::acosh>},
                {"Atanh", importUnary<Kind::atanh>},     {"Floor", importUnary<Kind::floor>},
                {"Ceil", importUnary<Kind::ceil>},       {"Round", importUnary<Kind::round>},
                {"Sign", importUnary<Kind::sign>},       {"Add", importBinary<Kind::add>},
                {"Sub", importBinary<Kind::sub>},        {"Mul", importBinary<Kind::mul>},
                {"Div", importBinary<Kind::div>},        {"Equal", importBinary<Kind::eq>},
                {"Less", importBinary<Kind::lt>},        {"LessOrEqual", importBinary<Kind::le>},
                {"Greater", importBinary<Kind::gt>},     {"GreaterOrEqual", importBinary<Kind::ge>},
                {"Sum", importVariadic<Kind::add>},      {"Max", importVariadic<Kind::max>},
                {"Min", importVariadic<Kind::min>}});
  table.insert({{"Pow", importPow},
                {"Mod", importMod},
                {"Where", importWhere},
                {"Clip", importClip},
                {"Cast", importCast},
                {"CastLike", importCastLike},
                {"Identity", importIdentity},
                {"Mean", importMean},
                {"BitShift", importBitShift},
                {"IsNaN", importIsNaN},
                {"IsInf", importIsInf},
                {"Not", importLogic<Kind::logical_not, false>},
                {"And", importLogic<Kind::logical_and, false>},
                {"Or", importLogic<Kind::logical_or, false>},
                {"Xor", importLogic<Kind::logical_xor, false>},
                {"BitwiseNot", importLogic<Kind::logical_not, true>},
                {"BitwiseAnd", importLogic<Kind::logical_and, true>},
                {"BitwiseOr", importLogic<Kind::logical_or, true>},
                {"BitwiseXor", importLogic<Kind::logical_xor, true>}});
}
