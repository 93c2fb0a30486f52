// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "InPlaceProducts.h"
#include "ProductWriter.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

/// Fewer rows than this do not keep the units for multiply-add busy: they wait for B, and panels alone come fast
/// enough.
static constexpr int64_t kLeastRows = 6;
/// Bytes of a B that does not lie in panels: it must stay in the cache next to the core.
static constexpr int64_t kMostOfMatrix = 512 << 10;
/// What lies a multiple of this many bytes from each other shares one set of the first cache, which has fewer ways than
/// a tile has rows.
static constexpr int64_t kSetDistance = 4096;
/// Bytes of a line of the cache: all of it should be used.
static constexpr int64_t kLine = 64;

//===-- Where rows lie --------------------------------------------------------------------------------------------===//

namespace {

/// Tiles cut one loop over rows, each iteration of which is a run of rows in A.
struct InPlaceRows {
  TileReads reads;
  SmallVector<unsigned> around; ///< Loops over rows outside of a tile.
  OpFoldResult extent;          ///< Iterations of the loop that is cut.
  int64_t most = 1;             ///< Iterations in a tile.
};

/// So many tiles of one iteration more than the others, and then the others.
struct Heights {
  int64_t high, low, lowCount;
};

} // namespace

/// The loops over k as A has them: what continues is one loop. False where something is not known.
static bool findReduced(const Contraction &roles, TileReads &reads) {
  SmallVector<TileReads::Loop> loops;
  for (unsigned loop : roles.reduced) {
    std::optional<int64_t> extent = getConstantIntValue(roles.extents[loop]),
                           stride = getConstantIntValue(roles.a.strides[loop]);
    if (!extent || !stride || *extent == 0)
      return false;
    if (!loops.empty() && loops.back().stride == *stride * *extent)
      loops.back() = {loops.back().extent * *extent, *stride};
    else
      loops.push_back({*extent, *stride});
  }
  if (loops.empty())
    return false;
  reads.inner = loops.pop_back_val();
  reads.outer = loops;
  return true;
}

/// Cuts the rows: a long run into tiles, or several short runs into one tile.
static std::optional<InPlaceRows> findRows(const Contraction &roles, const TileShape &shape) {
  InPlaceRows rows;
  if (!findReduced(roles, rows.reads))
    return std::nullopt;
  if (roles.rows.empty()) {
    rows.reads.far = 0;
    rows.extent = IntegerAttr::get(IndexType::get(roles.a.element.getContext()), 1);
    return rows;
  }
  std::optional<int64_t> near = getConstantIntValue(roles.a.strides[roles.rows.back()]);
  int64_t run = 1;
  SmallVector<unsigned> left(roles.rows);
  for (; near && !left.empty(); left.pop_back()) {
    std::optional<int64_t> stride = getConstantIntValue(roles.a.strides[left.back()]),
                           extent = getConstantIntValue(roles.extents[left.back()]);
    if (!extent || stride != *near * run)
      break;
    run *= *extent;
  }
  if (left.size() == roles.rows.size() || run == 0)
    return std::nullopt;
  rows.reads.far = *near;
  rows.extent = IntegerAttr::get(IndexType::get(roles.a.element.getContext()), run);
  rows.most = shape.rows;
  std::optional<int64_t> far = left.empty() ? std::nullopt : getConstantIntValue(roles.a.strides[left.back()]);
  if (far && 2 * run <= shape.rows) {
    rows.reads.run = run;
    rows.reads.near = *near;
    rows.reads.far = *far;
    rows.extent = roles.extents[left.pop_back_val()];
    rows.most = shape.rows / run;
  }
  rows.around = left;
  return rows;
}

/// Tiles as equal as can be; where the extent is not known, whole tiles and then single iterations.
static Heights findHeights(const InPlaceRows &rows) {
  std::optional<int64_t> extent = getConstantIntValue(rows.extent);
  if (!extent)
    return {rows.most, 1, 0};
  int64_t tiles = std::max<int64_t>((*extent + rows.most - 1) / rows.most, 1), low = *extent / tiles;
  return {low + 1, low, tiles - *extent % tiles};
}

/// What a tile adds to an address must fit into an instruction.
static bool isNear(int64_t elements) { return std::abs(elements) < int64_t(1) << 27; }

static bool isWorthwhile(const Contraction &roles, const InPlaceRows &rows) {
  int64_t bytes = countBytes(roles.getElement()), near = rows.reads.run > 1 ? rows.reads.near : rows.reads.far;
  bool hasFewRows = findHeights(rows).low * rows.reads.run < kLeastRows;
  if ((hasFewRows ? !roles.panelStride : (near * bytes) % kSetDistance == 0) ||
      std::abs(rows.reads.inner.stride * bytes) > kLine || !isNear(rows.reads.far * rows.most))
    return false;
  std::optional<int64_t> k = roles.count(roles.reduced), columns = roles.count(roles.columns),
                         fromBToB = getConstantIntValue(roles.b.strides[roles.reduced.back()]);
  if (!k || !columns || !fromBToB)
    return false;
  int64_t stored = countBytes(roles.b.element);
  return roles.panelStride || ((*fromBToB * stored) % kSetDistance != 0 && *k * *columns * stored <= kMostOfMatrix);
}

//===-- The loops -------------------------------------------------------------------------------------------------===//

namespace {

class InPlaceWriter : public ProductWriter {
public:
  InPlaceWriter(OpBuilder builder, Location location, ModuleOp module, const CpuTarget &cpu, const Contraction &roles,
                const InPlaceRows &rows, bool overwrites)
      : ProductWriter(builder, location, roles), module(module), cpu(cpu), shape(chooseTile(cpu, roles.getElement())),
        rows(rows), adds(overwrites ? 0 : 1), bytes(countBytes(roles.getElement())) {}

  void write() { writeAll(); }

private:
  void writeOne(Value a, Value b, Value c) override {
    int64_t columns = *roles.count(roles.columns), width = shape.lanes * shape.vectors, whole = columns / width * width;
    if (whole > 0)
      at.loop(at.number(0), at.number(whole), width, [&](Value i) { writeColumns(a, b, c, i, width); });
    if (whole < columns)
      writeColumns(a, b, c, at.number(whole), columns - whole);
  }

  /// All rows of some columns, which stay in the cache meanwhile.
  void writeColumns(Value a, Value b, Value c, Value first, int64_t count) {
    Value inRow = first;
    if (roles.panelStride) {
      b = at.move(b, at.mul(at.div(first, kPanel), toBytes(roles.b, roles.panelStride)));
      inRow = at.make<arith::RemUIOp>(first, at.number(kPanel));
    }
    b = at.move(b, at.mul(inRow, countBytes(roles.b.element)));
    width = count;
    writeRows(0, a, b, at.move(c, at.mul(first, bytes)));
  }

  void writeRows(size_t depth, Value a, Value b, Value c) {
    if (depth == rows.around.size())
      return writeTiles(a, b, c);
    unsigned loop = rows.around[depth];
    at.loop(at.number(0), toInteger(roles.extents[loop]), 1,
            [&](Value i) { writeRows(depth + 1, step(roles.a, a, loop, i), b, step(roles.c, c, loop, i)); });
  }

  void writeTiles(Value a, Value b, Value c) {
    Heights heights = findHeights(rows);
    Value extent = toInteger(rows.extent), highEnd;
    if (std::optional<int64_t> known = getConstantIntValue(rows.extent))
      highEnd = at.number(*known - heights.low * heights.lowCount);
    else
      highEnd = at.sub(extent, at.make<arith::RemUIOp>(extent, at.number(heights.high)));
    auto writeAlike = [&](Value begin, Value end, int64_t count) {
      if (!isSame(begin, end))
        at.loop(begin, end, count, [&](Value i) { writeTile(a, b, c, i, count); });
    };
    writeAlike(at.number(0), highEnd, heights.high);
    writeAlike(highEnd, extent, heights.low);
  }

  static bool isSame(Value begin, Value end) {
    std::optional<int64_t> first = getConstantIntValue(begin), last = getConstantIntValue(end);
    return first && first == last;
  }

  void writeTile(Value a, Value b, Value c, Value first, int64_t count) {
    int64_t vectors = (width + shape.lanes - 1) / shape.lanes;
    TileKind kind{roles.getElement(),     roles.b.element, roles.b.widening,
                  count * rows.reads.run, vectors,         width % shape.lanes != 0};
    kind.reads = rows.reads;
    Value fromRowToRow = roles.rows.empty() ? at.number(0) : toBytes(roles.c, roles.c.strides[roles.rows.back()]);
    Value fromBToB = toBytes(roles.b, roles.b.strides[roles.reduced.back()]);
    a = at.move(a, at.mul(first, rows.reads.far * countBytes(roles.a.element)));
    c = at.move(c, at.mul(at.mul(first, rows.reads.run), fromRowToRow));
    SmallVector<Value> operands{
        a, b, c, at.number(rows.reads.inner.extent), fromBToB, fromRowToRow, at.number(adds), at.number(width)};
    LLVM::CallOp::create(at.builder, at.location, getTile(module, cpu, kind), operands);
  }

  ModuleOp module;
  const CpuTarget &cpu;
  TileShape shape;
  const InPlaceRows &rows;
  int64_t adds, bytes;
  int64_t width = 0; ///< Columns of the tiles that are being written.
};

} // namespace

bool lowering::writeInPlace(OpBuilder builder, Location location, ModuleOp module, const CpuTarget &cpu,
                            const Contraction &roles, bool overwrites) {
  if (!roles.readsInPlace || roles.group > 1 || roles.a.widening != Widening::none)
    return false;
  std::optional<InPlaceRows> rows = findRows(roles, chooseTile(cpu, roles.getElement()));
  if (!rows || !isWorthwhile(roles, *rows))
    return false;
  InPlaceWriter(builder, location, module, cpu, roles, *rows, overwrites).write();
  return true;
}
