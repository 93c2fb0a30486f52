// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Rules.h - What a user says of ops that are not known --------------------===//
//
// A rule states for an operator, by its name, which loops it has, which dims they walk, how parts combine, and what it
// costs. An importer given rules keeps such an op whole, as partita_graph.custom. The file's format is docs/rules.md.
// Example:
//
//   llvm::Expected<std::vector<OpRule>> rules = readRules("rules.json");
//   options.rules = *rules;                                   // of an ImportOptions
//   // rules->front(): {"com.example", "Mix", loops {{"row", parallel}, {"k", sum}}, inputs {{{"row"}, {"k"}}} ...}
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_IMPORT_RULES_H
#define PARTITA_IMPORT_RULES_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"
#include "llvm/Support/Error.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace partita::import {

/// A sum of products of loops' extents ("row") and of a node's attributes ("@heads"): factors by the names, sorted.
/// 2 * row * k + row: {{"k", "row"}: 2, {"row"}: 1}.
using Formula = std::map<std::vector<std::string>, double>;

/// Numbers, names, +, -, * and parentheses. Nothing after a mistake, with a text of what is expected where.
std::optional<Formula> parseFormula(llvm::StringRef text, std::string &problem);

struct LoopRule {
  std::string label;
  /// A kind of partita_graph.loop: parallel, sum, max, min, and, or, whole.
  std::string kind;
  std::string reason;
  /// Where the inputs do not tell it.
  std::optional<Formula> extent;
};

/// Loops of one dim, outermost first; none for a dim that no loop walks.
using DimRule = std::vector<std::string>;

struct InputRule {
  /// The dims; none where every part reads all of the input.
  std::optional<std::vector<DimRule>> dims;
  /// The input is known while importing and becomes a part of the op.
  bool isConstant = false;
};

struct OpRule {
  /// The default domain is empty.
  std::string domain, op;
  std::vector<LoopRule> loops;
  std::vector<InputRule> inputs;
  std::vector<std::vector<DimRule>> outputs;
  std::vector<std::vector<unsigned>> linear;
  Formula operations;
  /// matrix, attention, vector or movement.
  std::string unit;
  /// Of results, where there is no body: the number of the input whose element type it is.
  std::vector<unsigned> elements;
  /// A model file with a function of this name, or whose graph computes the op; empty: the model's own function, or the
  /// operator as the importer knows it.
  std::string body;

  /// Types of the results, where the model states them and no rule does.
  std::vector<mlir::RankedTensorType> types;

  std::string getName() const { return domain.empty() ? op : domain + "." + op; }
  const LoopRule *findLoop(llvm::StringRef label) const;
};

/// Reads a rule file (`partita.rules/1`). E-BAD-FILE: it is not one, or contradicts itself.
llvm::Expected<std::vector<OpRule>> readRules(llvm::StringRef path);

/// Tries what custom ops say of themselves on their bodies. Ops that are equal but for names are tried once.
class ClaimChecker {
public:
  /// A message with its code where a claim does not hold: a loop whose parts, put together as the op says, are not what
  /// the whole op computes, or operands in which it is not linear. Nothing for an op without a body, or of another
  /// kind. E-RULE-CLAIM.
  std::optional<std::string> findBrokenClaim(mlir::Operation *op);

private:
  std::set<std::string> kept;
};

} // namespace partita::import

#endif // PARTITA_IMPORT_RULES_H
