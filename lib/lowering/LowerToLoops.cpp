// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "CollapseLoops.h"
#include "Kernel.h"
#include "Lanes.h"
#include "VectorLoops.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "partita/lowering/CpuTarget.h"
#include "partita/lowering/Passes.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace partita::lowering {
#define GEN_PASS_DEF_LOWERTOLOOPSPASS
#include "partita/lib/lowering/Passes.h.inc"
} // namespace partita::lowering

namespace {

/// The loops of one op on scalars. An operand is read as far outside as its dims allow (operands and results of an op
/// do not overlap, which LLVM could not know). Where the innermost iterators are reductions, the accumulator stays in a
/// register.
class LoopWriter {
public:
  LoopWriter(OpBuilder &builder, linalg::GenericOp op)
      : builder(builder), op(op), location(op.getLoc()), maps(op.getIndexingMapsArray()) {}

  void lower() {
    builder.setInsertionPoint(op);
    for (Range range : cast<linalg::LinalgOp>(op.getOperation()).createLoopRanges(builder, location))
      ends.push_back(getValueOrCreateConstantIndexOp(builder, location, range.size));
    unsigned depth = firstReduction = op.getNumLoops();
    bool keepsSum = op.getNumDpsInits() == 1 && maps.back().isProjectedPermutation();
    while (keepsSum && firstReduction > 0 &&
           op.getIteratorTypesArray()[firstReduction - 1] == utils::IteratorType::reduction)
      --firstReduction;
    indices.resize(depth);
    writeOuter(0);
    op.erase();
  }

private:
  Value constant(int64_t value) { return arith::ConstantIndexOp::create(builder, location, value); }

  /// The nest is as deep as the op has loops, a small number known here.
  void writeOuter(unsigned loop) {
    readInputs(loop);
    if (loop == firstReduction)
      return writeInnermost();
    auto nest = scf::ForOp::create(builder, location, constant(0), ends[loop], constant(1));
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(nest.getBody());
    indices[loop] = nest.getInductionVar();
    writeOuter(loop + 1);
  }

  void writeInnermost() {
    SmallVector<Value> accumulators;
    SmallVector<SmallVector<Value>> places;
    Block &body = op.getRegion().front();
    for (OpOperand &output : op.getDpsInitsMutable()) {
      unsigned number = output.getOperandNumber();
      places.push_back(evaluate(maps[number]));
      bool isRead = firstReduction < op.getNumLoops() || !body.getArgument(number).use_empty();
      accumulators.push_back(isRead ? memref::LoadOp::create(builder, location, output.get(), places.back()).getResult()
                                    : Value());
    }
    SmallVector<Value> results = firstReduction < op.getNumLoops()
                                     ? SmallVector<Value>{reduce(firstReduction, accumulators[0])}
                                     : cloneBody(accumulators);
    for (auto [index, output] : llvm::enumerate(op.getDpsInitsMutable()))
      memref::StoreOp::create(builder, location, results[index], output.get(), places[index]);
  }

  Value reduce(unsigned loop, Value accumulator) {
    if (loop == op.getNumLoops())
      return cloneBody({accumulator})[0];
    auto nest = scf::ForOp::create(builder, location, constant(0), ends[loop], constant(1), ValueRange{accumulator});
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(nest.getBody());
    indices[loop] = nest.getInductionVar();
    readInputs(loop + 1);
    scf::YieldOp::create(builder, location, reduce(loop + 1, nest.getRegionIterArgs()[0]));
    return nest.getResult(0);
  }

  /// Reads the operands whose innermost loop is the one before `depth`.
  void readInputs(unsigned depth) {
    for (OpOperand *input : op.getDpsInputOperands()) {
      unsigned number = input->getOperandNumber();
      BlockArgument argument = op.getRegion().front().getArgument(number);
      if (argument.use_empty() || countLoops(maps[number]) != depth)
        continue;
      Value element = input->get();
      if (isa<MemRefType>(element.getType()))
        element = memref::LoadOp::create(builder, location, element, evaluate(maps[number]));
      elements[argument] = element;
    }
  }

  /// One more than the innermost loop that the map depends on.
  static unsigned countLoops(AffineMap map) {
    for (unsigned loop = map.getNumDims(); loop > 0; --loop)
      if (map.isFunctionOfDim(loop - 1))
        return loop;
    return 0;
  }

  SmallVector<Value> cloneBody(ArrayRef<Value> accumulators) {
    IRMapping values;
    Block &body = op.getRegion().front();
    for (auto [argument, element] : elements)
      values.map(argument, element);
    for (auto [index, accumulator] : llvm::enumerate(accumulators))
      if (accumulator)
        values.map(body.getArgument(op.getNumDpsInputs() + index), accumulator);
    for (Operation &inner : body.without_terminator()) {
      if (auto index = dyn_cast<linalg::IndexOp>(inner))
        values.map(index.getResult(), indices[index.getDim()]);
      else
        builder.clone(inner, values);
    }
    SmallVector<Value> results;
    for (Value result : body.getTerminator()->getOperands())
      results.push_back(values.lookupOrDefault(result));
    return results;
  }

  SmallVector<Value> evaluate(AffineMap map) {
    SmallVector<Value> place;
    for (AffineExpr expression : map.getResults()) {
      if (auto dim = dyn_cast<AffineDimExpr>(expression)) {
        place.push_back(indices[dim.getPosition()]);
        continue;
      }
      // Loops that are not open yet do not occur in the expression; any index stands for them.
      SmallVector<Value> open(indices);
      for (Value &index : open)
        index = index ? index : constant(0);
      place.push_back(
          affine::AffineApplyOp::create(builder, location, AffineMap::get(map.getNumDims(), 0, expression), open));
    }
    return place;
  }

  OpBuilder &builder;
  linalg::GenericOp op;
  Location location;
  SmallVector<AffineMap> maps;
  SmallVector<Value> ends, indices;
  llvm::MapVector<Value, Value> elements;
  unsigned firstReduction = 0;
};

/// memcpy where both sides are dense; else loops.
void lowerCopy(IRRewriter &rewriter, memref::CopyOp copy) {
  auto source = cast<MemRefType>(copy.getSource().getType()), target = cast<MemRefType>(copy.getTarget().getType());
  if (source.getLayout().isIdentity() && target.getLayout().isIdentity())
    return;
  rewriter.setInsertionPoint(copy);
  unsigned rank = source.getRank();
  AffineMap identity = AffineMap::getMultiDimIdentityMap(rank, copy.getContext());
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  linalg::GenericOp::create(
      rewriter, copy.getLoc(), ValueRange{copy.getSource()}, ValueRange{copy.getTarget()},
      ArrayRef<AffineMap>{identity, identity}, loops,
      [](OpBuilder &inner, Location at, ValueRange elements) { linalg::YieldOp::create(inner, at, elements[0]); });
  rewriter.eraseOp(copy);
}

/// The buffer that `memref` shows a part of. Buffers of scratch memory are views, too, and do not overlap.
Value findBuffer(Value memref) {
  while (auto view = memref.getDefiningOp<ViewLikeOpInterface>()) {
    if (isa<memref::ViewOp>(view.getOperation()))
      break;
    memref = view.getViewSource();
  }
  return memref;
}

/// What fills the memory that a reduction adds to, when nothing else sees it before.
linalg::FillOp findFill(linalg::GenericOp op) {
  if (op.getNumReductionLoops() == 0 || op.getNumDpsInits() != 1)
    return {};
  Value memory = op.getDpsInits()[0], buffer = findBuffer(memory);
  for (Operation *before = op->getPrevNode(); before; before = before->getPrevNode()) {
    auto fill = dyn_cast<linalg::FillOp>(before);
    if (fill && fill.getOutputs()[0] == memory)
      return fill;
    if (isMemoryEffectFree(before))
      continue;
    bool isSeen = false;
    before->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        isSeen |= isa<MemRefType>(operand.getType()) && findBuffer(operand) == buffer;
    });
    if (isSeen)
      return {};
  }
  return {};
}

struct LowerToLoopsPass : lowering::impl::LowerToLoopsPassBase<LowerToLoopsPass> {
  using LowerToLoopsPassBase::LowerToLoopsPassBase;

  void runOnOperation() override {
    func::FuncOp kernel = getOperation();
    if (!isKernel(kernel))
      return;
    FailureOr<CpuTarget> target = describeCpu(kernel, cpu);
    if (failed(target))
      return signalPassFailure();
    VectorShape shape{target->vectorBits, target->hasAvx512 ? 8 : target->vectorBits >= 256 ? 32 : 0};
    IRRewriter rewriter(&getContext());
    SmallVector<memref::CopyOp> copies;
    kernel.walk([&](memref::CopyOp op) { copies.push_back(op); });
    for (memref::CopyOp copy : copies)
      lowerCopy(rewriter, copy);
    NextTiles next = findNextTiles(kernel);
    SmallVector<linalg::LinalgOp> ops;
    llvm::SmallPtrSet<Operation *, 8> forwarded;
    kernel.walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    // Readers first: a reduction may begin with what its memory is filled with, and the filling is not needed then.
    for (linalg::LinalgOp op : llvm::reverse(ops)) {
      if (forwarded.contains(op)) {
        rewriter.eraseOp(op);
        continue;
      }
      rewriter.setInsertionPoint(op);
      auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
      if (!generic) {
        FailureOr<linalg::GenericOp> general = linalg::generalizeNamedOp(rewriter, op);
        if (failed(general)) {
          op.emitError("E-LOWER: this op does not become loops");
          return signalPassFailure();
        }
        generic = *general;
      }
      linalg::FillOp fill = findFill(generic);
      SmallVector<NextTile, 2> fetched = next.lookup(generic);
      generic = collapseLoops(rewriter, generic);
      Value start = fill ? fill.getInputs()[0] : Value();
      if (writeVectorLoops(rewriter, generic, shape, start, fetched))
        forwarded.insert(fill);
      else
        LoopWriter(rewriter, generic).lower();
    }
    carryShortFloats(kernel);
  }
};

} // namespace
