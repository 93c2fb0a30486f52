// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the largest element of a window lies: a search loop for each element of the result.
#include "OpLowerings.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace {

/// The search in one window. Written inside of the loops over the result.
class WindowSearch {
public:
  WindowSearch(Scalars &at, graph::WindowArgmaxOp op, Value input) : at(at), builder(at.builder), op(op), input(input) {
    // Indices of the loops cannot be asked for further inside.
    for (unsigned dim = 0; dim < op.getWindow().size() + 2; ++dim)
      position.push_back(linalg::IndexOp::create(builder, at.location, dim));
  }

  Value write() {
    auto type = cast<RankedTensorType>(op.getInput().getType());
    int64_t taps = 1;
    for (int64_t extent : op.getWindow())
      taps *= extent;
    Value lowest = at.identity(graph::ReduceKind::max, type.getElementType());
    Value none = arith::ConstantOp::create(builder, at.location, builder.getBoolAttr(false));
    auto loop = scf::ForOp::create(builder, at.location, constant(0), constant(taps), constant(1),
                                   ValueRange{lowest, constant(0), none});
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    visit(loop);
    builder.setInsertionPointAfter(loop);
    return arith::IndexCastOp::create(builder, at.location, builder.getI64Type(), loop.getResult(1));
  }

private:
  Value constant(int64_t value) { return arith::ConstantIndexOp::create(builder, at.location, value); }
  template <typename Op> Value compute(Value a, Value b) { return Op::create(builder, at.location, a, b); }

  /// One tap: keeps the better of what was found and what is here.
  void visit(scf::ForOp loop) {
    auto type = cast<RankedTensorType>(op.getInput().getType());
    SmallVector<Value> index{position[0], position[1]};
    Value rest = loop.getInductionVar(), inside, place = constant(0);
    size_t spatial = op.getWindow().size();
    SmallVector<Value> taps(spatial);
    for (size_t dim = spatial; dim-- > 0;) {
      taps[dim] = compute<arith::RemUIOp>(rest, constant(op.getWindow()[dim]));
      rest = compute<arith::DivUIOp>(rest, constant(op.getWindow()[dim]));
    }
    for (size_t dim = 0; dim < spatial; ++dim) {
      Value start = compute<arith::MulIOp>(position[dim + 2], constant(op.getStrides()[dim]));
      Value step = compute<arith::MulIOp>(taps[dim], constant(op.getDilations()[dim]));
      Value padded = compute<arith::AddIOp>(start, step);
      Value here = compute<arith::SubIOp>(padded, constant(op.getPadding()[2 * dim]));
      Value extent = constant(type.getDimSize(static_cast<unsigned>(dim + 2)));
      // Unsigned, so that what is below zero is outside, too.
      Value fits = arith::CmpIOp::create(builder, at.location, arith::CmpIPredicate::ult, here, extent);
      inside = inside ? compute<arith::AndIOp>(inside, fits) : fits;
      place = compute<arith::AddIOp>(compute<arith::MulIOp>(place, extent), here);
      index.push_back(here);
    }
    if (!inside)
      inside = arith::ConstantOp::create(builder, at.location, builder.getBoolAttr(true));
    ValueRange best = loop.getRegionIterArgs();
    auto choice = scf::IfOp::create(builder, at.location, best.getTypes(), inside, /*withElseRegion=*/true);
    OpBuilder elsewhere = choice.getElseBodyBuilder();
    scf::YieldOp::create(elsewhere, at.location, best);
    Value after = choice.getResult(0);
    {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(choice.thenBlock());
      Value value = at.widen(tensor::ExtractOp::create(builder, at.location, input, index));
      Value better = isBetter(value, best, type.getElementType());
      auto choose = [&](Value a, Value b) { return arith::SelectOp::create(builder, at.location, better, a, b); };
      Value any = arith::ConstantOp::create(builder, at.location, builder.getBoolAttr(true));
      scf::YieldOp::create(builder, at.location, ValueRange{choose(value, best[0]), choose(place, best[1]), any});
    }
    builder.setInsertionPointAfter(after.getDefiningOp());
    scf::YieldOp::create(builder, at.location, choice.getResults());
  }

  Value isBetter(Value value, ValueRange best, Type element) {
    Value yes = arith::ConstantOp::create(builder, at.location, builder.getBoolAttr(true));
    Value isFirst = compute<arith::XOrIOp>(best[2], yes);
    Value isMore = at.emit(graph::ElementwiseKind::gt, element, {value, best[0]});
    if (isa<FloatType>(element)) {
      // Not a number comes before any number.
      Value isNan = arith::CmpFOp::create(builder, at.location, arith::CmpFPredicate::UNO, value, value);
      Value wasNumber = arith::CmpFOp::create(builder, at.location, arith::CmpFPredicate::ORD, best[0], best[0]);
      isMore = compute<arith::OrIOp>(isMore, compute<arith::AndIOp>(isNan, wasNumber));
    }
    return compute<arith::OrIOp>(isFirst, isMore);
  }

  Scalars &at;
  OpBuilder &builder;
  graph::WindowArgmaxOp op;
  Value input;
  SmallVector<Value> position;
};

} // namespace

Value lowering::lowerWindowArgmax(TensorBuilder &tensors, graph::WindowArgmaxOp op, ValueRange operands) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  return tensors.map({}, {}, tensors.sizesOf(type), type.getElementType(),
                     [&](Scalars &at, ValueRange) { return WindowSearch(at, op, operands[0]).write(); });
}
