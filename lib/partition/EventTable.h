// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The event table of a forward program.
#ifndef PARTITA_LIB_PARTITION_EVENTTABLE_H
#define PARTITA_LIB_PARTITION_EVENTTABLE_H

#include "PlanView.h"

namespace partita::partition {

/// Writes `partita_collective.program @main`: for each micro-batch, each device walks its stages in order and receives
/// what the stage needs, runs it, and sends what it made. Stages must have the same number of micro-batches.
mlir::LogicalResult writeEventTable(mlir::ModuleOp module, const std::vector<Stage> &stages);

} // namespace partita::partition

#endif
