// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The graph dialect: the model as whole-tensor mathematics, no devices. See Graph.td for every op's definition.
#ifndef PARTITA_DIALECTS_GRAPH_GRAPH_H
#define PARTITA_DIALECTS_GRAPH_GRAPH_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "partita/dialects/interfaces/Interfaces.h"
#include "partita/dialects/interfaces/Partita.h"
#include "partita/dialects/interfaces/SymbolicShape.h"

#include "partita/dialects/graph/GraphDialect.h.inc"
#include "partita/dialects/graph/GraphEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "partita/dialects/graph/GraphAttributes.h.inc"
#define GET_OP_CLASSES
#include "partita/dialects/graph/GraphOps.h.inc"

#endif
