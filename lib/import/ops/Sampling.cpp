// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Sampling.cpp - Images read at computed coordinates ----------------------===//
//
// A sample is a weighted sum over the corners around it (taps); each tap gathers from the image with its spatial dims
// merged. Formulas: ONNX operator specification, GridSample-20, RoiAlign-16, AffineGrid-20.
//
//===----------------------------------------------------------------------===//
#include "OpTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

/// The static extents of dims `from` on; nullopt: reported.
static std::optional<SmallVector<int64_t>> readExtents(NodeContext &node, const Sizes &sizes, size_t from) {
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

namespace {
/// One place along one dim that a sample reads, and its weight; both of the samples' shape.
struct Tap {
  Value place, weight;
};

struct GridSettings {
  std::string mode, padding;
  bool alignsCorners;
};
} // namespace

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

static Value clampTo(NodeContext &node, Value x, double low, double high) {
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

static std::vector<Tap> makeTaps(NodeContext &node, const GridSettings &settings, Value x, int64_t extent) {
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

/// Sum over all combinations of taps of the image [N, C, places] at their place, times their weights [N, samples].
static Value sumTaps(NodeContext &node, Value image, ArrayRef<std::vector<Tap>> dims, ArrayRef<int64_t> extents) {
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

//===-- RoiAlign --------------------------------------------------------------------------------------------------===//

namespace {
/// Samples of all regions along one dim: [regions, samples].
struct RoiAxis {
  Value low, high, weightLow, weightHigh;
};
} // namespace

/// Positions of count * ratio samples in each region, as taps of an image dim of `extent`.
static std::optional<RoiAxis> makeRoiAxis(NodeContext &node, Value begin, Value end, int64_t count, int64_t ratio,
                                          int64_t extent, bool halfPixel) {
  Value length = node.elementwise(Kind::sub, {end, begin});
  if (!length)
    return std::nullopt;
  if (!halfPixel)
    length = node.withNumber(Kind::max, length, 1);
  Type element = node.elementOf(begin);
  Sizes shape{node.sizesOf(begin)[0], DimSize(count * ratio)};
  Value index = node.withNumber(Kind::add, node.iota(shape[1], element), 0.5);
  Value fraction = node.withNumber(Kind::div, index, static_cast<double>(count * ratio));
  if (!fraction || !length)
    return std::nullopt;
  Value offset = node.elementwise(Kind::mul, {node.spread(fraction, shape, {1}), node.spread(length, shape, {0})});
  Value y = node.elementwise(Kind::add, {node.spread(begin, shape, {0}), offset});
  auto last = static_cast<double>(extent - 1);
  Value isInside =
      node.elementwise(Kind::logical_and, {node.withNumber(Kind::ge, y, -1), node.withNumber(Kind::le, y, last + 1)});
  Value inside = clampTo(node, y, 0, last);
  Value base = node.elementwise(Kind::floor, {inside}), t = node.elementwise(Kind::sub, {inside, base});
  if (!isInside || !t)
    return std::nullopt;
  Value next = node.withNumber(Kind::min, node.withNumber(Kind::add, base, 1), last);
  Value zero = node.constant(0, element);
  Value rest = node.withNumber(Kind::add, node.elementwise(Kind::neg, {t}), 1);
  RoiAxis axis{node.cast(base, node.indexType(), "low"), node.cast(next, node.indexType(), "high"),
               node.elementwise(Kind::select, {isInside, rest, zero}),
               node.elementwise(Kind::select, {isInside, t, zero})};
  return axis.low && axis.high && axis.weightLow && axis.weightHigh ? std::optional(axis) : std::nullopt;
}

/// Column `index` of the regions, scaled and shifted.
static Value roiSide(NodeContext &node, Value rois, int64_t index, double scale, double offset) {
  Value side = node.reshape(node.cut(rois, 1, index, DimSize(1)), {node.sizesOf(rois)[0]});
  return side ? node.withNumber(Kind::add, node.withNumber(Kind::mul, side, scale), -offset) : Value();
}

/// The four corners of each sample; [channels, regions, rows, columns] each.
static std::vector<Value> readCorners(NodeContext &node, Value table, Value batch, const RoiAxis &rows,
                                      const RoiAxis &columns, const Sizes &image) {
  Sizes shape{node.sizesOf(rows.low)[0], node.sizesOf(rows.low)[1], node.sizesOf(columns.low)[1]};
  Value base = node.withNumber(Kind::mul, batch, static_cast<double>(image[2].constant * image[3].constant));
  std::vector<Value> corners;
  for (int corner = 0; corner < 4; ++corner) {
    Value row = corner & 2 ? rows.high : rows.low, column = corner & 1 ? columns.high : columns.low;
    Value weightOfRow = corner & 2 ? rows.weightHigh : rows.weightLow;
    Value weightOfColumn = corner & 1 ? columns.weightHigh : columns.weightLow;
    Value lines = node.withNumber(Kind::mul, row, static_cast<double>(image[3].constant));
    Value place = node.elementwise(Kind::add, {node.spread(lines, shape, {0, 1}), node.spread(column, shape, {0, 2})});
    place = place ? node.elementwise(Kind::add, {place, node.spread(base, shape, {0})}) : Value();
    Value weight = node.elementwise(
        Kind::mul, {node.spread(weightOfRow, shape, {0, 1}), node.spread(weightOfColumn, shape, {0, 2})});
    Value picked = node.gather(table, place, 1);
    corners.push_back(picked && weight ? node.elementwise(Kind::mul, {picked, weight}) : Value());
  }
  return corners;
}

static void importRoiAlign(NodeContext &node) {
  Value x = node.input(0), rois = node.input(1), batch = node.input(2);
  std::string mode = node.getText("mode", "avg");
  bool halfPixel =
      node.getOpset() >= 16 && node.getText("coordinate_transformation_mode", "half_pixel") == "half_pixel";
  int64_t height = node.getInteger("output_height", 1), width = node.getInteger("output_width", 1);
  int64_t ratio = node.getInteger("sampling_ratio", 0);
  double scale = node.getFloat("spatial_scale", 1), offset = halfPixel ? 0.5 : 0;
  if (!x || !rois || !batch)
    return;
  Sizes sizes = node.sizesOf(x);
  if (ratio <= 0)
    return node.failOp("sampling_ratio=0 takes as many samples as each region is large, which depends on data");
  if ((mode != "avg" && mode != "max") || sizes.size() != 4 || node.sizesOf(rois).size() != 2 ||
      !(node.sizesOf(rois)[1] == DimSize(4)) || std::max({height, width, ratio}) > (1 << 16) || height < 1 || width < 1)
    return node.failOp("mode='" + mode + "' on an image of shape " + toText(sizes) + " is not supported");
  std::optional<SmallVector<int64_t>> extents = readExtents(node, sizes, 2);
  std::optional<DimSize> places = divideProducts({sizes[0], sizes[2], sizes[3]}, {});
  if (!extents || !places)
    return;
  auto axis = [&](int64_t dim) {
    return makeRoiAxis(node, roiSide(node, rois, 1 - dim, scale, offset), roiSide(node, rois, 3 - dim, scale, offset),
                       dim == 0 ? height : width, ratio, (*extents)[dim], halfPixel);
  };
  std::optional<RoiAxis> rows = axis(0), columns = axis(1);
  Value table = node.reshape(node.transpose(x, {1, 0, 2, 3}), {sizes[1], *places});
  batch = node.cast(batch, node.indexType(), "batch");
  if (!rows || !columns || !table || !batch)
    return;
  std::vector<Value> corners = readCorners(node, table, batch, *rows, *columns, sizes);
  Value total = corners[0];
  // The reference takes the largest of the four weighted corners.
  for (size_t corner = 1; corner < 4 && total; ++corner)
    total = node.elementwise(mode == "avg" ? Kind::add : Kind::max, {total, corners[corner]});
  DimSize regions = node.sizesOf(rois)[0];
  Value cells =
      node.reshape(total, {sizes[1], regions, DimSize(height), DimSize(ratio), DimSize(width), DimSize(ratio)});
  Value reduced = node.reduce(mode == "avg" ? ReduceKind::sum : ReduceKind::max, cells, {3, 5}, false);
  if (mode == "avg")
    reduced = node.withNumber(Kind::div, reduced, static_cast<double>(ratio * ratio));
  node.setResult(0, node.transpose(reduced, {1, 0, 2, 3}));
}

void partita::import::addSamplingOps(OpTable &table) {
  table.insert({{"GridSample", importGridSample}, {"AffineGrid", importAffineGrid}, {"RoiAlign", importRoiAlign}});
}
