// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Spatial.cpp - Rearrangements of images ----------------------------------===//
//
// DepthToSpace, SpaceToDepth, CenterCropPad, Col2Im, MaxUnpool. Formulas: ONNX operator specification.
//
//===----------------------------------------------------------------------===//
#include "OpTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

static void importDepthToSpace(NodeContext &node) {
  Value x = node.input(0);
  int64_t block = node.getInteger("blocksize", 0);
  std::string mode = node.getText("mode", "DCR");
  if (!x)
    return;
  Sizes sizes = node.sizesOf(x);
  std::optional<DimSize> depth = sizes.size() == 4 && block > 0 && block < (1 << 15)
                                     ? divideExactly(sizes[1], DimSize(block * block))
                                     : std::nullopt;
  if (!depth || (mode != "DCR" && mode != "CRD"))
    return node.failShape("blocks of " + llvm::Twine(block) + " (" + mode + ") of " + toText(sizes));
  std::optional<DimSize> height = multiplyChecked(sizes[2], DimSize(block));
  std::optional<DimSize> width = multiplyChecked(sizes[3], DimSize(block));
  if (!height || !width)
    return node.failShape("an extent is too large");
  DimSize b(block);
  Value apart =
      mode == "DCR"
          ? node.transpose(node.reshape(x, {sizes[0], b, b, *depth, sizes[2], sizes[3]}, "blocks"), {0, 3, 4, 1, 5, 2})
          : node.transpose(node.reshape(x, {sizes[0], *depth, b, b, sizes[2], sizes[3]}, "blocks"), {0, 1, 4, 2, 5, 3});
  node.setResult(0, node.reshape(apart, {sizes[0], *depth, *height, *width}));
}

static void importSpaceToDepth(NodeContext &node) {
  Value x = node.input(0);
  int64_t block = node.getInteger("blocksize", 0);
  std::string mode = node.getText("mode", "DCR");
  if (!x)
    return;
  Sizes sizes = node.sizesOf(x);
  bool fits = sizes.size() == 4 && block > 0 && block < (1 << 15) && (mode == "DCR" || mode == "CRD");
  std::optional<DimSize> height = fits ? divideExactly(sizes[2], DimSize(block)) : std::nullopt;
  std::optional<DimSize> width = fits ? divideExactly(sizes[3], DimSize(block)) : std::nullopt;
  std::optional<DimSize> depth = fits ? multiplyChecked(sizes[1], DimSize(block * block)) : std::nullopt;
  if (!height || !width || !depth)
    return node.failShape("blocks of " + llvm::Twine(block) + " of " + toText(sizes));
  DimSize b(block);
  Value blocks = node.reshape(x, {sizes[0], sizes[1], *height, b, *width, b}, "blocks");
  Value apart = mode == "DCR" ? node.transpose(blocks, {0, 3, 5, 1, 2, 4}) : node.transpose(blocks, {0, 1, 3, 5, 2, 4});
  node.setResult(0, node.reshape(apart, {sizes[0], *depth, *height, *width}));
}

static void importCenterCropPad(NodeContext &node) {
  Value x = node.input(0);
  std::optional<SmallVector<int64_t>> target = node.integers(1);
  if (!x || !target)
    return;
  Sizes sizes = node.sizesOf(x);
  auto rank = static_cast<int64_t>(sizes.size());
  SmallVector<int64_t> axes = node.getIntegers("axes"), low(rank, 0), high(rank, 0);
  for (int64_t dim = 0; dim < rank && !node.hasAttribute("axes"); ++dim)
    axes.push_back(dim);
  if (axes.size() != target->size())
    return node.failShape("the shape has " + llvm::Twine(target->size()) + " extents for " + llvm::Twine(axes.size()) +
                          " dims");
  for (auto [axis, wanted] : llvm::zip(axes, *target)) {
    std::optional<int64_t> dim = node.normalizeAxis(axis, rank);
    if (!dim)
      return;
    if (!sizes[*dim].isStatic() || wanted < 0)
      return node.failShape("dimension " + llvm::Twine(*dim) + " of " + toText(sizes) + " cannot become " +
                            llvm::Twine(wanted));
    int64_t missing = wanted - sizes[*dim].constant;
    low[*dim] = missing >= 0 ? missing / 2 : -(-missing / 2);
    high[*dim] = missing - low[*dim];
  }
  node.setResult(0, node.padOrCut(x, low, high));
}

//===-- Col2Im ----------------------------------------------------------------------------------------------------===//

/// Products of two such numbers do not overflow.
static bool areSmall(ArrayRef<int64_t> numbers) {
  return llvm::all_of(numbers, [](int64_t number) { return std::abs(number) < (1 << 24); });
}

/// Attributes with a value for each spatial dim, or two for pads.
static SmallVector<int64_t> readEach(NodeContext &node, llvm::StringRef name, size_t count, int64_t value) {
  SmallVector<int64_t> list = node.getIntegers(name, SmallVector<int64_t>(count, value));
  if (list.size() != count || !areSmall(list))
    node.failShape("attribute '" + name + "' has " + llvm::Twine(list.size()) +
                   " entries, or numbers that are too large");
  return list;
}

/// Columns of blocks [N, C * block, blocks] are added up where they lie in the image.
static void importCol2Im(NodeContext &node) {
  Value x = node.input(0);
  std::optional<SmallVector<int64_t>> image = node.integers(1), block = node.integers(2);
  if (!x || !image || !block)
    return;
  size_t spatial = image->size();
  SmallVector<int64_t> dilations = readEach(node, "dilations", spatial, 1),
                       pads = readEach(node, "pads", 2 * spatial, 0);
  SmallVector<int64_t> strides = readEach(node, "strides", spatial, 1), low(2, 0), high(2, 0), dims;
  Sizes sizes = node.sizesOf(x), places, padded;
  if (node.hasFailed() || block->size() != spatial || sizes.size() != 3 || spatial == 0 || !areSmall(*image) ||
      !areSmall(*block))
    return node.hasFailed() ? void() : node.failShape("image and block have different ranks, or are too large");
  for (size_t i = 0; i < spatial; ++i)
    places.emplace_back((*block)[i]);
  DimSize kernel(1), whole(1);
  for (size_t i = 0; i < spatial; ++i) {
    int64_t extent = (*image)[i] + pads[i] + pads[spatial + i], reach = ((*block)[i] - 1) * dilations[i] + 1;
    if ((*block)[i] < 1 || strides[i] < 1 || dilations[i] < 1 || extent < reach || extent > largestSize)
      return node.failShape("blocks do not fit the image");
    places.emplace_back((extent - reach) / strides[i] + 1);
    padded.emplace_back(extent);
    kernel = kernel * (*block)[i];
    whole = multiplyChecked(whole, DimSize(extent)).value_or(DimSize(0));
    low.push_back(-pads[i]);
    high.push_back(-pads[spatial + i]);
  }
  // place = sum over dims of (block index * stride + index in the block * dilation) * row-major distance
  Value place;
  int64_t distance = 1;
  for (size_t i = spatial; i-- > 0; distance *= padded[i].constant)
    for (auto [dim, step] : {std::pair(i, dilations[i]), std::pair(spatial + i, strides[i])}) {
      Value line =
          node.withNumber(Kind::mul, node.iota(places[dim], node.indexType()), static_cast<double>(step * distance));
      Value term = node.spread(line, places, {static_cast<int64_t>(dim)});
      place = place ? node.elementwise(Kind::add, {place, term}) : term;
    }
  std::optional<DimSize> channels = divideExactly(sizes[1], kernel), count = divideProducts(places, {});
  if (!channels || !count || !place)
    return node.failShape("columns of shape " + toText(sizes) + " do not fit the blocks");
  Value updates = node.reshape(x, {sizes[0], *channels, *count});
  Value sums = node.scatterAlong(ScatterKind::add, node.reshape(place, {*count}), updates, Value(), 2, {2}, whole);
  Sizes to{sizes[0], *channels};
  to.insert(to.end(), padded.begin(), padded.end());
  Value full = node.reshape(sums, to);
  node.setResult(0, full ? node.padOrCut(full, low, high) : Value());
}

//===-- MaxUnpool -------------------------------------------------------------------------------------------------===//

/// Indices count through the whole tensor [N, C, ...]; each image and channel puts its own elements.
static void importMaxUnpool(NodeContext &node) {
  Value x = node.input(0), indices = node.input(1);
  SmallVector<int64_t> kernel = node.getIntegers("kernel_shape");
  if (!x || !indices)
    return;
  Sizes sizes = node.sizesOf(x);
  size_t spatial = kernel.size();
  if (spatial == 0 || !areSmall(kernel) || sizes.size() != spatial + 2 || node.sizesOf(indices) != sizes ||
      !sizes[1].isStatic())
    return node.failShape("windows do not fit " + toText(sizes));
  SmallVector<int64_t> strides = readEach(node, "strides", spatial, 1), pads = readEach(node, "pads", 2 * spatial, 0);
  if (node.hasFailed())
    return;
  Sizes to{sizes[0], sizes[1]};
  DimSize whole(1);
  for (size_t i = 0; i < spatial; ++i) {
    if (!sizes[i + 2].isStatic())
      return node.failShape("dimension " + llvm::Twine(i + 2) + " is symbolic");
    to.emplace_back((sizes[i + 2].constant - 1) * strides[i] + kernel[i] - pads[i] - pads[spatial + i]);
    whole = multiplyChecked(whole, to.back()).value_or(DimSize(0));
  }
  std::optional<DimSize> count = divideProducts(ArrayRef<DimSize>(sizes).drop_front(2), {});
  Sizes flat{sizes[0], sizes[1], count.value_or(DimSize(0))};
  Value image = node.withNumber(Kind::mul, node.iota(sizes[0], node.indexType()),
                                static_cast<double>(sizes[1].constant * whole.constant));
  Value channel =
      node.withNumber(Kind::mul, node.iota(sizes[1], node.indexType()), static_cast<double>(whole.constant));
  Value begin = node.elementwise(Kind::add, {node.spread(image, flat, {0}), node.spread(channel, flat, {1})});
  Value places =
      node.elementwise(Kind::sub, {node.reshape(node.cast(indices, node.indexType(), "indices"), flat), begin});
  Value put = node.scatterAlong(ScatterKind::update, places, node.reshape(x, flat), Value(), 2, {0, 1, 2}, whole);
  Value result = node.reshape(put, to);
  if (!node.hasInput(2) || !result)
    return node.setResult(0, result);
  std::optional<Sizes> wanted = node.sizes(2);
  if (!wanted || wanted->size() != to.size())
    return wanted ? node.failShape("output_shape has another rank") : void();
  SmallVector<int64_t> low(to.size(), 0), high;
  for (auto [have, want] : llvm::zip(to, *wanted)) {
    std::optional<DimSize> missing = addChecked(want, have * -1);
    if (!missing || !missing->isStatic() || missing->constant < 0)
      return node.failShape("output_shape " + toText(*wanted) + " is less than " + toText(to));
    high.push_back(missing->constant);
  }
  node.setResult(0, node.padOrCut(result, low, high));
}

void partita::import::addSpatialOps(OpTable &table) {
  table.insert({{"DepthToSpace", importDepthToSpace},
                {"SpaceToDepth", importSpaceToDepth},
                {"CenterCropPad", importCenterCropPad},
                {"Col2Im", importCol2Im},
                {"MaxUnpool", importMaxUnpool}});
}
