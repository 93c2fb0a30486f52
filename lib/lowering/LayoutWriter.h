// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rewrites a kernel so that values keep the order of dims in which they are computed for as long as possible.
//
// Example: conv [n,h,w,c] -> marked transpose [n,c,h,w] -> relu -> pad -> marked transpose [n,h,w,c] -> conv
//   LayoutWriter(kernel, {}).run();                             // both transposes are gone
// What needs the model's order (communication, results) gets a transposed copy.
#ifndef PARTITA_LIB_LOWERING_LAYOUTWRITER_H
#define PARTITA_LIB_LOWERING_LAYOUTWRITER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <map>

namespace partita::lowering {

/// On a transpose between the order of dims that the model has and the one that a kernel prefers. True: what follows is
/// in the model's order.
inline constexpr llvm::StringLiteral kLayoutAttr = "partita_collective.layout";

/// Dim i in memory is dim order[i] of the value.
using DimOrder = llvm::SmallVector<int64_t>;

/// A copy of which dim i is dim order[i] of the tensor.
mlir::Value transposeDims(mlir::OpBuilder &builder, mlir::Location location, mlir::Value tensor,
                          llvm::ArrayRef<int64_t> order);

class LayoutWriter {
public:
  /// `buffers`: numbers of the kernel's buffers that hold their values in another order than the model's.
  LayoutWriter(mlir::func::FuncOp kernel, std::map<int64_t, DimOrder> buffers)
      : kernel(kernel), buffers(std::move(buffers)), rewriter(kernel.getContext()) {}

  void run();

private:
  struct Stored {
    mlir::Value value;
    DimOrder order;
  };

  void visit(mlir::Operation *op);
  bool moveMarked(mlir::linalg::GenericOp op);
  void turnBeforePadding(mlir::linalg::GenericOp op);
  bool moveGeneric(mlir::linalg::GenericOp op);
  bool moveInsert(mlir::tensor::InsertSliceOp op);
  bool moveExtract(mlir::tensor::ExtractSliceOp op);
  bool moveExpand(mlir::tensor::ExpandShapeOp op);
  bool moveCollapse(mlir::tensor::CollapseShapeOp op);
  bool moveCast(mlir::tensor::CastOp op);
  bool moveBuffer(mlir::Operation *op);
  void restoreOperands(mlir::Operation *op);

  const Stored *find(mlir::Value value) const;
  void keep(mlir::Value old, mlir::Value stored, mlir::ArrayRef<int64_t> order);
  mlir::Value restore(mlir::Value value);
  mlir::Value bring(mlir::Value value, llvm::ArrayRef<int64_t> order);
  mlir::Value makeView(mlir::Value buffer, llvm::ArrayRef<int64_t> order);
  std::optional<DimOrder> chooseOrder(mlir::linalg::GenericOp op) const;

  mlir::func::FuncOp kernel;
  std::map<int64_t, DimOrder> buffers;
  mlir::IRRewriter rewriter;
  llvm::DenseMap<mlir::Value, Stored> stored;
  llvm::DenseMap<mlir::Value, mlir::Value> restored;
};

} // namespace partita::lowering

#endif
