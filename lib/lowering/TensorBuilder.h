// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes the tensor code of one kernel: loops over plain local tensors as linalg.generic, with extents that may differ
// between ranks as index values.
//
// Example, y = x * 2 for a local x: tensor<?x8xf32>:
//   Value y = tensors.map({x}, {identity}, tensors.sizesOf(type), f32, [&](Scalars &at, ValueRange e) {
//     return at.emit(Kind::mul, f32, {e[0], at.number(2, f32)}); });
// Bodies see computed types (16-bit floats as f32) and give computed types; storing rounds.
#ifndef PARTITA_LIB_LOWERING_TENSORBUILDER_H
#define PARTITA_LIB_LOWERING_TENSORBUILDER_H

#include "Scalars.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/StringMap.h"
#include <map>

namespace partita::lowering {

using Sizes = llvm::SmallVector<mlir::OpFoldResult>;
using Body = llvm::function_ref<mlir::Value(Scalars &, mlir::ValueRange)>;
using LoopBody = llvm::function_ref<mlir::Value(Scalars &, mlir::ValueRange, mlir::Value)>;
using Maps = llvm::ArrayRef<mlir::AffineMap>;

/// The plain tensor type of a local type: no encoding, signless.
mlir::RankedTensorType getPlainType(mlir::Type local);

/// A letter per loop: the map from the loops `order` to the dims `term`; mapOf("mkn", "kn") is (m,k,n) -> (k,n).
mlir::AffineMap mapOf(mlir::MLIRContext *context, llvm::StringRef order, llvm::StringRef term);

class TensorBuilder {
public:
  TensorBuilder(mlir::OpBuilder &builder, mlir::func::FuncOp kernel) : builder(builder), kernel(kernel) {}

  /// Code is located at the op that is being lowered.
  void setLocation(mlir::Location newLocation) { location = newLocation; }
  mlir::Location getLocation() const { return location; }
  mlir::MLIRContext *getContext() const { return builder.getContext(); }

  //===-- Sizes of local values ---------------------------------------------------------------------------------===//

  /// This rank's extent of a dim of a local type; an attribute when all ranks agree.
  mlir::OpFoldResult sizeOf(mlir::RankedTensorType local, int64_t dim);
  Sizes sizesOf(mlir::RankedTensorType local);
  /// The whole value's extent, and the index in it at which this rank's part begins.
  mlir::Value globalSizeOf(mlir::RankedTensorType local, int64_t dim);
  mlir::Value offsetOf(mlir::RankedTensorType local, int64_t dim);

  /// Within the body of a custom op: the extents that the symbols in its types stand for here.
  void bindSymbol(llvm::StringRef name, mlir::Value extent) { symbols[name] = extent; }
  mlir::Value findSymbol(llvm::StringRef name) const { return symbols.lookup(name); }
  void clearSymbols() { symbols.clear(); }

  mlir::Value index(int64_t value);
  mlir::Value toValue(mlir::OpFoldResult size);
  mlir::OpFoldResult add(mlir::OpFoldResult a, mlir::OpFoldResult b);

  //===-- Tensors -----------------------------------------------------------------------------------------------===//

  mlir::Value empty(const Sizes &sizes, mlir::Type element);
  /// A tensor filled with `scalar`, of stored type.
  mlir::Value fill(mlir::Value scalar, const Sizes &sizes);
  /// One element per index of `sizes` from the elements of the inputs; `element` is the graph's element type.
  mlir::Value map(llvm::ArrayRef<mlir::Value> inputs, Maps maps, const Sizes &sizes, mlir::Type element, Body body);
  /// As map, when all inputs have the result's shape.
  mlir::Value mapSame(llvm::ArrayRef<mlir::Value> inputs, const Sizes &sizes, mlir::Type element, Body body);
  /// General loops: parallel where `resultMap` names the loop, else reductions. The body's last value is the
  /// accumulator, which begins as the identity of `kind`. The result has the computed type of `element`.
  mlir::Value reduce(llvm::ArrayRef<mlir::Value> inputs, Maps maps, mlir::AffineMap resultMap, const Sizes &sizes,
                     graph::ReduceKind kind, mlir::Type element, Body body);
  /// One iteration after the other, row-major over `sizes`: body(indices, tensor so far) gives the tensor from then on.
  mlir::Value loop(const Sizes &sizes, mlir::Value start, LoopBody body);
  /// Rounds a tensor of computed type to the stored type of `element`.
  mlir::Value round(mlir::Value computed, const Sizes &sizes, mlir::Type element);
  /// The same elements, row-major, under another shape. The first `leading` and the last `trailing` dims stay as they
  /// are.
  mlir::Value reshape(mlir::Value tensor, const Sizes &sizes, int64_t leading = 0, int64_t trailing = 0);

  mlir::OpBuilder &builder;

private:
  mlir::func::FuncOp kernel;
  mlir::Location location = builder.getUnknownLoc();
  std::map<std::tuple<const void *, int64_t, int>, mlir::Value> known;
  llvm::StringMap<mlir::Value> symbols;

  /// One dim of `flat` taken apart into those in the middle, element by element.
  mlir::Value pickMiddle(mlir::Value flat, const Sizes &sizes, int64_t leading, int64_t trailing);

  /// The extent of a dim of a body's value; null where the type is not of a body.
  mlir::Value sizeInBody(mlir::RankedTensorType local, int64_t dim);

  /// Extents and offsets depend on nothing, so they are written once, at the kernel's begin.
  mlir::Value indexOfPart(mlir::RankedTensorType local, int64_t dim, bool isOffset);
};

} // namespace partita::lowering

#endif
