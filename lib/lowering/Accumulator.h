// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A reduction kept in the lanes of vectors. Sums are one vector; a maximum or minimum of floats is three vectors of
// integers, since the processor's own instructions forget what is not a number and which zero is the larger one.
//
// Example: the bits of 1, -2 and -0 are 3f800000, c0000000 and 80000000. Their largest as signed integers is 1, their
// largest as unsigned ones -2: the maximum and the minimum; where all are negative the maximum is the smallest one.
#ifndef PARTITA_LIB_LOWERING_ACCUMULATOR_H
#define PARTITA_LIB_LOWERING_ACCUMULATOR_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace partita::lowering {

class Accumulator {
public:
  using Values = llvm::SmallVector<mlir::Value>;

  /// `combiner` is what findCombiner found, `type` a vector of its terms.
  Accumulator(mlir::OpBuilder &builder, mlir::Operation *combiner, mlir::VectorType type);

  unsigned countParts() const { return isExtreme ? 3 : 1; }
  /// Before any term.
  Values begin();
  /// With one more vector of terms.
  Values add(mlir::ValueRange parts, mlir::Value term);
  /// Both together.
  Values merge(mlir::ValueRange parts, mlir::ValueRange others);
  /// All lanes in one number.
  mlir::Value finish(mlir::ValueRange parts);
  /// The combiner itself on two numbers.
  mlir::Value combine(mlir::Value a, mlir::Value b);

private:
  mlir::Value finishExtreme(mlir::Value largestSigned, mlir::Value smallest, mlir::Value largest);

  mlir::OpBuilder &builder;
  mlir::Operation *combiner;
  mlir::Location location;
  mlir::VectorType type;
  bool isMaximum, isExtreme;
};

} // namespace partita::lowering

#endif
