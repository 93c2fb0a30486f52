// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Scan.h - Scan of sets 8 and 9 -------------------------------------------===//
//
// Example: importScan(node) writes out a Scan over [3, 2] as three bodies and a concatenation of their rows.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_OPS_SCAN_H
#define PARTITA_LIB_IMPORT_OPS_SCAN_H

#include "NodeContext.h"

namespace partita::import {

void importScan(NodeContext &node);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_OPS_SCAN_H
