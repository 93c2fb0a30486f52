// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One function per upstream dialect; Register.cpp calls them when the dialect is loaded.
#ifndef PARTITA_LIB_ADAPTERS_MODELS_H
#define PARTITA_LIB_ADAPTERS_MODELS_H

#include "partita/dialects/interfaces/Interfaces.h"
#include "partita/dialects/interfaces/SymbolicShape.h"

namespace partita::adapters {

void attachArithModels(mlir::MLIRContext *context);
void attachLinalgModels(mlir::MLIRContext *context);
void attachReshapeModels(mlir::MLIRContext *context);
void attachSliceModels(mlir::MLIRContext *context);
void attachTensorModels(mlir::MLIRContext *context);

/// Empty indexing for operands that are no tensors: sizes and offsets that follow the first `known` operands.
void fillScalarOperands(LoopNest &nest, unsigned numOperands);

/// Sizes of the `?` dims of `type`, which is the type of result 0, outermost first.
llvm::SmallVector<mlir::Value> getDynamicSizes(mlir::RankedTensorType type, const LocalIndexProvider &sizeOf);

/// All sizes of `type`: numbers where they are known.
llvm::SmallVector<mlir::OpFoldResult> getMixedSizes(mlir::OpBuilder &builder, mlir::RankedTensorType type,
                                                    const LocalIndexProvider &sizeOf);

/// Gives `made` the discardable attributes of `op`: name and plan.
mlir::Operation *withAttributesOf(mlir::Operation *op, mlir::Operation *made);

/// Product of the extents.
double countIterations(llvm::ArrayRef<int64_t> extents);

} // namespace partita::adapters

#endif
