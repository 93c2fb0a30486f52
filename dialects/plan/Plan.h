// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The plan dialect: decisions as IR, and the names of the discardable attributes that carry them.
#ifndef PARTITA_DIALECTS_PLAN_PLAN_H
#define PARTITA_DIALECTS_PLAN_PLAN_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "partita/dialects/interfaces/Partita.h"

#include "partita/dialects/plan/PlanDialect.h.inc"
#include "partita/dialects/plan/PlanEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "partita/dialects/plan/PlanAttributes.h.inc"
#define GET_OP_CLASSES
#include "partita/dialects/plan/PlanOps.h.inc"

namespace partita::plan {

inline constexpr llvm::StringLiteral kStageAttr = "partita_plan.stage";
inline constexpr llvm::StringLiteral kLoopsAttr = "partita_plan.loops";
inline constexpr llvm::StringLiteral kReshardsAttr = "partita_plan.reshards";
inline constexpr llvm::StringLiteral kOriginAttr = "partita_plan.origin";
inline constexpr llvm::StringLiteral kAlternativesAttr = "partita_plan.alternatives";
inline constexpr llvm::StringLiteral kStorageAttr = "partita_plan.storage";
inline constexpr llvm::StringLiteral kSchema = "partita.plan/1";

/// The part a local tensor type stands for, or null for a type without one.
PartAttr getPart(mlir::Type type);

} // namespace partita::plan

#endif
