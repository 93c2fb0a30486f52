// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The nest of one op. Either a parallel loop runs along the vectors, with the reductions inside of it and all
// accumulators in registers; or the innermost reduction does, in several accumulators that are combined at its end.
#include "VectorLoops.h"
#include "Accumulator.h"
#include "Lanes.h"
#include "LoopChoice.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace {

/// Small windows are written out, up to so many copies of the body.
constexpr int64_t kMaxCopies = 40;

using Values = SmallVector<Value>;

class VectorNest {
public:
  VectorNest(OpBuilder &builder, linalg::GenericOp op, const LoopChoice &choice, Value start, ArrayRef<NextTile> next)
      : builder(builder), op(op), location(op.getLoc()), maps(op.getIndexingMapsArray()), choice(choice), start(start),
        next(next), indices(op.getNumLoops()) {
    for (Range range : cast<linalg::LinalgOp>(op.getOperation()).createLoopRanges(builder, location))
      ends.push_back(range.size);
  }

  LogicalResult write() {
    writeOuter(0);
    return success(!isRefused);
  }

private:
  //===-- Small things ------------------------------------------------------------------------------------------===//

  Value constant(int64_t value) { return arith::ConstantIndexOp::create(builder, location, value); }
  Value toValue(OpFoldResult size) { return getValueOrCreateConstantIndexOp(builder, location, size); }
  Block &body() { return op.getRegion().front(); }
  bool hasReductions() { return op.getNumReductionLoops() > 0; }

  /// How many loops are open when all that `map` depends on are.
  unsigned depthOf(AffineMap map) const {
    for (unsigned depth = choice.order.size(); depth > 0; --depth)
      if (map.isFunctionOfDim(choice.order[depth - 1]))
        return depth;
    return 0;
  }

  /// The place that `map` names, with `along` for the vector loop.
  Values evaluate(AffineMap map, Value along) {
    Values open(indices), place;
    open[choice.loop] = along;
    for (Value &index : open)
      index = index ? index : constant(0); // not open yet: does not occur
    for (AffineExpr expression : map.getResults()) {
      if (auto dim = dyn_cast<AffineDimExpr>(expression))
        place.push_back(open[dim.getPosition()]);
      else
        place.push_back(
            affine::AffineApplyOp::create(builder, location, AffineMap::get(map.getNumDims(), 0, expression), open));
    }
    return place;
  }

  //===-- Operands ----------------------------------------------------------------------------------------------===//

  /// Reads what becomes known with the loop before `depth`.
  void readInputs(unsigned depth) {
    for (OpOperand *input : op.getDpsInputOperands()) {
      unsigned number = input->getOperandNumber();
      if (body().getArgument(number).use_empty() || depthOf(maps[number]) != depth)
        continue;
      if (!maps[number].isFunctionOfDim(choice.loop)) {
        Value element = input->get();
        if (isa<MemRefType>(element.getType()))
          element = memref::LoadOp::create(builder, location, element, evaluate(maps[number], Value()));
        steady[number] = LaneValue::steady(element);
        continue;
      }
      for (auto [strip, begin] : llvm::enumerate(begins))
        if (!turned.contains(number))
          strips[strip][number] = readAlong(*input, begin);
    }
  }

  /// One vector of an operand.
  LaneValue readAlong(OpOperand &operand, Value begin) {
    AffineMap map = maps[operand.getOperandNumber()];
    LaneMemory memory{builder, location, lanes};
    auto type = cast<MemRefType>(operand.get().getType());
    if (lanes.count == 1)
      return LaneValue::steady(memref::LoadOp::create(builder, location, operand.get(), evaluate(map, begin)));
    if (classifyAccess(type, map, choice.loop) == AccessKind::contiguous) {
      Values place = evaluate(map, begin);
      fetchNext(operand, place, /*isWritten=*/false);
      return LaneValue::varying(memory.load(operand.get(), place));
    }
    SmallVector<Values> places;
    Value last = arith::SubIOp::create(builder, location, toValue(ends[choice.loop]), constant(1));
    for (int64_t lane = 0; lane < lanes.count; ++lane) {
      Value along = arith::AddIOp::create(builder, location, begin, constant(lane));
      if (lanes.mask) // Lanes that do not exist read what the last one reads.
        along = arith::MinUIOp::create(builder, location, along, last);
      places.push_back(evaluate(map, along));
    }
    return LaneValue::varying(memory.loadEach(operand.get(), places));
  }

  /// Asks for the line that the next tile has in this place.
  void fetchNext(OpOperand &operand, Values place, bool isWritten) {
    auto found = llvm::find_if(next, [&](NextTile tile) { return tile.operand == operand.getOperandNumber(); });
    if (found == next.end() || lanes.count == 1 || lanes.mask)
      return;
    place.back() = arith::AddIOp::create(builder, location, place.back(), constant(found->distance));
    memref::PrefetchOp::create(builder, location, operand.get(), place, isWritten, /*localityHint=*/3,
                               /*isDataCache=*/true);
  }

  //===-- Loops -------------------------------------------------------------------------------------------------===//

  void writeOuter(unsigned depth) {
    readInputs(depth);
    if (depth == choice.numOuter)
      return choice.isReduction ? reduceAlong() : writeStrips(builder.getIndexAttr(0));
    if (choice.across && depth + 1 == choice.numOuter)
      return writeTiles(depth);
    unsigned loop = choice.order[depth];
    auto nest = scf::ForOp::create(builder, location, constant(0), toValue(ends[loop]), constant(1));
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(nest.getBody());
    indices[loop] = nest.getInductionVar();
    writeOuter(depth + 1);
  }

  OpFoldResult roundDown(OpFoldResult extent, int64_t step) {
    if (std::optional<int64_t> known = getConstantIntValue(extent))
      return builder.getIndexAttr(*known / step * step);
    Value whole = toValue(extent), rest = arith::RemUIOp::create(builder, location, whole, constant(step));
    return arith::SubIOp::create(builder, location, whole, rest).getResult();
  }

  using GroupBody = llvm::function_ref<Values(ValueRange)>;

  /// The whole vector loop: groups of `unroll` vectors, single vectors, and a rest under a mask or of scalars. The body
  /// finds the group in `begins` and `lanes` and turns what was carried to it into what is carried on.
  Values writeParts(OpFoldResult done, unsigned unroll, Values carried, GroupBody writeGroup) {
    std::optional<int64_t> extent = getConstantIntValue(ends[choice.loop]);
    for (unsigned group : unroll > 1 ? SmallVector<unsigned>{unroll, 1} : SmallVector<unsigned>{1}) {
      OpFoldResult end = roundDown(ends[choice.loop], group * choice.lanes);
      if (getConstantIntValue(end) && getConstantIntValue(end) == getConstantIntValue(done))
        continue;
      carried = writeLoop(done, end, {choice.lanes, Value()}, group, carried, writeGroup);
      done = end;
    }
    if (extent && getConstantIntValue(done) == extent)
      return carried;
    return choice.masksRest ? writeMaskedRest(done, carried, writeGroup)
                            : writeLoop(done, ends[choice.loop], {1, Value()}, 1, carried, writeGroup);
  }

  Values writeLoop(OpFoldResult from, OpFoldResult to, Lanes shape, unsigned group, const Values &carried,
                   GroupBody writeGroup) {
    Value step = constant(group * shape.count);
    auto loop = scf::ForOp::create(builder, location, toValue(from), toValue(to), step, carried);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    Values first{loop.getInductionVar()};
    for (unsigned strip = 1; strip < group; ++strip)
      first.push_back(arith::AddIOp::create(builder, location, first[0], constant(strip * shape.count)));
    openGroup(shape, first);
    Values results = writeGroup(loop.getRegionIterArgs());
    if (!carried.empty())
      scf::YieldOp::create(builder, location, results);
    return Values(loop.getResults());
  }

  Values writeMaskedRest(OpFoldResult from, const Values &carried, GroupBody writeGroup) {
    Value begin = toValue(from);
    Value count = arith::SubIOp::create(builder, location, toValue(ends[choice.loop]), begin);
    auto type = VectorType::get({choice.lanes}, builder.getI1Type());
    auto write = [&] {
      Value mask = vector::CreateMaskOp::create(builder, location, type, ValueRange{count});
      openGroup({choice.lanes, mask}, {begin});
      return writeGroup(carried);
    };
    if (getConstantIntValue(ends[choice.loop]))
      return write();
    Value isLeft = arith::CmpIOp::create(builder, location, arith::CmpIPredicate::ugt, count, constant(0));
    auto rest = scf::IfOp::create(builder, location, TypeRange(ValueRange(carried)), isLeft, !carried.empty());
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(rest.thenBlock());
    Values results = write();
    if (carried.empty())
      return {};
    scf::YieldOp::create(builder, location, results);
    builder.setInsertionPointToStart(rest.elseBlock());
    scf::YieldOp::create(builder, location, carried);
    return Values(rest.getResults());
  }

  void openGroup(const Lanes &shape, ArrayRef<Value> first) {
    lanes = shape;
    begins.assign(first.begin(), first.end());
    strips.assign(first.size(), {});
    indices[choice.loop] = first[0];
  }

  //===-- A parallel loop along the vectors -----------------------------------------------------------------------===//

  /// The vector loop from `from` on.
  void writeStrips(OpFoldResult from) {
    unsigned strips = hasReductions() ? countAccumulators(choice, ends[choice.loop]) : 1;
    if (!hasReductions())
      hoistSteady();
    writeParts(from, strips, {}, [&](ValueRange) {
      readInputs(choice.numOuter + 1);
      SmallVector<Values> places;
      Values accumulators = readOutputs(places);
      accumulators = reduceInside(choice.numOuter + 1, accumulators);
      writeOutputs(accumulators, places);
      return Values();
    });
  }

  /// The accumulators of all strips, null where the body does not read them, and where they lie.
  Values readOutputs(SmallVector<Values> &places) {
    Values accumulators;
    for (Value begin : begins)
      for (OpOperand &output : op.getDpsInitsMutable()) {
        unsigned number = output.getOperandNumber();
        places.push_back(evaluate(maps[number], begin));
        bool isRead = hasReductions() || !body().getArgument(number).use_empty();
        LaneMemory memory{builder, location, lanes};
        Value before;
        if (isRead && start)
          before = lanes.count == 1 ? start : spreadScalar(builder, location, start, lanes.count);
        else if (isRead)
          before = memory.load(output.get(), places.back());
        accumulators.push_back(before);
      }
    return accumulators;
  }

  void writeOutputs(ArrayRef<Value> results, ArrayRef<Values> places) {
    LaneMemory memory{builder, location, lanes};
    for (size_t i = 0; i < results.size(); ++i)
      if (results[i]) {
        OpOperand &output = op.getDpsInitsMutable()[i % op.getNumDpsInits()];
        fetchNext(output, places[i], /*isWritten=*/true);
        memory.store(results[i], output.get(), places[i]);
      }
  }

  /// The reductions from `depth` on.
  Values reduceInside(unsigned depth, Values accumulators) {
    if (depth == choice.order.size())
      return cloneBody(accumulators);
    unsigned loop = choice.order[depth];
    if (std::optional<int64_t> copies = countCopies(depth)) {
      for (int64_t i = 0; i < getConstantIntValue(ends[loop]); ++i) {
        indices[loop] = constant(i);
        readInputs(depth + 1);
        accumulators = reduceInside(depth + 1, accumulators);
      }
      return accumulators;
    }
    auto nest = scf::ForOp::create(builder, location, constant(0), toValue(ends[loop]), constant(1), accumulators);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(nest.getBody());
    indices[loop] = nest.getInductionVar();
    readInputs(depth + 1);
    scf::YieldOp::create(builder, location, reduceInside(depth + 1, Values(nest.getRegionIterArgs())));
    return Values(nest.getResults());
  }

  /// Copies of the body when all loops from `depth` on are written out; nothing where that is too many.
  std::optional<int64_t> countCopies(unsigned depth) {
    int64_t copies = static_cast<int64_t>(begins.size());
    for (unsigned inner = depth; inner < choice.order.size(); ++inner) {
      std::optional<int64_t> extent = getConstantIntValue(ends[choice.order[inner]]);
      if (!extent || *extent > kMaxCopies)
        return std::nullopt;
      copies *= *extent;
    }
    return copies <= kMaxCopies ? std::optional(copies) : std::nullopt;
  }

  /// What is the same along the whole vector loop is computed before it.
  void hoistSteady() {
    Value isEmpty =
        arith::CmpIOp::create(builder, location, arith::CmpIPredicate::eq, toValue(ends[choice.loop]), constant(0));
    hoisted.emplace(builder, location, choice.loop, Lanes{choice.lanes, Value()}, indices);
    for (auto [number, value] : steady)
      hoisted->set(body().getArgument(number), value);
    hoisted->hoist(body(), isEmpty);
  }

  /// The body for each strip: its results, or what a reduction's combiner adds to the accumulators.
  Values cloneBody(ArrayRef<Value> accumulators, Value term = {}) {
    Values results;
    unsigned outputs = op.getNumDpsInits();
    OperandRange yielded = body().getTerminator()->getOperands();
    for (auto [strip, begin] : llvm::enumerate(begins)) {
      Values at(indices);
      at[choice.loop] = begin;
      LaneWriter writer = hoisted ? *hoisted : LaneWriter(builder, location, choice.loop, lanes, at);
      writer.moveTo(lanes, at);
      if (term)
        writer.skip(*choice.combiner);
      for (auto [number, value] : steady)
        writer.set(body().getArgument(number), value);
      for (auto [number, value] : strips[strip])
        writer.set(body().getArgument(number), value);
      for (unsigned output = 0; output < outputs && !term; ++output)
        if (Value before = accumulators[strip * outputs + output])
          writer.set(body().getArgument(op.getNumDpsInputs() + output),
                     lanes.count == 1 ? LaneValue::steady(before) : LaneValue::varying(before));
      isRefused |= failed(writer.clone(body()));
      for (auto [output, result] : llvm::enumerate(term ? ValueRange(term) : ValueRange(yielded)))
        results.push_back(!isRefused ? writer.get(result) : term ? Value() : accumulators[strip * outputs + output]);
    }
    return results;
  }

  //===-- Tiles that are turned -----------------------------------------------------------------------------------===//

  void writeFor(OpFoldResult from, OpFoldResult to, int64_t step, llvm::function_ref<void(Value)> writeBody) {
    if (getConstantIntValue(from) && getConstantIntValue(from) == getConstantIntValue(to))
      return;
    auto nest = scf::ForOp::create(builder, location, toValue(from), toValue(to), constant(step));
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(nest.getBody());
    writeBody(nest.getInductionVar());
  }

  /// Tiles of as many rows as a vector has lanes; then what is left of these rows, and the rows that are left.
  void writeTiles(unsigned depth) {
    unsigned across = *choice.across;
    OpFoldResult zero = builder.getIndexAttr(0);
    OpFoldResult rows = roundDown(ends[across], choice.lanes), columns = roundDown(ends[choice.loop], choice.lanes);
    auto writeRow = [&](Value row, OpFoldResult from) {
      indices[across] = row;
      readInputs(depth + 1);
      writeStrips(from);
    };
    writeFor(zero, rows, choice.lanes, [&](Value row) {
      writeFor(zero, columns, choice.lanes, [&](Value column) { writeTile(depth, row, column); });
      if (getConstantIntValue(columns) && getConstantIntValue(columns) == getConstantIntValue(ends[choice.loop]))
        return;
      Value end = arith::AddIOp::create(builder, location, row, constant(choice.lanes));
      writeFor(row, end, 1, [&](Value single) { writeRow(single, columns); });
    });
    writeFor(rows, ends[across], 1, [&](Value row) { writeRow(row, zero); });
  }

  void writeTile(unsigned depth, Value row, Value column) {
    hoisted.reset();
    indices[*choice.across] = row;
    openGroup({choice.lanes, Value()}, {column});
    for (OpOperand *input : op.getDpsInputOperands()) {
      auto memref = dyn_cast<MemRefType>(input->get().getType());
      unsigned number = input->getOperandNumber();
      if (!memref || body().getArgument(number).use_empty() ||
          classifyAccess(memref, maps[number], choice.loop) != AccessKind::strided)
        continue;
      Values vectors;
      for (int64_t lane = 0; lane < choice.lanes; ++lane) {
        Value along = arith::AddIOp::create(builder, location, column, constant(lane));
        Values place = evaluate(maps[number], along);
        fetchNext(*input, place, /*isWritten=*/false);
        vectors.push_back(LaneMemory{builder, location, lanes}.load(input->get(), place));
      }
      turned[number] = turnVectors(builder, location, vectors);
    }
    for (int64_t lane = 0; lane < choice.lanes; ++lane) {
      indices[*choice.across] = arith::AddIOp::create(builder, location, row, constant(lane));
      openGroup({choice.lanes, Value()}, {column});
      readInputs(depth + 1);
      for (auto &[number, vectors] : turned)
        strips[0][number] = LaneValue::varying(vectors[lane]);
      readInputs(depth + 2);
      SmallVector<Values> places;
      Values before = readOutputs(places);
      writeOutputs(cloneBody(before), places);
    }
    turned.clear();
  }

  //===-- A reduction along the vectors ---------------------------------------------------------------------------===//

  /// What is carried: accumulators of some vectors, then one scalar, which begins as the output's element.
  void reduceAlong() {
    OpOperand &output = op.getDpsInitsMutable()[0];
    Values place = evaluate(maps[output.getOperandNumber()], Value());
    Value first = start ? start : memref::LoadOp::create(builder, location, output.get(), place).getResult();
    accumulator.emplace(builder, choice.combiner, VectorType::get({choice.lanes}, first.getType()));
    unsigned vectors = countAccumulators(choice, ends[choice.loop]);
    Values carried;
    for (unsigned i = 0; i < vectors; ++i)
      llvm::append_range(carried, accumulator->begin());
    carried.push_back(first);
    carried = reduceOuter(choice.numOuter, carried);
    for (unsigned distance = vectors / 2; distance > 0; distance /= 2)
      for (unsigned i = 0; i < distance; ++i)
        llvm::copy(accumulator->merge(partsOf(carried, i), partsOf(carried, i + distance)),
                   carried.begin() + i * accumulator->countParts());
    Value total = accumulator->combine(carried.back(), accumulator->finish(partsOf(carried, 0)));
    memref::StoreOp::create(builder, location, total, output.get(), place);
  }

  ValueRange partsOf(const Values &carried, unsigned vector) {
    return ArrayRef(carried).slice(vector * accumulator->countParts(), accumulator->countParts());
  }

  Values reduceOuter(unsigned depth, const Values &accumulators) {
    unsigned loop = choice.order[depth];
    if (loop == choice.loop)
      return writeParts(builder.getIndexAttr(0), (accumulators.size() - 1) / accumulator->countParts(), accumulators,
                        [&](ValueRange carried) { return accumulate(depth + 1, carried); });
    auto nest = scf::ForOp::create(builder, location, constant(0), toValue(ends[loop]), constant(1), accumulators);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(nest.getBody());
    indices[loop] = nest.getInductionVar();
    readInputs(depth + 1);
    scf::YieldOp::create(builder, location, reduceOuter(depth + 1, Values(nest.getRegionIterArgs())));
    return Values(nest.getResults());
  }

  /// The group's terms on top of the first accumulators, or of the scalar one.
  Values accumulate(unsigned depth, ValueRange carried) {
    readInputs(depth);
    Values results(carried);
    bool isScalar = lanes.count == 1;
    Value accumulated = body().getArgument(op.getNumDpsInputs());
    Value term = choice.combiner->getOperand(choice.combiner->getOperand(0) == accumulated ? 1 : 0);
    Values terms = cloneBody({}, term);
    if (isRefused)
      return results;
    for (auto [strip, value] : llvm::enumerate(terms)) {
      if (isScalar) {
        results.back() = accumulator->combine(results.back(), value);
        continue;
      }
      Values parts(partsOf(results, strip)), sums = accumulator->add(parts, value);
      for (auto [part, sum] : llvm::enumerate(sums))
        results[strip * parts.size() + part] =
            lanes.mask ? arith::SelectOp::create(builder, location, lanes.mask, sum, parts[part]).getResult() : sum;
    }
    return results;
  }

  OpBuilder &builder;
  linalg::GenericOp op;
  Location location;
  SmallVector<AffineMap> maps;
  const LoopChoice &choice;
  Value start; ///< Of all reductions, where it is known.
  ArrayRef<NextTile> next;
  SmallVector<OpFoldResult> ends;
  Values indices;
  llvm::MapVector<unsigned, LaneValue> steady;              ///< Operands that are the same on all lanes, by number.
  Lanes lanes;                                              ///< Of the group that is being written, with
  Values begins;                                            ///< the first iteration of each of its vectors, and
  SmallVector<llvm::MapVector<unsigned, LaneValue>> strips; ///< the operands of each.
  llvm::MapVector<unsigned, Values> turned;                 ///< Operands of all rows of a tile.
  std::optional<LaneWriter> hoisted;
  std::optional<Accumulator> accumulator; ///< Of a reduction along the vectors.
  bool isRefused = false;
};

} // namespace

bool lowering::writeVectorLoops(IRRewriter &rewriter, linalg::GenericOp op, VectorShape shape, Value start,
                                ArrayRef<NextTile> next) {
  for (const LoopChoice &choice : rankLoops(op, shape)) {
    Operation *before = op->getPrevNode(), *last = nullptr;
    rewriter.setInsertionPoint(op);
    if (succeeded(VectorNest(rewriter, op, choice, start, next).write())) {
      rewriter.eraseOp(op);
      return true;
    }
    // What was begun is of no use.
    while ((last = op->getPrevNode()) != before) {
      last->dropAllUses();
      last->erase();
    }
  }
  return false;
}
