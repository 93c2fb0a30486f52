// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Rebatch.h - A model with another batch than its file has ----------------===//
//
// Files often have the batch as a number, also in constants (the shape of a Reshape, initial states). Once imported,
// sizes are in types alone, so that the batch is another number where the types of all values that carry it say so.
// What the model then gives are the results that it gave for each part of the batch, one after the other. Example,
// `--batch 6` on a file whose inputs begin with 2:
//
//   rebatch(session, function, {{{"x", 0}, {"mask", 0}}, 2, 6});
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_REBATCH_H
#define PARTITA_LIB_IMPORT_REBATCH_H

#include "ImportSession.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace partita::import {

/// Changes the function's batch as the session was asked to. Reports E-DIM-FIXED for every op that puts elements of
/// the batch together, or holds numbers of its own for each.
void rebatch(ImportSession &session, mlir::func::FuncOp function);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_REBATCH_H
