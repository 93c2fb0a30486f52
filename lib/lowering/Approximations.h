// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions of f32 as arithmetic, on scalars and vectors alike. Coefficients are minimax fits made for this project
// (Remez's exchange algorithm in 50 digits); the reductions of the argument are Cody's and Waite's (Software Manual for
// the Elementary Functions, 1980). docs/numerics.md states the error of each, test/lowering/ApproximationsTest.cpp
// measures it.
//
// Example: Value y = Approximation(builder, location, x.getType(), /*isFused=*/true).exp(x);
#ifndef PARTITA_LIB_LOWERING_APPROXIMATIONS_H
#define PARTITA_LIB_LOWERING_APPROXIMATIONS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

namespace partita::lowering {

/// Arithmetic on values of one shape: a scalar or a vector of f32 or f64.
class Numbers {
public:
  using Value = mlir::Value;

  Numbers(mlir::OpBuilder &builder, mlir::Location location, mlir::Type type, bool isFused);

  Value number(double value);
  Value integer(int64_t value);
  Value add(Value a, Value b) { return mlir::arith::AddFOp::create(builder, location, a, b); }
  Value sub(Value a, Value b) { return mlir::arith::SubFOp::create(builder, location, a, b); }
  Value mul(Value a, Value b) { return mlir::arith::MulFOp::create(builder, location, a, b); }
  Value div(Value a, Value b) { return mlir::arith::DivFOp::create(builder, location, a, b); }
  Value negate(Value a) { return mlir::arith::NegFOp::create(builder, location, a); }
  /// a * b + c, rounded once where the processor can.
  Value multiplyAdd(Value a, Value b, Value c);
  Value absolute(Value a);
  Value floor(Value a);
  /// c0 + c1 x + ...
  Value polynomial(Value x, llvm::ArrayRef<double> coefficients);
  template <typename Op> Value bits(Value a, Value b) { return Op::create(builder, location, a, b); }
  Value toBits(Value a) { return mlir::arith::BitcastOp::create(builder, location, integers, a); }
  Value fromBits(Value a) { return mlir::arith::BitcastOp::create(builder, location, type, a); }
  Value toFloat(Value signedInteger) { return mlir::arith::SIToFPOp::create(builder, location, type, signedInteger); }
  Value compare(mlir::arith::CmpFPredicate predicate, Value a, Value b) {
    return mlir::arith::CmpFOp::create(builder, location, predicate, a, b);
  }
  Value less(Value a, Value b) { return compare(mlir::arith::CmpFPredicate::OLT, a, b); }
  Value equal(Value a, Value b) { return compare(mlir::arith::CmpFPredicate::OEQ, a, b); }
  Value select(Value condition, Value a, Value b) {
    return mlir::arith::SelectOp::create(builder, location, condition, a, b);
  }
  /// Not a number stays what it is.
  Value clamp(Value a, double low, double high);
  /// `magnitude` (not negative) with the sign of `sign`.
  Value copySign(Value magnitude, Value sign);

  struct Rounded {
    Value number, bits; ///< As a float, and as an integer.
  };
  /// The nearest integer of a * factor, which must be small; ties to even.
  Rounded roundProduct(Value a, double factor);

protected:
  mlir::OpBuilder &builder;
  mlir::Location location;
  mlir::Type type, integers;
  bool isFused, isWide;
};

/// In f32.
class Approximation : public Numbers {
public:
  /// `hasTables`: the processor multiplies a 512-bit vector by powers of two, and looks up sixteen numbers in another
  /// (vscalefps and vpermps of AVX-512).
  Approximation(mlir::OpBuilder &builder, mlir::Location location, mlir::Type type, bool isFused,
                bool hasTables = false);

  Value exp(Value x);
  Value log(Value x);
  Value tanh(Value x);
  Value erf(Value x);
  Value erfc(Value x);
  /// erfc(-x / sqrt(2)), which is twice the normal distribution, without the rounding of that argument. Null where the
  /// processor has no tables.
  Value normal(Value x);
  /// x times half of that. Null where the processor has no tables.
  Value gelu(Value x);

private:
  Value upperTail(Value magnitude);
  Value limitTail(Value x);
  struct Power {
    Value fraction;
    Rounded exponent; ///< fraction * 2^floor(exponent); no bits where the processor scales.
  };
  Power splitExp(Value x);
  Power splitExpByTable(Value x);
  /// table[index mod 16] on each lane.
  Value lookUp(Value index, llvm::ArrayRef<double> table);
  /// Overflows to infinity and underflows through the subnormal numbers.
  Value scale(Value fraction, Rounded exponent);
  /// exp where the result is a normal number.
  Value expNormal(Value x);

  bool hasTables;
};

/// Of values that were f32, in f64: so the result is off by hardly more than its last rounding.
class WideApproximation : public Numbers {
public:
  using Numbers::Numbers;

  Value exp(Value x);
  Value logPositive(Value x);
  Value sin(Value x) { return quarter(x, 0, false); }
  Value cos(Value x) { return quarter(x, 1, false); }
  Value tan(Value x) { return quarter(x, 0, true); }
  Value pow(Value x, Value y);
  Value expm1(Value x);
  Value log1p(Value x);
  Value sinh(Value x);
  Value cosh(Value x);

  /// Larger arguments of sin, cos and tan lose bits.
  static constexpr double kLargestAngle = 1e6;

private:
  Value quarter(Value x, int64_t shift, bool isQuotient);
};

} // namespace partita::lowering

#endif
