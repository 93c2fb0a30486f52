// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The symbolic extents of a program, in the order of their numbers in code and tables: by name.
//
// Example: for a module whose functions mention symbols "sequence" and "batch": {batch, sequence}.
#ifndef PARTITA_LIB_LOWERING_SYMBOLS_H
#define PARTITA_LIB_LOWERING_SYMBOLS_H

#include "mlir/IR/BuiltinOps.h"
#include "partita/dialects/interfaces/Partita.h"
#include <vector>

namespace partita::lowering {

std::vector<SymbolAttr> collectSymbols(mlir::ModuleOp module);

} // namespace partita::lowering

#endif
