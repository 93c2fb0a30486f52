// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Cells.h - One step of a GRU ---------------------------------------------===//
//
// s' = z * s + (1 - z) * tanh(input + recurrent), z = sigmoid(..), where the recurrent part of the last gate is
// weights * (r * s), or r * (weights * s + bias). Source: Cho et al., arXiv 1406.1078.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_RECOGNIZE_CELLS_H
#define PARTITA_LIB_IMPORT_RECOGNIZE_CELLS_H

#include "Views.h"

namespace partita::import {

/// A product of rows [n, inputs] with a weight, or some of its columns.
struct RowProduct {
  mlir::Value weight;
  /// The weight's dims are [output, input].
  bool isTransposed = false;
  /// The first output that is used.
  int64_t start = 0;
};

/// What is added up in front of a gate's function.
struct GateSum {
  std::optional<RowProduct> input, state;
  llvm::SmallVector<mlir::Value> biases;
};

struct GruCell {
  /// [n, inputs], [n, units], [n, units].
  mlir::Value x, before, after;
  /// z, r, h. The last one has its recurrent part and that part's biases where it resets after.
  GateSum gates[3];
  llvm::SmallVector<mlir::Value> resetBiases;
  bool resetsAfter = false;
};

/// The step that `sum` is the last op of.
std::optional<GruCell> matchGruCell(mlir::Operation *sum);

/// Whether two steps have the same weights, biases and form.
bool isSameCell(const GruCell &a, const GruCell &b);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_RECOGNIZE_CELLS_H
