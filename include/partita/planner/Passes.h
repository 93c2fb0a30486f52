// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pass of the plan phase.
//
// Example: partita::planner::registerPartitaPlannerPasses(); then --partita-plan="machine=cpu:4 preset=tensor".
#ifndef PARTITA_PLANNER_PASSES_H
#define PARTITA_PLANNER_PASSES_H

#include "mlir/Pass/Pass.h"
#include "partita/dialects/plan/Plan.h"

namespace partita::planner {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "partita/lib/planner/Passes.h.inc"

} // namespace partita::planner

#endif
