// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Plans drawn at random: every op gets any loops that mean something, so that every split rule meets every reshard.
#ifndef PARTITA_TEST_EQUIVALENCE_RANDOMPLAN_H
#define PARTITA_TEST_EQUIVALENCE_RANDOMPLAN_H

#include "mlir/IR/BuiltinOps.h"
#include "partita/placement/Mesh.h"
#include <random>
#include <vector>

namespace partita::test {

/// Annotates the module's graph. With one mesh every op is in one stage; with several the op list is cut into as many
/// stages of random length. Loops are kept only where the op can be placed with them.
void planAtRandom(mlir::ModuleOp module, const std::vector<placement::Mesh> &meshes, std::mt19937_64 &random);

} // namespace partita::test

#endif
