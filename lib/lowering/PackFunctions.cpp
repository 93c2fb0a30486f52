// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies of blocks of the operands into the order in which tiles read them. Where elements lie is told by tables, so
// that one function serves matrices, transposed ones and the windows of convolutions.
#include "TileFunctions.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

/// One step of a transposition: the bit of the line's number changes places with that of the lane's.
static void exchange(FunctionWriter &at, SmallVectorImpl<Value> &lines, int64_t bit) {
  auto lanes = static_cast<int64_t>(lines.size());
  SmallVector<int32_t> low, high;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    low.push_back((lane & bit) ? lanes + lane - bit : lane);
    high.push_back((lane & bit) ? lanes + lane : lane + bit);
  }
  for (int64_t line = 0; line < lanes; ++line) {
    if (line & bit)
      continue;
    Value first = lines[line], second = lines[line + bit];
    lines[line] = LLVM::ShuffleVectorOp::create(at.builder, at.location, first, second, low);
    lines[line + bit] = LLVM::ShuffleVectorOp::create(at.builder, at.location, first, second, high);
  }
}

void lowering::turnSquare(FunctionWriter &at, SmallVectorImpl<Value> &lines) {
  for (size_t bit = 1; bit < lines.size(); bit *= 2)
    exchange(at, lines, static_cast<int64_t>(bit));
}

namespace {

class PackWriter {
public:
  PackWriter(FunctionWriter &at, int64_t lanes, Type computed, Type stored, Widening widening)
      : at(at), lanes(lanes), computed(computed), stored(stored), widening(widening), bytes(countBytes(computed)),
        storedBytes(countBytes(stored)), destination(at.argument(0)), fromRowToRow(at.argument(1)),
        source(at.argument(2)), rows(at.argument(3)), rowCount(at.argument(4)), columns(at.argument(5)),
        columnCount(at.argument(6)) {}

  void write() {
    at.branch(
        at.both(at.isLess(at.number(0), rowCount), at.isLess(at.number(0), columnCount)), [&] { choose(); }, [] {});
  }

private:
  void choose() {
    Value run = readRun(columns, at.number(0)), rowRun = readRun(rows, at.number(0));
    Value isPanel = at.both(at.isEqual(columnCount, at.number(kPanel)), at.isAtMost(at.number(kPanel), run));
    Value isTransposed = at.both(at.isEqual(run, at.number(1)), at.isAtMost(at.number(lanes), rowRun));
    Value isWhole = at.isAtMost(columnCount, run);
    auto copyRest = [&] { at.branch(isTransposed, [&] { transpose(); }, [&] { copyRuns(); }); };
    auto copyNarrow = [&] { at.branch(isWhole, [&] { copyRows(); }, copyRest); };
    at.branch(isPanel, [&] { copyPanels(); }, copyNarrow);
  }

  Value readOffset(Value table, Value index) {
    return at.load(at.i64(), at.move(table, at.mul(index, kTableEntry)), 8);
  }
  Value readRun(Value table, Value index) {
    return at.load(at.i64(), at.move(at.move(table, at.mul(index, kTableEntry)), 8), 8);
  }
  Value addressOf(Value element) { return at.move(source, at.mul(element, storedBytes)); }
  Value rowOf(Value row) { return at.move(destination, at.mul(row, fromRowToRow)); }

  Value read(Value address, int64_t count) {
    Type type = count == 1 ? at.readAs(stored) : Type(VectorType::get({count}, at.readAs(stored)));
    return at.widen(at.load(type, address, storedBytes), stored, computed, widening);
  }

  /// Every row is one run of a panel's width.
  void copyPanels() {
    Value first = readOffset(columns, at.number(0));
    at.loop(at.number(0), rowCount, 1, [&](Value row) {
      Value from = addressOf(at.add(first, readOffset(rows, row))), to = rowOf(row);
      for (int64_t i = 0; i < kPanel; i += lanes)
        at.store(read(at.move(from, i * storedBytes), lanes), at.move(to, i * bytes), bytes);
    });
  }

  /// Every row is one run.
  void copyRows() {
    Value first = readOffset(columns, at.number(0));
    Value rest = at.make<arith::RemUIOp>(columnCount, at.number(lanes)), whole = at.sub(columnCount, rest);
    at.loop(at.number(0), rowCount, 1, [&](Value row) {
      Value from = addressOf(at.add(first, readOffset(rows, row))), to = rowOf(row);
      copy(from, to, at.number(0), whole, lanes);
      copy(from, to, whole, columnCount, 1);
    });
  }

  void copyRuns() {
    at.loop(at.number(0), rowCount, 1, [&](Value row) {
      Value from = addressOf(readOffset(rows, row)), to = rowOf(row);
      at.whileLess(at.number(0), columnCount, [&](Value column) { return copyRun(from, to, column); });
    });
  }

  /// Returns the column behind the run.
  Value copyRun(Value from, Value to, Value column) {
    Value length = at.min(readRun(columns, column), at.sub(columnCount, column));
    Value source = at.move(from, at.mul(readOffset(columns, column), storedBytes));
    Value target = at.move(to, at.mul(column, bytes));
    Value whole = at.sub(length, at.make<arith::RemUIOp>(length, at.number(lanes)));
    copy(source, target, at.number(0), whole, lanes);
    copy(source, target, whole, length, 1);
    return at.add(column, length);
  }

  void copy(Value from, Value to, Value begin, Value end, int64_t count) {
    at.loop(begin, end, count, [&](Value i) {
      at.store(read(at.move(from, at.mul(i, storedBytes)), count), at.move(to, at.mul(i, bytes)), bytes);
    });
  }

  /// Columns are far from each other and rows lie behind each other: squares are turned in registers.
  void transpose() {
    at.loop(at.number(0), columnCount, lanes, [&](Value column) {
      Value width = at.min(at.number(lanes), at.sub(columnCount, column));
      at.loop(at.number(0), rowCount, lanes, [&](Value row) {
        Value height = at.min(at.number(lanes), at.sub(rowCount, row));
        Value isSquare = at.both(at.isEqual(width, at.number(lanes)), at.isEqual(height, at.number(lanes)));
        isSquare = at.both(isSquare, at.isAtMost(at.number(lanes), readRun(rows, row)));
        at.branch(isSquare, [&] { turnSquare(row, column); }, [&] { copyElements(row, height, column, width); });
      });
    });
  }

  void copyElements(Value row, Value height, Value column, Value width) {
    at.loop(row, at.add(row, height), 1, [&](Value i) {
      Value from = addressOf(readOffset(rows, i)), to = rowOf(i);
      at.loop(column, at.add(column, width), 1, [&](Value j) {
        Value element = read(at.move(from, at.mul(readOffset(columns, j), storedBytes)), 1);
        at.store(element, at.move(to, at.mul(j, bytes)), bytes);
      });
    });
  }

  void turnSquare(Value row, Value column) {
    Value from = addressOf(readOffset(rows, row));
    SmallVector<Value> lines;
    for (int64_t j = 0; j < lanes; ++j) {
      Value offset = readOffset(columns, at.add(column, j));
      lines.push_back(read(at.move(from, at.mul(offset, storedBytes)), lanes));
    }
    lowering::turnSquare(at, lines);
    Value to = at.move(rowOf(row), at.mul(column, bytes));
    for (int64_t i = 0; i < lanes; ++i) {
      at.store(lines[i], to, bytes);
      to = at.move(to, fromRowToRow);
    }
  }

  FunctionWriter &at;
  int64_t lanes;
  Type computed, stored;
  Widening widening;
  int64_t bytes, storedBytes;
  Value destination, fromRowToRow, source, rows, rowCount, columns, columnCount;
};

} // namespace

LLVM::LLVMFuncOp lowering::getPack(ModuleOp module, const CpuTarget &cpu, Type computed, Type stored,
                                   Widening widening) {
  std::string name = "partita_pack_" + nameOf(computed);
  if (widening != Widening::none)
    name += "_" + nameOf(stored) + (widening == Widening::extendUnsigned ? "u" : "");
  if (auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(name))
    return function;
  Type pointer = LLVM::LLVMPointerType::get(module.getContext()), i64 = IntegerType::get(module.getContext(), 64);
  FunctionWriter writer = FunctionWriter::begin(module, name, {pointer, i64, pointer, pointer, i64, pointer, i64});
  PackWriter(writer, chooseTile(cpu, computed).lanes, computed, stored, widening).write();
  return writer.finish();
}

LLVM::LLVMFuncOp lowering::getCountRuns(ModuleOp module) {
  StringRef name = "partita_count_runs";
  if (auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(name))
    return function;
  Type pointer = LLVM::LLVMPointerType::get(module.getContext()), i64 = IntegerType::get(module.getContext(), 64);
  FunctionWriter at = FunctionWriter::begin(module, name, {pointer, i64});
  Value table = at.argument(0), count = at.argument(1);
  // From the last entry to the first; what lies behind the last one is no neighbour.
  at.loop(at.number(0), count, at.number(1), {at.number(-1), at.number(0)}, [&](Value i, ValueRange behind) {
    Value entry = at.move(table, at.mul(at.sub(at.add(count, -1), i), kTableEntry));
    Value offset = at.load(i64, entry, 8);
    Value continues = at.isEqual(at.add(offset, 1), behind[0]);
    Value run = at.choose(continues, at.add(behind[1], 1), at.number(1));
    at.store(run, at.move(entry, 8), 8);
    return FunctionWriter::Values{offset, run};
  });
  return at.finish();
}
