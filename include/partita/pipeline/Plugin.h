// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What another MLIR tool needs to plan and partition its own functions: dialects, models of upstream ops, passes. No
// importer, kernels or runtime come with it.
//
// Example: in a tool's main, before MlirOptMain:
//   mlir::DialectRegistry registry;
//   partita::registerPluginDialects(registry);
//   partita::registerPluginPasses();            // --partita-plan, --partita-partition, ...
#ifndef PARTITA_PIPELINE_PLUGIN_H
#define PARTITA_PIPELINE_PLUGIN_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace partita {

/// Partita's dialects, and the upstream dialects whose ops answer Partita's interfaces, with those answers.
void registerPluginDialects(mlir::DialectRegistry &registry);

/// Passes of the phases plan and partition.
void registerPluginPasses();

} // namespace partita

#endif
