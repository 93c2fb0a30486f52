// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- InputTypes.h - Types of a model's inputs --------------------------------===//
//
// Symbolic dims of inputs become numbers or bounded symbols by their bindings. Example: x: [batch, 16] with
// batch=1..8 is tensor<?x16xf32, #partita.shape<[<"batch", 1, 8>], ()[s0] -> (s0, 16)>>.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_INPUTTYPES_H
#define PARTITA_LIB_IMPORT_INPUTTYPES_H

#include "ImportSession.h"
#include "partita/import/Import.h"

namespace partita::import {

/// Defines the model's inputs (those that no initializer gives) as arguments, in the file's order. Reports
/// E-DIM-UNBOUND, E-DIM-NAME, E-IMPORT-OP (an element type or an input that is no tensor), E-BAD-FILE (an input listed
/// twice).
void defineInputs(ImportSession &session, const onnx::Graph &graph, const ImportOptions &options);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_INPUTTYPES_H
