// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "RegionTiles.h"
#include "partita/dialects/interfaces/SymbolicShape.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

/// What a tile of rows may take: a part of the cache next to a core (256 KiB at least on what is made today).
constexpr int64_t bytesOfRowTile = 96 << 10;
/// Multiply-adds below which a product is not worth threads (about 20 microseconds), and below which no tile of it
/// goes.
constexpr int64_t leastProduct = 1 << 20, leastProductTile = 2 << 20;
/// Bytes that must be moved, weighted by what is computed on them, for threads to pay.
constexpr int64_t leastRowWork = 256 << 10, leastRowTileWork = 64 << 10;
/// Rows and columns of a block of a product: its result stays in the cache beside the operands' packed parts.
constexpr int64_t mostRows = 512, mostColumns = 512, mostOfBlock = 128 << 10, leastRows = 32, leastColumns = 96;
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

int64_t lowering::bytesOfTile(const KernelRegion &region, bool ofOneElement) {
  int64_t bytes = 0;
  DenseSet<Value> counted;
  auto count = [&](Value value, ArrayRef<Tie> ties) {
    bool isTied = llvm::any_of(ties, [](Tie tie) { return tie.isTied(); });
    if (!isTied || !counted.insert(value).second)
      return;
    int64_t size = std::max<int64_t>(getElementBits(getElementTypeOrSelf(value.getType())) / 8, 1);
    for (auto [tie, bound] : llvm::zip(ties, boundsOf(value)))
      size *= sizeOf(region, tie, bound, ofOneElement);
    bytes += size;
  };
  for (auto &[op, ties] : region.getMembers()) {
    auto generic = dyn_cast<linalg::LinalgOp>(op);
    if (!generic)
      continue;
    for (OpOperand *input : generic.getDpsInputOperands()) {
      Ties dims;
      for (AffineExpr expression : generic.getMatchingIndexingMap(input).getResults()) {
        auto dim = dyn_cast<AffineDimExpr>(expression);
        dims.push_back(dim ? ties[dim.getPosition()] : Tie());
      }
      if (isa<RankedTensorType>(input->get().getType()))
        count(input->get(), dims);
    }
    for (Value result : op->getResults())
      count(result, region.tiesOf(result));
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

/// Cuts the axes of one role, the last one first, so that a tile has at most this many elements of them together.
static void cutRole(KernelRegion &region, AxisRole role, int64_t most, int64_t multiple) {
  for (int64_t number = region.getAxes().size(); number-- > 0;) {
    RegionAxis &axis = region.getAxis(number);
    if (!axis.isActive || axis.role != role)
      continue;
    axis.tile = cutEvenly(axis.bound, most, most >= multiple ? multiple : 1);
    most = std::max<int64_t>(most / std::max<int64_t>(axis.tile, 1), 1);
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
    cutRole(region, AxisRole::row, std::max<int64_t>(rows / perRow, 1), 8);
    cutRole(region, AxisRole::column, std::max<int64_t>(columns / perColumn, 1), perColumn > 1 ? 1 : 32);
  };
  for (cut(); countTiles(region) < wantedBlocks; cut()) {
    bool canHalve = rows > leastRows || columns > leastColumns;
    if (!canHalve || work < 2 * static_cast<double>(leastProductTile) * countTiles(region))
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
    if (axis.isActive && axis.role == AxisRole::batch && inTile < leastProductTile)
      axis.tile = cutEvenly(axis.bound, std::max<int64_t>(1, leastProductTile / std::max(inTile, 1.0)));
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

bool lowering::chooseRows(KernelRegion &region) {
  double work = countWork(region, /*ofProducts=*/false, /*inTile=*/false);
  if (work < leastRowWork)
    return false;
  for (auto [number, axis] : llvm::enumerate(region.getAxes()))
    region.getAxis(number).tile = 1;
  for (int64_t number = region.getAxes().size(); number-- > 0;) {
    RegionAxis &axis = region.getAxis(number);
    if (!axis.isActive)
      continue;
    int64_t one = std::max<int64_t>(bytesOfTile(region), 1);
    axis.tile = cutEvenly(axis.bound, std::max<int64_t>(bytesOfRowTile / one, 1));
    if (axis.tile < axis.bound)
      break;
  }
  // Fewer than wanted: smaller tiles along the first axis that is cut, or the first that could be.
  for (auto [number, axis] : llvm::enumerate(region.getAxes())) {
    int64_t tiles = countTiles(region);
    if (!axis.isActive || axis.bound <= 1 || tiles >= wantedTiles)
      continue;
    int64_t parts = std::min<int64_t>(wantedTiles / tiles, work / leastRowTileWork / tiles);
    if (parts > 1)
      region.getAxis(number).tile = cutEvenly(tileOf(axis), llvm::divideCeil(tileOf(axis), parts));
  }
  return countTiles(region) > 1;
}
