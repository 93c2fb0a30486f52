// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// --input-value NAME=FILE.npy: inputs of a model that are fixed while importing it.
//
// Example: `--input-value shape=new_shape.npy` makes the input `shape` of a Reshape a constant of the program.
#ifndef PARTITA_LIB_PIPELINE_INPUTVALUES_H
#define PARTITA_LIB_PIPELINE_INPUTVALUES_H

#include "CommandLine.h"
#include "partita/import/Import.h"

namespace partita {

/// The values of all --input-value options. E-USAGE, E-BAD-FILE, E-INPUT-VALUE.
llvm::Expected<std::vector<import::InputValue>> readInputValues(mlir::MLIRContext &context, const Arguments &arguments);

} // namespace partita

#endif
