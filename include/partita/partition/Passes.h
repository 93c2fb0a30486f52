// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes of the partition phase.
#ifndef PARTITA_PARTITION_PASSES_H
#define PARTITA_PARTITION_PASSES_H

#include "mlir/Pass/Pass.h"
#include "partita/dialects/collective/Collective.h"

namespace partita::partition {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "partita/lib/partition/Passes.h.inc"

} // namespace partita::partition

#endif
