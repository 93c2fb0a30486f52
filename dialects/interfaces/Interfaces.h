// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Op interfaces of Partita: SplitOpInterface, CostOpInterface, CountedOpInterface, DecomposableOpInterface.
#ifndef PARTITA_DIALECTS_INTERFACES_INTERFACES_H
#define PARTITA_DIALECTS_INTERFACES_INTERFACES_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include "partita/dialects/interfaces/LoopNest.h"
#include <functional>

namespace partita {

/// Which unit executes an op's arithmetic.
enum class WorkKind { matrix, attention, vector, movement };

/// Arithmetic operations and the unit that executes them.
struct Work {
  double operations = 0;
  WorkKind kind = WorkKind::vector;
};

/// The index value of (result, dim): a local size or a global offset.
using LocalIndexProvider = std::function<mlir::Value(unsigned result, unsigned dim)>;

/// Clones `op` with other operands and result types; attributes and properties are kept, regions cloned.
mlir::Operation *cloneWithTypes(mlir::OpBuilder &builder, mlir::Operation *op, mlir::ValueRange operands,
                                mlir::TypeRange resultTypes);

/// The model's name of an op: its inherent `name`, else the discardable `partita.name`, else the op's own name.
llvm::StringRef getModelName(mlir::Operation *op);

} // namespace partita

#include "partita/dialects/interfaces/Interfaces.h.inc"

#endif
