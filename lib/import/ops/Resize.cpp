// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Resize.cpp - Resize and Upsample ----------------------------------------===//
//
// One dim after the other: each result element is a weighted sum of a few neighbours, gathered at computed places.
// Every place is a function of the result's index, so that coordinates are computed (in f64) by ops on an iota, and
// fold to constants where the dim is short. Formulas: ONNX operator specification, Resize-19; cubic kernel: Keys 1981.
//
//===----------------------------------------------------------------------===//
#include "OpTable.h"

#include <cmath>

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

/// A longer dim is no image's.
static constexpr int64_t mostPlaces = 1 << 24;

namespace {
/// A coordinate in the operand as a chain of operations on the result's index.
struct Coordinate {
  std::vector<std::pair<Kind, double>> steps;

  Coordinate &then(Kind kind, double number) {
    steps.emplace_back(kind, number);
    return *this;
  }
  double at(double index) const {
    for (auto [kind, number] : steps)
      index = kind == Kind::add ? index + number : kind == Kind::mul ? index * number : index / number;
    return index;
  }
};

struct Settings {
  std::string mode, transformation, nearest;
  double cubic = -0.75, extrapolation = 0;
  bool excludesOutside = false, antialias = false;
};

/// One resized dim. `scaled` is the result's extent before rounding.
struct Resized {
  int64_t dim, from, to;
  double scale, scaled, start, end;
};
} // namespace

static Settings readSettings(NodeContext &node) {
  Settings settings;
  bool isOld = node.getNode().op_type() == "Upsample" || node.getOpset() < 11;
  settings.mode = node.getText("mode", "nearest");
  settings.transformation = node.getText("coordinate_transformation_mode", isOld ? "asymmetric" : "half_pixel");
  settings.nearest = node.getText("nearest_mode", isOld ? "floor" : "round_prefer_floor");
  settings.cubic = node.getFloat("cubic_coeff_a", -0.75);
  settings.extrapolation = node.getFloat("extrapolation_value", 0);
  settings.excludesOutside = node.getInteger("exclude_outside", 0) != 0;
  settings.antialias = node.getInteger("antialias", 0) != 0;
  settings.mode = settings.mode == "bilinear" ? "linear" : settings.mode;
  if (settings.mode != "nearest" && settings.mode != "linear" && settings.mode != "cubic")
    node.failOp("mode='" + settings.mode + "' is not supported");
  return settings;
}

/// nullopt: reported.
static std::optional<Coordinate> makeCoordinate(NodeContext &node, const Settings &settings, const Resized &dim) {
  Coordinate x;
  llvm::StringRef mode = settings.transformation;
  auto extent = static_cast<double>(dim.from), length = static_cast<double>(dim.to);
  if (mode == "asymmetric")
    return x.then(Kind::div, dim.scale);
  if (mode == "half_pixel" || (mode == "pytorch_half_pixel" && dim.to > 1))
    return x.then(Kind::add, 0.5).then(Kind::div, dim.scale).then(Kind::add, -0.5);
  if (mode == "pytorch_half_pixel")
    return x.then(Kind::mul, 0);
  if (mode == "tf_half_pixel_for_nn")
    return x.then(Kind::add, 0.5).then(Kind::div, dim.scale);
  if (mode == "half_pixel_symmetric")
    return x.then(Kind::add, 0.5)
        .then(Kind::div, dim.scale)
        .then(Kind::add, -0.5 + extent / 2 * (1 - length / dim.scaled));
  if (mode == "align_corners")
    return dim.scaled == 1 ? x.then(Kind::mul, 0) : x.then(Kind::mul, extent - 1).then(Kind::div, dim.scaled - 1);
  if (mode == "tf_crop_and_resize" && dim.scaled == 1)
    return x.then(Kind::mul, 0).then(Kind::add, 0.5 * (dim.start + dim.end) * (extent - 1));
  if (mode == "tf_crop_and_resize")
    return x.then(Kind::mul, (dim.end - dim.start) * (extent - 1))
        .then(Kind::div, dim.scaled - 1)
        .then(Kind::add, dim.start * (extent - 1));
  node.failOp("coordinate_transformation_mode='" + mode + "' is not supported");
  return std::nullopt;
}

static double nearestOf(llvm::StringRef mode, double x) {
  return mode == "floor"               ? std::floor(x)
         : mode == "ceil"              ? std::ceil(x)
         : mode == "round_prefer_ceil" ? std::floor(x + 0.5)
                                       : std::ceil(x - 0.5);
}

static Value nearestOf(NodeContext &node, llvm::StringRef mode, Value x) {
  if (mode == "floor")
    return node.elementwise(Kind::floor, {x});
  if (mode == "ceil")
    return node.elementwise(Kind::ceil, {x});
  if (mode == "round_prefer_ceil")
    return node.elementwise(Kind::floor, {node.withNumber(Kind::add, x, 0.5)});
  return node.elementwise(Kind::ceil, {node.withNumber(Kind::add, x, -0.5)});
}

/// Into [0, extent).
static Value clampPlaces(NodeContext &node, Value places, int64_t extent) {
  Value low = node.withNumber(Kind::max, places, 0);
  return node.withNumber(Kind::min, low, static_cast<double>(extent - 1));
}

static Value toPlaces(NodeContext &node, Value places, int64_t extent) {
  return node.cast(clampPlaces(node, places, extent), node.indexType(), "places");
}

static Value makePositions(NodeContext &node, const Coordinate &coordinate, int64_t length) {
  Type f64 = Builder(node.getSession().getContext()).getF64Type();
  SmallVector<int64_t> numbers;
  for (int64_t i = 0; i < length && length <= 128; ++i)
    numbers.push_back(i);
  // A short list folds with all that is computed from it.
  Value x = length <= 128 ? node.list(numbers, f64, "positions") : node.iota(DimSize(length), f64, "positions");
  for (auto [kind, number] : coordinate.steps)
    x = node.withNumber(kind, x, number);
  return x;
}

/// Each element `times` times, which splits as a reshape does.
static Value repeat(NodeContext &node, Value x, int64_t dim, int64_t times) {
  Sizes sizes = node.sizesOf(x), wide = sizes;
  SmallVector<int64_t> dims;
  for (int64_t i = 0; i < static_cast<int64_t>(sizes.size()); ++i)
    dims.push_back(i + (i > dim ? 1 : 0));
  wide.insert(wide.begin() + dim + 1, DimSize(times));
  std::optional<DimSize> product = multiplyChecked(sizes[dim], DimSize(times));
  if (!product)
    return node.failShape("a resized extent is too large"), Value();
  sizes[dim] = *product;
  return node.reshape(node.spread(x, wide, dims, "repeat"), sizes);
}

static bool isRepeat(const Settings &settings, const Coordinate &coordinate, int64_t from, int64_t to) {
  if (settings.mode != "nearest" || to % from != 0 || settings.transformation == "tf_crop_and_resize")
    return false;
  int64_t times = to / from;
  for (int64_t i = 0; i < to; ++i)
    if (std::clamp<double>(nearestOf(settings.nearest, coordinate.at(static_cast<double>(i))), 0,
                           static_cast<double>(from - 1)) != static_cast<double>(i / times))
      return false;
  return true;
}

/// The kernel at a distance, as ops: linear 1 - |d|; cubic by Keys, of which `isInner` says the piece; both zero
/// outside of their support.
static Value kernelAt(NodeContext &node, const Settings &settings, Value distance) {
  Value d = node.elementwise(Kind::abs, {distance});
  if (settings.mode == "linear")
    return node.withNumber(Kind::max, node.withNumber(Kind::add, node.elementwise(Kind::neg, {d}), 1), 0);
  double a = settings.cubic;
  auto poly = [&](double c3, double c2, double c1, double c0) {
    Value y = node.withNumber(Kind::add, node.withNumber(Kind::mul, d, c3), c2);
    y = node.withNumber(Kind::add, node.elementwise(Kind::mul, {y, d}), c1);
    return node.withNumber(Kind::add, node.elementwise(Kind::mul, {y, d}), c0);
  };
  Value inner = poly(a + 2, -(a + 3), 0, 1), outer = poly(a, -5 * a, 8 * a, -4 * a);
  Value isInner = node.withNumber(Kind::le, d, 1), isOuter = node.withNumber(Kind::lt, d, 2);
  if (!inner || !outer || !isInner || !isOuter)
    return Value();
  Value zero = node.constant(0, node.elementOf(d));
  Value tail = node.elementwise(Kind::select, {isOuter, outer, zero});
  return node.elementwise(Kind::select, {isInner, inner, tail});
}

namespace {
/// Neighbours of each position along one dim.
struct Taps {
  std::vector<Value> places, weights;
};
} // namespace

static Taps makeTaps(NodeContext &node, const Settings &settings, const Resized &dim, Value x) {
  double scale = settings.antialias ? std::min(dim.scale, 1.0) : 1.0;
  auto first = static_cast<int64_t>(std::floor((settings.mode == "linear" ? -1 : -2) / scale)) + 1;
  Value base = node.elementwise(Kind::floor, {x}), total;
  Taps taps;
  for (int64_t offset = first; offset <= 1 - first && base; ++offset) {
    Value place = node.withNumber(Kind::add, base, static_cast<double>(offset));
    Value distance = node.withNumber(Kind::mul, node.elementwise(Kind::sub, {place, x}), scale);
    Value weight = kernelAt(node, settings, distance);
    if (settings.excludesOutside && weight) {
      Value inside = node.elementwise(Kind::eq, {place, clampPlaces(node, place, dim.from)});
      weight = node.elementwise(Kind::select, {inside, weight, node.constant(0, node.elementOf(weight))});
    }
    total = total ? node.elementwise(Kind::add, {total, weight}) : weight;
    taps.places.push_back(toPlaces(node, place, dim.from));
    taps.weights.push_back(weight);
  }
  if (settings.excludesOutside || settings.antialias)
    for (Value &weight : taps.weights)
      weight = node.elementwise(Kind::div, {weight, total});
  return taps;
}

static Value alongDim(NodeContext &node, Value line, Value like, int64_t dim) {
  return node.spread(node.cast(line, node.elementOf(like), "weight"), node.sizesOf(like), {dim});
}

static Value resizeDim(NodeContext &node, Value x, const Settings &settings, const Resized &dim) {
  std::optional<Coordinate> coordinate = makeCoordinate(node, settings, dim);
  if (!coordinate)
    return Value();
  if (isRepeat(settings, *coordinate, dim.from, dim.to))
    return dim.to == dim.from ? x : repeat(node, x, dim.dim, dim.to / dim.from);
  Value positions = makePositions(node, *coordinate, dim.to), result;
  if (settings.mode == "nearest") {
    Value places = toPlaces(node, nearestOf(node, settings.nearest, positions), dim.from);
    result = node.gather(x, places, dim.dim);
  } else {
    Taps taps = makeTaps(node, settings, dim, positions);
    for (auto [place, weight] : llvm::zip(taps.places, taps.weights)) {
      Value picked = node.gather(x, place, dim.dim);
      if (!picked || !weight)
        return Value();
      Value term = node.elementwise(Kind::mul, {picked, alongDim(node, weight, picked, dim.dim)});
      result = result ? node.elementwise(Kind::add, {result, term}) : term;
    }
  }
  if (settings.transformation != "tf_crop_and_resize" || !result)
    return result;
  Value inside =
      node.elementwise(Kind::logical_and, {node.withNumber(Kind::ge, positions, 0),
                                           node.withNumber(Kind::le, positions, static_cast<double>(dim.from - 1))});
  inside = node.spread(inside, node.sizesOf(result), {dim.dim}, "inside");
  Value outside = node.constant(settings.extrapolation, node.elementOf(result));
  return inside ? node.elementwise(Kind::select, {inside, result, outside}) : Value();
}

namespace {
/// Scales and sizes by dim; a dim that is not resized has scale 1 and no size.
struct Wanted {
  std::vector<double> scales, starts, ends;
  std::vector<std::optional<int64_t>> sizes;
};
} // namespace

static std::optional<std::vector<double>> readScales(NodeContext &node) {
  if (node.getNode().op_type() == "Upsample" && node.getOpset() < 9) {
    const onnx::Attribute *attribute = node.getAttribute("scales");
    if (attribute && attribute->floats_size() > 0)
      return std::vector<double>(attribute->floats().begin(), attribute->floats().end());
    node.fail("E-BAD-FILE", "attribute 'scales' is missing");
    return std::nullopt;
  }
  int index = node.getNode().op_type() == "Upsample" || node.getOpset() < 11 ? 1 : 2;
  return node.hasInput(index) ? node.numbers(index) : std::vector<double>();
}

/// Sizes and the policy about the ratio of sides. False: reported.
static bool readSizes(NodeContext &node, const Sizes &sizes, ArrayRef<int64_t> axes, Wanted &wanted) {
  std::optional<SmallVector<int64_t>> list = node.integers(3);
  if (!list)
    return false;
  std::string policy = node.getText("keep_aspect_ratio_policy", "stretch");
  if (list->size() != axes.size())
    return node.failShape("sizes has " + llvm::Twine(list->size()) + " entries"), false;
  std::optional<double> common;
  for (auto [axis, size] : llvm::zip(axes, *list)) {
    if (!sizes[axis].isStatic())
      return node.failShape("a symbolic dimension is resized to a given size"), false;
    double scale = static_cast<double>(size) / static_cast<double>(sizes[axis].constant);
    wanted.sizes[axis] = size;
    wanted.scales[axis] = scale;
    common = !common ? scale : policy == "not_smaller" ? std::max(*common, scale) : std::min(*common, scale);
  }
  for (int64_t axis : axes)
    if (policy != "stretch") {
      wanted.scales[axis] = *common;
      wanted.sizes[axis] = static_cast<int64_t>(std::floor(*common * static_cast<double>(sizes[axis].constant) + 0.5));
    }
  return true;
}

static std::optional<Wanted> readWanted(NodeContext &node, const Sizes &sizes) {
  auto rank = static_cast<int64_t>(sizes.size());
  Wanted wanted{std::vector<double>(rank, 1), std::vector<double>(rank, 0), std::vector<double>(rank, 1),
                std::vector<std::optional<int64_t>>(rank)};
  SmallVector<int64_t> axes = node.getIntegers("axes");
  for (int64_t dim = 0; dim < rank && !node.hasAttribute("axes"); ++dim)
    axes.push_back(dim);
  for (int64_t &axis : axes) {
    std::optional<int64_t> dim = node.normalizeAxis(axis, rank);
    if (!dim)
      return std::nullopt;
    axis = *dim;
  }
  bool isNew = node.getNode().op_type() != "Upsample" && node.getOpset() >= 11;
  std::optional<std::vector<double>> scales = readScales(node);
  if (!scales)
    return std::nullopt;
  if (isNew && node.getText("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize") {
    std::optional<std::vector<double>> roi = node.numbers(1);
    if (!roi || roi->size() != 2 * axes.size())
      return roi ? (node.failShape("roi does not fit the dims"), std::nullopt) : std::nullopt;
    for (size_t i = 0; i < axes.size(); ++i) {
      wanted.starts[axes[i]] = (*roi)[i];
      wanted.ends[axes[i]] = (*roi)[axes.size() + i];
    }
  }
  if (scales->empty())
    return readSizes(node, sizes, axes, wanted) ? std::optional<Wanted>(wanted) : std::nullopt;
  if (scales->size() != axes.size())
    return node.failShape("scales has " + llvm::Twine(scales->size()) + " entries"), std::nullopt;
  for (auto [axis, scale] : llvm::zip(axes, *scales)) {
    if (!(scale > 0 && scale < 1e6))
      return node.failShape("scale " + std::to_string(scale) + " is not a positive number"), std::nullopt;
    wanted.scales[axis] = scale;
  }
  return wanted;
}

/// A symbolic dim keeps its extent or is repeated.
static Value resizeSymbolic(NodeContext &node, Value x, const Settings &settings, int64_t dim, double scale) {
  if (scale == 1 && settings.transformation != "tf_crop_and_resize")
    return x;
  auto times = static_cast<int64_t>(scale);
  Resized sample{dim, 512, 512 * times, scale, 512 * scale, 0, 1};
  std::optional<Coordinate> coordinate = makeCoordinate(node, settings, sample);
  bool isLocal = settings.transformation == "asymmetric" || settings.transformation == "half_pixel";
  if (coordinate && isLocal && scale == static_cast<double>(times) && isRepeat(settings, *coordinate, 512, 512 * times))
    return repeat(node, x, dim, times);
  node.failShape("dimension " + llvm::Twine(dim) + " is symbolic and resized by more than repetition");
  return Value();
}

static void importResize(NodeContext &node) {
  Value x = node.input(0);
  Settings settings = readSettings(node);
  if (!x || node.hasFailed())
    return;
  Sizes sizes = node.sizesOf(x);
  std::optional<Wanted> wanted = readWanted(node, sizes);
  if (!wanted)
    return;
  node.ignore({"keep_aspect_ratio_policy"});
  Type element = node.elementOf(x), f32 = Builder(x.getContext()).getF32Type();
  bool isWide = settings.mode == "nearest" || element.isF64() || element.isF32();
  Value result = isWide ? x : node.cast(x, f32, "wide");
  for (int64_t dim = 0; dim < static_cast<int64_t>(sizes.size()) && result; ++dim) {
    double scale = wanted->scales[dim];
    if (!sizes[dim].isStatic()) {
      result = resizeSymbolic(node, result, settings, dim, scale);
      continue;
    }
    int64_t from = sizes[dim].constant;
    double scaled = static_cast<double>(from) * scale;
    int64_t to = wanted->sizes[dim].value_or(static_cast<int64_t>(std::floor(scaled)));
    bool isCropped =
        settings.transformation == "tf_crop_and_resize" && (wanted->starts[dim] != 0 || wanted->ends[dim] != 1);
    if (to < 0 || to > mostPlaces)
      return node.failShape("dimension " + llvm::Twine(dim) + " would get the extent " + llvm::Twine(to));
    if (from == 0 || (to == from && scale == 1 && !isCropped))
      continue;
    result = resizeDim(node, result, settings, {dim, from, to, scale, scaled, wanted->starts[dim], wanted->ends[dim]});
  }
  node.setResult(0, result ? node.cast(result, element) : Value());
}

void partita::import::addResizeOps(OpTable &table) {
  table.insert({{"Resize", importResize}, {"Upsample", importResize}});
}
