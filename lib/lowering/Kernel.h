// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a kernel is, and the attributes by which passes of this folder find it.
//
// Example: func.func @segment_0_kernel(%context: !llvm.ptr, %buffers: !llvm.ptr)
//            attributes {partita_collective.kernel = @segment_0, partita_collective.stage = @s}
#ifndef PARTITA_LIB_LOWERING_KERNEL_H
#define PARTITA_LIB_LOWERING_KERNEL_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "partita/dialects/collective/Collective.h"

namespace partita::lowering {

/// On a kernel: the segment that it computes.
inline constexpr llvm::StringLiteral kKernelAttr = "partita_collective.kernel";
/// On a kernel: bytes of scratch memory that a call needs.
inline constexpr llvm::StringLiteral kScratchAttr = "partita_collective.scratch";
/// On a kernel: bytes of scratch memory that a thread needs which runs one of its loop bodies.
inline constexpr llvm::StringLiteral kWorkerScratchAttr = "partita_collective.worker_scratch";

inline bool isKernel(mlir::func::FuncOp function) { return function->hasAttr(kKernelAttr); }
inline mlir::Value getContext(mlir::func::FuncOp kernel) { return kernel.getArgument(0); }

/// On a call of a stage function: it prepares weights, once, before the first step. Such calls read only weights.
inline constexpr llvm::StringLiteral kInitAttr = "partita_collective.init";
inline bool isInitCall(mlir::Operation *op) { return op->hasAttr(kInitAttr); }

/// Byte offsets of partita_context's members (partita/runtime/Context.h).
enum class ContextMember { coordinates = 0, axisSizes = 8, symbols = 16, scratch = 32, workerScratch = 72 };

/// A call of an entry point of partita/runtime/Context.h, which is declared where it is not yet.
void callRuntime(mlir::OpBuilder &builder, mlir::Location location, llvm::StringRef name, mlir::ValueRange arguments);

/// A pointer member of the context.
mlir::Value loadMember(mlir::OpBuilder &builder, mlir::Location location, mlir::Value context, ContextMember member);

/// Element `index` of an array of pointers or 64-bit integers.
mlir::Value loadElement(mlir::OpBuilder &builder, mlir::Location location, mlir::Value array, int64_t index,
                        mlir::Type type);

/// memref<?xi8> that begins at `pointer`; its extent is never read.
mlir::Value makeBytes(mlir::OpBuilder &builder, mlir::Location location, mlir::Value pointer);

/// A dense buffer of this type at `bytes` + `offset`.
mlir::Value makeView(mlir::OpBuilder &builder, mlir::Location location, mlir::Value bytes, int64_t offset,
                     mlir::MemRefType type, mlir::ValueRange dynamicSizes);

/// The kernel's buffer `index`: those of the segment's arguments, then those of its results.
mlir::Value makeBuffer(mlir::OpBuilder &builder, mlir::Location location, mlir::func::FuncOp kernel, int64_t index,
                       mlir::MemRefType type, mlir::ValueRange dynamicSizes);

/// The number of a buffer that makeBuffer made; nullopt for any other.
std::optional<int64_t> getBufferNumber(mlir::Value buffer);

/// Gives every buffer the number `numberOf` its old one.
void renumberBuffers(mlir::func::FuncOp kernel, llvm::function_ref<int64_t(int64_t)> numberOf);

} // namespace partita::lowering

#endif
