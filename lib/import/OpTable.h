// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- OpTable.h - The operators that are imported -----------------------------===//
//
// Operator names of ONNX's default set, and DOMAIN.NAME of others, to conversions. Example: table.at("Relu")(node) sets
// node's result.
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
void addActivationOps(OpTable &table);
void addAttentionOps(OpTable &table);
void addControlFlowOps(OpTable &table);
void addConvolutionOps(OpTable &table);
void addDataSizeOps(OpTable &table);
void addDeformableConvolutionOps(OpTable &table);
void addEinsumOps(OpTable &table);
void addElementwiseOps(OpTable &table);
void addFusedAttentionOps(OpTable &table);
void addFusedMatrixOps(OpTable &table);
void addFusedNormOps(OpTable &table);
void addFusedQuantizedOps(OpTable &table);
void addExpertOps(OpTable &table);
void addGeneratorOps(OpTable &table);
void addGroupedAttentionOps(OpTable &table);
void addLossOps(OpTable &table);
void addIndexingOps(OpTable &table);
void addMatrixOps(OpTable &table);
void addMovementOps(OpTable &table);
void addNormalizationOps(OpTable &table);
void addPaddingOps(OpTable &table);
void addPickingOps(OpTable &table);
void addPoolingOps(OpTable &table);
void addQuantizationOps(OpTable &table);
void addQuantizedConvolutionOps(OpTable &table);
void addRandomOps(OpTable &table);
void addRecurrentOps(OpTable &table);
void addReductionOps(OpTable &table);
void addReshapeOps(OpTable &table);
void addSoftmaxOps(OpTable &table);
void addResizeOps(OpTable &table);
void addSamplingOps(OpTable &table);
void addSourceOps(OpTable &table);
void addSpectralOps(OpTable &table);
void addSpatialOps(OpTable &table);
void addTextOps(OpTable &table);

/// The product that MatMul means: the last two dims are matrices, the others batches that repeat as in broadcasting.
/// Null after a report.
mlir::Value makeMatMul(NodeContext &node, mlir::Value lhs, mlir::Value rhs);

/// alpha * a b + beta * c by the attributes of a Gemm node. Null after a report.
mlir::Value makeGemm(NodeContext &node);

/// x - max - log(sum(exp(x - max))) along `axis`, max over the axis.
mlir::Value makeLogSoftmax(NodeContext &node, mlir::Value x, int64_t axis);

/// The sum over the dims `axes` divided by the number of their elements. Null (reported) where one is symbolic.
mlir::Value makeMean(NodeContext &node, mlir::Value value, llvm::ArrayRef<int64_t> axes, bool keepDims);

/// The index of the largest (smallest) element along `axis`, which stays as an extent of 1: si64. The first one of
/// equals, or the last. NaN is larger and smaller than everything.
mlir::Value makeArgReduction(NodeContext &node, mlir::Value x, int64_t axis, bool isMaximum, bool isLast);

/// 0, 1, 2 ... along `dim` in a tensor of `rank` dims, all others of extent 1.
mlir::Value makePositions(NodeContext &node, DimSize extent, int64_t dim, int64_t rank, mlir::Type element);

/// Computes the node on known integers, and sets its result; false where it must become ops.
bool foldKnown(NodeContext &node);
/// The same for operators that move elements, by their own conversions.
bool foldKnownMovement(NodeContext &node);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_OPTABLE_H
