// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reductions whose terms may be combined in any order, and so in several accumulators.
#include "VectorLoops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;
using vector::CombiningKind;

static std::optional<CombiningKind> kindOf(Operation *op) {
  return TypeSwitch<Operation *, std::optional<CombiningKind>>(op)
      .Case<arith::AddFOp, arith::AddIOp>([](auto) { return CombiningKind::ADD; })
      .Case<arith::MulFOp, arith::MulIOp>([](auto) { return CombiningKind::MUL; })
      .Case<arith::MaximumFOp>([](auto) { return CombiningKind::MAXIMUMF; })
      .Case<arith::MinimumFOp>([](auto) { return CombiningKind::MINIMUMF; })
      .Case<arith::MaxSIOp>([](auto) { return CombiningKind::MAXSI; })
      .Case<arith::MinSIOp>([](auto) { return CombiningKind::MINSI; })
      .Case<arith::MaxUIOp>([](auto) { return CombiningKind::MAXUI; })
      .Case<arith::MinUIOp>([](auto) { return CombiningKind::MINUI; })
      .Case<arith::AndIOp>([](auto) { return CombiningKind::AND; })
      .Case<arith::OrIOp>([](auto) { return CombiningKind::OR; })
      .Case<arith::XOrIOp>([](auto) { return CombiningKind::XOR; })
      .Default([](Operation *) { return std::nullopt; });
}

Operation *lowering::findCombiner(linalg::GenericOp op) {
  if (op.getNumDpsInits() != 1)
    return nullptr;
  Block &body = op.getRegion().front();
  BlockArgument accumulator = body.getArgument(op.getNumDpsInputs());
  Operation *combiner = body.getTerminator()->getOperand(0).getDefiningOp();
  if (!combiner || !accumulator.hasOneUse() || *accumulator.user_begin() != combiner || !kindOf(combiner))
    return nullptr;
  return combiner->getBlock() == &body && combiner->getResult(0).hasOneUse() ? combiner : nullptr;
}

TypedAttr lowering::makeNeutral(Operation *combiner, Type type) {
  Builder builder(type.getContext());
  double infinity = std::numeric_limits<double>::infinity();
  if (isa<FloatType>(type)) {
    // -0 and not 0: the sum of negative zeros is one.
    double neutral = isa<arith::AddFOp>(combiner)       ? -0.0
                     : isa<arith::MaximumFOp>(combiner) ? -infinity
                     : isa<arith::MinimumFOp>(combiner) ? infinity
                                                        : 1.0;
    return builder.getFloatAttr(type, neutral);
  }
  unsigned width = type.getIntOrFloatBitWidth();
  APInt neutral = TypeSwitch<Operation *, APInt>(combiner)
                      .Case<arith::MulIOp>([&](auto) { return APInt(width, 1); })
                      .Case<arith::MaxSIOp>([&](auto) { return APInt::getSignedMinValue(width); })
                      .Case<arith::MinSIOp>([&](auto) { return APInt::getSignedMaxValue(width); })
                      .Case<arith::MinUIOp, arith::AndIOp>([&](auto) { return APInt::getAllOnes(width); })
                      .Default([&](Operation *) { return APInt(width, 0); });
  return builder.getIntegerAttr(type, neutral);
}

Value lowering::combineLanes(OpBuilder &builder, Operation *combiner, Value vector) {
  Location location = combiner->getLoc();
  CombiningKind kind = *kindOf(combiner);
  bool reorders = kind == CombiningKind::ADD || kind == CombiningKind::MUL;
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(vector.getType()));
  auto flags = isFloat && reorders ? arith::FastMathFlags::reassoc : arith::FastMathFlags::none;
  return vector::ReductionOp::create(builder, location, kind, vector, flags);
}
