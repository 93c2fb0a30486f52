// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One stage's forward function while it is being written: its local values, by whole value and placement.
#ifndef PARTITA_LIB_PARTITION_STAGEPROGRAM_H
#define PARTITA_LIB_PARTITION_STAGEPROGRAM_H

#include "PlanView.h"
#include "partita/placement/Reshard.h"

namespace partita::partition {

class StageProgram {
public:
  /// Creates `@STAGE_forward` with an empty body at the end of the module.
  StageProgram(mlir::ModuleOp module, const Stage &stage);

  const placement::Mesh &getMesh() const { return stage.mesh; }
  mlir::FlatSymbolRefAttr getSymbol() { return mlir::FlatSymbolRefAttr::get(stage.op.getSymNameAttr()); }
  mlir::OpBuilder &getBuilder() { return builder; }

  /// The local value that is this placement of the whole value; null when no copy like that was made yet.
  mlir::Value find(mlir::Value whole, plan::PlacementAttr placement) const;
  void remember(mlir::Value whole, plan::PlacementAttr placement, mlir::Value local);

  /// A new argument of the function holding this part; `attributes` describe where it comes from.
  mlir::Value addArgument(mlir::Value whole, plan::PlacementAttr placement,
                          llvm::ArrayRef<mlir::NamedAttribute> attributes, mlir::Location location);

  /// A new result of the function.
  void addResult(mlir::Value local, llvm::ArrayRef<mlir::NamedAttribute> attributes);

  /// Walks a path of placements from an existing copy, adding one communication op per step that is not there yet.
  /// Returns the last copy; null after a diagnostic at `user`.
  mlir::Value walkPath(mlir::Value whole, llvm::ArrayRef<plan::PlacementAttr> path, mlir::Operation *user);

  /// Type of this part of a whole value; fails at `user` when an axis is unknown or the placement malformed.
  mlir::FailureOr<mlir::RankedTensorType> getPartType(mlir::Value whole, plan::PlacementAttr placement,
                                                      mlir::Operation *user);

  /// Writes the terminator and the function type.
  void finish();

private:
  mlir::Value findCounts(mlir::Value whole, plan::PlacementAttr from, const placement::Step &step) const;
  mlir::Value addStep(mlir::Value whole, mlir::Value local, plan::PlacementAttr to, mlir::Operation *user);

  Stage stage;
  mlir::func::FuncOp function;
  mlir::OpBuilder builder;
  llvm::DenseMap<std::pair<mlir::Value, mlir::Attribute>, mlir::Value> copies;
  llvm::SmallVector<mlir::DictionaryAttr> argumentAttributes, resultAttributes;
  llvm::SmallVector<mlir::Value> results;
};

/// The model's name of a value: of the op that makes it, or of the argument.
std::string getValueName(mlir::Value value);

} // namespace partita::partition

#endif
