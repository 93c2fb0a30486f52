// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "BlockFunctions.h"
#include "InPlaceProducts.h"
#include "Kernel.h"
#include "ProductWriter.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "partita/lowering/Passes.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace partita::lowering {
#define GEN_PASS_DEF_BLOCKCONTRACTIONSPASS
#include "partita/lib/lowering/Passes.h.inc"
} // namespace partita::lowering

/// Rows that read B where it lies: each element only so often.
static constexpr int64_t kFewRows = 8;

/// k of B that are packed in one go, panel by panel, where its rows lie in one piece: few pages are open at once.
static constexpr int64_t kPackedAtOnce = 32;

/// The memory that a view is of.
static Value findMemory(Value buffer) {
  while (auto view = buffer.getDefiningOp<ViewLikeOpInterface>())
    buffer = view.getViewSource();
  return buffer;
}

/// The fill with zeros that initialises the result, if nothing between the two touches that memory.
static linalg::FillOp findFill(linalg::GenericOp op) {
  Value result = op.getDpsInits()[0], memory = findMemory(result);
  for (Operation *before = op->getPrevNode(); before; before = before->getPrevNode()) {
    if (auto fill = dyn_cast<linalg::FillOp>(before); fill && fill.getDpsInits()[0] == result)
      return matchPattern(fill.getInputs()[0], m_AnyZeroFloat()) || matchPattern(fill.getInputs()[0], m_Zero())
                 ? fill
                 : linalg::FillOp();
    if (isa<ViewLikeOpInterface>(before))
      continue;
    bool touches = before->getNumRegions() > 0 && !isa<linalg::LinalgOp>(before);
    for (Value operand : before->getOperands())
      touches |= isa<MemRefType>(operand.getType()) && findMemory(operand) == memory;
    if (touches)
      return {};
  }
  return {};
}

namespace {

/// Writes one contraction: tables, scratch, the outer loops and in them one call.
class ContractionWriter : public ProductWriter {
public:
  ContractionWriter(OpBuilder builder, Location location, ModuleOp module, const CpuTarget &cpu,
                    const Contraction &roles)
      : ProductWriter(builder, location, roles), module(module), cpu(cpu), shape(chooseTile(cpu, roles.getElement())),
        arguments(static_cast<size_t>(BlocksArgument::count)) {}

  void write(bool overwrites) {
    std::optional<int64_t> rows = roles.count(roles.rows);
    // Few rows read every element of B once or twice: a copy would cost more than it saves.
    packsB = !roles.panelStride && !(roles.readsInPlace && rows && *rows <= kFewRows);
    chooseDot();
    if (!packsB && !roles.panelStride)
      widenTile(*rows);
    get(BlocksArgument::tileWidth) = at.number(shape.lanes * shape.vectors);
    get(BlocksArgument::rowCount) = countAll(roles.rows);
    get(BlocksArgument::columnCount) = countAll(roles.columns);
    int64_t group = countGroup(dot);
    Value elements = countAll(roles.reduced);
    get(BlocksArgument::reducedElements) = elements;
    get(BlocksArgument::reducedCount) = at.div(at.add(elements, group - 1), group);
    get(BlocksArgument::rowStride) =
        roles.rows.empty() ? at.number(0) : toBytes(roles.c, roles.c.strides[roles.rows.back()]);
    get(BlocksArgument::adds) = at.number(overwrites ? 0 : 1);
    get(BlocksArgument::packsB) = at.number(packsB ? 1 : 0);
    writePlaceOfB();
    writeTables();
    chooseTiles();
    Type byte = at.builder.getI8Type();
    int64_t bytes = countBytes(roles.getElement()), rowBound = std::min(rows.value_or(kRowBlock), kRowBlock);
    get(BlocksArgument::packedA) = toPointer(allocate(rowBound * kPackedRow * bytes, byte));
    int64_t columns = (roles.count(roles.columns).value_or(kColumnBlock) + kPanel - 1) / kPanel * kPanel;
    int64_t k = std::min(roles.count(roles.reduced).value_or(kReducedBlock), kReducedBlock);
    get(BlocksArgument::packedB) =
        packsB ? toPointer(allocate(std::min(columns, kColumnBlock) * k * bytes, byte)) : at.zero(at.pointer());
    writeAll();
  }

private:
  /// B that lies in place and not in units is widened; units of another processor are packed again.
  void chooseDot() {
    DotOperand a{roles.a.element, roles.a.widening}, b{roles.b.element, roles.b.widening};
    Dot found = findDot(cpu, roles.getElement(), a, b);
    packsB |= roles.group > 1 && roles.group != countGroup(found);
    if (packsB || roles.group > 1)
      dot = found;
  }

  Value &get(BlocksArgument argument) { return arguments[static_cast<size_t>(argument)]; }

  Value countAll(ArrayRef<unsigned> loops) {
    Value product = at.number(1);
    for (unsigned loop : loops)
      product = at.mul(product, toInteger(roles.extents[loop]));
    return product;
  }

  Value allocate(int64_t count, Type element) {
    return memref::AllocOp::create(at.builder, at.location, MemRefType::get({count}, element));
  }
  /// Where rows are few, registers are left for more columns: longer pieces of B's rows are read at once.
  void widenTile(int64_t rows) {
    int64_t columns = roles.count(roles.columns).value_or(kColumnBlock);
    while (shape.vectors < 8 && shape.vectors * shape.lanes < columns &&
           (rows + 1) * (shape.vectors + 1) + 1 <= cpu.vectorRegisters)
      ++shape.vectors;
  }

  void writePlaceOfB() {
    size_t inUnit = roles.group > 1 ? 1 : 0;
    bool isMatrix = packsB || roles.reduced.size() <= inUnit;
    get(BlocksArgument::panelStride) =
        toBytes(roles.b, roles.panelStride ? roles.panelStride : at.builder.getIndexAttr(kPanel));
    get(BlocksArgument::reducedStride) =
        isMatrix ? at.number(0) : toBytes(roles.b, roles.b.strides[roles.reduced[roles.reduced.size() - 1 - inUnit]]);
    // Rows of a matrix are read in short pieces, so that few pages are open at once; panels lie in one piece.
    get(BlocksArgument::reducedBlock) =
        at.number(packsB || roles.panelStride ? limitBlock(cpu.blocks.depth, 16, kReducedBlock) : 32);
    bool hasRuns = getConstantIntValue(roles.b.strides[roles.columns.back()]) == 1;
    get(BlocksArgument::packedAtOnce) = at.number(hasRuns ? kPackedAtOnce : kReducedBlock);
  }

  void writeTables() {
    get(BlocksArgument::rows) = writeTable(roles.rows, roles.a, get(BlocksArgument::rowCount));
    get(BlocksArgument::reducedOfA) = writeTable(roles.reduced, roles.a, get(BlocksArgument::reducedElements));
    Value none = at.zero(at.pointer());
    get(BlocksArgument::reducedOfB) =
        packsB ? writeTable(roles.reduced, roles.b, get(BlocksArgument::reducedElements)) : none;
    get(BlocksArgument::columns) = packsB ? writeTable(roles.columns, roles.b, get(BlocksArgument::columnCount)) : none;
  }

  /// Offsets of all positions of a group in a buffer.
  Value writeTable(ArrayRef<unsigned> loops, const ContractionBuffer &buffer, Value count) {
    auto type = MemRefType::get({ShapedType::kDynamic}, at.i64());
    Value table;
    if (std::optional<int64_t> known = roles.count(loops))
      table = allocate(2 * *known, at.i64());
    else
      table = memref::AllocOp::create(at.builder, at.location, type, ValueRange{boundSize(loops)});
    Value pointer = toPointer(table);
    writeOffsets(loops, buffer, at.number(0), pointer);
    LLVM::CallOp::create(at.builder, at.location, getCountRuns(module), ValueRange{pointer, count});
    return pointer;
  }

  /// Twice the number of positions, as an index whose bound can be found.
  Value boundSize(ArrayRef<unsigned> loops) {
    Value product = arith::ConstantIndexOp::create(at.builder, at.location, 2);
    for (unsigned loop : loops)
      product = at.make<arith::MulIOp>(product,
                                       getValueOrCreateConstantIndexOp(at.builder, at.location, roles.extents[loop]));
    return product;
  }

  /// Returns the address behind the last entry.
  Value writeOffsets(ArrayRef<unsigned> loops, const ContractionBuffer &buffer, Value offset, Value entry) {
    if (loops.empty()) {
      at.store(offset, entry, 8);
      return at.move(entry, 16);
    }
    Value end = toInteger(roles.extents[loops[0]]), stride = toInteger(buffer.strides[loops[0]]);
    return at.loop(at.number(0), end, at.number(1), {entry}, [&](Value i, ValueRange place) {
      Value inner = at.add(offset, at.mul(i, stride));
      return FunctionWriter::Values{writeOffsets(loops.drop_front(), buffer, inner, place[0])};
    })[0];
  }

  //===-- tiles ---------------------------------------------------------------------------------------------------===//

  Value getTileAddress(int64_t rows, int64_t vectors, bool isMasked) {
    TileKind kind{roles.getElement(), roles.getElement(), Widening::none, rows, vectors, isMasked, dot};
    kind.isUnsignedA = dot == Dot::bytes && roles.a.widening == Widening::extendUnsigned;
    if (dot != Dot::none)
      kind.stored = getDotElement(dot, module.getContext());
    if (!packsB) {
      kind.stored = roles.b.element;
      kind.widening = dot == Dot::none ? roles.b.widening : getDotWidening(dot, {roles.b.element, roles.b.widening});
    }
    LLVM::LLVMFuncOp tile = getTile(module, cpu, kind);
    return LLVM::AddressOfOp::create(at.builder, at.location, tile);
  }

  /// Of `rows` rows: the function for whole tiles and the one for the columns that are left over.
  std::pair<Value, Value> getTileAddresses(int64_t rows) {
    Value whole = getTileAddress(rows, shape.vectors, false);
    std::optional<int64_t> columns = roles.count(roles.columns);
    if (!columns)
      return {whole, getTileAddress(rows, shape.vectors, true)};
    int64_t rest = *columns % (shape.lanes * shape.vectors);
    if (rest == 0)
      return {whole, whole};
    int64_t vectors = (rest + shape.lanes - 1) / shape.lanes;
    return {whole, getTileAddress(rows, vectors, rest % shape.lanes != 0)};
  }

  /// Tiles are as equal in height as they can be: none is left with a row or two.
  void chooseTiles() {
    std::optional<int64_t> rows = roles.count(roles.rows);
    if (rows && *rows > 0) {
      int64_t tiles = (*rows + shape.rows - 1) / shape.rows, height = *rows / tiles, high = *rows % tiles;
      get(BlocksArgument::tiles) = at.number(tiles);
      get(BlocksArgument::height) = at.number(height);
      get(BlocksArgument::highTiles) = at.number(high);
      std::tie(get(BlocksArgument::low), get(BlocksArgument::lowRest)) = getTileAddresses(height);
      std::tie(get(BlocksArgument::high), get(BlocksArgument::highRest)) = getTileAddresses(height + (high > 0));
      return;
    }
    Value count = get(BlocksArgument::rowCount), one = at.number(1);
    Value tiles = at.div(at.add(count, shape.rows - 1), shape.rows), divisor = at.max(tiles, one);
    Value height = at.make<arith::DivUIOp>(count, divisor), high = at.make<arith::RemUIOp>(count, divisor);
    get(BlocksArgument::tiles) = tiles;
    get(BlocksArgument::height) = height;
    get(BlocksArgument::highTiles) = high;
    std::tie(get(BlocksArgument::low), get(BlocksArgument::lowRest)) = getTileAddresses(shape.rows);
    get(BlocksArgument::high) = get(BlocksArgument::low);
    get(BlocksArgument::highRest) = get(BlocksArgument::lowRest);
    for (int64_t i = 1; i < shape.rows; ++i) {
      auto [whole, rest] = getTileAddresses(i);
      Value isLow = at.isEqual(height, at.number(i)), isHigh = at.isEqual(at.add(height, 1), at.number(i));
      get(BlocksArgument::low) = at.choose(isLow, whole, get(BlocksArgument::low));
      get(BlocksArgument::lowRest) = at.choose(isLow, rest, get(BlocksArgument::lowRest));
      get(BlocksArgument::high) = at.choose(isHigh, whole, get(BlocksArgument::high));
      get(BlocksArgument::highRest) = at.choose(isHigh, rest, get(BlocksArgument::highRest));
    }
  }

  void writeOne(Value a, Value b, Value c) override {
    get(BlocksArgument::a) = a;
    get(BlocksArgument::b) = b;
    get(BlocksArgument::c) = c;
    ElementKinds kinds{
        roles.getElement(), {roles.a.element, roles.a.widening}, {roles.b.element, roles.b.widening}, dot};
    LLVM::CallOp::create(at.builder, at.location, getBlocks(module, cpu, kinds), arguments);
  }

  ModuleOp module;
  const CpuTarget &cpu;
  TileShape shape;
  bool packsB = false;
  Dot dot = Dot::none;
  SmallVector<Value> arguments;
};

struct BlockContractionsPass : lowering::impl::BlockContractionsPassBase<BlockContractionsPass> {
  using BlockContractionsPassBase::BlockContractionsPassBase;

  void runOnOperation() override {
    FailureOr<CpuTarget> target = describeCpu(getOperation(), cpu);
    if (failed(target))
      return signalPassFailure();
    target->blocks = {blockRows, blockDepth, blockColumns};
    SmallVector<linalg::GenericOp> ops;
    for (func::FuncOp kernel : getOperation().getOps<func::FuncOp>())
      if (isKernel(kernel))
        kernel.walk([&](linalg::GenericOp op) { ops.push_back(op); });
    for (linalg::GenericOp op : ops)
      lower(op, *target);
  }

  void lower(linalg::GenericOp op, const CpuTarget &target) {
    OpBuilder builder(op);
    std::optional<Contraction> roles = matchContraction(builder, op);
    if (!roles)
      return;
    std::optional<int64_t> reduced = roles->count(roles->reduced);
    // Where no k may be left for a rank, nothing else would write the zeros.
    linalg::FillOp fill = reduced && *reduced > 0 ? findFill(op) : linalg::FillOp();
    // One op with everything that reads and writes the buffers, for their live ranges.
    auto region = scf::ExecuteRegionOp::create(builder, op.getLoc(), TypeRange());
    builder.createBlock(&region.getRegion());
    bool overwrites = static_cast<bool>(fill);
    if (!writeInPlace(builder, op.getLoc(), getOperation(), target, *roles, overwrites))
      ContractionWriter(builder, op.getLoc(), getOperation(), target, *roles).write(overwrites);
    builder.setInsertionPointToEnd(&region.getRegion().front());
    scf::YieldOp::create(builder, op.getLoc());
    op.erase();
    if (fill)
      fill.erase();
  }
};

} // namespace
