// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loops, outermost first: blocks of columns, of k (B is packed), of rows (A is packed), panels, tiles.
#include "BlockFunctions.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace {

class BlockWriter {
public:
  BlockWriter(FunctionWriter &at, ModuleOp module, const CpuTarget &cpu, const ElementKinds &kinds)
      : at(at), shape(chooseTile(cpu, kinds.computed)), sizes(cpu.blocks), bytes(countBytes(kinds.computed)),
        group(countGroup(kinds.dot)), storedBytes(countBytes(kinds.b.first) * group) {
    if (kinds.dot == Dot::none) {
      packA = getPack(module, cpu, kinds.computed, kinds.a.first, kinds.a.second);
      packB = getPack(module, cpu, kinds.computed, kinds.b.first, kinds.b.second);
      return;
    }
    Type element = getDotElement(kinds.dot, module.getContext());
    packA = getPack(module, cpu, element, kinds.a.first, getDotWidening(kinds.dot, kinds.a));
    packB = getDotPack(module, cpu, kinds.dot, kinds.b);
  }

  void write() {
    isPacked = at.isEqual(get(BlocksArgument::packsB), at.number(1));
    // What is read in place needs no blocks of columns.
    Value width = at.choose(isPacked, at.number(limitBlock(sizes.columns, kPanel, kColumnBlock)),
                            at.max(get(BlocksArgument::columnCount), at.number(1)));
    loopBlocks(get(BlocksArgument::columnCount), width, [&](Value column, Value columnCount) {
      loopBlocks(get(BlocksArgument::reducedCount), get(BlocksArgument::reducedBlock),
                 [&](Value k, Value count) { writeBlock(column, columnCount, k, count); });
    });
  }

private:
  Value get(BlocksArgument argument) { return at.argument(static_cast<unsigned>(argument)); }
  Value entry(BlocksArgument table, Value index) { return at.move(get(table), at.mul(index, kTableEntry)); }

  void loopBlocks(Value end, Value size, llvm::function_ref<void(Value, Value)> body) {
    at.loop(at.number(0), end, size, {}, [&](Value begin, ValueRange) {
      body(begin, at.min(size, at.sub(end, begin)));
      return FunctionWriter::Values();
    });
  }

  void call(LLVM::LLVMFuncOp function, ArrayRef<Value> arguments) {
    LLVM::CallOp::create(at.builder, at.location, function, arguments);
  }

  /// `k` and `count`: units where there is a dot instruction, of which the last may lack elements.
  void writeBlock(Value column, Value columnCount, Value k, Value count) {
    Value first = at.mul(k, group), elements = count;
    if (group > 1)
      elements = at.min(at.mul(count, group), at.sub(get(BlocksArgument::reducedElements), first));
    at.branch(
        isPacked,
        [&] {
          loopBlocks(count, get(BlocksArgument::packedAtOnce), [&](Value begin, Value inPart) {
            Value done = at.mul(begin, group), part = at.min(at.mul(inPart, group), at.sub(elements, done));
            Value table = entry(BlocksArgument::reducedOfB, at.add(first, done));
            at.loop(at.number(0), columnCount, kPanel, [&](Value i) {
              Value place = at.add(at.mul(i, count), at.mul(begin, kPanel));
              Value target = at.move(get(BlocksArgument::packedB), at.mul(place, bytes));
              call(packB, {target, at.number(kPanel * bytes), get(BlocksArgument::b), table, part,
                           entry(BlocksArgument::columns, at.add(column, i)),
                           at.min(at.number(kPanel), at.sub(columnCount, i))});
            });
          });
        },
        [] {});
    Value inPlace = at.move(get(BlocksArgument::b), at.mul(k, get(BlocksArgument::reducedStride)));
    b = at.choose(isPacked, get(BlocksArgument::packedB), inPlace);
    panelStride = at.choose(isPacked, at.mul(count, kPanel * bytes), get(BlocksArgument::panelStride));
    reducedStride = at.choose(isPacked, at.number(kPanel * bytes), get(BlocksArgument::reducedStride));
    columnBytes = at.choose(isPacked, at.number(bytes), at.number(storedBytes));
    adds = at.choose(at.isLess(at.number(0), k), at.number(1), get(BlocksArgument::adds));
    Value tilesAtOnce = at.number(limitBlock(sizes.rows, shape.rows, kRowBlock) / shape.rows);
    loopBlocks(get(BlocksArgument::tiles), tilesAtOnce, [&](Value tile, Value tileCount) {
      Value begin = firstRow(tile), end = firstRow(at.add(tile, tileCount));
      call(packA, {get(BlocksArgument::packedA), at.number(kPackedRow * bytes), get(BlocksArgument::a),
                   entry(BlocksArgument::rows, begin), at.sub(end, begin), entry(BlocksArgument::reducedOfA, first),
                   elements});
      fillUnits(at.sub(end, begin), elements, at.mul(count, group));
      writeTiles(column, columnCount, count, tile, tileCount);
    });
  }

  /// Zeros for the elements that the last unit of each packed row lacks.
  void fillUnits(Value rowCount, Value elements, Value all) {
    if (group == 1)
      return;
    Type element = at.builder.getIntegerType(8 * bytes / group);
    at.loop(elements, all, 1, [&](Value k) {
      at.loop(at.number(0), rowCount, 1, [&](Value row) {
        Value place = at.add(at.mul(row, kPackedRow * bytes), at.mul(k, bytes / group));
        at.store(at.zero(element), at.move(get(BlocksArgument::packedA), place), bytes / group);
      });
    });
  }

  Value firstRow(Value tile) {
    return at.add(at.mul(tile, get(BlocksArgument::height)), at.min(tile, get(BlocksArgument::highTiles)));
  }

  void writeTiles(Value column, Value columnCount, Value count, Value firstTile, Value tileCount) {
    Value begin = firstRow(firstTile), tileWidth = get(BlocksArgument::tileWidth);
    loopBlocks(columnCount, tileWidth, [&](Value i, Value width) {
      Value isRest = at.isLess(width, tileWidth);
      Value high = at.choose(isRest, get(BlocksArgument::highRest), get(BlocksArgument::high));
      Value low = at.choose(isRest, get(BlocksArgument::lowRest), get(BlocksArgument::low));
      Value inPanel = at.make<arith::RemUIOp>(i, at.number(kPanel));
      Value panel = at.move(b, at.add(at.mul(at.div(i, kPanel), panelStride), at.mul(inPanel, columnBytes)));
      Value target = at.move(get(BlocksArgument::c), at.mul(at.add(column, i), bytes));
      at.loop(firstTile, at.add(firstTile, tileCount), 1, [&](Value tile) {
        Value row = firstRow(tile);
        Value function = at.choose(at.isLess(tile, get(BlocksArgument::highTiles)), high, low);
        Value a = at.move(get(BlocksArgument::packedA), at.mul(at.sub(row, begin), kPackedRow * bytes));
        Value c = at.move(target, at.mul(row, get(BlocksArgument::rowStride)));
        SmallVector<Value> operands{function, a,    panel, c, count, reducedStride, get(BlocksArgument::rowStride),
                                    adds,     width};
        LLVM::CallOp::create(at.builder, at.location, getTileType(at.builder.getContext()), operands);
      });
    });
  }

  FunctionWriter &at;
  TileShape shape;
  BlockSizes sizes;
  int64_t bytes, group, storedBytes; ///< Of a computed element, elements of a unit, bytes from column to column in B.
  LLVM::LLVMFuncOp packA, packB;
  Value isPacked;
  Value b, panelStride, reducedStride, columnBytes, adds; // Of the current block.
};

} // namespace

LLVM::LLVMFuncOp lowering::getBlocks(ModuleOp module, const CpuTarget &cpu, const ElementKinds &kinds) {
  std::string name = "partita_contract_" + nameOf(kinds.computed);
  for (const DotOperand &operand : {kinds.a, kinds.b})
    name += "_" + nameOf(operand);
  if (kinds.dot != Dot::none)
    name += "_dot" + std::to_string(countGroup(kinds.dot));
  if (auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(name))
    return function;
  Type pointer = LLVM::LLVMPointerType::get(module.getContext()), i64 = IntegerType::get(module.getContext(), 64);
  SmallVector<Type> arguments(static_cast<size_t>(BlocksArgument::count), i64);
  for (BlocksArgument address :
       {BlocksArgument::a, BlocksArgument::b, BlocksArgument::c, BlocksArgument::rows, BlocksArgument::reducedOfA,
        BlocksArgument::reducedOfB, BlocksArgument::columns, BlocksArgument::packedA, BlocksArgument::packedB,
        BlocksArgument::high, BlocksArgument::low, BlocksArgument::highRest, BlocksArgument::lowRest})
    arguments[static_cast<size_t>(address)] = pointer;
  FunctionWriter writer = FunctionWriter::begin(module, name, arguments);
  BlockWriter(writer, module, cpu, kinds).write();
  return writer.finish();
}
