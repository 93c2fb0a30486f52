// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A panel of B in units. Rows that lie behind each other are interleaved; what lies along k already is transposed, a
// unit being one element.
#include "Dots.h"
#include "TileFunctions.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace {

class DotPackWriter {
public:
  DotPackWriter(FunctionWriter &at, const CpuTarget &cpu, Dot dot, DotOperand operand)
      : at(at), lanes(chooseTile(cpu, at.builder.getI32Type()).lanes), group(countGroup(dot)),
        element(getDotElement(dot, at.builder.getContext())), stored(operand.first),
        widening(getDotWidening(dot, operand)), bytes(countBytes(element)), storedBytes(countBytes(stored)),
        destination(at.argument(0)), source(at.argument(2)), rows(at.argument(3)), rowCount(at.argument(4)),
        columns(at.argument(5)), columnCount(at.argument(6)) {}

  void write() {
    Value isSome = at.both(at.isLess(at.number(0), rowCount), at.isLess(at.number(0), columnCount));
    at.branch(isSome, [&] { choose(); }, [] {});
  }

private:
  void choose() {
    Value rest = at.make<arith::RemUIOp>(rowCount, at.number(group)), whole = at.sub(rowCount, rest);
    Value run = readRun(columns, at.number(0));
    Value isPanel = at.both(at.isEqual(columnCount, at.number(kPanel)), at.isAtMost(at.number(kPanel), run));
    at.branch(isPanel, [&] { interleaveRows(whole); }, [&] { transpose(whole); });
    at.branch(
        at.isLess(at.number(0), rest),
        [&] {
          at.store(at.zero(VectorType::get({kPanel}, at.builder.getI32Type())), unitOf(whole, at.number(0)), kUnit);
          copyElements(whole, rowCount, at.number(0), columnCount);
        },
        [] {});
  }

  Value readOffset(Value table, Value index) {
    return at.load(at.i64(), at.move(table, at.mul(index, kTableEntry)), 8);
  }
  Value readRun(Value table, Value index) {
    return at.load(at.i64(), at.move(at.move(table, at.mul(index, kTableEntry)), 8), 8);
  }
  Value addressOf(Value offset) { return at.move(source, at.mul(offset, storedBytes)); }
  /// Of the unit that begins with `row`, the first of a group.
  Value unitOf(Value row, Value column) {
    Value begin = at.mul(at.div(row, group), kPanel * kUnit);
    return at.move(destination, at.add(begin, at.mul(column, kUnit)));
  }

  Value read(Value address, int64_t count) {
    Type type = count == 1 ? at.readAs(stored) : Type(VectorType::get({count}, at.readAs(stored)));
    return at.widen(at.load(type, address, storedBytes), stored, element, widening);
  }

  Value interleave(Value even, Value odd) {
    int64_t count = cast<VectorType>(even.getType()).getNumElements();
    SmallVector<int32_t> places;
    for (int64_t i = 0; i < count; ++i)
      places.append({static_cast<int32_t>(i), static_cast<int32_t>(count + i)});
    return LLVM::ShuffleVectorOp::create(at.builder, at.location, even, odd, places);
  }

  void interleaveRows(Value whole) {
    Value first = readOffset(columns, at.number(0));
    at.loop(at.number(0), whole, group, [&](Value row) {
      SmallVector<Value> lines;
      for (int64_t i = 0; i < group; ++i)
        lines.push_back(read(addressOf(at.add(first, readOffset(rows, at.add(row, i)))), kPanel));
      // Of four: the even and the odd ones first.
      for (size_t half = lines.size() / 2; half > 0; half /= 2) {
        for (size_t i = 0; i < half; ++i)
          lines[i] = interleave(lines[i], lines[i + half]);
      }
      at.store(lines[0], unitOf(row, at.number(0)), bytes);
    });
  }

  void transpose(Value whole) {
    at.loop(at.number(0), columnCount, lanes, [&](Value column) {
      Value width = at.min(at.number(lanes), at.sub(columnCount, column));
      at.loop(at.number(0), whole, lanes * group, [&](Value row) {
        Value height = at.min(at.number(lanes * group), at.sub(whole, row));
        Value isSquare =
            at.both(at.isEqual(width, at.number(lanes)), at.isAtMost(at.number(lanes * group), readRun(rows, row)));
        isSquare = at.both(isSquare, at.isEqual(height, at.number(lanes * group)));
        at.branch(
            isSquare, [&] { turn(row, column); },
            [&] { copyElements(row, at.add(row, height), column, at.add(column, width)); });
      });
    });
  }

  void turn(Value row, Value column) {
    Value from = addressOf(readOffset(rows, row));
    auto units = VectorType::get({lanes}, at.builder.getI32Type());
    SmallVector<Value> lines;
    for (int64_t i = 0; i < lanes; ++i) {
      Value offset = readOffset(columns, at.add(column, i));
      Value line = read(at.move(from, at.mul(offset, storedBytes)), lanes * group);
      lines.push_back(LLVM::BitcastOp::create(at.builder, at.location, units, line));
    }
    turnSquare(at, lines);
    Value to = unitOf(row, column);
    for (int64_t i = 0; i < lanes; ++i)
      at.store(lines[i], at.move(to, i * kPanel * kUnit), kUnit);
  }

  void copyElements(Value row, Value rowEnd, Value column, Value columnEnd) {
    at.loop(row, rowEnd, 1, [&](Value i) {
      Value from = addressOf(readOffset(rows, i));
      Value to = at.move(unitOf(i, at.number(0)), at.mul(at.make<arith::RemUIOp>(i, at.number(group)), bytes));
      at.loop(column, columnEnd, 1, [&](Value j) {
        Value value = read(at.move(from, at.mul(readOffset(columns, j), storedBytes)), 1);
        at.store(value, at.move(to, at.mul(j, kUnit)), bytes);
      });
    });
  }

  FunctionWriter &at;
  int64_t lanes, group;
  Type element, stored;
  Widening widening;
  int64_t bytes, storedBytes;
  Value destination, source, rows, rowCount, columns, columnCount;
};

} // namespace

LLVM::LLVMFuncOp lowering::getDotPack(ModuleOp module, const CpuTarget &cpu, Dot dot, DotOperand operand) {
  std::string name = "partita_pack_units_" + std::to_string(countGroup(dot)) + "_" + nameOf(operand);
  if (auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(name))
    return function;
  Type pointer = LLVM::LLVMPointerType::get(module.getContext()), i64 = IntegerType::get(module.getContext(), 64);
  FunctionWriter writer = FunctionWriter::begin(module, name, {pointer, i64, pointer, pointer, i64, pointer, i64});
  DotPackWriter(writer, cpu, dot, operand).write();
  return writer.finish();
}
