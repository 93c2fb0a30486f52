// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes of the lowering phase; see Passes.td.
//
// Example: lowering::registerPartitaLoweringPasses(); then --partita-lower-graph in a textual pipeline.
#ifndef PARTITA_LOWERING_PASSES_H
#define PARTITA_LOWERING_PASSES_H

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"

namespace partita::lowering {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "partita/lib/lowering/Passes.h.inc"

} // namespace partita::lowering

#endif
