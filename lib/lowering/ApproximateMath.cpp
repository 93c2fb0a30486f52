// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Approximations.h"
#include "Kernel.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "partita/lowering/CpuTarget.h"
#include "partita/lowering/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace partita::lowering {
#define GEN_PASS_DEF_APPROXIMATEMATHPASS
#include "partita/lib/lowering/Passes.h.inc"
} // namespace partita::lowering

namespace {

/// What stands for one function on values of one type.
class Replacement {
public:
  Replacement(OpBuilder &builder, Operation *op, const CpuTarget &target)
      : builder(builder), op(op), location(op->getLoc()), type(op->getResult(0).getType()),
        narrow(builder, location, type, target.hasFma, target.hasAvx512),
        wide(builder, location, widen(type), target.hasFma) {}

  /// Null where the function stays as it is.
  Value write() {
    Value x = op->getOperand(0);
    return TypeSwitch<Operation *, Value>(op)
        .Case([&](math::ExpOp) { return narrow.exp(x); })
        .Case([&](math::LogOp) { return narrow.log(x); })
        .Case([&](math::TanhOp) { return narrow.tanh(x); })
        .Case([&](math::ErfOp) { return narrow.erf(x); })
        .Case([&](math::ErfcOp) { return erfc(x); })
        .Case([&](math::SinOp) { return guardAngle(&WideApproximation::sin); })
        .Case([&](math::CosOp) { return guardAngle(&WideApproximation::cos); })
        .Case([&](math::TanOp) { return guardAngle(&WideApproximation::tan); })
        .Case([&](math::ExpM1Op) { return round(wide.expm1(widened(0))); })
        .Case([&](math::Log1pOp) { return round(wide.log1p(widened(0))); })
        .Case([&](math::SinhOp) { return round(wide.sinh(widened(0))); })
        .Case([&](math::CoshOp) { return round(wide.cosh(widened(0))); })
        .Case([&](math::PowFOp) { return round(wide.pow(widened(0), widened(1))); })
        .Default([](Operation *) { return Value(); });
  }

private:
  static Type widen(Type type) {
    Type f64 = Float64Type::get(type.getContext());
    if (auto vector = dyn_cast<VectorType>(type))
      return VectorType::get(vector.getShape(), f64);
    return f64;
  }

  Value widened(unsigned operand) {
    return arith::ExtFOp::create(builder, location, widen(type), op->getOperand(operand));
  }
  Value round(Value value) { return arith::TruncFOp::create(builder, location, type, value); }

  /// The number that all lanes of a value are, if it is known.
  static std::optional<double> findNumber(Value value) {
    if (auto spread = value.getDefiningOp<vector::BroadcastOp>())
      value = spread.getSource();
    FloatAttr scalar;
    DenseElementsAttr elements;
    if (matchPattern(value, m_Constant(&scalar)))
      return scalar.getValueAsDouble();
    if (matchPattern(value, m_Constant(&elements)) && elements.isSplat())
      return elements.getSplatValue<FloatAttr>().getValueAsDouble();
    return std::nullopt;
  }

  /// x where the argument of erfc is -x / sqrt(2), else null.
  Value findNormal(Value argument) {
    auto scaled = argument.getDefiningOp<arith::MulFOp>();
    std::optional<double> factor = scaled ? findNumber(scaled.getRhs()) : std::nullopt;
    bool isNormal = factor && static_cast<float>(*factor) == -0.70710678118654752440f;
    return isNormal ? scaled.getLhs() : Value();
  }

  /// The normal distribution where that is what is asked for.
  Value erfc(Value argument) {
    Value x = findNormal(argument), result = x ? narrow.normal(x) : Value();
    return result ? result : narrow.erfc(argument);
  }

  static bool isHalfOf(Value value, Value x) {
    auto half = value.getDefiningOp<arith::MulFOp>();
    return half && ((half.getLhs() == x && findNumber(half.getRhs()) == 0.5) ||
                    (half.getRhs() == x && findNumber(half.getLhs()) == 0.5));
  }

public:
  /// Replaces the product of erfc(-x / sqrt(2)) with x / 2, if nothing else reads that erfc.
  bool writeGelu() {
    Value x = isa<math::ErfcOp>(op) && op->hasOneUse() ? findNormal(op->getOperand(0)) : Value();
    auto product = x ? dyn_cast<arith::MulFOp>(*op->user_begin()) : arith::MulFOp();
    if (!product)
      return false;
    bool isGelu = isHalfOf(product.getLhs() == op->getResult(0) ? product.getRhs() : product.getLhs(), x);
    Value result = isGelu ? narrow.gelu(x) : Value();
    if (!result)
      return false;
    product.replaceAllUsesWith(result);
    product.erase();
    return true;
  }

private:
  /// Where an argument is too large, the library's function on all of them.
  Value guardAngle(Value (WideApproximation::*function)(Value)) {
    Value limit = narrow.number(WideApproximation::kLargestAngle);
    Value isLarge = narrow.less(limit, narrow.absolute(op->getOperand(0)));
    if (isa<VectorType>(type))
      isLarge = vector::ReductionOp::create(builder, location, vector::CombiningKind::OR, isLarge);
    auto choice = scf::IfOp::create(builder, location, TypeRange{type}, isLarge, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(choice.thenBlock());
    scf::YieldOp::create(builder, location, builder.clone(*op)->getResult(0));
    builder.setInsertionPointToStart(choice.elseBlock());
    scf::YieldOp::create(builder, location, round((wide.*function)(widened(0))));
    return choice.getResult(0);
  }

  OpBuilder &builder;
  Operation *op;
  Location location;
  Type type;
  Approximation narrow;
  WideApproximation wide;
};

struct ApproximateMathPass : lowering::impl::ApproximateMathPassBase<ApproximateMathPass> {
  using ApproximateMathPassBase::ApproximateMathPassBase;

  void runOnOperation() override {
    func::FuncOp kernel = getOperation();
    if (!isKernel(kernel))
      return;
    FailureOr<CpuTarget> target = describeCpu(kernel, cpu);
    if (failed(target))
      return signalPassFailure();
    SmallVector<Operation *> functions;
    kernel.walk([&](Operation *op) {
      if (isa<math::MathDialect>(op->getDialect()) && getElementTypeOrSelf(op->getResult(0).getType()).isF32())
        functions.push_back(op);
    });
    for (Operation *op : functions) {
      OpBuilder builder(op);
      Replacement replacement(builder, op, *target);
      if (replacement.writeGelu()) {
        op->erase();
      } else if (Value value = replacement.write()) {
        op->getResult(0).replaceAllUsesWith(value);
        op->erase();
      }
    }
  }
};

} // namespace
