// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes of the import phase: they run on the whole graph, before any plan exists.
#ifndef PARTITA_IMPORT_PASSES_H
#define PARTITA_IMPORT_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace partita::import {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "partita/lib/import/Passes.h.inc"

/// What every imported graph goes through: fused projections are taken apart, composites are recognised.
void addImportPasses(mlir::OpPassManager &passes);

} // namespace partita::import

#endif // PARTITA_IMPORT_PASSES_H
