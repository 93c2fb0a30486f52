// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "RegionTiles.h"
#include "partita/dialects/interfaces/SymbolicShape.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

/// What a tile of rows may take: the innermost cache (32 KiB at least on what is made today), where about half of what
/// is counted lies in the place of something else or was read before. Tiles that read windows read what lies between
/// them twice, so that these may be larger: a part of the next cache.
constexpr int64_t bytesOfRowTile = 56 << 10, bytesOfWindowTile = 192 << 10;
/// Elements of the longest vectors, and elements along contiguous memory that a tile of windows has, where there are
/// more.
constexpr int64_t vectorLanes = 16, windowColumns = 64;
/// Elements behind each other in memory that stay together, while a tile takes no more than so much.
constexpr int64_t leastAlongMemory = 64, mostBytesOfWideTile = 4 << 20;
/// Multiply-adds below which a product is not worth threads (10 to 20 microseconds), and below which no tile of it
/// goes.
constexpr int64_t leastProduct = 1 << 20;
/// Bytes that must be moved, weighted by what is computed on them, for threads to pay.
constexpr int64_t leastRowWork = 256 << 10, leastRowTileWork = 64 << 10;
/// Rows and columns of a block of a product: its result stays in the cache beside the operands' packed parts.
constexpr int64_t mostRows = 1024, mostColumns = 512, mostOfBlock = 512 << 10, leastRows = 32, leastColumns = 96;
/// Rows of a strip.
constexpr int64_t mostStripRows = 128;
/// Elements of a strip of scores.
constexpr int64_t stripElements = 64 << 10;
/// Enough tiles to share them out evenly among a few threads.
constexpr int64_t wantedTiles = 16, wantedBlocks = 8;

static int64_t tileOf(const RegionAxis &axis) { return axis.tile == 0 ? axis.bound : std::min(axis.tile, axis.bound); }

static int64_t countTiles(const KernelRegion &region) {
  int64_t count = 1;
  for (const RegionAxis &axis : region.getAxes())
    if (axis.isActive)
      count *= llvm::divideCeil(std::max<int64_t>(axis.bound, 1), std::max<int64_t>(tileOf(axis), 1));
  return count;
}

/// A tile of at most `most` elements, all tiles about equally large: a divisor of the extent if one is near.
static int64_t cutEvenly(int64_t extent, int64_t most, int64_t multiple = 1) {
  if (extent <= most)
    return std::max<int64_t>(extent, 1);
  most = std::max<int64_t>(most, 1);
  for (int64_t tile = most; 2 * tile > most; --tile)
    if (extent % tile == 0 && tile % multiple == 0)
      return tile;
  int64_t tile = llvm::divideCeil(extent, llvm::divideCeil(extent, most));
  return std::min<int64_t>(most, llvm::divideCeil(tile, multiple) * multiple);
}

static int64_t sizeOf(const KernelRegion &region, Tie tie, int64_t whole, bool ofOneElement) {
  if (!tie.isTied())
    return whole;
  return tie.scale * (ofOneElement ? 1 : tileOf(region.getAxes()[tie.axis]));
}

/// How far an operand is read along each dim by loops of these sizes: windows reach as far as all their loops together.
static SmallVector<int64_t> readSizes(AffineMap map, ArrayRef<int64_t> loops) {
  SmallVector<AffineExpr> last;
  for (int64_t size : loops)
    last.push_back(getAffineConstantExpr(std::max<int64_t>(size, 1) - 1, map.getContext()));
  SmallVector<int64_t> sizes;
  for (AffineExpr expression : map.getResults()) {
    auto reach = dyn_cast<AffineConstantExpr>(expression.replaceDims(last));
    sizes.push_back(reach ? reach.getValue() + 1 : unknownBound);
  }
  return sizes;
}

int64_t lowering::bytesOfTile(const KernelRegion &region, bool ofOneElement) {
  int64_t bytes = 0;
  DenseSet<Value> counted;
  auto count = [&](Value value, ArrayRef<int64_t> sizes, bool isTied) {
    if (!isTied || !counted.insert(value).second)
      return;
    int64_t size = std::max<int64_t>(getElementBits(getElementTypeOrSelf(value.getType())) / 8, 1);
    for (auto [part, bound] : llvm::zip(sizes, boundsOf(value)))
      size *= std::min(part, bound);
    bytes += size;
  };
  for (auto &[op, ties] : region.getMembers()) {
    auto generic = dyn_cast<linalg::LinalgOp>(op);
    if (!generic)
      continue;
    SmallVector<int64_t> loops;
    for (auto [tie, bound] : llvm::zip(ties, boundsOfLoops(generic)))
      loops.push_back(sizeOf(region, tie, bound, ofOneElement));
    for (OpOperand &operand : op->getOpOperands()) {
      Value value = generic.isDpsInit(&operand) ? generic.getTiedOpResult(&operand) : operand.get();
      if (!isa<RankedTensorType>(value.getType()))
        continue;
      AffineMap map = generic.getMatchingIndexingMap(&operand);
      bool isTied = false;
      for (auto [loop, tie] : llvm::enumerate(ties))
        isTied |= tie.isTied() && map.isFunctionOfDim(loop);
      count(value, readSizes(map, loops), isTied);
    }
  }
  return bytes;
}

/// Iterations of all loops of the region's products (or of its other ops, weighted), in all tiles or in one.
static double countWork(const KernelRegion &region, bool ofProducts, bool inTile) {
  double work = 0;
  for (auto &[op, ties] : region.getMembers()) {
    auto generic = dyn_cast<linalg::LinalgOp>(op);
    if (!generic || isProduct(op) != ofProducts)
      continue;
    double count = 1;
    for (auto [tie, bound] : llvm::zip(ties, boundsOfLoops(generic)))
      count *= inTile ? sizeOf(region, tie, bound, false) : bound;
    int64_t weight = 4;
    for (Operation &inner : generic.getBlock()->without_terminator())
      if (inner.getNumRegions() > 0 || inner.getName().getDialectNamespace() == "math")
        weight += 8;
    work += ofProducts ? count : count * weight;
  }
  return work;
}

/// The largest divisor of the extent that is at most `most` and a multiple of `multiple`; 0 if there is none.
static int64_t cutExactly(int64_t extent, int64_t most, int64_t multiple) {
  for (int64_t tile = most / multiple * multiple; tile > 0; tile -= multiple)
    if (extent % tile == 0)
      return tile;
  return 0;
}

/// Columns are cut into tiles of one extent, or not at all: tiles of different extents know less about theirs. Panels,
/// which consist of `perColumn` columns each, may be few in a tile.
static int64_t cutColumns(int64_t extent, int64_t most, int64_t perColumn) {
  if (extent <= most)
    return std::max<int64_t>(extent, 1);
  if (perColumn > 1)
    return cutExactly(extent, most, 1);
  int64_t tile = cutExactly(extent, most, vectorLanes);
  if (2 * tile > most)
    return tile;
  return extent <= mostColumns ? extent : cutEvenly(extent, most, 32);
}

/// Cuts the axes of one role, the last one first, so that a tile has at most this many elements of them together. The
/// last axis of rows is cut into multiples of eight, if it can.
static void cutRole(KernelRegion &region, AxisRole role, int64_t most, int64_t perColumn) {
  int64_t multiple = most >= 8 ? 8 : 1;
  for (int64_t number = region.getAxes().size(); number-- > 0;) {
    RegionAxis &axis = region.getAxis(number);
    if (!axis.isActive || axis.role != role)
      continue;
    axis.tile =
        role == AxisRole::column ? cutColumns(axis.bound, most, perColumn) : cutEvenly(axis.bound, most, multiple);
    most = std::max<int64_t>(most / std::max<int64_t>(axis.tile, 1), 1);
    multiple = axis.bound > 1 ? 1 : multiple;
  }
}

/// Elements that one step of a role's axes stands for in the product's own result, where axes are counted in steps.
static int64_t stepOf(const KernelRegion &region, AxisRole role) {
  int64_t step = 1;
  auto &[op, ties] = region.getMembers().front();
  for (auto [tie, kind, bound] :
       llvm::zip(ties, cast<linalg::LinalgOp>(op).getIteratorTypesArray(), boundsOfLoops(cast<linalg::LinalgOp>(op))))
    if (kind == utils::IteratorType::parallel && tie.isTied() && region.getAxes()[tie.axis].role == role)
      step = std::max(step, tie.scale);
  return step;
}

/// Loops of the product that only its second operand has and that no axis cuts, such as a panel's width.
static int64_t wholeColumns(const KernelRegion &region) {
  auto &[op, ties] = region.getMembers().front();
  auto product = cast<linalg::LinalgOp>(op);
  AffineMap left = product.getMatchingIndexingMap(product.getDpsInputOperand(0));
  int64_t count = 1;
  for (auto [loop, kind] : llvm::enumerate(product.getIteratorTypesArray()))
    if (kind == utils::IteratorType::parallel && !ties[loop].isTied() && !left.isFunctionOfDim(loop))
      count *= boundsOfLoops(product)[loop];
  return count;
}

/// Elements along all axes of a role.
static int64_t boundOf(const KernelRegion &region, AxisRole role) {
  int64_t count = 1;
  for (const RegionAxis &axis : region.getAxes())
    if (axis.isActive && axis.role == role)
      count *= std::max<int64_t>(axis.bound, 1);
  return count * stepOf(region, role);
}

/// A packed operand's panels stay whole: an axis of few elements behind another one of the same role.
static void keepPanels(KernelRegion &region) {
  int64_t last = -1, columns = 0;
  for (auto [number, axis] : llvm::enumerate(region.getAxes()))
    if (axis.isActive && axis.role == AxisRole::column && axis.bound > 1) {
      last = number;
      ++columns;
    }
  if (columns > 1 && region.getAxes()[last].bound <= 64)
    region.dropAxis(last);
}

bool lowering::chooseBlocks(KernelRegion &region) {
  double work = countWork(region, /*ofProducts=*/true, /*inTile=*/false);
  if (work < leastProduct)
    return false;
  keepPanels(region);
  int64_t perColumn = wholeColumns(region) * stepOf(region, AxisRole::column);
  int64_t perRow = stepOf(region, AxisRole::row), rows = std::min(mostRows, boundOf(region, AxisRole::row));
  int64_t columns = std::clamp(mostOfBlock / std::max<int64_t>(rows, 1), leastColumns, mostColumns);
  auto cut = [&] {
    for (auto [number, axis] : llvm::enumerate(region.getAxes()))
      if (axis.role == AxisRole::batch)
        region.getAxis(number).tile = 1;
    cutRole(region, AxisRole::row, std::max<int64_t>(rows / perRow, 1), 1);
    cutRole(region, AxisRole::column, std::max<int64_t>(columns / perColumn, 1), perColumn);
  };
  for (cut(); countTiles(region) < wantedBlocks; cut()) {
    bool canHalve = rows > leastRows || columns > leastColumns;
    if (!canHalve || work < 2 * static_cast<double>(leastProduct) * countTiles(region))
      break;
    // The second operand, mostly a weight, is read once for all rows of a block: rows are cut last.
    if (columns > leastColumns)
      columns = std::max(columns / 2, leastColumns);
    else
      rows /= 2;
  }
  // Small products of a batch together.
  for (int64_t number = region.getAxes().size(); number-- > 0;) {
    RegionAxis &axis = region.getAxis(number);
    double inTile = countWork(region, true, true);
    if (axis.isActive && axis.role == AxisRole::batch && inTile < leastProduct)
      axis.tile = cutEvenly(axis.bound, std::max<int64_t>(1, leastProduct / std::max(inTile, 1.0)));
  }
  return countTiles(region) > 1;
}

bool lowering::chooseStrips(KernelRegion &region) {
  double work = countWork(region, /*ofProducts=*/true, /*inTile=*/false);
  if (work < leastProduct)
    return false;
  // The longest rows between the products, and how many of them one element of every axis has.
  int64_t longest = 1;
  for (auto &[op, ties] : region.getMembers())
    for (Value result : op->getResults()) {
      int64_t elements = 1;
      for (auto [tie, bound] : llvm::zip(region.tiesOf(result), boundsOf(result)))
        elements *= sizeOf(region, tie, bound, /*ofOneElement=*/true);
      longest = std::max(longest, elements);
    }
  int64_t most = std::clamp<int64_t>(stripElements / longest, 8, mostStripRows);
  bool isCut = false;
  for (int64_t number = region.getAxes().size(); number-- > 0;) {
    RegionAxis &axis = region.getAxis(number);
    if (!axis.isActive)
      continue;
    // Only the last rows make a strip; heads and batches are apart.
    axis.tile = isCut || axis.role == AxisRole::batch ? 1 : cutEvenly(axis.bound, most, 8);
    isCut |= axis.role != AxisRole::batch && axis.bound > 1;
  }
  return countTiles(region) > 1;
}

/// A part of contiguous memory of at least `least` elements that divides the extent: whole vectors if there are such,
/// halves of vectors else; all of it if there is none.
static int64_t cutContiguous(int64_t extent, int64_t least) {
  for (int64_t lanes : {vectorLanes, vectorLanes / 2})
    for (int64_t tile = llvm::divideCeil(least, lanes) * lanes; tile < std::min(extent, 4 * least); tile += lanes)
      if (extent % tile == 0)
        return tile;
  return extent;
}

/// Whether all results lie contiguously along the axis.
static bool isContiguous(const KernelRegion &region, int64_t axis) {
  return llvm::all_of(region.findResults(), [&](Value result) {
    Ties ties = region.tiesOf(result);
    return !ties.empty() && ties.back().axis == axis && ties.back().scale == 1;
  });
}

int64_t lowering::countRows(const KernelRegion &region) {
  int64_t rows = 1;
  for (auto [number, axis] : llvm::enumerate(region.getAxes()))
    if (axis.isActive)
      rows *= isContiguous(region, number) ? std::max<int64_t>(axis.bound / vectorLanes, 1) : axis.bound;
  return rows;
}

/// How many elements of each axis stay together: more than one where an operand or a result lies along it in memory,
/// unless a tile would be too large. Narrow tiles would read and write parts of lines, and a transpose turns whole
/// squares in registers.
static SmallVector<int64_t> findLeastTiles(const KernelRegion &region) {
  SmallVector<int64_t> least(region.getAxes().size(), 1);
  int64_t most = mostBytesOfWideTile / std::max<int64_t>(bytesOfTile(region, /*ofOneElement=*/true), 1);
  most = std::clamp<int64_t>(llvm::bit_floor<uint64_t>(most), 1, leastAlongMemory);
  for (auto &[op, ties] : region.getMembers()) {
    auto generic = dyn_cast<linalg::LinalgOp>(op);
    if (!generic)
      continue;
    for (AffineMap map : generic.getIndexingMapsArray()) {
      // What has fewer dims, such as the sums of rows, is small.
      bool isWhole = llvm::all_of(llvm::seq<unsigned>(0, map.getNumDims()),
                                  [&](unsigned loop) { return map.isFunctionOfDim(loop); });
      if (!isWhole || map.getNumResults() == 0)
        continue;
      auto dim = dyn_cast<AffineDimExpr>(map.getResults().back());
      if (dim && ties[dim.getPosition()].isTied())
        least[ties[dim.getPosition()].axis] = most;
    }
  }
  return least;
}

/// As many rows as fit, along the last axes first.
static void cutRows(KernelRegion &region, ArrayRef<int64_t> leastTiles) {
  for (auto [number, least] : llvm::enumerate(leastTiles))
    region.getAxis(number).tile = std::clamp<int64_t>(region.getAxis(number).bound, 1, least);
  for (int64_t number = region.getAxes().size(); number-- > 0;) {
    RegionAxis &axis = region.getAxis(number);
    if (!axis.isActive)
      continue;
    int64_t one = std::max<int64_t>(bytesOfTile(region) / axis.tile, 1), least = leastTiles[number];
    int64_t most = std::max<int64_t>(bytesOfRowTile / one, least);
    int64_t vectors = 0;
    if (most < axis.bound && isContiguous(region, number))
      vectors = std::max(cutExactly(axis.bound, most, vectorLanes),
                         most < vectorLanes ? cutContiguous(axis.bound, vectorLanes) : 0);
    axis.tile = vectors > 0 ? vectors : cutEvenly(axis.bound, most, least);
    if (axis.tile < axis.bound)
      break;
  }
}

/// Which axes the region reads through windows.
static SmallVector<bool> findWindows(const KernelRegion &region) {
  SmallVector<bool> isWindow(region.getAxes().size());
  for (auto &[op, ties] : region.getMembers()) {
    auto generic = dyn_cast<linalg::LinalgOp>(op);
    if (!generic)
      continue;
    for (AffineMap map : generic.getIndexingMapsArray())
      for (AffineExpr expression : map.getResults())
        for (auto [loop, tie] : llvm::enumerate(ties))
          if (tie.isTied() && !isa<AffineDimExpr>(expression) && expression.isFunctionOfDim(loop))
            isWindow[tie.axis] = true;
  }
  return isWindow;
}

/// The longest tile of an axis with which all of a tile takes no more than that.
static int64_t fitTile(KernelRegion &region, int64_t number, int64_t bytes) {
  RegionAxis &axis = region.getAxis(number);
  int64_t fits = 1;
  for (int64_t low = 2, high = axis.bound; low <= high;) {
    axis.tile = low + (high - low) / 2;
    bool isSmall = bytesOfTile(region) <= bytes;
    fits = isSmall ? axis.tile : fits;
    (isSmall ? low : high) = isSmall ? axis.tile + 1 : axis.tile - 1;
  }
  return fits;
}

/// Windows overlap along other axes than the last one: a tile is narrow there, if that leaves whole vectors, and long
/// along the others.
static void cutWindows(KernelRegion &region, ArrayRef<bool> isWindow) {
  int64_t last = region.getAxes().size() - 1;
  while (last > 0 && !region.getAxes()[last].isActive)
    --last;
  for (int64_t number = last; number >= 0; --number) {
    RegionAxis &axis = region.getAxis(number);
    if (!axis.isActive)
      continue;
    if (number == last && !isWindow[last] && axis.bound > 2 * windowColumns) {
      axis.tile = cutContiguous(axis.bound, windowColumns);
      continue;
    }
    axis.tile = cutEvenly(axis.bound, fitTile(region, number, bytesOfWindowTile));
    if (axis.tile < axis.bound)
      break;
  }
}

bool lowering::chooseRows(KernelRegion &region) {
  double work = countWork(region, /*ofProducts=*/false, /*inTile=*/false);
  if (work < leastRowWork)
    return false;
  for (auto [number, axis] : llvm::enumerate(region.getAxes()))
    region.getAxis(number).tile = 1;
  SmallVector<bool> isWindow = findWindows(region);
  SmallVector<int64_t> least(isWindow.size(), 1);
  if (llvm::is_contained(isWindow, true))
    cutWindows(region, isWindow);
  else
    cutRows(region, least = findLeastTiles(region));
  // Fewer than wanted: smaller tiles along the first axis that is cut, or the first that could be.
  for (auto [number, axis] : llvm::enumerate(region.getAxes())) {
    int64_t tiles = countTiles(region);
    if (!axis.isActive || axis.bound <= 1 || tiles >= wantedTiles)
      continue;
    int64_t parts = std::min<int64_t>(wantedTiles / tiles, work / leastRowTileWork / tiles);
    if (parts <= 1)
      continue;
    int64_t whole = tileOf(axis), part = std::max<int64_t>(llvm::divideCeil(whole, parts), least[number]);
    bool isVector = isContiguous(region, number);
    int64_t vectors = isVector ? cutContiguous(whole, std::max(vectorLanes, part)) : whole;
    region.getAxis(number).tile =
        vectors < whole || (isVector && whole <= windowColumns) ? vectors : cutEvenly(whole, part, least[number]);
  }
  return countTiles(region) > 1;
}
