// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Regions.cpp - Regions of images: RoiAlign, MaxRoiPool -------------------===//
//
// Formulas: ONNX operator specification, RoiAlign-16, MaxRoiPool-1.
//
//===----------------------------------------------------------------------===//
#include "ops/Sampling.h"

#include <limits>

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

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

//===-- As many samples as a region is large ----------------------------------------------------------------------===//

/// What each element of a dim of `extent` counts in the mean over a cell's samples: [regions, cells, extent]. A cell of
/// length l has n = ceil(l) samples l / n apart, more than 1/2 where n > 1: at most 2 * extent + 4 lie near the image,
/// and only those from the first of them on are looked at.
static Value adaptiveWeights(NodeContext &node, Value begin, Value end, int64_t count, int64_t extent, bool halfPixel) {
  Value length = node.elementwise(Kind::sub, {end, begin});
  if (!length || !begin)
    return Value();
  if (!halfPixel)
    length = node.withNumber(Kind::max, length, 1);
  Type element = node.elementOf(begin);
  DimSize regions = node.sizesOf(begin)[0], cells(count), taps(2 * extent + 4);
  Sizes grid{regions, cells}, shape{regions, cells, taps}, all{regions, cells, taps, DimSize(extent)};
  Value cell = node.withNumber(Kind::div, length, static_cast<double>(count), "cell");
  Value samples = node.elementwise(Kind::ceil, {cell});
  // Without any sample nothing is read; the step of such a region does not matter.
  Value step = node.elementwise(Kind::div, {cell, node.withNumber(Kind::max, samples, 1)}, "step");
  Value isSome = node.withNumber(Kind::gt, step, 0);
  Value safe = node.elementwise(Kind::select, {isSome, step, node.constant(1, element)});
  Value start =
      node.elementwise(Kind::mul, {node.spread(node.iota(cells, element), grid, {1}), node.spread(cell, grid, {0})});
  start = node.elementwise(Kind::add, {start, node.spread(begin, grid, {0})}, "start");
  if (!start || !safe)
    return Value();
  // The first sample (at start + (k + 1/2) step) that is not before -1, or one before it.
  Value first = node.elementwise(
      Kind::div, {node.withNumber(Kind::sub, node.elementwise(Kind::neg, {start}), 1), node.spread(safe, grid, {0})});
  first = node.withNumber(Kind::max, node.elementwise(Kind::floor, {node.withNumber(Kind::sub, first, 1)}), 0);
  Value index = node.elementwise(
      Kind::add, {node.spread(node.iota(taps, element), shape, {2}), node.spread(first, shape, {0, 1})});
  Value isSample = node.elementwise(Kind::lt, {index, node.spread(samples, shape, {0})});
  Value y = node.elementwise(Kind::mul, {node.withNumber(Kind::add, index, 0.5), node.spread(step, shape, {0})});
  y = node.elementwise(Kind::add, {y, node.spread(start, shape, {0, 1})}, "position");
  auto last = static_cast<double>(extent - 1);
  Value isInside =
      node.elementwise(Kind::logical_and, {node.withNumber(Kind::ge, y, -1), node.withNumber(Kind::le, y, last + 1)});
  Value counts = node.elementwise(Kind::logical_and, {isInside, isSample});
  Value inside = clampTo(node, y, 0, last);
  // Linear between two elements: 1 - distance, where that is positive.
  Value distance = node.elementwise(
      Kind::sub, {node.spread(inside, all, {0, 1, 2}), node.spread(node.iota(DimSize(extent), element), all, {3})});
  distance = node.elementwise(Kind::abs, {distance});
  Value weight = node.withNumber(Kind::max, node.withNumber(Kind::add, node.elementwise(Kind::neg, {distance}), 1), 0);
  weight = node.elementwise(Kind::select, {node.spread(counts, all, {0, 1, 2}), weight, node.constant(0, element)});
  Value sum = node.reduce(ReduceKind::sum, weight, {2}, false);
  Value divisor = node.withNumber(Kind::max, samples, 1);
  return sum ? node.elementwise(Kind::div, {sum, node.spread(divisor, node.sizesOf(sum), {0})}, "weights") : Value();
}

/// The image of each region: [regions, channels, rows, columns].
static Value pickImages(NodeContext &node, Value x, Value batch) {
  batch = node.cast(batch, node.indexType(), "batch");
  return node.gather(x, batch, 0, "images");
}

static void alignAdaptively(NodeContext &node, Value x, Value batch, std::pair<Value, Value> weights) {
  Value rows = node.contract(pickImages(node, x, batch), weights.first, "rchw,rph->rcpw", "rows");
  node.setResult(0, node.contract(rows, weights.second, "rcpw,rqw->rcpq", "cells"));
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
  if ((mode != "avg" && mode != "max") || sizes.size() != 4 || node.sizesOf(rois).size() != 2 ||
      !(node.sizesOf(rois)[1] == DimSize(4)) || std::max({height, width, ratio}) > (1 << 16) || height < 1 ||
      width < 1 || ratio < 0)
    return node.failOp("mode='" + mode + "' on an image of shape " + toText(sizes) + " is not supported");
  std::optional<SmallVector<int64_t>> extents = readExtents(node, sizes, 2);
  std::optional<DimSize> places = divideProducts({sizes[0], sizes[2], sizes[3]}, {});
  if (!extents || !places)
    return;
  auto side = [&](int64_t index) { return roiSide(node, rois, index, scale, offset); };
  if (ratio == 0)
    return mode == "avg" ? alignAdaptively(node, x, batch,
                                           {adaptiveWeights(node, side(1), side(3), height, (*extents)[0], halfPixel),
                                            adaptiveWeights(node, side(0), side(2), width, (*extents)[1], halfPixel)})
                         : node.failOp("mode='max' with sampling_ratio=0, whose number of samples depends on data");
  auto axis = [&](int64_t dim) {
    return makeRoiAxis(node, side(1 - dim), side(3 - dim), dim == 0 ? height : width, ratio, (*extents)[dim],
                       halfPixel);
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

//===-- MaxRoiPool ------------------------------------------------------------------------------------------------===//

/// To the nearest whole number, halves away from zero.
static Value roundAway(NodeContext &node, Value x) {
  Value size = node.elementwise(Kind::abs, {x});
  Value rounded = node.elementwise(Kind::floor, {node.withNumber(Kind::add, size, 0.5)});
  return node.elementwise(Kind::mul, {rounded, node.elementwise(Kind::sign, {x})});
}

/// Which elements of a dim of `extent` each of `count` cells covers: [regions, cells, extent]. `begin` and `end` are
/// whole, and `end` belongs to the region.
static Value coveredElements(NodeContext &node, Value begin, Value end, int64_t count, int64_t extent) {
  Value length =
      node.withNumber(Kind::max, node.withNumber(Kind::add, node.elementwise(Kind::sub, {end, begin}), 1), 1);
  Value cell = node.withNumber(Kind::div, length, static_cast<double>(count), "cell");
  if (!cell)
    return Value();
  Type element = node.elementOf(begin);
  Sizes grid{node.sizesOf(begin)[0], DimSize(count)}, all{grid[0], grid[1], DimSize(extent)};
  Value index = node.spread(node.iota(DimSize(count), element), grid, {1}), wide = node.spread(cell, grid, {0}),
        origin = node.spread(begin, grid, {0});
  Value low = node.elementwise(Kind::floor, {node.elementwise(Kind::mul, {index, wide})});
  Value high =
      node.elementwise(Kind::ceil, {node.elementwise(Kind::mul, {node.withNumber(Kind::add, index, 1), wide})});
  low = node.elementwise(Kind::add, {low, origin});
  high = node.elementwise(Kind::add, {high, origin});
  Value place = node.spread(node.iota(DimSize(extent), element), all, {2});
  if (!low || !high || !place)
    return Value();
  return node.elementwise(Kind::logical_and, {node.elementwise(Kind::ge, {place, node.spread(low, all, {0, 1})}),
                                              node.elementwise(Kind::lt, {place, node.spread(high, all, {0, 1})})});
}

/// The largest element of dim `dim` of [regions, channels, a, b] in each cell: that dim becomes the cells. Nothing is
/// the smallest number.
static Value largestInCells(NodeContext &node, Value image, Value isCovered, int64_t dim) {
  if (!image || !isCovered)
    return Value();
  Sizes sizes = node.sizesOf(image), all = sizes;
  all.insert(all.begin() + dim, node.sizesOf(isCovered)[1]);
  SmallVector<int64_t> dims;
  for (int64_t i = 0; i < 5; ++i)
    if (i != dim)
      dims.push_back(i);
  Value lowest = node.constant(-std::numeric_limits<double>::infinity(), node.elementOf(image));
  Value candidates = node.elementwise(
      Kind::select, {node.spread(isCovered, all, {0, dim, dim + 1}), node.spread(image, all, dims), lowest});
  return node.reduce(ReduceKind::max, candidates, {dim + 1}, false);
}

/// Which cells have an element of the image.
static Value anyElement(NodeContext &node, Value isCovered) {
  return node.reduce(ReduceKind::logical_or, isCovered, {2}, false);
}

/// Source: Girshick: Fast R-CNN (2015). A cell without elements gives 0.
static void importMaxRoiPool(NodeContext &node) {
  Value x = node.input(0), rois = node.input(1);
  SmallVector<int64_t> pooled = node.getIntegers("pooled_shape");
  double scale = node.getFloat("spatial_scale", 1);
  if (!x || !rois)
    return;
  Sizes sizes = node.sizesOf(x), of = node.sizesOf(rois);
  bool isPooled =
      pooled.size() == 2 && std::min(pooled[0], pooled[1]) > 0 && std::max(pooled[0], pooled[1]) < (1 << 16);
  if (!isPooled || sizes.size() != 4 || of.size() != 2 || !(of[1] == DimSize(5)))
    return node.failShape("pools regions [.., 5] of an image of four dims into pooled_shape; got " + toText(of) +
                          " and " + toText(sizes));
  std::optional<SmallVector<int64_t>> extents = readExtents(node, sizes, 2);
  if (!extents)
    return;
  auto side = [&](int64_t index) { return roundAway(node, roiSide(node, rois, index, scale, 0)); };
  Value rows = coveredElements(node, side(2), side(4), pooled[0], (*extents)[0]);
  Value columns = coveredElements(node, side(1), side(3), pooled[1], (*extents)[1]);
  Value images = pickImages(node, x, roiSide(node, rois, 0, 1, 0));
  Value largest = largestInCells(node, largestInCells(node, images, columns, 3), rows, 2);
  if (!largest)
    return;
  Sizes all = node.sizesOf(largest);
  Value isSome = node.elementwise(Kind::logical_and, {node.spread(anyElement(node, rows), all, {0, 2}),
                                                      node.spread(anyElement(node, columns), all, {0, 3})});
  node.setResult(0, node.elementwise(Kind::select, {isSome, largest, node.constant(0, node.elementOf(largest))}));
}

void partita::import::addRegionOps(OpTable &table) {
  table.insert({{"RoiAlign", importRoiAlign}, {"MaxRoiPool", importMaxRoiPool}});
}
