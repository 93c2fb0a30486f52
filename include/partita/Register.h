// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registers everything of Partita with an MLIR context or tool: dialects, interface models for upstream dialects,
// passes.
//
// Example: mlir::DialectRegistry registry; partita::registerAll(registry); mlir::MLIRContext context(registry);
#ifndef PARTITA_REGISTER_H
#define PARTITA_REGISTER_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace partita {

/// Partita's dialects, the upstream dialects its lowering uses, and all external interface models.
void registerAll(mlir::DialectRegistry &registry);

/// All passes and pipelines, for textual pipelines (`partita-opt --partita-partition`).
void registerAllPasses();

} // namespace partita

#endif
