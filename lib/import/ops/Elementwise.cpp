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

template <ElementwiseKind kind> static void importBinary(NodeContext &node) {
  Value a = node.input(0), b = node.input(1);
  node.setResult(0, node.elementwise(kind, {a, b}));
}

/// Sum, Max, Min: any number of inputs.
template <ElementwiseKind kind> static void importVariadic(NodeContext &node) {
  Value total = node.input(0);
  for (int i = 1; i < node.countInputs(); ++i)
    total = node.elementwise(kind, {total, node.input(i)});
  node.setResult(0, total);
}

static void importPow(NodeContext &node) {
  Value x = node.input(0);
  // Squares and roots are the exponents that exporters write.
  std::optional<double> exponent = node.scalar(1);
  bool isScalar = exponent && x && isa<FloatType>(elementOf(x));
  if (isScalar && *exponent == 2.0)
    return node.setResult(0, node.elementwise(ElementwiseKind::mul, {x, x}));
  if (isScalar && *exponent == 0.5)
    return node.setResult(0, node.elementwise(ElementwiseKind::sqrt, {x}));
  if (isScalar && *exponent == 1.0)
    return node.setResult(0, x);
  if (isScalar)
    return node.setResult(0, node.withNumber(ElementwiseKind::pow, x, *exponent));
  Value y = node.input(1);
  node.setResult(0, node.elementwise(ElementwiseKind::pow, {x, x && y ? node.cast(y, elementOf(x)) : Value()}));
}

static void importMod(NodeContext &node) {
  if (node.getInteger("fmod", 0) != 0)
    return node.failOp("fmod=1 (the sign of the dividend) is not supported");
  importBinary<ElementwiseKind::remainder>(node);
}

static void importGelu(NodeContext &node) {
  std::string form = node.getText("approximate", "none");
  if (form != "none" && form != "tanh")
    return node.failOp("approximate='" + form + "' is not known");
  node.setResult(
      0, node.elementwise(form == "tanh" ? ElementwiseKind::gelu_tanh : ElementwiseKind::gelu, {node.input(0)}));
}

static void importWhere(NodeContext &node) {
  Value condition = node.input(0), a = node.input(1), b = node.input(2);
  node.setResult(0, node.elementwise(ElementwiseKind::select, {condition, a, b}));
}

static void importLeakyRelu(NodeContext &node) {
  Value x = node.input(0);
  Value scaled = node.withNumber(ElementwiseKind::mul, x, node.getFloat("alpha", 0.01));
  Value isPositive = node.withNumber(ElementwiseKind::ge, x, 0.0);
  node.setResult(0, node.elementwise(ElementwiseKind::select, {isPositive, x, scaled}));
}

/// max(0, min(1, alpha * x + beta)).
static Value makeHardSigmoid(NodeContext &node, Value x, double alpha, double beta) {
  Value line = node.withNumber(ElementwiseKind::add, node.withNumber(ElementwiseKind::mul, x, alpha), beta);
  return node.withNumber(ElementwiseKind::max, node.withNumber(ElementwiseKind::min, line, 1.0), 0.0);
}

static void importHardSigmoid(NodeContext &node) {
  node.setResult(0, makeHardSigmoid(node, node.input(0), node.getFloat("alpha", 0.2), node.getFloat("beta", 0.5)));
}

static void importHardSwish(NodeContext &node) {
  Value x = node.input(0);
  node.setResult(0, node.elementwise(ElementwiseKind::mul, {x, makeHardSigmoid(node, x, 1.0 / 6.0, 0.5)}));
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
  node.ignore({"saturate"});
  int64_t to = node.getInteger("to", 0);
  Type element = node.getSession().getElementType(static_cast<int32_t>(to));
  if (!element)
    return node.failOp("cast to element type " + llvm::Twine(to) + " of ONNX is not supported");
  node.setResult(0, node.cast(node.input(0), element));
}

static void importCastLike(NodeContext &node) {
  node.ignore({"saturate"});
  Value x = node.input(0), like = node.input(1);
  node.setResult(0, x && like ? node.cast(x, elementOf(like)) : Value());
}

static void importIdentity(NodeContext &node) { node.setResult(0, node.input(0)); }

/// Nothing in inference; a file may ask for the training form by its third input.
static void importDropout(NodeContext &node) {
  node.ignore({"ratio", "seed"});
  const Known *isTraining = node.known(2);
  bool isInference = !node.hasInput(2) || (isTraining && isTraining->elements == Sizes{DimSize(0)});
  if (!isInference)
    return node.failOp("training_mode is not known to be false: the file is imported for inference");
  if (node.hasResult(1))
    return node.failOp("its second result (the mask) is not supported");
  node.setResult(0, node.input(0));
}

void partita::import::addElementwiseOps(OpTable &table) {
  using Kind = ElementwiseKind;
  table.insert({{"Neg", importUnary<Kind::neg>},
                {"Abs", importUnary<Kind::abs>},
                {"Exp", importUnary<Kind::exp>},
                {"Log", importUnary<Kind::log>},
                {"Sqrt", importUnary<Kind::sqrt>},
                {"Reciprocal", importUnary<Kind::reciprocal>},
                {"Tanh", importUnary<Kind::tanh>},
                {"Erf", importUnary<Kind::erf>},
                {"Sigmoid", importUnary<Kind::sigmoid>},
                {"Relu", importUnary<Kind::relu>},
                {"Sin", importUnary<Kind::sin>},
                {"Cos", importUnary<Kind::cos>},
                {"Floor", importUnary<Kind::floor>},
                {"Ceil", importUnary<Kind::ceil>},
                {"Round", importUnary<Kind::round>},
                {"Sign", importUnary<Kind::sign>},
                {"Not", importUnary<Kind::logical_not>},
                {"Add", importBinary<Kind::add>},
                {"Sub", importBinary<Kind::sub>},
                {"Mul", importBinary<Kind::mul>},
                {"Div", importBinary<Kind::div>},
                {"And", importBinary<Kind::logical_and>},
                {"Or", importBinary<Kind::logical_or>},
                {"Xor", importBinary<Kind::logical_xor>},
                {"Equal", importBinary<Kind::eq>},
                {"Less", importBinary<Kind::lt>},
                {"LessOrEqual", importBinary<Kind::le>},
                {"Greater", importBinary<Kind::gt>},
                {"GreaterOrEqual", importBinary<Kind::ge>},
                {"Sum", importVariadic<Kind::add>},
                {"Max", importVariadic<Kind::max>},
                {"Min", importVariadic<Kind::min>}});
  table.insert({{"Pow", importPow},
                {"Mod", importMod},
                {"Gelu", importGelu},
                {"Where", importWhere},
                {"LeakyRelu", importLeakyRelu},
                {"HardSigmoid", importHardSigmoid},
                {"HardSwish", importHardSwish},
                {"Clip", importClip},
                {"Cast", importCast},
                {"CastLike", importCastLike},
                {"Identity", importIdentity},
                {"Dropout", importDropout}});
}
