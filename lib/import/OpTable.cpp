// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- OpTable.cpp - The operators that are imported ---------------------------===//
#include "OpTable.h"

#include "partita/import/Import.h"

using namespace partita::import;

static OpTable makeOpTable() {
  OpTable table;
  addActivationOps(table);
  addAttentionOps(table);
  addControlFlowOps(table);
  addConvolutionOps(table);
  addDataSizeOps(table);
  addDeformableConvolutionOps(table);
  addEinsumOps(table);
  addElementwiseOps(table);
  addFusedAttentionOps(table);
  addFusedMatrixOps(table);
  addFusedNormOps(table);
  addFusedQuantizedOps(table);
  addExpertOps(table);
  addGeneratorOps(table);
  addGroupedAttentionOps(table);
  addLossOps(table);
  addIndexingOps(table);
  addMatrixOps(table);
  addMovementOps(table);
  addNormalizationOps(table);
  addPaddingOps(table);
  addPickingOps(table);
  addPoolingOps(table);
  addQuantizationOps(table);
  addRandomOps(table);
  addRecurrentOps(table);
  addReductionOps(table);
  addReshapeOps(table);
  addSoftmaxOps(table);
  addResizeOps(table);
  addSamplingOps(table);
  addSourceOps(table);
  addSpectralOps(table);
  addSpatialOps(table);
  addTextOps(table);
  return table;
}

const OpTable &partita::import::getOpTable() {
  static const OpTable table = makeOpTable();
  return table;
}

std::vector<std::string> partita::import::listImportedOperators() {
  std::vector<std::string> names;
  for (const auto &[name, conversion] : getOpTable())
    names.push_back(name);
  return names;
}
