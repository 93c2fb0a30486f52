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

} // namespace partita::import

#endif // PARTITA_IMPORT_PASSES_H
