// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The collective dialect: per-device programs and their communication. See Collective.td.
#ifndef PARTITA_DIALECTS_COLLECTIVE_COLLECTIVE_H
#define PARTITA_DIALECTS_COLLECTIVE_COLLECTIVE_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "partita/dialects/plan/Plan.h"

#include "partita/dialects/collective/CollectiveDialect.h.inc"
#include "partita/dialects/collective/CollectiveEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "partita/dialects/collective/CollectiveAttributes.h.inc"
#define GET_TYPEDEF_CLASSES
#include "partita/dialects/collective/CollectiveTypes.h.inc"
#define GET_OP_CLASSES
#include "partita/dialects/collective/CollectiveOps.h.inc"

namespace partita::collective {

inline constexpr llvm::StringLiteral kStageAttr = "partita_collective.stage";
inline constexpr llvm::StringLiteral kEventAttr = "partita_collective.event";
inline constexpr llvm::StringLiteral kChannelAttr = "partita_collective.channel";

/// True for the value-form communication ops (all_reduce ... partialize).
bool isStep(mlir::Operation *op);

/// True for those that send nothing (slice, partialize).
bool isLocalStep(mlir::Operation *op);

/// The stage whose mesh an op inside a function lies on; null (with a diagnostic) when the function names none.
plan::StageOp getStage(mlir::Operation *op);

} // namespace partita::collective

#endif
