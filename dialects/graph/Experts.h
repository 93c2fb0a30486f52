// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the files of the op `experts` share.
#ifndef PARTITA_DIALECTS_GRAPH_EXPERTS_H
#define PARTITA_DIALECTS_GRAPH_EXPERTS_H

#include "partita/dialects/graph/Graph.h"

namespace partita::graph {

/// In how many blocks the tokens [S, T, H] of a set are dispatched; the blocks are what ranks share them out by.
int64_t countTokenBlocks(mlir::RankedTensorType tokens);

} // namespace partita::graph

#endif
