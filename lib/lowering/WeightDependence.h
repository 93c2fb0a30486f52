// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a kernel computes from weights alone, and which of these values are worth keeping.
//
// Example: y = x * transpose(w): the transpose is worth keeping, and its only source is the argument w.
//   WeightDependence dependence(kernel, {1});          // argument 1 is a weight in every call
//   for (HeldValue held : dependence.findHeld(refused)) held.value, held.ops, held.sources;
#ifndef PARTITA_LIB_LOWERING_WEIGHTDEPENDENCE_H
#define PARTITA_LIB_LOWERING_WEIGHTDEPENDENCE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <set>

namespace partita::lowering {

/// A value that other code of the kernel reads, and all that it is computed by.
struct HeldValue {
  mlir::Value value;
  std::vector<mlir::Operation *> ops; ///< In order, the last defines the value.
  std::vector<int64_t> sources;       ///< Numbers of the arguments, ascending.
};

class WeightDependence {
public:
  /// `weights`: numbers of the arguments that are weights.
  WeightDependence(mlir::func::FuncOp kernel, const std::set<int64_t> &weights);

  /// The values that are worth keeping, without those in `refused`.
  std::vector<HeldValue> findHeld(const llvm::DenseSet<mlir::Value> &refused);

  /// Whether code that is left reads the argument when the values of the last findHeld() are kept.
  bool isRead(int64_t argument) const { return read.contains(argument); }

  /// Whether an op of the kernel computes the value from weights alone, or reads a weight.
  bool dependsOnWeights(mlir::Value value) const { return fixed.contains(value.getDefiningOp()); }

  /// Bytes of a weight; 0 where its extents differ between ranks.
  int64_t bytesOf(int64_t argument) const { return bytes.at(argument); }

private:
  bool isFixed(mlir::Operation *op) const;
  bool isWorthKeeping(mlir::Operation *op) const;
  bool isReadBy(mlir::Operation *op, llvm::function_ref<bool(mlir::Operation *)> reader) const;
  HeldValue collect(mlir::Operation *op) const;

  mlir::Block &body;
  llvm::DenseSet<mlir::Operation *> constant;          ///< Depend on nothing, or on the rank.
  llvm::SetVector<mlir::Operation *> fixed;            ///< Depend on weights and such, in order.
  llvm::DenseMap<mlir::Operation *, int64_t> weightOf; ///< to_tensor of a weight.
  std::map<int64_t, int64_t> bytes;
  std::set<int64_t> read;
};

/// Bytes of a tensor type of static shape, else nothing.
std::optional<int64_t> getStaticBytes(mlir::Type type);

} // namespace partita::lowering

#endif
