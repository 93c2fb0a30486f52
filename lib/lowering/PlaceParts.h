// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What becomes a part of a larger tensor, such as the inside of a padded image, is computed in its place there.
//
// Example, before and after (an image of 28 x 28 in one of 30 x 30):
//   %y = scf.forall ... shared_outs(%o = %empty) { ... }
//   %p = tensor.insert_slice %y into %zeros[1, 1] [28, 28]
//
//   %border = zeros only outside of [1, 1] [28, 28]
//   %inside = tensor.extract_slice %border[1, 1] [28, 28]
//   %y = scf.forall ... shared_outs(%o = %inside) { ... }
//   %p = tensor.insert_slice %y into %border[1, 1] [28, 28]
#ifndef PARTITA_LIB_LOWERING_PLACEPARTS_H
#define PARTITA_LIB_LOWERING_PLACEPARTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace partita::lowering {

void placeParts(mlir::func::FuncOp kernel);

} // namespace partita::lowering

#endif
