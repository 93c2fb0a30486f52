// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How large the tiles of a kernel region are. They follow from extents alone, not from the number of threads or the
// processor, so that results and memory are the same everywhere. Each function returns false where one tile would hold
// everything or the work is too small for threads: then there is no region.
//
// Example: 128 x 768 times 768 x 768 becomes blocks of 128 x 96; softmax over 4096 rows of 1024, tiles of 4 rows.
#ifndef PARTITA_LIB_LOWERING_REGIONTILES_H
#define PARTITA_LIB_LOWERING_REGIONTILES_H

#include "KernelRegion.h"

namespace partita::lowering {

/// Bytes of all values in a tile, at tile sizes chosen so far, or at one element of every axis.
int64_t bytesOfTile(const KernelRegion &region, bool ofOneElement = false);

/// How many tiles the active axes could give at most; along contiguous memory a tile has a whole vector.
int64_t countRows(const KernelRegion &region);

/// Blocks of rows and columns of a product.
bool chooseBlocks(KernelRegion &region);
/// Rows of two products with whole rows between them.
bool chooseStrips(KernelRegion &region);
/// As many rows as a cache next to the core holds.
bool chooseRows(KernelRegion &region);

} // namespace partita::lowering

#endif
