// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- CustomNode.h - Nodes that become custom ops -----------------------------===//
//
// Example: a rule for com.example.Mix with loops row (parallel) and k (sum), inputs [row, k] and [k, 4]. The node
// y = Mix(x [6, 8], w [8, 4]) becomes a partita_graph.custom, whose body is the model's function Mix imported for an x
// of [row, k] elements: once, and for any part.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_RULES_CUSTOMNODE_H
#define PARTITA_LIB_IMPORT_RULES_CUSTOMNODE_H

#include "NodeContext.h"

namespace partita::import {

/// Imports the node as its rule says. Reports E-RULE-SHAPE (the rule does not fit the node), E-RULE-BODY (the body
/// cannot be written for any extents of the loops that may be cut) and E-CUSTOM-BODY (there is none).
void importByRule(NodeContext &node, const OpRule &rule);

/// The rule of an operator of which nothing is known but the types of its results, which the file states: whole on
/// every rank. Nothing where a type is not stated.
std::optional<OpRule> makeWholeRule(NodeContext &node);

/// Computes the node in the open scope from its inputs there: by the model's function, or as the importer knows the
/// operator. False, without a report, where there is neither.
bool importWithoutRule(NodeContext &node);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_RULES_CUSTOMNODE_H
