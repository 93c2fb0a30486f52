// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- KnownValue.h - Values that depend on positions alone --------------------===//
//
// A causal mask is written in a dozen ways: triangles of ones, comparisons of positions, gathers from a table. What it
// is shows in its elements, not in its spelling.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_RECOGNIZE_KNOWNVALUE_H
#define PARTITA_LIB_IMPORT_RECOGNIZE_KNOWNVALUE_H

#include "Views.h"
#include "partita/interpreter/Tensor.h"

namespace partita::import {

/// The elements of a value that is computed from constants and positions by a few ops of static shapes; nothing where
/// it depends on an input, or is too large to look at. Data in files is read only if asked for: a parameter may be
/// trained, so that nobody may take for granted what a weight could be by chance (all zeros, all ones).
std::optional<interpreter::Tensor> evaluateKnown(mlir::Value value, bool readsFiles = false);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_RECOGNIZE_KNOWNVALUE_H
