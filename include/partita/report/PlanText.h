// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A plan as text for people.
//
//   mesh     stage0: tensor=4 on devices 0-3
//   decision                      kind         split over            how it gets its operands
//   h.[0-11].mlp.c_fc             contraction  n over tensor         -
//   h.[0-11].mlp.c_proj           contraction  k over tensor         -
//   h.[0-11].mlp/residual         elementwise                        operand 1: all_reduce
#ifndef PARTITA_REPORT_PLANTEXT_H
#define PARTITA_REPORT_PLANTEXT_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"

namespace partita::report {

/// Meshes, what every class of ops splits, what is communicated where, and how parameters are kept.
void printPlan(mlir::ModuleOp module, llvm::raw_ostream &os);

} // namespace partita::report

#endif
