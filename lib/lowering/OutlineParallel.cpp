// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Kernel.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/Utils/Utils.h"
#include "mlir/Transforms/RegionUtils.h"
#include "partita/lowering/Passes.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace partita::lowering {
#define GEN_PASS_DEF_OUTLINEPARALLELPASS
#include "partita/lib/lowering/Passes.h.inc"
} // namespace partita::lowering

/// Iterations are handed out in at least so many shares, of at most so many.
static constexpr int64_t kShares = 128, kMostTogether = 8;

/// Constants, and buffers as views of pointers: a body makes its own, so that their static extents stay known in it.
static bool isMadeAgain(Operation *op) {
  if (!op || op->getNumRegions() > 0)
    return false;
  if (op->hasTrait<OpTrait::ConstantLike>())
    return true;
  return isa<memref::ViewOp, memref::SubViewOp, memref::CastOp, memref::CollapseShapeOp, memref::ExpandShapeOp,
             memref::ReinterpretCastOp, memref::GetGlobalOp, UnrealizedConversionCastOp, LLVM::InsertValueOp,
             LLVM::PoisonOp, LLVM::AddressOfOp>(op);
}

namespace {

/// One parallel loop -> a function of (context, begin, end, captured values) and a call of the runtime.
class BodyOutliner {
public:
  BodyOutliner(func::FuncOp function, scf::ForallOp loop, StringRef name)
      : function(function), loop(loop), name(name), location(loop.getLoc()), builder(loop), types(loop.getContext()),
        i64(builder.getI64Type()), pointer(LLVM::LLVMPointerType::get(loop.getContext())) {}

  void run() {
    countIterations();
    SetVector<Value> used;
    getUsedValuesDefinedAbove(loop.getRegion(), used);
    for (Value value : counts)
      used.insert(value);
    for (SmallVector<OpFoldResult> bounds : {loop.getMixedLowerBound(), loop.getMixedStep()})
      for (OpFoldResult bound : bounds)
        if (auto value = dyn_cast<Value>(bound))
          used.insert(value);
    for (Value value : used)
      capture(value);
    Value data = storeCaptured();
    writeBody();
    writeCall(data);
    loop.erase();
  }

private:
  Value number(OpBuilder &at, int64_t value) {
    return LLVM::ConstantOp::create(at, location, i64, at.getI64IntegerAttr(value));
  }
  Value index(OpBuilder &at, OpFoldResult value) { return getValueOrCreateConstantIndexOp(at, location, value); }

  /// Iterations of each loop, and of all of them.
  void countIterations() {
    auto lower = loop.getMixedLowerBound(), upper = loop.getMixedUpperBound(), step = loop.getMixedStep();
    total = index(builder, builder.getIndexAttr(1));
    for (auto [first, last, by] : llvm::zip(lower, upper, step)) {
      Value length = builder.createOrFold<arith::SubIOp>(location, index(builder, last), index(builder, first));
      counts.push_back(builder.createOrFold<arith::CeilDivSIOp>(location, length, index(builder, by)));
      total = builder.createOrFold<arith::MulIOp>(location, total, counts.back());
    }
  }

  /// What `value` needs in the body: the values that are handed over, and the ops that are made again.
  void capture(Value value) {
    if (value == lowering::getContext(function) || !known.insert(value).second)
      return;
    if (Operation *op = value.getDefiningOp(); isMadeAgain(op)) {
      for (Value operand : op->getOperands())
        capture(operand);
      madeAgain.insert(op);
      return;
    }
    captured.push_back(value);
  }

  /// How a captured value is stored: index values as 64-bit integers, buffers as descriptors.
  Type storedType(Value value) { return types.convertType(value.getType()); }

  Value convert(OpBuilder &at, Value value, Type type) {
    if (value.getType() == type)
      return value;
    if (value.getType().isIndex() || type.isIndex())
      return arith::IndexCastOp::create(at, location, type, value);
    return UnrealizedConversionCastOp::create(at, location, TypeRange{type}, ValueRange{value}).getResult(0);
  }

  Value field(OpBuilder &at, Value data, int64_t position) {
    return LLVM::GEPOp::create(at, location, pointer, structure, data,
                               ArrayRef<LLVM::GEPArg>{0, static_cast<int32_t>(position)});
  }

  Value storeCaptured() {
    SmallVector<Type> fields;
    for (Value value : captured)
      fields.push_back(storedType(value));
    structure = LLVM::LLVMStructType::getLiteral(builder.getContext(), fields);
    // At the function's entry, since the loop may lie in another one.
    OpBuilder entry = OpBuilder::atBlockBegin(&function.getBody().front());
    Value data = LLVM::AllocaOp::create(entry, location, pointer, structure, number(entry, 1));
    for (auto [position, value] : llvm::enumerate(captured))
      LLVM::StoreOp::create(builder, location, convert(builder, value, fields[position]),
                            field(builder, data, position));
    return data;
  }

  void writeBody() {
    OpBuilder outside(function);
    auto type = outside.getFunctionType({pointer, i64, i64, pointer}, {});
    body = func::FuncOp::create(outside, location, name, type);
    body.setPrivate();
    body->setAttr("llvm.linkage", LLVM::LinkageAttr::get(outside.getContext(), LLVM::Linkage::Internal));
    Block *block = body.addEntryBlock();
    OpBuilder at = OpBuilder::atBlockBegin(block);
    IRMapping values;
    values.map(lowering::getContext(function), block->getArgument(0));
    for (auto [position, value] : llvm::enumerate(captured)) {
      Value loaded = LLVM::LoadOp::create(at, location, storedType(value), field(at, block->getArgument(3), position));
      values.map(value, convert(at, loaded, value.getType()));
    }
    for (Operation *op : madeAgain)
      at.clone(*op, values);
    auto toIndex = [&](Value value) -> Value {
      return arith::IndexCastOp::create(at, location, at.getIndexType(), value);
    };
    Value begin = toIndex(block->getArgument(1)), end = toIndex(block->getArgument(2));
    auto iterations = scf::ForOp::create(at, location, begin, end, index(at, at.getIndexAttr(1)));
    func::ReturnOp::create(at, location);
    OpBuilder inner = OpBuilder::atBlockTerminator(iterations.getBody());
    writeIteration(inner, iterations.getInductionVar(), values);
  }

  /// The loops' indices from the number of the iteration, the last loop fastest, then the loop's own code.
  void writeIteration(OpBuilder &at, Value iteration, IRMapping &values) {
    auto lower = loop.getMixedLowerBound(), step = loop.getMixedStep();
    SmallVector<Value> indices(counts.size());
    for (size_t dim = counts.size(); dim-- > 0;) {
      Value count = values.lookup(counts[dim]), position = iteration;
      if (dim > 0) {
        position = arith::RemSIOp::create(at, location, iteration, count);
        iteration = arith::DivSIOp::create(at, location, iteration, count);
      }
      auto inBody = [&](OpFoldResult bound) {
        auto value = dyn_cast<Value>(bound);
        return value ? values.lookup(value) : index(at, bound);
      };
      position = at.createOrFold<arith::MulIOp>(location, position, inBody(step[dim]));
      indices[dim] = at.createOrFold<arith::AddIOp>(location, inBody(lower[dim]), position);
    }
    values.map(loop.getInductionVars(), indices);
    for (Operation &op : loop.getBody()->without_terminator())
      at.clone(op, values);
  }

  void writeCall(Value data) {
    Value address = func::ConstantOp::create(builder, location, body.getFunctionType(), body.getName());
    address =
        UnrealizedConversionCastOp::create(builder, location, TypeRange{pointer}, ValueRange{address}).getResult(0);
    Value end = arith::IndexCastOp::create(builder, location, i64, total);
    // Neighbours stay together where there are many: a tile may fetch for the next one.
    auto limit = [&](int64_t value) { return index(builder, builder.getIndexAttr(value)); };
    Value grain = builder.createOrFold<arith::DivUIOp>(location, total, limit(kShares));
    grain = builder.createOrFold<arith::MaxUIOp>(location, grain, limit(1));
    grain = builder.createOrFold<arith::MinUIOp>(location, grain, limit(kMostTogether));
    grain = arith::IndexCastOp::create(builder, location, i64, grain);
    callRuntime(builder, location, "partita_parallel_for",
                {lowering::getContext(function), number(builder, 0), end, grain, address, data});
  }

  func::FuncOp function;
  scf::ForallOp loop;
  std::string name;
  Location location;
  OpBuilder builder;
  LLVMTypeConverter types;
  Type i64, pointer, structure;
  Value total;
  SmallVector<Value> counts;
  DenseSet<Value> known;
  SetVector<Operation *> madeAgain;
  SmallVector<Value> captured;
  func::FuncOp body;
};

struct OutlineParallelPass : lowering::impl::OutlineParallelPassBase<OutlineParallelPass> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp function : functions)
      if (failed(outlineLoops(function)))
        return signalPassFailure();
  }

  LogicalResult outlineLoops(func::FuncOp function) {
    SmallVector<scf::ForallOp> loops, serial;
    function.walk([&](scf::ForallOp loop) {
      bool runsAlone = loop->getParentOfType<scf::ForallOp>() || hasOneIteration(loop);
      (runsAlone ? serial : loops).push_back(loop);
    });
    IRRewriter rewriter(&getContext());
    for (scf::ForallOp loop : serial) {
      rewriter.setInsertionPoint(loop);
      if (failed(scf::forallToForLoop(rewriter, loop)))
        return failure();
    }
    for (auto [number, loop] : llvm::enumerate(loops))
      BodyOutliner(function, loop, (function.getName() + "_body_" + Twine(number)).str()).run();
    return success();
  }

  static bool hasOneIteration(scf::ForallOp loop) {
    auto lower = loop.getMixedLowerBound(), upper = loop.getMixedUpperBound(), step = loop.getMixedStep();
    return llvm::all_of(llvm::zip(lower, upper, step), [](auto bounds) {
      auto first = getConstantIntValue(std::get<0>(bounds)), last = getConstantIntValue(std::get<1>(bounds)),
           by = getConstantIntValue(std::get<2>(bounds));
      return first && last && by && *last > *first && *last - *first <= *by;
    });
  }
};

} // namespace
