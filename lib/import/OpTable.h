// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- OpTable.h - The operators that are imported -----------------------------===//
//
// Operator names of ONNX's default set to conversions. Example: table.at("Relu")(node) sets node's result.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_OPTABLE_H
#define PARTITA_LIB_IMPORT_OPTABLE_H

#include "NodeContext.h"

#include <map>

namespace partita::import {

/// Sets every result of the node, or reports why it cannot.
using Conversion = void (*)(NodeContext &node);
using OpTable = std::map<std::string, Conversion>;

/// All operators.
const OpTable &getOpTable();

// One function per file of ops/.
void addAttentionOps(OpTable &table);
void addConvolutionOps(OpTable &table);
void addElementwiseOps(OpTable &table);
void addMatrixOps(OpTable &table);
void addMovementOps(OpTable &table);
void addNormalizationOps(OpTable &table);
void addPickingOps(OpTable &table);
void addPoolingOps(OpTable &table);
void addReductionOps(OpTable &table);
void addReshapeOps(OpTable &table);
void addSourceOps(OpTable &table);

/// Computes the node on known integers, and sets its result; false where it must become ops.
bool foldKnown(NodeContext &node);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_OPTABLE_H
