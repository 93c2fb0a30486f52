// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Random.cpp - Random numbers, and dropout --------------------------------===//
//
// All numbers are made from partita_graph.random_bits, so that each is a function of a seed and of its place in the
// whole tensor: the same on any number of devices, and in every run. A node's `seed` chooses the numbers alone; nodes
// without one draw by their name.
//
//===----------------------------------------------------------------------===//
#include "OpTable.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/xxhash.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

namespace {

/// The numbers that one node draws.
class Draws {
public:
  explicit Draws(NodeContext &node) : node(node), builder(node.getSession().getBuilder()) {
    // Dropout's seed is an integer.
    const onnx::Attribute *given = node.getAttribute("seed");
    if (given && given->has_i()) {
      seed = node.getInteger("seed", 0);
      stream = int64_t(1) << 32;
    } else if (given) {
      seed = llvm::bit_cast<uint32_t>(static_cast<float>(node.getFloat("seed", 0.0)));
    } else {
      stream = static_cast<int64_t>(llvm::xxh3_64bits(node.getName()) << 8);
    }
  }

  /// Uniform over [0, 1), or over (0, 1) at the middle of each step; `element` is f32 (in steps of 2^-24 and 2^-23) or
  /// f64 (2^-53, 2^-52).
  Value uniform(const Sizes &sizes, Type element, bool isOpen = false) {
    // A step less where half of one is added, so that the sum needs no rounding.
    int64_t width = (element.isF64() ? 53 : 24) - isOpen;
    Value number = node.cast(drawBits(sizes, std::min<int64_t>(width, 32)), element, "draw");
    if (width > 32) {
      Value low = node.cast(drawBits(sizes, width - 32), element, "draw");
      number = node.elementwise(Kind::add, {node.withNumber(Kind::mul, number, std::ldexp(1.0, int(width) - 32)), low});
    }
    if (isOpen)
      number = node.withNumber(Kind::add, number, 0.5);
    return node.withNumber(Kind::mul, number, std::ldexp(1.0, -int(width)), "uniform");
  }

  /// Source: Box, Muller: A note on the generation of random normal deviates (1958); one of the two numbers.
  Value normal(const Sizes &sizes, Type element) {
    Value radius = node.elementwise(Kind::log, {uniform(sizes, element, /*isOpen=*/true)});
    radius = node.elementwise(Kind::sqrt, {node.withNumber(Kind::mul, radius, -2.0)});
    Value angle = node.withNumber(Kind::mul, uniform(sizes, element), 2.0 * std::numbers::pi);
    return node.elementwise(Kind::mul, {radius, node.elementwise(Kind::cos, {angle})}, "normal");
  }

private:
  /// The `width` highest of 32 bits, as a number.
  Value drawBits(const Sizes &sizes, int64_t width) {
    Type word = builder.getIntegerType(32, /*isSigned=*/false);
    RankedTensorType type = node.makeType(sizes, word);
    if (!type)
      return Value();
    Value bits = node.finish(RandomBitsOp::create(builder, node.getLocation(), type, node.partName("bits"), seed,
                                                  static_cast<int64_t>(stream++)));
    return width == 32 ? bits : node.withNumber(Kind::shift_right, bits, static_cast<double>(32 - width));
  }

  NodeContext &node;
  OpBuilder &builder;
  int64_t seed = int64_t(1) << 32;
  int64_t stream = 0;
};

} // namespace

/// In which numbers of a type are computed.
static Type computedType(NodeContext &node, Type element) {
  return element.isF64() ? element : Type(node.getSession().getBuilder().getF32Type());
}

/// The float type that `dtype` names; that of the input where it is missing.
static Type readType(NodeContext &node, Type missing) {
  auto number = static_cast<int32_t>(node.getInteger("dtype", 0));
  Type element = number == 0 ? missing : node.getSession().getElementType(number);
  if (element && isa<FloatType>(element) && element.getIntOrFloatBitWidth() > 8)
    return element;
  node.failOp("dtype " + llvm::Twine(number) + " is no float type that numbers are drawn in");
  return Type();
}

static std::optional<Sizes> readShape(NodeContext &node) {
  Sizes sizes;
  for (int64_t extent : node.getIntegers("shape"))
    sizes.emplace_back(extent);
  if (node.hasAttribute("shape"))
    return sizes;
  node.fail("E-BAD-FILE", "attribute 'shape' is missing");
  return std::nullopt;
}

/// Of the attribute `shape`, or of the input, which gives nothing else.
template <bool isNormal, bool isLike> static void importRandom(NodeContext &node) {
  Value like = isLike ? node.input(0) : Value();
  if (isLike && !like)
    return;
  std::optional<Sizes> sizes = isLike ? node.sizesOf(like) : readShape(node);
  Type element = readType(node, isLike ? node.elementOf(like) : Type(node.getSession().getBuilder().getF32Type()));
  if (!sizes || !element)
    return;
  Draws draws(node);
  Type computed = computedType(node, element);
  double first = isNormal ? node.getFloat("mean", 0.0) : node.getFloat("low", 0.0);
  double second = isNormal ? node.getFloat("scale", 1.0) : node.getFloat("high", 1.0) - first;
  Value drawn = isNormal ? draws.normal(*sizes, computed) : draws.uniform(*sizes, computed);
  Value scaled = node.withNumber(Kind::add, node.withNumber(Kind::mul, drawn, second), first);
  node.setResult(0, node.cast(scaled, element));
}

/// 1 with the probability that the input gives.
static void importBernoulli(NodeContext &node) {
  Value x = node.input(0);
  if (!x)
    return;
  Type computed = computedType(node, node.elementOf(x));
  auto number = static_cast<int32_t>(node.getInteger("dtype", 0));
  Type element = number == 0 ? node.elementOf(x) : node.getSession().getElementType(number);
  if (!element)
    return node.failOp("dtype " + llvm::Twine(number) + " is not supported");
  Value drawn = Draws(node).uniform(node.sizesOf(x), computed);
  node.setResult(0, node.cast(node.elementwise(Kind::lt, {drawn, node.cast(x, computed)}), element));
}

/// [batch, classes] of logarithms of probabilities, up to a sum, to [batch, sample_size] of classes: the place of the
/// largest logarithm with Gumbel noise added. A largest number does not depend on how its candidates are split.
/// Source: Yellott: The relationship between Luce's choice axiom, Thurstone's theory ... (1977).
static void importMultinomial(NodeContext &node) {
  Value x = node.input(0);
  int64_t count = node.getInteger("sample_size", 1);
  auto number = static_cast<int32_t>(node.getInteger("dtype", onnx::SI32));
  if (!x)
    return;
  Sizes sizes = node.sizesOf(x);
  if (sizes.size() != 2 || count < 1 || (number != onnx::SI32 && number != onnx::SI64))
    return node.failShape("draws at least one class of [batch, classes] as int32 or int64");
  Type computed = computedType(node, node.elementOf(x));
  Sizes each = {sizes[0], DimSize(count), sizes[1]};
  Value noise = node.elementwise(Kind::log, {Draws(node).uniform(each, computed, /*isOpen=*/true)});
  noise = node.elementwise(Kind::log, {node.elementwise(Kind::neg, {noise})});
  Value logits = node.spread(node.cast(x, computed), each, {0, 2});
  Value place = makeArgReduction(node, node.elementwise(Kind::sub, {logits, noise}), 2, /*isMaximum=*/true, false);
  node.setResult(0,
                 node.cast(node.reshape(place, {sizes[0], DimSize(count)}), node.getSession().getElementType(number)));
}

/// What is kept of x, larger by as much as is dropped; the mask says what was kept.
static void dropRandomly(NodeContext &node, Value x, double ratio) {
  if (!(ratio >= 0.0 && ratio < 1.0))
    return node.failOp("ratio " + std::to_string(ratio) + " is not from 0 to below 1");
  if (!x)
    return;
  Type element = node.elementOf(x), computed = computedType(node, element);
  Value drawn = Draws(node).uniform(node.sizesOf(x), computed);
  Value kept = node.withNumber(Kind::ge, drawn, ratio, "kept");
  Value scaled = node.cast(node.withNumber(Kind::mul, node.cast(x, computed), 1.0 / (1.0 - ratio)), element);
  node.setResult(0, node.elementwise(Kind::select, {kept, scaled, node.constant(0.0, element)}));
  if (node.hasResult(1))
    node.setResult(1, kept);
}

/// Nothing in inference, which is also what a ratio of 0 means.
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
  Value x = node.input(0);
  if (drops && ratio != 0.0)
    return dropRandomly(node, x, ratio);
  node.setResult(0, x);
  if (node.hasResult(1) && x)
    node.setResult(1, node.broadcast(node.constant(1.0, node.getSession().getBuilder().getI1Type()), node.sizesOf(x)));
}

void partita::import::addRandomOps(OpTable &table) {
  table.insert({{"RandomNormal", importRandom<true, false>},
                {"RandomNormalLike", importRandom<true, true>},
                {"RandomUniform", importRandom<false, false>},
                {"RandomUniformLike", importRandom<false, true>},
                {"Bernoulli", importBernoulli},
                {"Multinomial", importMultinomial},
                {"Dropout", importDropout}});
}
