// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Spectral.cpp - Fourier transforms and determinants ----------------------===//
//
// The discrete Fourier transform is a product with the matrices cos and sin(2 pi k i / n), whose angles are computed
// modulo n in f64. Formulas: ONNX operator specification, DFT-20, STFT-17.
//
//===----------------------------------------------------------------------===//
#include "OpTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

namespace {
/// cos and sin of the angles of `count` frequencies for `length` samples: [length, count].
struct Waves {
  Value cosine, sine;
};

struct Complex {
  Value real, imaginary; ///< null: zero
};
} // namespace

static Waves makeWaves(NodeContext &node, int64_t length, int64_t count, Type element) {
  Sizes shape{DimSize(length), DimSize(count)};
  Value sample = node.spread(node.iota(shape[0], node.indexType(), "sample"), shape, {0});
  Value frequency = node.spread(node.iota(shape[1], node.indexType(), "frequency"), shape, {1});
  if (!sample || !frequency)
    return {};
  Value turns =
      node.withNumber(Kind::remainder, node.elementwise(Kind::mul, {sample, frequency}), static_cast<double>(length));
  Type f64 = Builder(element.getContext()).getF64Type();
  Value angle =
      node.withNumber(Kind::mul, node.cast(turns, f64, "turns"), 6.283185307179586476925 / static_cast<double>(length));
  return {node.cast(node.elementwise(Kind::cos, {angle}), element, "cosine"),
          node.cast(node.elementwise(Kind::sin, {angle}), element, "sine")};
}

/// The transform along `axis` of parts without a last dim for the two parts.
static Complex transform(NodeContext &node, const Complex &x, int64_t axis, int64_t count, bool inverse) {
  if (!x.real)
    return {};
  Sizes sizes = node.sizesOf(x.real);
  Waves waves = makeWaves(node, sizes[axis].constant, count, node.elementOf(x.real));
  std::string from, to;
  for (size_t dim = 0; dim < sizes.size(); ++dim) {
    from += static_cast<char>('a' + dim);
    to += static_cast<int64_t>(dim) == axis ? 'z' : from.back();
  }
  std::string spec = from + "," + from[axis] + "z->" + to;
  auto product = [&](Value part, Value wave) { return part ? node.contract(part, wave, spec) : Value(); };
  auto join = [&](Kind kind, Value a, Value b) { return b ? node.elementwise(kind, {a, b}) : a; };
  // e^(-i angle) forwards, e^(i angle) backwards.
  Value negated = node.elementwise(Kind::neg, {waves.sine});
  Complex result{join(Kind::add, product(x.real, waves.cosine), product(x.imaginary, inverse ? negated : waves.sine)),
                 join(Kind::add, product(x.real, inverse ? waves.sine : negated), product(x.imaginary, waves.cosine))};
  if (inverse) {
    auto length = static_cast<double>(sizes[axis].constant);
    result.real = node.withNumber(Kind::div, result.real, length);
    result.imaginary = node.withNumber(Kind::div, result.imaginary, length);
  }
  return result;
}

/// The parts of a tensor whose last dim is 1 (real) or 2.
static Complex takeApart(NodeContext &node, Value x) {
  if (!x)
    return {};
  Sizes sizes = node.sizesOf(x), rest(sizes.begin(), sizes.end() - 1);
  auto last = static_cast<int64_t>(rest.size());
  Complex parts{node.reshape(node.cut(x, last, 0, DimSize(1)), rest), Value()};
  if (sizes.back() == DimSize(2))
    parts.imaginary = node.reshape(node.cut(x, last, 1, DimSize(1)), rest);
  return parts;
}

static Value putTogether(NodeContext &node, const Complex &parts) {
  if (!parts.real || !parts.imaginary)
    return Value();
  Sizes sizes = node.sizesOf(parts.real);
  sizes.emplace_back(1);
  return node.concat({node.reshape(parts.real, sizes), node.reshape(parts.imaginary, sizes)},
                     static_cast<int64_t>(sizes.size()) - 1);
}

static std::optional<int64_t> readNumber(NodeContext &node, int index) {
  std::optional<std::vector<double>> list = node.numbers(index);
  if (list && list->size() == 1)
    return static_cast<int64_t>(list->front());
  if (list)
    node.failShape("input '" + node.getInputName(index) + "' is not one number");
  return std::nullopt;
}

/// `value` cut or filled with zeros to `length` along a dim.
static Value fitLength(NodeContext &node, Value value, int64_t dim, int64_t length) {
  int64_t extent = node.sizesOf(value)[dim].constant;
  if (length <= extent)
    return node.cut(value, dim, 0, DimSize(length));
  Sizes rest = node.sizesOf(value);
  rest[dim] = DimSize(length - extent);
  return node.concat({value, node.spread(node.constant(0, node.elementOf(value)), rest, {})}, dim);
}

/// The real signal of `length` samples whose spectrum's first half is given; the other half is its mirror image.
static Value invertHalf(NodeContext &node, Value x, int64_t axis, int64_t length) {
  int64_t half = length / 2 + 1;
  Value first = length > 0 ? fitLength(node, x, axis, half) : Value();
  if (!first || !(node.sizesOf(first).back() == DimSize(2)))
    return first ? (node.failShape("a one-sided spectrum has two parts"), Value()) : Value();
  Value whole = first;
  // Frequency length - k is the conjugate of frequency k.
  if (int64_t mirrored = (length - 1) / 2; mirrored > 0) {
    Value back = node.cut(first, axis, mirrored, DimSize(mirrored), -1, "mirror");
    Complex parts = takeApart(node, back);
    parts.imaginary = parts.imaginary ? node.elementwise(Kind::neg, {parts.imaginary}) : Value();
    whole = node.concat({first, putTogether(node, parts)}, axis);
  }
  if (!whole)
    return Value();
  Value real = transform(node, takeApart(node, whole), axis, length, true).real;
  Sizes sizes = real ? node.sizesOf(real) : Sizes();
  sizes.emplace_back(1);
  return node.reshape(real, sizes);
}

static void importDft(NodeContext &node) {
  Value x = node.input(0);
  std::optional<int64_t> axis = node.getOpset() >= 20 ? -2 : node.getInteger("axis", 1), length;
  if (node.getOpset() >= 20 && node.hasInput(2))
    axis = readNumber(node, 2);
  bool inverse = node.getInteger("inverse", 0) != 0, oneSided = node.getInteger("onesided", 0) != 0;
  if (!x || !axis)
    return;
  Sizes sizes = node.sizesOf(x);
  axis = node.normalizeAxis(*axis, static_cast<int64_t>(sizes.size()));
  if (!axis)
    return;
  bool hasParts = sizes.back() == DimSize(1) || sizes.back() == DimSize(2);
  if (!hasParts || *axis + 1 == static_cast<int64_t>(sizes.size()) || !sizes[*axis].isStatic() || sizes.size() > 20)
    return node.failShape("a transform along dim " + llvm::Twine(*axis) + " of " + toText(sizes));
  length = node.hasInput(1) ? readNumber(node, 1) : sizes[*axis].constant;
  if (!length || *length < 1)
    return length ? node.failShape("dft_length is not positive") : void();
  if (inverse && oneSided)
    return node.setResult(0, invertHalf(node, x, *axis, node.hasInput(1) ? *length : 2 * (*length - 1)));
  Complex parts = takeApart(node, fitLength(node, x, *axis, *length));
  if (parts.real)
    node.setResult(0, putTogether(node, transform(node, parts, *axis, oneSided ? *length / 2 + 1 : *length, inverse)));
}

static void importStft(NodeContext &node) {
  Value signal = node.input(0);
  std::optional<int64_t> step = readNumber(node, 1);
  bool oneSided = node.getInteger("onesided", 1) != 0;
  if (!signal || !step)
    return;
  Sizes sizes = node.sizesOf(signal);
  Value window = node.hasInput(2) ? node.input(2) : Value();
  std::optional<int64_t> length;
  if (node.hasInput(3))
    length = readNumber(node, 3);
  else if (window && node.sizesOf(window).size() == 1 && node.sizesOf(window)[0].isStatic())
    length = node.sizesOf(window)[0].constant;
  if (!length)
    return node.hasFailed() ? void() : node.failShape("neither a window nor a frame length gives the length");
  bool fits = (sizes.size() == 3 || sizes.size() == 2) && sizes[1].isStatic() && *step > 0 && *length > 0 &&
              *length <= sizes[1].constant;
  if (!fits)
    return node.failShape("frames of " + llvm::Twine(*length) + " samples of a signal of shape " + toText(sizes));
  if (sizes.size() == 2)
    signal = node.reshape(signal, {sizes[0], sizes[1], DimSize(1)});
  Sizes frames{DimSize((sizes[1].constant - *length) / *step + 1), DimSize(*length)};
  Value begin = node.withNumber(Kind::mul, node.iota(frames[0], node.indexType()), static_cast<double>(*step));
  Value places = node.elementwise(
      Kind::add, {node.spread(begin, frames, {0}), node.spread(node.iota(frames[1], node.indexType()), frames, {1})});
  Value framed = node.gather(signal, places, 1);
  if (window && framed)
    framed = node.elementwise(Kind::mul, {framed, node.spread(window, node.sizesOf(framed), {2})});
  if (!framed)
    return;
  Complex parts = takeApart(node, framed);
  if (parts.real)
    node.setResult(0, putTogether(node, transform(node, parts, 2, oneSided ? *length / 2 + 1 : *length, false)));
}

//===-- Det -------------------------------------------------------------------------------------------------------===//

namespace {
/// One step of Gaussian elimination of [batch, n, n].
struct Elimination {
  Value pivot; ///< with its sign: [batch]
  Value rest;  ///< [batch, n - 1, n - 1]
};
} // namespace

/// The row with the largest first element is exchanged with the first one; then the first column is cleared.
static Elimination eliminate(NodeContext &node, Value matrix) {
  Sizes sizes = node.sizesOf(matrix);
  int64_t n = sizes[1].constant;
  Sizes batch{sizes[0]}, column{sizes[0], sizes[1]}, row{sizes[0], DimSize(1), sizes[2]};
  Value first = node.reshape(node.cut(matrix, 2, 0, DimSize(1)), column);
  Value best = node.topK(node.elementwise(Kind::abs, {first}), 1, DimSize(1), true);
  Value pivotRow = node.gatherAlong(matrix, best, 1, {0, 1}, "pivot");
  Value topRow = node.cut(matrix, 1, 0, DimSize(1));
  Value isPivot = node.elementwise(Kind::eq, {node.spread(node.iota(sizes[1], node.indexType()), column, {1}), best});
  if (!pivotRow || !isPivot || !topRow)
    return {};
  // What was the first row now stands where the pivot's row was.
  Value exchanged = node.elementwise(Kind::select, {node.spread(isPivot, sizes, {0, 1}), topRow, matrix}, "exchanged");
  Value rest = node.cut(exchanged, 1, 1, DimSize(n - 1));
  Value pivot = node.reshape(node.cut(pivotRow, 2, 0, DimSize(1)), batch);
  Value isZero = node.withNumber(Kind::eq, pivot, 0);
  if (!rest || !isZero)
    return {};
  // A zero pivot makes the determinant zero; dividing by one instead keeps the rest finite.
  Value divisor = node.elementwise(Kind::select, {isZero, node.constant(1, node.elementOf(pivot)), pivot});
  Value heads = node.reshape(node.cut(rest, 2, 0, DimSize(1)), {sizes[0], DimSize(n - 1)});
  Value factors = node.elementwise(Kind::div, {heads, node.spread(divisor, {sizes[0], DimSize(n - 1)}, {0})});
  Value tail = node.reshape(node.cut(pivotRow, 2, 1, DimSize(n - 1)), {sizes[0], DimSize(n - 1)});
  Value cleared = node.elementwise(
      Kind::sub, {node.cut(rest, 2, 1, DimSize(n - 1)), node.contract(factors, tail, "bi,bj->bij", "outer")});
  Value stays = node.withNumber(Kind::eq, node.reshape(best, batch), 0);
  Value negated = node.elementwise(Kind::neg, {pivot});
  return {node.elementwise(Kind::select, {stays, pivot, negated}), cleared};
}

static void importDet(NodeContext &node) {
  Value x = node.input(0);
  if (!x)
    return;
  Sizes sizes = node.sizesOf(x);
  bool isSquare = sizes.size() >= 2 && sizes.back() == sizes[sizes.size() - 2] && sizes.back().isStatic();
  if (!isSquare || sizes.back().constant > 32)
    return node.failShape("the determinant of " + toText(sizes) +
                          " is not supported: square matrices of static extents up to 32 are");
  Sizes outer(sizes.begin(), sizes.end() - 2);
  std::optional<DimSize> batch = divideProducts(outer, {});
  if (!batch)
    return node.failShape("the number of matrices is not linear in the symbolic dimensions");
  int64_t n = sizes.back().constant;
  Value matrix = node.reshape(x, {*batch, DimSize(n), DimSize(n)});
  Value product = n == 0 ? node.spread(node.constant(1, node.elementOf(x)), {*batch}, {}) : Value();
  for (; n > 1 && matrix; --n) {
    Elimination step = eliminate(node, matrix);
    if (!step.pivot || !step.rest)
      return;
    product = product ? node.elementwise(Kind::mul, {product, step.pivot}) : step.pivot;
    matrix = step.rest;
  }
  if (n == 1) {
    Value last = node.reshape(matrix, {*batch});
    product = product ? node.elementwise(Kind::mul, {product, last}) : last;
  }
  node.setResult(0, node.reshape(product, outer));
}

void partita::import::addSpectralOps(OpTable &table) {
  table.insert({{"DFT", importDft}, {"STFT", importStft}, {"Det", importDet}});
}
