// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- RuleExtents.h - Extents of a rule's loops at one node -------------------===//
//
// Example: for inputs x [6, 8] and w [8, 4] and a rule with dims [row, k] and [k, column], row is 6, k is 8, column 4.
// The types of the body have the symbols "loop row" and so on in place of those that may be cut.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_RULES_RULEEXTENTS_H
#define PARTITA_LIB_IMPORT_RULES_RULEEXTENTS_H

#include "NodeContext.h"

namespace partita::import {

class RuleExtents {
public:
  RuleExtents(NodeContext &node, const OpRule &rule) : node(node), rule(rule) {}

  /// Finds the extent of every loop; E-RULE-SHAPE where they do not fit the operands. False after a report.
  bool resolve(llvm::ArrayRef<mlir::RankedTensorType> types, llvm::ArrayRef<std::vector<DimRule>> dims);

  /// The type that an operand has in the body.
  mlir::RankedTensorType makeGeneric(mlir::RankedTensorType type, const std::vector<DimRule> &dims);
  /// The type of a result, from that of the body; null after a report (E-RULE-SHAPE) where its dims are not the rule's.
  mlir::RankedTensorType makeActual(mlir::RankedTensorType generic, const std::vector<DimRule> &dims, int result);
  /// The type of a result of which only the rule is known; null after a report.
  mlir::RankedTensorType makeStated(const std::vector<DimRule> &dims, mlir::Type element, int result);

  /// "loops row, k": those whose extents are symbols in the body.
  std::string listGeneric() const;

  /// Attributes of the op whose operands and results have these dims. Loops that walk none are left out.
  mlir::ArrayAttr makeLoops(llvm::ArrayRef<std::vector<DimRule>> dims) const;
  mlir::ArrayAttr makeMaps(llvm::ArrayRef<std::vector<DimRule>> dims) const;
  /// Nothing after a report.
  std::optional<mlir::ArrayAttr> makeWork(llvm::ArrayRef<std::vector<DimRule>> dims);

private:
  bool isGeneric(const std::string &loop) const;
  /// Of the node, or after a report nothing.
  std::optional<double> readAttribute(const std::string &name);
  std::optional<DimSize> evaluate(const Formula &formula, const LoopRule &loop);
  bool resolveDim(const DimSize &size, const DimRule &dim, bool &hasLearned);
  std::optional<DimSize> sizeOf(const DimRule &dim, bool generic) const;
  std::vector<std::string> listUsed(llvm::ArrayRef<std::vector<DimRule>> dims) const;
  /// Whether the dim names the loop in the op: inner loops of one iteration are left out.
  bool isNamed(const DimRule &dim, size_t place) const;

  NodeContext &node;
  const OpRule &rule;
  std::map<std::string, DimSize> extents;
};

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_RULES_RULEEXTENTS_H
