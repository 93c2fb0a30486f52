// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products that read both operands where they lie: a tile knows at compile time how far rows and reduced loops of A are
// from each other, so that nothing is packed and no tables are made. Convolutions are read through their windows.
//
// Example: a 3x3 convolution of a padded image [h, 30, 64], 28 positions in a row, filter in panels. A tile has 14
// positions of one row, 64 elements apart in A; k is three runs of 192 elements, 30 * 64 apart.
#ifndef PARTITA_LIB_LOWERING_INPLACEPRODUCTS_H
#define PARTITA_LIB_LOWERING_INPLACEPRODUCTS_H

#include "TileFunctions.h"

namespace partita::lowering {

/// Writes the product where `builder` stands; false where strides are not known, or where packing is better.
bool writeInPlace(mlir::OpBuilder builder, mlir::Location location, mlir::ModuleOp module, const CpuTarget &cpu,
                  const Contraction &roles, bool overwrites);

} // namespace partita::lowering

#endif
