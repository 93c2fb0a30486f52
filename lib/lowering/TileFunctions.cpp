// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A tile of C stays in registers while k runs: rows x vectors accumulators, one broadcast element of A per row.
// (The scheme of Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34, 2008.)
#include "TileFunctions.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

std::string lowering::nameOf(Type type) {
  std::string name;
  llvm::raw_string_ostream(name) << type;
  return name;
}

/// Bytes of a line of the caches.
static constexpr int64_t kLine = 64;
/// How many k ahead B is fetched into the caches, by few rows and by more. (Measured on Zen 5, B in the last cache: 1.2
/// and 1.03 times as fast.)
static constexpr int64_t kFewRows = 8, kAheadOfFew = 8, kAhead = 16;

/// Nothing for packed rows.
static std::string describeReads(const TileReads &reads) {
  std::string name;
  if (reads.far == kPackedRow && reads.run == 1 && reads.outer.empty() && reads.inner.stride == 1)
    return name;
  llvm::raw_string_ostream os(name);
  os << "_at_" << reads.run << "_" << reads.near << "_" << reads.far;
  for (TileReads::Loop loop : reads.outer)
    os << "_" << loop.extent << "x" << loop.stride;
  os << "_" << reads.inner.stride;
  return name;
}

TileShape lowering::chooseTile(const CpuTarget &cpu, Type computed) {
  TileShape shape;
  // More lanes than 16 would make a tile wider than a panel.
  shape.lanes = std::min<int64_t>(cpu.countLanes(computed.getIntOrFloatBitWidth()), 16);
  shape.vectors = 2;
  // Two rows of registers are left for B and for elements of A.
  shape.rows = cpu.vectorRegisters >= 32 ? 14 : 6;
  return shape;
}

LLVM::LLVMFunctionType lowering::getTileType(MLIRContext *context) {
  Type pointer = LLVM::LLVMPointerType::get(context), i64 = IntegerType::get(context, 64);
  return LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context),
                                     {pointer, pointer, pointer, i64, i64, i64, i64, i64});
}

namespace {

class TileWriter {
public:
  TileWriter(FunctionWriter &at, const CpuTarget &cpu, const TileKind &kind, int64_t lanes)
      : at(at), kind(kind), lanes(lanes), dot{at, kind.dot, lanes, cpu.hasVnni, kind.isUnsignedA},
        vector(VectorType::get({lanes}, kind.computed)), bytes(countBytes(kind.computed)), a(at.argument(0)),
        b(at.argument(1)), c(at.argument(2)), count(at.argument(3)), fromBToB(at.argument(4)),
        fromRowToRow(at.argument(5)), adds(at.argument(6)) {}

  void write() {
    if (kind.isMasked)
      writeMasks();
    SmallVector<Value> rows{c};
    for (int64_t row = 1; row < kind.rows; ++row)
      rows.push_back(at.move(rows.back(), fromRowToRow));
    for (Value row : rows)
      for (int64_t i = 0; i < kind.vectors; ++i)
        LLVM::Prefetch::create(at.builder, at.location, at.move(row, i * lanes * bytes), 1, 3, 1);
    SmallVector<Value> sums = writeSums();
    Value isAdded = at.isEqual(adds, at.number(1));
    at.branch(isAdded, [&] { writeResult(rows, sums, true); }, [&] { writeResult(rows, sums, false); });
  }

private:
  void writeMasks() {
    Type i32 = at.builder.getI32Type();
    Value width = LLVM::TruncOp::create(at.builder, at.location, i32, at.argument(7));
    for (int64_t i = 0; i < kind.vectors; ++i) {
      SmallVector<int32_t> numbers;
      for (int64_t lane = 0; lane < lanes; ++lane)
        numbers.push_back(i * lanes + lane);
      Value places = LLVM::ConstantOp::create(at.builder, at.location, VectorType::get({lanes}, i32),
                                              at.builder.getI32VectorAttr(numbers));
      masks.push_back(at.isLess(places, at.splat(width, lanes)));
    }
  }

  Value loadMasked(Type type, Value address, int64_t i, int64_t elementBytes) {
    if (!kind.isMasked)
      return at.load(type, address, elementBytes);
    return LLVM::MaskedLoadOp::create(at.builder, at.location, type, address, masks[i], at.zero(type), elementBytes);
  }

  SmallVector<Value> writeSums() {
    ahead = at.mul(fromBToB, kind.rows <= kFewRows ? kAheadOfFew : kAhead);
    SmallVector<Value> carried{b};
    for (int64_t i = 0; i < kind.rows * kind.vectors; ++i)
      carried.push_back(at.zero(vector));
    SmallVector<Value> results = writeReduced(kind.reads.outer, a, carried);
    results.erase(results.begin());
    return results;
  }

  /// The loops over k; B and the sums are carried through all of them.
  SmallVector<Value> writeReduced(ArrayRef<TileReads::Loop> loops, Value from, ValueRange carried) {
    if (!loops.empty())
      return at.loop(at.number(0), at.number(loops[0].extent), at.number(1), carried, [&](Value i, ValueRange values) {
        return writeReduced(loops.drop_front(), at.move(from, at.mul(i, loops[0].stride * bytes)), values);
      });
    SmallVector<Value> inner{from};
    llvm::append_range(inner, carried);
    SmallVector<Value> results =
        at.loop(at.number(0), count, at.number(1), inner, [&](Value, ValueRange values) { return writeStep(values); });
    results.erase(results.begin());
    return results;
  }

  int64_t offsetOf(int64_t row) const {
    return (row / kind.reads.run * kind.reads.far + row % kind.reads.run * kind.reads.near) * bytes;
  }

  SmallVector<Value> writeStep(ValueRange values) {
    Value nextA = values[0], nextB = values[1];
    bool isDot = kind.dot != Dot::none;
    int64_t elementBytes = countBytes(kind.stored), storedBytes = elementBytes * countGroup(kind.dot);
    Type read = isDot ? Type(at.builder.getIntegerType(8 * storedBytes)) : at.readAs(kind.stored);
    SmallVector<Value> columns;
    for (int64_t i = 0; i < kind.vectors; ++i) {
      if (i * lanes * storedBytes % kLine == 0)
        LLVM::Prefetch::create(at.builder, at.location, at.move(at.move(nextB, i * lanes * storedBytes), ahead), 0, 3,
                               1);
      Value stored =
          loadMasked(VectorType::get({lanes}, read), at.move(nextB, i * lanes * storedBytes), i, elementBytes);
      columns.push_back(isDot ? dot.widenB(stored, {kind.stored, kind.widening})
                              : at.widen(stored, kind.stored, kind.computed, kind.widening));
    }
    SmallVector<Value> results{at.move(nextA, kind.reads.inner.stride * bytes), at.move(nextB, fromBToB)};
    for (int64_t row = 0; row < kind.rows; ++row) {
      Value address = at.move(nextA, offsetOf(row));
      Value factor = isDot ? dot.readA(address) : at.splat(at.load(kind.computed, address, bytes), lanes);
      for (int64_t i = 0; i < kind.vectors; ++i)
        results.push_back(multiplyAdd(factor, columns[i], values[2 + row * kind.vectors + i]));
    }
    return results;
  }

  Value multiplyAdd(Value x, Value y, Value sum) {
    if (kind.dot != Dot::none)
      return dot.write(sum, x, y);
    // Fused where the processor can, and not where it would be a call of a function.
    if (isa<FloatType>(kind.computed))
      return LLVM::FMulAddOp::create(at.builder, at.location, x, y, sum);
    return at.add(at.mul(x, y), sum);
  }

  void writeResult(ArrayRef<Value> rows, ArrayRef<Value> sums, bool isAdded) {
    for (int64_t row = 0; row < kind.rows; ++row)
      for (int64_t i = 0; i < kind.vectors; ++i) {
        Value address = at.move(rows[row], i * lanes * bytes), sum = sums[row * kind.vectors + i];
        if (isAdded) {
          Value before = loadMasked(vector, address, i, bytes);
          sum = isa<FloatType>(kind.computed) ? at.make<LLVM::FAddOp>(before, sum) : at.add(before, sum);
        }
        if (kind.isMasked)
          LLVM::MaskedStoreOp::create(at.builder, at.location, sum, address, masks[i], bytes);
        else
          at.store(sum, address, bytes);
      }
  }

  FunctionWriter &at;
  const TileKind &kind;
  int64_t lanes;
  DotWriter dot;
  VectorType vector;
  int64_t bytes;
  Value a, b, c, count, fromBToB, fromRowToRow, adds;
  Value ahead; ///< Bytes to what is fetched of B.
  SmallVector<Value> masks;
};

} // namespace

LLVM::LLVMFuncOp lowering::getTile(ModuleOp module, const CpuTarget &cpu, const TileKind &kind) {
  std::string name = "partita_tile_" + nameOf(kind.computed) + "_";
  if (kind.widening != Widening::none)
    name += nameOf(DotOperand(kind.stored, kind.widening)) + "_";
  if (kind.dot != Dot::none)
    name += "dot" + std::to_string(countGroup(kind.dot)) + (kind.isUnsignedA ? "u_" : "_");
  name += std::to_string(kind.rows) + "x" + std::to_string(kind.vectors) + (kind.isMasked ? "_masked" : "");
  name += describeReads(kind.reads);
  if (auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(name))
    return function;
  FunctionWriter writer = FunctionWriter::begin(module, name, getTileType(module.getContext()).getParams());
  TileWriter(writer, cpu, kind, chooseTile(cpu, kind.computed).lanes).write();
  return writer.finish();
}
