// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Generators.cpp - Tensors made from numbers: ranges, windows, masks ------===//
#include "OpTable.h"

#include <cmath>

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

static Type elementOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()).getElementType(); }

static Type signed64(NodeContext &node) {
  return IntegerType::get(node.getSession().getContext(), 64, IntegerType::Signed);
}

Value partita::import::makePositions(NodeContext &node, DimSize extent, int64_t dim, int64_t rank, Type element) {
  Sizes sizes(rank, DimSize(1));
  sizes[dim] = extent;
  return node.reshape(node.iota(extent, element, "positions"), sizes);
}

/// The only number of an input, which must be known; nullopt: reported.
static std::optional<double> readNumber(NodeContext &node, int index) {
  const Known *known = node.known(index);
  if (known && known->elements.size() == 1 && known->isStatic())
    return static_cast<double>(known->elements[0].constant);
  std::optional<double> number = node.scalar(index);
  if (!number)
    node.failNeedsValue(index, "one number");
  return number;
}

/// The element type that an attribute names, or `otherwise`; null: reported.
static Type readElement(NodeContext &node, llvm::StringRef attribute, Type otherwise) {
  if (!node.hasAttribute(attribute))
    return otherwise;
  int64_t written = node.getInteger(attribute, 0);
  Type element = node.getSession().getElementType(static_cast<int32_t>(written));
  if (!element)
    node.failOp(attribute + " " + llvm::Twine(written) + " of ONNX is not supported");
  return element;
}

/// start + i * delta with a length of ceil((limit - start) / delta): limits that are floats. Integers are known shapes.
static void importFloatRange(NodeContext &node) {
  std::optional<double> start = readNumber(node, 0), limit = readNumber(node, 1), delta = readNumber(node, 2);
  Value first = node.input(0);
  if (!start || !limit || !delta || !first)
    return;
  double length = *delta == 0 ? -1 : std::ceil((*limit - *start) / *delta);
  if (!(length < static_cast<double>(largestSize)) || *delta == 0)
    return node.failShape("its limits give no length");
  Type element = elementOf(first);
  Value steps = node.iota(DimSize(std::max<int64_t>(0, static_cast<int64_t>(length))), element);
  node.setResult(0, node.withNumber(Kind::add, node.withNumber(Kind::mul, steps, *delta), *start));
}

/// Limits that are integers may be symbolic.
static void importRange(NodeContext &node) {
  const Known *start = node.known(0), *limit = node.known(1), *step = node.known(2);
  if (!start || !limit || !step)
    return importFloatRange(node);
  if (start->elements.size() != 1 || limit->elements.size() != 1 || step->elements.size() != 1)
    return node.failShape("its limits are not scalars");
  DimSize from = start->elements[0], to = limit->elements[0], by = step->elements[0];
  if (!from.isStatic() || !by.isStatic() || by.constant == 0 || !isInRange(to) || !isInRange(from) || !isInRange(by))
    return node.failShape("its start and step must be numbers");
  std::optional<DimSize> length = addChecked(to, from * -1);
  if (length && by.constant != 1) {
    int64_t step = by.constant, room = length->constant;
    int64_t steps = step > 0 ? (room + step - 1) / step : (-room + (-step) - 1) / -step;
    length = length->isStatic() ? std::optional<DimSize>(DimSize(std::max<int64_t>(0, steps))) : std::nullopt;
  }
  if (length && length->isStatic() && length->constant < 0)
    length = DimSize(0);
  if (!length)
    return node.failShape("its length is not a linear expression of symbolic dimensions");
  Value result = node.iota(*length, start->element);
  if (by.constant != 1)
    result = node.withNumber(Kind::mul, result, static_cast<double>(by.constant));
  if (from.constant != 0)
    result = node.withNumber(Kind::add, result, static_cast<double>(from.constant));
  node.setResult(0, result);
}

/// 1 where column = row + k, in the shape of the input.
static void importEyeLike(NodeContext &node) {
  Value like = node.input(0);
  int64_t k = node.getInteger("k", 0);
  Type element = like ? readElement(node, "dtype", elementOf(like)) : Type();
  if (!element)
    return;
  Sizes sizes = node.sizesOf(like);
  if (sizes.size() != 2 || k < -largestSize || k > largestSize)
    return node.failShape("its input is not a matrix, or k is too large");
  Value rows = makePositions(node, sizes[0], 0, 2, signed64(node));
  Value columns = makePositions(node, sizes[1], 1, 2, signed64(node));
  Value isOne = node.elementwise(Kind::eq, {node.withNumber(Kind::add, rows, static_cast<double>(k)), columns});
  node.setResult(0, node.cast(isOne, element));
}

/// a0 - a1 cos(2 pi n / N) + a2 cos(4 pi n / N); N is the size, or one less for a symmetric window.
static void importWindow(NodeContext &node, double a0, double a1, double a2) {
  std::optional<double> size = readNumber(node, 0);
  bool isPeriodic = node.getInteger("periodic", 1) != 0;
  Builder builder(node.getSession().getContext());
  Type element = readElement(node, "output_datatype", builder.getF32Type());
  if (!size || !element)
    return;
  if (*size < 1 || *size > static_cast<double>(largestSize))
    return node.failShape("its size is not positive, or too large");
  // In double, so that long windows keep their digits.
  Value steps = node.iota(DimSize(static_cast<int64_t>(*size)), builder.getF64Type());
  double period = std::max(1.0, isPeriodic ? *size : *size - 1);
  Value angle = node.withNumber(Kind::mul, steps, 6.283185307179586 / period);
  Value window = node.withNumber(Kind::add, node.withNumber(Kind::mul, node.elementwise(Kind::cos, {angle}), -a1), a0);
  if (a2 != 0) {
    Value second = node.elementwise(Kind::cos, {node.withNumber(Kind::mul, angle, 2.0)});
    window = node.elementwise(Kind::add, {window, node.withNumber(Kind::mul, second, a2)});
  }
  node.setResult(0, node.cast(window, element));
}

static void importHannWindow(NodeContext &node) { importWindow(node, 0.5, 0.5, 0); }
static void importHammingWindow(NodeContext &node) { importWindow(node, 25.0 / 46.0, 21.0 / 46.0, 0); }
static void importBlackmanWindow(NodeContext &node) { importWindow(node, 0.42, 0.5, 0.08); }

namespace {
/// Bins of the spectrogram where the triangles of a mel filter bank begin, peak and end: bin i of n + 2.
struct MelBins {
  std::vector<double> edges;
  std::vector<double> from(size_t first, size_t count) const {
    return {edges.begin() + static_cast<ptrdiff_t>(first), edges.begin() + static_cast<ptrdiff_t>(first + count)};
  }
};
} // namespace

/// Equal steps in mel = 2595 log10(1 + hertz / 700), as bins of a transform of `length` samples. Source: the ONNX
/// operator's reference code.
static MelBins makeMelBins(int64_t bands, double length, double rate, double low, double high) {
  auto toMel = [](double hertz) { return 2595.0 * std::log10(1.0 + hertz / 700.0); };
  double step = (toMel(high) - toMel(low)) / static_cast<double>(bands + 2);
  MelBins bins;
  for (int64_t i = 0; i < bands + 2; ++i) {
    double hertz = 700.0 * (std::pow(10.0, (static_cast<double>(i) * step + toMel(low)) / 2595.0) - 1.0);
    bins.edges.push_back(std::floor((length + 1) * hertz / rate));
  }
  return bins;
}

/// Triangle i rises from edge i to edge i + 1 and falls to edge i + 2.
static Value makeTriangles(NodeContext &node, const MelBins &bins, int64_t bands, int64_t rows) {
  Builder builder(node.getSession().getContext());
  Type f32 = builder.getF32Type();
  auto row = [&](size_t first) {
    std::vector<float> numbers;
    for (double edge : bins.from(first, static_cast<size_t>(bands)))
      numbers.push_back(static_cast<float>(edge));
    auto value = DenseElementsAttr::get(RankedTensorType::get({1, bands}, f32), llvm::ArrayRef<float>(numbers));
    return node.getSession().makeConstant(node.getLocation(), value, node.partName("edges"));
  };
  Value lower = row(0), center = row(1), higher = row(2);
  Value bin = makePositions(node, DimSize(rows), 0, 2, f32);
  auto both = [&](Value a, Value b) { return node.elementwise(Kind::logical_and, {a, b}); };
  Value width = node.elementwise(Kind::sub, {center, lower}), fall = node.elementwise(Kind::sub, {higher, center});
  Value isRising = both(node.elementwise(Kind::ge, {bin, lower}), node.elementwise(Kind::le, {bin, center}));
  Value isFalling = both(node.elementwise(Kind::ge, {bin, center}), node.elementwise(Kind::lt, {bin, higher}));
  // A triangle without a rising side begins at its peak.
  Value rising =
      node.elementwise(Kind::div, {node.elementwise(Kind::sub, {bin, lower}), node.withNumber(Kind::max, width, 1.0)});
  rising = node.elementwise(Kind::select, {node.withNumber(Kind::eq, width, 0.0), node.constant(1.0, f32), rising});
  Value falling =
      node.elementwise(Kind::div, {node.elementwise(Kind::sub, {higher, bin}), node.withNumber(Kind::max, fall, 1.0)});
  Value rest = node.elementwise(Kind::select, {isRising, rising, node.constant(0.0, f32)});
  return node.elementwise(Kind::select, {isFalling, falling, rest});
}

static void importMelWeightMatrix(NodeContext &node) {
  std::optional<double> numbers[5];
  for (int i = 0; i < 5; ++i)
    if (!(numbers[i] = readNumber(node, i)))
      return;
  double bands = *numbers[0], length = *numbers[1];
  Type element = readElement(node, "output_datatype", Builder(node.getSession().getContext()).getF32Type());
  // Rows of edges are small constants.
  if (!element || bands < 1 || bands > 256 || length < 1 || length > 1e9 || *numbers[2] <= 0)
    return node.failOp("supported are 1 to 256 bands, a transform of 1 to 10^9 samples, and a positive rate");
  MelBins bins = makeMelBins(static_cast<int64_t>(bands), length, *numbers[2], *numbers[3], *numbers[4]);
  Value weights = makeTriangles(node, bins, static_cast<int64_t>(bands), static_cast<int64_t>(length) / 2 + 1);
  node.setResult(0, node.cast(weights, element));
}

void partita::import::addGeneratorOps(OpTable &table) {
  table.insert({{"Range", importRange},
                {"EyeLike", importEyeLike},
                {"HannWindow", importHannWindow},
                {"HammingWindow", importHammingWindow},
                {"BlackmanWindow", importBlackmanWindow},
                {"MelWeightMatrix", importMelWeightMatrix}});
}
