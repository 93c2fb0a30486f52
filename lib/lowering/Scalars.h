// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arithmetic on single elements. `element` is always the graph's element type, whose signedness decides the operation;
// values are signless. Stored type: what lies in memory. Computed type: f32 for 16-bit floats, else the stored type.
//
// Example: for bf16, widen(x) is f32, emitElementwise(mul, ...) multiplies in f32, narrow(...) rounds to bf16.
#ifndef PARTITA_LIB_LOWERING_SCALARS_H
#define PARTITA_LIB_LOWERING_SCALARS_H

#include "mlir/IR/Builders.h"
#include "partita/dialects/graph/Graph.h"
#include "partita/dialects/plan/Plan.h"

namespace partita::lowering {

/// An 8-bit float: stored as a byte, and only cast.
bool isSmallestFloat(mlir::Type element);
mlir::Type getStoredType(mlir::Type element);
mlir::Type getComputedType(mlir::Type element);

/// Builds element operations at a place.
struct Scalars {
  mlir::OpBuilder &builder;
  mlir::Location location;

  mlir::Value widen(mlir::Value stored);
  mlir::Value narrow(mlir::Value computed, mlir::Type element);

  /// Operands and result are of computed type (comparisons and logic: i1).
  mlir::Value emit(graph::ElementwiseKind kind, mlir::Type element, mlir::ValueRange operands);
  /// From stored to stored type.
  mlir::Value cast(mlir::Value value, mlir::Type from, mlir::Type to);
  /// One step of a reduction, on computed types.
  mlir::Value combine(graph::ReduceKind kind, mlir::Type element, mlir::Value a, mlir::Value b);
  /// What leaves the other operand of combine unchanged, of computed type.
  mlir::Value identity(graph::ReduceKind kind, mlir::Type element);

  mlir::Value number(double value, mlir::Type computedFloat);
  mlir::Value integer(int64_t value, mlir::Type signless);
};

/// The f32 that the byte of an 8-bit float stands for, and the byte of the nearest 8-bit float (ties to even).
mlir::Value decodeSmallestFloat(Scalars &scalars, mlir::Value byte, mlir::Type element);
mlir::Value encodeSmallestFloat(Scalars &scalars, mlir::Value f32, mlir::Type element);

graph::ReduceKind toReduceKind(plan::PartialKind kind);

} // namespace partita::lowering

#endif
