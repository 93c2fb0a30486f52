// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Sampling.cpp - Images read at computed coordinates ----------------------===//
//
// A sample is a weighted sum over the corners around it (taps); each tap gathers from the image with its spatial dims
// merged. Formulas: ONNX operator specification, GridSample-20, AffineGrid-20.
//
//===----------------------------------------------------------------------===//
#include "ops/Sampling.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

std::optional<SmallVector<int64_t>> partita::import::readExtents(NodeContext &node, const Sizes &sizes, size_t from) {
  SmallVector<int64_t> extents;
  for (size_t dim = from; dim < sizes.size(); ++dim) {
    if (!sizes[dim].isStatic()) {
      node.failShape("dimension " + llvm::Twine(dim) + " is symbolic");
      return std::nullopt;
    }
    extents.push_back(sizes[dim].constant);
  }
  return extents;
}

//===-- GridSample ------------------------------------------------------------------------------------------------===//

/// x folded into [low, high] by reflection at both ends: a triangle wave.
static Value reflect(NodeContext &node, Value x, double low, double high) {
  double range = high - low;
  if (range <= 0)
    return node.withNumber(Kind::mul, x, 0);
  Value shifted = node.withNumber(Kind::add, x, -low);
  Value phase = shifted ? node.withNumber(Kind::remainder, shifted, 2 * range) : Value();
  Value distance = phase ? node.elementwise(Kind::abs, {node.withNumber(Kind::add, phase, -range)}) : Value();
  return distance ? node.withNumber(Kind::add, node.elementwise(Kind::neg, {distance}), range + low) : Value();
}

Value partita::import::clampTo(NodeContext &node, Value x, double low, double high) {
  Value raised = node.withNumber(Kind::max, x, low);
  return raised ? node.withNumber(Kind::min, raised, high) : Value();
}

/// A whole-numbered place made one inside of the image; outside of it the weight is zero where padding is.
static Tap padTap(NodeContext &node, const GridSettings &settings, Tap tap, int64_t extent) {
  auto last = static_cast<double>(extent - 1);
  if (settings.padding == "reflection") {
    double low = settings.alignsCorners ? 0 : -0.5, high = settings.alignsCorners ? last : last + 0.5;
    tap.place = reflect(node, tap.place, low, high);
  }
  Value inside = clampTo(node, tap.place, 0, last);
  if (settings.padding == "zeros" && inside && tap.weight) {
    Value isInside = node.elementwise(Kind::eq, {tap.place, inside});
    Value zero = node.constant(0, node.elementOf(tap.weight));
    tap.weight = isInside ? node.elementwise(Kind::select, {isInside, tap.weight, zero}) : Value();
  }
  tap.place = node.cast(inside, node.indexType(), "places");
  return tap;
}

/// Weights of four neighbours for the fraction t past the second. Source: Keys 1981, a = -0.75.
static Value cubicWeight(NodeContext &node, Value t, int64_t tap) {
  constexpr double a = -0.75;
  // The distance to the tap, in [0, 2].
  Value d = tap == 0   ? node.withNumber(Kind::add, t, 1)
            : tap == 1 ? t
                       : node.withNumber(Kind::add, node.elementwise(Kind::neg, {t}), tap == 2 ? 1 : 2);
  bool isInner = tap == 1 || tap == 2;
  std::array<double, 4> c =
      isInner ? std::array<double, 4>{a + 2, -(a + 3), 0, 1} : std::array<double, 4>{a, -5 * a, 8 * a, -4 * a};
  Value y = d ? node.withNumber(Kind::add, node.withNumber(Kind::mul, d, c[0]), c[1]) : Value();
  for (int i = 2; i < 4 && y; ++i)
    y = node.withNumber(Kind::add, node.elementwise(Kind::mul, {y, d}), c[i]);
  return y;
}

std::vector<Tap> partita::import::makeTaps(NodeContext &node, const GridSettings &settings, Value x, int64_t extent) {
  std::vector<Tap> taps;
  auto length = static_cast<double>(extent);
  double low = settings.alignsCorners ? 0 : -0.5, high = settings.alignsCorners ? length - 1 : length - 0.5;
  if (settings.mode == "nearest")
    x = node.elementwise(Kind::round, {x});
  if (settings.padding == "border")
    x = clampTo(node, x, 0, length - 1);
  else if (settings.padding == "reflection")
    x = reflect(node, x, low, high);
  if (!x)
    return taps;
  if (settings.mode == "nearest") {
    // A reflected whole number may lie half way between two places: it counts down to the lower one.
    Value place =
        settings.padding == "reflection" ? node.elementwise(Kind::floor, {node.withNumber(Kind::add, x, 0.25)}) : x;
    return {
        padTap(node, settings, {place, node.spread(node.constant(1, node.elementOf(x)), node.sizesOf(x), {})}, extent)};
  }
  Value base = node.elementwise(Kind::floor, {x}), t = node.elementwise(Kind::sub, {x, base});
  bool isCubic = settings.mode == "cubic";
  for (int64_t tap = 0; tap < (isCubic ? 4 : 2); ++tap) {
    Value place = node.withNumber(Kind::add, base, static_cast<double>(isCubic ? tap - 1 : tap));
    Value weight = isCubic    ? cubicWeight(node, t, tap)
                   : tap == 1 ? t
                              : node.withNumber(Kind::add, node.elementwise(Kind::neg, {t}), 1);
    taps.push_back(padTap(node, settings, {place, weight}, extent));
  }
  return taps;
}

Value partita::import::sumTaps(NodeContext &node, Value image, ArrayRef<std::vector<Tap>> dims,
                               ArrayRef<int64_t> extents) {
  std::vector<Tap> corners(1);
  for (auto [taps, extent] : llvm::zip(dims, extents)) {
    std::vector<Tap> more;
    for (const Tap &corner : corners)
      for (const Tap &tap : taps) {
        if (!tap.place || !tap.weight)
          return Value();
        if (!corner.place) {
          more.push_back(tap);
          continue;
        }
        Value row = node.withNumber(Kind::mul, corner.place, static_cast<double>(extent));
        more.push_back(
            {node.elementwise(Kind::add, {row, tap.place}), node.elementwise(Kind::mul, {corner.weight, tap.weight})});
      }
    corners = std::move(more);
  }
  Value total;
  for (const Tap &corner : corners) {
    Value picked = node.gatherAlong(image, corner.place, 2, {0, 2});
    if (!picked)
      return Value();
    Value weight =
        node.spread(node.cast(corner.weight, node.elementOf(picked), "weight"), node.sizesOf(picked), {0, 2});
    Value term = weight ? node.elementwise(Kind::mul, {picked, weight}) : Value();
    total = total ? node.elementwise(Kind::add, {total, term}) : term;
  }
  return total;
}

static GridSettings readGridSettings(NodeContext &node) {
  GridSettings settings{node.getText("mode", "linear"), node.getText("padding_mode", "zeros"),
                        node.getInteger("align_corners", 0) != 0};
  if (settings.mode == "bilinear" || settings.mode == "bicubic")
    settings.mode = settings.mode.substr(2);
  bool isKnown = settings.mode == "linear" || settings.mode == "cubic" || settings.mode == "nearest";
  bool isPadded = settings.padding == "zeros" || settings.padding == "border" || settings.padding == "reflection";
  if (!isKnown || !isPadded)
    node.failOp("mode='" + settings.mode + "' with padding_mode='" + settings.padding + "' is not supported");
  return settings;
}

static void importGridSample(NodeContext &node) {
  Value x = node.input(0), grid = node.input(1);
  GridSettings settings = readGridSettings(node);
  if (!x || !grid || node.hasFailed())
    return;
  Sizes sizes = node.sizesOf(x), of = node.sizesOf(grid);
  int64_t spatial = static_cast<int64_t>(sizes.size()) - 2;
  if (spatial < 1 || of.size() != sizes.size() || !(of[0] == sizes[0]) || !(of.back() == DimSize(spatial)))
    return node.failShape("a grid of shape " + toText(of) + " does not fit an image of shape " + toText(sizes));
  std::optional<SmallVector<int64_t>> extents = readExtents(node, sizes, 2);
  std::optional<DimSize> places = divideProducts(ArrayRef<DimSize>(sizes).drop_front(2), {});
  std::optional<DimSize> samples = divideProducts(ArrayRef<DimSize>(of).drop_front(1).drop_back(), {});
  if (!extents || !places || !samples)
    return extents ? node.failShape("the number of samples is not linear") : void();
  Type element = node.elementOf(x), f32 = Builder(x.getContext()).getF32Type();
  if (element.isF16() || element.isBF16())
    x = node.cast(x, f32, "wide");
  if (node.elementOf(grid).isF16() || node.elementOf(grid).isBF16())
    grid = node.cast(grid, f32, "wide-grid");
  std::vector<std::vector<Tap>> taps;
  for (int64_t dim = 0; dim < spatial && grid; ++dim) {
    // The last coordinate of the grid belongs to the first spatial dim.
    Value g = node.reshape(node.cut(grid, spatial + 1, spatial - 1 - dim, DimSize(1)), {of[0], *samples});
    auto extent = static_cast<double>((*extents)[dim]);
    double scale = (settings.alignsCorners ? extent - 1 : extent) / 2;
    Value position = g ? node.withNumber(Kind::mul, node.withNumber(Kind::add, g, 1), scale) : Value();
    if (position && !settings.alignsCorners)
      position = node.withNumber(Kind::add, position, -0.5);
    if (!position)
      return;
    taps.push_back(makeTaps(node, settings, position, (*extents)[dim]));
  }
  Value image = node.reshape(x, {sizes[0], sizes[1], *places});
  Value sampled = image ? sumTaps(node, image, taps, *extents) : Value();
  Sizes to{sizes[0], sizes[1]};
  to.insert(to.end(), of.begin() + 1, of.end() - 1);
  node.setResult(0, node.cast(node.reshape(sampled, to), element));
}

//===-- AffineGrid ------------------------------------------------------------------------------------------------===//

/// Positions of `count` samples between -1 and 1, of which the outermost are the corners or half a step inside.
static Value normalisedPositions(NodeContext &node, int64_t count, bool alignsCorners, Type element) {
  Value i = node.iota(DimSize(count), element);
  auto n = static_cast<double>(count);
  if (alignsCorners && count == 1)
    return node.withNumber(Kind::add, node.withNumber(Kind::mul, i, 0), -1);
  if (alignsCorners)
    return node.withNumber(Kind::add, node.withNumber(Kind::mul, i, 2 / (n - 1)), -1);
  Value centre = node.withNumber(Kind::add, i, 0.5);
  return node.withNumber(Kind::add, node.withNumber(Kind::mul, centre, 2 / n), -1);
}

static void importAffineGrid(NodeContext &node) {
  Value theta = node.input(0);
  std::optional<SmallVector<int64_t>> size = node.integers(1);
  bool alignsCorners = node.getInteger("align_corners", 0) != 0;
  if (!theta || !size)
    return;
  auto spatial = static_cast<int64_t>(size->size()) - 2;
  Sizes of = node.sizesOf(theta);
  if (spatial < 1 || of != Sizes{DimSize((*size)[0]), DimSize(spatial), DimSize(spatial + 1)})
    return node.failShape("theta of shape " + toText(of) + " does not fit the size");
  Type element = node.elementOf(theta);
  Sizes whole(size->begin() + 2, size->end()), one = whole;
  one.emplace_back(1);
  SmallVector<Value> columns;
  for (int64_t dim = spatial - 1; dim >= 0; --dim)
    columns.push_back(node.reshape(
        node.spread(normalisedPositions(node, (*size)[dim + 2], alignsCorners, element), whole, {dim}), one));
  columns.push_back(node.spread(node.constant(1, element), one, {}));
  Value points = node.concat(columns, spatial);
  std::string dims = std::string("pqr").substr(0, spatial);
  node.setResult(0, spatial <= 3 && points ? node.contract(points, theta, dims + "j,nij->n" + dims + "i") : Value());
}

void partita::import::addSamplingOps(OpTable &table) {
  table.insert({{"GridSample", importGridSample}, {"AffineGrid", importAffineGrid}});
  addRegionOps(table);
}
