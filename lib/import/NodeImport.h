// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- NodeImport.h - The initializers and nodes of a graph --------------------===//
//
// Example: `defineInputs(session, graph, options); importBody(session, graph);` and every tensor that the outputs need
// is defined, or its problem reported.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_NODEIMPORT_H
#define PARTITA_LIB_IMPORT_NODEIMPORT_H

#include "ImportSession.h"

namespace partita::import {

void importBody(ImportSession &session, const onnx::Graph &graph);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_NODEIMPORT_H
