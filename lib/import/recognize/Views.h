// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Views.h - Values as a person reads them ---------------------------------===//
//
// Exporters write one thing in many ways: a mean is kept with a dim of extent 1 or broadcast, a number is a scalar, a
// tensor of one element or a splat, a product is associated to the left or to the right. These helpers see through such
// differences, so that a pattern is written once. Nothing here changes the graph.
//
//   %m = reduce sum(%x) dims [2];  %k = reshape %m to [b, s, 1];  %w = broadcast %k to [b, s, h]
//   viewOf(%w) == {core %m, dims {0, 1}}: the mean runs along dims 0 and 1 of what it is used in
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_RECOGNIZE_VIEWS_H
#define PARTITA_LIB_IMPORT_RECOGNIZE_VIEWS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "partita/dialects/graph/Graph.h"
#include "partita/dialects/interfaces/SymbolicShape.h"

#include <optional>
#include <set>
#include <string>

namespace partita::import {

inline mlir::RankedTensorType typeOf(mlir::Value value) { return llvm::cast<mlir::RankedTensorType>(value.getType()); }

/// A value seen through broadcasts and through reshapes that only add or drop dims of extent 1.
struct View {
  mlir::Value core;
  /// The dim of the outer value that each dim of the core runs along; -1 for a dim of extent 1.
  llvm::SmallVector<int64_t> dims;
};

View viewOf(mlir::Value value);

/// The view of an operand of the view's core, which has the core's shape, from where the view is looked at.
View viewThrough(const View &view, mlir::Value operand);

/// Whether the extent of a dim is the number 1.
bool isUnit(mlir::RankedTensorType type, int64_t dim);

/// Whether dims of two values have the same extent (as symbols, too).
bool isSameExtent(mlir::RankedTensorType a, int64_t dimOfA, mlir::RankedTensorType b, int64_t dimOfB);

/// The number that every element of a value is: a splat constant or a parameter of one element whose data can be read,
/// seen through views.
std::optional<double> readNumber(mlir::Value value);

/// The same, of constants alone: a parameter may be trained, so an op with it is never nothing.
std::optional<double> readConstant(mlir::Value value);

/// Whether |a - b| is within rounding to f32 (2^-22, relative): constants of patterns come rounded.
bool isAbout(double a, double b);
bool isNumber(mlir::Value value, double expected);

/// The operands of an elementwise op of this kind, or nothing.
std::optional<mlir::OperandRange> matchElementwise(mlir::Value value, graph::ElementwiseKind kind);

/// `value` as other * number, for a product or quotient one operand of which is a number.
struct Scaled {
  mlir::Value other;
  double factor = 1.0;
};
Scaled matchScaled(mlir::Value value);

/// The operand that is not a number of a sum with a number, and the number.
std::optional<std::pair<mlir::Value, double>> matchShifted(mlir::Value value);

/// A product as a number times factors, in the order in which they are written: products are taken apart where nothing
/// else reads them.
struct Product {
  double number = 1.0;
  llvm::SmallVector<mlir::Value> factors;
};
Product takeProductApart(mlir::Value value);

/// A walk from a value down through functions of rows: views are passed, and the dims along which what is reached runs
/// are known at every place.
class Trail {
public:
  /// Begins at `wide`, whose dims the trail's are named after.
  explicit Trail(mlir::Value wide);
  /// At a view of a value of type `outer`.
  Trail(mlir::RankedTensorType outer, View view) : outer(outer), place(view.core), dims(std::move(view.dims)) {}
  mlir::Value at() const { return place; }
  /// Goes on to a value of the shape of at(): the operand of an elementwise op.
  void follow(mlir::Value operand);
  /// Goes on through a product or quotient with a number, and returns the factor (1 where there is none).
  double followScale();
  /// Whether at(), its dims of extent 1 aside, runs along exactly the dims of the outer value that `keep` accepts.
  bool runsAlong(llvm::function_ref<bool(int64_t)> keep) const;
  mlir::RankedTensorType getOuterType() const { return outer; }

private:
  mlir::RankedTensorType outer;
  mlir::Value place;
  llvm::SmallVector<int64_t> dims;
};

/// A reduction of `input` (of the type of the trail's outer value) at the end of a trail, every row of which goes where
/// it came from.
struct RowReduction {
  mlir::Value input;
  llvm::SmallVector<int64_t> dims;
};
std::optional<RowReduction> matchRowReduction(const Trail &trail, graph::ReduceKind kind);

/// The mean of `input` over some dims of known extents, in increasing order.
struct Mean {
  mlir::Value input;
  llvm::SmallVector<int64_t> dims;
};
std::optional<Mean> matchMean(Trail trail);

/// Erases the ops of a graph that nothing uses, last ones first; ops are pure.
void eraseUnused(mlir::Block &body);

/// Names of ops in one function: unique, new ones are derived.
class NameTable {
public:
  explicit NameTable(mlir::func::FuncOp function);
  /// NAME/part of the op's name, with _2, _3 ... behind where it is taken.
  mlir::StringAttr derive(mlir::Operation *op, llvm::StringRef part);

private:
  std::set<std::string> names;
};

/// `core`, whose dim i runs along dim dims[i] of `wide` (-1: a dim of extent 1), with the extents of `wide` in the
/// place and under the name of NAME/part.
mlir::Value widen(mlir::OpBuilder &builder, mlir::Operation *at, NameTable &names, llvm::StringRef part,
                  mlir::Value core, llvm::ArrayRef<int64_t> dims, mlir::RankedTensorType wide);

/// The number in every element of a tensor of this type.
mlir::Value makeSplat(mlir::OpBuilder &builder, mlir::Operation *at, NameTable &names, llvm::StringRef part,
                      mlir::RankedTensorType type, double number);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_RECOGNIZE_VIEWS_H
