// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Catalog.h - The names of the zoo ----------------------------------------===//
//
// Published models by name, each an architecture with sizes. Example: `gpt3-175b` is `gpt` with 96 layers of hidden
// size 12288, 96 heads and 2048 positions.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_ZOO_CATALOG_H
#define PARTITA_LIB_IMPORT_ZOO_CATALOG_H

#include "partita/import/Zoo.h"
#include "zoo/ModelWriter.h"

namespace partita::import {

/// The graph that `request` names, with its weights declared but not filled. E-ZOO-NAME, E-ZOO-SIZE.
llvm::Expected<ModelWriter> buildZooModel(const ZooRequest &request);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_ZOO_CATALOG_H
