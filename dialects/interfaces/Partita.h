// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `partita` dialect: attributes shared by all phases, and the names of discardable attributes.
#ifndef PARTITA_DIALECTS_INTERFACES_PARTITA_H
#define PARTITA_DIALECTS_INTERFACES_PARTITA_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"

#include "partita/dialects/interfaces/PartitaDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "partita/dialects/interfaces/PartitaAttributes.h.inc"

namespace partita {

inline constexpr llvm::StringLiteral kNameAttr = "partita.name";
inline constexpr llvm::StringLiteral kRoleAttr = "partita.role";
inline constexpr llvm::StringLiteral kSourceAttr = "partita.source";
inline constexpr llvm::StringLiteral kMaximumAttr = "partita.maximum";
/// On a small op of an expansion: it reads across parts. Its loops are not those that made its operands, and what it
/// reads is brought to it.
inline constexpr llvm::StringLiteral kCrossesAttr = "partita.crosses";
inline constexpr llvm::StringLiteral kPhaseAttr = "partita.phase";
inline constexpr llvm::StringLiteral kRoleInput = "input";
inline constexpr llvm::StringLiteral kRoleParameter = "parameter";
inline constexpr llvm::StringLiteral kRoleConstant = "constant";

} // namespace partita

#endif
